//! The type `directus_versions.change`, of which nobody can make a value by hand: what reads records trusts their bytes.
//!
//! Dumps hold it as bytea does, and only who may own the log can restore it.

use super::arguments::argument;
use super::gate;
use super::raw::{self, Global};
use crate::error::Error;
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, FunctionCallInfo};

/// Whether this session has filled the log from a dump.
static RESTORES: Global<bool> = Global::new(false);

/// Whether this session restores a dump: a dump of data alone fills the log first, and then the tables, whose triggers
/// are there already.
pub(super) fn is_restoring() -> bool {
    *RESTORES.get()
}

/// `_change_in(cstring)`: bytes in hexadecimal.
///
/// # Safety
/// Called by the function manager.
pub(super) unsafe fn input(call: FunctionCallInfo) -> Datum {
    // SAFETY: byteain takes the same argument.
    unsafe {
        check_owner();
        raw::byteain(call)
    }
}

/// `_change_recv(internal)`: the bytes themselves.
///
/// # Safety
/// Called by the function manager.
pub(super) unsafe fn receive(call: FunctionCallInfo) -> Datum {
    // SAFETY: bytearecv takes the same argument.
    unsafe {
        check_owner();
        raw::bytearecv(call)
    }
}

/// `_change_out(change)`: bytes in hexadecimal, whatever the session's settings.
///
/// # Safety
/// Called by the function manager with one argument of type change, not NULL.
pub(super) unsafe fn output(call: FunctionCallInfo) -> Datum {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    // SAFETY: the text has two digits for each byte, a prefix of two and an end.
    unsafe {
        let Some(change) = argument(call, 0) else {
            return Datum::null();
        };
        let bytes = raw::payload(raw::pg_detoast_datum_packed(change.cast_mut_ptr()).cast::<u8>());
        let size = bytes.len() * 2 + 3;
        let text: *mut u8 = raw::MemoryContextAllocHuge(pg_sys::CurrentMemoryContext, size).cast();
        *text = b'\\';
        *text.add(1) = b'x';
        for (index, byte) in bytes.iter().enumerate() {
            *text.add(2 + index * 2) = DIGITS[usize::from(byte >> 4)];
            *text.add(3 + index * 2) = DIGITS[usize::from(byte & 15)];
        }
        *text.add(size - 1) = 0;
        Datum::from(text)
    }
}

/// `_change_send(change)`: the bytes themselves.
///
/// # Safety
/// Called by the function manager.
pub(super) unsafe fn send(call: FunctionCallInfo) -> Datum {
    // SAFETY: byteasend takes the same argument.
    unsafe { raw::byteasend(call) }
}

unsafe fn check_owner() {
    // SAFETY: catalog look-ups.
    unsafe {
        if !pg_sys::has_privs_of_role(raw::GetUserId(), gate::owner()) {
            Error::NotRestorable.raise();
        }
        *RESTORES.get() = true;
    }
}
