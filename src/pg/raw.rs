//! `PostgreSQL` functions called without pgrx's guard, and the macros of its headers.
//!
//! pgrx wraps every function in a `sigsetjmp` that turns an error into a Rust panic. That costs tens of
//! nanoseconds a call on a path that runs per row, and it drops the schema, table and constraint names of the error.
//! An error raised by a function declared here jumps straight over our frames to the server's own handler, so
//! nothing with a destructor may be alive in any frame of ours while one of them runs.

use core::ffi::{c_char, c_int, c_void};
use pgrx::pg_sys;
use pgrx::pg_sys::{
    AttrNumber, Buffer, BulkInsertState, CommandId, Datum, EState, FmgrInfo, FormData_pg_attribute,
    FullTransactionId, HeapTuple, HeapTupleHeader, MemoryContext, Oid, Relation, ResultRelInfo,
    ScanKeyData, Size, Snapshot, SubTransactionId, SysScanDesc, TimestampTz, TupleDesc,
    TupleTableSlot, TupleTableSlotOps, varlena,
};

pub(super) use super::varlena::{is_external, is_plain, payload, varsize};

unsafe extern "C-unwind" {
    pub(super) fn palloc(size: Size) -> *mut c_void;
    pub(super) fn palloc0(size: Size) -> *mut c_void;
    pub(super) fn pfree(pointer: *mut c_void);
    pub(super) fn MemoryContextAlloc(context: MemoryContext, size: Size) -> *mut c_void;
    pub(super) fn MemoryContextAllocHuge(context: MemoryContext, size: Size) -> *mut c_void;
    pub(super) fn repalloc_huge(pointer: *mut c_void, size: Size) -> *mut c_void;
    pub(super) fn MemoryContextReset(context: MemoryContext);
    pub(super) fn MemoryContextSetParent(context: MemoryContext, parent: MemoryContext);
    pub(super) fn MemoryContextDeleteChildren(context: MemoryContext);
    pub(super) fn MemoryContextDelete(context: MemoryContext);
    pub(super) fn MemoryContextRegisterResetCallback(
        context: MemoryContext,
        callback: *mut pg_sys::MemoryContextCallback,
    );
    pub(super) fn AllocSetContextCreateInternal(
        parent: MemoryContext,
        name: *const c_char,
        min: Size,
        init: Size,
        max: Size,
    ) -> MemoryContext;

    pub(super) fn slot_getsomeattrs_int(slot: *mut TupleTableSlot, attnum: c_int);
    pub(super) fn heap_deform_tuple(
        tuple: HeapTuple,
        desc: TupleDesc,
        values: *mut Datum,
        isnull: *mut bool,
    );
    pub(super) fn heap_form_tuple(
        desc: TupleDesc,
        values: *mut Datum,
        isnull: *mut bool,
    ) -> HeapTuple;
    pub(super) fn CreateTupleDescCopy(desc: TupleDesc) -> TupleDesc;
    pub(super) fn CreateTemplateTupleDesc(natts: c_int) -> TupleDesc;
    pub(super) fn TupleDescCopyEntry(
        to: TupleDesc,
        to_attribute: AttrNumber,
        from: TupleDesc,
        from_attribute: AttrNumber,
    );
    pub(super) fn FreeTupleDesc(desc: TupleDesc);
    pub(super) fn heap_copy_tuple_as_datum(tuple: HeapTuple, desc: TupleDesc) -> Datum;
    pub(super) fn heap_copytuple(tuple: HeapTuple) -> HeapTuple;
    pub(super) fn HeapTupleHeaderGetCmin(tup: HeapTupleHeader) -> CommandId;
    pub(super) fn HeapTupleHeaderGetCmax(tup: HeapTupleHeader) -> CommandId;
    pub(super) fn heap_multi_insert(
        relation: Relation,
        slots: *mut *mut TupleTableSlot,
        ntuples: c_int,
        cid: CommandId,
        options: c_int,
        bistate: BulkInsertState,
    );
    pub(super) fn MakeSingleTupleTableSlot(
        desc: TupleDesc,
        ops: *const TupleTableSlotOps,
    ) -> *mut TupleTableSlot;
    pub(super) fn ExecDropSingleTupleTableSlot(slot: *mut TupleTableSlot);
    pub(super) fn ExecStoreHeapTuple(
        tuple: HeapTuple,
        slot: *mut TupleTableSlot,
        free: bool,
    ) -> *mut TupleTableSlot;
    pub(super) fn CreateExecutorState() -> *mut EState;
    pub(super) fn FreeExecutorState(estate: *mut EState);
    pub(super) fn InitResultRelInfo(
        info: *mut ResultRelInfo,
        relation: Relation,
        index: pg_sys::Index,
        root: *mut ResultRelInfo,
        instrument: c_int,
    );
    pub(super) fn ExecOpenIndices(info: *mut ResultRelInfo, speculative: bool);
    pub(super) fn ExecCloseIndices(info: *mut ResultRelInfo);
    pub(super) fn CatalogTupleInsert(relation: Relation, tuple: HeapTuple);
    pub(super) fn CatalogTupleDelete(relation: Relation, place: *mut pg_sys::ItemPointerData);
    pub(super) fn toast_flatten_tuple(tuple: HeapTuple, desc: TupleDesc) -> HeapTuple;
    pub(super) fn heap_modify_tuple(
        tuple: HeapTuple,
        desc: TupleDesc,
        values: *const Datum,
        nulls: *const bool,
        replace: *const bool,
    ) -> HeapTuple;

    pub(super) fn relation_open(relid: Oid, lock: c_int) -> Relation;
    pub(super) fn try_relation_open(relid: Oid, lock: c_int) -> Relation;
    pub(super) fn relation_close(relation: Relation, lock: c_int);
    pub(super) fn RelationIdGetRelation(relid: Oid) -> Relation;
    pub(super) fn RelationClose(relation: Relation);
    pub(super) fn RelationGetIndexList(relation: Relation) -> *mut pg_sys::List;
    pub(super) fn RelationGetReplicaIndex(relation: Relation) -> Oid;
    pub(super) fn RelationGetPartitionDesc(
        relation: Relation,
        omit_detached: bool,
    ) -> pg_sys::PartitionDesc;
    pub(super) fn quote_qualified_identifier(
        qualifier: *const c_char,
        name: *const c_char,
    ) -> *mut c_char;
    pub(super) fn get_namespace_oid(name: *const c_char, missing_ok: bool) -> Oid;
    pub(super) fn get_relname_relid(name: *const c_char, namespace: Oid) -> Oid;
    pub(super) fn textToQualifiedNameList(name: *mut varlena) -> *mut pg_sys::List;
    pub(super) fn makeRangeVarFromNameList(names: *mut pg_sys::List) -> *mut pg_sys::RangeVar;
    pub(super) fn RangeVarGetRelidExtended(
        relation: *const pg_sys::RangeVar,
        lock: c_int,
        flags: u32,
        callback: *const c_void,
        argument: *mut c_void,
    ) -> Oid;
    pub(super) fn ScanKeyInit(
        entry: *mut ScanKeyData,
        attribute: AttrNumber,
        strategy: u16,
        procedure: Oid,
        argument: Datum,
    );
    pub(super) fn systable_beginscan(
        relation: Relation,
        index: Oid,
        index_ok: bool,
        snapshot: Snapshot,
        nkeys: c_int,
        key: *mut ScanKeyData,
    ) -> SysScanDesc;
    pub(super) fn systable_getnext(scan: SysScanDesc) -> HeapTuple;
    pub(super) fn systable_endscan(scan: SysScanDesc);
    pub(super) fn systable_beginscan_ordered(
        heap: Relation,
        index: Relation,
        snapshot: Snapshot,
        nkeys: c_int,
        key: *mut ScanKeyData,
    ) -> SysScanDesc;
    pub(super) fn systable_getnext_ordered(
        scan: SysScanDesc,
        direction: pg_sys::ScanDirection::Type,
    ) -> HeapTuple;
    pub(super) fn heap_beginscan(
        relation: Relation,
        snapshot: Snapshot,
        nkeys: c_int,
        key: *mut ScanKeyData,
        parallel: *mut c_void,
        flags: u32,
    ) -> pg_sys::TableScanDesc;
    pub(super) fn heap_setscanlimits(scan: pg_sys::TableScanDesc, start: u32, count: u32);
    pub(super) fn heap_getnext(
        scan: pg_sys::TableScanDesc,
        direction: pg_sys::ScanDirection::Type,
    ) -> HeapTuple;
    pub(super) fn heap_endscan(scan: pg_sys::TableScanDesc);
    pub(super) fn heap_fetch(
        relation: Relation,
        snapshot: Snapshot,
        tuple: HeapTuple,
        buffer: *mut Buffer,
        keep_buffer: bool,
    ) -> bool;
    pub(super) fn RelationGetNumberOfBlocksInFork(
        relation: Relation,
        fork: pg_sys::ForkNumber::Type,
    ) -> u32;
    pub(super) fn SPI_execute_extended(
        query: *const c_char,
        options: *const pg_sys::SPIExecuteOptions,
    ) -> c_int;
    pub(super) fn systable_endscan_ordered(scan: SysScanDesc);
    pub(super) fn table_slot_create(
        relation: Relation,
        list: *mut *mut pg_sys::List,
    ) -> *mut TupleTableSlot;
    #[link_name = "table_beginscan__pgrx_cshim"]
    pub(super) fn table_beginscan(
        relation: Relation,
        snapshot: Snapshot,
        nkeys: c_int,
        key: *mut ScanKeyData,
    ) -> pg_sys::TableScanDesc;
    #[link_name = "table_scan_getnextslot__pgrx_cshim"]
    pub(super) fn table_scan_getnextslot(
        scan: pg_sys::TableScanDesc,
        direction: pg_sys::ScanDirection::Type,
        slot: *mut TupleTableSlot,
    ) -> bool;
    #[link_name = "table_endscan__pgrx_cshim"]
    pub(super) fn table_endscan(scan: pg_sys::TableScanDesc);

    pub(super) fn GetCurrentTransactionNestLevel() -> c_int;
    pub(super) fn MemoryContextStrdup(context: MemoryContext, text: *const c_char) -> *mut c_char;
    pub(super) fn GetCurrentSubTransactionId() -> SubTransactionId;
    pub(super) fn GetTopFullTransactionId() -> FullTransactionId;
    pub(super) fn GetTopTransactionId() -> pg_sys::TransactionId;
    pub(super) fn GetCurrentCommandId(used: bool) -> CommandId;
    pub(super) fn GetCurrentStatementStartTimestamp() -> TimestampTz;
    pub(super) fn GetActiveSnapshot() -> Snapshot;
    pub(super) fn ActiveSnapshotSet() -> bool;
    pub(super) fn GetTransactionSnapshot() -> Snapshot;
    pub(super) fn PushActiveSnapshot(snapshot: Snapshot);
    pub(super) fn PopActiveSnapshot();
    pub(super) fn UpdateActiveSnapshotCommandId();
    pub(super) fn GetUserId() -> Oid;
    pub(super) fn GetSessionUserId() -> Oid;
    pub(super) fn GetUserNameFromId(role: Oid, noerr: bool) -> *mut c_char;
    pub(super) fn GetSystemIdentifier() -> u64;
    pub(super) fn GetConfigOption(
        name: *const c_char,
        missing_ok: bool,
        restrict_privileged: bool,
    ) -> *const c_char;
    pub(super) fn NewGUCNestLevel() -> c_int;
    pub(super) fn AtEOXact_GUC(commit: bool, level: c_int);
    pub(super) fn set_config_option(
        name: *const c_char,
        value: *const c_char,
        context: pg_sys::GucContext::Type,
        source: pg_sys::GucSource::Type,
        action: pg_sys::GucAction::Type,
        change: bool,
        elevel: c_int,
        is_reload: bool,
    ) -> c_int;

    pub(super) fn ReadBuffer(relation: Relation, block: pg_sys::BlockNumber) -> Buffer;
    pub(super) fn ReleaseBuffer(buffer: Buffer);
    pub(super) fn ReadBufferExtended(
        relation: Relation,
        fork: pg_sys::ForkNumber::Type,
        block: pg_sys::BlockNumber,
        mode: pg_sys::ReadBufferMode::Type,
        strategy: pg_sys::BufferAccessStrategy,
    ) -> Buffer;
    pub(super) fn LockBuffer(buffer: Buffer, mode: c_int);
    pub(super) fn UnlockReleaseBuffer(buffer: Buffer);
    pub(super) fn MarkBufferDirty(buffer: Buffer);
    pub(super) fn GetRedoRecPtr() -> pg_sys::XLogRecPtr;
    pub(super) fn XLogBeginInsert();
    pub(super) fn XLogRegisterBuffer(block_id: u8, buffer: Buffer, flags: u8);
    pub(super) fn XLogInsert(rmid: pg_sys::RmgrId, info: u8) -> pg_sys::XLogRecPtr;

    pub(super) fn InitMaterializedSRF(call: pg_sys::FunctionCallInfo, flags: u32);
    pub(super) fn tuplestore_begin_heap(
        random_access: bool,
        across_transactions: bool,
        max_kb: c_int,
    ) -> *mut pg_sys::Tuplestorestate;
    pub(super) fn tuplestore_end(store: *mut pg_sys::Tuplestorestate);
    pub(super) fn tuplestore_putvalues(
        store: *mut pg_sys::Tuplestorestate,
        desc: TupleDesc,
        values: *mut Datum,
        nulls: *mut bool,
    );
    pub(super) fn pg_detoast_datum(datum: *mut varlena) -> *mut varlena;
    pub(super) fn pg_detoast_datum_copy(datum: *mut varlena) -> *mut varlena;
    pub(super) fn detoast_external_attr(datum: *mut varlena) -> *mut varlena;
    pub(super) fn construct_array(
        values: *mut Datum,
        count: c_int,
        element: Oid,
        len: c_int,
        byval: bool,
        align: c_char,
    ) -> *mut pg_sys::ArrayType;
    pub(super) fn pg_detoast_datum_packed(datum: *mut varlena) -> *mut varlena;
    pub(super) fn toast_raw_datum_size(value: Datum) -> Size;
    pub(super) fn toast_datum_size(value: Datum) -> Size;
    pub(super) fn cstring_to_text_with_len(text: *const c_char, len: c_int) -> *mut varlena;
    pub(super) fn fmgr_info_cxt(function: Oid, info: *mut FmgrInfo, context: MemoryContext);
    pub(super) fn OutputFunctionCall(info: *mut FmgrInfo, value: Datum) -> *mut c_char;
    pub(super) fn getTypeOutputInfo(typid: Oid, output: *mut Oid, is_varlena: *mut bool);
    pub(super) fn OidOutputFunctionCall(function: Oid, value: Datum) -> *mut c_char;
    pub(super) fn getTypeInputInfo(typid: Oid, input: *mut Oid, parameter: *mut Oid);
    pub(super) fn InputFunctionCall(
        info: *mut FmgrInfo,
        text: *mut c_char,
        parameter: Oid,
        typmod: i32,
    ) -> Datum;
    pub(super) fn getBaseType(typid: Oid) -> Oid;
    pub(super) fn getBaseTypeAndTypmod(typid: Oid, typmod: *mut i32) -> Oid;
    pub(super) fn get_typtype(typid: Oid) -> c_char;
    pub(super) fn get_typlenbyvalalign(
        typid: Oid,
        len: *mut i16,
        byval: *mut bool,
        align: *mut c_char,
    );
    pub(super) fn lookup_rowtype_tupdesc(typid: Oid, typmod: i32) -> TupleDesc;
    pub(super) fn DecrTupleDescRefCount(desc: TupleDesc);
    pub(super) fn deconstruct_array(
        array: *mut pg_sys::ArrayType,
        element: Oid,
        len: c_int,
        byval: bool,
        align: c_char,
        values: *mut *mut Datum,
        nulls: *mut *mut bool,
        count: *mut c_int,
    );
    pub(super) fn JsonEncodeDateTime(
        buffer: *mut c_char,
        value: Datum,
        typid: Oid,
        zone: *const c_int,
    ) -> *mut c_char;
    pub(super) fn EncodeInterval(itm: *mut pg_sys::pg_itm, style: c_int, text: *mut c_char);
    pub(super) fn interval2itm(span: pg_sys::Interval, itm: *mut pg_sys::pg_itm);
    pub(super) fn JsonbToCString(
        out: pg_sys::StringInfo,
        container: *mut pg_sys::JsonbContainer,
        estimate: c_int,
    ) -> *mut c_char;
    pub(super) fn numeric_in(fcinfo: pg_sys::FunctionCallInfo) -> Datum;
    pub(super) fn jsonb_in(fcinfo: pg_sys::FunctionCallInfo) -> Datum;
    pub(super) fn sha256_bytea(fcinfo: pg_sys::FunctionCallInfo) -> Datum;
    pub(super) fn byteain(fcinfo: pg_sys::FunctionCallInfo) -> Datum;
    pub(super) fn bytearecv(fcinfo: pg_sys::FunctionCallInfo) -> Datum;
    pub(super) fn byteasend(fcinfo: pg_sys::FunctionCallInfo) -> Datum;
    pub(super) fn uuid_out(fcinfo: pg_sys::FunctionCallInfo) -> Datum;
    pub(super) fn textout(fcinfo: pg_sys::FunctionCallInfo) -> Datum;
    pub(super) fn inet_client_addr(fcinfo: pg_sys::FunctionCallInfo) -> Datum;
    pub(super) fn inet_out(fcinfo: pg_sys::FunctionCallInfo) -> Datum;
    pub(super) fn DirectFunctionCall1Coll(
        function: pg_sys::PGFunction,
        collation: Oid,
        arg: Datum,
    ) -> Datum;
    pub(super) fn DirectFunctionCall2Coll(
        function: pg_sys::PGFunction,
        collation: Oid,
        arg1: Datum,
        arg2: Datum,
    ) -> Datum;
    pub(super) fn FunctionCall3Coll(
        info: *mut FmgrInfo,
        collation: Oid,
        arg1: Datum,
        arg2: Datum,
        arg3: Datum,
    ) -> Datum;
    pub(super) fn find_typmod_coercion_function(
        typid: Oid,
        function: *mut Oid,
    ) -> pg_sys::CoercionPathType::Type;
    pub(super) fn datumIsEqual(a: Datum, b: Datum, byval: bool, len: c_int) -> bool;
    pub(super) fn construct_md_array(
        values: *mut Datum,
        nulls: *mut bool,
        ndims: c_int,
        dims: *mut c_int,
        bounds: *mut c_int,
        element: Oid,
        len: c_int,
        byval: bool,
        align: c_char,
    ) -> *mut pg_sys::ArrayType;
    pub(super) fn numeric_round(fcinfo: pg_sys::FunctionCallInfo) -> Datum;
    pub(super) fn numeric_abs(fcinfo: pg_sys::FunctionCallInfo) -> Datum;
    pub(super) fn numeric_lt(fcinfo: pg_sys::FunctionCallInfo) -> Datum;
    pub(super) fn DirectFunctionCall3Coll(
        function: pg_sys::PGFunction,
        collation: Oid,
        arg1: Datum,
        arg2: Datum,
        arg3: Datum,
    ) -> Datum;
    pub(super) fn get_call_result_type(
        call: pg_sys::FunctionCallInfo,
        typid: *mut Oid,
        desc: *mut TupleDesc,
    ) -> pg_sys::TypeFuncClass::Type;
    pub(super) fn SPI_connect() -> c_int;
    pub(super) fn SPI_cursor_open_with_args(
        name: *const c_char,
        query: *const c_char,
        nargs: c_int,
        types: *mut Oid,
        values: *mut Datum,
        nulls: *const c_char,
        read_only: bool,
        options: c_int,
    ) -> pg_sys::Portal;
    pub(super) fn SPI_cursor_fetch(portal: pg_sys::Portal, forward: bool, count: core::ffi::c_long);
    pub(super) fn SPI_cursor_close(portal: pg_sys::Portal);
    pub(super) fn SPI_freetuptable(table: *mut pg_sys::SPITupleTable);
    pub(super) fn SPI_finish() -> c_int;
    pub(super) fn SPI_prepare(
        query: *const c_char,
        nargs: c_int,
        types: *mut Oid,
    ) -> pg_sys::SPIPlanPtr;
    pub(super) fn SPI_keepplan(plan: pg_sys::SPIPlanPtr) -> c_int;
    pub(super) fn SPI_freeplan(plan: pg_sys::SPIPlanPtr) -> c_int;
    pub(super) fn SPI_execute_plan(
        plan: pg_sys::SPIPlanPtr,
        values: *mut Datum,
        nulls: *const c_char,
        read_only: bool,
        count: core::ffi::c_long,
    ) -> c_int;
    pub(super) fn SPI_getbinval(
        tuple: HeapTuple,
        desc: TupleDesc,
        column: c_int,
        isnull: *mut bool,
    ) -> Datum;
    pub(super) fn SPI_execute_with_args(
        query: *const c_char,
        nargs: c_int,
        types: *mut Oid,
        values: *mut Datum,
        nulls: *const c_char,
        read_only: bool,
        count: core::ffi::c_long,
    ) -> c_int;
    pub(super) fn makeParamList(count: c_int) -> pg_sys::ParamListInfo;
    pub(super) fn CreateDestReceiver(dest: pg_sys::CommandDest::Type) -> *mut pg_sys::DestReceiver;
    // executor/tstoreReceiver.h and executor/nodeModifyTable.h are not part of pgrx's bindings.
    pub(super) fn SetTuplestoreDestReceiverParams(
        receiver: *mut pg_sys::DestReceiver,
        store: *mut pg_sys::Tuplestorestate,
        context: MemoryContext,
        detoast: bool,
        target: TupleDesc,
        message: *const c_char,
    );
    pub(super) fn ExecComputeStoredGenerated(
        info: *mut ResultRelInfo,
        estate: *mut EState,
        slot: *mut TupleTableSlot,
        command: pg_sys::CmdType::Type,
    );
    pub(super) fn ExecStoreVirtualTuple(slot: *mut TupleTableSlot) -> *mut TupleTableSlot;
    pub(super) fn jsonb_populate_record(call: pg_sys::FunctionCallInfo) -> Datum;
    pub(super) fn jsonb_object_field(call: pg_sys::FunctionCallInfo) -> Datum;
    pub(super) fn err_generic_string(field: c_int, text: *const c_char) -> c_int;
    pub(super) fn errcontext_msg(format: *const c_char, ...) -> c_int;
    pub(super) fn OidInputFunctionCall(
        function: Oid,
        text: *mut c_char,
        parameter: Oid,
        typmod: i32,
    ) -> Datum;
    pub(super) fn errmsg_internal(format: *const c_char, ...) -> c_int;
    pub(super) fn errdetail_internal(format: *const c_char, ...) -> c_int;
    pub(super) fn geterrcode() -> c_int;
    pub(super) fn domain_check(
        value: Datum,
        is_null: bool,
        domain: Oid,
        extra: *mut *mut c_void,
        context: MemoryContext,
    );
    pub(super) fn CopyErrorData() -> *mut pg_sys::ErrorData;
    pub(super) fn CommandCounterIncrement();
    pub(super) fn pg_server_to_any(text: *const c_char, len: c_int, encoding: c_int)
    -> *mut c_char;
    pub(super) fn pg_any_to_server(text: *const c_char, len: c_int, encoding: c_int)
    -> *mut c_char;
    pub(super) fn text_to_cstring(text: *const varlena) -> *mut c_char;
    // port.h and mb/pg_wchar.h are not part of pgrx's bindings.
    pub(super) fn pg_strong_random(buffer: *mut c_void, len: Size) -> bool;
    pub(super) fn pg_verifymbstr(text: *const c_char, len: c_int, noerror: bool) -> bool;
    pub(super) fn namestrcpy(name: *mut pg_sys::NameData, text: *const c_char);
    pub(super) fn pg_mbcliplen(text: *const c_char, len: c_int, limit: c_int) -> c_int;
    pub(super) fn AcceptInvalidationMessages();
    // catalog/pg_inherits.h and catalog/partition.h are not part of pgrx's bindings.
    pub(super) fn get_partition_ancestors(relid: Oid) -> *mut pg_sys::List;
    pub(super) fn find_all_inheritors(
        parent: Oid,
        lock: c_int,
        numparents: *mut *mut pg_sys::List,
    ) -> *mut pg_sys::List;
    // common/shortest_dec.h and common/hashfn.h are not part of pgrx's bindings.
    pub(super) fn double_to_shortest_decimal_buf(value: f64, result: *mut c_char) -> c_int;
    pub(super) fn float_to_shortest_decimal_buf(value: f32, result: *mut c_char) -> c_int;
    pub(super) fn hash_bytes_extended(bytes: *const u8, len: c_int, seed: u64) -> u64;
    pub(super) fn check_stack_depth();
    pub(super) fn ProcessInterrupts();
}

/// Returns attribute `index` (from 0) of `desc`.
///
/// # Safety
/// `desc` must be valid and `index` below its `natts`.
pub(super) unsafe fn attribute(desc: TupleDesc, index: usize) -> *const FormData_pg_attribute {
    // SAFETY: the caller vouches for both.
    unsafe { crate::compat::attribute(desc, index) }
}

/// `ExecClearTuple`
pub(super) unsafe fn clear_slot(slot: *mut TupleTableSlot) {
    // SAFETY: it is this call of the slot's own operations.
    unsafe {
        if let Some(clear) = (*(*slot).tts_ops).clear {
            clear(slot);
        }
    }
}

/// `TupIsNull`
pub(super) unsafe fn is_empty_slot(slot: *mut TupleTableSlot) -> bool {
    /// `TTS_FLAG_EMPTY`
    const EMPTY: u16 = 1 << 1;
    // SAFETY: a slot or null.
    slot.is_null() || unsafe { (*slot).tts_flags } & EMPTY != 0
}

/// `list_length`
pub(super) unsafe fn list_length(list: *const pg_sys::List) -> usize {
    if list.is_null() {
        return 0;
    }
    // SAFETY: a list.
    unsafe { (*list).length as usize }
}

/// `list_nth`; null behind the end.
pub(super) unsafe fn list_nth<T>(list: *const pg_sys::List, index: usize) -> *mut T {
    // SAFETY: the list has so many elements.
    unsafe {
        if index >= list_length(list) {
            return core::ptr::null_mut();
        }
        (*(*list).elements.add(index)).ptr_value.cast()
    }
}

/// Calls a function of one argument of which it is known that it does not return NULL.
pub(super) unsafe fn call1(
    function: unsafe extern "C-unwind" fn(pg_sys::FunctionCallInfo) -> Datum,
    arg: Datum,
) -> Datum {
    // SAFETY: a function of the server with version-1 calling convention.
    unsafe { DirectFunctionCall1Coll(Some(function), pg_sys::InvalidOid, arg) }
}

/// Switches `CurrentMemoryContext` and returns the one before.
pub(super) unsafe fn switch_to(context: MemoryContext) -> MemoryContext {
    // SAFETY: a plain global of a single-threaded backend.
    unsafe {
        let before = pg_sys::CurrentMemoryContext;
        pg_sys::CurrentMemoryContext = context;
        before
    }
}

/// Creates a memory context of the default sizes.
pub(super) unsafe fn new_context(
    parent: MemoryContext,
    name: &'static core::ffi::CStr,
) -> MemoryContext {
    // SAFETY: the name is static, as aset.c wants it.
    unsafe { AllocSetContextCreateInternal(parent, name.as_ptr(), 0, 8 * 1024, 8 * 1024 * 1024) }
}

/// Makes room for `count` values of `T` in the current memory context, zeroed.
pub(super) unsafe fn alloc_array<T>(count: usize) -> *mut T {
    // SAFETY: palloc0 returns memory aligned for any type or raises.
    unsafe { palloc0(count.max(1) * size_of::<T>()).cast() }
}

/// A hash of bytes, the server's own.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    let len = c_int::try_from(bytes.len()).unwrap_or(0);
    // SAFETY: reads the bytes given.
    unsafe { hash_bytes_extended(bytes.as_ptr(), len, 0) }
}

/// `CHECK_FOR_INTERRUPTS()`.
pub(super) unsafe fn check_for_interrupts() {
    // SAFETY: reading a volatile flag that a signal handler sets.
    unsafe {
        if core::ptr::read_volatile(&raw const pg_sys::InterruptPending) != 0 {
            ProcessInterrupts();
        }
    }
}

/// A value of the backend, which has one thread.
pub(super) struct Global<T>(core::cell::UnsafeCell<T>);

// SAFETY: a backend runs one thread, so there is no sharing.
unsafe impl<T> Sync for Global<T> {}

impl<T> Global<T> {
    pub(super) const fn new(value: T) -> Self {
        Self(core::cell::UnsafeCell::new(value))
    }

    /// The value; the reference must not live across a call that may come back here.
    #[allow(clippy::mut_from_ref, reason = "one thread, short uses")]
    pub(super) fn get(&self) -> &mut T {
        // SAFETY: one thread; callers keep uses short.
        unsafe { &mut *self.0.get() }
    }
}
