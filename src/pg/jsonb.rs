//! Writes jsonb in its binary form straight into memory of `PostgreSQL`.
//!
//! The format is that of utils/jsonb.h and `convertToJsonb` in `jsonb_util.c`. Writing it directly spares the tree of
//! `JsonbValue`s, the sort of the keys of every object and a second copy, and lets a value that would not fit be
//! taken back instead of raising.

use super::raw;
use core::ffi::c_void;
use pgrx::pg_sys;

/// A jsonb's parts hold at most this many bytes (`JENTRY_OFFLENMASK`).
pub(crate) const MAX_BYTES: usize = 0x0FFF_FFFF;

const OBJECT: u32 = 0x2000_0000;
const ARRAY: u32 = 0x4000_0000;
const SCALAR: u32 = 0x1000_0000;
const HAS_OFFSET: u32 = 0x8000_0000;
const TYPE_MASK: u32 = 0x7000_0000;
const LENGTH_MASK: u32 = 0x0FFF_FFFF;
const OFFSET_STRIDE: usize = 32;

const STRING: u32 = 0;
const NUMERIC: u32 = 0x1000_0000;
const FALSE: u32 = 0x2000_0000;
const TRUE: u32 = 0x3000_0000;
const NULL: u32 = 0x4000_0000;
const CONTAINER: u32 = 0x5000_0000;

/// A jsonb being written. It owns palloc'd memory and has no destructor, so an error may pass over it.
#[derive(Clone, Copy)]
pub(super) struct Writer {
    data: *mut u8,
    len: usize,
    capacity: usize,
    /// Bytes the value at hand may grow to; beyond it nothing is written and `overflowed` is set.
    limit: usize,
    overflowed: bool,
}

/// An object or array whose header is written and whose entries follow.
#[derive(Clone, Copy)]
pub(super) struct Container {
    start: usize,
    entries: usize,
    slots: usize,
    used: usize,
    total: usize,
}

impl Writer {
    /// Starts a jsonb in `context`.
    ///
    /// # Safety
    /// The context must outlive the writer.
    pub(super) unsafe fn new(context: pg_sys::MemoryContext, capacity: usize) -> Self {
        // SAFETY: allocates or raises.
        let data = unsafe { raw::MemoryContextAllocHuge(context, capacity.max(64)) }.cast();
        // The varlena header is filled in by `finish`.
        Self {
            data,
            len: 4,
            capacity: capacity.max(64),
            limit: MAX_BYTES,
            overflowed: false,
        }
    }

    /// Forgets what was written and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.len = 4;
        self.limit = MAX_BYTES;
        self.overflowed = false;
    }

    fn reserve(&mut self, more: usize) {
        if self.len + more > self.capacity {
            let capacity = (self.len + more).max(self.capacity * 2);
            // SAFETY: `data` came from palloc; the call raises when there is no memory.
            self.data = unsafe { raw::repalloc_huge(self.data.cast::<c_void>(), capacity) }.cast();
            self.capacity = capacity;
        }
    }

    fn fits(&mut self, more: usize) -> bool {
        if self.overflowed || self.len + more > self.limit {
            self.overflowed = true;
            return false;
        }
        self.reserve(more);
        true
    }

    pub(super) fn append(&mut self, bytes: &[u8]) {
        if self.fits(bytes.len()) {
            // SAFETY: `fits` made room, and the source is other memory.
            unsafe {
                core::ptr::copy_nonoverlapping(
                    bytes.as_ptr(),
                    self.data.add(self.len),
                    bytes.len(),
                );
            }
            self.len += bytes.len();
        }
    }

    /// Appends `len` bytes for the caller to fill, and returns where they begin.
    fn append_room(&mut self, len: usize) -> Option<*mut u8> {
        if !self.fits(len) {
            return None;
        }
        // SAFETY: `fits` made room.
        let room = unsafe { self.data.add(self.len) };
        self.len += len;
        Some(room)
    }

    fn pad(&mut self) {
        let padding = self.len.wrapping_neg() & 3;
        self.append(&[0; 3][..padding]);
    }

    fn put_u32(&mut self, at: usize, value: u32) {
        if !self.overflowed {
            // SAFETY: `at` lies in what was reserved; palloc'd memory is aligned and `at` a multiple of 4.
            unsafe { self.data.add(at).cast::<u32>().write_unaligned(value) };
        }
    }

    fn open(&mut self, flag: u32, count: usize, slots: usize) -> Container {
        let start = self.len;
        self.pad();
        let header = u32::try_from(count).unwrap_or(u32::MAX) & LENGTH_MASK | flag;
        self.append(&header.to_ne_bytes());
        let entries = self.len;
        if let Some(room) = self.append_room(slots * 4) {
            // SAFETY: `append_room` returned that many bytes.
            unsafe { core::ptr::write_bytes(room, 0, slots * 4) };
        }
        Container {
            start,
            entries,
            slots,
            used: 0,
            total: 0,
        }
    }

    /// Begins an object of `pairs` pairs: all its keys follow in jsonb's order, then as many values.
    pub(super) fn open_object(&mut self, pairs: usize) -> Container {
        self.open(OBJECT, pairs, pairs * 2)
    }

    /// Begins an array of `elements` values.
    pub(super) fn open_array(&mut self, elements: usize) -> Container {
        self.open(ARRAY, elements, elements)
    }

    /// Begins a root that holds one scalar.
    pub(super) fn open_scalar(&mut self) -> Container {
        self.open(ARRAY | SCALAR, 1, 1)
    }

    /// Enters a key or value that was just appended, given its type and length.
    pub(super) fn entry(&mut self, container: &mut Container, entry: u32) {
        let length = (entry & LENGTH_MASK) as usize;
        container.total += length;
        if container.total > MAX_BYTES {
            self.overflowed = true;
        }
        debug_assert!(container.used < container.slots);
        let meta = if container.used.is_multiple_of(OFFSET_STRIDE) {
            entry & TYPE_MASK
                | HAS_OFFSET
                | u32::try_from(container.total).unwrap_or(0) & LENGTH_MASK
        } else {
            entry
        };
        self.put_u32(container.entries + container.used * 4, meta);
        container.used += 1;
    }

    /// Ends an object or array and returns the entry for the container that holds it.
    pub(super) fn close(&mut self, container: Container) -> u32 {
        self.sized(CONTAINER, container.start)
    }

    fn sized(&mut self, kind: u32, start: usize) -> u32 {
        let length = self.len - start;
        if length > MAX_BYTES {
            self.overflowed = true;
            return kind;
        }
        kind | u32::try_from(length).unwrap_or(0)
    }

    pub(super) fn key(&mut self, container: &mut Container, name: &[u8]) {
        let entry = self.string(name);
        self.entry(container, entry);
    }

    pub(super) fn string(&mut self, text: &[u8]) -> u32 {
        let start = self.len;
        self.append(text);
        self.sized(STRING, start)
    }

    /// Ends a string of which the bytes were appended.
    pub(super) fn string_from(&mut self, start: usize) -> u32 {
        self.sized(STRING, start)
    }

    /// What was appended since.
    pub(super) fn bytes_from(&self, start: usize) -> &[u8] {
        // SAFETY: so much was written.
        unsafe { core::slice::from_raw_parts(self.data.add(start), self.len - start) }
    }

    pub(super) fn null() -> u32 {
        NULL
    }

    pub(super) fn boolean(value: bool) -> u32 {
        if value { TRUE } else { FALSE }
    }

    /// Writes bytes as `\x` and hexadecimal digits.
    pub(super) fn hex(&mut self, prefix: &[u8], bytes: &[u8]) -> u32 {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let start = self.len;
        self.append(prefix);
        if let Some(room) = self.append_room(bytes.len() * 2) {
            for (index, byte) in bytes.iter().enumerate() {
                // SAFETY: `append_room` returned two bytes for each.
                unsafe {
                    *room.add(index * 2) = DIGITS[usize::from(byte >> 4)];
                    *room.add(index * 2 + 1) = DIGITS[usize::from(byte & 15)];
                }
            }
        }
        self.sized(STRING, start)
    }

    /// Writes an integer as the numeric that `int8_numeric` would make of it.
    pub(super) fn integer(&mut self, value: i64) -> u32 {
        let start = self.len;
        self.pad();
        let mut digits = [0u16; 5];
        let mut count = 0;
        let mut rest = value.unsigned_abs();
        while rest > 0 {
            digits[count] = (rest % 10_000) as u16;
            rest /= 10_000;
            count += 1;
        }
        // Trailing groups of zeros are not stored; the weight stands for them (numeric.c, strip_var).
        let weight = count.saturating_sub(1) as u16;
        let mut lowest = 0;
        while lowest < count && digits[lowest] == 0 {
            lowest += 1;
        }
        let sign = if value < 0 { 0x2000 } else { 0 };
        let stored = count - lowest;
        let size = 6 + stored * 2;
        let mut bytes = [0u8; 16];
        bytes[..4].copy_from_slice(&((size as u32) << 2).to_ne_bytes());
        bytes[4..6].copy_from_slice(&(0x8000u16 | sign | weight).to_ne_bytes());
        for index in 0..stored {
            let at = 6 + index * 2;
            bytes[at..at + 2].copy_from_slice(&digits[count - 1 - index].to_ne_bytes());
        }
        self.append(&bytes[..size]);
        self.sized(NUMERIC, start)
    }

    /// Writes a numeric given its bytes behind the varlena header.
    pub(super) fn numeric(&mut self, payload: &[u8]) -> u32 {
        let start = self.len;
        self.pad();
        let header = (u32::try_from(payload.len() + 4).unwrap_or(0)) << 2;
        self.append(&header.to_ne_bytes());
        self.append(payload);
        self.sized(NUMERIC, start)
    }

    /// Writes a stored jsonb, given its bytes behind the varlena header, as a value within this one.
    pub(super) fn jsonb(&mut self, root: &[u8]) -> u32 {
        let header = u32::from_ne_bytes([root[0], root[1], root[2], root[3]]);
        let start = self.len;
        if header & SCALAR == 0 {
            self.pad();
            self.append(root);
            return self.sized(CONTAINER, start);
        }
        let entry = u32::from_ne_bytes([root[4], root[5], root[6], root[7]]);
        let kind = entry & TYPE_MASK;
        if kind == NUMERIC || kind == CONTAINER {
            self.pad();
        }
        self.append(&root[8..]);
        self.sized(kind, start)
    }

    /// Whether the value just written at `start` is an array.
    pub(super) fn is_array(&self, start: usize, entry: u32) -> bool {
        if entry & TYPE_MASK != CONTAINER || self.overflowed {
            return false;
        }
        // SAFETY: a container begins with its header, on the next multiple of four.
        let header = unsafe {
            self.data
                .add(start.next_multiple_of(4))
                .cast::<u32>()
                .read_unaligned()
        };
        header & ARRAY != 0
    }

    /// Begins a value that may be taken back, and allows it `budget` bytes.
    pub(super) fn begin_value(&mut self, budget: usize) -> usize {
        self.overflowed = false;
        self.limit = self.len.saturating_add(budget).min(MAX_BYTES);
        self.len
    }

    /// Ends such a value: false when it did not fit, in which case it is gone again.
    pub(super) fn end_value(&mut self, start: usize) -> bool {
        let fitted = !self.overflowed;
        if !fitted {
            self.len = start;
            self.overflowed = false;
        }
        self.limit = MAX_BYTES;
        fitted
    }

    /// Marks the value at hand as one that does not fit.
    pub(super) fn overflow(&mut self) {
        self.overflowed = true;
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Gives the memory back.
    ///
    /// # Safety
    /// No copy of the writer may be used again.
    pub(super) unsafe fn free(self) {
        // SAFETY: `data` came from palloc.
        unsafe { raw::pfree(self.data.cast()) };
    }

    /// Ends the jsonb and returns its datum, which lies in the writer's memory.
    pub(super) fn finish(&mut self) -> pg_sys::Datum {
        let header = u32::try_from(self.len).unwrap_or(0) << 2;
        // SAFETY: `new` left four bytes for the header.
        unsafe { self.data.cast::<u32>().write_unaligned(header) };
        pg_sys::Datum::from(self.data)
    }

    /// Ends a root of one scalar; an object or array in it becomes the root itself.
    pub(super) fn finish_value(&mut self, entry: u32) -> pg_sys::Datum {
        const BEHIND_ROOT: usize = 12;
        if entry & TYPE_MASK == CONTAINER {
            // SAFETY: the container begins behind the root's header and its one entry.
            unsafe {
                let from = self.data.add(BEHIND_ROOT);
                core::ptr::copy(from, self.data.add(4), self.len - BEHIND_ROOT);
            }
            self.len -= BEHIND_ROOT - 4;
        }
        self.finish()
    }

    /// The container behind the varlena header.
    pub(super) fn root(&self) -> *mut pg_sys::JsonbContainer {
        // SAFETY: `new` left four bytes for the header.
        unsafe { self.data.add(4) }.cast()
    }
}

/// Orders keys as jsonb does: shorter first, then by bytes (`lengthCompareJsonbStringValue`).
pub(super) fn key_order(a: &[u8], b: &[u8]) -> core::cmp::Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}
