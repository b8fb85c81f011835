//! The rows before and after revisions that are to be taken back, as values of their table's present columns.

use super::arguments::{argument, elements, relation_name, text, text_datum};
use super::columns::Columns;
use super::gate;
use super::layout::Layout;
use super::list::List;
use super::origin::{self, Comment, Origin};
use super::overlay::{self, Row};
use super::raw;
use super::reading::{Record, Value};
use super::row::action;
use super::rows::Rows;
use super::scan::{Range, Scan};
use super::scope;
use super::sight::Sight;
use super::steps::{self, Entry};
use super::typed::{Target, Typed};
use crate::error::Error;
use core::ffi::c_int;
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, FunctionCallInfo, Oid};

/// `_undone("like" anyelement, revisions bigint[], fields text[], item text)`: for each item the revision that is undone, its
/// key now, and two rows of the table that hold the fields before and after. The revisions of an item, oldest first, end
/// with a 0. Announces that the item's next write undoes them.
///
/// # Safety
/// Called by the function manager with these arguments.
pub(super) unsafe fn undone(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe {
        let rows = Rows::of(call);
        let relid = overlay::table_of(call, 0);
        let (Some(revisions), Some(names)) = (argument(call, 1), argument(call, 2)) else {
            return Datum::null();
        };
        let revisions = numbers(revisions);
        let mut undoing = Undoing {
            rows,
            fields: Fields::of(relid, scope::names(names)),
            item: text(call, 3),
        };
        let per_item = raw::new_context(pg_sys::CurrentMemoryContext, c"directus_versions undone");
        match dense(revisions) {
            Some(ids) => undoing.scan(ids, per_item),
            None => {
                for item in revisions.split(|id| *id == 0).filter(|ids| !ids.is_empty()) {
                    let before = raw::switch_to(per_item);
                    undoing.look_up(item);
                    raw::switch_to(before);
                    raw::MemoryContextReset(per_item);
                }
            }
        }
        undoing.fields.end();
        Datum::null()
    }
}

/// The ids, sorted, where each is an item's only one and they lie close together.
unsafe fn dense(revisions: &[i64]) -> Option<&'static [i64]> {
    let is_single = |item: &[i64]| item.len() == 2 && item[0] != 0 && item[1] == 0;
    if !revisions.chunks(2).all(is_single) {
        return None;
    }
    let count = revisions.len() / 2;
    // SAFETY: memory of that size.
    let ids = unsafe {
        let ids: *mut i64 = raw::alloc_array(count);
        for (index, item) in revisions.chunks(2).enumerate() {
            *ids.add(index) = item[0];
        }
        core::slice::from_raw_parts_mut(ids, count)
    };
    ids.sort_unstable();
    let span = ids.last()?.checked_sub(*ids.first()?)?;
    (span <= 8 * i64::try_from(count).ok()?).then_some(ids)
}

struct Undoing {
    rows: Rows,
    fields: Fields,
    /// The key that the one item has now, where it was changed since.
    item: Option<&'static [u8]>,
}

impl Undoing {
    /// Reads the entries as they lie in the log.
    unsafe fn scan(&mut self, ids: &[i64], per_item: pg_sys::MemoryContext) {
        let (Some(first), Some(last)) = (ids.first(), ids.last()) else {
            return;
        };
        // SAFETY: see `undone`.
        unsafe {
            let mut scan = Scan::of_ids(Range {
                from: *first,
                until: last.saturating_add(1),
            });
            let desc = scan.desc();
            while let Some(tuple) = scan.next() {
                let before = raw::switch_to(per_item);
                let entry = Entry::read(tuple, desc);
                if ids.binary_search(&entry.id).is_ok() {
                    self.undo(&[entry]);
                }
                raw::switch_to(before);
                raw::MemoryContextReset(per_item);
            }
            scan.end();
        }
    }

    /// Reads the entries of an item one by one.
    unsafe fn look_up(&mut self, ids: &[i64]) {
        // SAFETY: see `undone`.
        unsafe {
            let mut entries = List::new();
            for id in ids {
                let Some(entry) = steps::entry(*id) else {
                    Error::NoRevision { id: *id }.raise()
                };
                entries.push(entry);
            }
            self.undo(entries.slice());
        }
    }

    /// Gives what the entries of an item did to it, oldest first.
    unsafe fn undo(&mut self, entries: &[Entry]) {
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
            return;
        };
        // SAFETY: see `undone`.
        unsafe {
            for entry in entries {
                if self.fields.is_secured && !gate::shows(entry.id, self.fields.relid()) {
                    Error::NotReadable {
                        table: relation_name(self.fields.relid()),
                    }
                    .raise();
                }
            }
            let present = self.item.unwrap_or(last.whole_item());
            let former = first.former.or(first.item).unwrap_or_default();
            let came = first.action == action::CREATE;
            let is_elsewhere = !came && last.item != Some(former);
            let key = if is_elsewhere { former } else { present };
            let origin = Origin {
                source: Some(last.id),
                comment: Comment::Undo,
            };
            origin::announce(self.fields.collection, key, origin);
            let (was, now) = self.fields.rows(entries);
            self.rows.add([
                Some(Datum::from(last.id)),
                Some(text_datum(present)),
                Some(was),
                Some(now),
            ]);
        }
    }
}

/// The elements of a `bigint[]` without NULLs.
unsafe fn numbers(array: Datum) -> &'static [i64] {
    // SAFETY: the datum is such an array.
    unsafe {
        let values = elements(array, pg_sys::INT8OID, 8);
        // A bigint is a datum.
        core::slice::from_raw_parts(values.as_ptr().cast(), values.len())
    }
}

/// The columns that are asked for, and where a record has them.
struct Fields {
    relation: pg_sys::Relation,
    /// Row security of the table applies to the caller.
    is_secured: bool,
    /// The rows of the item at hand.
    was: Row,
    now: Row,
    collection: i32,
    columns: Columns,
    /// The memory of the call.
    context: pg_sys::MemoryContext,
    /// The attributes of which the value before is known.
    told: &'static mut [bool],
    /// For each attribute of the table what its values are made for; `None` where it is not asked for.
    targets: &'static mut [Option<Target>],
    /// Of the layout and era for which `places` holds.
    known: (*const Layout, usize),
    /// For each field of that layout the attribute, if it is asked for.
    places: *mut Option<usize>,
}

/// Which of the two rows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Was,
    Now,
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
            Sight::of(relid).check_key(scope.last_key);
            Self {
                relation,
                is_secured: gate::has_row_security(relid),
                was: Row::of(relid),
                now: Row::of(relid),
                collection: scope.collection,
                columns: Columns::read(scope.collection),
                context: pg_sys::CurrentMemoryContext,
                told: core::slice::from_raw_parts_mut(raw::alloc_array(natts), natts),
                targets: core::slice::from_raw_parts_mut(targets, natts),
                known: (core::ptr::null(), 0),
                places: core::ptr::null_mut(),
            }
        }
    }

    unsafe fn end(self) {
        // SAFETY: opened by `of`.
        unsafe {
            self.was.close();
            self.now.close();
            raw::relation_close(self.relation, pg_sys::NoLock as c_int);
        }
    }

    unsafe fn relid(&self) -> Oid {
        // SAFETY: the relation is open.
        unsafe { (*self.relation).rd_id }
    }

    /// The rows before and after the entries of an item: of each field the oldest value before, and the newest after.
    unsafe fn rows(&mut self, entries: &[Entry]) -> (Datum, Datum) {
        // SAFETY: the rows are made in the memory context of the item at hand.
        unsafe {
            self.was.clear();
            self.now.clear();
            self.told.fill(false);
            for entry in entries {
                let record = match entry.record() {
                    Some(bytes) if entry.collection == Some(self.collection) => Record::read(bytes),
                    _ => Error::NoRevision { id: entry.id }.raise(),
                };
                self.place(record.layout, entry.id);
                if entry.action == action::UPDATE {
                    for change in record.changes() {
                        self.set_first(&record, change.position, change.old);
                        self.set(Side::Now, &record, change.position, change.new);
                    }
                    continue;
                }
                for (position, value) in record.row().into_iter().flatten() {
                    if entry.action == action::CREATE {
                        self.set(Side::Now, &record, position, value);
                    } else {
                        self.set_first(&record, position, value);
                    }
                }
            }
            (self.was.datum(), self.now.datum())
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
    unsafe fn set(&mut self, side: Side, record: &Record, position: usize, value: Option<Value>) {
        // SAFETY: `place` has been called for the record's layout.
        unsafe {
            let Some(index) = *self.places.add(position) else {
                return;
            };
            let field = &record.layout.fields[position];
            let Some(target) = &mut self.targets[index] else {
                return;
            };
            target.be_strict(side == Side::Was);
            match target.typed(field, value) {
                Typed::Unknown => Error::NotKept {
                    field: String::from_utf8_lossy(field.name).into_owned(),
                }
                .raise(),
                typed if side == Side::Was => self.was.set(index, typed),
                typed => self.now.set(index, typed),
            }
        }
    }

    /// Sets a field of the row before, unless that was done.
    unsafe fn set_first(&mut self, record: &Record, position: usize, value: Option<Value>) {
        // SAFETY: see `set`.
        unsafe {
            if let Some(index) = *self.places.add(position)
                && !core::mem::replace(&mut self.told[index], true)
            {
                self.set(Side::Was, record, position, value);
            }
        }
    }
}
