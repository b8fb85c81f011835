//! Reads a row of `directus_versions.collection`: what is recorded of a table.

use super::catalog::{self, Table};
use super::column::Treatment;
use super::index;
use super::raw;
use core::ffi::c_int;
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, Oid};

/// How much is recorded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Accountability {
    None,
    Activity,
    All,
}

type Names = &'static [&'static [u8]];

/// A collection's settings. The names lie in the memory context in which they were read.
pub(super) struct Scope {
    pub(super) collection: i32,
    pub(super) relation: Oid,
    pub(super) tracked: bool,
    pub(super) accountability: Accountability,
    pub(super) always_snapshot: bool,
    pub(super) key: Names,
    pub(super) last_key: Names,
    /// Empty: all.
    fields: Names,
    exclude: Names,
    ignore: Names,
    mask: Names,
}

impl Scope {
    /// The scope of a table that is not tracked: nothing is recorded, and nothing is hidden.
    pub(super) fn untracked(relation: Oid) -> Self {
        Self {
            collection: 0,
            relation,
            tracked: false,
            accountability: Accountability::None,
            always_snapshot: false,
            key: &[],
            last_key: &[],
            fields: &[],
            exclude: &[],
            ignore: &[],
            mask: &[],
        }
    }

    /// The names of the masked columns.
    pub(super) fn masked(&self) -> Names {
        self.mask
    }

    /// What becomes of the column `name`.
    pub(super) fn treatment(&self, name: &[u8]) -> Treatment {
        let named = |names: Names| names.contains(&name);
        if named(self.exclude) || !self.fields.is_empty() && !named(self.fields) {
            Treatment::Exclude
        } else if named(self.mask) {
            Treatment::Mask
        } else if named(self.ignore) {
            Treatment::Ignore
        } else {
            Treatment::Save
        }
    }
}

/// Positions of the columns in sql/tables.sql.
mod column {
    pub(super) const NAME: usize = 1;
    pub(super) const RELATION: usize = 2;
    pub(super) const ACCOUNTABILITY: usize = 3;
    pub(super) const FIELDS: usize = 4;
    pub(super) const EXCLUDE: usize = 5;
    pub(super) const IGNORE: usize = 6;
    pub(super) const MASK: usize = 7;
    pub(super) const KEY: usize = 8;
    pub(super) const SNAPSHOT: usize = 9;
    pub(super) const TRACKED: usize = 11;
    pub(super) const LAST_KEY: usize = 13;
    pub(super) const COUNT: usize = 17;
}

/// As [`read`]; where nothing is found, once more. A scan that sees the latest versions can meet the new version of a
/// row before its transaction commits and the old one after.
///
/// # Safety
/// Must run in a transaction.
pub(super) unsafe fn read_again(collection: i32) -> Option<Scope> {
    // SAFETY: see above.
    unsafe {
        read(collection).or_else(|| {
            raw::AcceptInvalidationMessages();
            read(collection)
        })
    }
}

/// Reads the settings of a collection into the current memory context; `None` where there is no such row, as after a
/// partial restore.
///
/// Sees what is committed or this transaction's own, whatever the transaction's snapshot, so that a change of the
/// scope acts on the next statement of every session, and takes no predicate lock.
///
/// # Safety
/// Must run in a transaction.
pub(super) unsafe fn read(collection: i32) -> Option<Scope> {
    // SAFETY: see above.
    unsafe {
        let key = index::equals(1, pg_sys::F_INT4EQ, Datum::from(collection));
        found(Table::CollectionKey, key)
    }
}

/// The settings of the collection of a table, in the current memory context; `None` where it was never tracked.
///
/// # Safety
/// Must run in a transaction.
pub(super) unsafe fn of_relation(relid: Oid) -> Option<Scope> {
    // SAFETY: see above.
    unsafe {
        let key = index::equals(3, pg_sys::F_OIDEQ, Datum::from(relid));
        found(Table::CollectionRelation, key)
    }
}

unsafe fn found(index: Table, key: pg_sys::ScanKeyData) -> Option<Scope> {
    // SAFETY: a row of the table is read while the scan holds it.
    unsafe {
        let snapshot = index::latest();
        index::search(Table::Collection, index, key, snapshot, |tuple, desc| {
            Some(parse(tuple, desc))
        })
    }
}

/// The id and table of the collection of that name, unless its table was dropped.
///
/// # Safety
/// Must run in a transaction.
pub(super) unsafe fn named(name: &[u8]) -> Option<(i32, Oid)> {
    // SAFETY: a scan of our own table, which has a row for each table.
    unsafe {
        let relation = raw::relation_open(
            catalog::oid(Table::Collection)?,
            pg_sys::AccessShareLock as c_int,
        );
        let snapshot = (&raw mut pg_sys::SnapshotSelfData).cast();
        let none = core::ptr::null_mut();
        let scan = raw::systable_beginscan(relation, pg_sys::InvalidOid, false, snapshot, 0, none);
        let mut found = None;
        loop {
            let tuple = raw::systable_getnext(scan);
            if tuple.is_null() {
                break;
            }
            let natts = ((*(*relation).rd_att).natts as usize).max(column::COUNT);
            let values = core::slice::from_raw_parts_mut(raw::alloc_array::<Datum>(natts), natts);
            let nulls = core::slice::from_raw_parts_mut(raw::alloc_array::<bool>(natts), natts);
            raw::heap_deform_tuple(
                tuple,
                (*relation).rd_att,
                values.as_mut_ptr(),
                nulls.as_mut_ptr(),
            );
            if bytes(values[column::NAME]) == name && !nulls[column::RELATION] {
                found = Some((
                    values[0].value() as i32,
                    Oid::from(values[column::RELATION].value() as u32),
                ));
            }
        }
        raw::systable_endscan(scan);
        raw::relation_close(relation, pg_sys::AccessShareLock as c_int);
        found
    }
}

unsafe fn parse(tuple: pg_sys::HeapTuple, desc: pg_sys::TupleDesc) -> Scope {
    // SAFETY: the tuple is of the collection table.
    unsafe {
        let natts = (*desc).natts as usize;
        let values: *mut Datum = raw::alloc_array(natts.max(column::COUNT));
        let nulls: *mut bool = raw::alloc_array(natts.max(column::COUNT));
        raw::heap_deform_tuple(tuple, desc, values, nulls);
        let value = |at: usize| (!*nulls.add(at)).then(|| *values.add(at));
        let text = |at: usize| value(at).map_or(&[][..], |datum| bytes(datum));
        let list = |at: usize| value(at).map_or(&[][..], |datum| names(datum));
        Scope {
            collection: (*values).value() as i32,
            relation: value(column::RELATION)
                .map_or(pg_sys::InvalidOid, |datum| Oid::from(datum.value() as u32)),
            tracked: value(column::TRACKED).is_some_and(|datum| datum.value() as u8 != 0),
            accountability: match text(column::ACCOUNTABILITY) {
                b"all" => Accountability::All,
                b"activity" => Accountability::Activity,
                _ => Accountability::None,
            },
            always_snapshot: text(column::SNAPSHOT) == b"always",
            fields: list(column::FIELDS),
            exclude: list(column::EXCLUDE),
            ignore: list(column::IGNORE),
            mask: list(column::MASK),
            key: list(column::KEY),
            last_key: list(column::LAST_KEY),
        }
    }
}

/// Copies a text's bytes, since the tuple's page is unpinned after the scan.
unsafe fn bytes(datum: Datum) -> &'static [u8] {
    // SAFETY: the datum is a text.
    unsafe {
        let text = raw::payload(raw::pg_detoast_datum_packed(datum.cast_mut_ptr()).cast::<u8>());
        let copy: *mut u8 = raw::alloc_array(text.len());
        core::ptr::copy_nonoverlapping(text.as_ptr(), copy, text.len());
        core::slice::from_raw_parts(copy, text.len())
    }
}

/// The elements of a `text[]`, copied into the current memory context.
///
/// # Safety
/// The datum must be of that type.
pub(super) unsafe fn names(datum: Datum) -> Names {
    // SAFETY: the datum is a text[].
    unsafe {
        let array = raw::pg_detoast_datum(datum.cast_mut_ptr()).cast();
        let mut values = core::ptr::null_mut();
        let mut nulls = core::ptr::null_mut();
        let mut count: c_int = 0;
        raw::deconstruct_array(
            array,
            pg_sys::TEXTOID,
            -1,
            false,
            pg_sys::TYPALIGN_INT as core::ffi::c_char,
            &raw mut values,
            &raw mut nulls,
            &raw mut count,
        );
        let count = usize::try_from(count).unwrap_or(0);
        let names: *mut &'static [u8] = raw::alloc_array(count);
        let mut kept = 0;
        for index in 0..count {
            if !*nulls.add(index) {
                names.add(kept).write(bytes(*values.add(index)));
                kept += 1;
            }
        }
        core::slice::from_raw_parts(names, kept)
    }
}
