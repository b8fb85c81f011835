//! Writes rows of the log: finds the partition of the moment and inserts many rows at once, with their indexes.

use super::catalog::{self, Table};
use super::raw::{self, Global};
use super::relation;
use super::row;
use super::slots;
use crate::error::Error;
use core::ffi::c_int;
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, HeapTuple, Oid, TimestampTz};

/// The partition of the log that takes the rows of a span of time.
struct Partition {
    relid: Oid,
    from: i64,
    until: i64,
    /// A copy of its row type, in memory of the backend.
    desc: pg_sys::TupleDesc,
    /// Others with as many of its first columns as their position says; made when they are needed.
    cut: [pg_sys::TupleDesc; row::column::COUNT + 1],
}

impl Partition {
    /// The row type of the first columns alone.
    unsafe fn cut(&mut self, count: usize) -> pg_sys::TupleDesc {
        // SAFETY: the log has that many columns.
        unsafe {
            if self.cut[count].is_null() {
                let before = raw::switch_to(pg_sys::TopMemoryContext);
                let number = c_int::try_from(count).unwrap_or(0);
                let desc = raw::CreateTemplateTupleDesc(number);
                for attribute in 1..=count as i16 {
                    raw::TupleDescCopyEntry(desc, attribute, self.desc, attribute);
                }
                raw::switch_to(before);
                self.cut[count] = desc;
            }
            self.cut[count]
        }
    }

    /// Gives the memory of the row types back.
    unsafe fn free(self) {
        for desc in self.cut.into_iter().chain([self.desc]) {
            if !desc.is_null() {
                // SAFETY: nobody uses them between rows.
                unsafe { raw::FreeTupleDesc(desc) };
            }
        }
    }
}

static PARTITION: Global<Partition> = Global::new(Partition {
    relid: pg_sys::InvalidOid,
    from: 0,
    until: 0,
    desc: core::ptr::null_mut(),
    cut: [core::ptr::null_mut(); row::column::COUNT + 1],
});

/// Forgets the partition, for the log's partitions changed.
pub(super) fn invalidate() {
    PARTITION.get().relid = pg_sys::InvalidOid;
}

/// The partition for rows of time `at`; `None` where the extension is not there.
///
/// # Safety
/// Must run in a transaction.
pub(super) unsafe fn partition(at: TimestampTz) -> Option<Oid> {
    let known = PARTITION.get();
    if known.relid != pg_sys::InvalidOid && known.from <= at && at < known.until {
        return Some(known.relid);
    }
    // SAFETY: the log is range-partitioned by one column of type timestamptz.
    unsafe {
        let log = raw::relation_open(catalog::oid(Table::Log)?, pg_sys::AccessShareLock as c_int);
        let generation = relation::generation();
        let mut found = route(log, at);
        let before = raw::switch_to(pg_sys::TopMemoryContext);
        found.desc = raw::CreateTupleDescCopy((*log).rd_att);
        raw::switch_to(before);
        raw::relation_close(log, pg_sys::AccessShareLock as c_int);
        let relid = found.relid;
        let outdated = core::mem::replace(PARTITION.get(), found);
        slots::forget();
        outdated.free();
        if relation::generation() != generation {
            invalidate();
        }
        (relid != pg_sys::InvalidOid).then_some(relid)
    }
}

/// Looks the time up in the bounds: `indexes[i]` is the partition below bound `i` and not below bound `i - 1`.
unsafe fn route(log: pg_sys::Relation, at: TimestampTz) -> Partition {
    // SAFETY: the descriptor lives as long as the relation is open.
    unsafe {
        let desc = raw::RelationGetPartitionDesc(log, true);
        let bounds = (*desc).boundinfo;
        let mut found = Partition {
            relid: pg_sys::InvalidOid,
            from: i64::MIN,
            until: i64::MAX,
            desc: core::ptr::null_mut(),
            cut: [core::ptr::null_mut(); row::column::COUNT + 1],
        };
        if bounds.is_null() {
            return found;
        }
        let count = usize::try_from((*bounds).ndatums).unwrap_or(0);
        let mut below = 0;
        while below < count {
            let kind = **(*bounds).kind.add(below);
            let bound = match kind {
                pg_sys::PartitionRangeDatumKind::PARTITION_RANGE_DATUM_MINVALUE => i64::MIN,
                pg_sys::PartitionRangeDatumKind::PARTITION_RANGE_DATUM_MAXVALUE => i64::MAX,
                _ => (**(*bounds).datums.add(below)).value() as i64,
            };
            if at < bound {
                found.until = bound;
                break;
            }
            found.from = bound;
            below += 1;
        }
        let mut index = *(*bounds).indexes.add(below);
        if index < 0 {
            index = (*bounds).default_index;
        }
        if let Ok(index) = usize::try_from(index) {
            found.relid = *(*desc).oids.add(index);
        }
        found
    }
}

/// Opens the partition for rows of time `at`. While its lock was waited for, another may have been made for that time.
unsafe fn open(mut relid: Oid, at: TimestampTz) -> pg_sys::Relation {
    // SAFETY: the lock keeps the partition from being detached.
    unsafe {
        loop {
            let relation = raw::try_relation_open(relid, pg_sys::RowExclusiveLock as c_int);
            match partition(at) {
                Some(other) if other != relid => {
                    if !relation.is_null() {
                        raw::relation_close(relation, pg_sys::RowExclusiveLock as c_int);
                    }
                    relid = other;
                }
                _ if relation.is_null() => Error::NotInstalled.raise(),
                _ => return relation,
            }
        }
    }
}

/// Inserts rows into a partition of the log, giving them consecutive ids in their first column.
///
/// # Safety
/// The tuples must be formed with the descriptor of the log, their first column an int8 that is not null.
pub(super) unsafe fn insert(partition: Oid, tuples: &mut [HeapTuple]) -> i64 {
    // SAFETY: all resources are released at the end, or by the (sub)transaction that an error aborts.
    unsafe {
        let Some(ids) = catalog::oid(Table::LogIds) else {
            return 0;
        };
        let count = tuples.len();
        let first = super::sequence::take(ids, i64::try_from(count).unwrap_or(0));
        for (offset, tuple) in tuples.iter().enumerate() {
            let header = (**tuple).t_data;
            let id: *mut i64 = header
                .cast::<u8>()
                .add(usize::from((*header).t_hoff))
                .cast();
            id.write_unaligned(first + i64::try_from(offset).unwrap_or(0));
        }
        let relation = open(partition, super::buffer::time_of(tuples[0]));
        let slots = slots::fill(PARTITION.get().desc, tuples);
        write(relation, slots);
        note_long_items(tuples);
        slots::clear(slots);
        raw::relation_close(relation, pg_sys::NoLock as c_int);
        first
    }
}

/// Puts a row that has its id into a partition that is open.
///
/// # Safety
/// The tuple must be formed with the partition's descriptor; must run in a transaction that may write.
pub(super) unsafe fn put(relation: pg_sys::Relation, tuple: HeapTuple) {
    // SAFETY: all resources are released at the end, or by the (sub)transaction that an error aborts.
    unsafe {
        let slot =
            raw::MakeSingleTupleTableSlot((*relation).rd_att, &raw const pg_sys::TTSOpsHeapTuple);
        raw::ExecStoreHeapTuple(tuple, slot, false);
        write(relation, &mut [slot]);
        raw::ExecDropSingleTupleTableSlot(slot);
    }
}

/// Inserts rows with their entries in the indexes.
unsafe fn write(relation: pg_sys::Relation, slots: &mut [*mut pg_sys::TupleTableSlot]) {
    // SAFETY: see `insert`.
    unsafe {
        let estate = raw::CreateExecutorState();
        let before = raw::switch_to((*estate).es_query_cxt);
        let info: *mut pg_sys::ResultRelInfo = raw::alloc_array(1);
        (*info).type_ = pg_sys::NodeTag::T_ResultRelInfo;
        raw::InitResultRelInfo(info, relation, 0, core::ptr::null_mut(), 0);
        raw::ExecOpenIndices(info, false);
        raw::heap_multi_insert(
            relation,
            slots.as_mut_ptr(),
            c_int::try_from(slots.len()).unwrap_or(0),
            raw::GetCurrentCommandId(true),
            0,
            core::ptr::null_mut(),
        );
        for slot in slots.iter() {
            crate::compat::insert_index_tuples(info, *slot, estate);
        }
        raw::ExecCloseIndices(info);
        raw::switch_to(before);
        raw::FreeExecutorState(estate);
    }
}

/// `HEAP_NATTS_MASK`
const NATTS_MASK: u16 = 0x07FF;

/// Notes which rows have an abbreviated item, by which the views find them.
unsafe fn note_long_items(tuples: &[HeapTuple]) {
    // SAFETY: a row that ends with its last value has a long item if it has that column; the first column is the id.
    unsafe {
        for tuple in tuples {
            let header = (**tuple).t_data;
            if usize::from((*header).t_infomask2 & NATTS_MASK) <= row::column::LONG_ITEM {
                continue;
            }
            let Some(table) = catalog::oid(Table::LongItem) else {
                return;
            };
            let id: *mut i64 = header
                .cast::<u8>()
                .add(usize::from((*header).t_hoff))
                .cast();
            let relation = raw::relation_open(table, pg_sys::RowExclusiveLock as c_int);
            let mut values = [Datum::from(id.read_unaligned())];
            let mut nulls = [false];
            let noted =
                raw::heap_form_tuple((*relation).rd_att, values.as_mut_ptr(), nulls.as_mut_ptr());
            raw::CatalogTupleInsert(relation, noted);
            raw::relation_close(relation, pg_sys::NoLock as c_int);
        }
    }
}

/// Forms a row of the log in the current memory context, of its first `count` columns; null where the extension is not
/// there.
///
/// # Safety
/// The arrays must have that many values.
pub(super) unsafe fn form(
    at: TimestampTz,
    values: *mut Datum,
    nulls: *mut bool,
    count: usize,
) -> HeapTuple {
    // SAFETY: a partition has the columns of the log in the same order, and perhaps more that a newer version of the
    // extension added.
    unsafe {
        if partition(at).is_none() {
            return core::ptr::null_mut();
        }
        raw::heap_form_tuple(PARTITION.get().cut(count), values, nulls)
    }
}
