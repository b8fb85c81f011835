//! Which of two entries of an item came first.

use super::steps::Entry;

/// When an entry happened: within a transaction by command, else by id. See `super::steps`.
#[derive(Clone, Copy)]
pub(super) struct Order {
    transaction: u64,
    within: (u32, bool, i64),
}

impl Order {
    pub(super) fn of(entry: &Entry) -> Self {
        Self {
            transaction: entry.transaction,
            within: entry.order(),
        }
    }

    pub(super) fn is_before(&self, other: &Self) -> bool {
        if self.transaction == other.transaction {
            self.within < other.within
        } else {
            self.within.2 < other.within.2
        }
    }
}
