//! Statements on the users' tables, run as the role of the moment.
//!
//! Errors pass by our frames, so they keep the names of their constraint, table and column.

use super::raw;
use core::ffi::{c_char, c_int};
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, FunctionCallInfo, HeapTuple, Oid, TupleDesc, varlena};

/// Whether a statement sees what was committed since the one that called us began.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Snapshot {
    /// That of the calling statement; the statement must not write.
    Callers,
    New,
}

/// Runs a statement and returns how many rows it had. The first one is handed to `read`, whose result is made in the
/// caller's memory.
///
/// # Safety
/// The statement must be a text and take arguments of these types.
pub(super) unsafe fn run<T>(
    statement: Datum,
    arguments: &[(Oid, Option<Datum>)],
    snapshot: Snapshot,
    read: impl FnOnce(HeapTuple, TupleDesc) -> T,
) -> (u64, Option<T>) {
    // SAFETY: the row is read before SPI's memory is freed.
    unsafe {
        let outer = pg_sys::CurrentMemoryContext;
        let text = raw::text_to_cstring(statement.cast_mut_ptr::<varlena>());
        let count = arguments.len();
        let types: *mut Oid = raw::alloc_array(count);
        let values: *mut Datum = raw::alloc_array(count);
        let nulls: *mut c_char = raw::alloc_array(count);
        for (index, (typid, value)) in arguments.iter().enumerate() {
            types.add(index).write(*typid);
            values.add(index).write(value.unwrap_or(Datum::null()));
            let mark = if value.is_none() { b'n' } else { b' ' };
            nulls.add(index).write(mark as c_char);
        }
        raw::SPI_connect();
        raw::SPI_execute_with_args(
            text,
            c_int::try_from(count).unwrap_or(0),
            types,
            values,
            nulls,
            snapshot == Snapshot::Callers,
            0,
        );
        let rows = pg_sys::SPI_processed;
        let table = pg_sys::SPI_tuptable;
        let mut result = None;
        if rows > 0 && !table.is_null() {
            let inner = raw::switch_to(outer);
            result = Some(read(*(*table).vals, (*table).tupdesc));
            raw::switch_to(inner);
        }
        raw::SPI_finish();
        (rows, result)
    }
}

/// Whether a query has any row.
///
/// # Safety
/// As for [`run`].
pub(super) unsafe fn finds(
    query: Datum,
    arguments: &[(Oid, Option<Datum>)],
    snapshot: Snapshot,
) -> bool {
    // SAFETY: see above.
    unsafe { run(query, arguments, snapshot, |_, _| ()).0 > 0 }
}

/// Runs a query of one argument that gives rows of the type that the call returns, as its result.
///
/// # Safety
/// The call must be of a function that returns a set of rows; the query must be a text.
pub(super) unsafe fn into_result(call: FunctionCallInfo, query: Datum, argument: (Oid, Datum)) {
    // SAFETY: the receiver writes into the tuple store that the call gives back.
    unsafe {
        raw::InitMaterializedSRF(call, pg_sys::MAT_SRF_USE_EXPECTED_DESC);
        let result = &*(*call).resultinfo.cast::<pg_sys::ReturnSetInfo>();
        let receiver = raw::CreateDestReceiver(pg_sys::CommandDest::DestTuplestore);
        raw::SetTuplestoreDestReceiverParams(
            receiver,
            result.setResult,
            (*result.econtext).ecxt_per_query_memory,
            false,
            core::ptr::null_mut(),
            core::ptr::null(),
        );
        let parameters = raw::makeParamList(1);
        let parameter = (*parameters).params.as_mut_ptr();
        (*parameter).value = argument.1;
        (*parameter).isnull = false;
        (*parameter).ptype = argument.0;
        (*parameter).pflags = pg_sys::PARAM_FLAG_CONST as u16;
        let options = pg_sys::SPIExecuteOptions {
            params: parameters,
            read_only: true,
            dest: receiver,
            ..core::mem::zeroed()
        };
        let text = raw::text_to_cstring(query.cast_mut_ptr::<varlena>());
        raw::SPI_connect();
        raw::SPI_execute_extended(text, &raw const options);
        raw::SPI_finish();
    }
}
