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
}

const NAMES: [&CStr; 7] = [
    c"log",
    c"log_id",
    c"context",
    c"context_hash",
    c"context_id",
    c"collection",
    c"collection_pkey",
];

static OIDS: Global<[Oid; 7]> = Global::new([pg_sys::InvalidOid; 7]);

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

/// The OID of a function of ours with these argument types; invalid where the extension is not there.
///
/// # Safety
/// Must run in a transaction.
pub(super) unsafe fn function(name: &'static CStr, types: &mut [Oid]) -> Oid {
    // SAFETY: a catalog look-up with a qualified name.
    unsafe {
        let mut path = pg_sys::lappend(
            core::ptr::null_mut(),
            pg_sys::makeString(c"directus_versions".as_ptr().cast_mut()).cast(),
        );
        path = pg_sys::lappend(path, pg_sys::makeString(name.as_ptr().cast_mut()).cast());
        let count = core::ffi::c_int::try_from(types.len()).unwrap_or(0);
        pg_sys::LookupFuncName(path, count, types.as_mut_ptr(), true)
    }
}

/// Forgets them when one of the relations changes or all caches are reset.
pub(super) fn invalidate(relid: Oid) {
    let oids = OIDS.get();
    if relid == pg_sys::InvalidOid || oids.contains(&relid) {
        *oids = [pg_sys::InvalidOid; 7];
        super::capture::invalidate();
        super::store::invalidate();
        super::actor::forget();
    }
}
