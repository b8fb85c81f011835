//! Rows of a table of which nothing was ever recorded.

use super::arguments::{null, oid, text_datum};
use super::capture;
use super::gate;
use super::item;
use super::live;
use super::raw;
use super::relation;
use super::row::Values;
use super::rows::Rows;
use super::scan::{Range, Scan};
use super::subject;
use super::table::{self, TableRows};
use core::ffi::c_int;
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, FunctionCallInfo};

const ALL: Range = Range {
    from: i64::MIN,
    until: i64::MAX,
};

/// `_unknown(target regclass)`: the items that the log has no entry of. Reads the table as its owner.
///
/// # Safety
/// Called by the function manager with this argument, as the extension's owner.
pub(super) unsafe fn unknown(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe {
        let mut rows = Rows::of_values(call);
        let Some(relid) = oid(call, 0) else {
            return null(call);
        };
        let relation = raw::relation_open(relid, pg_sys::AccessShareLock as c_int);
        let tracked = &*relation::tracked(relation, capture::function());
        let scratch = raw::new_context(pg_sys::CurrentMemoryContext, c"directus_versions unknown");
        let desc = (*relation).rd_att;
        let values: *mut Datum = raw::alloc_array(tracked.natts);
        let nulls: *mut bool = raw::alloc_array(tracked.natts);
        if !live::may_read(relation) {
            raw::relation_close(relation, pg_sys::NoLock as c_int);
            return Datum::null();
        }
        gate::run_as_table_owner((*(*relation).rd_rel).relowner, || {
            let mut live = TableRows::of(relid);
            loop {
                let slot = live.next();
                if slot.is_null() {
                    break;
                }
                let before = raw::switch_to(scratch);
                table::spread(slot, desc, tracked.natts, values, nulls);
                let item = item::text(tracked, Values { values, nulls });
                let mut scan = Scan::of_item(tracked.collection, subject::key(item), ALL, false);
                let is_known = scan.next().is_some();
                scan.end();
                if !is_known {
                    rows.add([Some(text_datum(item))]);
                }
                raw::switch_to(before);
                raw::MemoryContextReset(scratch);
            }
            live.end();
            Datum::null()
        });
        raw::relation_close(relation, pg_sys::NoLock as c_int);
        Datum::null()
    }
}
