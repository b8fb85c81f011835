//! Makes the values of records what a table's columns hold now.
//!
//! Where the column still has the type whose stored bytes were kept, the value is those bytes, as they fit its length. Else its text goes through the
//! input function of the type below all domains that the column has now, under fixed settings. A domain's own check is left to
//! who writes the value: it may have come later than the value, and is code of whoever owns the domain.

use super::catalog;
use super::fit::Fit;
use super::gate;
use super::layout::Field;
use super::raw;
use super::reading::{self, Held, Value};
use super::settings::{self, Setting};
use super::types;
use super::unfit;
use core::ffi::{CStr, c_char, c_int};
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, Oid};

/// A value for a column.
#[derive(Clone, Copy)]
pub(super) enum Typed {
    Value(Datum),
    Null,
    /// It was masked, not saved, or too large to be kept.
    Unknown,
}

/// A column that values are made for.
pub(super) struct Target {
    /// The type below all domains, and its modifier.
    base: Oid,
    typmod: i32,
    len: i16,
    byval: bool,
    /// Owner of the table.
    owner: Oid,
    /// The type's input function, looked up at its first use.
    input: pg_sys::FmgrInfo,
    parameter: Oid,
    /// As whom it runs; `None` for a type that has no code but its own.
    role: Option<Oid>,
    /// Found out at its first use.
    fit: Option<Fit>,
    /// Names of the column and its table, for errors.
    name: *const c_char,
    table: *const c_char,
    /// Values are to be written: one that does not fit is refused.
    is_strict: bool,
    context: pg_sys::MemoryContext,
}

impl Target {
    /// Describes a column in the current memory context.
    ///
    /// # Safety
    /// The attribute must be one of a relation that is open, and not dropped.
    pub(super) unsafe fn of(
        attribute: *const pg_sys::FormData_pg_attribute,
        relation: pg_sys::Relation,
    ) -> Self {
        // SAFETY: see above.
        unsafe {
            let mut typmod = (*attribute).atttypmod;
            Self {
                base: raw::getBaseTypeAndTypmod((*attribute).atttypid, &raw mut typmod),
                typmod,
                len: (*attribute).attlen,
                byval: (*attribute).attbyval,
                owner: (*(*relation).rd_rel).relowner,
                input: pg_sys::FmgrInfo::default(),
                parameter: pg_sys::InvalidOid,
                role: None,
                fit: None,
                name: (*attribute).attname.data.as_ptr(),
                table: (*(*relation).rd_rel).relname.data.as_ptr(),
                is_strict: false,
                context: pg_sys::CurrentMemoryContext,
            }
        }
    }

    /// Values are to be written from now on, or not.
    pub(super) fn be_strict(&mut self, is_strict: bool) {
        self.is_strict = is_strict;
    }

    /// Makes a value of a record one for the column, in the current memory context. Raises what the type's input function
    /// raises, and what a write of it would if values are to be written.
    ///
    /// # Safety
    /// The value must be of the field; must run in a transaction.
    pub(super) unsafe fn typed(&mut self, field: &Field, value: Option<Value>) -> Typed {
        let Some(value) = value else {
            return Typed::Null;
        };
        // SAFETY: see above.
        unsafe {
            match reading::held(field, value) {
                Held::Masked | Held::Omitted { .. } => Typed::Unknown,
                Held::Datum(datum) if field.typid == self.base => Typed::Value(self.fitted(datum)),
                Held::Datum(datum) => {
                    let fixed = settings::fix(Setting::ALL);
                    let text = types::output(field.info, datum);
                    settings::release(fixed);
                    Typed::Value(self.read(text))
                }
                Held::Json { json, exact } => match told(exact.unwrap_or(json)) {
                    Told::Text(text) => Typed::Value(self.read(text)),
                    Told::Bytes(hex) => self.stored(hex),
                    Told::Omitted => Typed::Unknown,
                },
            }
        }
    }

    /// Whether stored bytes of a field may not be those that the column has of the same value.
    pub(super) fn refits(&self, field: &Field) -> bool {
        self.typmod >= 0 && field.typid == self.base
    }

    unsafe fn fitted(&mut self, value: Datum) -> Datum {
        // SAFETY: the value is of the column's type.
        unsafe {
            if self.typmod < 0 {
                return value;
            }
            if self.fit.is_none() {
                self.fit = Some(Fit::of(self.base, self.typmod, self.context));
            }
            let Some(fit) = &mut self.fit else {
                return value;
            };
            let fitted = fit.fitted(value);
            if !self.is_strict || !fit.was_misfit() {
                return fitted;
            }
            let text = unfit::shown(self.base, value);
            unfit::telling(self.name, self.table, text, || fit.refuse(value))
        }
    }

    /// The value of a text.
    unsafe fn read(&mut self, text: &[u8]) -> Datum {
        // SAFETY: the copy ends with a zero.
        unsafe {
            let copy: *mut u8 =
                raw::MemoryContextAllocHuge(pg_sys::CurrentMemoryContext, text.len() + 1).cast();
            core::ptr::copy_nonoverlapping(text.as_ptr(), copy, text.len());
            *copy.add(text.len()) = 0;
            if self.input.fn_addr.is_none() {
                let mut function = pg_sys::InvalidOid;
                raw::getTypeInputInfo(self.base, &raw mut function, &raw mut self.parameter);
                self.role = input_role(self.base, self.owner);
                raw::fmgr_info_cxt(function, &raw mut self.input, self.context);
            }
            let fixed = settings::fix(Setting::ALL);
            let role = self.role;
            // One that is only read may be longer than the column takes.
            let is_fitted = !self.is_strict
                && matches!(
                    self.base,
                    pg_sys::VARCHAROID | pg_sys::BPCHAROID | pg_sys::NUMERICOID
                );
            let typmod = if is_fitted { -1 } else { self.typmod };
            let text = copy.cast::<c_char>();
            let mut read =
                || raw::InputFunctionCall(&raw mut self.input, text, self.parameter, typmod);
            let datum = unfit::telling(self.name, self.table, text, || match role {
                Some(role) => gate::run_as_table_owner(role, read),
                None => read(),
            });
            settings::release(fixed);
            if is_fitted { self.fitted(datum) } else { datum }
        }
    }

    /// The value of fixed length with these bytes, in hexadecimal; of a type that has another length now nothing is known.
    unsafe fn stored(&self, hex: &[u8]) -> Typed {
        let len = usize::try_from(self.len).unwrap_or(0);
        if len == 0 || hex.len() != len * 2 {
            return Typed::Unknown;
        }
        let digit = |byte: u8| (byte as char).to_digit(16).unwrap_or(0) as u8;
        // SAFETY: palloc'd memory of that size, and eight bytes at least.
        unsafe {
            let bytes: *mut u8 = raw::alloc_array(len.max(8));
            for (index, pair) in hex.chunks_exact(2).enumerate() {
                *bytes.add(index) = digit(pair[0]) << 4 | digit(pair[1]);
            }
            if self.byval {
                let word = bytes.cast::<u64>().read();
                Typed::Value(reading::extended(word, self.len))
            } else {
                Typed::Value(Datum::from(bytes))
            }
        }
    }
}

/// As whom the input function of a type runs. What is no container of other types has been made by a superuser.
unsafe fn input_role(base: Oid, owner: Oid) -> Option<Oid> {
    // SAFETY: `_input_role` takes these arguments.
    unsafe {
        let element = pg_sys::get_element_type(base);
        let within = if element == pg_sys::InvalidOid {
            base
        } else {
            element
        };
        let is_plain = matches!(
            raw::get_typtype(within) as u8,
            pg_sys::TYPTYPE_BASE | pg_sys::TYPTYPE_ENUM
        );
        if is_plain || within.to_u32() < pg_sys::FirstNormalObjectId {
            return None;
        }
        let types = [pg_sys::OIDOID, pg_sys::OIDOID];
        let function = catalog::function(c"_input_role", &types);
        let role = gate::invoke_with(function, &[Datum::from(base), Datum::from(owner)]);
        role.map(|role| Oid::from(role.value() as u32))
    }
}

/// Describes each attribute of a relation that is not dropped, and tells which these are. `is_strict` if values are to be
/// written.
///
/// # Safety
/// The relation must be open; all lies in the current memory context.
pub(super) unsafe fn targets(
    relation: pg_sys::Relation,
    is_strict: bool,
) -> (*mut Target, *const bool) {
    // SAFETY: the relation is open.
    unsafe {
        let desc = (*relation).rd_att;
        let natts = (*desc).natts as usize;
        let targets: *mut Target = raw::alloc_array(natts);
        let has_attribute: *mut bool = raw::alloc_array(natts);
        for index in 0..natts {
            let attribute = raw::attribute(desc, index);
            if !(*attribute).attisdropped {
                *has_attribute.add(index) = true;
                let mut target = Target::of(attribute, relation);
                // What is generated is not written.
                target.be_strict(is_strict && (*attribute).attgenerated == 0);
                targets.add(index).write(target);
            }
        }
        (targets, has_attribute)
    }
}

/// What the JSON of a value, or what stands beside it, tells.
enum Told<'a> {
    Text(&'a [u8]),
    /// Stored bytes in hexadecimal.
    Bytes(&'a [u8]),
    Omitted,
}

/// Bits of a scalar's entry (utils/jsonb.h): all but those of its kind; a string has none of the others.
const KIND_MASK: u32 = 0x7000_0000;
const IS_SCALAR: u32 = 0x1000_0000;

/// Reads a jsonb that is a string, number or boolean, or an object of ours: see `exact::write`.
unsafe fn told<'a>(json: *mut u8) -> Told<'a> {
    const BYTES: &[u8] = b"{\"bytes\": \"";
    // SAFETY: the jsonb was made by us.
    unsafe {
        let root = raw::payload(json);
        let word =
            |at: usize| u32::from_ne_bytes([root[at], root[at + 1], root[at + 2], root[at + 3]]);
        if word(0) & IS_SCALAR != 0 && word(4) & KIND_MASK == 0 {
            return Told::Text(&root[8..]);
        }
        let text = raw::JsonbToCString(
            core::ptr::null_mut(),
            root.as_ptr().cast_mut().cast(),
            c_int::try_from(root.len()).unwrap_or(c_int::MAX),
        );
        let text = CStr::from_ptr(text).to_bytes();
        match text.strip_prefix(BYTES) {
            Some(rest) => Told::Bytes(rest.strip_suffix(b"\"}").unwrap_or(rest)),
            None if text.first() == Some(&b'{') => Told::Omitted,
            None => Told::Text(text),
        }
    }
}
