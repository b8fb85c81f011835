//! Turns the text of a `json` value into jsonb where jsonb can hold it.
//!
//! `json` accepts what `jsonb` refuses: `\u0000`, lone surrogates, numbers beyond numeric. The user's write must
//! not fail for that, so a text that could be refused is converted under a guard, and kept as text when it is.

use super::raw;
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, varlena};

/// Texts of this size are converted under a guard, for they may pass a limit of jsonb.
const LARGE: usize = 1 << 20;
const DEEP: usize = 200;
const LONG_NUMBER: usize = 100;

/// Converts `text`; `None` when jsonb cannot hold it. Also tells whether the text is harmless: jsonb may print another
/// one at a thousand times the length, since it knows no exponents.
///
/// # Safety
/// `text` must be valid JSON, as every stored `json` is.
pub(super) unsafe fn to_jsonb(text: &[u8]) -> Option<(*mut varlena, bool)> {
    // SAFETY: a copy with a zero at its end is what jsonb_in takes.
    unsafe {
        let copy: *mut u8 =
            raw::MemoryContextAllocHuge(pg_sys::CurrentMemoryContext, text.len() + 1).cast();
        core::ptr::copy_nonoverlapping(text.as_ptr(), copy, text.len());
        *copy.add(text.len()) = 0;
        if is_harmless(text) {
            return Some((
                raw::call1(raw::jsonb_in, Datum::from(copy)).cast_mut_ptr(),
                true,
            ));
        }

        pgrx::PgTryBuilder::new(|| {
            let jsonb =
                pg_sys::ffi::pg_guard_ffi_boundary(|| raw::call1(raw::jsonb_in, Datum::from(copy)));
            Some((jsonb.cast_mut_ptr::<varlena>(), false))
        })
        .catch_when(pgrx::PgSqlErrorCode::ERRCODE_QUERY_CANCELED, |cause| {
            cause.rethrow()
        })
        .catch_when(pgrx::PgSqlErrorCode::ERRCODE_ADMIN_SHUTDOWN, |cause| {
            cause.rethrow()
        })
        .catch_others(|_| None)
        .execute()
    }
}

/// Tells that jsonb surely accepts a valid JSON text.
fn is_harmless(text: &[u8]) -> bool {
    if text.len() > LARGE {
        return false;
    }
    let mut depth = 0usize;
    let mut digits = 0usize;
    let mut in_string = false;
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        if in_string {
            match byte {
                b'"' => in_string = false,
                b'\\' if bytes.next() == Some(&b'u') => {
                    return false;
                }
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'0'..=b'9' => digits += 1,
            // An exponent can ask for more digits than numeric has; `true` and `false` hold an e as well.
            b'e' | b'E' if digits > 0 => return false,
            _ => digits = 0,
        }
        if depth > DEEP || digits > LONG_NUMBER {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::is_harmless;

    #[test]
    fn json_harmless_texts() {
        for text in ["null", "[1, true, false]", r#"{"a": "e1\n", "b": 1.50}"#] {
            assert!(is_harmless(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn json_doubtful_texts() {
        for text in [
            r#""\u0000""#,
            "1e999999",
            "[1E5]",
            &"[".repeat(300),
            &"1".repeat(200),
        ] {
            assert!(!is_harmless(text.as_bytes()), "{text}");
        }
    }
}
