//! Reads rows of `directus_versions.context`: who acted, and in which cluster.

use super::arguments::text_datum;
use super::catalog::{self, Table};
use super::raw::{self, Global};
use core::ffi::c_int;
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, HeapTuple, Oid, TupleDesc};

/// Positions of the columns in sql/tables.sql.
const ACTOR: usize = 2;
const CLUSTER: usize = 9;
const COLUMNS: usize = 10;

/// Clusters of contexts that were looked up; rows of the table never change.
const REMEMBERED: usize = 64;
static CLUSTERS: Global<[(i32, i64); REMEMBERED]> = Global::new([(0, 0); REMEMBERED]);

/// The system identifier of the cluster that a context is of.
///
/// # Safety
/// Must run in a transaction with an active snapshot.
pub(super) unsafe fn cluster(context: i32) -> i64 {
    let slot = context as usize % REMEMBERED;
    let (known, cluster) = CLUSTERS.get()[slot];
    if known == context {
        return cluster;
    }
    // SAFETY: the column is an int8.
    unsafe {
        let found = search(context, |values, _| values[CLUSTER].value() as i64).unwrap_or(0);
        CLUSTERS.get()[slot] = (context, found);
        found
    }
}

/// Forgets them when the table is another one.
pub(super) fn forget() {
    *CLUSTERS.get() = [(0, 0); REMEMBERED];
}

/// The actor of a context, in the current memory context.
///
/// # Safety
/// As for [`cluster`].
pub(super) unsafe fn actor(context: i32) -> Option<Datum> {
    // SAFETY: the column is a text; it is copied from its page.
    unsafe {
        search(context, |values, nulls| {
            (!nulls[ACTOR]).then(|| {
                let text = raw::pg_detoast_datum_packed(values[ACTOR].cast_mut_ptr());
                text_datum(raw::payload(text.cast::<u8>()))
            })
        })
        .flatten()
    }
}

unsafe fn search<T>(
    context: i32,
    read: impl FnOnce(&[Datum; COLUMNS], &[bool; COLUMNS]) -> T,
) -> Option<T> {
    // SAFETY: a scan of our own table.
    unsafe {
        let relation = raw::relation_open(
            catalog::oid(Table::Context)?,
            pg_sys::AccessShareLock as c_int,
        );
        let mut key = pg_sys::ScanKeyData::default();
        raw::ScanKeyInit(
            &raw mut key,
            1,
            pg_sys::BTEqualStrategyNumber as u16,
            Oid::from(pg_sys::F_INT4EQ),
            Datum::from(context),
        );
        let index = catalog::oid(Table::ContextKey).unwrap_or(pg_sys::InvalidOid);
        let snapshot = raw::GetActiveSnapshot();
        let scan = raw::systable_beginscan(relation, index, true, snapshot, 1, &raw mut key);
        let tuple = raw::systable_getnext(scan);
        let found = (!tuple.is_null()).then(|| {
            let (values, nulls) = parts(tuple, (*relation).rd_att);
            read(&values, &nulls)
        });
        raw::systable_endscan(scan);
        raw::relation_close(relation, pg_sys::NoLock as c_int);
        found
    }
}

unsafe fn parts(tuple: HeapTuple, desc: TupleDesc) -> ([Datum; COLUMNS], [bool; COLUMNS]) {
    let mut values = [Datum::null(); COLUMNS];
    let mut nulls = [true; COLUMNS];
    // SAFETY: the arrays have room for all attributes, and no more than these are asked for.
    unsafe {
        let natts = (*desc).natts as usize;
        let all: *mut Datum = raw::alloc_array(natts);
        let all_nulls: *mut bool = raw::alloc_array(natts);
        raw::heap_deform_tuple(tuple, desc, all, all_nulls);
        for index in 0..natts.min(COLUMNS) {
            values[index] = *all.add(index);
            nulls[index] = *all_nulls.add(index);
        }
    }
    (values, nulls)
}
