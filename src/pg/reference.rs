//! The type `directus_versions.table_ref`: a table by its name, which need not be there.

use super::arguments::argument;
use super::raw;
use core::ffi::{CStr, c_int};
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, FunctionCallInfo, Oid};

/// `_table_ref_in(cstring)`: what regclass takes; 0 where it would be an error that there is no such table. So is a bare
/// number: what regclass says of a table that was gone already tells nothing in another cluster.
///
/// # Safety
/// Called by the function manager with one argument, not NULL.
pub(super) unsafe fn input(call: FunctionCallInfo) -> Datum {
    // SAFETY: the argument is a C string; the server's own look-up.
    unsafe {
        let name = argument(call, 0).map_or(c"-", |name| CStr::from_ptr(name.cast_mut_ptr()));
        let number = !name.is_empty() && name.to_bytes().iter().all(u8::is_ascii_digit);
        if number || name == c"-" {
            return Datum::from(Oid::INVALID);
        }
        let len = c_int::try_from(name.to_bytes().len()).unwrap_or(0);
        let names = raw::textToQualifiedNameList(raw::cstring_to_text_with_len(name.as_ptr(), len));
        Datum::from(raw::RangeVarGetRelidExtended(
            raw::makeRangeVarFromNameList(names),
            pg_sys::NoLock as c_int,
            pg_sys::RVROption::RVR_MISSING_OK,
            core::ptr::null(),
            core::ptr::null_mut(),
        ))
    }
}
