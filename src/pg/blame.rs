//! `blame`: who set each field's present value.

use super::arguments::{item, oid, text_datum};
use super::gate;
use super::lineage;
use super::raw;
use super::reading::Record;
use super::row::action;
use super::rows::Rows;
use super::snapshot;
use super::state::State;
use super::steps::Entry;
use super::subject::{self, Subject};
use super::who;
use pgrx::pg_sys::{Datum, FunctionCallInfo};

/// Who set a field.
#[derive(Clone, Copy)]
struct Blame {
    revision: i64,
    context: i32,
    at: i64,
}

/// `blame(target regclass, item)`
///
/// # Safety
/// Called by the function manager with these arguments.
pub(super) unsafe fn blame(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe {
        let mut rows = Rows::of(call);
        let (Some(relid), Some(item)) = (oid(call, 0), item(call, 1)) else {
            return Datum::null();
        };
        let subject = Subject::of_table(relid);
        subject.sight.check_key(subject.scope.last_key);
        if gate::is_hidden(&subject, item) {
            return Datum::null();
        }
        let mut state = State::of(subject.scope.collection, &subject.sight);
        if !snapshot::live(&subject, &mut state, item) {
            return Datum::null();
        }
        let fields = state.fields(i64::MAX);
        let blames = find(&subject, &mut state, item);
        for (place, name) in fields {
            let Some(value) = state.field_json(*place) else {
                continue;
            };
            let blame = blames.get(*place).copied().flatten();
            rows.add([
                Some(text_datum(name)),
                Some(value),
                blame.map(|blame| Datum::from(blame.revision)),
                blame.and_then(|blame| who::actor(blame.context)),
                blame.map(|blame| Datum::from(blame.at)),
            ]);
        }
        Datum::null()
    }
}

/// The last entry that changed each field, by place. What was set before the last interruption may have been set again since.
unsafe fn find(subject: &Subject, state: &mut State, item: &[u8]) -> &'static [Option<Blame>] {
    // SAFETY: see `blame`.
    unsafe {
        let count = state.columns.attnums().len();
        let blames: *mut Option<Blame> = raw::alloc_array(count);
        for place in 0..count {
            blames.add(place).write(None);
        }
        let blames = core::slice::from_raw_parts_mut(blames, count);
        let gap = subject.gaps.before(i64::MAX);
        let key = subject::key(item);
        let lineage = lineage::find(subject, key, subject.sight.is_secured());
        let mut goes_on = true;
        for segment in lineage.segments {
            if !goes_on {
                break;
            }
            segment.walk_back(subject, |entry| {
                goes_on = entry.id >= gap && entry.action != action::DELETE;
                if goes_on && !entry.is_saved_version() {
                    note(state, blames, entry);
                    goes_on = entry.action != action::CREATE;
                }
                goes_on
            });
        }
        blames
    }
}

unsafe fn note(state: &mut State, blames: &mut [Option<Blame>], entry: &Entry) {
    // SAFETY: the record is the entry's.
    unsafe {
        let Some(bytes) = entry.record() else {
            return;
        };
        let record = Record::read(bytes);
        let places = state.places_of(&record, entry.id);
        let blame = Blame {
            revision: entry.id,
            context: entry.context,
            at: entry.at,
        };
        let mut set = |position: usize| {
            if let Some(found) = blames.get_mut(places[position]) {
                found.get_or_insert(blame);
            }
        };
        if entry.action == action::CREATE {
            (0..places.len()).for_each(set);
        } else {
            record.changes().for_each(|change| set(change.position));
        }
    }
}
