//! Makes a value fit the length, precision or scale that its column has, as ALTER TABLE does with the rows that are there.
//!
//! What does not fit stays as it was: one old value must not hinder who reads all others, and a write of it raises by itself.

use super::raw;
use core::ffi::{c_char, c_int};
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, FmgrInfo, MemoryContext, Oid};
use std::io::Write;

enum Kind {
    /// Nothing is ever rewritten.
    Whatever,
    /// Longer texts are cut, but of spaces alone; shorter ones are filled up.
    Text,
    /// A longer or shorter one does not fit.
    Bits,
    /// Below this power of ten after rounding.
    Numeric {
        scale: i32,
        limit: Datum,
    },
    Time,
}

pub(super) struct Fit {
    kind: Kind,
    typmod: i32,
    /// The function that makes a value fit.
    function: FmgrInfo,
    typid: Oid,
    len: i16,
    byval: bool,
    align: c_char,
    is_array: bool,
    verdict: Verdict,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Fitted,
    /// The last value did not fit.
    Misfit,
    /// What does not fit is refused.
    Refusing,
}

impl Fit {
    /// How values of a type, which is no domain, are made to fit.
    ///
    /// # Safety
    /// Must run in a transaction; what is remembered lies in the context.
    pub(super) unsafe fn of(typid: Oid, typmod: i32, context: MemoryContext) -> Self {
        // SAFETY: catalog look-ups.
        unsafe {
            let element = pg_sys::get_element_type(typid);
            let is_array = element != pg_sys::InvalidOid;
            let typid = if is_array { element } else { typid };
            let mut fit = Self {
                kind: Kind::Whatever,
                typmod,
                function: FmgrInfo::default(),
                typid,
                len: 0,
                byval: false,
                align: 0,
                is_array,
                verdict: Verdict::Fitted,
            };
            if typmod < 0 {
                return fit;
            }
            let (len, byval, align) = (&raw mut fit.len, &raw mut fit.byval, &raw mut fit.align);
            raw::get_typlenbyvalalign(typid, len, byval, align);
            fit.kind = match typid {
                pg_sys::VARCHAROID | pg_sys::BPCHAROID => Kind::Text,
                pg_sys::BITOID | pg_sys::VARBITOID => Kind::Bits,
                pg_sys::NUMERICOID => numeric(typmod, context),
                pg_sys::TIMEOID
                | pg_sys::TIMETZOID
                | pg_sys::TIMESTAMPOID
                | pg_sys::TIMESTAMPTZOID
                | pg_sys::INTERVALOID => Kind::Time,
                _ => Kind::Whatever,
            };
            let mut function = pg_sys::InvalidOid;
            raw::find_typmod_coercion_function(typid, &raw mut function);
            if function == pg_sys::InvalidOid {
                fit.kind = Kind::Whatever;
            } else {
                raw::fmgr_info_cxt(function, &raw mut fit.function, context);
            }
            fit
        }
    }

    /// Whether the last value did not fit.
    pub(super) fn was_misfit(&self) -> bool {
        self.verdict == Verdict::Misfit
    }

    /// Raises what a write of a value that does not fit raises.
    ///
    /// # Safety
    /// As for [`Fit::fitted`].
    pub(super) unsafe fn refuse(&mut self, value: Datum) -> Datum {
        self.verdict = Verdict::Refusing;
        // SAFETY: see above.
        let fitted = unsafe { self.fitted(value) };
        self.verdict = Verdict::Fitted;
        fitted
    }

    /// The value as it fits, in the current memory context.
    ///
    /// # Safety
    /// The value must be of the type.
    pub(super) unsafe fn fitted(&mut self, value: Datum) -> Datum {
        if self.verdict == Verdict::Misfit {
            self.verdict = Verdict::Fitted;
        }
        // SAFETY: see above.
        unsafe {
            match self.kind {
                Kind::Whatever => value,
                _ if self.is_array => self.array(value),
                _ => self.scalar(value),
            }
        }
    }

    unsafe fn scalar(&mut self, value: Datum) -> Datum {
        // SAFETY: the value is of the type.
        unsafe {
            match self.kind {
                Kind::Whatever => value,
                Kind::Time => self.call(value, true),
                Kind::Bits => {
                    let fitted = self.call(value, true);
                    if text(fitted) == text(value) {
                        fitted
                    } else {
                        self.misfit(value)
                    }
                }
                Kind::Text => {
                    let fitted = self.call(value, true);
                    let (before, after) = (text(value), text(fitted));
                    let cut = before.get(after.len()..).unwrap_or_default();
                    if cut.iter().all(|byte| *byte == b' ') {
                        fitted
                    } else {
                        self.misfit(value)
                    }
                }
                Kind::Numeric { scale, limit } => {
                    let none = pg_sys::InvalidOid;
                    let scale = Datum::from(scale);
                    let rounded =
                        raw::DirectFunctionCall2Coll(Some(raw::numeric_round), none, value, scale);
                    let size = raw::call1(raw::numeric_abs, rounded);
                    let is_below =
                        raw::DirectFunctionCall2Coll(Some(raw::numeric_lt), none, size, limit);
                    if is_below.value() as u8 == 0 {
                        self.misfit(value)
                    } else {
                        self.call(value, true)
                    }
                }
            }
        }
    }

    unsafe fn misfit(&mut self, value: Datum) -> Datum {
        if self.verdict == Verdict::Refusing {
            // SAFETY: the value is of the type.
            return unsafe { self.call(value, false) };
        }
        self.verdict = Verdict::Misfit;
        value
    }

    unsafe fn call(&mut self, value: Datum, is_explicit: bool) -> Datum {
        // SAFETY: the function takes a value, a modifier, and whether the cast is explicit.
        unsafe {
            raw::FunctionCall3Coll(
                &raw mut self.function,
                pg_sys::InvalidOid,
                value,
                Datum::from(self.typmod),
                Datum::from(is_explicit),
            )
        }
    }

    unsafe fn array(&mut self, value: Datum) -> Datum {
        // SAFETY: the value is an array of the type; its dimensions lie behind its header.
        unsafe {
            let array: *mut pg_sys::ArrayType = raw::pg_detoast_datum(value.cast_mut_ptr()).cast();
            let mut values = core::ptr::null_mut();
            let mut nulls = core::ptr::null_mut();
            let mut count: c_int = 0;
            let len = c_int::from(self.len);
            raw::deconstruct_array(
                array,
                self.typid,
                len,
                self.byval,
                self.align,
                &raw mut values,
                &raw mut nulls,
                &raw mut count,
            );
            let mut is_same = true;
            for index in 0..usize::try_from(count).unwrap_or(0) {
                if !*nulls.add(index) {
                    let before = *values.add(index);
                    let after = self.scalar(before);
                    is_same = is_same && raw::datumIsEqual(before, after, self.byval, len);
                    *values.add(index) = after;
                }
            }
            if is_same {
                return value;
            }
            let dims: *mut c_int = array.add(1).cast();
            let bounds = dims.add(usize::try_from((*array).ndim).unwrap_or(0));
            Datum::from(raw::construct_md_array(
                values,
                nulls,
                (*array).ndim,
                dims,
                bounds,
                self.typid,
                len,
                self.byval,
                self.align,
            ))
        }
    }
}

unsafe fn text(value: Datum) -> &'static [u8] {
    // SAFETY: the value is a varlena.
    unsafe { raw::payload(raw::pg_detoast_datum_packed(value.cast_mut_ptr()).cast::<u8>()) }
}

/// Takes the modifier of a numeric apart (`numeric.c`).
unsafe fn numeric(typmod: i32, context: MemoryContext) -> Kind {
    let packed = typmod - 4;
    let precision = (packed >> 16) & 0xFFFF;
    let scale = ((packed & 0x7FF) ^ 1024) - 1024;
    let mut text = [0; 16];
    let is_written = write!(&mut text[..], "1e{}\0", precision - scale).is_ok();
    debug_assert!(is_written);
    // SAFETY: the text ends with a zero.
    unsafe {
        let before = raw::switch_to(context);
        let limit = raw::DirectFunctionCall3Coll(
            Some(raw::numeric_in),
            pg_sys::InvalidOid,
            Datum::from(text.as_ptr()),
            Datum::from(pg_sys::InvalidOid),
            Datum::from(-1),
        );
        raw::switch_to(before);
        Kind::Numeric { scale, limit }
    }
}
