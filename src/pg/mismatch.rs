//! Whether an item's live row is what was recorded of it.

use super::arguments::{argument, null, oid, text, text_datum};
use super::bytes::Bytes;
use super::catalog;
use super::change;
use super::column::{Column, Treatment};
use super::event;
use super::gate;
use super::list::List;
use super::live::{self, LiveRow};
use super::raw;
use super::reading::{self, Held, Value};
use super::record;
use super::row::action;
use super::scan::Range;
use super::scope;
use super::slot::{Known, Slot};
use super::snapshot;
use super::state::State;
use super::steps::{Entry, Steps};
use super::stored::Kind;
use super::subject::{self, Subject};
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, FunctionCallInfo, Oid};

/// `_mismatch(target regclass, item text)`: `deleted` where the log says so of a row that is there, `missing` the other way round,
/// `differs: ` and the fields that do; NULL where nothing differs or nothing is known.
///
/// # Safety
/// Called by the function manager with these arguments, none of them NULL, as the extension's owner.
pub(super) unsafe fn mismatch(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe {
        let (Some(relid), Some(item), Some(_)) = (oid(call, 0), text(call, 1), argument(call, 1))
        else {
            return null(call);
        };
        let Some(scope) = scope::of_relation(relid) else {
            return null(call);
        };
        let subject = Subject::whole(scope);
        if !subject.is_recorded() {
            return null(call);
        }
        let Some(entry) = last(&subject, subject::key(item)) else {
            return null(call);
        };
        let is_gone = matches!(entry.action, action::DELETE | action::MOVED);
        if !live::is_readable(&subject.scope) {
            return null(call);
        }
        let row = live::row(&subject.scope, item);
        match row {
            None if is_gone => null(call),
            None => text_datum(b"missing"),
            Some(row) if is_gone => {
                row.close();
                text_datum(b"deleted")
            }
            Some(row) => {
                let fields = differing(&subject, &entry, &row);
                row.close();
                if fields.len() == 0 {
                    return null(call);
                }
                let mut words = event::phrase(&[b"differs: "]);
                for (index, field) in fields.slice().iter().enumerate() {
                    let comma: &[u8] = if index == 0 { b"" } else { b", " };
                    words = event::phrase(&[words, comma, field]);
                }
                text_datum(words)
            }
        }
    }
}

/// The last entry of a key behind the last interruption, in the current memory context.
unsafe fn last(subject: &Subject, key: &[u8]) -> Option<Entry> {
    // SAFETY: see `mismatch`.
    unsafe {
        let range = Range {
            from: subject.gaps.before(i64::MAX),
            until: i64::MAX,
        };
        let mut steps = Steps::of(subject.scope.collection, key, range, true);
        let mut found = None;
        while let Some(entry) = steps.next() {
            if !entry.is_saved_version() {
                found = Some(entry.id);
                break;
            }
        }
        steps.end();
        super::steps::entry(found?)
    }
}

/// The fields of the live row that are not what the records say.
unsafe fn differing(subject: &Subject, entry: &Entry, row: &LiveRow) -> List<&'static [u8]> {
    // SAFETY: see `mismatch`.
    unsafe {
        let mut fields = List::new();
        let relid = subject.scope.relation;
        let mut state = State::of(subject.scope.collection, &subject.sight);
        snapshot::recorded(subject, &mut state, entry);
        for column in row.tracked().columns() {
            let attnum = i16::try_from(column.index + 1).unwrap_or(0);
            let place = state.columns.attnums().iter().position(|at| *at == attnum);
            let Some(place) = place else {
                continue;
            };
            if column.treatment == Treatment::Save
                && !is_same(state.slot(place), column, row.get(column.index))
                && !has_lost_label(&state, place, column, pg_sys::get_atttype(relid, attnum))
            {
                fields.push(super::lineage::copy(column.name()));
            }
        }
        fields
    }
}

/// Whether the record names a label that its enum does not have any more, as after ALTER TYPE … RENAME VALUE. Which of the
/// present ones it was nothing tells.
unsafe fn has_lost_label(state: &State, place: usize, column: &Column, typid: Oid) -> bool {
    // SAFETY: the value is of the field; the function takes a jsonb and an OID.
    unsafe {
        if state.slot(place).known != Known::Record || column.kind != Kind::Json {
            return false;
        }
        let Some(json) = state.field_json(place) else {
            return false;
        };
        let types = [pg_sys::JSONBOID, pg_sys::OIDOID];
        let function = catalog::function(c"_has_lost_label", &types);
        gate::invoke_with(function, &[json, Datum::from(typid)])
            .is_some_and(|lost| lost.value() as u8 != 0)
    }
}

/// Whether a live value is what is known of a field, as far as that can be told.
unsafe fn is_same(slot: &Slot, column: &Column, live: Option<Datum>) -> bool {
    // SAFETY: the value is of the column.
    unsafe {
        let recorded = match (slot.known, live) {
            (Known::Nothing | Known::Masked | Known::Live, _) | (Known::Null, None) => return true,
            (Known::Null, Some(_)) | (Known::Record, None) => return false,
            (Known::Record, Some(_)) => slot.value(),
        };
        let field = &*slot.field;
        let (Some(recorded), Some(live)) = (recorded, live) else {
            return true;
        };
        // A column whose type was changed since has been rewritten.
        if field.stored() != column.stored {
            return true;
        }
        match (reading::held(field, recorded), recorded) {
            (Held::Datum(datum), _) => change::same_value(column.byval, column.len, datum, live),
            (Held::Json { .. }, Value::Whole(bytes)) if column.kind == Kind::Json => {
                let mut out = Bytes::new(pg_sys::CurrentMemoryContext, bytes.len() + 64);
                let mut budget = record::MAX_PART;
                record::write_value(&mut out, column, live, &mut budget);
                raw::payload(out.finish().cast_mut_ptr::<u8>()) == bytes
            }
            // What was too large to be kept is not compared.
            _ => true,
        }
    }
}
