//! Keeps `DROP EXTENSION` from taking recorded history along unasked.
//!
//! The extension's own event triggers are gone by the time `sql_drop` fires, so the statement is looked at before it
//! starts.

use super::arguments::null;
use super::catalog::{self, Table};
use super::gate;
use super::guc::{self, Switch};
use super::raw;
use crate::error::Error;
use core::ffi::{CStr, c_int};
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, EventTriggerData, FunctionCallInfo, List};

/// The event trigger `directus_versions_keep` on `ddl_command_start`.
///
/// # Safety
/// Called by the function manager.
pub(super) unsafe fn keep(call: FunctionCallInfo) -> Datum {
    // SAFETY: the context of a call is a node or null.
    unsafe {
        let context = (*call).context;
        if context.is_null() || (*context).type_ != pg_sys::NodeTag::T_EventTriggerData {
            Error::NotAnEventTrigger {
                function: "_keep_history",
            }
            .raise();
        }
        let statement = (*context.cast::<EventTriggerData>()).parsetree;
        if takes_extension_along(statement) && !guc::is_on(Switch::AllowDrop) && has_history() {
            Error::HistoryExists.raise();
        }
        null(call)
    }
}

unsafe fn takes_extension_along(statement: *mut pg_sys::Node) -> bool {
    // SAFETY: the tag tells which statement it is.
    unsafe {
        match (*statement).type_ {
            pg_sys::NodeTag::T_DropStmt => {
                let drop = &*statement.cast::<pg_sys::DropStmt>();
                // The schema has the extension's name, and dropping it with CASCADE drops the extension; so does
                // dropping the language of its functions.
                let cascade = drop.behavior == pg_sys::DropBehavior::DROP_CASCADE;
                let named = |name: &CStr| {
                    any(drop.objects, |object| {
                        CStr::from_ptr(string_of(object.cast())) == name
                    })
                };
                match drop.removeType {
                    pg_sys::ObjectType::OBJECT_EXTENSION => {
                        named(c"directus_versions") || cascade && named(c"plpgsql")
                    }
                    pg_sys::ObjectType::OBJECT_SCHEMA => named(c"directus_versions"),
                    pg_sys::ObjectType::OBJECT_LANGUAGE => cascade && named(c"plpgsql"),
                    _ => false,
                }
            }
            pg_sys::NodeTag::T_DropOwnedStmt => {
                let drop = &*statement.cast::<pg_sys::DropOwnedStmt>();
                let owner = gate::owner();
                any(drop.roles, |role| {
                    pg_sys::get_rolespec_oid(role.cast(), true) == owner
                })
            }
            _ => false,
        }
    }
}

/// The text of a String node.
unsafe fn string_of(node: *mut pg_sys::String) -> *const core::ffi::c_char {
    // SAFETY: the caller passes a String node.
    unsafe { (*node).sval }
}

unsafe fn any(list: *mut List, is: impl Fn(*mut core::ffi::c_void) -> bool) -> bool {
    // SAFETY: a list of pointers, or null for an empty one.
    unsafe {
        let count = if list.is_null() {
            0
        } else {
            usize::try_from((*list).length).unwrap_or(0)
        };
        (0..count).any(|index| is((*(*list).elements.add(index)).ptr_value))
    }
}

/// Whether any row of the log or any version is there.
unsafe fn has_history() -> bool {
    // SAFETY: a scan of each partition up to its first row.
    unsafe {
        let Some(log) = catalog::oid(Table::Log) else {
            return false;
        };
        let log = raw::relation_open(log, pg_sys::AccessShareLock as c_int);
        let desc = raw::RelationGetPartitionDesc(log, true);
        let count = usize::try_from((*desc).nparts).unwrap_or(0);
        let found = (0..count).any(|index| has_row(*(*desc).oids.add(index)));
        raw::relation_close(log, pg_sys::AccessShareLock as c_int);
        found || catalog::oid(Table::Version).is_some_and(|table| has_row(table))
    }
}

unsafe fn has_row(partition: pg_sys::Oid) -> bool {
    // SAFETY: a scan of a table.
    unsafe {
        let relation = raw::relation_open(partition, pg_sys::AccessShareLock as c_int);
        let slot = raw::table_slot_create(relation, core::ptr::null_mut());
        let snapshot = (&raw mut pg_sys::SnapshotSelfData).cast();
        let scan = raw::table_beginscan(relation, snapshot, 0, core::ptr::null_mut());
        let found =
            raw::table_scan_getnextslot(scan, pg_sys::ScanDirection::ForwardScanDirection, slot);
        raw::table_endscan(scan);
        raw::ExecDropSingleTupleTableSlot(slot);
        raw::relation_close(relation, pg_sys::AccessShareLock as c_int);
        found
    }
}
