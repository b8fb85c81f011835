//! Functions that write a user's table with the rights of whoever calls.
//!
//! Each runs its namesake with a leading underscore, which is written in PL/pgSQL: an error of the user's table keeps the
//! names of its constraint, table and column. What the namesake may say of its writes it may say only meanwhile.

use super::arguments::{argument, null, text, text_datum};
use super::gate;
use super::origin::{self, Comment, Origin};
use crate::error::Error;
use pgrx::pg_sys::{Datum, FunctionCallInfo};

/// Runs the namesake of the called function with the same arguments, as the caller.
///
/// # Safety
/// Called by the function manager.
pub(super) unsafe fn run(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe {
        let inner = gate::namesake((*(*call).flinfo).fn_oid);
        origin::begin();
        let result = gate::invoke(inner, call);
        origin::end();
        result
    }
}

/// `_announce(collection int, item text, source bigint, comment text)`: the next write of an item goes by this.
///
/// # Safety
/// Called by the function manager with these arguments.
pub(super) unsafe fn announce(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe {
        let (Some(collection), Some(item), Some(words)) =
            (argument(call, 0), text(call, 1), text(call, 3))
        else {
            Error::Empty { argument: "item" }.raise()
        };
        let source = argument(call, 2).map(|datum| datum.value() as i64);
        let comment = Comment::Words(words.into());
        origin::announce(collection.value() as i32, item, Origin { source, comment });
        null(call)
    }
}

/// `_callers_path()`: the `search_path` of whoever called the function at work.
///
/// # Safety
/// Called by the function manager.
pub(super) unsafe fn path(_call: FunctionCallInfo) -> Datum {
    // SAFETY: copies the text.
    unsafe { text_datum(origin::path().to_bytes()) }
}
