//! JSON objects of fields, as SQL sees them.

use super::column::Treatment;
use super::jsonb::Writer;
use super::reading::{self, Record, Value};
use super::relation::Tracked;
use super::row::Values;
use super::value;
use pgrx::pg_sys;
use pgrx::pg_sys::Datum;

/// The fields of a live row that are saved.
///
/// # Safety
/// The values must be of the tracked relation.
pub(super) unsafe fn of_row(tracked: &Tracked, row: Values) -> Datum {
    // SAFETY: see above.
    unsafe {
        let mut out = Writer::new(pg_sys::CurrentMemoryContext, 2048);
        let mut left = tracked.saved().count();
        let mut object = out.open_object(left);
        for column in tracked.saved() {
            out.key(&mut object, column.name());
        }
        for column in tracked.saved() {
            left -= 1;
            let entry = match row.get(column.index) {
                None => Writer::null(),
                Some(_) if column.treatment == Treatment::Mask => out.string(b"**********"),
                Some(value) => value::write_column(&mut out, column.info, value, left).0,
            };
            out.entry(&mut object, entry);
        }
        out.close(object);
        out.finish()
    }
}

/// Which values of a record.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// Those of the fields that changed, after the change.
    New,
    /// Those before it.
    Old,
    /// The whole row.
    Row,
}

/// The fields of one side of a record; `None` where it has no such side.
///
/// # Safety
/// Must run in a transaction.
pub(super) unsafe fn of_record(record: &Record, side: Side) -> Option<Datum> {
    // SAFETY: see above.
    unsafe { of_record_where(record, side, |_| true) }
}

/// The same of those fields whose position in the layout is asked for.
///
/// # Safety
/// As for [`of_record`].
pub(super) unsafe fn of_record_where(
    record: &Record,
    side: Side,
    wanted: impl Fn(usize) -> bool + Copy,
) -> Option<Datum> {
    // SAFETY: see above.
    let saved = unsafe { record.json() };
    if saved.is_some() {
        return saved.filter(|_| side == Side::New);
    }
    if side != Side::Row && !record.has_changes() {
        return None;
    }
    // SAFETY: the values are of the record's layout.
    unsafe {
        let changes = || record.changes().filter(move |c| wanted(c.position));
        Some(match side {
            Side::New => object(record, changes().map(|c| (c.position, c.new))),
            Side::Old => object(record, changes().map(|c| (c.position, c.old))),
            Side::Row => object(record, record.row()?.filter(move |(at, _)| wanted(*at))),
        })
    }
}

unsafe fn object<'a>(
    record: &Record,
    values: impl Iterator<Item = (usize, Option<Value<'a>>)> + Clone,
) -> Datum {
    // SAFETY: see `of_record`.
    unsafe {
        let fields = record.layout.fields;
        let mut left = values.clone().count();
        let mut out = Writer::new(pg_sys::CurrentMemoryContext, 2048);
        let mut object = out.open_object(left);
        for (position, _) in values.clone() {
            out.key(&mut object, fields[position].name);
        }
        for (position, value) in values {
            left -= 1;
            let entry = reading::write(&mut out, &fields[position], value, left);
            out.entry(&mut object, entry);
        }
        out.close(object);
        out.finish()
    }
}
