//! Values that do not fit the column that they are for any more: the error names the column and the value.

use super::arguments::{argument, null, oid};
use super::callback;
use super::raw;
use core::ffi::{CStr, c_char, c_int, c_void};
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, FunctionCallInfo, MemoryContext, Oid};

/// What an error in a value says of it.
struct Place {
    column: *const c_char,
    table: *const c_char,
    /// NULL for SQL NULL.
    value: *const c_char,
    memory: MemoryContext,
}

/// So much of a value is shown.
const SHOWN: c_int = 100;

/// Runs what may refuse a value of a column. Its error gets the names of table and column, and the value in its DETAIL.
///
/// # Safety
/// The texts end with a zero and outlive the call.
pub(super) unsafe fn telling<T>(
    column: *const c_char,
    table: *const c_char,
    value: *const c_char,
    action: impl FnOnce() -> T,
) -> T {
    let place = Place {
        column,
        table,
        value,
        // SAFETY: a global of the backend.
        memory: unsafe { pg_sys::CurrentMemoryContext },
    };
    // SAFETY: `tell` takes a place.
    unsafe { callback::during(tell, place, action) }
}

/// Whether an error is one of a value: classes 22 and 23, and what a function of the user's own raises. Others, such as a
/// cancelled query, have nothing to do with it.
fn is_of_value(code: c_int) -> bool {
    let sixbit = |character: u8| c_int::from(character.wrapping_sub(b'0') & 0x3F);
    let class = |a: u8, b: u8| sixbit(a) | sixbit(b) << 6;
    [class(b'2', b'2'), class(b'2', b'3'), class(b'P', b'0')].contains(&(code & 0xFFF))
}

unsafe extern "C-unwind" fn tell(argument: *mut c_void) {
    // SAFETY: the place outlives the callback.
    unsafe {
        let place = &*argument.cast::<Place>();
        let outer = raw::switch_to(place.memory);
        let error = &*raw::CopyErrorData();
        if error.elevel >= pg_sys::PGERROR as c_int
            && is_of_value(error.sqlerrcode)
            && error.column_name.is_null()
            && error.table_name.is_null()
        {
            raw::err_generic_string(c_int::from(pg_sys::PG_DIAG_TABLE_NAME), place.table);
            raw::err_generic_string(c_int::from(pg_sys::PG_DIAG_COLUMN_NAME), place.column);
            let (before, space) = if error.detail.is_null() {
                (c"".as_ptr(), c"".as_ptr())
            } else {
                (error.detail.cast_const(), c" ".as_ptr())
            };
            if place.value.is_null() {
                raw::errdetail_internal(
                    c"%s%sColumn \"%s\" of table \"%s\" does not take NULL, which it was.".as_ptr(),
                    before,
                    space,
                    place.column,
                    place.table,
                );
            } else {
                let size = CStr::from_ptr(place.value).to_bytes().len();
                let size = c_int::try_from(size).unwrap_or(c_int::MAX);
                let shown = raw::pg_mbcliplen(place.value, size, SHOWN);
                let dots = if shown < size { c"..." } else { c"" };
                raw::errdetail_internal(
                    c"%s%sColumn \"%s\" of table \"%s\" does not take the recorded value \"%.*s%s\"."
                        .as_ptr(),
                    before,
                    space,
                    place.column,
                    place.table,
                    shown,
                    place.value,
                    dots.as_ptr(),
                );
            }
        }
        raw::switch_to(outer);
    }
}

/// The text of a value for an error. It is made before there is one, so that of a large value only its size is told.
///
/// # Safety
/// The value must be of the type.
pub(super) unsafe fn shown(typid: Oid, value: Datum) -> *const c_char {
    const LARGE: usize = 2000;
    // SAFETY: see above.
    unsafe {
        if pg_sys::get_typlen(typid) == -1 && raw::toast_raw_datum_size(value) > LARGE {
            return c"(too long to be shown)".as_ptr();
        }
        let mut output = pg_sys::InvalidOid;
        let mut is_varlena = false;
        raw::getTypeOutputInfo(typid, &raw mut output, &raw mut is_varlena);
        raw::OidOutputFunctionCall(output, value)
    }
}

/// `_taken(value anyelement, target regclass, attribute int2)`: the value, which the column's domain takes. Raises what the
/// domain raises.
///
/// # Safety
/// Called by the function manager with these arguments; the value is of the type below the domain.
pub(super) unsafe fn taken(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe {
        let value = argument(call, 0);
        let result = value.unwrap_or_else(|| null(call));
        let (Some(relid), Some(attribute)) = (oid(call, 1), argument(call, 2)) else {
            return result;
        };
        let attribute = attribute.value() as i16;
        let domain = pg_sys::get_atttype(relid, attribute);
        if raw::get_typtype(domain) as u8 != pg_sys::TYPTYPE_DOMAIN {
            return result;
        }
        let text = value.map_or(core::ptr::null(), |value| {
            shown(raw::getBaseType(domain), value)
        });
        let column = pg_sys::get_attname(relid, attribute, false);
        let table = pg_sys::get_rel_name(relid);
        let info = (*call).flinfo;
        telling(column, table, text, || {
            raw::domain_check(
                result,
                value.is_none(),
                domain,
                &raw mut (*info).fn_extra,
                (*info).fn_mcxt,
            );
        });
        result
    }
}
