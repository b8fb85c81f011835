//! Makes the record of an update hold the whole row, where the ones before it that tell the rest are about to go.

use super::capture;
use super::column::Column;
use super::layout;
use super::list::List;
use super::raw;
use super::reading::{Record, Value};
use super::record::{
    self, HAS_CHANGES, HAS_ROW, IS_EDIT, MAX_PART, MAX_RECORD, NEW_IS_NULL, OLD_IS_NULL,
    POSITION_SHIFT,
};
use super::relation;
use super::slot::{Known, Slot};
use super::state::State;
use super::steps::Entry;
use super::stored;
use super::subject::Subject;
use core::ffi::c_int;
use pgrx::pg_sys;
use pgrx::pg_sys::Datum;

/// A field of the new record.
struct Place {
    name: &'static [u8],
    stored: i32,
    slot: &'static Slot,
    /// The column of a value that was taken from the live row.
    column: Option<&'static Column>,
}

/// The record of an entry with the row that a state holds, valid until the next one is written. `None` where that is too large for
/// a record.
///
/// # Safety
/// The state must be that of the item after the entry, an update; must run in a transaction that may write.
pub(super) unsafe fn of(subject: &Subject, state: &mut State, entry: &Entry) -> Option<Datum> {
    // SAFETY: the record is the entry's.
    unsafe {
        let record = Record::read(entry.record()?);
        let places = state.places_of(&record, entry.id);
        let open = live_columns(subject);
        let mut fields = List::new();
        let kept: *mut Option<usize> = raw::alloc_array(places.len());
        let mut size = 0;
        for (position, field) in record.layout.fields.iter().enumerate() {
            let slot = state.slot(places[position]);
            kept.add(position).write(None);
            let column = live_column(slot, open.columns);
            let known = match slot.known {
                Known::Nothing => None,
                Known::Null => Some(field.stored()),
                Known::Masked => Some(stored::MASK),
                Known::Record => Some((*slot.field).stored()),
                Known::Live => column.map(|column| column.stored),
            };
            let Some(stored) = known else {
                continue;
            };
            size += value_size(slot, column);
            kept.add(position).write(Some(fields.len()));
            fields.push(Place {
                name: field.name,
                stored,
                slot,
                column,
            });
        }
        let fields = &*fields.slice();
        if size + raw::varsize(entry.change?.cast_mut_ptr()) > MAX_RECORD || size > MAX_PART {
            open.close();
            return None;
        }
        let same = fields.len() == places.len()
            && fields
                .iter()
                .zip(record.layout.fields)
                .all(|(place, field)| place.stored == field.stored());
        let layout = if same {
            record.layout.id
        } else {
            layout::intern(|| fields.iter().map(|place| (place.name, place.stored)))
        };
        let mut out = record::scratch();
        out.number(layout as u64);
        out.push(HAS_CHANGES | HAS_ROW);
        out.number(record.changes().count() as u64);
        for change in record.changes() {
            // A field that changed is known.
            let position = (*kept.add(change.position)).unwrap_or(0);
            write_change(&mut out, position, change.new, change.old);
        }
        let nulls = out.zeros(fields.len().div_ceil(8));
        for (position, place) in fields.iter().enumerate() {
            match (place.slot.known, place.column) {
                (Known::Live, Some(column)) => {
                    let mut budget = MAX_PART;
                    record::write_value(&mut out, column, place.slot.datum, &mut budget);
                }
                (Known::Record, _) => {
                    if let Some(Value::Whole(bytes)) = place.slot.value() {
                        out.append(bytes);
                    }
                }
                (Known::Masked, _) => {}
                _ => out.set_bit(nulls, position),
            }
        }
        open.close();
        Some(record::finish(out))
    }
}

/// The columns of a collection's table, while it is open.
struct Open {
    relation: pg_sys::Relation,
    columns: &'static [Column],
}

impl Open {
    unsafe fn close(self) {
        if !self.relation.is_null() {
            // SAFETY: it was opened; the lock stays until the transaction ends.
            unsafe { raw::relation_close(self.relation, pg_sys::NoLock as c_int) };
        }
    }
}

unsafe fn live_columns(subject: &Subject) -> Open {
    // SAFETY: what is known of an open relation lives as long as the statement.
    unsafe {
        let lock = pg_sys::AccessShareLock as c_int;
        let relation = raw::try_relation_open(subject.scope.relation, lock);
        let columns = if relation.is_null() {
            &[]
        } else {
            (*relation::tracked(relation, capture::function())).columns()
        };
        Open { relation, columns }
    }
}

fn live_column(slot: &Slot, columns: &'static [Column]) -> Option<&'static Column> {
    if slot.known != Known::Live {
        return None;
    }
    let index = usize::try_from(slot.attnum).ok()?.checked_sub(1)?;
    columns.iter().find(|column| column.index == index)
}

unsafe fn value_size(slot: &Slot, column: Option<&Column>) -> usize {
    if slot.known == Known::Live && column.is_some_and(|column| column.len == -1) {
        // SAFETY: the value is a varlena.
        return unsafe { raw::toast_raw_datum_size(slot.datum) };
    }
    match slot.value() {
        Some(Value::Whole(bytes)) => bytes.len(),
        _ => 0,
    }
}

fn write_change(
    out: &mut super::bytes::Bytes,
    position: usize,
    new: Option<Value>,
    old: Option<Value>,
) {
    let header = (position as u64) << POSITION_SHIFT;
    if let Some(Value::Edit {
        old,
        prefix,
        suffix,
        middle,
    }) = new
    {
        out.number(header | IS_EDIT);
        out.append(old);
        out.number(prefix as u64);
        out.number(suffix as u64);
        out.number(middle.len() as u64);
        out.append(middle);
        return;
    }
    let flags = [(new.is_none(), NEW_IS_NULL), (old.is_none(), OLD_IS_NULL)];
    let flags = flags.iter().filter(|(is_null, _)| *is_null);
    out.number(flags.fold(header, |header, (_, flag)| header | flag));
    for value in [new, old].into_iter().flatten() {
        if let Value::Whole(bytes) = value {
            out.append(bytes);
        }
    }
}
