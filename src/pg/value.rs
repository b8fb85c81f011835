//! Turns a datum into its JSON form (DESIGN.md 3.9), and tells when that form does not say all.

use super::json;
use super::jsonb::Writer;
use super::nested;
use super::raw;
use super::settings;
use super::types::{self, Fixed, Form, TypeInfo};
use core::ffi::{CStr, c_char, c_int};
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, varlena};

/// What the JSON form of a value leaves out.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Loss {
    /// Nothing.
    None = 0,
    /// The type's text says it all.
    Text = 1,
    /// Only the stored bytes of the fixed-length value say it all.
    Bytes = 2,
    /// The value itself: it was too large.
    Value = 3,
}

/// The NaN that float8in makes.
const CANONICAL_NAN: u64 = 0x7FF8_0000_0000_0000;

/// A varlena whose text may be longer than itself is left out beyond this size, before its output function fails.
pub(super) const MAX_FOR_OUTPUT: usize = 100 << 20;
/// Kept free for each column still to come: no marker and no value of fixed length takes more.
const SMALL: usize = 512;

/// Writes a column's value, or the marker of one that does not fit.
///
/// # Safety
/// `value` must be a datum of the type, and so many columns follow it in the object. Raises what detoasting and output functions raise.
pub(super) unsafe fn write_column(
    out: &mut Writer,
    info: *mut TypeInfo,
    value: Datum,
    columns_after: usize,
) -> (u32, Loss) {
    // SAFETY: see above.
    unsafe {
        let budget =
            super::jsonb::MAX_BYTES.saturating_sub(out.len() + (columns_after + 1) * SMALL);
        let varies = (*info).len == -1;
        if varies && raw::toast_raw_datum_size(value) > budget {
            return (marker(out, value), Loss::Value);
        }
        let start = out.begin_value(if varies { budget } else { budget + SMALL });
        let (entry, loss) = write(out, info, value);
        if out.end_value(start) {
            return (entry, loss);
        }
        if varies {
            return (marker(out, value), Loss::Value);
        }
        (Writer::null(), Loss::Bytes)
    }
}

/// Writes a value that is kept as JSON, or the marker of one that does not fit.
///
/// # Safety
/// It must be a jsonb; so many columns follow it in the object.
pub(super) unsafe fn write_stored(out: &mut Writer, json: *mut u8, columns_after: usize) -> u32 {
    // SAFETY: see above.
    unsafe {
        let budget =
            super::jsonb::MAX_BYTES.saturating_sub(out.len() + (columns_after + 1) * SMALL);
        let start = out.begin_value(budget);
        let entry = out.jsonb(raw::payload(json));
        if out.end_value(start) {
            entry
        } else {
            marker(out, Datum::from(json))
        }
    }
}

/// Writes `{"length", "sha256", "omitted"}` in place of a value.
///
/// # Safety
/// The value must be a varlena.
pub(super) unsafe fn marker(out: &mut Writer, value: Datum) -> u32 {
    // SAFETY: only values of variable length are ever too large.
    unsafe {
        let bytes = raw::pg_detoast_datum_packed(value.cast_mut_ptr::<varlena>());
        let digest = raw::call1(raw::sha256_bytea, Datum::from(bytes));
        let length = raw::payload(bytes.cast::<u8>()).len();
        omitted(
            out,
            length as u64,
            raw::payload(digest.cast_mut_ptr::<u8>()),
        )
    }
}

/// Writes the marker of a value of which the length and SHA-256 are known.
pub(super) fn omitted(out: &mut Writer, length: u64, digest: &[u8]) -> u32 {
    let mut object = out.open_object(3);
    out.key(&mut object, b"length");
    out.key(&mut object, b"sha256");
    out.key(&mut object, b"omitted");
    let entry = out.integer(i64::try_from(length).unwrap_or(i64::MAX));
    out.entry(&mut object, entry);
    let entry = out.hex(b"", digest);
    out.entry(&mut object, entry);
    let entry = out.string(b"too large");
    out.entry(&mut object, entry);
    out.close(object)
}

unsafe fn write_output(
    out: &mut Writer,
    info: *mut TypeInfo,
    value: Datum,
    which: settings::Setting,
) -> u32 {
    // SAFETY: see `write_column`.
    unsafe {
        if (*info).len == -1 && raw::toast_raw_datum_size(value) > MAX_FOR_OUTPUT {
            out.overflow();
            return Writer::null();
        }
        let fixed = settings::fix(which);
        let entry = out.string(types::output(info, value));
        settings::release(fixed);
        entry
    }
}

/// Writes a value and returns its entry.
///
/// # Safety
/// As for [`write_column`].
pub(super) unsafe fn write(out: &mut Writer, info: *mut TypeInfo, value: Datum) -> (u32, Loss) {
    // SAFETY: see `write_column`; the form says what the datum holds.
    unsafe {
        let entry = match &(*info).form {
            Form::Bool => Writer::boolean(value.value() as u8 != 0),
            Form::Int2 => out.integer(i64::from(value.value() as i16)),
            Form::Int4 => out.integer(i64::from(value.value() as i32)),
            Form::Int8 => out.integer(value.value() as i64),
            Form::Float4 => {
                let float = f32::from_bits(value.value() as u32);
                let canonical = float.to_bits() == 0x7FC0_0000;
                return write_float(out, f64::from(float), Some(float), canonical);
            }
            Form::Float8 => {
                let float = f64::from_bits(value.value() as u64);
                let canonical = float.to_bits() == CANONICAL_NAN;
                return write_float(out, float, None, canonical);
            }
            Form::Numeric => {
                let bytes = raw::pg_detoast_datum_packed(value.cast_mut_ptr());
                write_numeric(out, raw::payload(bytes.cast::<u8>()))
            }
            Form::Text => {
                let bytes = raw::pg_detoast_datum_packed(value.cast_mut_ptr());
                out.string(raw::payload(bytes.cast::<u8>()))
            }
            Form::Name => out.string(CStr::from_ptr(value.cast_mut_ptr::<c_char>()).to_bytes()),
            Form::Char => return write_char(out, value.value() as u8),
            Form::Json => return write_json(out, value),
            Form::Jsonb => {
                let bytes = raw::pg_detoast_datum_packed(value.cast_mut_ptr());
                let entry = out.jsonb(raw::payload(bytes.cast::<u8>()));
                // Within an object it could not be told from SQL NULL.
                let loss = if entry == Writer::null() {
                    Loss::Text
                } else {
                    Loss::None
                };
                return (entry, loss);
            }
            Form::Time(typid) => write_time(out, *typid, value),
            Form::Interval => write_interval(out, value),
            Form::Bytea => {
                let bytes = raw::pg_detoast_datum_packed(value.cast_mut_ptr());
                out.hex(b"\\x", raw::payload(bytes.cast::<u8>()))
            }
            Form::Uuid => write_uuid(out, value),
            Form::Array(element) => return nested::write_array(out, element, value),
            Form::Composite(composite) => return nested::write_composite(out, composite, value),
            Form::Output(which) => {
                let loss = if is_told_by_bytes(info, value) {
                    Loss::Bytes
                } else {
                    Loss::None
                };
                return (write_output(out, info, value, *which), loss);
            }
        };
        (entry, Loss::None)
    }
}

/// Whether the text of a value of fixed length leaves something out: which of several functions or operators of a
/// name is meant, or the bits of a NaN within a geometric value.
unsafe fn is_told_by_bytes(info: *mut TypeInfo, value: Datum) -> bool {
    // SAFETY: geometric types of fixed length consist of float8s.
    unsafe {
        match (*info).fixed {
            Fixed::Name => true,
            Fixed::Floats => {
                let count = usize::try_from((*info).len).unwrap_or(0) / 8;
                let floats = core::slice::from_raw_parts(value.cast_mut_ptr::<f64>(), count);
                floats
                    .iter()
                    .any(|float| float.is_nan() && float.to_bits() != CANONICAL_NAN)
            }
            Fixed::None => false,
        }
    }
}

unsafe fn write_float(
    out: &mut Writer,
    float: f64,
    single: Option<f32>,
    canonical: bool,
) -> (u32, Loss) {
    if float.is_nan() {
        // Arithmetic can leave NaNs with another sign than float8in makes.
        return (
            out.string(b"NaN"),
            if canonical { Loss::None } else { Loss::Bytes },
        );
    }
    if float.is_infinite() {
        let text: &[u8] = if float > 0.0 {
            b"Infinity"
        } else {
            b"-Infinity"
        };
        return (out.string(text), Loss::None);
    }
    if float == 0.0 {
        let loss = if float.is_sign_negative() {
            Loss::Text
        } else {
            Loss::None
        };
        return (out.integer(0), loss);
    }
    if float.fract() == 0.0 && float.abs() < 1e6 {
        return (out.integer(float as i64), Loss::None);
    }
    // SAFETY: the buffers are larger than the longest text (25 and 16 bytes), which numeric_in accepts.
    unsafe {
        let mut text = [0 as c_char; 32];
        match single {
            Some(single) => raw::float_to_shortest_decimal_buf(single, text.as_mut_ptr()),
            None => raw::double_to_shortest_decimal_buf(float, text.as_mut_ptr()),
        };
        let numeric = raw::DirectFunctionCall3Coll(
            Some(raw::numeric_in),
            pg_sys::InvalidOid,
            Datum::from(text.as_ptr()),
            Datum::from(0),
            Datum::from(-1i32),
        );
        (
            out.numeric(raw::payload(numeric.cast_mut_ptr::<u8>())),
            Loss::None,
        )
    }
}

fn write_numeric(out: &mut Writer, payload: &[u8]) -> u32 {
    let header = u16::from_ne_bytes([payload[0], payload[1]]);
    match header & 0xF000 {
        0xC000 => out.string(b"NaN"),
        0xD000 => out.string(b"Infinity"),
        0xF000 => out.string(b"-Infinity"),
        _ => out.numeric(payload),
    }
}

fn write_char(out: &mut Writer, byte: u8) -> (u32, Loss) {
    match byte {
        0 => (out.string(b""), Loss::None),
        1..=127 => (out.string(&[byte]), Loss::None),
        // Not a character of any encoding; written as PostgreSQL 16 prints it.
        _ => {
            let octal = [
                b'\\',
                b'0' + (byte >> 6),
                b'0' + (byte >> 3 & 7),
                b'0' + (byte & 7),
            ];
            (out.string(&octal), Loss::Bytes)
        }
    }
}

unsafe fn write_time(out: &mut Writer, typid: pg_sys::Oid, value: Datum) -> u32 {
    let utc: c_int = 0;
    let zone = if typid == pg_sys::TIMESTAMPTZOID {
        &raw const utc
    } else {
        core::ptr::null()
    };
    let mut text = [0 as c_char; 160];
    // SAFETY: the buffer is larger than MAXDATELEN.
    unsafe {
        raw::JsonEncodeDateTime(text.as_mut_ptr(), value, typid, zone);
        out.string(CStr::from_ptr(text.as_ptr()).to_bytes())
    }
}

unsafe fn write_interval(out: &mut Writer, value: Datum) -> u32 {
    let mut text = [0 as c_char; 160];
    // SAFETY: the datum points to an Interval; the buffer is larger than MAXDATELEN.
    unsafe {
        let mut itm = pg_sys::pg_itm::default();
        raw::interval2itm(
            value.cast_mut_ptr::<pg_sys::Interval>().read_unaligned(),
            &raw mut itm,
        );
        raw::EncodeInterval(&raw mut itm, 0, text.as_mut_ptr());
        out.string(CStr::from_ptr(text.as_ptr()).to_bytes())
    }
}

unsafe fn write_uuid(out: &mut Writer, value: Datum) -> u32 {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    // SAFETY: the datum points to sixteen bytes.
    let bytes = unsafe { value.cast_mut_ptr::<[u8; 16]>().read_unaligned() };
    let mut text = [0u8; 36];
    let mut at = 0;
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text[at] = b'-';
            at += 1;
        }
        text[at] = DIGITS[usize::from(byte >> 4)];
        text[at + 1] = DIGITS[usize::from(byte & 15)];
        at += 2;
    }
    out.string(&text)
}

unsafe fn write_json(out: &mut Writer, value: Datum) -> (u32, Loss) {
    // SAFETY: the datum is a json.
    unsafe {
        let text = raw::payload(raw::pg_detoast_datum_packed(value.cast_mut_ptr()).cast::<u8>());
        let Some((jsonb, harmless)) = json::to_jsonb(text) else {
            return (out.string(text), Loss::Text);
        };
        let root = raw::payload(jsonb.cast::<u8>());
        let same = harmless && {
            let canonical = raw::JsonbToCString(
                core::ptr::null_mut(),
                jsonb.cast::<u8>().add(4).cast(),
                c_int::try_from(text.len()).unwrap_or(0),
            );
            let same = CStr::from_ptr(canonical).to_bytes() == text;
            raw::pfree(canonical.cast());
            same
        };
        let entry = out.jsonb(root);
        // A null within an object could not be told from SQL NULL.
        let loss = if same && entry != Writer::null() {
            Loss::None
        } else {
            Loss::Text
        };
        (entry, loss)
    }
}
