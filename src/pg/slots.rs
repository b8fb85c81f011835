//! Slots for the rows that are inserted together, kept between inserts: making one costs as much as filling it.

use super::raw::{self, Global};
use pgrx::pg_sys;
use pgrx::pg_sys::{HeapTuple, MemoryContext, TupleDesc, TupleTableSlot};

struct Slots {
    items: *mut *mut TupleTableSlot,
    made: usize,
    context: MemoryContext,
}

/// As many rows as are inserted at once.
pub(super) const MOST: usize = 1000;

static SLOTS: Global<Slots> = Global::new(Slots {
    items: core::ptr::null_mut(),
    made: 0,
    context: core::ptr::null_mut(),
});

/// Puts rows into slots, which free them when they are cleared.
///
/// # Safety
/// The row type must stay until [`forget`], and there must be at most as many rows as the buffer takes.
pub(super) unsafe fn fill(
    desc: TupleDesc,
    tuples: &[HeapTuple],
) -> &'static mut [*mut TupleTableSlot] {
    // SAFETY: slots live in their own context, with a row type that is not counted.
    unsafe {
        let slots = SLOTS.get();
        if slots.context.is_null() {
            slots.context = raw::new_context(pg_sys::TopMemoryContext, c"directus_versions slots");
        }
        let before = raw::switch_to(slots.context);
        if slots.items.is_null() {
            slots.items = raw::alloc_array(MOST);
        }
        let count = tuples.len().min(MOST);
        while slots.made < count {
            *slots.items.add(slots.made) =
                raw::MakeSingleTupleTableSlot(desc, &raw const pg_sys::TTSOpsHeapTuple);
            slots.made += 1;
        }
        raw::switch_to(before);
        let filled = core::slice::from_raw_parts_mut(slots.items, count);
        for (slot, tuple) in filled.iter().zip(tuples) {
            // A slot that frees its tuple need not copy it.
            raw::ExecStoreHeapTuple(*tuple, *slot, true);
        }
        filled
    }
}

/// Empties slots.
///
/// # Safety
/// They must be those of the last [`fill`].
pub(super) unsafe fn clear(filled: &mut [*mut TupleTableSlot]) {
    for slot in filled {
        // SAFETY: see above.
        unsafe { raw::clear_slot(*slot) };
    }
}

/// Gives all slots up: their row type goes, or an error left rows in them of which the memory is gone.
pub(super) fn forget() {
    let slots = SLOTS.get();
    slots.items = core::ptr::null_mut();
    slots.made = 0;
    if !slots.context.is_null() {
        // SAFETY: no slot is in use.
        unsafe { raw::MemoryContextReset(slots.context) };
    }
}
