//! Which values a record holds as their stored bytes, and which as JSON and text.
//!
//! Stored bytes are exact and cost nothing to make. They are kept of the types that come with the server, have the
//! same OID in every cluster, and whose values name no other object: so they can be read after a dump and restore, and
//! after any other type was altered or dropped. Their form on disk is the same in every version that `pg_upgrade` takes.

use super::raw;
use pgrx::pg_sys;
use pgrx::pg_sys::Oid;

/// How a field's values lie in a record.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// As many bytes as the type has.
    Fixed,
    /// A varlena with its header, at no alignment.
    Varlena,
    /// The JSON form, and the text where that does not say all.
    Json,
    /// Not at all.
    Mask,
}

/// Types as the table `layout` has them: an OID, or one of these.
pub(super) const JSON: i32 = 0;
pub(super) const MASK: i32 = -1;

/// OIDs below are given by hand and never change (`FirstGenbkiObjectId`).
const FIRST_GENERATED: u32 = 10_000;

/// Whether a record holds values of a type, which is no domain, as their stored bytes.
///
/// # Safety
/// Must run in a transaction.
pub(super) unsafe fn is_self_contained(typid: Oid) -> bool {
    if typid.to_u32() >= FIRST_GENERATED {
        return false;
    }
    // SAFETY: a catalog look-up.
    let element = unsafe { pg_sys::get_element_type(typid) };
    if element != pg_sys::InvalidOid {
        // SAFETY: see above.
        return element != typid && unsafe { is_self_contained(element) };
    }
    is_scalar(typid) || is_text(typid)
}

fn is_scalar(typid: Oid) -> bool {
    matches!(
        typid,
        pg_sys::BOOLOID
            | pg_sys::INT2OID
            | pg_sys::INT4OID
            | pg_sys::INT8OID
            | pg_sys::FLOAT4OID
            | pg_sys::FLOAT8OID
            | pg_sys::NUMERICOID
            | pg_sys::MONEYOID
            | pg_sys::DATEOID
            | pg_sys::TIMEOID
            | pg_sys::TIMETZOID
            | pg_sys::TIMESTAMPOID
            | pg_sys::TIMESTAMPTZOID
            | pg_sys::INTERVALOID
            | pg_sys::UUIDOID
            | pg_sys::BYTEAOID
            | pg_sys::BITOID
            | pg_sys::VARBITOID
            | pg_sys::INETOID
            | pg_sys::CIDROID
            | pg_sys::MACADDROID
            | pg_sys::MACADDR8OID
            | pg_sys::POINTOID
            | pg_sys::LSEGOID
            | pg_sys::PATHOID
            | pg_sys::BOXOID
            | pg_sys::POLYGONOID
            | pg_sys::LINEOID
            | pg_sys::CIRCLEOID
            | pg_sys::PG_LSNOID
            | pg_sys::CHAROID
            | pg_sys::INT4RANGEOID
            | pg_sys::INT8RANGEOID
            | pg_sys::NUMRANGEOID
            | pg_sys::DATERANGEOID
            | pg_sys::TSRANGEOID
            | pg_sys::TSTZRANGEOID
            | pg_sys::INT4MULTIRANGEOID
            | pg_sys::INT8MULTIRANGEOID
            | pg_sys::NUMMULTIRANGEOID
            | pg_sys::DATEMULTIRANGEOID
            | pg_sys::TSMULTIRANGEOID
            | pg_sys::TSTZMULTIRANGEOID
    )
}

fn is_text(typid: Oid) -> bool {
    matches!(
        typid,
        pg_sys::TEXTOID
            | pg_sys::VARCHAROID
            | pg_sys::BPCHAROID
            | pg_sys::NAMEOID
            | pg_sys::JSONOID
            | pg_sys::JSONBOID
            | pg_sys::XMLOID
            | pg_sys::TSVECTOROID
            | pg_sys::TSQUERYOID
    )
}

/// How values of a field of this type lie in a record.
///
/// # Safety
/// Must run in a transaction; a type that is an OID must be self-contained.
pub(super) unsafe fn kind(stored: i32) -> (Kind, i16, bool) {
    match stored {
        JSON => return (Kind::Json, -1, false),
        MASK => return (Kind::Mask, 0, false),
        _ => {}
    }
    let (mut len, mut byval, mut align) = (0, false, 0);
    // SAFETY: a catalog look-up of a type that comes with the server.
    unsafe {
        raw::get_typlenbyvalalign(
            Oid::from(stored as u32),
            &raw mut len,
            &raw mut byval,
            &raw mut align,
        );
    }
    let kind = if len == -1 {
        Kind::Varlena
    } else {
        Kind::Fixed
    };
    (kind, len, byval)
}
