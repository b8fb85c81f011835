//! How the values of a type are written, found out once per relation.

use super::raw;
use super::settings::Setting;
use core::ffi::{c_char, c_int};
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, Oid};

/// The way a type's values become JSON. Memory belongs to the relation's cache entry.
pub(super) enum Form {
    Bool,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Numeric,
    /// The bytes of the varlena are the text itself.
    Text,
    Name,
    Char,
    Json,
    Jsonb,
    /// date, time and timestamp types, in ISO 8601
    Time(Oid),
    Interval,
    Bytea,
    Uuid,
    Array(Element),
    Composite(Composite),
    /// By its output function, while these settings are fixed.
    Output(Setting),
}

pub(super) struct Element {
    pub(super) typid: Oid,
    pub(super) len: i16,
    pub(super) byval: bool,
    pub(super) align: c_char,
    pub(super) info: *mut TypeInfo,
}

pub(super) struct Composite {
    pub(super) typid: Oid,
    pub(super) count: usize,
    pub(super) fields: *mut Field,
}

/// A field of a composite type, in the order in which jsonb wants its keys.
pub(super) struct Field {
    pub(super) index: usize,
    pub(super) name: *const u8,
    pub(super) name_len: usize,
    pub(super) info: *mut TypeInfo,
}

impl Field {
    pub(super) fn name(&self) -> &[u8] {
        // SAFETY: the name was copied into the memory of the cache entry.
        unsafe { core::slice::from_raw_parts(self.name, self.name_len) }
    }
}

/// How the text of a type of fixed length can fall short of its bytes.
#[derive(Clone, Copy)]
pub(super) enum Fixed {
    None,
    /// A name that several objects may have.
    Name,
    /// float8s, whose NaNs may differ.
    Floats,
}

pub(super) struct TypeInfo {
    pub(super) form: Form,
    pub(super) fixed: Fixed,
    pub(super) len: i16,
    pub(super) byval: bool,
    /// The type's output function, for exact text.
    pub(super) output: pg_sys::FmgrInfo,
    /// What its text depends on.
    pub(super) text_settings: Setting,
}

/// Describes `typid` in the current memory context.
///
/// # Safety
/// Must run in a transaction; raises for an unknown type.
pub(super) unsafe fn describe(typid: Oid) -> *mut TypeInfo {
    // SAFETY: catalog look-ups on a type that exists, writing into memory just made.
    unsafe {
        raw::check_stack_depth();
        let base = raw::getBaseType(typid);
        let info: *mut TypeInfo = raw::alloc_array(1);
        let mut output = pg_sys::InvalidOid;
        let mut is_varlena = false;
        raw::getTypeOutputInfo(base, &raw mut output, &raw mut is_varlena);
        raw::fmgr_info_cxt(
            output,
            &raw mut (*info).output,
            pg_sys::CurrentMemoryContext,
        );
        let mut align: c_char = 0;
        raw::get_typlenbyvalalign(
            base,
            &raw mut (*info).len,
            &raw mut (*info).byval,
            &raw mut align,
        );
        let form = form_of(base, &(*info).output);
        (*info).text_settings = text_settings(base, &form, output);
        (*info).fixed = match base {
            pg_sys::REGPROCOID | pg_sys::REGOPEROID => Fixed::Name,
            pg_sys::POINTOID
            | pg_sys::LSEGOID
            | pg_sys::BOXOID
            | pg_sys::LINEOID
            | pg_sys::CIRCLEOID => Fixed::Floats,
            _ => Fixed::None,
        };
        core::ptr::write(&raw mut (*info).form, form);
        info
    }
}

unsafe fn form_of(base: Oid, output: &pg_sys::FmgrInfo) -> Form {
    match base {
        pg_sys::BOOLOID => Form::Bool,
        pg_sys::INT2OID => Form::Int2,
        pg_sys::INT4OID => Form::Int4,
        pg_sys::INT8OID => Form::Int8,
        pg_sys::FLOAT4OID => Form::Float4,
        pg_sys::FLOAT8OID => Form::Float8,
        pg_sys::NUMERICOID => Form::Numeric,
        // xml_out drops the encoding of the declaration; the stored bytes are text all the same.
        pg_sys::TEXTOID | pg_sys::VARCHAROID | pg_sys::BPCHAROID | pg_sys::XMLOID => Form::Text,
        pg_sys::NAMEOID => Form::Name,
        pg_sys::CHAROID => Form::Char,
        pg_sys::JSONOID => Form::Json,
        pg_sys::JSONBOID => Form::Jsonb,
        pg_sys::DATEOID
        | pg_sys::TIMEOID
        | pg_sys::TIMETZOID
        | pg_sys::TIMESTAMPOID
        | pg_sys::TIMESTAMPTZOID => Form::Time(base),
        pg_sys::INTERVALOID if crate::compat::INTERVALS_ARE_FINITE => Form::Interval,
        pg_sys::BYTEAOID => Form::Bytea,
        pg_sys::UUIDOID => Form::Uuid,
        // SAFETY: the type exists; see `describe`.
        _ => unsafe { other_form(base, output) },
    }
}

unsafe fn other_form(base: Oid, output: &pg_sys::FmgrInfo) -> Form {
    // SAFETY: catalog look-ups on a type that exists.
    unsafe {
        // Types such as citext have functions of their own that are textout under another name.
        let textout = raw::textout as *const ();
        if output
            .fn_addr
            .is_some_and(|address| address as *const () == textout)
        {
            return Form::Text;
        }
        let element = pg_sys::get_element_type(base);
        if element != pg_sys::InvalidOid {
            return Form::Array(describe_element(element));
        }
        if raw::get_typtype(base) == pg_sys::TYPTYPE_COMPOSITE as c_char {
            return Form::Composite(describe_composite(base));
        }
        Form::Output(output_settings(base, output.fn_oid))
    }
}

unsafe fn describe_element(typid: Oid) -> Element {
    // SAFETY: the element type exists.
    unsafe {
        let mut element = Element {
            typid,
            len: 0,
            byval: false,
            align: 0,
            info: describe(typid),
        };
        raw::get_typlenbyvalalign(
            typid,
            &raw mut element.len,
            &raw mut element.byval,
            &raw mut element.align,
        );
        element
    }
}

unsafe fn describe_composite(typid: Oid) -> Composite {
    // SAFETY: the descriptor stays pinned while its attributes are read.
    unsafe {
        let desc = raw::lookup_rowtype_tupdesc(typid, -1);
        let natts = (*desc).natts as usize;
        let fields: *mut Field = raw::alloc_array(natts);
        let mut count = 0;
        for index in 0..natts {
            let attribute = raw::attribute(desc, index);
            if (*attribute).attisdropped {
                continue;
            }
            super::relation::uses_row_type((*attribute).attrelid);
            let (name, name_len) = copy_name(&raw const (*attribute).attname);
            let info = describe((*attribute).atttypid);
            fields.add(count).write(Field {
                index,
                name,
                name_len,
                info,
            });
            count += 1;
        }
        if (*desc).tdrefcount >= 0 {
            raw::DecrTupleDescRefCount(desc);
        }
        core::slice::from_raw_parts_mut(fields, count)
            .sort_unstable_by(|a, b| super::jsonb::key_order(a.name(), b.name()));
        Composite {
            typid,
            count,
            fields,
        }
    }
}

/// Copies a name into the current memory context.
pub(super) unsafe fn copy_name(name: *const pg_sys::NameData) -> (*const u8, usize) {
    // SAFETY: a NameData is 64 bytes with a zero at its end.
    unsafe {
        let bytes = (*name).data.as_ptr().cast::<u8>();
        let mut len = 0;
        while *bytes.add(len) != 0 {
            len += 1;
        }
        let copy: *mut u8 = raw::alloc_array(len + 1);
        core::ptr::copy_nonoverlapping(bytes, copy, len);
        (copy, len)
    }
}

/// The settings on which the text of a type's exact form depends.
fn text_settings(base: Oid, form: &Form, output: Oid) -> Setting {
    match form {
        Form::Array(_) | Form::Composite(_) => Setting::ALL,
        Form::Output(settings) => *settings,
        Form::Float4 | Form::Float8 => Setting::DIGITS,
        _ => output_settings(base, output),
    }
}

/// The settings that the output function of a type looks at.
fn output_settings(base: Oid, output: Oid) -> Setting {
    match base {
        pg_sys::OIDOID
        | pg_sys::XIDOID
        | pg_sys::XID8OID
        | pg_sys::CIDOID
        | pg_sys::TIDOID
        | pg_sys::INETOID
        | pg_sys::CIDROID
        | pg_sys::MACADDROID
        | pg_sys::MACADDR8OID
        | pg_sys::BITOID
        | pg_sys::VARBITOID
        | pg_sys::TSVECTOROID
        | pg_sys::TSQUERYOID
        | pg_sys::PG_LSNOID
        | pg_sys::PG_SNAPSHOTOID
        | pg_sys::TXID_SNAPSHOTOID
        | pg_sys::JSONPATHOID
        | pg_sys::JSONOID
        | pg_sys::REFCURSOROID
        | pg_sys::INT2VECTOROID
        | pg_sys::OIDVECTOROID
        | pg_sys::INT4RANGEOID
        | pg_sys::INT8RANGEOID
        | pg_sys::NUMRANGEOID
        | pg_sys::INT4MULTIRANGEOID
        | pg_sys::INT8MULTIRANGEOID
        | pg_sys::NUMMULTIRANGEOID => Setting::NONE,
        pg_sys::POINTOID
        | pg_sys::LSEGOID
        | pg_sys::PATHOID
        | pg_sys::BOXOID
        | pg_sys::POLYGONOID
        | pg_sys::LINEOID
        | pg_sys::CIRCLEOID => Setting::DIGITS,
        pg_sys::MONEYOID => Setting::MONEY,
        pg_sys::DATERANGEOID
        | pg_sys::TSRANGEOID
        | pg_sys::TSTZRANGEOID
        | pg_sys::DATEMULTIRANGEOID
        | pg_sys::TSMULTIRANGEOID
        | pg_sys::TSTZMULTIRANGEOID => Setting::TIME,
        _ if output == Oid::from(pg_sys::F_ENUM_OUT) => Setting::NONE,
        _ => Setting::ALL,
    }
}

/// A value's text by its output function.
///
/// # Safety
/// `value` must be of the type; the settings it looks at must be fixed.
pub(super) unsafe fn output(info: *mut TypeInfo, value: Datum) -> &'static [u8] {
    // SAFETY: see above; the text is palloc'd and read before its context is reset.
    unsafe {
        let text = raw::OutputFunctionCall(&raw mut (*info).output, value);
        core::ffi::CStr::from_ptr(text).to_bytes()
    }
}

/// Splits an array into its elements.
///
/// # Safety
/// `array` must be a detoasted array of the element's type.
pub(super) unsafe fn elements(
    array: *mut pg_sys::ArrayType,
    element: &Element,
) -> (*mut Datum, *mut bool, usize) {
    let mut values = core::ptr::null_mut();
    let mut nulls = core::ptr::null_mut();
    let mut count: c_int = 0;
    // SAFETY: see above.
    unsafe {
        raw::deconstruct_array(
            array,
            element.typid,
            c_int::from(element.len),
            element.byval,
            element.align,
            &raw mut values,
            &raw mut nulls,
            &raw mut count,
        );
    }
    (values, nulls, usize::try_from(count).unwrap_or(0))
}
