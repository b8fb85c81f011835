//! What was recorded of a collection later than some time.
//!
//! The log's rows lie about in the order of their time and id, and a block range index tells which pages may have later ones:
//! so this costs what happened since, whatever was recorded before. Pages that the index knows nothing of yet are looked at
//! without asking which of their rows can be seen, and read only where one may be wanted. Nothing is told from the order of
//! ids and times: a statement may write rows of a time long past.

use super::list::List;
use super::page::{Pages, each_row};
use super::raw;
use super::scan::{self, Partition};
use core::ffi::c_int;
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, HeapTuple, HeapTupleHeader, Oid, Relation, TupleDesc};

/// Columns of the block range index.
const TIME: i16 = 2;
const ID: i16 = 3;

/// `HEAP_HASNULL`
const HAS_NULL: u16 = 1;
/// `collection` is the fourth column; those before it are never NULL.
const COLLECTION_BIT: u8 = 1 << 3;

/// A partition of the log, and what was read of it.
struct Part {
    partition: Partition,
    heap: Relation,
    blocks: u32,
    /// Flags of each block.
    states: *mut u8,
    /// For each `GROUP` of blocks the greatest id of the rows that were looked at.
    greatest: *mut i64,
}

/// Blocks of which one greatest id is known.
const GROUP: usize = 32;

/// The block was read.
const READ: u8 = 1;
/// It has rows of the collection that are not later.
const HAS_OTHERS: u8 = 2;
/// It was looked at, and has no later row.
const LOOKED: u8 = 4;

pub(super) struct Later {
    collection: i32,
    at: i64,
    parts: List<Part>,
    /// The least id of a later row.
    least: i64,
}

impl Later {
    /// Begins; the tables stay open until the end.
    ///
    /// # Safety
    /// Must run in a transaction with an active snapshot; lives in the current memory context.
    pub(super) unsafe fn of(collection: i32, at: i64) -> Self {
        // SAFETY: see above.
        unsafe {
            let mut parts = List::new();
            for partition in scan::partitions() {
                let heap = raw::relation_open(partition.relid, pg_sys::AccessShareLock as c_int);
                let fork = pg_sys::ForkNumber::MAIN_FORKNUM;
                let blocks = raw::RelationGetNumberOfBlocksInFork(heap, fork);
                let greatest = raw::alloc_array(blocks as usize / GROUP + 1);
                core::slice::from_raw_parts_mut(greatest, blocks as usize / GROUP + 1)
                    .fill(i64::MIN);
                parts.push(Part {
                    partition: *partition,
                    heap,
                    blocks,
                    states: raw::alloc_array(blocks as usize),
                    greatest,
                });
            }
            Self {
                collection,
                at,
                parts,
                least: i64::MAX,
            }
        }
    }

    /// Gives each later row to `action`, in no order. It is valid until `action` returns.
    ///
    /// # Safety
    /// As for [`Later::of`].
    pub(super) unsafe fn each(&mut self, mut action: impl FnMut(HeapTuple, TupleDesc)) {
        let (collection, at) = (self.collection, self.at);
        let mut least = self.least;
        // SAFETY: the tables are open.
        unsafe {
            for part in self.parts.slice() {
                if part.partition.until <= at {
                    continue;
                }
                let desc = (*part.heap).rd_att;
                let key = key(
                    TIME,
                    pg_sys::BTGreaterStrategyNumber,
                    pg_sys::F_TIMESTAMPTZ_GT,
                    pg_sys::TIMESTAMPTZOID,
                    at,
                );
                let pages = Pages::of(part.heap, part.blocks);
                let wanted = |block: u32| {
                    let greatest = part.greatest.add(block as usize / GROUP);
                    let found = pages.any(block, |row| {
                        let row = Place::of(row);
                        *greatest = row.id.max(*greatest);
                        row.collection == Some(collection) && row.at > at
                    });
                    if !found {
                        *part.states.add(block as usize) |= LOOKED;
                    }
                    found
                };
                runs(part, key, wanted, |part, start, count| {
                    each_row(part.heap, start, count, |tuple| {
                        let row = Place::of((*tuple).t_data);
                        if row.collection != Some(collection) {
                            return;
                        }
                        let block = block_of(tuple);
                        if row.at > at {
                            least = least.min(row.id);
                            action(tuple, desc);
                        } else {
                            *part.states.add(block as usize) |= HAS_OTHERS;
                        }
                        *part.states.add(block as usize) |= READ;
                    });
                });
            }
        }
        self.least = least;
    }

    /// Gives each row that is not later but was written behind one that is, once all of those were given.
    ///
    /// # Safety
    /// As for [`Later::of`].
    pub(super) unsafe fn stragglers(&mut self, mut action: impl FnMut(HeapTuple, TupleDesc)) {
        let (collection, at, least) = (self.collection, self.at, self.least);
        if least == i64::MAX {
            return;
        }
        // SAFETY: the tables are open.
        unsafe {
            for part in self.parts.slice() {
                let desc = (*part.heap).rd_att;
                let key = key(
                    ID,
                    pg_sys::BTGreaterStrategyNumber,
                    pg_sys::F_INT8GT,
                    pg_sys::INT8OID,
                    least,
                );
                let is_straggler = |row: &Place| {
                    row.collection == Some(collection) && row.at <= at && row.id > least
                };
                let pages = Pages::of(part.heap, part.blocks);
                let wanted = |block: u32| {
                    let state = *part.states.add(block as usize);
                    let is_known = state == READ
                        || state == LOOKED && *part.greatest.add(block as usize / GROUP) <= least;
                    !is_known && pages.any(block, |row| is_straggler(&Place::of(row)))
                };
                runs(part, key, wanted, |part, start, count| {
                    each_row(part.heap, start, count, |tuple| {
                        if is_straggler(&Place::of((*tuple).t_data)) {
                            action(tuple, desc);
                        }
                    });
                });
            }
        }
    }

    /// Gives each row of the collection whose id is below a limit to `action`.
    ///
    /// # Safety
    /// As for [`Later::of`].
    pub(super) unsafe fn all_before(
        &mut self,
        id: i64,
        mut action: impl FnMut(HeapTuple, TupleDesc),
    ) {
        let collection = self.collection;
        // SAFETY: the tables are open.
        unsafe {
            for part in self.parts.slice() {
                let desc = (*part.heap).rd_att;
                each_row(part.heap, 0, part.blocks, |tuple| {
                    let row = Place::of((*tuple).t_data);
                    if row.collection == Some(collection) && row.id < id {
                        action(tuple, desc);
                    }
                });
            }
        }
    }

    /// Closes the tables; the locks stay until the transaction ends. Once closed, nothing more is found.
    ///
    /// # Safety
    /// Must run in the transaction in which it began.
    pub(super) unsafe fn end(&mut self) {
        for part in self.parts.slice() {
            // SAFETY: the table is open.
            unsafe { raw::relation_close(part.heap, pg_sys::NoLock as c_int) };
        }
        self.parts.clear();
    }
}

/// The columns of a row that lie at fixed places.
struct Place {
    id: i64,
    at: i64,
    collection: Option<i32>,
}

impl Place {
    unsafe fn of(header: HeapTupleHeader) -> Self {
        // SAFETY: the header is of a row of the log.
        unsafe {
            let data = header.cast::<u8>().add(usize::from((*header).t_hoff));
            let has_collection = (*header).t_infomask & HAS_NULL == 0
                || *(*header).t_bits.as_ptr() & COLLECTION_BIT != 0;
            Self {
                id: data.cast::<i64>().read_unaligned(),
                at: data.add(8).cast::<i64>().read_unaligned(),
                collection: has_collection.then(|| data.add(24).cast::<i32>().read_unaligned()),
            }
        }
    }
}

unsafe fn block_of(tuple: HeapTuple) -> u32 {
    // SAFETY: the tuple lies on a page.
    let block = unsafe { (*tuple).t_self.ip_blkid };
    u32::from(block.bi_hi) << 16 | u32::from(block.bi_lo)
}

unsafe fn key(
    column: i16,
    strategy: u32,
    procedure: u32,
    typid: Oid,
    value: i64,
) -> pg_sys::ScanKeyData {
    let mut key = pg_sys::ScanKeyData::default();
    // SAFETY: fills in the key.
    unsafe {
        raw::ScanKeyInit(
            &raw mut key,
            column,
            strategy as u16,
            Oid::from(procedure),
            Datum::from(value),
        );
    }
    // The index's support function looks its operator up by it.
    key.sk_subtype = typid;
    // ScanKeyInit puts in the one of catalog columns; a column of numbers has none.
    key.sk_collation = pg_sys::InvalidOid;
    key
}

/// So many pages are read at once: few enough to be in memory still since they were looked at.
const AT_ONCE: u32 = 16;

/// Gives each run of wanted blocks that the index finds.
unsafe fn runs(
    part: &Part,
    key: pg_sys::ScanKeyData,
    wanted: impl Fn(u32) -> bool,
    mut action: impl FnMut(&Part, u32, u32),
) {
    // SAFETY: the index is on the heap.
    unsafe {
        let mut run: Option<(u32, u32)> = None;
        let mut add = |block: u32| {
            if block >= part.blocks || !wanted(block) {
                return;
            }
            match &mut run {
                Some((start, count)) if *start + *count == block && *count < AT_ONCE => *count += 1,
                _ => {
                    if let Some((start, count)) = run.replace((block, 1)) {
                        action(part, start, count);
                    }
                }
            }
        };
        if part.partition.ranges == pg_sys::InvalidOid {
            (0..part.blocks).for_each(&mut add);
        } else {
            let lock = pg_sys::AccessShareLock as c_int;
            let index = raw::relation_open(part.partition.ranges, lock);
            crate::compat::blocks(index, raw::GetActiveSnapshot(), &mut [key], &mut add);
            raw::relation_close(index, pg_sys::NoLock as c_int);
        }
        if let Some((start, count)) = run {
            action(part, start, count);
        }
    }
}
