//! jsonb as text in UTF-8, for what is worked out on texts, and back.

use super::raw;
use core::ffi::{CStr, c_char, c_int};
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, varlena};

/// The text of a jsonb.
///
/// # Safety
/// The datum must be a jsonb.
pub(super) unsafe fn text(jsonb: Datum) -> &'static str {
    // SAFETY: the text is palloc'd, as its conversion is.
    unsafe {
        let bytes = raw::pg_detoast_datum(jsonb.cast_mut_ptr::<varlena>()).cast::<u8>();
        let size = c_int::try_from(raw::varsize(bytes)).unwrap_or(c_int::MAX);
        let text = raw::JsonbToCString(core::ptr::null_mut(), bytes.add(4).cast(), size);
        let len = c_int::try_from(CStr::from_ptr(text).count_bytes()).unwrap_or(c_int::MAX);
        let text = raw::pg_server_to_any(text, len, pg_sys::pg_enc::PG_UTF8 as c_int);
        CStr::from_ptr(text).to_str().unwrap_or("null")
    }
}

/// A text of the server's encoding in UTF-8.
///
/// # Safety
/// Must run in a backend.
pub(super) unsafe fn utf8(text: &[u8]) -> &'static str {
    // SAFETY: the copy ends with a zero, as its conversion does.
    unsafe {
        let len = c_int::try_from(text.len()).unwrap_or(c_int::MAX);
        let converted =
            raw::pg_server_to_any(terminated(text), len, pg_sys::pg_enc::PG_UTF8 as c_int);
        CStr::from_ptr(converted).to_str().unwrap_or_default()
    }
}

/// A text in the server's encoding.
///
/// # Safety
/// Must run in a backend.
pub(super) unsafe fn server(text: &str) -> &'static [u8] {
    // SAFETY: the copy ends with a zero, as its conversion does.
    unsafe {
        let len = c_int::try_from(text.len()).unwrap_or(c_int::MAX);
        let bytes = terminated(text.as_bytes());
        let converted = raw::pg_any_to_server(bytes, len, pg_sys::pg_enc::PG_UTF8 as c_int);
        CStr::from_ptr(converted).to_bytes()
    }
}

/// Names in the server's encoding.
///
/// # Safety
/// Must run in a backend.
pub(super) unsafe fn server_names(names: &[&str]) -> &'static [&'static [u8]] {
    // SAFETY: an array of as many slices.
    unsafe {
        let copies: *mut &'static [u8] = raw::alloc_array(names.len());
        for (index, name) in names.iter().enumerate() {
            copies.add(index).write(server(name));
        }
        core::slice::from_raw_parts(copies, names.len())
    }
}

/// The jsonb of a text.
///
/// # Safety
/// Must run in a backend; the text must be JSON.
pub(super) unsafe fn jsonb(text: &str) -> Datum {
    // SAFETY: the text ends with a zero.
    unsafe { raw::call1(raw::jsonb_in, Datum::from(terminated(server(text)))) }
}

/// A text in memory of the server, so that an error of the server may pass over it.
///
/// # Safety
/// Must run in a backend.
pub(super) unsafe fn copy(text: String) -> &'static str {
    // SAFETY: palloc'd memory with the bytes of a text.
    unsafe {
        let copy = terminated(text.as_bytes()).cast::<u8>();
        let len = text.len();
        drop(text);
        core::str::from_utf8_unchecked(core::slice::from_raw_parts(copy, len))
    }
}

/// Texts in memory of the server.
///
/// # Safety
/// Must run in a backend.
pub(super) unsafe fn list<'a>(
    texts: impl ExactSizeIterator<Item = &'a String>,
) -> &'static [&'static str] {
    // SAFETY: an array of as many slices.
    unsafe {
        let count = texts.len();
        let copies: *mut &'static str = raw::alloc_array(count);
        for (index, text) in texts.enumerate() {
            let copy = terminated(text.as_bytes()).cast::<u8>();
            let bytes = core::slice::from_raw_parts(copy, text.len());
            copies
                .add(index)
                .write(core::str::from_utf8_unchecked(bytes));
        }
        core::slice::from_raw_parts(copies, count)
    }
}

/// A copy of some bytes that ends with a zero.
unsafe fn terminated(bytes: &[u8]) -> *const c_char {
    // SAFETY: palloc'd memory of that size.
    unsafe {
        let context = pg_sys::CurrentMemoryContext;
        let copy: *mut u8 = raw::MemoryContextAllocHuge(context, bytes.len() + 1).cast();
        core::ptr::copy_nonoverlapping(bytes.as_ptr(), copy, bytes.len());
        *copy.add(bytes.len()) = 0;
        copy.cast()
    }
}
