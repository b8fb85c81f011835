//! What an error that a call raises is told besides.

use super::raw;
use core::ffi::c_void;
use pgrx::pg_sys;
use pgrx::pg_sys::ErrorContextCallback;

/// Runs an action; an error in it is given to `tell` with the argument before it is reported.
///
/// # Safety
/// Must run in a backend; `tell` must take a pointer to such an argument.
pub(super) unsafe fn during<A, T>(
    tell: unsafe extern "C-unwind" fn(*mut c_void),
    argument: A,
    action: impl FnOnce() -> T,
) -> T {
    // SAFETY: the callback is taken off again; an error takes it off by itself.
    unsafe {
        // An error of our own unwinds this frame before it is reported, so neither may lie in it.
        let kept: *mut A = raw::alloc_array(1);
        kept.write(argument);
        let callback: *mut ErrorContextCallback = raw::alloc_array(1);
        callback.write(ErrorContextCallback {
            previous: pg_sys::error_context_stack,
            callback: Some(tell),
            arg: kept.cast(),
        });
        pg_sys::error_context_stack = callback;
        let result = action();
        pg_sys::error_context_stack = (*callback).previous;
        result
    }
}
