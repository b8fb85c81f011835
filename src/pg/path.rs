//! Plans `as_of` in FROM as a node of its own, which gives row after row and only the columns that are used. A function scan
//! would first put every row away, whole, and read it again.
//!
//! The function itself stays for all other places: in the select list, in ROWS FROM, WITH ORDINALITY, with arguments that refer
//! to other tables of the query.

use super::arguments::argument;
use super::catalog;
use super::node;
use super::raw::{self, Global};
use core::ffi::{c_int, c_void};
use pgrx::pg_sys;
use pgrx::pg_sys::{
    Datum, FunctionCallInfo, List, Node, NodeTag, Oid, Plan, PlannerInfo, RelOptInfo,
};

unsafe extern "C-unwind" {
    fn pull_var_clause(node: *mut Node, flags: c_int) -> *mut List;
    fn extract_actual_clauses(clauses: *mut List, pseudoconstant: bool) -> *mut List;
    fn add_to_flat_tlist(targets: *mut List, expressions: *mut List) -> *mut List;
    fn contain_volatile_functions(clause: *mut Node) -> bool;
    fn copyObjectImpl(from: *const c_void) -> *mut c_void;
    fn lappend(list: *mut List, datum: *mut c_void) -> *mut List;
    fn list_concat_copy(a: *const List, b: *const List) -> *mut List;
}

static PREVIOUS: Global<pg_sys::set_rel_pathlist_hook_type> = Global::new(None);

static PATH: Global<pg_sys::CustomPathMethods> = Global::new(pg_sys::CustomPathMethods {
    CustomName: node::NAME.as_ptr(),
    PlanCustomPath: Some(plan),
    ReparameterizeCustomPathByChild: None,
});

static SCAN: Global<pg_sys::CustomScanMethods> = Global::new(pg_sys::CustomScanMethods {
    CustomName: node::NAME.as_ptr(),
    CreateCustomScanState: Some(node::create),
});

/// Adds itself to the planner, once per backend.
pub(crate) fn register() {
    // SAFETY: the methods and the hook are static.
    unsafe {
        pg_sys::RegisterCustomScanMethods(SCAN.get());
        *PREVIOUS.get() = pg_sys::set_rel_pathlist_hook;
        pg_sys::set_rel_pathlist_hook = Some(add_path);
    }
}

/// Puts a path of ours in the place of the scan of a function that is `as_of`.
#[pgrx::pg_guard]
unsafe extern "C-unwind" fn add_path(
    root: *mut PlannerInfo,
    rel: *mut RelOptInfo,
    index: pg_sys::Index,
    entry: *mut pg_sys::RangeTblEntry,
) {
    // SAFETY: the planner's own nodes.
    unsafe {
        if let Some(previous) = *PREVIOUS.get() {
            previous(root, rel, index, entry);
        }
        let Some(table) = table_of(rel, entry) else {
            return;
        };
        let scan: *mut pg_sys::Path = raw::list_nth((*rel).pathlist, 0);
        if scan.is_null()
            || (*scan).pathtype != NodeTag::T_FunctionScan
            || raw::list_length((*rel).pathlist) != 1
        {
            return;
        }
        let path: *mut pg_sys::CustomPath = raw::alloc_array(1);
        (*path).path = pg_sys::Path {
            type_: NodeTag::T_CustomPath,
            pathtype: NodeTag::T_CustomScan,
            parent: rel,
            pathtarget: (*rel).reltarget,
            rows: (*scan).rows,
            startup_cost: (*scan).startup_cost,
            total_cost: (*scan).total_cost + pg_sys::seq_page_cost * pages(table),
            ..Default::default()
        };
        (*path).flags = pg_sys::CUSTOMPATH_SUPPORT_PROJECTION;
        (*path).methods = PATH.get();
        (*rel).pathlist = lappend(core::ptr::null_mut(), path.cast());
    }
}

/// The table that a range table entry is `as_of` of; `None` for all else.
unsafe fn table_of(rel: *mut RelOptInfo, entry: *mut pg_sys::RangeTblEntry) -> Option<Oid> {
    // SAFETY: the planner's own nodes.
    unsafe {
        if (*entry).rtekind != pg_sys::RTEKind::RTE_FUNCTION
            || (*entry).funcordinality
            || (*rel).reloptkind != pg_sys::RelOptKind::RELOPT_BASEREL
            || !(*rel).lateral_relids.is_null()
        {
            return None;
        }
        let functions = (*entry).functions;
        let function: *mut pg_sys::RangeTblFunction = raw::list_nth(functions, 0);
        if function.is_null() || raw::list_length(functions) != 1 {
            return None;
        }
        let call: *mut pg_sys::FuncExpr = (*function).funcexpr.cast();
        if call.is_null() || (*call).xpr.type_ != NodeTag::T_FuncExpr {
            return None;
        }
        let table = table_of_row((*call).funcresulttype)?;
        let types = [pg_sys::ANYELEMENTOID, pg_sys::TIMESTAMPTZOID];
        ((*call).funcid == catalog::function(c"as_of", &types)
            && is_as_made((*call).funcid)
            && !contain_volatile_functions((*call).args.cast()))
        .then_some(table)
    }
}

/// `ClanguageId` (`catalog/pg_language.dat`)
const C_LANGUAGE: Oid = Oid::from_u32(13);

/// Whether a function is native, and runs with the caller's rights and settings: what an administrator has given it besides
/// works where it is called, and not in a node.
unsafe fn is_as_made(function: Oid) -> bool {
    // SAFETY: the cache's entry is valid until it is released.
    unsafe {
        let id = pg_sys::SysCacheIdentifier::PROCOID as c_int;
        let tuple = pg_sys::SearchSysCache1(id, Datum::from(function));
        if tuple.is_null() {
            return false;
        }
        let header = (*tuple).t_data;
        let procedure: pg_sys::Form_pg_proc = header
            .cast::<u8>()
            .add(usize::from((*header).t_hoff))
            .cast();
        let is_plain = (*procedure).prolang == C_LANGUAGE && !(*procedure).prosecdef;
        let mut is_null = false;
        let column = pg_sys::Anum_pg_proc_proconfig as pg_sys::AttrNumber;
        pg_sys::SysCacheGetAttr(id, tuple, column, &raw mut is_null);
        pg_sys::ReleaseSysCache(tuple);
        is_plain && is_null
    }
}

/// The table whose rows are of a type.
unsafe fn table_of_row(typid: Oid) -> Option<Oid> {
    // SAFETY: catalog look-ups.
    unsafe {
        let relid = pg_sys::get_typ_typrelid(typid);
        (relid != pg_sys::InvalidOid
            && matches!(
                pg_sys::get_rel_relkind(relid) as u8,
                pg_sys::RELKIND_RELATION | pg_sys::RELKIND_PARTITIONED_TABLE
            ))
        .then_some(relid)
    }
}

/// How many pages and rows a table had when it was last looked at.
unsafe fn size(relid: Oid) -> Option<(f64, f64)> {
    // SAFETY: the cache's entry is valid until it is released.
    unsafe {
        let id = pg_sys::SysCacheIdentifier::RELOID as c_int;
        let tuple = pg_sys::SearchSysCache1(id, Datum::from(relid));
        if tuple.is_null() {
            return None;
        }
        let header = (*tuple).t_data;
        let class: pg_sys::Form_pg_class = header
            .cast::<u8>()
            .add(usize::from((*header).t_hoff))
            .cast();
        let size = (f64::from((*class).relpages), f64::from((*class).reltuples));
        pg_sys::ReleaseSysCache(tuple);
        Some(size)
    }
}

unsafe fn pages(relid: Oid) -> f64 {
    // SAFETY: a catalog look-up.
    unsafe { size(relid) }.map_or(0.0, |(pages, _)| pages.max(0.0))
}

/// Makes a plan of the path: it gives the columns that are used, in the order in which they are met.
#[pgrx::pg_guard]
unsafe extern "C-unwind" fn plan(
    root: *mut PlannerInfo,
    rel: *mut RelOptInfo,
    path: *mut pg_sys::CustomPath,
    targets: *mut List,
    clauses: *mut List,
    _plans: *mut List,
) -> *mut Plan {
    // SAFETY: the planner's own nodes; the entry's only function is `as_of`.
    unsafe {
        let entry = *(*root).simple_rte_array.add((*rel).relid as usize);
        let function: *mut pg_sys::RangeTblFunction = raw::list_nth((*entry).functions, 0);
        let clauses = extract_actual_clauses(clauses, false);
        // The targets may be missing here, to be handed down later: they are made of what the path gives.
        let given = list_concat_copy((*(*path).path.pathtarget).exprs, targets);
        let used = pull_var_clause(
            list_concat_copy(given, clauses).cast(),
            (pg_sys::PVC_RECURSE_AGGREGATES
                | pg_sys::PVC_RECURSE_WINDOWFUNCS
                | pg_sys::PVC_RECURSE_PLACEHOLDERS) as c_int,
        );
        let scan: *mut pg_sys::CustomScan = raw::alloc_array(1);
        (*scan).scan.plan.type_ = NodeTag::T_CustomScan;
        (*scan).scan.plan.targetlist = targets;
        (*scan).scan.plan.qual = clauses;
        (*scan).flags = (*path).flags;
        (*scan).custom_exprs = lappend(
            core::ptr::null_mut(),
            copyObjectImpl((*function).funcexpr.cast()),
        );
        (*scan).custom_scan_tlist = add_to_flat_tlist(core::ptr::null_mut(), used);
        (*scan).methods = SCAN.get();
        scan.cast()
    }
}

/// `_as_of_support(internal)`: as many rows as the table has, where the planner asks.
///
/// # Safety
/// Called by the planner with a request.
pub(super) unsafe fn support(call: FunctionCallInfo) -> Datum {
    // SAFETY: a request of the planner is a node; others are answered by null.
    unsafe {
        let Some(request) = argument(call, 0) else {
            return Datum::null();
        };
        let request: *mut pg_sys::SupportRequestRows = request.cast_mut_ptr();
        if (*request).type_ != NodeTag::T_SupportRequestRows {
            return Datum::null();
        }
        let asked: *mut pg_sys::FuncExpr = (*request).node.cast();
        if asked.is_null() || (*asked).xpr.type_ != NodeTag::T_FuncExpr {
            return Datum::null();
        }
        let rows = table_of_row((*asked).funcresulttype).and_then(|table| size(table));
        match rows {
            Some((_, rows)) if rows > 0.0 => {
                (*request).rows = rows;
                Datum::from(request)
            }
            _ => Datum::null(),
        }
    }
}
