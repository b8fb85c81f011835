//! Reads rows of `directus_versions.context`: who acted, and in which cluster.

use super::arguments::text_datum;
use super::catalog::Table;
use super::index;
use super::raw::{self, Global};
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, HeapTuple, TupleDesc};

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
    mut read: impl FnMut(&[Datum; COLUMNS], &[bool; COLUMNS]) -> T,
) -> Option<T> {
    // SAFETY: a scan of our own table.
    unsafe {
        let key = index::equals(1, pg_sys::F_INT4EQ, Datum::from(context));
        let snapshot = raw::GetActiveSnapshot();
        index::search(
            Table::Context,
            Table::ContextKey,
            key,
            snapshot,
            |tuple, desc| {
                let (values, nulls) = parts(tuple, desc);
                Some(read(&values, &nulls))
            },
        )
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
