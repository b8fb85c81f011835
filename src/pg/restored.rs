//! An item as it was, as a row of its table.

use super::arguments::{argument, null, relation_name, text_datum};
use super::gate;
use super::list::List;
use super::overlay::{self, Row};
use super::raw;
use super::reading::Record;
use super::scope;
use super::snapshot;
use super::state::{State, Take};
use super::typed::{Target, Typed};
use crate::error::Error;
use core::ffi::{CStr, c_int};
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, FunctionCallInfo};

/// `_restored("like" anyelement, revision bigint, fields text[])`: the item's text, these fields in a row, and those of them that
/// are known.
///
/// # Safety
/// Called by the function manager with these arguments.
pub(super) unsafe fn restored(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe {
        let relid = overlay::table_of(call, 0);
        let Some(id) = argument(call, 1).map(|id| id.value() as i64) else {
            return null(call);
        };
        let Some((entry, subject)) = gate::revision(id) else {
            Error::NoRevision { id }.raise()
        };
        if subject.scope.relation != relid {
            Error::NotARow.raise();
        }
        subject.sight.check_key(subject.scope.last_key);
        let fields = argument(call, 2).map_or(&[][..], |fields| scope::names(fields));
        let mut state = State::of(subject.scope.collection, &subject.sight);
        if !snapshot::after(&subject, &mut state, &entry) {
            // What the revision itself changed is known all the same.
            let Some(bytes) = entry.record() else {
                Error::NoData { id }.raise()
            };
            state.clear();
            state.take(&Record::read(bytes), entry.id, Take::After);
        }
        let mut row = Row::of(relid);
        let mut known = List::new();
        for index in 0..row.natts {
            let attribute = raw::attribute((*row.relation).rd_att, index);
            let name = CStr::from_ptr((*attribute).attname.data.as_ptr()).to_bytes();
            if (*attribute).attisdropped || !fields.contains(&name) {
                continue;
            }
            if !subject.sight.sees((*attribute).attnum) {
                Error::NotReadable {
                    table: relation_name(relid),
                }
                .raise();
            }
            let mut target = Target::of(attribute, row.relation);
            target.be_strict(true);
            match state.typed((*attribute).attnum, &mut target) {
                Typed::Unknown => {}
                typed => {
                    row.set(index, typed);
                    known.push(text_datum(name));
                }
            }
        }
        let mut values = [
            text_datum(entry.whole_item()),
            row.finish(),
            text_array(known.slice()),
        ];
        let mut nulls = [false; 3];
        let mut desc = core::ptr::null_mut();
        raw::get_call_result_type(call, core::ptr::null_mut(), &raw mut desc);
        let tuple = raw::heap_form_tuple(desc, values.as_mut_ptr(), nulls.as_mut_ptr());
        raw::heap_copy_tuple_as_datum(tuple, desc)
    }
}

/// `_present_item(revision bigint)`: its namesake, once the caller may read the revision and its key.
///
/// # Safety
/// Called by the function manager with this argument, not NULL.
pub(super) unsafe fn present_item(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe {
        let Some(id) = argument(call, 0).map(|id| id.value() as i64) else {
            return null(call);
        };
        match gate::revision(id) {
            Some((_, subject)) => subject.sight.check_key(subject.scope.last_key),
            None => Error::NoRevision { id }.raise(),
        }
        gate::as_reader(call)
    }
}

unsafe fn text_array(texts: &mut [Datum]) -> Datum {
    let count = c_int::try_from(texts.len()).unwrap_or(0);
    let align = pg_sys::TYPALIGN_INT as core::ffi::c_char;
    // SAFETY: all are texts.
    unsafe {
        let texts = texts.as_mut_ptr();
        Datum::from(raw::construct_array(
            texts,
            count,
            pg_sys::TEXTOID,
            -1,
            false,
            align,
        ))
    }
}
