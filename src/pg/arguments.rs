//! The arguments of a call from SQL.

use super::raw;
use core::ffi::{CStr, c_int};
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, FunctionCallInfo, Oid};

/// Argument `index`, `None` where it is NULL.
///
/// # Safety
/// The call must have that many arguments.
pub(super) unsafe fn argument(call: FunctionCallInfo, index: usize) -> Option<Datum> {
    // SAFETY: see above.
    unsafe {
        let argument = *(*call).args.as_ptr().add(index);
        (!argument.isnull).then_some(argument.value)
    }
}

/// Argument `index` as the bytes of a text.
///
/// # Safety
/// The argument must be of type text.
pub(super) unsafe fn text(call: FunctionCallInfo, index: usize) -> Option<&'static [u8]> {
    // SAFETY: the detoasted text lives as long as the call.
    unsafe {
        argument(call, index).map(|datum| {
            raw::payload(raw::pg_detoast_datum_packed(datum.cast_mut_ptr()).cast::<u8>())
        })
    }
}

/// Argument `index` as the text of an item: a text, an integer or a uuid.
///
/// # Safety
/// The function must declare one of these types.
pub(super) unsafe fn item(call: FunctionCallInfo, index: usize) -> Option<&'static [u8]> {
    // SAFETY: the server's own output functions.
    unsafe {
        let value = argument(call, index)?;
        let mut types = core::ptr::null_mut();
        let mut count = 0;
        pg_sys::get_func_signature((*(*call).flinfo).fn_oid, &raw mut types, &raw mut count);
        let output = match *types.add(index) {
            pg_sys::INT8OID => pg_sys::F_INT8OUT,
            pg_sys::UUIDOID => pg_sys::F_UUID_OUT,
            _ => return text(call, index),
        };
        let text = raw::OidOutputFunctionCall(Oid::from(output), value);
        Some(CStr::from_ptr(text).to_bytes())
    }
}

/// Argument `index` as an OID.
///
/// # Safety
/// The argument must be of an OID type.
pub(super) unsafe fn oid(call: FunctionCallInfo, index: usize) -> Option<Oid> {
    // SAFETY: see above.
    unsafe { argument(call, index).map(|datum| Oid::from(datum.value() as u32)) }
}

/// Returns NULL.
///
/// # Safety
/// The call must be valid.
pub(super) unsafe fn null(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe { (*call).isnull = true };
    Datum::null()
}

/// The name of a relation for a message.
///
/// # Safety
/// Must run in a transaction.
pub(super) unsafe fn relation_name(relid: Oid) -> String {
    // SAFETY: the name is copied at once.
    unsafe {
        let name = pg_sys::get_rel_name(relid);
        if name.is_null() {
            relid.to_u32().to_string()
        } else {
            CStr::from_ptr(name).to_string_lossy().into_owned()
        }
    }
}

/// The name of a schema for a message.
///
/// # Safety
/// Must run in a transaction.
pub(super) unsafe fn schema_name(schema: Oid) -> String {
    // SAFETY: the name is copied at once.
    unsafe {
        let name = pg_sys::get_namespace_name(schema);
        if name.is_null() {
            schema.to_u32().to_string()
        } else {
            CStr::from_ptr(name).to_string_lossy().into_owned()
        }
    }
}

/// The elements of an array without NULLs, of a type of that length that is passed in a register. They lie in the current
/// memory context.
///
/// # Safety
/// The datum must be such an array.
pub(super) unsafe fn elements(array: Datum, typid: Oid, len: c_int) -> &'static [Datum] {
    // SAFETY: see above.
    unsafe {
        let align = if len == 8 {
            pg_sys::TYPALIGN_DOUBLE
        } else {
            pg_sys::TYPALIGN_INT
        };
        let (mut values, mut nulls) = (core::ptr::null_mut(), core::ptr::null_mut());
        let mut count: c_int = 0;
        raw::deconstruct_array(
            raw::pg_detoast_datum(array.cast_mut_ptr()).cast(),
            typid,
            len,
            true,
            align as core::ffi::c_char,
            &raw mut values,
            &raw mut nulls,
            &raw mut count,
        );
        core::slice::from_raw_parts(values, usize::try_from(count).unwrap_or(0))
    }
}

/// Bytes as a datum of type text.
///
/// # Safety
/// Must run in a backend.
pub(super) unsafe fn text_datum(text: &[u8]) -> Datum {
    let len = c_int::try_from(text.len()).unwrap_or(0);
    // SAFETY: copies the bytes.
    unsafe { Datum::from(raw::cstring_to_text_with_len(text.as_ptr().cast(), len)) }
}

/// Names as a datum of type text[].
///
/// # Safety
/// Must run in a backend.
pub(super) unsafe fn names_datum(names: &[&[u8]]) -> Datum {
    // SAFETY: copies the names.
    unsafe {
        let texts: *mut Datum = raw::alloc_array(names.len());
        for (index, name) in names.iter().enumerate() {
            *texts.add(index) = text_datum(name);
        }
        let count = c_int::try_from(names.len()).unwrap_or(0);
        let align = pg_sys::TYPALIGN_INT as core::ffi::c_char;
        let array = raw::construct_array(texts, count, pg_sys::TEXTOID, -1, false, align);
        Datum::from(array)
    }
}
