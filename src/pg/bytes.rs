//! A growing run of bytes in memory of `PostgreSQL`.

use super::raw;
use core::ffi::c_void;
use pgrx::pg_sys;

/// Where a varlena's bytes begin: its header is filled in at the end.
const HEADER: usize = 4;

/// It owns palloc'd memory and has no destructor, so an error may pass over it.
#[derive(Clone, Copy)]
pub(super) struct Bytes {
    data: *mut u8,
    len: usize,
    capacity: usize,
}

impl Bytes {
    /// Starts a run in `context`.
    ///
    /// # Safety
    /// The context must outlive it.
    pub(super) unsafe fn new(context: pg_sys::MemoryContext, capacity: usize) -> Self {
        // SAFETY: allocates or raises.
        let data = unsafe { raw::MemoryContextAllocHuge(context, capacity) }.cast();
        Self {
            data,
            len: HEADER,
            capacity,
        }
    }

    /// Forgets what was written and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.len = HEADER;
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    #[inline]
    fn reserve(&mut self, more: usize) {
        if self.len + more > self.capacity {
            let capacity = (self.len + more).max(self.capacity * 2);
            // SAFETY: `data` came from palloc; the call raises when there is no memory.
            self.data = unsafe { raw::repalloc_huge(self.data.cast::<c_void>(), capacity) }.cast();
            self.capacity = capacity;
        }
    }

    #[inline]
    pub(super) fn append(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        // SAFETY: there is room, and the source is other memory.
        unsafe {
            core::ptr::copy_nonoverlapping(bytes.as_ptr(), self.data.add(self.len), bytes.len());
        }
        self.len += bytes.len();
    }

    #[inline]
    pub(super) fn push(&mut self, byte: u8) {
        self.append(&[byte]);
    }

    /// Appends a number in groups of seven bits, the lowest first.
    #[inline]
    pub(super) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.push(number as u8);
    }

    /// Appends zeroed bytes and returns where they begin.
    pub(super) fn zeros(&mut self, count: usize) -> usize {
        self.reserve(count);
        // SAFETY: there is room.
        unsafe { core::ptr::write_bytes(self.data.add(self.len), 0, count) };
        self.len += count;
        self.len - count
    }

    /// Sets a bit of the bytes at a position that [`Bytes::zeros`] returned.
    pub(super) fn set_bit(&mut self, start: usize, bit: usize) {
        debug_assert!(start + bit / 8 < self.len);
        // SAFETY: the caller names a bit of the bytes appended there.
        unsafe { *self.data.add(start + bit / 8) |= 1 << (bit % 8) };
    }

    /// Ends the run as a varlena and returns its datum, which lies in this memory.
    pub(super) fn finish(&mut self) -> pg_sys::Datum {
        let header = u32::try_from(self.len).unwrap_or(0) << 2;
        // SAFETY: `new` left four bytes for the header.
        unsafe { self.data.cast::<u32>().write_unaligned(header) };
        pg_sys::Datum::from(self.data)
    }

    /// Gives the memory back.
    ///
    /// # Safety
    /// No copy may be used again.
    pub(super) unsafe fn free(self) {
        // SAFETY: `data` came from palloc.
        unsafe { raw::pfree(self.data.cast()) };
    }
}
