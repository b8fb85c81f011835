//! Reads our own tables by an index, below SQL.

use super::catalog::{self, Table};
use super::raw;
use core::ffi::c_int;
use pgrx::pg_sys;
use pgrx::pg_sys::{AttrNumber, Datum, HeapTuple, Oid, ScanKeyData, Snapshot, TupleDesc};

/// A condition on a column: the strategy of the operator, its function, what it compares with.
pub(super) fn condition(
    attribute: AttrNumber,
    strategy: u32,
    function: u32,
    argument: Datum,
) -> ScanKeyData {
    let mut key = ScanKeyData::default();
    // SAFETY: fills in the key.
    unsafe {
        raw::ScanKeyInit(
            &raw mut key,
            attribute,
            strategy as u16,
            Oid::from(function),
            argument,
        );
    }
    key
}

/// The same, for the equality that a function tells.
pub(super) fn equals(attribute: AttrNumber, function: u32, value: Datum) -> ScanKeyData {
    condition(attribute, pg_sys::BTEqualStrategyNumber, function, value)
}

/// What is committed or this transaction's own, whatever the transaction's snapshot; it takes no predicate lock.
pub(super) fn latest() -> Snapshot {
    (&raw mut pg_sys::SnapshotSelfData).cast()
}

/// Gives the rows of a table that meet a condition on an index's column to `read`, until that returns something. A row
/// lies on its page and is valid until `read` returns.
///
/// # Safety
/// Must run in a transaction; the index must be one of the table.
pub(super) unsafe fn search<T>(
    table: Table,
    index: Table,
    mut condition: ScanKeyData,
    snapshot: Snapshot,
    mut read: impl FnMut(HeapTuple, TupleDesc) -> Option<T>,
) -> Option<T> {
    // SAFETY: see above.
    unsafe {
        let lock = pg_sys::AccessShareLock as c_int;
        let relation = raw::relation_open(catalog::oid(table)?, lock);
        let index = catalog::oid(index).unwrap_or(pg_sys::InvalidOid);
        let scan = raw::systable_beginscan(relation, index, true, snapshot, 1, &raw mut condition);
        let mut found = None;
        while found.is_none() {
            let tuple = raw::systable_getnext(scan);
            if tuple.is_null() {
                break;
            }
            found = read(tuple, (*relation).rd_att);
        }
        raw::systable_endscan(scan);
        raw::relation_close(relation, lock);
        found
    }
}
