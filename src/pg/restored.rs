//! An item after a revision as a row of its table: what going back writes.

use super::arguments::{argument, names_datum};
use super::gate;
use super::list::List;
use super::overlay::{self, Row};
use super::raw;
use super::rows::Rows;
use super::snapshot;
use super::state::State;
use super::steps::Entry;
use super::subject::Subject;
use super::typed::{Target, Typed};
use crate::error::Error;
use core::ffi::CStr;
use pgrx::pg_sys::{Datum, FunctionCallInfo};

/// A row, and what of it is not what it was.
pub(super) struct Restored {
    pub(super) row: Row,
    /// The names of the columns that keep the value they were given: excluded, masked or too large to be kept, added since, or
    /// not to be seen by the caller.
    pub(super) unknown: &'static [&'static [u8]],
    /// Whether the item could be put together: else only what the record itself tells is there.
    pub(super) is_whole: bool,
}

/// Puts an item together as it was after a revision (after a delete: before it), as a row of its present table, in the current
/// memory context. `base` is a row of the table whose values stand where nothing is known, NULL if there is none. A value of a
/// domain that does not allow it any more raises that domain's error, and one that the column's type does not take what its input
/// function raises.
///
/// # Safety
/// Must run in a transaction with an active snapshot; the caller's right to see the revision is checked by `gate::revision`. The
/// relation stays open until [`Row::finish`].
pub(super) unsafe fn restored(subject: &Subject, entry: &Entry, base: Option<Datum>) -> Restored {
    // SAFETY: see above.
    unsafe {
        let mut state = State::of(subject.scope.collection, &subject.sight);
        let is_whole = snapshot::after(subject, &mut state, entry);
        let mut row = Row::of(subject.scope.relation);
        if let Some(base) = base {
            row.fill(base);
        }
        let mut unknown = List::new();
        for index in 0..row.natts {
            let attribute = raw::attribute((*row.relation).rd_att, index);
            if (*attribute).attisdropped {
                continue;
            }
            let mut target = Target::of(attribute, row.relation);
            match state.typed((*attribute).attnum, &mut target) {
                Typed::Unknown => {
                    unknown.push(CStr::from_ptr((*attribute).attname.data.as_ptr()).to_bytes());
                }
                typed => {
                    target.check(typed);
                    row.set(index, typed);
                }
            }
        }
        Restored {
            row,
            unknown: unknown.slice(),
            is_whole,
        }
    }
}

/// `_restored(like anyelement, revision bigint)`: a row of `(restored, unknown, is_whole)`.
///
/// # Safety
/// Called by the function manager with these arguments.
pub(super) unsafe fn call(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe {
        let relid = overlay::table_of(call, 0);
        let mut rows = Rows::of(call);
        let Some(id) = argument(call, 1).map(|id| id.value() as i64) else {
            return Datum::null();
        };
        let Some((entry, subject)) = gate::revision(id) else {
            Error::NoRevision { revision: id }.raise()
        };
        if subject.scope.relation != relid {
            Error::OtherTable.raise();
        }
        let restored = restored(&subject, &entry, argument(call, 0));
        let unknown = names_datum(restored.unknown);
        rows.add([
            Some(restored.row.finish()),
            Some(unknown),
            Some(Datum::from(restored.is_whole)),
        ]);
        Datum::null()
    }
}
