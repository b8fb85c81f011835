//! Items as their versions have them: main with what is staged laid over it.

use super::arguments::{argument, null, relation_name};
use super::document;
use super::gate::ask;
use super::laid;
use super::mainrow;
use super::overlay;
use super::sight::Sight;
use super::spi::{self, Snapshot};
use super::staging::role_argument;
use super::version;
use crate::error::Error;
use crate::plan;
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, FunctionCallInfo, Oid};

/// `version_data(version)`: of an item that is gone or not there yet, what is staged alone.
///
/// # Safety
/// Called by the function manager with this argument.
pub(super) unsafe fn data(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe {
        let opened = version::read(call, 0);
        let relid = opened.table();
        let main = mainrow::live(&opened, Snapshot::Callers);
        let row = laid::over(relid, main, opened.delta());
        let staged = document::list(plan::fields(document::text(opened.delta())).iter());
        let staged = document::server_names(staged);
        let sight = Sight::of(relid);
        laid::object(relid, row, true, |column| {
            let is_there = main.is_some() && column.is_saved() || staged.contains(&column.name());
            is_there && mainrow::sees(&sight, column)
        })
    }
}

/// `version_row(like anyelement, version uuid)`.
///
/// # Safety
/// Called by the function manager with these arguments.
pub(super) unsafe fn row(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe {
        let relid = overlay::table_of(call, 0);
        let opened = version::read(call, 1);
        if opened.table() != relid {
            Error::NotItsTable {
                table: opened.table_name(),
            }
            .raise();
        }
        check_all_readable(relid);
        let main = match opened.item() {
            Some(_) if mainrow::live(&opened, Snapshot::Callers).is_some() => {
                let query = version::statement(b"row", &opened, &[]);
                mainrow::row_of(query, &opened, Snapshot::Callers)
            }
            _ => None,
        };
        laid::over(relid, main, opened.delta())
    }
}

/// `read_version(like anyelement, key text)`.
///
/// # Safety
/// Called by the function manager with these arguments, as a function that returns a set.
pub(super) unsafe fn read(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe {
        let relid = overlay::table_of(call, 0);
        let Some(key) = argument(call, 1) else {
            Error::Empty { argument: "key" }.raise()
        };
        let secured = check_all_readable(relid);
        let relation = (pg_sys::REGCLASSOID, Some(Datum::from(relid)));
        let staged = ask(
            c"_staged_rows",
            &[
                relation,
                (pg_sys::TEXTOID, Some(key)),
                (pg_sys::BOOLOID, Some(Datum::from(secured))),
                role_argument(),
            ],
        );
        let query = ask(c"_read_statement", &[relation]);
        let (Some(query), Some(staged)) = (query, staged) else {
            Error::NotTracked {
                table: relation_name(relid),
            }
            .raise()
        };
        spi::into_result(call, query, (pg_sys::JSONBOID, staged));
        null(call)
    }
}

/// Whether row security of a table applies to the caller, who must be able to select all of it.
unsafe fn check_all_readable(relid: Oid) -> bool {
    // SAFETY: catalog look-ups.
    unsafe {
        let sight = Sight::of(relid);
        if !sight.sees_all() {
            Error::NotReadable {
                table: relation_name(relid),
            }
            .raise();
        }
        sight.is_secured()
    }
}
