//! Runs the plan node of `as_of`: see `super::path`.
//!
//! Where the executor wants the same rows again, they are kept, as a function scan keeps them.

use super::arguments::relation_name;
use super::capture;
use super::raw::{self, Global};
use super::row::Values;
use super::travel::{Step, Travel};
use crate::error::Error;
use core::ffi::{CStr, c_char, c_int};
use pgrx::pg_sys;
use pgrx::pg_sys::{
    CustomScanState, Datum, EState, ExprState, MemoryContext, NodeTag, Oid, Relation,
    TupleTableSlot,
};

unsafe extern "C-unwind" {
    fn ExecScan(
        node: *mut pg_sys::ScanState,
        access: pg_sys::ExecScanAccessMtd,
        recheck: pg_sys::ExecScanRecheckMtd,
    ) -> *mut TupleTableSlot;
    fn ExecScanReScan(node: *mut pg_sys::ScanState);
    fn ExecInitExpr(node: *mut pg_sys::Expr, parent: *mut pg_sys::PlanState) -> *mut ExprState;
    fn EvalPlanQualFetchRowMark(
        state: *mut pg_sys::EPQState,
        index: pg_sys::Index,
        slot: *mut TupleTableSlot,
    ) -> bool;
    fn bms_next_member(set: *const pg_sys::Bitmapset, before: c_int) -> c_int;
    fn pull_paramids(expression: *mut pg_sys::Expr) -> *mut pg_sys::Bitmapset;
    fn bms_overlap(a: *const pg_sys::Bitmapset, b: *const pg_sys::Bitmapset) -> bool;
    fn contain_subplans(clause: *mut pg_sys::Node) -> bool;
    fn tuplestore_puttupleslot(store: *mut pg_sys::Tuplestorestate, slot: *mut TupleTableSlot);
    fn tuplestore_gettupleslot(
        store: *mut pg_sys::Tuplestorestate,
        forward: bool,
        copy: bool,
        slot: *mut TupleTableSlot,
    ) -> bool;
    fn tuplestore_rescan(store: *mut pg_sys::Tuplestorestate);
    fn aclcheck_error(
        result: pg_sys::AclResult::Type,
        kind: pg_sys::ObjectType::Type,
        name: *const c_char,
    );
    fn ExplainPropertyText(
        label: *const c_char,
        value: *const c_char,
        state: *mut pg_sys::ExplainState,
    );
}

/// As EXPLAIN calls it; all libraries share these names.
pub(super) const NAME: &CStr = c"directus_versions as_of";

#[repr(C)]
struct Node {
    head: CustomScanState,
    /// Open from the beginning to the end, so that nothing in this session alters it between.
    relation: Relation,
    at: *mut ExprState,
    /// The parameters that the time depends on; it may be another one each time if it asks a subquery.
    parameters: *mut pg_sys::Bitmapset,
    asks: bool,
    /// For each column of the scan its attribute, from 0; `None` for the whole row.
    columns: *mut Option<usize>,
    count: usize,
    /// For each attribute of the table whether a column has it.
    wanted: *mut bool,
    /// Null before the first row is asked for.
    travel: *mut Travel,
    /// Of the journey; a new one begins in a new one.
    context: MemoryContext,
    is_over: bool,
    /// All rows, if they may be asked for again, and a slot to read them through.
    kept: *mut pg_sys::Tuplestorestate,
    keeper: *mut TupleTableSlot,
    keeps: bool,
    /// For a row that is looked at again.
    marked: *mut TupleTableSlot,
}

static METHODS: Global<pg_sys::CustomExecMethods> = Global::new(pg_sys::CustomExecMethods {
    CustomName: NAME.as_ptr(),
    BeginCustomScan: Some(begin),
    ExecCustomScan: Some(execute),
    EndCustomScan: Some(end),
    ReScanCustomScan: Some(rescan),
    MarkPosCustomScan: None,
    RestrPosCustomScan: None,
    EstimateDSMCustomScan: None,
    InitializeDSMCustomScan: None,
    ReInitializeDSMCustomScan: None,
    InitializeWorkerCustomScan: None,
    ShutdownCustomScan: None,
    ExplainCustomScan: Some(explain),
});

/// Makes the node's state.
///
/// # Safety
/// Called by the executor with a plan of `super::path`.
#[pgrx::pg_guard]
pub(super) unsafe extern "C-unwind" fn create(_scan: *mut pg_sys::CustomScan) -> *mut pg_sys::Node {
    // SAFETY: memory of that size, zeroed.
    unsafe {
        let node: *mut Node = raw::alloc_array(1);
        (*node).head.ss.ps.type_ = NodeTag::T_CustomScanState;
        (*node).head.methods = METHODS.get();
        node.cast()
    }
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn begin(state: *mut CustomScanState, _estate: *mut EState, flags: c_int) {
    let node: *mut Node = state.cast();
    // SAFETY: the plan is one of `super::path`: its only expression is the call.
    unsafe {
        let plan: *mut pg_sys::CustomScan = (*state).ss.ps.plan.cast();
        let call: *mut pg_sys::FuncExpr = raw::list_nth((*plan).custom_exprs, 0);
        check_right((*call).funcid);
        let table = pg_sys::get_typ_typrelid((*call).funcresulttype);
        (*node).relation = raw::try_relation_open(table, pg_sys::AccessShareLock as c_int);
        if (*node).relation.is_null() {
            Error::NotARow.raise();
        }
        let at: *mut pg_sys::Expr = raw::list_nth((*call).args, 1);
        (*node).at = ExecInitExpr(at, &raw mut (*state).ss.ps);
        (*node).parameters = pull_paramids(at);
        (*node).asks = contain_subplans(at.cast());
        (*node).keeps = flags & pg_sys::EXEC_FLAG_REWIND as c_int != 0;
        find_columns(node, (*plan).custom_scan_tlist);
    }
}

/// Raises 42501 where the caller may not call a function.
unsafe fn check_right(function: Oid) {
    // SAFETY: catalog look-ups.
    unsafe {
        if !crate::compat::may_execute(function, raw::GetUserId()) {
            let name = pg_sys::get_func_name(function);
            let denied = pg_sys::AclResult::ACLCHECK_NO_PRIV;
            aclcheck_error(denied, pg_sys::ObjectType::OBJECT_FUNCTION, name);
        }
        let hook = pg_sys::object_access_hook;
        if hook.is_some() {
            pg_sys::RunFunctionExecuteHook(function);
        }
    }
}

/// Notes what the scan's columns are. Raises 42804 where the table is not what it was when the query was planned.
unsafe fn find_columns(node: *mut Node, targets: *mut pg_sys::List) {
    // SAFETY: each target is a column of the function's row.
    unsafe {
        let desc = (*(*node).relation).rd_att;
        let natts = (*desc).natts as usize;
        (*node).wanted = raw::alloc_array(natts);
        (*node).count = raw::list_length(targets);
        (*node).columns = raw::alloc_array((*node).count);
        for place in 0..(*node).count {
            let target: *mut pg_sys::TargetEntry = raw::list_nth(targets, place);
            let column: *mut pg_sys::Var = (*target).expr.cast();
            let index = usize::from((*column).varattno.unsigned_abs()).checked_sub(1);
            (*node).columns.add(place).write(index);
            match index {
                Some(index) => {
                    check_column((*node).relation, index, (*column).vartype);
                    *(*node).wanted.add(index) = true;
                }
                None => {
                    for index in 0..natts {
                        let attribute = raw::attribute(desc, index);
                        *(*node).wanted.add(index) |= !(*attribute).attisdropped;
                    }
                }
            }
        }
    }
}

unsafe fn check_column(relation: Relation, index: usize, typid: Oid) {
    // SAFETY: the index is looked at before the attribute.
    unsafe {
        let desc = (*relation).rd_att;
        let is_there = index < (*desc).natts as usize && {
            let attribute = raw::attribute(desc, index);
            !(*attribute).attisdropped && (*attribute).atttypid == typid
        };
        if !is_there {
            Error::ColumnChanged {
                table: relation_name((*relation).rd_id),
                column: index + 1,
            }
            .raise();
        }
    }
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn execute(state: *mut CustomScanState) -> *mut TupleTableSlot {
    // SAFETY: evaluates the conditions and what is selected.
    unsafe { ExecScan(&raw mut (*state).ss, Some(next), Some(recheck)) }
}

/// The next row; an empty slot at the end.
#[pgrx::pg_guard]
unsafe extern "C-unwind" fn next(state: *mut pg_sys::ScanState) -> *mut TupleTableSlot {
    let node: *mut Node = state.cast();
    // SAFETY: the state is of a node of ours.
    unsafe {
        let slot = (*state).ss_ScanTupleSlot;
        raw::clear_slot(slot);
        if (*node).is_over {
            return slot;
        }
        if !(*node).keeps {
            return go_on(node);
        }
        if (*node).kept.is_null() {
            keep(node);
        }
        if !tuplestore_gettupleslot((*node).kept, true, false, (*node).keeper) {
            return slot;
        }
        let count = (*node).count;
        let given = capture::slot_values((*node).keeper, count);
        core::ptr::copy_nonoverlapping(given.values, (*slot).tts_values, count);
        core::ptr::copy_nonoverlapping(given.nulls, (*slot).tts_isnull, count);
        raw::ExecStoreVirtualTuple(slot)
    }
}

/// Takes the next row of the journey, which begins with the first.
unsafe fn go_on(node: *mut Node) -> *mut TupleTableSlot {
    // SAFETY: the state is of a node of ours.
    unsafe {
        let slot = (*node).head.ss.ss_ScanTupleSlot;
        if (*node).travel.is_null() && !depart(node) {
            (*node).is_over = true;
            return slot;
        }
        loop {
            raw::check_for_interrupts();
            match (*(*node).travel).step() {
                Step::Row => {
                    let travel = &*(*node).travel;
                    return fill(node, travel.row(), travel.scratch);
                }
                Step::Nothing => {}
                Step::Over => {
                    arrive(node);
                    (*node).is_over = true;
                    return slot;
                }
            }
        }
    }
}

/// Begins the journey; false if the time is NULL.
unsafe fn depart(node: *mut Node) -> bool {
    // SAFETY: all of the journey lies in a context of its own.
    unsafe {
        let ps = &raw mut (*node).head.ss.ps;
        let mut is_null = false;
        let at = match (*(*node).at).evalfunc {
            Some(evaluate) => {
                let econtext = (*ps).ps_ExprContext;
                let before = raw::switch_to((*econtext).ecxt_per_tuple_memory);
                let at = evaluate((*node).at, econtext, &raw mut is_null);
                raw::switch_to(before);
                at
            }
            None => return false,
        };
        if is_null {
            return false;
        }
        (*node).context = raw::new_context((*(*ps).state).es_query_cxt, c"directus_versions as_of");
        let before = raw::switch_to((*node).context);
        let travel: *mut Travel = raw::alloc_array(1);
        let wanted = (*node).wanted.cast_const();
        travel.write(Travel::begin(
            (*(*node).relation).rd_id,
            at.value() as i64,
            Some(wanted),
            None,
        ));
        raw::switch_to(before);
        (*node).travel = travel;
        true
    }
}

/// Ends the journey, wherever it is.
unsafe fn arrive(node: *mut Node) {
    // SAFETY: it is not used again.
    unsafe {
        if !(*node).travel.is_null() {
            (*(*node).travel).end();
            (*node).travel = core::ptr::null_mut();
            raw::MemoryContextDelete((*node).context);
        }
    }
}

/// Puts a row of the table into the scan's columns; a whole row is made in the given memory.
unsafe fn fill(node: *mut Node, row: Values, memory: MemoryContext) -> *mut TupleTableSlot {
    // SAFETY: the slot has as many columns.
    unsafe {
        let slot = (*node).head.ss.ss_ScanTupleSlot;
        raw::clear_slot(slot);
        for place in 0..(*node).count {
            let value = if let Some(index) = *(*node).columns.add(place) {
                row.get(index)
            } else {
                let before = raw::switch_to(memory);
                let whole = row.datum((*(*node).relation).rd_att);
                raw::switch_to(before);
                Some(whole)
            };
            *(*slot).tts_isnull.add(place) = value.is_none();
            *(*slot).tts_values.add(place) = value.unwrap_or(Datum::null());
        }
        raw::ExecStoreVirtualTuple(slot)
    }
}

/// Makes the whole journey and keeps its rows.
unsafe fn keep(node: *mut Node) {
    // SAFETY: the rows are copied.
    unsafe {
        let state = (*node).head.ss.ps.state;
        let before = raw::switch_to((*state).es_query_cxt);
        let slot = (*node).head.ss.ss_ScanTupleSlot;
        (*node).kept = raw::tuplestore_begin_heap(false, false, pg_sys::work_mem);
        if (*node).keeper.is_null() {
            let desc = (*slot).tts_tupleDescriptor;
            let operations = &raw const pg_sys::TTSOpsMinimalTuple;
            (*node).keeper = raw::MakeSingleTupleTableSlot(desc, operations);
        }
        raw::switch_to(before);
        loop {
            go_on(node);
            if (*node).is_over {
                break;
            }
            tuplestore_puttupleslot((*node).kept, slot);
        }
        raw::clear_slot(slot);
        (*node).is_over = false;
    }
}

/// Where the executor looks at a row again that was locked meanwhile, the row that was joined with it then.
#[pgrx::pg_guard]
unsafe extern "C-unwind" fn recheck(
    state: *mut pg_sys::ScanState,
    slot: *mut TupleTableSlot,
) -> bool {
    let node: *mut Node = state.cast();
    // SAFETY: the arrays have an element for each entry of the range table.
    unsafe {
        let plan: *mut pg_sys::CustomScan = (*state).ps.plan.cast();
        let epq = (*(*state).ps.state).es_epq_active;
        let index = bms_next_member((*plan).custom_relids, -1);
        let place = (index - 1) as usize;
        if *(*epq).relsubs_done.add(place) {
            return false;
        }
        if (*(*epq).relsubs_rowmark.add(place)).is_null() {
            let slot = next(state);
            return !raw::is_empty_slot(slot);
        }
        *(*epq).relsubs_done.add(place) = true;
        raw::clear_slot(slot);
        let desc = (*(*node).relation).rd_att;
        if (*node).marked.is_null() {
            let operations = &raw const pg_sys::TTSOpsVirtual;
            (*node).marked = raw::MakeSingleTupleTableSlot(desc, operations);
        }
        if !EvalPlanQualFetchRowMark(epq, index as pg_sys::Index, (*node).marked) {
            return false;
        }
        let row = capture::slot_values((*node).marked, (*desc).natts as usize);
        fill(
            node,
            row,
            (*(*state).ps.ps_ExprContext).ecxt_per_tuple_memory,
        );
        true
    }
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn rescan(state: *mut CustomScanState) {
    let node: *mut Node = state.cast();
    // SAFETY: the state is of a node of ours.
    unsafe {
        ExecScanReScan(&raw mut (*state).ss);
        let begun = (*node).is_over || !(*node).travel.is_null();
        arrive(node);
        (*node).is_over = false;
        if (*node).asks || bms_overlap((*state).ss.ps.chgParam, (*node).parameters) {
            forget(node);
        } else if !(*node).kept.is_null() {
            tuplestore_rescan((*node).kept);
        } else if begun {
            // Asked for twice, it will be asked for again.
            (*node).keeps = true;
        }
    }
}

/// Gives up the rows that were kept.
unsafe fn forget(node: *mut Node) {
    // SAFETY: the slot lets go of the row that it has.
    unsafe {
        if !(*node).kept.is_null() {
            raw::clear_slot((*node).keeper);
            raw::tuplestore_end((*node).kept);
            (*node).kept = core::ptr::null_mut();
        }
    }
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn end(state: *mut CustomScanState) {
    let node: *mut Node = state.cast();
    // SAFETY: the state is of a node of ours.
    unsafe {
        arrive(node);
        forget(node);
        for slot in [(*node).keeper, (*node).marked] {
            if !slot.is_null() {
                raw::ExecDropSingleTupleTableSlot(slot);
            }
        }
        raw::relation_close((*node).relation, pg_sys::NoLock as c_int);
    }
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn explain(
    state: *mut CustomScanState,
    _ancestors: *mut pg_sys::List,
    output: *mut pg_sys::ExplainState,
) {
    let node: *mut Node = state.cast();
    // SAFETY: the table is there while a plan of its row type runs.
    unsafe {
        let name = pg_sys::get_rel_name((*(*node).relation).rd_id);
        if !name.is_null() {
            ExplainPropertyText(c"Table".as_ptr(), name, output);
        }
    }
}
