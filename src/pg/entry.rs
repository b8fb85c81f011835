//! The functions that SQL calls, in the server's version-1 calling convention.
//!
//! Each is declared in sql/ under its symbol. pgrx's guard stands around each, so that a panic of ours becomes an
//! error; errors of the server pass it by.

use super::{
    activity, as_of, blame, capture, compare, diff, drop, gate, history, laid, mismatch, moment,
    net, opaque, overlay, path, promote, prune, raw, reader, reference, restored, staging,
    truncate, undertake, undone, unfit, unknown, version, versioned,
};
use crate::error::Error;
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, FunctionCallInfo, TriggerData};

macro_rules! sql_function {
    ($(#[$doc:meta])* $symbol:ident, $info:ident, $body:expr) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// Called by the server's function manager.
        #[unsafe(no_mangle)]
        #[pgrx::pg_guard]
        pub(super) unsafe extern "C-unwind" fn $symbol(call: FunctionCallInfo) -> Datum {
            let body: unsafe fn(FunctionCallInfo) -> Datum = $body;
            // SAFETY: the function manager passes a valid call.
            unsafe { body(call) }
        }

        /// Tells the function manager the calling convention.
        #[unsafe(no_mangle)]
        pub(super) extern "C-unwind" fn $info() -> &'static pg_sys::Pg_finfo_record {
            static RECORD: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };
            &RECORD
        }
    };
}

/// The trigger data of a call, if the trigger manager made it (`CALLED_AS_TRIGGER`).
unsafe fn trigger_data(call: FunctionCallInfo, function: &'static str) -> *mut TriggerData {
    // SAFETY: the context of a call is a node or null.
    unsafe {
        let context = (*call).context;
        if context.is_null() || (*context).type_ != pg_sys::NodeTag::T_TriggerData {
            Error::NotATrigger { function }.raise();
        }
        context.cast()
    }
}

/// Bits of a trigger's event (commands/trigger.h); AFTER and FOR EACH STATEMENT are none.
const OPERATION_MASK: u32 = 3;
const TRUNCATE: u32 = 3;
const EVENT_ROW: u32 = 4;
const EVENT_BEFORE: u32 = 8;
const KIND_MASK: u32 = 0x1C;

/// Refuses a trigger that was made by hand for another event than ours are.
unsafe fn check_event(
    trigger: *mut TriggerData,
    function: &'static str,
    kind: u32,
    fits: fn(u32) -> bool,
) {
    // SAFETY: the trigger manager's data.
    let event = unsafe { (*trigger).tg_event };
    if event & KIND_MASK != kind || !fits(event & OPERATION_MASK) {
        Error::WrongTrigger { function }.raise();
    }
}

unsafe fn capture_row(call: FunctionCallInfo) -> Datum {
    // SAFETY: the trigger manager calls, for a row.
    unsafe {
        let trigger = trigger_data(call, "_capture_row");
        check_event(trigger, "_capture_row", EVENT_ROW, |operation| {
            operation != TRUNCATE
        });
        capture::row(trigger);
    }
    Datum::null()
}

unsafe fn capture_statement(call: FunctionCallInfo) -> Datum {
    // SAFETY: the trigger manager calls, with a snapshot of the statement.
    unsafe {
        let trigger = trigger_data(call, "_capture_statement");
        check_event(trigger, "_capture_statement", 0, |operation| {
            operation != TRUNCATE
        });
        let command = if raw::ActiveSnapshotSet() {
            (*raw::GetActiveSnapshot()).curcid
        } else {
            0
        };
        capture::end_statement(command);
    }
    Datum::null()
}

unsafe fn capture_truncate(call: FunctionCallInfo) -> Datum {
    // SAFETY: the trigger manager calls, for TRUNCATE.
    unsafe {
        let trigger = trigger_data(call, "_capture_truncate");
        check_event(trigger, "_capture_truncate", EVENT_BEFORE, |operation| {
            operation == TRUNCATE
        });
        truncate::statement(trigger);
    }
    Datum::null()
}

sql_function!(
    /// `_capture_row()`
    directus_versions_capture_row,
    pg_finfo_directus_versions_capture_row,
    capture_row
);

sql_function!(
    /// `_capture_statement()`
    directus_versions_capture_statement,
    pg_finfo_directus_versions_capture_statement,
    capture_statement
);

sql_function!(
    /// `_capture_truncate()`
    directus_versions_capture_truncate,
    pg_finfo_directus_versions_capture_truncate,
    capture_truncate
);

sql_function!(
    /// `log_activity(text, text, text, text)`
    directus_versions_log_activity,
    pg_finfo_directus_versions_log_activity,
    activity::log_activity
);

sql_function!(
    /// `comment(regclass, text, text)`
    directus_versions_comment,
    pg_finfo_directus_versions_comment,
    activity::comment
);

sql_function!(
    /// `_log_scope(int, text, text)`
    directus_versions_log_scope,
    pg_finfo_directus_versions_log_scope,
    activity::log_scope
);

sql_function!(
    /// `item_of(anyelement)`
    directus_versions_item_of,
    pg_finfo_directus_versions_item_of,
    reader::item_of
);

sql_function!(
    /// `_row(anyelement)`
    directus_versions_row,
    pg_finfo_directus_versions_row,
    reader::row
);

sql_function!(
    /// `_item_key(text)`
    directus_versions_item_key,
    pg_finfo_directus_versions_item_key,
    reader::item_key
);

sql_function!(
    /// `_data(bigint)`
    directus_versions_data,
    pg_finfo_directus_versions_data,
    gate::data
);

sql_function!(
    /// The management functions: each runs its namesake with a leading underscore as the extension's owner.
    directus_versions_as_owner,
    pg_finfo_directus_versions_as_owner,
    gate::as_owner
);

sql_function!(
    /// `_invalidate(regclass)`
    directus_versions_invalidate,
    pg_finfo_directus_versions_invalidate,
    reader::invalidate
);

sql_function!(
    /// `_keep_history()`
    directus_versions_keep_history,
    pg_finfo_directus_versions_keep_history,
    drop::keep
);

sql_function!(
    /// `_has_history(regclass, text)`
    directus_versions_has_history,
    pg_finfo_directus_versions_has_history,
    gate::has_history
);

sql_function!(
    /// `_caller()`
    directus_versions_caller,
    pg_finfo_directus_versions_caller,
    gate::caller
);

sql_function!(
    /// `_delta(change)`
    directus_versions_delta,
    pg_finfo_directus_versions_delta,
    reader::delta
);

sql_function!(
    /// `_prior(change)`
    directus_versions_prior,
    pg_finfo_directus_versions_prior,
    reader::prior
);

sql_function!(
    /// `_whole(change)`
    directus_versions_whole,
    pg_finfo_directus_versions_whole,
    reader::whole
);

sql_function!(
    /// `_item_order(text, text)`
    directus_versions_item_order,
    pg_finfo_directus_versions_item_order,
    reader::item_order
);

sql_function!(
    /// `_change_in(cstring)`
    directus_versions_change_in,
    pg_finfo_directus_versions_change_in,
    opaque::input
);

sql_function!(
    /// `_change_out(change)`
    directus_versions_change_out,
    pg_finfo_directus_versions_change_out,
    opaque::output
);

sql_function!(
    /// `_change_recv(internal)`
    directus_versions_change_recv,
    pg_finfo_directus_versions_change_recv,
    opaque::receive
);

sql_function!(
    /// `_change_send(change)`
    directus_versions_change_send,
    pg_finfo_directus_versions_change_send,
    opaque::send
);

sql_function!(
    /// `_table_ref_in(cstring)`
    directus_versions_table_ref_in,
    pg_finfo_directus_versions_table_ref_in,
    reference::input
);

sql_function!(
    /// Functions that write a user's table: each runs its namesake with a leading underscore.
    directus_versions_undertake,
    pg_finfo_directus_versions_undertake,
    undertake::run
);

sql_function!(
    /// `_announce(int, text, bigint, text)`
    directus_versions_announce,
    pg_finfo_directus_versions_announce,
    undertake::announce
);

sql_function!(
    /// `_callers_path()`
    directus_versions_callers_path,
    pg_finfo_directus_versions_callers_path,
    undertake::path
);

sql_function!(
    /// `_delta("char", change)`
    directus_versions_delta_of,
    pg_finfo_directus_versions_delta_of,
    reader::delta_of
);

sql_function!(
    /// `_prior("char", change)`
    directus_versions_prior_of,
    pg_finfo_directus_versions_prior_of,
    reader::prior_of
);

sql_function!(
    /// `_overlaid(anyelement, change, boolean)`
    directus_versions_overlaid,
    pg_finfo_directus_versions_overlaid,
    overlay::overlaid
);

sql_function!(
    /// Functions that look themselves at their caller's rights: each runs its namesake as the extension's owner.
    directus_versions_as_reader,
    pg_finfo_directus_versions_as_reader,
    gate::as_reader
);

sql_function!(
    /// `_undone(anyelement, bigint[], text[], text)`
    directus_versions_undone,
    pg_finfo_directus_versions_undone,
    undone::undone
);

sql_function!(
    /// `history(regclass, item)`
    directus_versions_history,
    pg_finfo_directus_versions_history,
    history::history
);

sql_function!(
    /// `item_at(regclass, item, timestamptz)`
    directus_versions_item_at,
    pg_finfo_directus_versions_item_at,
    moment::item_at
);

sql_function!(
    /// `_taken(anyelement, regclass, smallint)`
    directus_versions_taken,
    pg_finfo_directus_versions_taken,
    unfit::taken
);

sql_function!(
    /// `_restored(anyelement, bigint, text[])`
    directus_versions_restored,
    pg_finfo_directus_versions_restored,
    restored::restored
);

sql_function!(
    /// `_as_of_support(internal)`
    directus_versions_as_of_support,
    pg_finfo_directus_versions_as_of_support,
    path::support
);

sql_function!(
    /// `as_of(anyelement, timestamptz)`
    directus_versions_as_of,
    pg_finfo_directus_versions_as_of,
    as_of::as_of
);

sql_function!(
    /// `_differences(anyelement, timestamptz, text[])`
    directus_versions_differences,
    pg_finfo_directus_versions_differences,
    as_of::differences
);

sql_function!(
    /// `_net(text, text, xid8, bigint, bigint)`
    directus_versions_net,
    pg_finfo_directus_versions_net,
    net::net
);

sql_function!(
    /// `diff(bigint, bigint)`
    directus_versions_diff,
    pg_finfo_directus_versions_diff,
    diff::diff
);

sql_function!(
    /// `blame(regclass, item)`
    directus_versions_blame,
    pg_finfo_directus_versions_blame,
    blame::blame
);

sql_function!(
    /// `_laid_over(anyelement, jsonb)`
    directus_versions_laid_over,
    pg_finfo_directus_versions_laid_over,
    laid::laid_over
);

sql_function!(
    /// `_item_of_version(uuid)`
    directus_versions_item_of_version,
    pg_finfo_directus_versions_item_of_version,
    version::item_of_version
);

sql_function!(
    /// `create_version(regclass, text, text, text, jsonb)`
    directus_versions_create_version,
    pg_finfo_directus_versions_create_version,
    staging::create
);

sql_function!(
    /// `save_version(uuid, jsonb)`
    directus_versions_save_version,
    pg_finfo_directus_versions_save_version,
    staging::save
);

sql_function!(
    /// `discard_version_fields(uuid, text[])`
    directus_versions_discard_version_fields,
    pg_finfo_directus_versions_discard_version_fields,
    staging::discard
);

sql_function!(
    /// `rename_version(uuid, text, text)`
    directus_versions_rename_version,
    pg_finfo_directus_versions_rename_version,
    staging::rename
);

sql_function!(
    /// `drop_version(uuid)`
    directus_versions_drop_version,
    pg_finfo_directus_versions_drop_version,
    staging::drop_version
);

sql_function!(
    /// `promote_version(uuid, text, text[], text)`
    directus_versions_promote_version,
    pg_finfo_directus_versions_promote_version,
    promote::promote
);

sql_function!(
    /// `version_data(uuid)`
    directus_versions_version_data,
    pg_finfo_directus_versions_version_data,
    versioned::data
);

sql_function!(
    /// `version_row(anyelement, uuid)`
    directus_versions_version_row,
    pg_finfo_directus_versions_version_row,
    versioned::row
);

sql_function!(
    /// `read_version(anyelement, text)`
    directus_versions_read_version,
    pg_finfo_directus_versions_read_version,
    versioned::read
);

sql_function!(
    /// `compare_version(uuid)`
    directus_versions_compare_version,
    pg_finfo_directus_versions_compare_version,
    compare::compare
);

sql_function!(
    /// `_present_item(bigint)`
    directus_versions_present_item,
    pg_finfo_directus_versions_present_item,
    restored::present_item
);

sql_function!(
    /// `_prune(partition regclass, collections int[], activity timestamptz[], revisions timestamptz[], keep_last int[], cut boolean, remove boolean)`
    directus_versions_prune,
    pg_finfo_directus_versions_prune,
    prune::prune
);

sql_function!(
    /// Calls the function's namesake as the extension's owner; the caller must own the table, or the extension where none is given.
    directus_versions_as_keeper,
    pg_finfo_directus_versions_as_keeper,
    gate::as_keeper
);

sql_function!(
    /// `_mismatch(target regclass, item text)`
    directus_versions_mismatch,
    pg_finfo_directus_versions_mismatch,
    mismatch::mismatch
);

sql_function!(
    /// `_unknown(target regclass)`
    directus_versions_unknown,
    pg_finfo_directus_versions_unknown,
    unknown::unknown
);
