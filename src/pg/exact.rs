//! Writes what the JSON form of a value leaves out: its text, or its bytes.

use super::jsonb::Writer;
use super::nested;
use super::raw;
use super::settings;
use super::types::{self, Form, TypeInfo};
use super::value::{Loss, MAX_FOR_OUTPUT, marker};
use pgrx::pg_sys::Datum;

/// Kept free beside the exact text of a value.
const RESERVE: usize = 8 << 20;

/// Writes what the JSON form left out: the text, `{"bytes"}`, or the marker again.
///
/// # Safety
/// As for [`super::value::write_column`].
pub(super) unsafe fn write(out: &mut Writer, info: *mut TypeInfo, value: Datum, loss: Loss) -> u32 {
    // SAFETY: see above.
    unsafe {
        match loss {
            Loss::Bytes => {
                let len = usize::try_from((*info).len).unwrap_or(0);
                let stored = value.value().to_ne_bytes();
                let stored = if (*info).byval {
                    &stored[..len.min(stored.len())]
                } else {
                    core::slice::from_raw_parts(value.cast_mut_ptr::<u8>(), len)
                };
                let mut object = out.open_object(1);
                out.key(&mut object, b"bytes");
                let entry = out.hex(b"", stored);
                out.entry(&mut object, entry);
                out.close(object)
            }
            Loss::Value => marker(out, value),
            Loss::None | Loss::Text => {
                let budget = super::jsonb::MAX_BYTES.saturating_sub(out.len() + RESERVE);
                let start = out.begin_value(budget);
                let entry = write_text(out, info, value);
                if out.end_value(start) {
                    entry
                } else {
                    marker(out, value)
                }
            }
        }
    }
}

/// Writes the value's text under fixed settings as a JSON string.
unsafe fn write_text(out: &mut Writer, info: *mut TypeInfo, value: Datum) -> u32 {
    // SAFETY: see `write_column`.
    unsafe {
        let start = out.len();
        let fixed = settings::fix((*info).text_settings);
        append_text(out, info, value);
        settings::release(fixed);
        out.string_from(start)
    }
}

/// Appends the value's text.
///
/// # Safety
/// As for [`super::value::write_column`]; the settings that the text depends on must be fixed.
pub(super) unsafe fn append_text(out: &mut Writer, info: *mut TypeInfo, value: Datum) {
    // SAFETY: see above.
    unsafe {
        match &(*info).form {
            Form::Text | Form::Json => {
                let bytes = raw::pg_detoast_datum_packed(value.cast_mut_ptr());
                out.append(raw::payload(bytes.cast::<u8>()));
            }
            Form::Composite(composite) => nested::write_text(out, composite, value),
            _ if (*info).len == -1 && raw::toast_raw_datum_size(value) > MAX_FOR_OUTPUT => {
                out.overflow();
            }
            _ => out.append(types::output(info, value)),
        }
    }
}
