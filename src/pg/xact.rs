//! What happens at the end of a transaction or savepoint, and when the caches of the server are invalidated.

use super::{
    actor, buffer, capture, catalog, layout, origin, promotion, raw, record, relation, slots,
};
use core::ffi::c_void;
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, Oid, SubTransactionId};

/// Registers the callbacks, once per backend.
pub(crate) fn register() {
    // SAFETY: the callbacks are static.
    unsafe {
        pg_sys::RegisterXactCallback(Some(transaction), core::ptr::null_mut());
        pg_sys::RegisterSubXactCallback(Some(subtransaction), core::ptr::null_mut());
        pg_sys::CacheRegisterRelcacheCallback(Some(relation_changed), Datum::null());
    }
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn transaction(event: pg_sys::XactEvent::Type, _argument: *mut c_void) {
    use pg_sys::XactEvent::{
        XACT_EVENT_ABORT, XACT_EVENT_COMMIT, XACT_EVENT_PRE_COMMIT, XACT_EVENT_PRE_PREPARE,
        XACT_EVENT_PREPARE,
    };
    match event {
        // Every statement has ended; what a partition without its own statement trigger left is written now.
        // SAFETY: the transaction is still in progress.
        XACT_EVENT_PRE_COMMIT | XACT_EVENT_PRE_PREPARE => unsafe {
            if buffer::is_pending() {
                // Values out of line want a snapshot; at the end of a transaction there is none.
                let pushed = !raw::ActiveSnapshotSet();
                if pushed {
                    raw::PushActiveSnapshot(raw::GetTransactionSnapshot());
                }
                capture::end_statement(0);
                if pushed {
                    raw::PopActiveSnapshot();
                }
            }
        },
        XACT_EVENT_COMMIT => {
            actor::commit();
            layout::commit();
            end();
        }
        // Whether the rows of a prepared transaction will be there is not known, so nothing of them is remembered.
        XACT_EVENT_ABORT | XACT_EVENT_PREPARE => {
            actor::abort();
            layout::abort();
            capture::abort();
            record::abort();
            slots::forget();
            end();
        }
        _ => {}
    }
}

fn end() {
    origin::abort(0);
    promotion::end();
    buffer::end_transaction();
    relation::end_transaction();
    layout::end_transaction();
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn subtransaction(
    event: pg_sys::SubXactEvent::Type,
    child: SubTransactionId,
    parent: SubTransactionId,
    _argument: *mut c_void,
) {
    match event {
        pg_sys::SubXactEvent::SUBXACT_EVENT_COMMIT_SUB => {
            buffer::commit_subtransaction(child, parent);
        }
        pg_sys::SubXactEvent::SUBXACT_EVENT_ABORT_SUB => {
            buffer::abort_subtransaction(child);
            // SAFETY: the subtransaction is still the current one.
            let level = unsafe { raw::GetCurrentTransactionNestLevel() };
            origin::abort(level);
            promotion::abort(level);
            layout::abort_subtransaction();
            capture::abort();
            record::abort();
            slots::forget();
        }
        _ => {}
    }
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn relation_changed(_argument: Datum, relid: Oid) {
    relation::invalidate(relid);
    catalog::invalidate(relid);
}
