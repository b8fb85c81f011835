//! The text that names an item: its primary key (DESIGN.md 2 and 3.9).

use super::jsonb::Writer;
use super::raw;
use super::relation::Tracked;
use super::row::Values;
use super::types::{Form, TypeInfo};
use super::value;
use core::ffi::{CStr, c_int};
use pgrx::pg_sys;
use pgrx::pg_sys::Datum;

/// Names longer than this are abbreviated to their beginning and a hash: an entry of the index on (collection, item, id)
/// takes 2,704 bytes at most, and a key that its own index accepts must not be refused by ours.
const MAX_INDEXED: usize = 2500;
const KEPT: usize = 400;

pub(super) fn is_short(item: &[u8]) -> bool {
    item.len() <= MAX_INDEXED
}

/// The beginning of a long name and the SHA-256 of all of it.
///
/// # Safety
/// Must run in a backend.
pub(super) unsafe fn shortened(item: &[u8]) -> &'static [u8] {
    // SAFETY: sha256_bytea takes any varlena.
    unsafe {
        let whole = raw::cstring_to_text_with_len(
            item.as_ptr().cast(),
            c_int::try_from(item.len()).unwrap_or(0),
        );
        let digest =
            raw::payload(raw::call1(raw::sha256_bytea, Datum::from(whole)).cast_mut_ptr::<u8>());
        let mut cut = KEPT;
        while cut > 0 && item[cut] & 0xC0 == 0x80 {
            cut -= 1;
        }
        let text: *mut u8 = raw::alloc_array(cut + 1 + digest.len() * 2);
        core::ptr::copy_nonoverlapping(item.as_ptr(), text, cut);
        *text.add(cut) = b'#';
        for (index, byte) in digest.iter().enumerate() {
            *text.add(cut + 1 + index * 2) = b"0123456789abcdef"[usize::from(byte >> 4)];
            *text.add(cut + 2 + index * 2) = b"0123456789abcdef"[usize::from(byte & 15)];
        }
        core::slice::from_raw_parts(text, cut + 1 + digest.len() * 2)
    }
}

/// The item text of a row, in the current memory context.
///
/// # Safety
/// The values must be of the tracked relation.
pub(super) unsafe fn text(tracked: &Tracked, row: Values) -> &'static [u8] {
    let keys = tracked.keys();
    // SAFETY: see above.
    unsafe {
        if let [key] = keys {
            let column = &tracked.columns()[*key];
            return match row.get(column.index) {
                Some(value) => scalar(column.info, value),
                None => b"null",
            };
        }
        let mut out = Writer::new(pg_sys::CurrentMemoryContext, 256);
        let mut array = out.open_array(keys.len());
        for key in keys {
            let column = &tracked.columns()[*key];
            let entry = match row.get(column.index) {
                Some(value) => value::write_column(&mut out, column.info, value, keys.len()).0,
                None => Writer::null(),
            };
            out.entry(&mut array, entry);
        }
        out.close(array);
        out.finish();
        json_text(&out)
    }
}

/// A single key: a string or number as it stands, all else as JSON.
unsafe fn scalar(info: *mut TypeInfo, value: Datum) -> &'static [u8] {
    // SAFETY: the value is of the type.
    unsafe {
        match (*info).form {
            Form::Int2 => integer(i64::from(value.value() as i16)),
            Form::Int4 => integer(i64::from(value.value() as i32)),
            Form::Int8 => integer(value.value() as i64),
            Form::Text => copy(raw::payload(
                raw::pg_detoast_datum_packed(value.cast_mut_ptr()).cast::<u8>(),
            )),
            _ => {
                let mut out = Writer::new(pg_sys::CurrentMemoryContext, 256);
                let mut root = out.open_scalar();
                let (entry, _) = value::write_column(&mut out, info, value, 0);
                out.entry(&mut root, entry);
                unquoted(out.finish())
            }
        }
    }
}

/// The text of the value in a jsonb that was written as a scalar, as `#>> '{}'` gives it.
unsafe fn unquoted(jsonb: Datum) -> &'static [u8] {
    // Types of an entry (utils/jsonb.h).
    const TYPE: u32 = 0x7000_0000;
    const STRING: u32 = 0;
    const CONTAINER: u32 = 0x5000_0000;
    // SAFETY: the root is that of a jsonb just written; what it holds follows its header and its only entry.
    unsafe {
        let root = raw::payload(jsonb.cast_mut_ptr::<u8>());
        let entry = u32::from_ne_bytes([root[4], root[5], root[6], root[7]]);
        match entry & TYPE {
            STRING => copy(&root[8..]),
            CONTAINER => text_of(&root[8..]),
            _ => text_of(root),
        }
    }
}

unsafe fn json_text(out: &Writer) -> &'static [u8] {
    // SAFETY: the writer holds a whole jsonb.
    unsafe {
        let root = core::slice::from_raw_parts(out.root().cast::<u8>(), out.len());
        text_of(root)
    }
}

/// The text of an array or object of jsonb.
unsafe fn text_of(container: &[u8]) -> &'static [u8] {
    // SAFETY: the bytes are a container.
    unsafe {
        let text = raw::JsonbToCString(
            core::ptr::null_mut(),
            container.as_ptr().cast_mut().cast(),
            c_int::try_from(container.len()).unwrap_or(0),
        );
        CStr::from_ptr(text).to_bytes()
    }
}

unsafe fn integer(value: i64) -> &'static [u8] {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        at -= 1;
        digits[at] = b'-';
    }
    // SAFETY: copies into palloc'd memory.
    unsafe { copy(&digits[at..]) }
}

unsafe fn copy(bytes: &[u8]) -> &'static [u8] {
    // SAFETY: palloc'd memory of that size.
    unsafe {
        let copy: *mut u8 = raw::palloc(bytes.len().max(1)).cast();
        core::ptr::copy_nonoverlapping(bytes.as_ptr(), copy, bytes.len());
        core::slice::from_raw_parts(copy, bytes.len())
    }
}
