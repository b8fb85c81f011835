//! Reads the rows of a table with the rights of the caller: its privileges and row security apply.

use super::capture;
use super::raw;
use core::ffi::{CStr, c_char, c_int};
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, DestReceiver, Oid, TupleTableSlot};

type Action<'a> = &'a mut dyn FnMut(*mut TupleTableSlot);

/// Takes the rows of a query as they come, without a copy of them.
#[repr(C)]
struct Receiver<'a> {
    head: DestReceiver,
    action: Action<'a>,
}

/// Gives each row of a table to `action`, in a slot that has the attributes that are not dropped. Raises 42501 where the caller
/// may not select one of them.
///
/// # Safety
/// Must run in a transaction with an active snapshot.
pub(super) unsafe fn each_row(relid: Oid, action: Action) {
    // SAFETY: the receiver lives until the query has ended.
    unsafe {
        let query = query(relid);
        let mut receiver = Receiver {
            head: DestReceiver {
                receiveSlot: Some(receive),
                rStartup: Some(start),
                rShutdown: Some(end),
                rDestroy: Some(end),
                mydest: pg_sys::CommandDest::DestNone,
            },
            action,
        };
        let options = pg_sys::SPIExecuteOptions {
            read_only: true,
            dest: (&raw mut receiver).cast(),
            ..Default::default()
        };
        raw::SPI_connect();
        raw::SPI_execute_extended(query, &raw const options);
        raw::SPI_finish();
    }
}

/// Puts the values of a row that [`each_row`] gives to the attributes of its table; dropped ones are NULL.
///
/// # Safety
/// The row type must be the table's, with room for a value of each attribute.
pub(super) unsafe fn spread(
    slot: *mut TupleTableSlot,
    desc: pg_sys::TupleDesc,
    values: *mut Datum,
    nulls: *mut bool,
) {
    // SAFETY: the slot has as many values as its row type has columns.
    unsafe {
        let count = usize::try_from((*(*slot).tts_tupleDescriptor).natts).unwrap_or(0);
        let given = capture::slot_values(slot, count);
        let mut next = 0;
        for index in 0..usize::try_from((*desc).natts).unwrap_or(0) {
            *nulls.add(index) = true;
            if !(*raw::attribute(desc, index)).attisdropped && next < count {
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

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn receive(
    slot: *mut TupleTableSlot,
    receiver: *mut DestReceiver,
) -> bool {
    // SAFETY: the receiver is ours, and alive while the query runs.
    unsafe { ((*receiver.cast::<Receiver>()).action)(slot) };
    true
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn start(
    _receiver: *mut DestReceiver,
    _operation: c_int,
    _desc: pg_sys::TupleDesc,
) {
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn end(_receiver: *mut DestReceiver) {}
