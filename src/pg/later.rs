//! What was recorded of a collection later than some time.
//!
//! The log's rows lie about in the order of their time, and a block range index tells which pages may have later ones: so this
//! costs what happened since, whatever was recorded before.

use super::raw;
use super::scan::{self, Partition};
use core::ffi::c_int;
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, HeapTuple, HeapTupleHeader, Oid, Relation, TupleDesc};

/// The time's column of the block range index.
const TIME: i16 = 2;

/// Bits of a scan's flags (access/tableam.h): a sequential scan, a strategy for large tables, a page at a time.
const SCAN_FLAGS: u32 = 1 | 1 << 6 | 1 << 8;

/// `HEAP_HASNULL`
const HAS_NULL: u16 = 1;
/// `collection` is the fourth column; those before it are never NULL.
const COLLECTION_BIT: u8 = 1 << 3;

/// Gives each row of the log that is of a collection and later than a time to `action`, in no order. The row is valid until
/// `action` returns.
///
/// # Safety
/// Must run in a transaction with an active snapshot.
pub(super) unsafe fn each(collection: i32, at: i64, mut action: impl FnMut(HeapTuple, TupleDesc)) {
    // SAFETY: the locks stay until the transaction ends.
    unsafe {
        for partition in scan::partitions() {
            let heap = raw::relation_open(partition.relid, pg_sys::AccessShareLock as c_int);
            let desc = (*heap).rd_att;
            runs(partition, heap, at, |start, count| {
                read(heap, start, count, |tuple| {
                    if is_later((*tuple).t_data, collection, at) {
                        action(tuple, desc);
                    }
                });
            });
            raw::relation_close(heap, pg_sys::NoLock as c_int);
        }
    }
}

/// The columns up to `collection` lie at fixed places.
unsafe fn is_later(header: HeapTupleHeader, collection: i32, at: i64) -> bool {
    // SAFETY: the header is of a row of the log.
    unsafe {
        let data = header.cast::<u8>().add(usize::from((*header).t_hoff));
        data.add(8).cast::<i64>().read_unaligned() > at
            && ((*header).t_infomask & HAS_NULL == 0
                || *(*header).t_bits.as_ptr() & COLLECTION_BIT != 0)
            && data.add(24).cast::<i32>().read_unaligned() == collection
    }
}

/// Gives each run of blocks that may have later rows.
unsafe fn runs(partition: &Partition, heap: Relation, at: i64, mut action: impl FnMut(u32, u32)) {
    // SAFETY: the index is on the heap.
    unsafe {
        if partition.ranges == pg_sys::InvalidOid {
            action(0, u32::MAX);
            return;
        }
        let index = raw::relation_open(partition.ranges, pg_sys::AccessShareLock as c_int);
        let mut key = [pg_sys::ScanKeyData::default()];
        raw::ScanKeyInit(
            &raw mut key[0],
            TIME,
            pg_sys::BTGreaterStrategyNumber as u16,
            Oid::from(pg_sys::F_TIMESTAMPTZ_GT),
            Datum::from(at),
        );
        // The index's support function looks its operator up by it.
        key[0].sk_subtype = pg_sys::TIMESTAMPTZOID;
        let mut run: Option<(u32, u32)> = None;
        let blocks = raw::RelationGetNumberOfBlocksInFork(heap, pg_sys::ForkNumber::MAIN_FORKNUM);
        crate::compat::blocks(index, raw::GetActiveSnapshot(), &mut key, |block| {
            if block >= blocks {
                return;
            }
            match &mut run {
                Some((start, count)) if *start + *count == block => *count += 1,
                _ => {
                    if let Some((start, count)) = run.replace((block, 1)) {
                        action(start, count);
                    }
                }
            }
        });
        if let Some((start, count)) = run {
            action(start, count);
        }
        raw::relation_close(index, pg_sys::NoLock as c_int);
    }
}

unsafe fn read(heap: Relation, start: u32, count: u32, mut action: impl FnMut(HeapTuple)) {
    // SAFETY: the heap is open.
    unsafe {
        let none = core::ptr::null_mut();
        let snapshot = raw::GetActiveSnapshot();
        let scan = raw::heap_beginscan(heap, snapshot, 0, none, core::ptr::null_mut(), SCAN_FLAGS);
        if count != u32::MAX {
            raw::heap_setscanlimits(scan, start, count);
        }
        loop {
            let tuple = raw::heap_getnext(scan, pg_sys::ScanDirection::ForwardScanDirection);
            if tuple.is_null() {
                break;
            }
            action(tuple);
        }
        raw::heap_endscan(scan);
    }
}
