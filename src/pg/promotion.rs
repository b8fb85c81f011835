//! The statement by which a promote writes main, so that its record tells what it goes by.
//!
//! A draft's item gets its key only as it is written, and a trigger may give any row another one, so the row is known by
//! the command that writes it. Commands that the table's own triggers run meanwhile have other numbers. Only the native
//! function that runs the statement can say this.

use super::raw::{self, Global};

/// What is said of the statement.
#[derive(Clone, Copy)]
pub(super) struct Promotion {
    pub(super) collection: i32,
    /// The revision of the version's last save.
    pub(super) source: Option<i64>,
    /// What the comment says, in memory that outlives the statement.
    pub(super) words: &'static [u8],
}

struct Statement {
    promotion: Promotion,
    command: u32,
    /// The nesting level of the transaction.
    level: i32,
}

static STATEMENT: Global<Option<Statement>> = Global::new(None);

/// Says that the next statement is a promotion, and gives its command. [`end`] must follow unless an error does.
///
/// # Safety
/// Must run in a transaction, right before the statement.
pub(super) unsafe fn begin(promotion: Promotion) -> u32 {
    // SAFETY: after this the statement's command is the present one.
    unsafe {
        raw::CommandCounterIncrement();
        let command = raw::GetCurrentCommandId(false);
        *STATEMENT.get() = Some(Statement {
            promotion,
            command,
            level: raw::GetCurrentTransactionNestLevel(),
        });
        command
    }
}

/// Forgets it.
pub(super) fn end() {
    *STATEMENT.get() = None;
}

/// Forgets it when the (sub)transaction of this nesting level, or one around it, aborts.
pub(super) fn abort(level: i32) {
    if STATEMENT
        .get()
        .as_ref()
        .is_some_and(|statement| level <= statement.level)
    {
        end();
    }
}

/// The promotion that this command of a collection is.
pub(super) fn of(collection: i32, command: u32) -> Option<Promotion> {
    let statement = STATEMENT.get().as_ref()?;
    let is_it = statement.promotion.collection == collection && statement.command == command;
    is_it.then_some(statement.promotion)
}
