//! The macros of postgres.h for values of variable length, on a little-endian server.

/// The kinds of varlena header (postgres.h, `VARATT_IS_…`) of a little-endian server.
pub(super) unsafe fn is_external(pointer: *const u8) -> bool {
    // SAFETY: a varlena has at least one byte.
    unsafe { *pointer == 1 }
}

unsafe fn is_short(pointer: *const u8) -> bool {
    // SAFETY: a varlena has at least one byte.
    unsafe { *pointer & 1 == 1 }
}

/// Tells whether the bytes behind the header are the value itself, neither compressed nor elsewhere.
pub(super) unsafe fn is_plain(pointer: *const u8) -> bool {
    // SAFETY: a varlena has at least one byte.
    unsafe { !is_external(pointer) && (is_short(pointer) || (*pointer).trailing_zeros() >= 2) }
}

/// `VARSIZE_ANY`: the bytes it takes where it lies, header included.
pub(super) unsafe fn varsize(pointer: *const u8) -> usize {
    // SAFETY: the caller passes a varlena; the header tells which form it has.
    unsafe {
        if is_external(pointer) {
            // Tag 18 (on disk) is followed by a varatt_external of 16 bytes; the others point into memory.
            if *pointer.add(1) == 18 { 18 } else { 10 }
        } else if is_short(pointer) {
            usize::from(*pointer >> 1)
        } else {
            (pointer.cast::<u32>().read_unaligned() >> 2) as usize
        }
    }
}

/// `VARDATA_ANY` and `VARSIZE_ANY_EXHDR` of a value that is neither compressed nor external.
pub(super) unsafe fn payload<'a>(pointer: *const u8) -> &'a [u8] {
    // SAFETY: the caller passes a detoasted varlena that outlives the use of the slice.
    unsafe {
        let header = if is_short(pointer) { 1 } else { 4 };
        core::slice::from_raw_parts(pointer.add(header), varsize(pointer) - header)
    }
}
