//! The collection that a reader asks about, what of it may be seen, and where its record was interrupted.

use super::arguments::relation_name;
use super::columns::Gaps;
use super::item;
use super::scope::{self, Accountability, Scope};
use super::sight::Sight;
use crate::error::Error;
use pgrx::pg_sys::Oid;

pub(super) struct Subject {
    pub(super) scope: Scope,
    pub(super) gaps: Gaps,
    pub(super) sight: Sight,
}

impl Subject {
    /// Of a table; raises 42501 where the caller may see nothing of it, and 55000 where it was never tracked.
    ///
    /// # Safety
    /// Must run in a transaction with an active snapshot; lies in the current memory context.
    pub(super) unsafe fn of_table(relid: Oid) -> Self {
        // SAFETY: see above.
        unsafe {
            let sight = Sight::of(relid);
            let Some(scope) = scope::of_relation(relid) else {
                Error::NotTracked {
                    table: relation_name(relid),
                }
                .raise()
            };
            let gaps = Gaps::read(scope.collection);
            Self { scope, gaps, sight }
        }
    }

    /// Of a collection; `None` where the caller may see nothing of it.
    ///
    /// # Safety
    /// As for [`Subject::of_table`].
    pub(super) unsafe fn of_collection(collection: i32) -> Option<Self> {
        // SAFETY: see above.
        unsafe {
            let scope = scope::read_again(collection)?;
            let sight = Sight::find(scope.relation)?;
            let gaps = Gaps::read(collection);
            Some(Self { scope, gaps, sight })
        }
    }

    /// All of a collection, whoever asks.
    ///
    /// # Safety
    /// As for [`Subject::of_table`].
    pub(super) unsafe fn whole(scope: Scope) -> Self {
        Self {
            // SAFETY: see above.
            gaps: unsafe { Gaps::read(scope.collection) },
            sight: Sight::WHOLE,
            scope,
        }
    }

    /// Whether changes of the table are recorded with their data.
    pub(super) fn is_recorded(&self) -> bool {
        self.scope.tracked && self.scope.accountability == Accountability::All
    }
}

/// An item's text as the log's column has it.
///
/// # Safety
/// Must run in a backend.
pub(super) unsafe fn key(item: &[u8]) -> &[u8] {
    if item::is_short(item) {
        return item;
    }
    // SAFETY: see above.
    unsafe { item::shortened(item) }
}
