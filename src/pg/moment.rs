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
                let entry = steps::entry(id)?;
                let is_there = entry.action != action::DELETE;
                (is_there && snapshot::after(subject, &mut state, &entry), id)
            }
            Moment::Before(id) => {
                let entry = steps::entry(id)?;
                if entry.action != action::CREATE {
                    (snapshot::before(subject, &mut state, &entry), id)
                } else if present {
                    return None;
                } else {
                    // Another row may have had the key.
                    let entry = occupant(subject, key, at)?;
                    (snapshot::after(subject, &mut state, &entry), entry.id)
                }
            }
            Moment::Gone => return None,
            Moment::Unrecorded => (snapshot::live(subject, &mut state, item), i64::MAX),
        };
        told.then(|| state.json(revision))
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

unsafe fn moment(subject: &Subject, lineage: &Lineage, at: i64) -> Moment {
    // SAFETY: see `item_at`.
    unsafe {
        if let Some(departure) = &lineage.departure
            && steps::entry(departure.id).is_none_or(|entry| entry.at <= at)
        {
            return Moment::Gone;
        }
        let mut later = None;
        for segment in lineage.segments {
            let mut found = None;
            segment.walk_back(subject, |entry| {
                if entry.is_saved_version() {
                    return true;
                }
                if entry.at <= at {
                    found = Some(entry.id);
                } else {
                    later = Some(entry.id);
                }
                found.is_none()
            });
            if let Some(id) = found {
                return Moment::After(id);
            }
        }
        later.map_or(Moment::Unrecorded, Moment::Before)
    }
}

/// The last entry of a key up to a time, if a row was there then.
unsafe fn occupant(subject: &Subject, key: &[u8], at: i64) -> Option<Entry> {
    // SAFETY: see `item_at`.
    unsafe {
        let range = Range {
            from: subject.gaps.rekeyed(),
            until: i64::MAX,
        };
        let mut steps = Steps::of(subject.scope.collection, key, range, true);
        let mut found = None;
        while let Some(entry) = steps.next() {
            if entry.at <= at && !entry.is_saved_version() {
                if matches!(entry.action, action::CREATE | action::UPDATE) {
                    found = Some(entry.id);
                }
                break;
            }
        }
        steps.end();
        steps::entry(found?)
    }
}
