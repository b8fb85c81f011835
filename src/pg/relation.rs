//! What the capture path knows of a tracked relation, kept per backend until the relation's cache entry is invalidated.

use super::column::{self, Column, Treatment};
use super::key;
use super::raw::{self, Global};
use super::scope::{self, Accountability, Scope};
use core::cell::Cell;
use core::ffi::c_int;
use pgrx::pg_sys;
use pgrx::pg_sys::{MemoryContext, Oid, Relation};

/// A relation that takes part in a collection: the tracked table, a partition or an inheritance child of it.
pub(super) struct Tracked {
    pub(super) relid: Oid,
    valid: bool,
    pub(super) collection: i32,
    /// The row trigger that records; another one made by hand does not record a second time.
    pub(super) row_trigger: Oid,
    pub(super) accountability: Accountability,
    pub(super) always_snapshot: bool,
    pub(super) natts: usize,
    columns: *mut Column,
    count: usize,
    keys: *mut usize,
    key_count: usize,
    /// The layout of its records, and since when it is known (see `layout`).
    pub(super) layout: Cell<(i32, u64)>,
    context: MemoryContext,
}

impl Tracked {
    /// The columns that exist, in the order in which jsonb wants their names.
    pub(super) fn columns(&self) -> &[Column] {
        // SAFETY: written by `build`, freed with the entry.
        unsafe { core::slice::from_raw_parts(self.columns, self.count) }
    }

    /// The columns that a record has, in the order of its layout.
    pub(super) fn saved(&self) -> impl Iterator<Item = &Column> {
        self.columns().iter().filter(|column| column.is_saved())
    }

    /// Positions in `columns` of the key's columns, in the key's order.
    pub(super) fn keys(&self) -> &[usize] {
        // SAFETY: written by `build`, freed with the entry.
        unsafe { core::slice::from_raw_parts(self.keys, self.key_count) }
    }
}

const FIRST_SLOTS: usize = 256;
const ROW_TYPES: usize = 512;

/// Entries by a hash of the relation's OID; those that collide stand in a chain of slots.
struct Cache {
    entries: *mut *mut Tracked,
    /// A power of two, or 0 before the first use.
    slots: usize,
    count: usize,
    /// Counts invalidations, for those that come while something is looked up.
    generation: u64,
    context: MemoryContext,
    /// Holds the memory of entries that were replaced, until the transaction ends: a caller may still use them.
    retired: MemoryContext,
    /// The relations of composite types within columns; when there are more, any change counts for all.
    row_types: [Oid; ROW_TYPES],
    row_type_count: usize,
}

static CACHE: Global<Cache> = Global::new(Cache {
    entries: core::ptr::null_mut(),
    slots: 0,
    count: 0,
    generation: 0,
    context: core::ptr::null_mut(),
    retired: core::ptr::null_mut(),
    row_types: [pg_sys::InvalidOid; ROW_TYPES],
    row_type_count: 0,
});

impl Cache {
    fn entries(&mut self) -> &mut [*mut Tracked] {
        if self.slots == 0 {
            return &mut [];
        }
        // SAFETY: the array has that many slots.
        unsafe { core::slice::from_raw_parts_mut(self.entries, self.slots) }
    }

    /// The slot of a relation, or the free one where it belongs. There is always a free one.
    fn slot_of(&mut self, relid: Oid) -> usize {
        let mask = self.slots - 1;
        let mut slot = (relid.to_u32().wrapping_mul(0x9E37_79B1) >> 8) as usize & mask;
        loop {
            let entry = self.entries()[slot];
            // SAFETY: entries are valid or null.
            if entry.is_null() || unsafe { (*entry).relid } == relid {
                return slot;
            }
            slot = (slot + 1) & mask;
        }
    }

    /// Makes room, so that a quarter of the slots at least stays free.
    unsafe fn grow(&mut self) {
        if self.slots > 0 && self.count < self.slots / 4 * 3 {
            return;
        }
        // SAFETY: the new array takes over all entries before the old one goes.
        unsafe {
            if self.context.is_null() {
                self.context =
                    raw::new_context(pg_sys::CacheMemoryContext, c"directus_versions relations");
                self.retired =
                    raw::new_context(self.context, c"directus_versions retired relations");
            }
            let (before, slots) = (self.entries, self.slots);
            let bytes = (slots * 2).max(FIRST_SLOTS) * size_of::<*mut Tracked>();
            self.entries = raw::MemoryContextAlloc(self.context, bytes).cast();
            core::ptr::write_bytes(self.entries.cast::<u8>(), 0, bytes);
            self.slots = (slots * 2).max(FIRST_SLOTS);
            for index in 0..slots {
                let entry = *before.add(index);
                if !entry.is_null() {
                    let slot = self.slot_of((*entry).relid);
                    self.entries()[slot] = entry;
                }
            }
            if !before.is_null() {
                raw::pfree(before.cast());
            }
        }
    }
}

/// Counts the invalidations so far.
pub(super) fn generation() -> u64 {
    CACHE.get().generation
}

/// Forgets what is known of a relation, or of all where `relid` is invalid. Allocates and frees nothing, since it
/// runs within any call that takes a lock.
pub(super) fn invalidate(relid: Oid) {
    let cache = CACHE.get();
    cache.generation += 1;
    let known = &cache.row_types[..cache.row_type_count.min(ROW_TYPES)];
    // A composite type that changed may be part of any of them.
    let all =
        relid == pg_sys::InvalidOid || known.contains(&relid) || cache.row_type_count > ROW_TYPES;
    if cache.slots == 0 {
        return;
    }
    if !all {
        let slot = cache.slot_of(relid);
        let entry = cache.entries()[slot];
        if !entry.is_null() {
            // SAFETY: entries are valid or null.
            unsafe { (*entry).valid = false };
        }
        return;
    }
    for entry in cache.entries() {
        if !entry.is_null() {
            // SAFETY: entries are valid or null.
            unsafe { (**entry).valid = false };
        }
    }
}

/// Remembers that columns of the composite type with this relation are taken apart.
pub(super) fn uses_row_type(relid: Oid) {
    let cache = CACHE.get();
    let known = cache.row_type_count.min(ROW_TYPES);
    if !cache.row_types[..known].contains(&relid) {
        if known < ROW_TYPES {
            cache.row_types[known] = relid;
        }
        cache.row_type_count += 1;
    }
}

/// What is known of `relation`; read from the catalogs when nothing is.
///
/// # Safety
/// The relation must be open and locked. `capture` is the OID of the row trigger's function.
pub(super) unsafe fn tracked(relation: Relation, capture: Oid) -> *mut Tracked {
    // SAFETY: a relation in use has an OID; entries own their contexts.
    unsafe {
        let relid = (*relation).rd_id;
        if CACHE.get().slots > 0 {
            let slot = CACHE.get().slot_of(relid);
            let entry = CACHE.get().entries()[slot];
            if !entry.is_null() && (*entry).valid {
                return entry;
            }
        }
        CACHE.get().grow();
        // Until it is complete it is memory of the row at hand, which an error frees.
        let context = raw::new_context(pg_sys::CurrentMemoryContext, c"directus_versions relation");
        let generation = generation();
        let entry = build(relation, capture, context);
        let cache = CACHE.get();
        // What was invalidated meanwhile serves this once.
        (*entry).valid = cache.generation == generation;
        raw::MemoryContextSetParent(context, cache.context);
        let slot = cache.slot_of(relid);
        let before = core::mem::replace(&mut cache.entries()[slot], entry);
        if before.is_null() {
            cache.count += 1;
        } else {
            raw::MemoryContextSetParent((*before).context, cache.retired);
        }
        entry
    }
}

/// Frees what was replaced in the transaction.
pub(super) fn end_transaction() {
    let cache = CACHE.get();
    if !cache.retired.is_null() {
        // SAFETY: nobody uses an entry between transactions.
        unsafe { raw::MemoryContextDeleteChildren(cache.retired) };
    }
}

unsafe fn build(relation: Relation, capture: Oid, context: MemoryContext) -> *mut Tracked {
    // SAFETY: the relation is open; all memory is of the entry's context.
    unsafe {
        let before = raw::switch_to(context);
        let entry: *mut Tracked = raw::alloc_array(1);
        let desc = (*relation).rd_att;
        let natts = (*desc).natts as usize;
        entry.write(Tracked {
            relid: (*relation).rd_id,
            valid: true,
            collection: 0,
            row_trigger: pg_sys::InvalidOid,
            accountability: Accountability::None,
            always_snapshot: false,
            natts,
            columns: core::ptr::NonNull::dangling().as_ptr(),
            count: 0,
            keys: core::ptr::NonNull::dangling().as_ptr(),
            key_count: 0,
            layout: Cell::new((0, 0)),
            context,
        });
        let entry_ref = &mut *entry;
        let (scope, row_trigger) = collection_of(relation, capture)
            .unwrap_or((Scope::untracked((*relation).rd_id), pg_sys::InvalidOid));
        entry_ref.row_trigger = row_trigger;
        entry_ref.collection = scope.collection;
        entry_ref.accountability = scope.accountability;
        entry_ref.always_snapshot = scope.always_snapshot;
        (entry_ref.columns, entry_ref.count) = column::read(desc, &scope);
        read_keys(entry_ref, relation, &scope);
        raw::switch_to(before);
        entry
    }
}

/// Chooses the collection among those whose row trigger stands on the relation: each row is recorded once, by the
/// topmost table when both a table and its parent are tracked.
unsafe fn collection_of(relation: Relation, capture: Oid) -> Option<(Scope, Oid)> {
    // SAFETY: the list lies in the current memory context.
    unsafe {
        let mut own = None;
        for &(collection, trigger) in row_triggers(relation, capture) {
            let Some(scope) = scope::read_again(collection) else {
                continue;
            };
            if !scope.tracked {
                continue;
            }
            if scope.relation != (*relation).rd_id {
                // A trigger made by hand may name any collection.
                if descends(relation, scope.relation) {
                    return Some((scope, trigger));
                }
            } else if own.is_none() {
                own = Some((scope, trigger));
            }
        }
        own
    }
}

/// The collection and the OID of each row trigger of ours on a relation, in the current memory context. A copy: an
/// invalidation that comes while a scope is read makes the server replace the relation's own.
unsafe fn row_triggers(relation: Relation, capture: Oid) -> &'static [(i32, Oid)] {
    // SAFETY: nothing is looked up while the trigger descriptor is read; there is room for all of it.
    unsafe {
        let desc = (*relation).trigdesc;
        if desc.is_null() {
            return &[];
        }
        let triggers = core::slice::from_raw_parts((*desc).triggers, (*desc).numtriggers as usize);
        let found: *mut (i32, Oid) = raw::alloc_array(triggers.len());
        let mut count = 0;
        for trigger in triggers {
            if trigger.tgfoid == capture && trigger.tgnargs >= 1 {
                found.add(count).write((argument(trigger), trigger.tgoid));
                count += 1;
            }
        }
        core::slice::from_raw_parts(found, count)
    }
}

/// Whether a relation is a partition or inheritance child of another, at any depth.
unsafe fn descends(relation: Relation, ancestor: Oid) -> bool {
    // SAFETY: catalog look-ups.
    unsafe {
        if ancestor == pg_sys::InvalidOid {
            return false;
        }
        let relid = (*relation).rd_id;
        (*(*relation).rd_rel).relispartition
            && pg_sys::list_member_oid(raw::get_partition_ancestors(relid), ancestor)
            || pg_sys::list_member_oid(
                raw::find_all_inheritors(ancestor, pg_sys::NoLock as c_int, core::ptr::null_mut()),
                relid,
            )
    }
}

/// The collection that a trigger of ours names in its argument.
pub(super) unsafe fn argument(trigger: &pg_sys::Trigger) -> i32 {
    // SAFETY: the caller checked that there is an argument.
    let text = unsafe { core::ffi::CStr::from_ptr(*trigger.tgargs) };
    text.to_str()
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}

/// Finds the key's columns by name, since a partition may have them at other positions than its root.
unsafe fn read_keys(entry: &mut Tracked, relation: Relation, scope: &Scope) {
    // SAFETY: memory is of the entry's context.
    unsafe {
        let names = if scope.key.is_empty() {
            key::root_key(relation, scope)
        } else {
            scope.key
        };
        let names = if names.is_empty() {
            scope.last_key
        } else {
            names
        };
        entry.keys = raw::alloc_array(names.len());
        for name in names {
            // An item is told in clear.
            if let Some(at) = entry
                .columns()
                .iter()
                .position(|column| column.name() == *name && column.treatment != Treatment::Mask)
            {
                *entry.keys.add(entry.key_count) = at;
                entry.key_count += 1;
            } else {
                // What is left of a key would name several rows alike.
                entry.key_count = 0;
                break;
            }
        }
        // Of rows that go by one name, nothing is told by what came before.
        entry.always_snapshot |= entry.key_count == 0;
    }
}
