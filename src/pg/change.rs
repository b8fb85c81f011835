//! Finds out whether a stored value differs from another, by its bytes alone (as `datum_image_eq` of datum.c does),
//! so that it needs no operator of the type and no setting changes the answer.

use super::raw;
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, HeapTuple};

const HAS_NULL: u16 = 1;
const NATTS_MASK: u16 = 0x07FF;
/// The null bitmap begins behind this many bytes of a tuple's header (`SizeofHeapTupleHeader`).
const HEADER: usize = 23;

/// Tells whether two rows of one relation have the same bytes, without taking them apart.
///
/// # Safety
/// Both must be valid tuples.
pub(super) unsafe fn same_row(old: HeapTuple, new: HeapTuple) -> bool {
    // SAFETY: a tuple has `t_len` bytes from its header on.
    unsafe {
        if (*old).t_len != (*new).t_len {
            return false;
        }
        let (a, b) = ((*old).t_data, (*new).t_data);
        if ((*a).t_infomask ^ (*b).t_infomask) & HAS_NULL != 0
            || ((*a).t_infomask2 ^ (*b).t_infomask2) & NATTS_MASK != 0
            || (*a).t_hoff != (*b).t_hoff
        {
            return false;
        }
        let len = (*old).t_len as usize - HEADER;
        same_bytes(a.cast::<u8>().add(HEADER), b.cast::<u8>().add(HEADER), len)
    }
}

/// Tells whether two values that are not NULL have the same bytes. `TOASTed` values that are the same one on disk are
/// not fetched.
///
/// # Safety
/// Both must be datums of a type with this length.
pub(super) unsafe fn same_value(byval: bool, len: i16, old: Datum, new: Datum) -> bool {
    if byval {
        // Bits beyond the type's own depend on who made the datum.
        return old.value() == new.value() || word(len, old) == word(len, new);
    }
    // SAFETY: a datum by reference points to its bytes.
    unsafe {
        let (a, b) = (old.cast_mut_ptr::<u8>(), new.cast_mut_ptr::<u8>());
        match len {
            -1 => same_varlena(a, b),
            -2 => {
                core::ffi::CStr::from_ptr(a.cast::<core::ffi::c_char>())
                    == core::ffi::CStr::from_ptr(b.cast::<core::ffi::c_char>())
            }
            _ => same_bytes(a, b, usize::try_from(len).unwrap_or(0)),
        }
    }
}

/// The bytes of a value in a register that are its own.
fn word(len: i16, value: Datum) -> u64 {
    let word = value.value() as u64;
    match len {
        1 => u64::from(word as u8),
        2 => u64::from(word as u16),
        4 => u64::from(word as u32),
        _ => word,
    }
}

unsafe fn same_varlena(a: *mut u8, b: *mut u8) -> bool {
    // SAFETY: both point to a varlena.
    unsafe {
        let (size_a, size_b) = (raw::varsize(a), raw::varsize(b));
        if size_a == size_b && same_bytes(a, b, size_a) {
            return true;
        }
        if raw::is_plain(a) && raw::is_plain(b) {
            return raw::payload(a) == raw::payload(b);
        }
        if raw::toast_raw_datum_size(Datum::from(a)) != raw::toast_raw_datum_size(Datum::from(b)) {
            return false;
        }
        let full_a = raw::pg_detoast_datum_packed(a.cast()).cast::<u8>();
        let full_b = raw::pg_detoast_datum_packed(b.cast()).cast::<u8>();
        let same = raw::payload(full_a) == raw::payload(full_b);
        for (full, given) in [(full_a, a), (full_b, b)] {
            if full != given {
                raw::pfree(full.cast());
            }
        }
        same
    }
}

unsafe fn same_bytes(a: *const u8, b: *const u8, len: usize) -> bool {
    // SAFETY: the caller vouches for `len` bytes behind each.
    unsafe { core::slice::from_raw_parts(a, len) == core::slice::from_raw_parts(b, len) }
}

/// The command that made this row version, or ended it.
///
/// The snapshot's command would not do: rows that a foreign key's action changes are captured under the statement
/// that set it off.
///
/// # Safety
/// The tuple must be the one on the page, written by this transaction.
pub(super) unsafe fn command_of(
    relation: pg_sys::Relation,
    tuple: HeapTuple,
    deleted: bool,
) -> u32 {
    // SAFETY: see above; a snapshot is active while triggers run.
    unsafe {
        let header = (*tuple).t_data;
        let heap = (*(*relation).rd_rel).relam == pg_sys::HEAP_TABLE_AM_OID;
        let frozen =
            u32::from((*header).t_infomask) & pg_sys::HEAP_XMIN_FROZEN == pg_sys::HEAP_XMIN_FROZEN;
        if !heap || (frozen && !deleted) {
            // COPY FREEZE leaves no command in the row.
            return if raw::ActiveSnapshotSet() {
                (*raw::GetActiveSnapshot()).curcid
            } else {
                raw::GetCurrentCommandId(false)
            };
        }
        if deleted {
            raw::HeapTupleHeaderGetCmax(header)
        } else {
            raw::HeapTupleHeaderGetCmin(header)
        }
    }
}

/// Tells whether the deleted row went on to another partition (`HeapTupleHeaderIndicatesMovedPartitions`).
///
/// # Safety
/// The tuple must be the one on the page.
pub(super) unsafe fn has_moved(tuple: HeapTuple) -> bool {
    // SAFETY: see above.
    unsafe {
        let ctid = (*(*tuple).t_data).t_ctid;
        ctid.ip_posid == 0xFFFD && ctid.ip_blkid.bi_hi == 0xFFFF && ctid.ip_blkid.bi_lo == 0xFFFF
    }
}
