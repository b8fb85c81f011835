//! The rows before and after revisions that are to be taken back, as values of their table's present columns.

use super::activity::may_select;
use super::arguments::{argument, null, relation_name, text, text_datum};
use super::columns::Columns;
use super::gate;
use super::layout::Layout;
use super::origin::{self, Comment, Origin};
use super::overlay::{self, Row};
use super::raw;
use super::reading::{Record, Value};
use super::row::action;
use super::scan::{Range, Scan};
use super::scope;
use super::steps::Entry;
use super::typed::{Target, Typed};
use crate::error::Error;
use core::ffi::c_int;
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, FunctionCallInfo, Oid};

/// `_undone("like" anyelement, revisions bigint[], fields text[], item text)`: for each revision its id, the item, and two
/// rows of the table that hold the fields before it and after it. Announces that the item's next write undoes it.
///
/// # Safety
/// Called by the function manager with these arguments.
pub(super) unsafe fn undone(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe {
        let relid = overlay::table_of(call, 0);
        let (Some(ids), Some(names)) = (argument(call, 1), argument(call, 2)) else {
            return null(call);
        };
        raw::InitMaterializedSRF(call, 0);
        let result: *mut pg_sys::ReturnSetInfo = (*call).resultinfo.cast();
        let ids = sorted(ids);
        let (Some(first), Some(last)) = (ids.first(), ids.last()) else {
            return null(call);
        };
        let mut fields = Fields::of(relid, scope::names(names));
        let per_row = raw::new_context(pg_sys::CurrentMemoryContext, c"directus_versions undone");
        let mut scan = Scan::of_ids(Range {
            from: *first,
            until: last.saturating_add(1),
        });
        let desc = scan.desc();
        while let Some(tuple) = scan.next() {
            let before = raw::switch_to(per_row);
            let entry = Entry::read(tuple, desc);
            if ids.binary_search(&entry.id).is_ok() && gate::shows(entry.id, relid) {
                let item = text(call, 3).unwrap_or(entry.whole_item());
                let mut values = [
                    Datum::from(entry.id),
                    text_datum(item),
                    Datum::null(),
                    Datum::null(),
                ];
                let mut nulls = [false; 4];
                (values[2], values[3]) = fields.rows(&entry);
                fields.announce(&entry, item);
                raw::tuplestore_putvalues(
                    (*result).setResult,
                    (*result).setDesc,
                    values.as_mut_ptr(),
                    nulls.as_mut_ptr(),
                );
            }
            raw::switch_to(before);
            raw::MemoryContextReset(per_row);
        }
        scan.end();
        fields.end();
        null(call)
    }
}

/// The elements of a `bigint[]`, sorted.
unsafe fn sorted(ids: Datum) -> &'static [i64] {
    // SAFETY: the datum is such an array without NULLs.
    unsafe {
        let mut values = core::ptr::null_mut();
        let mut nulls = core::ptr::null_mut();
        let mut count: c_int = 0;
        raw::deconstruct_array(
            raw::pg_detoast_datum(ids.cast_mut_ptr()).cast(),
            pg_sys::INT8OID,
            8,
            true,
            pg_sys::TYPALIGN_DOUBLE as core::ffi::c_char,
            &raw mut values,
            &raw mut nulls,
            &raw mut count,
        );
        let count = usize::try_from(count).unwrap_or(0);
        let sorted: *mut i64 = raw::alloc_array(count);
        for index in 0..count {
            *sorted.add(index) = (*values.add(index)).value() as i64;
        }
        let sorted = core::slice::from_raw_parts_mut(sorted, count);
        sorted.sort_unstable();
        sorted
    }
}

/// The columns that are asked for, and where a record has them.
struct Fields {
    relation: pg_sys::Relation,
    collection: i32,
    columns: Columns,
    /// The memory of the call.
    context: pg_sys::MemoryContext,
    /// For each attribute of the table what its values are made for; `None` where it is not asked for.
    targets: &'static mut [Option<Target>],
    /// Of the layout and era for which `places` holds.
    known: (*const Layout, usize),
    /// For each field of that layout the attribute, if it is asked for.
    places: *mut Option<usize>,
}

impl Fields {
    /// Raises 42501 where the caller may not select one of the columns, 55000 where the table was never tracked.
    unsafe fn of(relid: Oid, names: &[&[u8]]) -> Self {
        // SAFETY: all lies in the memory context of the call.
        unsafe {
            let relation = raw::relation_open(relid, pg_sys::AccessShareLock as c_int);
            let Some(scope) = scope::of_relation(relid) else {
                Error::NotTracked {
                    table: relation_name(relid),
                }
                .raise()
            };
            let natts = (*(*relation).rd_att).natts as usize;
            let targets: *mut Option<Target> = raw::alloc_array(natts);
            for index in 0..natts {
                let attribute = raw::attribute((*relation).rd_att, index);
                let name = core::ffi::CStr::from_ptr((*attribute).attname.data.as_ptr());
                let wanted = !(*attribute).attisdropped && names.contains(&name.to_bytes());
                if wanted && !gate::selects(relid, (*attribute).attnum) {
                    Error::NotReadable {
                        table: relation_name(relid),
                    }
                    .raise();
                }
                targets
                    .add(index)
                    .write(wanted.then(|| Target::of(attribute, relation)));
            }
            if !may_select(relid) {
                Error::NotReadable {
                    table: relation_name(relid),
                }
                .raise();
            }
            Self {
                relation,
                collection: scope.collection,
                columns: Columns::read(scope.collection),
                context: pg_sys::CurrentMemoryContext,
                targets: core::slice::from_raw_parts_mut(targets, natts),
                known: (core::ptr::null(), 0),
                places: core::ptr::null_mut(),
            }
        }
    }

    unsafe fn end(self) {
        // SAFETY: opened by `of`.
        unsafe { raw::relation_close(self.relation, pg_sys::NoLock as c_int) };
    }

    /// The rows before and after an entry.
    unsafe fn rows(&mut self, entry: &Entry) -> (Datum, Datum) {
        // SAFETY: the rows are made in the memory context of the row at hand.
        unsafe {
            let relid = (*self.relation).rd_id;
            let (mut was, mut now) = (Row::of(relid), Row::of(relid));
            if entry.collection != Some(self.collection) {
                Error::NoRevision { id: entry.id }.raise();
            }
            let Some(bytes) = entry.record() else {
                Error::NoRevision { id: entry.id }.raise()
            };
            let record = Record::read(bytes);
            self.place(record.layout, entry.id);
            match entry.action {
                action::UPDATE => {
                    for change in record.changes() {
                        self.set(&mut was, &record, change.position, change.old);
                        self.set(&mut now, &record, change.position, change.new);
                    }
                }
                _ => {
                    let side = if entry.action == action::CREATE {
                        &mut now
                    } else {
                        &mut was
                    };
                    for (position, value) in record.row().into_iter().flatten() {
                        self.set(side, &record, position, value);
                    }
                }
            }
            (was.finish(), now.finish())
        }
    }

    /// Finds where the fields of a layout lie in the table now.
    unsafe fn place(&mut self, layout: &'static Layout, revision: i64) {
        let era = self.columns.era(revision);
        if self.known == (core::ptr::from_ref(layout), era) {
            return;
        }
        // SAFETY: the list lives as long as the call.
        unsafe {
            let before = raw::switch_to(self.context);
            self.places = raw::alloc_array(layout.fields.len());
            raw::switch_to(before);
            for (position, field) in layout.fields.iter().enumerate() {
                let mut of_era = self.columns.of_era(era);
                let attribute = of_era
                    .find(|(_, name)| *name == field.name)
                    .map(|(place, _)| self.columns.attnums()[place] as usize - 1);
                let wanted =
                    attribute.filter(|index| self.targets.get(*index).is_some_and(Option::is_some));
                self.places.add(position).write(wanted);
            }
        }
        self.known = (core::ptr::from_ref(layout), era);
    }

    /// Sets a field of a row, if it is asked for. Raises 0A000 where its value was not kept.
    unsafe fn set(
        &mut self,
        row: &mut Row,
        record: &Record,
        position: usize,
        value: Option<Value>,
    ) {
        // SAFETY: `place` has been called for the record's layout.
        unsafe {
            let Some(index) = *self.places.add(position) else {
                return;
            };
            let field = &record.layout.fields[position];
            let Some(target) = &mut self.targets[index] else {
                return;
            };
            match target.typed(field, value) {
                Typed::Unknown => Error::NotKept {
                    field: String::from_utf8_lossy(field.name).into_owned(),
                }
                .raise(),
                typed => row.set(index, typed),
            }
        }
    }

    /// Says that the item's next write undoes the entry.
    unsafe fn announce(&self, entry: &Entry, item: &[u8]) {
        let rekeyed = entry.action == action::UPDATE && entry.former.is_some();
        let item = if rekeyed {
            entry.former.unwrap_or(item)
        } else {
            item
        };
        let origin = Origin {
            source: Some(entry.id),
            comment: Comment::Undo,
        };
        origin::announce(self.collection, item, origin);
    }
}
