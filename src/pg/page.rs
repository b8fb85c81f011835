//! Reads the rows on a range of a table's pages, or looks at them without asking who can see them, which is much cheaper.

use super::raw;
use core::ffi::{c_char, c_int};
use pgrx::pg_sys;
use pgrx::pg_sys::{HeapTuple, HeapTupleHeader, Relation};

pub(super) struct Pages {
    heap: Relation,
    strategy: pg_sys::BufferAccessStrategy,
}

/// `BUFFER_LOCK_SHARE`
const SHARE: c_int = 1;

impl Pages {
    /// The pages of a table that is open; a large one does not push all else out of the server's memory.
    ///
    /// # Safety
    /// Must run in a transaction.
    pub(super) unsafe fn of(heap: Relation, blocks: u32) -> Self {
        // SAFETY: allocates or raises.
        unsafe {
            let is_large = i64::from(blocks) > i64::from(pg_sys::NBuffers) / 4;
            let strategy = if is_large {
                pg_sys::GetAccessStrategy(pg_sys::BufferAccessStrategyType::BAS_BULKREAD)
            } else {
                core::ptr::null_mut()
            };
            Self { heap, strategy }
        }
    }

    /// Whether `wanted` holds for a row on a page, be it of a transaction that can be seen or not.
    ///
    /// # Safety
    /// The table must have the block; `wanted` must not raise.
    pub(super) unsafe fn any(&self, block: u32, wanted: impl Fn(HeapTupleHeader) -> bool) -> bool {
        // SAFETY: the page stays as it is while it is locked.
        unsafe {
            raw::check_for_interrupts();
            let fork = pg_sys::ForkNumber::MAIN_FORKNUM;
            let mode = pg_sys::ReadBufferMode::RBM_NORMAL;
            let buffer = raw::ReadBufferExtended(self.heap, fork, block, mode, self.strategy);
            raw::LockBuffer(buffer, SHARE);
            let found = rows(pg_sys::BufferGetPage(buffer)).any(wanted);
            raw::UnlockReleaseBuffer(buffer);
            found
        }
    }
}

/// Bytes before a page's line pointers (storage/bufpage.h); their end is told at byte 12.
const HEADER: usize = 24;
const LOWER: usize = 12;
/// A line pointer (storage/itemid.h): 15 bits offset, 2 bits flags, 15 bits length.
const OFFSET: u32 = 0x7FFF;
const FLAGS_SHIFT: u32 = 15;
const LENGTH_SHIFT: u32 = 17;
/// `LP_NORMAL`
const NORMAL: u32 = 1;

unsafe fn rows(page: *mut c_char) -> impl Iterator<Item = HeapTupleHeader> {
    // SAFETY: a page's header tells where its line pointers end; a new page is all zeros.
    unsafe {
        let lower = usize::from(page.add(LOWER).cast::<u16>().read());
        (HEADER..lower.max(HEADER))
            .step_by(4)
            .filter_map(move |at| {
                let pointer = page.add(at).cast::<u32>().read();
                let is_row = pointer >> FLAGS_SHIFT & 3 == NORMAL && pointer >> LENGTH_SHIFT > 0;
                is_row.then(|| page.add((pointer & OFFSET) as usize).cast())
            })
    }
}

/// Bits of a scan's flags (access/tableam.h): a sequential scan, a strategy for large tables, a page at a time.
const SCAN_FLAGS: u32 = 1 | 1 << 6 | 1 << 8;

/// Gives each row on a range of pages that can be seen to `action`. It is valid until `action` returns.
///
/// # Safety
/// Must run in a transaction with an active snapshot; the table must be open.
pub(super) unsafe fn each_row(
    heap: Relation,
    start: u32,
    count: u32,
    mut action: impl FnMut(HeapTuple),
) {
    if count == 0 {
        return;
    }
    // SAFETY: the heap is open.
    unsafe {
        let none = core::ptr::null_mut();
        let snapshot = raw::GetActiveSnapshot();
        let scan = raw::heap_beginscan(heap, snapshot, 0, none, core::ptr::null_mut(), SCAN_FLAGS);
        raw::heap_setscanlimits(scan, start, count);
        loop {
            let tuple = raw::heap_getnext(scan, pg_sys::ScanDirection::ForwardScanDirection);
            if tuple.is_null() {
                break;
            }
            action(tuple);
        }
        raw::heap_endscan(scan);
    }
}
