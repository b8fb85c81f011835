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

/// Whether a role may look up what is in a schema.
///
/// # Safety
/// Must run in a transaction.
pub(crate) unsafe fn uses_schema(schema: pg_sys::Oid, role: pg_sys::Oid) -> bool {
    #[cfg(feature = "pg15")]
    use pg_sys::pg_namespace_aclcheck as check;
    #[cfg(not(feature = "pg15"))]
    unsafe fn check(
        schema: pg_sys::Oid,
        role: pg_sys::Oid,
        mode: pg_sys::AclMode,
    ) -> pg_sys::AclResult::Type {
        // SAFETY: a catalog look-up.
        unsafe { pg_sys::object_aclcheck(pg_sys::NamespaceRelationId, schema, role, mode) }
    }
    let usage = pg_sys::AclMode::from(pg_sys::ACL_USAGE);
    // SAFETY: a catalog look-up.
    unsafe { check(schema, role, usage) == pg_sys::AclResult::ACLCHECK_OK }
}

/// Reads the blocks that a bitmap index scan finds, in order.
///
/// # Safety
/// The index must be open and the keys of columns of it; must run with an active snapshot.
pub(crate) unsafe fn blocks(
    index: pg_sys::Relation,
    snapshot: pg_sys::Snapshot,
    keys: &mut [pg_sys::ScanKeyData],
    mut read: impl FnMut(u32),
) {
    #[cfg(not(feature = "pg18"))]
    unsafe extern "C-unwind" {
        fn index_beginscan_bitmap(
            index: pg_sys::Relation,
            snapshot: pg_sys::Snapshot,
            nkeys: core::ffi::c_int,
        ) -> pg_sys::IndexScanDesc;
        fn tbm_begin_iterate(bitmap: *mut pg_sys::TIDBitmap) -> *mut core::ffi::c_void;
        fn tbm_iterate(iterator: *mut core::ffi::c_void) -> *mut u32;
        fn tbm_end_iterate(iterator: *mut core::ffi::c_void);
    }
    #[cfg(feature = "pg18")]
    unsafe extern "C-unwind" {
        fn index_beginscan_bitmap(
            index: pg_sys::Relation,
            snapshot: pg_sys::Snapshot,
            instrument: *mut core::ffi::c_void,
            nkeys: core::ffi::c_int,
        ) -> pg_sys::IndexScanDesc;
        fn tbm_begin_private_iterate(bitmap: *mut pg_sys::TIDBitmap) -> *mut core::ffi::c_void;
        fn tbm_private_iterate(
            iterator: *mut core::ffi::c_void,
            result: *mut pg_sys::TBMIterateResult,
        ) -> bool;
        fn tbm_end_private_iterate(iterator: *mut core::ffi::c_void);
    }
    unsafe extern "C-unwind" {
        fn index_rescan(
            scan: pg_sys::IndexScanDesc,
            keys: *mut pg_sys::ScanKeyData,
            nkeys: core::ffi::c_int,
            orderbys: *mut pg_sys::ScanKeyData,
            norderbys: core::ffi::c_int,
        );
        fn index_getbitmap(scan: pg_sys::IndexScanDesc, bitmap: *mut pg_sys::TIDBitmap) -> i64;
        fn index_endscan(scan: pg_sys::IndexScanDesc);
        fn tbm_create(
            max_bytes: core::ffi::c_long,
            dsa: *mut core::ffi::c_void,
        ) -> *mut pg_sys::TIDBitmap;
        fn tbm_free(bitmap: *mut pg_sys::TIDBitmap);
    }
    const MAX_BYTES: core::ffi::c_long = 64 << 20;
    let count = core::ffi::c_int::try_from(keys.len()).unwrap_or(0);
    let none = core::ptr::null_mut();
    // SAFETY: the caller vouches for the index; a block's number is the first member of a result.
    unsafe {
        #[cfg(not(feature = "pg18"))]
        let scan = index_beginscan_bitmap(index, snapshot, count);
        #[cfg(feature = "pg18")]
        let scan = index_beginscan_bitmap(index, snapshot, core::ptr::null_mut(), count);
        index_rescan(scan, keys.as_mut_ptr(), count, none, 0);
        let bitmap = tbm_create(MAX_BYTES, core::ptr::null_mut());
        index_getbitmap(scan, bitmap);
        index_endscan(scan);
        #[cfg(not(feature = "pg18"))]
        {
            let iterator = tbm_begin_iterate(bitmap);
            loop {
                let block = tbm_iterate(iterator);
                if block.is_null() {
                    break;
                }
                read(*block);
            }
            tbm_end_iterate(iterator);
        }
        #[cfg(feature = "pg18")]
        {
            let iterator = tbm_begin_private_iterate(bitmap);
            let mut result = pg_sys::TBMIterateResult::default();
            while tbm_private_iterate(iterator, &raw mut result) {
                read(result.blockno);
            }
            tbm_end_private_iterate(iterator);
        }
        tbm_free(bitmap);
    }
}
