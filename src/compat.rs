//! What differs between the major versions of `PostgreSQL`.

#![allow(
    unsafe_code,
    reason = "the differences are in the layout of the server's structs and in its functions"
)]

use pgrx::pg_sys;

/// Returns attribute `index` of a tuple descriptor: since 18 they stand behind the compact ones.
///
/// # Safety
/// `desc` must be valid and `index` below its `natts`.
#[cfg(not(feature = "pg18"))]
pub(crate) unsafe fn attribute(
    desc: pg_sys::TupleDesc,
    index: usize,
) -> *const pg_sys::FormData_pg_attribute {
    // SAFETY: the caller vouches for both.
    unsafe { (*desc).attrs.as_ptr().add(index) }
}

/// Returns attribute `index` of a tuple descriptor: since 18 they stand behind the compact ones.
///
/// # Safety
/// `desc` must be valid and `index` below its `natts`.
#[cfg(feature = "pg18")]
pub(crate) unsafe fn attribute(
    desc: pg_sys::TupleDesc,
    index: usize,
) -> *const pg_sys::FormData_pg_attribute {
    // SAFETY: the caller vouches for both; the layout is that of TupleDescAttrAddress.
    unsafe {
        let compact = (*desc).compact_attrs.as_ptr();
        compact
            .add((*desc).natts as usize)
            .cast::<pg_sys::FormData_pg_attribute>()
            .add(index)
    }
}

/// The identity of a relation's file, as the WAL record of a sequence wants it.
///
/// # Safety
/// `relation` must be open.
#[cfg(feature = "pg15")]
pub(crate) unsafe fn file_identity(relation: pg_sys::Relation) -> [u32; 3] {
    // SAFETY: the caller vouches for it.
    let node = unsafe { (*relation).rd_node };
    [node.spcNode.into(), node.dbNode.into(), node.relNode.into()]
}

/// The identity of a relation's file, as the WAL record of a sequence wants it.
///
/// # Safety
/// `relation` must be open.
#[cfg(not(feature = "pg15"))]
pub(crate) unsafe fn file_identity(relation: pg_sys::Relation) -> [u32; 3] {
    // SAFETY: the caller vouches for it.
    let locator = unsafe { (*relation).rd_locator };
    [
        locator.spcOid.into(),
        locator.dbOid.into(),
        locator.relNumber.into(),
    ]
}

/// Enters one row into the indexes of a relation.
///
/// # Safety
/// All arguments must belong together, as `ExecInsertIndexTuples` wants them.
pub(crate) unsafe fn insert_index_tuples(
    info: *mut pg_sys::ResultRelInfo,
    slot: *mut pg_sys::TupleTableSlot,
    estate: *mut pg_sys::EState,
) {
    #[cfg(feature = "pg15")]
    unsafe extern "C-unwind" {
        fn ExecInsertIndexTuples(
            info: *mut pg_sys::ResultRelInfo,
            slot: *mut pg_sys::TupleTableSlot,
            estate: *mut pg_sys::EState,
            update: bool,
            no_dup_err: bool,
            conflict: *mut bool,
            arbiters: *mut pg_sys::List,
        ) -> *mut pg_sys::List;
    }
    #[cfg(not(feature = "pg15"))]
    unsafe extern "C-unwind" {
        fn ExecInsertIndexTuples(
            info: *mut pg_sys::ResultRelInfo,
            slot: *mut pg_sys::TupleTableSlot,
            estate: *mut pg_sys::EState,
            update: bool,
            no_dup_err: bool,
            conflict: *mut bool,
            arbiters: *mut pg_sys::List,
            only_summarizing: bool,
        ) -> *mut pg_sys::List;
    }
    let none = core::ptr::null_mut();
    // SAFETY: the caller vouches for them.
    unsafe {
        #[cfg(feature = "pg15")]
        ExecInsertIndexTuples(
            info,
            slot,
            estate,
            false,
            false,
            none,
            core::ptr::null_mut(),
        );
        #[cfg(not(feature = "pg15"))]
        ExecInsertIndexTuples(
            info,
            slot,
            estate,
            false,
            false,
            none,
            core::ptr::null_mut(),
            false,
        );
    }
}

/// Whether every interval is finite: infinite ones came with 17.
pub(crate) const INTERVALS_ARE_FINITE: bool = cfg!(any(feature = "pg15", feature = "pg16"));

/// Whether a role owns a table.
///
/// # Safety
/// Must run in a transaction.
pub(crate) unsafe fn owns_table(table: pg_sys::Oid, role: pg_sys::Oid) -> bool {
    #[cfg(feature = "pg15")]
    use pg_sys::pg_class_ownercheck as owns;
    #[cfg(not(feature = "pg15"))]
    unsafe fn owns(table: pg_sys::Oid, role: pg_sys::Oid) -> bool {
        // SAFETY: a catalog look-up.
        unsafe { pg_sys::object_ownercheck(pg_sys::RelationRelationId, table, role) }
    }
    // SAFETY: a catalog look-up.
    unsafe { owns(table, role) }
}

/// Whether a role owns a schema.
///
/// # Safety
/// Must run in a transaction.
pub(crate) unsafe fn owns_schema(schema: pg_sys::Oid, role: pg_sys::Oid) -> bool {
    #[cfg(feature = "pg15")]
    use pg_sys::pg_namespace_ownercheck as owns;
    #[cfg(not(feature = "pg15"))]
    unsafe fn owns(schema: pg_sys::Oid, role: pg_sys::Oid) -> bool {
        // SAFETY: a catalog look-up.
        unsafe { pg_sys::object_ownercheck(pg_sys::NamespaceRelationId, schema, role) }
    }
    // SAFETY: a catalog look-up.
    unsafe { owns(schema, role) }
}
