//! BEFORE TRUNCATE: one activity for the statement, then a delete for each row.

use super::capture;
use super::raw::{self, Global};
use super::relation::{self, Tracked};
use super::row::{Draft, action};
use core::ffi::c_int;
use pgrx::pg_sys;
use pgrx::pg_sys::{Oid, Relation, TriggerData};

/// What the statement at hand has dealt with. TRUNCATE of a partitioned table fires the triggers of the table and then
/// of each partition, and each row is recorded once, with the table.
struct Done {
    transaction: u64,
    command: u32,
    /// Collections of which this command has an activity, and relations of which it has the rows.
    collections: Oids,
    relations: Oids,
    /// Partitions recorded with their root, until their own trigger fires. Another trigger may run commands in between.
    expected: Oids,
}

/// A list in memory of the backend.
struct Oids {
    items: *mut Oid,
    count: usize,
    capacity: usize,
}

impl Oids {
    const fn new() -> Self {
        Self {
            items: core::ptr::null_mut(),
            count: 0,
            capacity: 0,
        }
    }

    /// Adds an item; false when it was there.
    unsafe fn add(&mut self, item: Oid) -> bool {
        // SAFETY: the array has room for `capacity` and holds `count`.
        unsafe {
            if self.position(item).is_some() {
                return false;
            }
            if self.count == self.capacity {
                let capacity = (self.capacity * 2).max(64);
                let bytes = capacity * size_of::<Oid>();
                self.items = if self.items.is_null() {
                    raw::MemoryContextAllocHuge(pg_sys::TopMemoryContext, bytes).cast()
                } else {
                    raw::repalloc_huge(self.items.cast(), bytes).cast()
                };
                self.capacity = capacity;
            }
            *self.items.add(self.count) = item;
            self.count += 1;
            true
        }
    }

    /// Takes an item out; false when it was not there.
    unsafe fn remove(&mut self, item: Oid) -> bool {
        // SAFETY: see `add`.
        unsafe {
            let Some(at) = self.position(item) else {
                return false;
            };
            self.count -= 1;
            *self.items.add(at) = *self.items.add(self.count);
            true
        }
    }

    fn position(&self, item: Oid) -> Option<usize> {
        // SAFETY: the array holds `count`.
        (0..self.count).find(|at| unsafe { *self.items.add(*at) } == item)
    }
}

static DONE: Global<Done> = Global::new(Done {
    transaction: 0,
    command: 0,
    collections: Oids::new(),
    relations: Oids::new(),
    expected: Oids::new(),
});

impl Done {
    fn begin(&mut self, transaction: u64, command: u32) {
        if self.transaction != transaction || self.command != command {
            self.transaction = transaction;
            self.command = command;
            self.collections.count = 0;
            self.relations.count = 0;
        }
    }
}

/// Forgets what was dealt with, at the end of a transaction or when a part of it rolls back.
pub(super) fn forget() {
    let done = DONE.get();
    done.transaction = 0;
    done.expected.count = 0;
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
        if DONE.get().expected.remove((*relation).rd_id) {
            return;
        }
        DONE.get()
            .begin(raw::GetTopFullTransactionId().value, command);
        if DONE
            .get()
            .collections
            .add(Oid::from(tracked.collection as u32))
        {
            Draft::new(Some(tracked.collection), command, action::TRUNCATE).push();
        }
        if partitioned {
            leaves(relation, tracked.collection, command);
        } else if DONE.get().relations.add((*relation).rd_id) {
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
            if has_own_trigger(partition) {
                DONE.get().expected.add(relid);
            }
            match (*(*partition).rd_rel).relkind as u8 {
                pg_sys::RELKIND_PARTITIONED_TABLE => leaves(partition, collection, command),
                pg_sys::RELKIND_RELATION if DONE.get().relations.add(relid) => {
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

/// Whether TRUNCATE will fire a trigger of ours on a partition.
unsafe fn has_own_trigger(partition: Relation) -> bool {
    // SAFETY: the trigger descriptor lives as long as the relation is open.
    unsafe {
        let desc = (*partition).trigdesc;
        if desc.is_null() {
            return false;
        }
        let function = capture::truncate_function();
        core::slice::from_raw_parts((*desc).triggers, (*desc).numtriggers as usize)
            .iter()
            .any(|trigger| trigger.tgfoid == function && trigger.tgenabled as u8 != b'D')
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
