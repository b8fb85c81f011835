//! `item_at`: an item as it was at some time.

use super::arguments::{argument, item, null, oid};
use super::gate;
use super::lineage::{self, Lineage};
use super::row::action;
use super::scan::Range;
use super::snapshot;
use super::state::State;
use super::steps::{self, Entry, Steps};
use super::subject::{self, Subject};
use pgrx::pg_sys::{Datum, FunctionCallInfo};

/// `item_at(target regclass, item, at timestamptz)`
///
/// # Safety
/// Called by the function manager with these arguments, none of them NULL.
pub(super) unsafe fn item_at(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe {
        let (Some(relid), Some(item), Some(at)) = (oid(call, 0), item(call, 1), argument(call, 2))
        else {
            return null(call);
        };
        let subject = Subject::of_table(relid);
        subject.sight.check_key(subject.scope.last_key);
        if gate::is_hidden(&subject, item) {
            return null(call);
        }
        tell(&subject, item, at.value() as i64).unwrap_or_else(|| null(call))
    }
}

unsafe fn tell(subject: &Subject, item: &[u8], at: i64) -> Option<Datum> {
    // SAFETY: see `item_at`.
    unsafe {
        let key = subject::key(item);
        let present = subject.sight.is_secured();
        let lineage = lineage::find(subject, key, present);
        let mut state = State::of(subject.scope.collection, &subject.sight);
        let (told, revision) = match moment(subject, &lineage, at) {
            Moment::After(id) => {
                let mut entry = steps::entry(id)?;
                if entry.action == action::DELETE {
                    entry = other(subject, key, at, present)?;
                }
                (snapshot::after(subject, &mut state, &entry), entry.id)
            }
            Moment::Before(id) => {
                let entry = steps::entry(id)?;
                if entry.action == action::CREATE {
                    let entry = other(subject, key, at, present)?;
                    (snapshot::after(subject, &mut state, &entry), entry.id)
                } else {
                    (snapshot::before(subject, &mut state, &entry), id)
                }
            }
            Moment::Gone => return None,
            Moment::Unrecorded => (snapshot::live(subject, &mut state, item), i64::MAX),
        };
        told.then(|| state.json(revision))
    }
}

/// The entry of another row that had the key while this one was not there. Under row security that is another item.
unsafe fn other(subject: &Subject, key: &[u8], at: i64, present: bool) -> Option<Entry> {
    if present {
        return None;
    }
    // SAFETY: see `item_at`.
    match unsafe { occupant(subject, key, at, i64::MAX) } {
        Occupant::Row(entry) => Some(entry),
        Occupant::None | Occupant::Unknown => None,
    }
}

/// Where a time lies in the history of a row.
enum Moment {
    /// Behind this revision.
    After(i64),
    /// Before this one, which is the first.
    Before(i64),
    /// The row had left the key.
    Gone,
    /// There is no revision.
    Unrecorded,
}

/// What is not later than the first later entry of the row is of the time: the row's lock decides what came before what, also
/// where a statement that began earlier waited for it.
unsafe fn moment(subject: &Subject, lineage: &Lineage, at: i64) -> Moment {
    // SAFETY: see `item_at`.
    unsafe {
        let departure = lineage.departure.and_then(|point| steps::entry(point.id));
        let mut later = None;
        let mut before = departure.as_ref().map(|departure| departure.id);
        if let Some(departure) = &departure
            && departure.at > at
        {
            later = Some(departure.id);
            before = None;
        }
        for segment in lineage.segments {
            segment.walk_back(subject, |entry| {
                if entry.is_saved_version() {
                } else if entry.at > at {
                    later = Some(entry.id);
                    before = None;
                } else if before.is_none() {
                    before = Some(entry.id);
                }
                true
            });
        }
        // What was recorded before an interruption tells nothing of a time behind it.
        let before = before.filter(|id| *id >= subject.gaps.until(at));
        match (before, later) {
            (Some(id), _) if departure.is_some_and(|departure| departure.id == id) => Moment::Gone,
            (Some(id), _) => Moment::After(id),
            (None, Some(id)) if departure.is_some_and(|departure| departure.id == id) => {
                Moment::Before(lineage.moved_by(subject).unwrap_or(id))
            }
            (None, Some(id)) => Moment::Before(id),
            (None, None) => Moment::Unrecorded,
        }
    }
}

/// The last entry of a key that is of a time, if a row was there then.
///
/// # Safety
/// Must run in a transaction with an active snapshot.
pub(super) unsafe fn occupant(subject: &Subject, key: &[u8], at: i64, until: i64) -> Occupant {
    // SAFETY: see above.
    unsafe {
        let range = Range {
            from: subject.gaps.rekeyed(),
            until,
        };
        let mut steps = Steps::of(subject.scope.collection, key, range, true);
        let mut found: Option<(i64, u8)> = None;
        while let Some(entry) = steps.next() {
            if entry.is_saved_version() {
            } else if entry.at > at {
                found = None;
            } else if found.is_none() {
                found = Some((entry.id, entry.action));
            }
        }
        steps.end();
        match found {
            None => Occupant::Unknown,
            Some((id, action::CREATE | action::UPDATE)) => {
                steps::entry(id).map_or(Occupant::Unknown, Occupant::Row)
            }
            Some(_) => Occupant::None,
        }
    }
}

/// Who had a key.
pub(super) enum Occupant {
    /// The row after this entry.
    Row(Entry),
    None,
    /// Nothing was recorded of the key until then.
    Unknown,
}
