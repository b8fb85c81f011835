//! BEFORE TRUNCATE: one activity for the statement, then a delete for each row.

use super::capture;
use super::raw::{self, Global};
use super::relation::{self, Tracked};
use super::row::{Draft, action};
use core::ffi::c_int;
use pgrx::pg_sys;
use pgrx::pg_sys::{Oid, Relation, TriggerData};

/// The relations that the statement at hand has dealt with. TRUNCATE of a partitioned table fires the triggers of
/// the table and of each partition, and each row is recorded once.
struct Done {
    transaction: u64,
    command: u32,
    collections: [i32; MOST],
    collection_count: usize,
    relations: *mut Oid,
    relation_count: usize,
    capacity: usize,
}

const MOST: usize = 64;

static DONE: Global<Done> = Global::new(Done {
    transaction: 0,
    command: 0,
    collections: [0; MOST],
    collection_count: 0,
    relations: core::ptr::null_mut(),
    relation_count: 0,
    capacity: 0,
});

impl Done {
    fn begin(&mut self, transaction: u64, command: u32) {
        if self.transaction != transaction || self.command != command {
            self.transaction = transaction;
            self.command = command;
            self.collection_count = 0;
            self.relation_count = 0;
        }
    }

    fn first_of(&mut self, collection: i32) -> bool {
        let known = &self.collections[..self.collection_count];
        if known.contains(&collection) {
            return false;
        }
        if self.collection_count < MOST {
            self.collections[self.collection_count] = collection;
            self.collection_count += 1;
        }
        true
    }

    unsafe fn first_relation(&mut self, relid: Oid) -> bool {
        // SAFETY: the array has room for `capacity` and holds `relation_count`.
        unsafe {
            if self.relation_count > 0
                && core::slice::from_raw_parts(self.relations, self.relation_count).contains(&relid)
            {
                return false;
            }
            if self.relation_count == self.capacity {
                let capacity = (self.capacity * 2).max(64);
                let bytes = capacity * size_of::<Oid>();
                self.relations = if self.relations.is_null() {
                    raw::MemoryContextAllocHuge(pg_sys::TopMemoryContext, bytes).cast()
                } else {
                    raw::repalloc_huge(self.relations.cast(), bytes).cast()
                };
                self.capacity = capacity;
            }
            *self.relations.add(self.relation_count) = relid;
            self.relation_count += 1;
            true
        }
    }
}

/// BEFORE TRUNCATE FOR EACH STATEMENT.
///
/// # Safety
/// Called by the trigger manager, which holds an exclusive lock on the relation.
pub(super) unsafe fn statement(trigger: *mut TriggerData) {
    // SAFETY: see above.
    unsafe {
        let relation = (*trigger).tg_relation;
        let command = raw::GetCurrentCommandId(true);
        let partitioned =
            (*(*relation).rd_rel).relkind == pg_sys::RELKIND_PARTITIONED_TABLE as core::ffi::c_char;
        let Some(tracked) = capture::recorded(trigger) else {
            return;
        };
        DONE.get()
            .begin(raw::GetTopFullTransactionId().value, command);
        if DONE.get().first_of(tracked.collection) {
            Draft::new(Some(tracked.collection), command, action::TRUNCATE).push();
        }
        if partitioned {
            leaves(relation, tracked.collection, command);
        } else if DONE.get().first_relation((*relation).rd_id) {
            rows(relation, tracked, command);
        }
        capture::end_statement(command);
    }
}

/// Records the rows of every partition, also of those that have no trigger of their own yet.
unsafe fn leaves(root: Relation, collection: i32, command: u32) {
    // SAFETY: TRUNCATE has locked the partitions.
    unsafe {
        let desc = raw::RelationGetPartitionDesc(root, true);
        for index in 0..usize::try_from((*desc).nparts).unwrap_or(0) {
            let relid = *(*desc).oids.add(index);
            let partition = raw::relation_open(relid, pg_sys::NoLock as c_int);
            match (*(*partition).rd_rel).relkind as u8 {
                pg_sys::RELKIND_PARTITIONED_TABLE => leaves(partition, collection, command),
                pg_sys::RELKIND_RELATION if DONE.get().first_relation(relid) => {
                    let tracked = &*relation::tracked(partition, capture::function());
                    if tracked.collection == collection {
                        rows(partition, tracked, command);
                    }
                }
                _ => {}
            }
            raw::relation_close(partition, pg_sys::NoLock as c_int);
        }
    }
}

/// Records a delete for each row, also of those that the transaction's snapshot does not see: all of them go.
unsafe fn rows(relation: Relation, tracked: &Tracked, command: u32) {
    // SAFETY: nobody else can change the relation now.
    unsafe {
        let per_row = raw::new_context(
            pg_sys::CurrentMemoryContext,
            c"directus_versions truncated row",
        );
        let slot = raw::table_slot_create(relation, core::ptr::null_mut());
        let snapshot = (&raw mut pg_sys::SnapshotSelfData).cast();
        let scan = raw::table_beginscan(relation, snapshot, 0, core::ptr::null_mut());
        while raw::table_scan_getnextslot(scan, pg_sys::ScanDirection::ForwardScanDirection, slot) {
            raw::check_for_interrupts();
            let before = raw::switch_to(per_row);
            capture::delete(tracked, capture::slot_values(slot, tracked.natts), command);
            raw::switch_to(before);
            raw::MemoryContextReset(per_row);
        }
        raw::table_endscan(scan);
        raw::ExecDropSingleTupleTableSlot(slot);
        raw::MemoryContextDelete(per_row);
    }
}
