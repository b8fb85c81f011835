//! Reads the rows of the log by its indexes, over all its partitions, below SQL: nothing is planned, and whoever calls has
//! decided what may be seen.

use super::catalog::{self, Table};
use super::index::condition;
use super::raw::{self, Global};
use super::relation;
use crate::error::Error;
use core::ffi::c_int;
use pgrx::pg_sys;
use pgrx::pg_sys::{AttrNumber, Datum, HeapTuple, Oid, Relation, ScanKeyData, SysScanDesc};

/// Attribute numbers of the log's columns that are looked up.
const ID: AttrNumber = 1;
const TRANSACTION: AttrNumber = 3;
const COLLECTION: AttrNumber = 4;
const ITEM: AttrNumber = 8;

/// A partition of the log and its indexes.
#[derive(Clone, Copy)]
pub(super) struct Partition {
    pub(super) relid: Oid,
    by_item: Oid,
    by_id: Oid,
    /// The block range index; its second column is the time.
    pub(super) ranges: Oid,
    /// All its rows are of a time before this.
    pub(super) until: i64,
}

struct Partitions {
    list: *mut Partition,
    count: usize,
    generation: u64,
}

static PARTITIONS: Global<Partitions> = Global::new(Partitions {
    list: core::ptr::null_mut(),
    count: 0,
    generation: u64::MAX,
});

/// The partitions, looked up anew after any relation has changed.
///
/// # Safety
/// Must run in a transaction.
pub(super) unsafe fn partitions() -> &'static [Partition] {
    // SAFETY: the list lies in memory of the backend.
    unsafe {
        let Some(log) = catalog::oid(Table::Log) else {
            Error::NotInstalled.raise()
        };
        // Held until the transaction ends, it keeps any partition from being dropped.
        let parent = raw::relation_open(log, pg_sys::AccessShareLock as c_int);
        let generation = relation::generation();
        if PARTITIONS.get().generation != generation {
            let desc = raw::RelationGetPartitionDesc(parent, true);
            let count = usize::try_from((*desc).nparts).unwrap_or(0);
            let before = raw::switch_to(pg_sys::TopMemoryContext);
            let list: *mut Partition = raw::alloc_array(count);
            raw::switch_to(before);
            for index in 0..count {
                let relid = *(*desc).oids.add(index);
                let child = raw::relation_open(relid, pg_sys::AccessShareLock as c_int);
                list.add(index).write(Partition {
                    relid,
                    by_item: index_on(child, pg_sys::BTREE_AM_OID, COLLECTION),
                    by_id: index_on(child, pg_sys::BTREE_AM_OID, ID),
                    ranges: index_on(child, pg_sys::BRIN_AM_OID, TRANSACTION),
                    until: until(desc, index),
                });
                raw::relation_close(child, pg_sys::NoLock as c_int);
            }
            let known = PARTITIONS.get();
            if !known.list.is_null() {
                raw::pfree(known.list.cast());
            }
            known.list = list;
            known.count = count;
            // What changed meanwhile is looked up the next time.
            known.generation = generation;
        }
        raw::relation_close(parent, pg_sys::NoLock as c_int);
        let known = PARTITIONS.get();
        core::slice::from_raw_parts(known.list, known.count)
    }
}

/// The index of a partition that begins with a column. The log itself has none, since a dump could not be restored: each
/// partition would get them as it is attached, before the dump's own.
unsafe fn index_on(partition: Relation, method: Oid, first: AttrNumber) -> Oid {
    // SAFETY: the list's indexes belong to the open partition.
    unsafe {
        let list = raw::RelationGetIndexList(partition);
        let count = if list.is_null() { 0 } else { (*list).length };
        (0..usize::try_from(count).unwrap_or(0))
            .map(|position| (*(*list).elements.add(position)).oid_value)
            .find(|oid| {
                let index = raw::relation_open(*oid, pg_sys::AccessShareLock as c_int);
                let form = (*index).rd_index;
                let found = (*form).indisvalid
                    && (*(*index).rd_rel).relam == method
                    && *(*form).indkey.values.as_ptr() == first;
                raw::relation_close(index, pg_sys::AccessShareLock as c_int);
                found
            })
            .unwrap_or(pg_sys::InvalidOid)
    }
}

/// The bound that the times in a partition are below.
unsafe fn until(desc: pg_sys::PartitionDesc, partition: usize) -> i64 {
    // SAFETY: the log is range-partitioned by one column; `indexes[i]` is the partition below bound `i`.
    unsafe {
        let bounds = (*desc).boundinfo;
        if bounds.is_null() {
            return i64::MAX;
        }
        let count = usize::try_from((*bounds).ndatums).unwrap_or(0);
        let above = (0..count)
            .find(|below| usize::try_from(*(*bounds).indexes.add(*below)) == Ok(partition));
        match above {
            Some(above)
                if **(*bounds).kind.add(above)
                    == pg_sys::PartitionRangeDatumKind::PARTITION_RANGE_DATUM_VALUE =>
            {
                (**(*bounds).datums.add(above)).value() as i64
            }
            _ => i64::MAX,
        }
    }
}

/// A scan of one partition, and the row that comes next in it.
struct Part {
    heap: Relation,
    index: Relation,
    scan: SysScanDesc,
    tuple: HeapTuple,
    id: i64,
}

/// A range of ids; `until` is not in it.
#[derive(Clone, Copy)]
pub(super) struct Range {
    pub(super) from: i64,
    pub(super) until: i64,
}

/// Rows of the log in the order of their ids.
pub(super) struct Scan {
    parts: *mut Part,
    count: usize,
    /// The part of which the row was given last.
    given: Option<usize>,
    backward: bool,
}

impl Scan {
    /// The rows of an item, whose text is as the column has it, in a range of ids.
    ///
    /// # Safety
    /// Must run in a transaction with an active snapshot; the scan lives in the current memory context.
    pub(super) unsafe fn of_item(
        collection: i32,
        item: &[u8],
        range: Range,
        backward: bool,
    ) -> Self {
        // SAFETY: the text lives as long as the keys.
        unsafe {
            let item = super::arguments::text_datum(item);
            let keys = [
                condition(
                    COLLECTION,
                    pg_sys::BTEqualStrategyNumber,
                    pg_sys::F_INT4EQ,
                    Datum::from(collection),
                ),
                condition(ITEM, pg_sys::BTEqualStrategyNumber, pg_sys::F_TEXTEQ, item),
                condition(
                    ID,
                    pg_sys::BTGreaterEqualStrategyNumber,
                    pg_sys::F_INT8GE,
                    Datum::from(range.from),
                ),
                condition(
                    ID,
                    pg_sys::BTLessStrategyNumber,
                    pg_sys::F_INT8LT,
                    Datum::from(range.until),
                ),
            ];
            Self::begin(&keys, |partition| partition.by_item, backward)
        }
    }

    /// The rows in a range of ids.
    ///
    /// # Safety
    /// As for [`Scan::of_item`].
    pub(super) unsafe fn of_ids(range: Range) -> Self {
        // SAFETY: see above.
        unsafe {
            let keys = [
                condition(
                    ID,
                    pg_sys::BTGreaterEqualStrategyNumber,
                    pg_sys::F_INT8GE,
                    Datum::from(range.from),
                ),
                condition(
                    ID,
                    pg_sys::BTLessStrategyNumber,
                    pg_sys::F_INT8LT,
                    Datum::from(range.until),
                ),
            ];
            Self::begin(&keys, |partition| partition.by_id, false)
        }
    }

    unsafe fn begin(keys: &[ScanKeyData], index: fn(&Partition) -> Oid, backward: bool) -> Self {
        // SAFETY: the keys are of columns of the index.
        unsafe {
            let partitions = partitions();
            let parts: *mut Part = raw::alloc_array(partitions.len());
            for (position, partition) in partitions.iter().enumerate() {
                let lock = pg_sys::AccessShareLock as c_int;
                let heap = raw::relation_open(partition.relid, lock);
                let index = match index(partition) {
                    pg_sys::InvalidOid => Error::NotIndexed {
                        partition: super::arguments::relation_name(partition.relid),
                    }
                    .raise(),
                    index => raw::relation_open(index, lock),
                };
                // The server numbers the keys by the index's columns, where they lie.
                let own: *mut ScanKeyData = raw::alloc_array(keys.len());
                core::ptr::copy_nonoverlapping(keys.as_ptr(), own, keys.len());
                let count = c_int::try_from(keys.len()).unwrap_or(0);
                let snapshot = raw::GetActiveSnapshot();
                let part = parts.add(position);
                part.write(Part {
                    heap,
                    index,
                    scan: raw::systable_beginscan_ordered(heap, index, snapshot, count, own),
                    tuple: core::ptr::null_mut(),
                    id: 0,
                });
                advance(&mut *part, backward);
            }
            Self {
                parts,
                count: partitions.len(),
                given: None,
                backward,
            }
        }
    }

    /// The next row; it lies on its page and is valid until the next one is asked for.
    ///
    /// # Safety
    /// The scan must not have ended.
    pub(super) unsafe fn next(&mut self) -> Option<HeapTuple> {
        // SAFETY: the parts were opened by `begin`.
        unsafe {
            raw::check_for_interrupts();
            let parts = core::slice::from_raw_parts_mut(self.parts, self.count);
            if let Some(given) = self.given.take() {
                advance(&mut parts[given], self.backward);
            }
            let mut best: Option<usize> = None;
            for (index, part) in parts.iter().enumerate() {
                if part.tuple.is_null() {
                    continue;
                }
                if best.is_none_or(|best| (part.id < parts[best].id) != self.backward) {
                    best = Some(index);
                }
            }
            self.given = best;
            best.map(|best| parts[best].tuple)
        }
    }

    /// The row type of the log.
    pub(super) fn desc(&self) -> pg_sys::TupleDesc {
        if self.count == 0 {
            Error::NotInstalled.raise();
        }
        // SAFETY: a part's table is open.
        unsafe { (*(*self.parts).heap).rd_att }
    }

    /// Ends the scan.
    ///
    /// # Safety
    /// It must not be used again.
    pub(super) unsafe fn end(&mut self) {
        // SAFETY: the parts were opened by `begin`; the locks stay until the transaction ends, for values out of line.
        unsafe {
            for part in core::slice::from_raw_parts_mut(self.parts, self.count) {
                raw::systable_endscan_ordered(part.scan);
                raw::relation_close(part.index, pg_sys::NoLock as c_int);
                raw::relation_close(part.heap, pg_sys::NoLock as c_int);
            }
            self.count = 0;
        }
    }
}

unsafe fn advance(part: &mut Part, backward: bool) {
    let direction = if backward {
        pg_sys::ScanDirection::BackwardScanDirection
    } else {
        pg_sys::ScanDirection::ForwardScanDirection
    };
    // SAFETY: the first column of the log is an int8 that is never NULL.
    unsafe {
        part.tuple = raw::systable_getnext_ordered(part.scan, direction);
        if !part.tuple.is_null() {
            part.id = id(part.tuple);
        }
    }
}

/// The id of a row of the log.
///
/// # Safety
/// The tuple must be one.
pub(super) unsafe fn id(tuple: HeapTuple) -> i64 {
    // SAFETY: its first column is an int8 that is never NULL.
    unsafe {
        let header = (*tuple).t_data;
        let id: *const i64 = header
            .cast::<u8>()
            .add(usize::from((*header).t_hoff))
            .cast();
        id.read_unaligned()
    }
}
