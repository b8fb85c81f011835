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
            .add(usize::try_from((*desc).natts).unwrap_or(0))
            .cast::<pg_sys::FormData_pg_attribute>()
            .add(index)
    }
}

/// Whether rows have a value of a column: not where it was dropped, nor, since 18, where it is generated as it is read.
///
/// # Safety
/// `attribute` must be valid.
pub(crate) unsafe fn is_stored(attribute: *const pg_sys::FormData_pg_attribute) -> bool {
    const VIRTUAL: core::ffi::c_char = b'v'.cast_signed();
    // SAFETY: the caller vouches for it.
    unsafe { !(*attribute).attisdropped && (*attribute).attgenerated != VIRTUAL }
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

/// Whether a role may call a function.
///
/// # Safety
/// Must run in a transaction.
pub(crate) unsafe fn may_execute(function: pg_sys::Oid, role: pg_sys::Oid) -> bool {
    #[cfg(feature = "pg15")]
    use pg_sys::pg_proc_aclcheck as check;
    #[cfg(not(feature = "pg15"))]
    unsafe fn check(
        function: pg_sys::Oid,
        role: pg_sys::Oid,
        mode: pg_sys::AclMode,
    ) -> pg_sys::AclResult::Type {
        // SAFETY: a catalog look-up.
        unsafe { pg_sys::object_aclcheck(pg_sys::ProcedureRelationId, function, role, mode) }
    }
    let execute = pg_sys::AclMode::from(pg_sys::ACL_EXECUTE);
    // SAFETY: a catalog look-up.
    unsafe { check(function, role, execute) == pg_sys::AclResult::ACLCHECK_OK }
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

/// The columns of a relation that are generated as they are read: since 18.
#[cfg(not(feature = "pg18"))]
pub(crate) enum Virtual {}

#[cfg(not(feature = "pg18"))]
impl Virtual {
    /// Those of an open relation: none.
    pub(crate) fn of(_: pg_sys::Relation) -> Option<Self> {
        None
    }

    /// Makes their values from those of the other columns.
    pub(crate) fn fill(&self, _: *mut pg_sys::Datum, _: *mut bool) {
        match *self {}
    }

    /// Frees what belongs to them.
    pub(crate) fn end(&self) {
        match *self {}
    }
}

/// The columns of a relation that are generated as they are read: since 18.
#[cfg(feature = "pg18")]
pub(crate) struct Virtual {
    columns: *mut (usize, *mut pg_sys::ExprState),
    count: usize,
    slot: *mut pg_sys::TupleTableSlot,
    estate: *mut pg_sys::EState,
}

#[cfg(feature = "pg18")]
impl Virtual {
    /// Those of an open relation, in the current memory context.
    ///
    /// # Safety
    /// The relation must stay open as long as they are used.
    pub(crate) unsafe fn of(relation: pg_sys::Relation) -> Option<Self> {
        unsafe extern "C-unwind" {
            fn palloc(size: usize) -> *mut core::ffi::c_void;
            fn CreateExecutorState() -> *mut pg_sys::EState;
            fn MakePerTupleExprContext(estate: *mut pg_sys::EState) -> *mut pg_sys::ExprContext;
            fn MakeSingleTupleTableSlot(
                desc: pg_sys::TupleDesc,
                ops: *const pg_sys::TupleTableSlotOps,
            ) -> *mut pg_sys::TupleTableSlot;
            fn build_generation_expression(
                relation: pg_sys::Relation,
                attribute: core::ffi::c_int,
            ) -> *mut pg_sys::Node;
            fn ExecPrepareExpr(
                node: *mut pg_sys::Expr,
                estate: *mut pg_sys::EState,
            ) -> *mut pg_sys::ExprState;
        }
        // SAFETY: the caller vouches for the relation; there is room for as many columns as it has attributes.
        unsafe {
            let desc = (*relation).rd_att;
            if (*desc).constr.is_null() || !(*(*desc).constr).has_generated_virtual {
                return None;
            }
            let natts = usize::try_from((*desc).natts).unwrap_or(0);
            let columns: *mut (usize, *mut pg_sys::ExprState) =
                palloc(natts * size_of::<(usize, *mut pg_sys::ExprState)>()).cast();
            let estate = CreateExecutorState();
            let slot = MakeSingleTupleTableSlot(desc, &raw const pg_sys::TTSOpsVirtual);
            (*MakePerTupleExprContext(estate)).ecxt_scantuple = slot;
            let mut count = 0;
            for index in 0..natts {
                let column = attribute(desc, index);
                if (*column).attisdropped || is_stored(column) {
                    continue;
                }
                let expression = build_generation_expression(relation, (*column).attnum.into());
                columns
                    .add(count)
                    .write((index, ExecPrepareExpr(expression.cast(), estate)));
                count += 1;
            }
            Some(Self {
                columns,
                count,
                slot,
                estate,
            })
        }
    }

    /// Makes their values from those of the other columns, in the current memory context.
    ///
    /// # Safety
    /// There must be a value for each attribute of the relation.
    pub(crate) unsafe fn fill(&self, values: *mut pg_sys::Datum, nulls: *mut bool) {
        unsafe extern "C-unwind" {
            fn ExecStoreVirtualTuple(
                slot: *mut pg_sys::TupleTableSlot,
            ) -> *mut pg_sys::TupleTableSlot;
        }
        // SAFETY: the slot has room for as many; the states are of the executor's state.
        unsafe {
            let natts = usize::try_from((*(*self.slot).tts_tupleDescriptor).natts).unwrap_or(0);
            core::ptr::copy_nonoverlapping(values, (*self.slot).tts_values, natts);
            core::ptr::copy_nonoverlapping(nulls, (*self.slot).tts_isnull, natts);
            ExecStoreVirtualTuple(self.slot);
            let context = (*self.estate).es_per_tuple_exprcontext;
            for place in 0..self.count {
                let (index, state) = *self.columns.add(place);
                if let Some(evaluate) = (*state).evalfunc {
                    *values.add(index) = evaluate(state, context, nulls.add(index));
                }
            }
            if let Some(clear) = (*(*self.slot).tts_ops).clear {
                clear(self.slot);
            }
        }
    }

    /// Frees what belongs to them.
    ///
    /// # Safety
    /// They must not be used any more.
    pub(crate) unsafe fn end(&self) {
        unsafe extern "C-unwind" {
            fn ExecDropSingleTupleTableSlot(slot: *mut pg_sys::TupleTableSlot);
            fn FreeExecutorState(estate: *mut pg_sys::EState);
        }
        // SAFETY: both were made by `of`.
        unsafe {
            ExecDropSingleTupleTableSlot(self.slot);
            FreeExecutorState(self.estate);
        }
    }
}
