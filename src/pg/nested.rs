//! Writes values that hold others: arrays and composites.

use super::exact;
use super::jsonb::Writer;
use super::raw;
use super::types::{self, Composite, Element, TypeInfo};
use super::value::{self, Loss};
use core::ffi::c_int;
use pgrx::pg_sys;
use pgrx::pg_sys::Datum;

/// Writes an array, dimension by dimension.
///
/// # Safety
/// The datum must be an array of this element type.
pub(super) unsafe fn write_array(out: &mut Writer, element: &Element, value: Datum) -> (u32, Loss) {
    // SAFETY: the datum is an array of this element type; its dimensions and bounds follow its header.
    unsafe {
        let array: *mut pg_sys::ArrayType = raw::pg_detoast_datum(value.cast_mut_ptr()).cast();
        let ndim = usize::try_from((*array).ndim).unwrap_or(0);
        if ndim == 0 {
            let empty = out.open_array(0);
            return (out.close(empty), Loss::None);
        }
        let header = array.cast::<c_int>().add(4);
        let dims = core::slice::from_raw_parts(header, ndim);
        let bounds = core::slice::from_raw_parts(header.add(ndim), ndim);
        let mut loss = if bounds.iter().all(|bound| *bound == 1) {
            Loss::None
        } else {
            Loss::Text
        };
        let (values, nulls, _) = types::elements(array, element);
        let mut cursor = Cursor {
            element,
            values,
            nulls,
            next: 0,
        };
        let entry = write_dimension(out, &mut cursor, dims, &mut loss);
        (entry, loss)
    }
}

struct Cursor<'a> {
    element: &'a Element,
    values: *mut Datum,
    nulls: *mut bool,
    next: usize,
}

unsafe fn write_dimension(
    out: &mut Writer,
    cursor: &mut Cursor,
    dims: &[c_int],
    loss: &mut Loss,
) -> u32 {
    let count = usize::try_from(dims[0]).unwrap_or(0);
    let mut array = out.open_array(count);
    for _ in 0..count {
        // SAFETY: the product of the dimensions is the number of values.
        let entry = unsafe {
            if dims.len() > 1 {
                write_dimension(out, cursor, &dims[1..], loss)
            } else {
                let index = cursor.next;
                cursor.next += 1;
                if *cursor.nulls.add(index) {
                    Writer::null()
                } else {
                    write_element(out, cursor.element.info, *cursor.values.add(index), loss)
                }
            }
        };
        out.entry(&mut array, entry);
    }
    out.close(array)
}

/// Writes an element of an array. One that is an array in JSON looks like a further dimension.
unsafe fn write_element(
    out: &mut Writer,
    info: *mut TypeInfo,
    value: Datum,
    loss: &mut Loss,
) -> u32 {
    let start = out.len();
    // SAFETY: see `write_column`.
    let entry = unsafe { write_inner(out, info, value, loss) };
    if out.is_array(start, entry) {
        *loss = Loss::Text;
    }
    entry
}

/// Writes a value within another; what it loses, the whole loses.
unsafe fn write_inner(out: &mut Writer, info: *mut TypeInfo, value: Datum, loss: &mut Loss) -> u32 {
    // SAFETY: see `write_column`.
    let (entry, inner) = unsafe {
        raw::check_for_interrupts();
        value::write(out, info, value)
    };
    if inner != Loss::None {
        *loss = Loss::Text;
    }
    entry
}

/// The values of a row, and which of them are NULL.
unsafe fn taken_apart(composite: &Composite, value: Datum) -> (*mut Datum, *mut bool, usize) {
    // SAFETY: the datum is a row of this type; the descriptor stays pinned while it is read.
    unsafe {
        raw::check_stack_depth();
        let header: pg_sys::HeapTupleHeader = raw::pg_detoast_datum(value.cast_mut_ptr()).cast();
        let mut tuple = pg_sys::HeapTupleData {
            t_len: u32::try_from(raw::varsize(header.cast::<u8>())).unwrap_or(0),
            t_data: header,
            ..Default::default()
        };
        let desc = raw::lookup_rowtype_tupdesc(composite.typid, -1);
        let natts = (*desc).natts as usize;
        let values: *mut Datum = raw::alloc_array(natts);
        let nulls: *mut bool = raw::alloc_array(natts);
        raw::heap_deform_tuple(&raw mut tuple, desc, values, nulls);
        if (*desc).tdrefcount >= 0 {
            raw::DecrTupleDescRefCount(desc);
        }
        (values, nulls, natts)
    }
}

/// Writes a row type's value as an object.
///
/// # Safety
/// The datum must be a row of this type.
pub(super) unsafe fn write_composite(
    out: &mut Writer,
    composite: &Composite,
    value: Datum,
) -> (u32, Loss) {
    // SAFETY: the datum is a row of this type.
    unsafe {
        let (values, nulls, natts) = taken_apart(composite, value);
        let fields = core::slice::from_raw_parts(composite.fields, composite.count);
        let mut object = out.open_object(fields.len());
        for field in fields {
            out.key(&mut object, field.name());
        }
        let mut loss = Loss::None;
        for field in fields {
            let entry = if field.index >= natts || *nulls.add(field.index) {
                Writer::null()
            } else {
                write_inner(out, field.info, *values.add(field.index), &mut loss)
            };
            out.entry(&mut object, entry);
        }
        (out.close(object), loss)
    }
}

/// Writes the text of a row as its type's input function reads it. The output function would do, if that of xml did not
/// leave out the encoding that a document declares.
///
/// # Safety
/// The datum must be a row of this type; the settings that its fields' text depends on must be fixed.
pub(super) unsafe fn write_text(out: &mut Writer, composite: &Composite, value: Datum) {
    // SAFETY: the datum is a row of this type.
    unsafe {
        let (values, nulls, natts) = taken_apart(composite, value);
        let fields = core::slice::from_raw_parts(composite.fields, composite.count);
        out.append(b"(");
        let mut separator: &[u8] = b"";
        for index in 0..natts {
            let Some(field) = fields.iter().find(|field| field.index == index) else {
                continue;
            };
            out.append(separator);
            separator = b",";
            if *nulls.add(index) {
                continue;
            }
            let mut inner = Writer::new(pg_sys::CurrentMemoryContext, 64);
            let start = inner.len();
            exact::append_text(&mut inner, field.info, *values.add(index));
            out.append(b"\"");
            for byte in inner.bytes_from(start) {
                if matches!(byte, b'"' | b'\\') {
                    out.append(&[*byte]);
                }
                out.append(&[*byte]);
            }
            out.append(b"\"");
            inner.free();
        }
        out.append(b")");
    }
}
