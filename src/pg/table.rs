//! Reads the rows of a table with the rights of the caller: its privileges and row security apply.

use super::capture;
use super::raw;
use core::ffi::{CStr, c_char, c_int};
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, Oid, ParamListInfo, QueryDesc, QueryEnvironment, TupleTableSlot};

unsafe extern "C-unwind" {
    fn pg_parse_query(text: *const c_char) -> *mut pg_sys::List;
    fn pg_analyze_and_rewrite_fixedparams(
        statement: *mut pg_sys::RawStmt,
        text: *const c_char,
        types: *const Oid,
        count: c_int,
        environment: *mut QueryEnvironment,
    ) -> *mut pg_sys::List;
    fn pg_plan_query(
        query: *mut pg_sys::Query,
        text: *const c_char,
        options: c_int,
        parameters: ParamListInfo,
    ) -> *mut pg_sys::PlannedStmt;
    fn CreateQueryDesc(
        plan: *mut pg_sys::PlannedStmt,
        text: *const c_char,
        snapshot: pg_sys::Snapshot,
        crosscheck: pg_sys::Snapshot,
        receiver: *mut pg_sys::DestReceiver,
        parameters: ParamListInfo,
        environment: *mut QueryEnvironment,
        instrument: c_int,
    ) -> *mut QueryDesc;
    fn FreeQueryDesc(query: *mut QueryDesc);
    fn ExecutorStart(query: *mut QueryDesc, flags: c_int);
    fn ExecutorFinish(query: *mut QueryDesc);
    fn ExecutorEnd(query: *mut QueryDesc);
}

/// The rows of a table, one after the other as they are asked for.
pub(super) struct TableRows {
    query: *mut QueryDesc,
}

impl TableRows {
    /// Begins, in the current memory context. Raises 42501 where the caller may not select every column.
    ///
    /// # Safety
    /// Must run in a transaction with an active snapshot.
    pub(super) unsafe fn of(relid: Oid) -> Self {
        let none = core::ptr::null_mut::<core::ffi::c_void>();
        // SAFETY: one statement without parameters, which the server rewrites into one.
        unsafe {
            let text = query(relid);
            let statement = raw::list_nth(pg_parse_query(text), 0);
            let rewritten = pg_analyze_and_rewrite_fixedparams(
                statement,
                text,
                core::ptr::null(),
                0,
                none.cast(),
            );
            let plan = pg_plan_query(raw::list_nth(rewritten, 0), text, 0, none.cast());
            let query = CreateQueryDesc(
                plan,
                text,
                raw::GetActiveSnapshot(),
                none.cast(),
                raw::CreateDestReceiver(pg_sys::CommandDest::DestNone),
                none.cast(),
                none.cast(),
                0,
            );
            ExecutorStart(query, 0);
            Self { query }
        }
    }

    /// The next row, in a slot that has the attributes that are not dropped; valid until the one after it is asked for. Null at
    /// the end.
    ///
    /// # Safety
    /// The rows must not have ended.
    pub(super) unsafe fn next(&mut self) -> *mut TupleTableSlot {
        // SAFETY: the executor was started.
        unsafe {
            raw::check_for_interrupts();
            let state = (*self.query).estate;
            let before = raw::switch_to((*state).es_query_cxt);
            if !(*state).es_per_tuple_exprcontext.is_null() {
                raw::MemoryContextReset((*(*state).es_per_tuple_exprcontext).ecxt_per_tuple_memory);
            }
            let plan = (*self.query).planstate;
            let slot = (*plan)
                .ExecProcNode
                .map_or(core::ptr::null_mut(), |next| next(plan));
            raw::switch_to(before);
            if raw::is_empty_slot(slot) {
                return core::ptr::null_mut();
            }
            slot
        }
    }

    /// Ends them; not all need to have been asked for.
    ///
    /// # Safety
    /// They must not be used again.
    pub(super) unsafe fn end(&mut self) {
        // SAFETY: see above.
        unsafe {
            ExecutorFinish(self.query);
            ExecutorEnd(self.query);
            FreeQueryDesc(self.query);
        }
    }
}

/// Puts the values of the first `natts` attributes of a row of [`TableRows`] to the attributes of its table; dropped ones are
/// NULL.
///
/// # Safety
/// The row type must be the table's, with room for a value of each attribute.
pub(super) unsafe fn spread(
    slot: *mut TupleTableSlot,
    desc: pg_sys::TupleDesc,
    natts: usize,
    values: *mut Datum,
    nulls: *mut bool,
) {
    // SAFETY: the slot has as many values as its row type has columns.
    unsafe {
        let columns = usize::try_from((*(*slot).tts_tupleDescriptor).natts).unwrap_or(0);
        let given = capture::slot_values(slot, columns.min(natts));
        let mut next = 0;
        for index in 0..natts {
            *nulls.add(index) = true;
            if !(*raw::attribute(desc, index)).attisdropped && next < columns {
                if let Some(value) = given.get(next) {
                    *values.add(index) = value;
                    *nulls.add(index) = false;
                }
                next += 1;
            }
        }
    }
}

/// The query for every row of a table.
unsafe fn query(relid: Oid) -> *const c_char {
    // SAFETY: the names are of a relation that is open.
    unsafe {
        let schema = pg_sys::get_namespace_name(pg_sys::get_rel_namespace(relid));
        let name = raw::quote_qualified_identifier(schema, pg_sys::get_rel_name(relid));
        let name = CStr::from_ptr(name).to_bytes();
        let start = b"SELECT t.* FROM ";
        let end = b" AS t\0";
        let text: *mut u8 = raw::alloc_array(start.len() + name.len() + end.len());
        let mut at = 0;
        for part in [&start[..], name, &end[..]] {
            core::ptr::copy_nonoverlapping(part.as_ptr(), text.add(at), part.len());
            at += part.len();
        }
        text.cast()
    }
}
