//! What a new row must have and lacks, all of it in one error.

use super::arguments::names_datum;
use super::callback;
use super::gate::ask;
use super::overlay::Row;
use super::raw;
use super::scope;
use crate::error::Error;
use core::ffi::{CStr, c_char, c_int, c_void};
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, MemoryContext, Oid};

/// Names in memory of the server, each ended by a zero, in the order of the columns.
type Names = &'static [&'static CStr];

/// What is said of a row where a column has no value although a trigger might have given it one.
struct Lacking {
    names: Names,
    table: &'static CStr,
    schema: *const c_char,
    message: *const c_char,
    memory: MemoryContext,
}

/// Writes a new row, of which the columns `given` are named, by an action that raises 23502 with the names of all columns
/// that lack a value.
///
/// # Safety
/// The datum must be a row of the table, which the action inserts.
pub(super) unsafe fn told<T>(
    relid: Oid,
    row: Datum,
    given: &[&[u8]],
    insert: impl FnOnce() -> T,
) -> T {
    // SAFETY: the callback is taken off again; an error takes it off by itself.
    unsafe {
        let names = lacking(relid, row, given);
        if names.is_empty() {
            return insert();
        }
        let relation = raw::relation_open(relid, pg_sys::AccessShareLock as c_int);
        let table = copy(CStr::from_ptr((*(*relation).rd_rel).relname.data.as_ptr()).to_bytes());
        raw::relation_close(relation, pg_sys::NoLock as c_int);
        let relation = (pg_sys::REGCLASSOID, Some(Datum::from(relid)));
        let error = Error::MissingFields {
            table: table.to_string_lossy().into_owned(),
            fields: list(names),
        };
        // A trigger may give a value to what lacks one, and only the write itself tells.
        if ask(c"_may_be_filled_in", &[relation]).is_none_or(|may| may.value() as u8 == 0) {
            error.raise();
        }
        let message = copy(error.message().as_bytes()).as_ptr();
        drop(error);
        let lacking = Lacking {
            names,
            table,
            schema: pg_sys::get_namespace_name(pg_sys::get_rel_namespace(relid)),
            message,
            memory: pg_sys::CurrentMemoryContext,
        };
        callback::during(tell, lacking, insert)
    }
}

/// The columns that must have a value and have none in the row.
unsafe fn lacking(relid: Oid, row: Datum, given: &[&[u8]]) -> Names {
    // SAFETY: `_required` gives names of columns.
    unsafe {
        let arguments = [
            (pg_sys::REGCLASSOID, Some(Datum::from(relid))),
            (pg_sys::TEXTARRAYOID, Some(names_datum(given))),
        ];
        let required = ask(c"_required", &arguments).map_or(&[][..], |names| scope::names(names));
        let mut values = Row::of(relid);
        values.fill(row);
        let desc = (*values.relation).rd_att;
        let names: *mut &'static CStr = raw::alloc_array(required.len());
        let mut count = 0;
        for name in required {
            let is_missing = (0..values.natts).any(|index| {
                let attribute = raw::attribute(desc, index);
                *values.nulls.add(index)
                    && !(*attribute).attisdropped
                    && CStr::from_ptr((*attribute).attname.data.as_ptr()).to_bytes() == *name
            });
            if is_missing {
                names.add(count).write(copy(name));
                count += 1;
            }
        }
        raw::relation_close(values.relation, pg_sys::NoLock as c_int);
        core::slice::from_raw_parts(names, count)
    }
}

fn list(names: &[&CStr]) -> String {
    let quoted = names
        .iter()
        .map(|name| format!("\"{}\"", name.to_string_lossy()));
    quoted.collect::<Vec<_>>().join(", ")
}

/// A copy that ends with a zero.
unsafe fn copy(bytes: &[u8]) -> &'static CStr {
    // SAFETY: palloc'd memory of that size.
    unsafe {
        let copy: *mut u8 = raw::alloc_array(bytes.len() + 1);
        core::ptr::copy_nonoverlapping(bytes.as_ptr(), copy, bytes.len());
        *copy.add(bytes.len()) = 0;
        CStr::from_ptr(copy.cast())
    }
}

/// Called while an error is on its way: where the server misses one column, names those behind it too. Those before it
/// were filled in, as the server looks at them in their order.
unsafe extern "C-unwind" fn tell(argument: *mut c_void) {
    // SAFETY: what is lacking outlives the callback.
    unsafe {
        let lacking = &*argument.cast::<Lacking>();
        if raw::geterrcode()
            != pg_sys::errcodes::PgSqlErrorCode::ERRCODE_NOT_NULL_VIOLATION as c_int
        {
            return;
        }
        let outer = raw::switch_to(lacking.memory);
        let error = &*raw::CopyErrorData();
        let is = |text: *const c_char, name: *const c_char| {
            !text.is_null() && !name.is_null() && CStr::from_ptr(text) == CStr::from_ptr(name)
        };
        let is_of_table =
            is(error.table_name, lacking.table.as_ptr()) && is(error.schema_name, lacking.schema);
        let missed = lacking
            .names
            .iter()
            .position(|name| is(error.column_name, name.as_ptr()));
        if let Some(missed) = missed.filter(|_| is_of_table) {
            let names = copy(list(&lacking.names[missed..]).as_bytes());
            raw::errmsg_internal(c"%s".as_ptr(), lacking.message);
            raw::errdetail_internal(c"Without a value: %s.".as_ptr(), names.as_ptr());
        }
        raw::switch_to(outer);
    }
}
