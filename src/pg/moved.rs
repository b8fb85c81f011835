//! Rows on their way from one partition to another.
//!
//! `PostgreSQL` reports such an update as a delete from the one and an insert into the other, next to each other. The
//! deleted row tells by its header that it moved, so it waits here for the insert. Where a BEFORE trigger of the
//! target suppresses that, the next event of the same statement finds it still waiting: it was a delete.

use super::raw::Global;
use pgrx::pg_sys;
use pgrx::pg_sys::{HeapTuple, Oid, SubTransactionId};

/// A row that left its partition.
#[derive(Clone, Copy)]
pub(super) struct Moved {
    pub(super) collection: i32,
    pub(super) command: u32,
    pub(super) subtransaction: SubTransactionId,
    pub(super) relid: Oid,
    /// A copy in memory of the transaction.
    pub(super) tuple: HeapTuple,
}

/// Statements that move rows within triggers of one another, at most.
const DEPTH: usize = 32;

struct Waiting {
    rows: [Moved; DEPTH],
    count: usize,
}

static WAITING: Global<Waiting> = Global::new(Waiting {
    rows: [Moved {
        collection: 0,
        command: 0,
        subtransaction: 0,
        relid: pg_sys::InvalidOid,
        tuple: core::ptr::null_mut(),
    }; DEPTH],
    count: 0,
});

/// Lets a row wait; false when there is no room.
pub(super) fn push(row: Moved) -> bool {
    let waiting = WAITING.get();
    if waiting.count == DEPTH {
        return false;
    }
    waiting.rows[waiting.count] = row;
    waiting.count += 1;
    true
}

/// Takes the row that waits for the next event of a statement.
pub(super) fn take(
    collection: i32,
    command: u32,
    subtransaction: SubTransactionId,
) -> Option<Moved> {
    take_if(|row| {
        row.collection == collection
            && row.command == command
            && row.subtransaction == subtransaction
    })
}

/// Takes a row whose statement has ended: its command is not below `command`.
pub(super) fn take_ended(command: u32, subtransaction: SubTransactionId) -> Option<Moved> {
    take_if(|row| row.command >= command && row.subtransaction == subtransaction)
}

fn take_if(chosen: impl Fn(&Moved) -> bool) -> Option<Moved> {
    let waiting = WAITING.get();
    let at = waiting.rows[..waiting.count].iter().position(chosen)?;
    let row = waiting.rows[at];
    waiting.rows.copy_within(at + 1..waiting.count, at);
    waiting.count -= 1;
    Some(row)
}

/// Whether any row waits.
pub(super) fn is_pending() -> bool {
    WAITING.get().count > 0
}

pub(super) fn commit_subtransaction(child: SubTransactionId, parent: SubTransactionId) {
    let waiting = WAITING.get();
    for row in &mut waiting.rows[..waiting.count] {
        if row.subtransaction == child {
            row.subtransaction = parent;
        }
    }
}

pub(super) fn abort_subtransaction(child: SubTransactionId) {
    while take_if(|row| row.subtransaction == child).is_some() {}
}

pub(super) fn clear() {
    WAITING.get().count = 0;
}
