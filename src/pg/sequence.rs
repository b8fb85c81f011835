//! Takes numbers from one of our sequences, several at once.
//!
//! `nextval` would change what `lastval()` of the user's session returns, and costs a call per number. This follows
//! `nextval_internal` of commands/sequence.c for a sequence that counts up by one without a cache.

use super::raw;
use core::ffi::{c_char, c_int};
use pgrx::pg_sys;
use pgrx::pg_sys::Oid;

/// Numbers written to the log ahead of their use (`SEQ_LOG_VALS`).
const LOGGED_AHEAD: i64 = 32;
const EXCLUSIVE: c_int = 2;
const XLOG_SEQ_LOG: u8 = 0;

#[repr(C)]
struct SequenceData {
    last_value: i64,
    log_cnt: i64,
    is_called: bool,
}

/// Takes `count` consecutive numbers and returns the first.
///
/// # Safety
/// Must run in a transaction; `sequence` must be a sequence with increment 1.
pub(super) unsafe fn take(sequence: Oid, count: i64) -> i64 {
    // SAFETY: the page of a sequence holds one tuple, changed under an exclusive lock of its buffer.
    unsafe {
        let relation = raw::relation_open(sequence, pg_sys::RowExclusiveLock as c_int);
        if needs_wal(relation) {
            // The commit must wait for the record written below.
            raw::GetTopTransactionId();
        }
        let buffer = raw::ReadBuffer(relation, 0);
        raw::LockBuffer(buffer, EXCLUSIVE);
        let page = pg_sys::BufferBlocks.add((buffer as usize - 1) * pg_sys::BLCKSZ as usize);
        let (tuple, length) = first_item(page);
        let header: pg_sys::HeapTupleHeader = tuple.cast();
        let data: *mut SequenceData = tuple.add(usize::from((*header).t_hoff)).cast();

        let first = if (*data).is_called {
            (*data).last_value + 1
        } else {
            (*data).last_value
        };
        let last = first + count - 1;
        let mut logged = (*data).log_cnt - count;
        let page_lsn = lsn(page);
        let log = logged < 0 || !(*data).is_called || page_lsn <= raw::GetRedoRecPtr();
        if log {
            logged = LOGGED_AHEAD;
        }

        pg_sys::CritSectionCount += 1;
        raw::MarkBufferDirty(buffer);
        if log && needs_wal(relation) {
            (*data).last_value = last + logged;
            (*data).is_called = true;
            (*data).log_cnt = 0;
            let mut identity = crate::compat::file_identity(relation);
            raw::XLogBeginInsert();
            raw::XLogRegisterBuffer(0, buffer, pg_sys::REGBUF_WILL_INIT as u8);
            register(identity.as_mut_ptr().cast(), size_of_val(&identity));
            register(tuple, length);
            let record = raw::XLogInsert(pg_sys::RmgrIds::RM_SEQ_ID as u8, XLOG_SEQ_LOG);
            set_lsn(page, record);
        }
        (*data).last_value = last;
        (*data).is_called = true;
        (*data).log_cnt = logged;
        pg_sys::CritSectionCount -= 1;

        raw::UnlockReleaseBuffer(buffer);
        raw::relation_close(relation, pg_sys::NoLock as c_int);
        first
    }
}

/// `RelationNeedsWAL` of a relation whose storage is not new in this transaction.
unsafe fn needs_wal(relation: pg_sys::Relation) -> bool {
    // SAFETY: the relation is open.
    unsafe { (*(*relation).rd_rel).relpersistence == pg_sys::RELPERSISTENCE_PERMANENT as c_char }
}

/// The first item of a page and its length (storage/itemid.h: 15 bits offset, 2 bits flags, 15 bits length).
unsafe fn first_item(page: *mut c_char) -> (*mut c_char, usize) {
    // SAFETY: the item pointers of a page begin behind its header of 24 bytes.
    unsafe {
        let item = page.add(24).cast::<u32>().read_unaligned();
        (page.add((item & 0x7FFF) as usize), (item >> 17) as usize)
    }
}

/// `PageGetLSN`: two halves, the upper one first.
unsafe fn lsn(page: *mut c_char) -> u64 {
    // SAFETY: a page begins with its LSN.
    unsafe {
        let halves = page.cast::<[u32; 2]>().read_unaligned();
        u64::from(halves[0]) << 32 | u64::from(halves[1])
    }
}

unsafe fn set_lsn(page: *mut c_char, record: u64) {
    // SAFETY: a page begins with its LSN.
    unsafe {
        page.cast::<[u32; 2]>()
            .write_unaligned([(record >> 32) as u32, record as u32]);
    }
}

/// `XLogRegisterData`, whose length is an int up to 15 and unsigned since 16: the same register either way.
unsafe fn register(data: *mut c_char, length: usize) {
    unsafe extern "C-unwind" {
        fn XLogRegisterData(data: *mut c_char, length: u32);
    }
    // SAFETY: the data stays where it is until XLogInsert.
    unsafe { XLogRegisterData(data, length as u32) };
}
