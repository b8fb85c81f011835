//! The fields of a record and how each lies in it, interned in `directus_versions.layout`.
//!
//! A record names its layout by number, so that it can be read whatever became of the table since.

use super::arguments::elements;
use super::catalog::{self, Table};
use super::index;
use super::raw::{self, Global};
use super::relation::Tracked;
use super::scope;
use super::sequence;
use super::stored::{self, Kind};
use super::types::{self, TypeInfo};
use crate::error::Error;
use core::ffi::c_int;
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, MemoryContext, Oid, ScanKeyData};

/// A field of a layout, as a reader sees it.
pub(super) struct Field {
    pub(super) name: &'static [u8],
    pub(super) kind: Kind,
    pub(super) len: i16,
    pub(super) byval: bool,
    /// The type whose stored bytes a record has; invalid for JSON and masked fields.
    pub(super) typid: Oid,
    /// How they become JSON; null for JSON and masked fields.
    pub(super) info: *mut TypeInfo,
}

impl Field {
    /// The type as the table has it.
    pub(super) fn stored(&self) -> i32 {
        match self.kind {
            Kind::Mask => stored::MASK,
            Kind::Json => stored::JSON,
            Kind::Fixed | Kind::Varlena => self.typid.to_u32() as i32,
        }
    }
}

/// The fields of a record, in the order in which jsonb wants their names.
pub(super) struct Layout {
    pub(super) id: i32,
    pub(super) fields: &'static [Field],
}

// SAFETY: a backend runs one thread.
unsafe impl Sync for Layout {}

struct Memory {
    /// Layouts that were read, in memory of the backend.
    known: *mut *const Layout,
    count: usize,
    capacity: usize,
    context: MemoryContext,
    /// Holds the memory of what was forgotten until the transaction ends: a reader may still use it.
    retired: MemoryContext,
    /// Counts how often what relations remember became void.
    epoch: u64,
    /// A layout was written by a transaction that may still abort.
    uncommitted: bool,
}

static MEMORY: Global<Memory> = Global::new(Memory {
    known: core::ptr::null_mut(),
    count: 0,
    capacity: 0,
    context: core::ptr::null_mut(),
    retired: core::ptr::null_mut(),
    epoch: 1,
    uncommitted: false,
});

/// Keeps what relations remember: the rows are committed.
pub(super) fn commit() {
    MEMORY.get().uncommitted = false;
}

/// Forgets what a transaction that aborts may have written.
pub(super) fn abort() {
    abort_subtransaction();
    MEMORY.get().uncommitted = false;
}

/// Lets relations look their layouts up again, which a subtransaction that aborts may have written. What was read stays: nothing
/// has the number of a layout that is gone, and no other layout gets it. What is found again may be of the transaction itself, so
/// that is not over yet.
pub(super) fn abort_subtransaction() {
    let memory = MEMORY.get();
    if memory.uncommitted {
        memory.epoch += 1;
    }
}

/// Forgets all, for the table is not the one it was. Allocates and frees nothing, since it runs within any call that takes
/// a lock.
pub(super) fn forget() {
    let memory = MEMORY.get();
    memory.epoch += 1;
    memory.known = core::ptr::null_mut();
    memory.count = 0;
    memory.capacity = 0;
    if !memory.context.is_null() {
        // SAFETY: both contexts are there.
        unsafe { raw::MemoryContextSetParent(memory.context, memory.retired) };
        memory.context = core::ptr::null_mut();
    }
}

/// Frees what was forgotten in the transaction.
pub(super) fn end_transaction() {
    let memory = MEMORY.get();
    if !memory.retired.is_null() {
        // SAFETY: nobody reads a record between transactions.
        unsafe { raw::MemoryContextDeleteChildren(memory.retired) };
    }
}

/// The id of the layout of a relation's records.
///
/// # Safety
/// Must run in a transaction that may write.
pub(super) unsafe fn id_of(tracked: &Tracked) -> i32 {
    let (id, epoch) = tracked.layout.get();
    if epoch == MEMORY.get().epoch {
        return id;
    }
    // SAFETY: see above.
    unsafe {
        let fields = || tracked.saved().map(|column| (column.name(), column.stored));
        let id = intern(fields);
        tracked.layout.set((id, MEMORY.get().epoch));
        id
    }
}

/// The id of a layout of these fields: name and type.
///
/// # Safety
/// Must run in a transaction that may write.
pub(super) unsafe fn intern<'a, F>(fields: impl Fn() -> F) -> i32
where
    F: Iterator<Item = (&'a [u8], i32)>,
{
    let hash = fields().fold(0, |seed, (name, stored)| {
        let len = c_int::try_from(name.len()).unwrap_or(0);
        // SAFETY: reads the bytes given; the hash is the server's own and stable.
        unsafe { raw::hash_bytes_extended(name.as_ptr(), len, seed) }
            .wrapping_add(i64::from(stored) as u64)
    });
    // SAFETY: see above.
    unsafe {
        match find(hash, &fields) {
            Some(id) => id,
            None => insert(hash, &fields),
        }
    }
}

/// Reads the rows of the table with a value in a column that an index is on; ends when `read` returns something.
unsafe fn search<T>(
    index: Table,
    condition: ScanKeyData,
    mut read: impl FnMut(i32, &'static [&'static [u8]], &'static [i32]) -> Option<T>,
) -> Option<T> {
    // SAFETY: the columns are those of sql/tables.sql.
    unsafe {
        let snapshot = index::latest();
        index::search(Table::Layout, index, condition, snapshot, |tuple, desc| {
            let natts = (*desc).natts as usize;
            let values: *mut Datum = raw::alloc_array(natts);
            let nulls: *mut bool = raw::alloc_array(natts);
            raw::heap_deform_tuple(tuple, desc, values, nulls);
            read(
                (*values).value() as i32,
                scope::names(*values.add(2)),
                numbers(*values.add(3)),
            )
        })
    }
}

/// The elements of an `int[]` without NULLs.
unsafe fn numbers(datum: Datum) -> &'static [i32] {
    // SAFETY: the datum is such an array; the copy of it outlives the scan.
    unsafe {
        let copy = Datum::from(raw::pg_detoast_datum_copy(datum.cast_mut_ptr()));
        let values = elements(copy, pg_sys::INT4OID, 4);
        let numbers: *mut i32 = raw::alloc_array(values.len());
        for (index, value) in values.iter().enumerate() {
            *numbers.add(index) = value.value() as i32;
        }
        core::slice::from_raw_parts(numbers, values.len())
    }
}

unsafe fn find<'a, F>(hash: u64, fields: &impl Fn() -> F) -> Option<i32>
where
    F: Iterator<Item = (&'a [u8], i32)>,
{
    // SAFETY: the index is on the column `hash`.
    unsafe {
        search(
            Table::LayoutHash,
            index::equals(2, pg_sys::F_INT8EQ, Datum::from(hash as i64)),
            |id, names, types| {
                let known = names.iter().copied().zip(types.iter().copied());
                fields().eq(known).then_some(id)
            },
        )
    }
}

unsafe fn insert<'a, F>(hash: u64, fields: &impl Fn() -> F) -> i32
where
    F: Iterator<Item = (&'a [u8], i32)>,
{
    // SAFETY: the row has the columns of sql/tables.sql; no right is needed to write below SQL.
    unsafe {
        let (Some(table), Some(ids)) =
            (catalog::oid(Table::Layout), catalog::oid(Table::LayoutIds))
        else {
            return 0;
        };
        let id = sequence::take(ids, 1) as i32;
        let count = fields().count();
        let names: *mut Datum = raw::alloc_array(count);
        let types: *mut Datum = raw::alloc_array(count);
        for (index, (name, stored)) in fields().enumerate() {
            let len = c_int::try_from(name.len()).unwrap_or(0);
            *names.add(index) =
                Datum::from(raw::cstring_to_text_with_len(name.as_ptr().cast(), len));
            *types.add(index) = Datum::from(stored);
        }
        let relation = raw::relation_open(table, pg_sys::RowExclusiveLock as c_int);
        let desc = (*relation).rd_att;
        let natts = ((*desc).natts as usize).max(4);
        let values: *mut Datum = raw::alloc_array(natts);
        let nulls: *mut bool = raw::alloc_array(natts);
        for index in 4..natts {
            *nulls.add(index) = true;
        }
        let count = c_int::try_from(count).unwrap_or(0);
        let align = pg_sys::TYPALIGN_INT as core::ffi::c_char;
        *values = Datum::from(id);
        *values.add(1) = Datum::from(hash as i64);
        *values.add(2) = Datum::from(raw::construct_array(
            names,
            count,
            pg_sys::TEXTOID,
            -1,
            false,
            align,
        ));
        *values.add(3) = Datum::from(raw::construct_array(
            types,
            count,
            pg_sys::INT4OID,
            4,
            true,
            align,
        ));
        let tuple = raw::heap_form_tuple(desc, values, nulls);
        MEMORY.get().uncommitted = true;
        raw::CatalogTupleInsert(relation, tuple);
        raw::relation_close(relation, pg_sys::NoLock as c_int);
        id
    }
}

/// The layout of that id, without fields for 0; raises XX000 where there is none.
///
/// # Safety
/// Must run in a transaction.
pub(super) unsafe fn read(id: i32) -> &'static Layout {
    static NONE: Layout = Layout { id: 0, fields: &[] };
    if id == 0 {
        return &NONE;
    }
    // SAFETY: what is known stays in memory of the backend.
    unsafe {
        for index in 0..MEMORY.get().count {
            let known = *MEMORY.get().known.add(index);
            if (*known).id == id {
                return &*known;
            }
        }
        let found = search(
            Table::LayoutKey,
            index::equals(1, pg_sys::F_INT4EQ, Datum::from(id)),
            |id, names, types| Some(keep(id, names, types)),
        );
        found.unwrap_or_else(|| Error::Broken { part: "layout" }.raise())
    }
}

/// Keeps a layout in memory of the backend, unless what is known was forgotten while it was put together.
unsafe fn keep(id: i32, names: &[&[u8]], types: &[i32]) -> &'static Layout {
    // SAFETY: until it is complete it is memory of the call, which an error frees.
    unsafe {
        let epoch = MEMORY.get().epoch;
        let own = raw::new_context(pg_sys::CurrentMemoryContext, c"directus_versions layout");
        let before = raw::switch_to(own);
        let layout = put_together(id, names, types);
        raw::switch_to(before);
        let memory = MEMORY.get();
        if memory.retired.is_null() {
            memory.retired = raw::new_context(
                pg_sys::TopMemoryContext,
                c"directus_versions retired layouts",
            );
        }
        if memory.epoch != epoch {
            raw::MemoryContextSetParent(own, memory.retired);
            return &*layout;
        }
        if memory.context.is_null() {
            memory.context =
                raw::new_context(pg_sys::TopMemoryContext, c"directus_versions layouts");
        }
        if memory.count == memory.capacity {
            let capacity = (memory.capacity * 2).max(16);
            let bytes = capacity * size_of::<*const Layout>();
            let more: *mut *const Layout = raw::MemoryContextAlloc(memory.context, bytes).cast();
            core::ptr::copy_nonoverlapping(memory.known, more, memory.count);
            memory.known = more;
            memory.capacity = capacity;
        }
        raw::MemoryContextSetParent(own, memory.context);
        *memory.known.add(memory.count) = layout;
        memory.count += 1;
        &*layout
    }
}

/// Makes a layout in the current memory context. What it looks up may let go of what is known.
unsafe fn put_together(id: i32, names: &[&[u8]], types: &[i32]) -> *mut Layout {
    // SAFETY: all of it lies in that memory.
    unsafe {
        let count = names.len().min(types.len());
        let fields: *mut Field = raw::alloc_array(count);
        for index in 0..count {
            let (kind, len, byval) = stored::kind(types[index]);
            let name: *mut u8 = raw::alloc_array(names[index].len());
            core::ptr::copy_nonoverlapping(names[index].as_ptr(), name, names[index].len());
            let is_stored = matches!(kind, Kind::Fixed | Kind::Varlena);
            let typid = if is_stored {
                Oid::from(types[index] as u32)
            } else {
                pg_sys::InvalidOid
            };
            fields.add(index).write(Field {
                name: core::slice::from_raw_parts(name, names[index].len()),
                kind,
                len,
                byval,
                typid,
                info: if is_stored {
                    types::describe(typid)
                } else {
                    core::ptr::null_mut()
                },
            });
        }
        let layout: *mut Layout = raw::alloc_array(1);
        layout.write(Layout {
            id,
            fields: core::slice::from_raw_parts(fields, count),
        });
        layout
    }
}
