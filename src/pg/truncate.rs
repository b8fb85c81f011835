//! BEFORE TRUNCATE: one activity for the statement, then a delete for each row.

use super::capture;
use super::raw::{self, Global};
use super::relation::{self, Tracked};
use super::row::{Draft, action};
use core::ffi::{c_int, c_void};
use pgrx::pg_sys;
use pgrx::pg_sys::{MemoryContext, Oid, Relation, TriggerData};

/// What a TRUNCATE has dealt with. It fires the triggers of each table that it names and of all their partitions, and each
/// row is recorded once. It lives in the memory of the statement's executor state, which all these triggers share, and
/// so ends with the statement, whatever commands other triggers run meanwhile.
struct Done {
    statement: MemoryContext,
    collections: Oids,
    relations: Oids,
    outer: *mut Done,
    ended: pg_sys::MemoryContextCallback,
}

/// A list in memory of the statement.
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
    unsafe fn add(&mut self, statement: MemoryContext, item: Oid) -> bool {
        // SAFETY: the array has room for `capacity` and holds `count`.
        unsafe {
            if self.position(item).is_some() {
                return false;
            }
            if self.count == self.capacity {
                let capacity = (self.capacity * 2).max(64);
                let bytes = capacity * size_of::<Oid>();
                self.items = if self.items.is_null() {
                    raw::MemoryContextAllocHuge(statement, bytes).cast()
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

    fn position(&self, item: Oid) -> Option<usize> {
        // SAFETY: the array holds `count`.
        (0..self.count).find(|at| unsafe { *self.items.add(*at) } == item)
    }
}

/// The statements in progress, the innermost first.
static STATEMENTS: Global<*mut Done> = Global::new(core::ptr::null_mut());

/// What the statement of the trigger at hand has dealt with.
unsafe fn done() -> &'static mut Done {
    // SAFETY: a trigger runs in the per-tuple context of its executor state, a child of the state's own.
    unsafe {
        let statement = (*pg_sys::CurrentMemoryContext).parent;
        let mut known = *STATEMENTS.get();
        while !known.is_null() {
            if (*known).statement == statement {
                return &mut *known;
            }
            known = (*known).outer;
        }
        let before = raw::switch_to(statement);
        let done: *mut Done = raw::alloc_array(1);
        raw::switch_to(before);
        done.write(Done {
            statement,
            collections: Oids::new(),
            relations: Oids::new(),
            outer: *STATEMENTS.get(),
            ended: pg_sys::MemoryContextCallback::default(),
        });
        (*done).ended.func = Some(end);
        (*done).ended.arg = done.cast();
        raw::MemoryContextRegisterResetCallback(statement, &raw mut (*done).ended);
        *STATEMENTS.get() = done;
        &mut *done
    }
}

/// Takes a statement off the list before its memory goes.
unsafe extern "C-unwind" fn end(done: *mut c_void) {
    // SAFETY: the list holds the statements whose memory is there.
    unsafe {
        let mut link: *mut *mut Done = STATEMENTS.get();
        while !(*link).is_null() {
            if (*link).cast::<c_void>() == done {
                *link = (**link).outer;
                return;
            }
            link = &raw mut (**link).outer;
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
        let done = done();
        let statement = done.statement;
        if !partitioned && !done.relations.add(statement, (*relation).rd_id) {
            return;
        }
        if done
            .collections
            .add(statement, Oid::from(tracked.collection as u32))
        {
            Draft::new(Some(tracked.collection), command, action::TRUNCATE).push();
        }
        if partitioned {
            leaves(done, relation, tracked.collection, command);
        } else {
            rows(relation, tracked, command);
        }
        capture::end_statement(command);
    }
}

/// Records the rows of every partition, also of those that have no trigger of their own yet.
unsafe fn leaves(done: &mut Done, root: Relation, collection: i32, command: u32) {
    // SAFETY: TRUNCATE has locked the partitions.
    unsafe {
        let desc = raw::RelationGetPartitionDesc(root, true);
        for index in 0..usize::try_from((*desc).nparts).unwrap_or(0) {
            let relid = *(*desc).oids.add(index);
            let partition = raw::relation_open(relid, pg_sys::NoLock as c_int);
            match (*(*partition).rd_rel).relkind as u8 {
                pg_sys::RELKIND_PARTITIONED_TABLE => leaves(done, partition, collection, command),
                pg_sys::RELKIND_RELATION if done.relations.add(done.statement, relid) => {
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
