//! The OIDs of our own tables and indexes, looked up once per backend.

use super::raw::{self, Global};
use core::ffi::CStr;
use pgrx::pg_sys;
use pgrx::pg_sys::Oid;

/// A relation of the schema.
#[derive(Clone, Copy)]
pub(super) enum Table {
    Log,
    LogIds,
    Context,
    ContextHash,
    ContextIds,
    Collection,
    CollectionKey,
    LongItem,
    Layout,
    LayoutKey,
    LayoutHash,
    LayoutIds,
    Field,
    FieldKey,
    Gap,
    GapKey,
    ContextKey,
    CollectionRelation,
    Version,
}

const COUNT: usize = 19;

const NAMES: [&CStr; COUNT] = [
    c"log",
    c"log_id",
    c"context",
    c"context_hash",
    c"context_id",
    c"collection",
    c"collection_pkey",
    c"long_item",
    c"layout",
    c"layout_pkey",
    c"layout_hash",
    c"layout_id",
    c"field",
    c"field_pkey",
    c"gap",
    c"gap_pkey",
    c"context_pkey",
    c"collection_relation_key",
    c"version",
];

static OIDS: Global<[Oid; COUNT]> = Global::new([pg_sys::InvalidOid; COUNT]);

/// The OID of a relation of ours; `None` where the extension is not there.
///
/// # Safety
/// Must run in a transaction.
pub(super) unsafe fn oid(table: Table) -> Option<Oid> {
    let known = OIDS.get()[table as usize];
    if known != pg_sys::InvalidOid {
        return Some(known);
    }
    // SAFETY: catalog look-ups.
    unsafe {
        let schema = raw::get_namespace_oid(c"directus_versions".as_ptr(), true);
        if schema == pg_sys::InvalidOid {
            return None;
        }
        let oid = raw::get_relname_relid(NAMES[table as usize].as_ptr(), schema);
        OIDS.get()[table as usize] = oid;
        (oid != pg_sys::InvalidOid).then_some(oid)
    }
}

/// The OID of a function of ours with these argument types; invalid where the extension is not there. Asks for no
/// right on the schema, which a writer of a tracked table need not have.
///
/// # Safety
/// Must run in a transaction.
pub(super) unsafe fn function(name: &'static CStr, types: &[Oid]) -> Oid {
    // SAFETY: a look-up in the catalog cache by name, argument types and schema.
    unsafe {
        let schema = raw::get_namespace_oid(c"directus_versions".as_ptr(), true);
        let count = core::ffi::c_int::try_from(types.len()).unwrap_or(0);
        pg_sys::GetSysCacheOid(
            pg_sys::SysCacheIdentifier::PROCNAMEARGSNSP as core::ffi::c_int,
            pg_sys::Anum_pg_proc_oid as pg_sys::AttrNumber,
            pg_sys::Datum::from(name.as_ptr()),
            pg_sys::Datum::from(pg_sys::buildoidvector(types.as_ptr(), count)),
            pg_sys::Datum::from(schema),
            pg_sys::Datum::null(),
        )
    }
}

/// Forgets them when one of the relations changes or all caches are reset.
pub(super) fn invalidate(relid: Oid) {
    let oids = OIDS.get();
    if relid == pg_sys::InvalidOid || oids.contains(&relid) {
        *oids = [pg_sys::InvalidOid; COUNT];
        super::capture::invalidate();
        super::store::invalidate();
        super::actor::forget();
        super::layout::forget();
        super::who::forget();
    }
}
