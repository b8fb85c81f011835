//! What SQL asks of a row: its item text and its JSON.

use super::arguments::{argument, null, oid, relation_name, text, text_datum};
use super::capture;
use super::item;
use super::object::{self, Side};
use super::raw;
use super::reading::Record;
use super::relation::{self, Tracked};
use super::row::{Values, action};
use crate::error::Error;
use core::ffi::c_int;
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, FunctionCallInfo, HeapTupleHeader, varlena};

/// `item_of(anyelement)`: the item text of a row of a table.
///
/// # Safety
/// Called by the function manager with one argument.
pub(super) unsafe fn item_of(call: FunctionCallInfo) -> Datum {
    // SAFETY: see `with_row`.
    unsafe {
        let Some(datum) = argument(call, 0) else {
            return null(call);
        };
        check_row_type(call);
        with_row(datum, |tracked, values| {
            if tracked.keys().is_empty() {
                Error::NoKey {
                    table: relation_name(tracked.relid),
                }
                .raise();
            }
            text_datum(item::text(tracked, values))
        })
    }
}

/// `_row(anyelement)`: the fields of a row that are saved, in their JSON form.
///
/// # Safety
/// Called by the function manager with one argument.
pub(super) unsafe fn row(call: FunctionCallInfo) -> Datum {
    // SAFETY: see `with_row`.
    unsafe {
        let Some(datum) = argument(call, 0) else {
            return null(call);
        };
        check_row_type(call);
        row_json(datum)
    }
}

/// The JSON of a composite datum of a table's row type.
///
/// # Safety
/// The datum must be composite.
pub(super) unsafe fn row_json(datum: Datum) -> Datum {
    // SAFETY: see `with_row`.
    unsafe { with_row(datum, |tracked, row| object::of_row(tracked, row)) }
}

/// `_delta(change)`: the new values of the fields that an update changed; the row that a create made.
///
/// # Safety
/// Called by the function manager with one argument of type change.
pub(super) unsafe fn delta(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe { side(call, Side::New) }
}

/// `_prior(change)`: the values before of the fields that an update changed.
///
/// # Safety
/// Called by the function manager with one argument of type change.
pub(super) unsafe fn prior(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe { side(call, Side::Old) }
}

/// `_whole(change)`: the row that was created or deleted, or the one after an update that kept it.
///
/// # Safety
/// Called by the function manager with one argument of type change.
pub(super) unsafe fn whole(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe { side(call, Side::Row) }
}

unsafe fn side(call: FunctionCallInfo, side: Side) -> Datum {
    // SAFETY: see above.
    unsafe {
        let Some(change) = argument(call, 0) else {
            return null(call);
        };
        side_of(call, change, side)
    }
}

unsafe fn side_of(call: FunctionCallInfo, change: Datum, side: Side) -> Datum {
    // SAFETY: see above.
    unsafe {
        let bytes = raw::pg_detoast_datum_packed(change.cast_mut_ptr());
        let record = Record::read(raw::payload(bytes.cast::<u8>()));
        object::of_record(&record, side).unwrap_or_else(|| null(call))
    }
}

/// `_delta("char", change)`: what a create or update made of the fields that it changed.
///
/// # Safety
/// Called by the function manager with arguments of these types, none of them NULL.
pub(super) unsafe fn delta_of(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe { shown(call, action::CREATE, Side::New) }
}

/// `_prior("char", change)`: what the fields that an update or delete changed were before.
///
/// # Safety
/// Called by the function manager with arguments of these types, none of them NULL.
pub(super) unsafe fn prior_of(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe { shown(call, action::DELETE, Side::Old) }
}

/// The whole row where the first argument is this action, one side of an update.
unsafe fn shown(call: FunctionCallInfo, whole: u8, side: Side) -> Datum {
    // SAFETY: see above.
    unsafe {
        let (Some(action), Some(change)) = (argument(call, 0), argument(call, 1)) else {
            return null(call);
        };
        let side = match action.value() as u8 {
            action if action == whole => Side::Row,
            action::UPDATE | action::OTHER => side,
            _ => return null(call),
        };
        side_of(call, change, side)
    }
}

/// `_item_order(text, text)`: compares two items, the shorter one first.
///
/// # Safety
/// Called by the function manager with two arguments of type text that are not NULL.
pub(super) unsafe fn item_order(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe {
        let items = [0, 1].map(|index| (*(*call).args.as_ptr().add(index)).value);
        let texts =
            items.map(|item| raw::pg_detoast_datum_packed(item.cast_mut_ptr()).cast::<u8>());
        let [a, b] = texts.map(|text| raw::payload(text));
        let order = super::jsonb::key_order(a, b);
        for (text, item) in texts.iter().zip(items) {
            if *text != item.cast_mut_ptr::<u8>() {
                raw::pfree(text.cast());
            }
        }
        Datum::from(order as i32)
    }
}

/// `_item_key(text)`: the form in which the log's column `item` has an item.
///
/// # Safety
/// Called by the function manager with one argument of type text.
pub(super) unsafe fn item_key(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe {
        match text(call, 0) {
            None => null(call),
            Some(item) if item::is_short(item) => text_datum(item),
            Some(item) => text_datum(item::shortened(item)),
        }
    }
}

/// `_invalidate(regclass)`: every session looks up anew what is recorded of a table, once this transaction commits.
///
/// # Safety
/// Called by the function manager with one argument of type regclass.
pub(super) unsafe fn invalidate(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe {
        if let Some(relid) = oid(call, 0) {
            pg_sys::CacheInvalidateRelcacheByRelid(relid);
        }
        null(call)
    }
}

/// Looks at the argument's type before the datum is taken for a row.
unsafe fn check_row_type(call: FunctionCallInfo) {
    // SAFETY: a call knows the expression it stands in.
    unsafe {
        if !pg_sys::type_is_rowtype(pg_sys::get_fn_expr_argtype((*call).flinfo, 0)) {
            Error::NotARow.raise();
        }
    }
}

/// Takes a composite datum of a table's row type apart.
unsafe fn with_row(datum: Datum, action: impl Fn(&Tracked, Values) -> Datum) -> Datum {
    // SAFETY: the caller passes a composite datum.
    unsafe {
        let header: HeapTupleHeader = raw::pg_detoast_datum(datum.cast_mut_ptr::<varlena>()).cast();
        let relid =
            pg_sys::get_typ_typrelid(pg_sys::getBaseType((*header).t_choice.t_datum.datum_typeid));
        if relid == pg_sys::InvalidOid
            || pg_sys::get_rel_relkind(relid) == pg_sys::RELKIND_COMPOSITE_TYPE as core::ffi::c_char
        {
            Error::NotARow.raise();
        }
        let relation = raw::relation_open(relid, pg_sys::AccessShareLock as c_int);
        let tracked = &*relation::tracked(relation, capture::function());
        let mut tuple = pg_sys::HeapTupleData {
            t_len: u32::try_from(raw::varsize(header.cast::<u8>())).unwrap_or(0),
            t_data: header,
            ..Default::default()
        };
        let values: *mut Datum = raw::alloc_array(tracked.natts);
        let nulls: *mut bool = raw::alloc_array(tracked.natts);
        raw::heap_deform_tuple(&raw mut tuple, (*relation).rd_att, values, nulls);
        let result = action(tracked, Values { values, nulls });
        raw::relation_close(relation, pg_sys::AccessShareLock as c_int);
        result
    }
}
