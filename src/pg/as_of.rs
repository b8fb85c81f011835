//! `as_of`, and how a table differs from what it was, as functions that return a set.

use super::arguments::argument;
use super::capture;
use super::difference::Differences;
use super::overlay;
use super::raw;
use super::relation;
use super::rows::Rows;
use super::travel::{Step, Travel};
use core::ffi::c_int;
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, FunctionCallInfo};

/// `as_of(like anyelement, at timestamptz)`, where it stands for more than itself in FROM: see `super::path`.
///
/// # Safety
/// Called by the function manager with these arguments.
pub(super) unsafe fn as_of(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe {
        let relid = overlay::table_of(call, 0);
        let mut rows = Rows::of_table(call);
        let Some(at) = argument(call, 1) else {
            return Datum::null();
        };
        let mut travel = Travel::begin(relid, at.value() as i64, None, None);
        loop {
            match travel.step() {
                Step::Row => {
                    let row = travel.row();
                    rows.put(row.values.cast_mut(), row.nulls.cast_mut());
                }
                Step::Nothing => {}
                Step::Over => break,
            }
        }
        travel.end();
        Datum::null()
    }
}

/// `_differences(like anyelement, at timestamptz, fields text[])`: for each item that is not what it was what must be done to
/// make it that, the fields that differ, and rows of the table: what was, and what is where that must go.
///
/// # Safety
/// Called by the function manager with these arguments.
pub(super) unsafe fn differences(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe {
        let relid = overlay::table_of(call, 0);
        let rows = Rows::of_table(call);
        let Some(at) = argument(call, 1) else {
            return Datum::null();
        };
        let relation = raw::relation_open(relid, pg_sys::AccessShareLock as c_int);
        let tracked = relation::tracked(relation, capture::function());
        let differences = Differences::of(rows, relation, tracked, argument(call, 2));
        let mut travel = Travel::begin(relid, at.value() as i64, None, Some(differences));
        while travel.step() != Step::Over {}
        travel.end();
        raw::relation_close(relation, pg_sys::NoLock as c_int);
        Datum::null()
    }
}
