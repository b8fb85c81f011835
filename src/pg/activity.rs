//! Events that the application records itself.

use super::arguments::{argument, null, oid, relation_name, text, text_datum};
use super::capture;
use super::catalog;
use super::gate;
use super::guc::{self, Switch};
use super::raw;
use super::relation;
use super::row::{Draft, action, column};
use super::scope;
use super::store;
use crate::error::Error;
use core::ffi::c_int;
use pgrx::pg_sys;
use pgrx::pg_sys::{AclMode, Datum, FunctionCallInfo, Oid};

/// What triggers and our own functions record.
const RESERVED: [&[u8]; 18] = [
    b"create",
    b"update",
    b"delete",
    b"truncate",
    b"comment",
    b"revert",
    b"promote",
    b"version_create",
    b"version_save",
    b"version_discard",
    b"version_rename",
    b"version_drop",
    b"track",
    b"set_scope",
    b"untrack",
    b"relink",
    b"set_retention",
    b"purge",
];

/// `log_activity(action, collection, item, comment)`: a name that is no collection's is kept as it is.
///
/// # Safety
/// Called by the function manager with four arguments of type text.
pub(super) unsafe fn log_activity(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe {
        let Some(name) = text(call, 0).filter(|name| !name.is_empty()) else {
            Error::Empty { argument: "action" }.raise();
        };
        if RESERVED.contains(&name) {
            Error::ReservedAction {
                action: String::from_utf8_lossy(name).into_owned(),
            }
            .raise();
        }
        let subject = text(call, 1);
        let collection = match subject {
            Some(subject) => scope::named(subject),
            None => None,
        };
        let collection = match collection {
            Some((_, relid)) if !may_select(relid) => {
                Error::NotReadable {
                    table: relation_name(relid),
                }
                .raise();
            }
            Some((id, _)) => Some(id),
            None => None,
        };
        let mut draft = begin(collection, name);
        if let (Some(subject), None) = (subject, collection) {
            draft.set_text(column::FORMER, subject);
        }
        if let Some(item) = text(call, 2) {
            draft.set_item(item);
        }
        if let Some(comment) = text(call, 3) {
            draft.set_text(column::COMMENT, comment);
        }
        write(draft)
    }
}

/// `comment(target, item, comment)`.
///
/// # Safety
/// Called by the function manager with the arguments `(regclass, text, text)`, none of them NULL.
pub(super) unsafe fn comment(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe {
        let Some(relid) = oid(call, 0) else {
            Error::Empty { argument: "target" }.raise()
        };
        let Some(item) = text(call, 1) else {
            Error::Empty { argument: "item" }.raise()
        };
        let Some(comment) = text(call, 2).filter(|text| !text.is_empty()) else {
            Error::Empty {
                argument: "comment",
            }
            .raise();
        };
        let relation = raw::relation_open(relid, pg_sys::AccessShareLock as c_int);
        let collection = (*relation::tracked(relation, capture::function())).collection;
        raw::relation_close(relation, pg_sys::AccessShareLock as c_int);
        if collection == 0 {
            Error::NotTracked {
                table: relation_name(relid),
            }
            .raise();
        }
        if !may_select(relid) {
            Error::NotReadable {
                table: relation_name(relid),
            }
            .raise();
        }
        let check = catalog::function(c"_check_item", &[pg_sys::REGCLASSOID, pg_sys::TEXTOID]);
        gate::invoke_with(check, &[Datum::from(relid), text_datum(item)]);
        let mut draft = begin(Some(collection), b"comment");
        draft.set_item(item);
        draft.set_text(column::COMMENT, comment);
        write(draft)
    }
}

/// `_log_scope(collection, action, words)`: of none where that is NULL.
///
/// # Safety
/// Called by the function manager with the arguments `(int, text, text)`, within a function that runs as the
/// extension's owner.
pub(super) unsafe fn log_scope(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe {
        if let Some(name) = text(call, 1)
            && guc::is_on(Switch::Enabled)
        {
            let collection = argument(call, 0).map(|datum| datum.value() as i32);
            let mut draft = gate::as_caller(|| begin(collection, name));
            if let Some(words) = text(call, 2) {
                draft.set_text(column::COMMENT, words);
            }
            write(draft);
        }
        null(call)
    }
}

/// Whether the caller may select any column of a relation; not one that was dropped meanwhile.
///
/// # Safety
/// Must run in a transaction.
pub(super) unsafe fn may_select(relid: Oid) -> bool {
    // SAFETY: catalog look-ups; the second one is made of a relation that is there.
    unsafe {
        selects_all(relid)
            || pg_sys::get_rel_relkind(relid) != 0
                && pg_sys::pg_attribute_aclcheck_all(
                    relid,
                    raw::GetUserId(),
                    AclMode::from(pg_sys::ACL_SELECT),
                    pg_sys::AclMaskHow::ACLMASK_ANY,
                ) == pg_sys::AclResult::ACLCHECK_OK
    }
}

/// Whether the caller may select all of a relation; not of one that was dropped meanwhile.
///
/// # Safety
/// Must run in a transaction.
pub(super) unsafe fn selects_all(relid: Oid) -> bool {
    let mut missing = false;
    // SAFETY: a catalog look-up that tells when there is no such relation.
    unsafe {
        pg_sys::pg_class_aclcheck_ext(
            relid,
            raw::GetUserId(),
            AclMode::from(pg_sys::ACL_SELECT),
            &raw mut missing,
        ) == pg_sys::AclResult::ACLCHECK_OK
            && !missing
    }
}

/// Begins the row of an event.
///
/// # Safety
/// Must run in a transaction.
pub(super) unsafe fn begin(collection: Option<i32>, name: &[u8]) -> Draft {
    // SAFETY: the call runs in a transaction; it fails here if that may not write.
    unsafe {
        pg_sys::PreventCommandIfReadOnly(c"directus_versions".as_ptr());
        let mut draft = Draft::new(collection, raw::GetCurrentCommandId(true), action::OTHER);
        draft.set_text(column::LABEL, name);
        draft
    }
}

/// Writes the row at once and returns its id.
///
/// # Safety
/// Must run in a transaction that may write.
pub(super) unsafe fn write(mut draft: Draft) -> Datum {
    // SAFETY: the row has a value for each column of the log.
    unsafe {
        let at = draft.values[column::AT].value() as i64;
        let Some(partition) = store::partition(at) else {
            Error::NotInstalled.raise()
        };
        Datum::from(store::insert(partition, &mut [draft.form()]))
    }
}
