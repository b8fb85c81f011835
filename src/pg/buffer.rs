//! Rows of the log that wait to be written together.
//!
//! A row belongs to the subtransaction in which it was captured and is written by that one alone, or by the parent
//! that takes it over: a savepoint that rolls back takes its rows with it, and no others.

use super::actor;
use super::raw::{self, Global};
use super::slots;
use super::store;
use pgrx::pg_sys;
use pgrx::pg_sys::{HeapTuple, MemoryContext, SubTransactionId};

const MAX_ROWS: usize = slots::MOST;
const MAX_BYTES: usize = 1 << 20;

#[derive(Clone, Copy)]
struct Entry {
    tuple: HeapTuple,
    subtransaction: SubTransactionId,
}

struct Buffer {
    entries: *mut Entry,
    count: usize,
    capacity: usize,
    bytes: usize,
    context: MemoryContext,
}

static BUFFER: Global<Buffer> = Global::new(Buffer {
    entries: core::ptr::null_mut(),
    count: 0,
    capacity: 0,
    bytes: 0,
    context: core::ptr::null_mut(),
});

/// The memory in which buffered rows are made.
///
/// # Safety
/// Must run in a backend.
pub(super) unsafe fn context() -> MemoryContext {
    let buffer = BUFFER.get();
    if buffer.context.is_null() {
        // SAFETY: lives as long as the backend.
        buffer.context =
            unsafe { raw::new_context(pg_sys::TopMemoryContext, c"directus_versions buffer") };
    }
    buffer.context
}

/// Whether anything waits to be written.
pub(super) fn is_pending() -> bool {
    BUFFER.get().count > 0 || super::moved::is_pending()
}

/// Takes a row that lies in [`context`], and writes what has gathered once it is much.
///
/// # Safety
/// The tuple must be of the log's row type.
pub(super) unsafe fn push(tuple: HeapTuple) {
    // SAFETY: the array is grown before it is full.
    unsafe {
        let subtransaction = raw::GetCurrentSubTransactionId();
        if BUFFER.get().count == BUFFER.get().capacity {
            grow();
        }
        let buffer = BUFFER.get();
        *buffer.entries.add(buffer.count) = Entry {
            tuple,
            subtransaction,
        };
        buffer.count += 1;
        buffer.bytes += (*tuple).t_len as usize;
        if buffer.count >= MAX_ROWS || buffer.bytes >= MAX_BYTES {
            flush();
        }
    }
}

unsafe fn grow() {
    // SAFETY: the array lives in memory of the backend and moves as a whole.
    unsafe {
        let buffer = BUFFER.get();
        let capacity = (buffer.capacity * 2).max(MAX_ROWS);
        let bytes = capacity * size_of::<Entry>();
        buffer.entries = if buffer.entries.is_null() {
            raw::MemoryContextAllocHuge(pg_sys::TopMemoryContext, bytes).cast()
        } else {
            raw::repalloc_huge(buffer.entries.cast(), bytes).cast()
        };
        buffer.capacity = capacity;
    }
}

/// Writes the rows of the current subtransaction.
///
/// # Safety
/// Must run in a transaction that may write.
pub(super) unsafe fn flush() {
    // SAFETY: rows leave the buffer before they are written, so an error cannot write them twice.
    unsafe {
        if BUFFER.get().count == 0 {
            return;
        }
        let tuples = take(raw::GetCurrentSubTransactionId());
        let mut rest = &mut *tuples;
        while let Some(first) = rest.first() {
            let at = time_of(*first);
            let Some(partition) = store::partition(at) else {
                break;
            };
            let same = rest
                .iter()
                .take_while(|tuple| store::partition(time_of(**tuple)) == Some(partition))
                .count();
            let (now, later) = rest.split_at_mut(same.clamp(1, slots::MOST));
            store::insert(partition, now);
            rest = later;
        }
        raw::pfree(tuples.as_mut_ptr().cast());
        clear_if_empty();
    }
}

/// The time of a row: its second column, behind eight bytes of id.
///
/// # Safety
/// The tuple must be of the log's row type.
pub(super) unsafe fn time_of(tuple: HeapTuple) -> i64 {
    // SAFETY: the first two columns of the log are int8 and timestamptz, never NULL.
    unsafe {
        let header = (*tuple).t_data;
        header
            .cast::<u8>()
            .add(usize::from((*header).t_hoff) + 8)
            .cast::<i64>()
            .read_unaligned()
    }
}

/// Removes the rows of a subtransaction from the buffer and returns them in order, in palloc'd memory.
unsafe fn take(subtransaction: SubTransactionId) -> &'static mut [HeapTuple] {
    // SAFETY: both arrays have room for `count` entries.
    unsafe {
        let tuples: *mut HeapTuple = raw::alloc_array(BUFFER.get().count);
        let buffer = BUFFER.get();
        let mut taken = 0;
        let mut kept = 0;
        for index in 0..buffer.count {
            let entry = *buffer.entries.add(index);
            if entry.subtransaction == subtransaction {
                *tuples.add(taken) = entry.tuple;
                taken += 1;
                buffer.bytes -= (*entry.tuple).t_len as usize;
            } else {
                *buffer.entries.add(kept) = entry;
                kept += 1;
            }
        }
        buffer.count = kept;
        core::slice::from_raw_parts_mut(tuples, taken)
    }
}

unsafe fn clear_if_empty() {
    let buffer = BUFFER.get();
    if buffer.count == 0 {
        buffer.bytes = 0;
        if !buffer.context.is_null() {
            // SAFETY: no row is left in it.
            unsafe { raw::MemoryContextReset(buffer.context) };
        }
    }
}

/// Hands the rows of a committed subtransaction to its parent.
pub(super) fn commit_subtransaction(child: SubTransactionId, parent: SubTransactionId) {
    let buffer = BUFFER.get();
    for index in 0..buffer.count {
        // SAFETY: within the array.
        unsafe {
            let entry = buffer.entries.add(index);
            if (*entry).subtransaction == child {
                (*entry).subtransaction = parent;
            }
        }
    }
    super::moved::commit_subtransaction(child, parent);
}

/// Drops the rows of a subtransaction that rolled back.
pub(super) fn abort_subtransaction(child: SubTransactionId) {
    let buffer = BUFFER.get();
    let mut kept = 0;
    for index in 0..buffer.count {
        // SAFETY: within the array; the memory of what is dropped goes with the context.
        unsafe {
            let entry = *buffer.entries.add(index);
            if entry.subtransaction == child {
                buffer.bytes -= (*entry.tuple).t_len as usize;
            } else {
                *buffer.entries.add(kept) = entry;
                kept += 1;
            }
        }
    }
    buffer.count = kept;
    super::moved::abort_subtransaction(child);
    actor::abort_subtransaction();
}

/// Forgets all at the end of the transaction.
pub(super) fn end_transaction() {
    BUFFER.get().count = 0;
    super::moved::clear();
    // SAFETY: nothing is left in the buffer.
    unsafe { clear_if_empty() };
}
