//! Making, filling, renaming and dropping detached versions. The live row stays as it is.

use super::actor;
use super::arguments::{argument, names_datum, null, oid, relation_name, text, text_datum};
use super::capture;
use super::event;
use super::gate::ask;
use super::laid;
use super::mainrow;
use super::raw;
use super::relation;
use super::scope::{self, Scope};
use super::sight::Sight;
use super::spi::Snapshot;
use super::version::{self, Version};
use crate::error::Error;
use core::ffi::{CStr, c_int};
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, FunctionCallInfo, Oid, varlena};

/// `create_version(target, item, key, name, delta)`, whose item is a text, bigint or uuid.
///
/// # Safety
/// Called by the function manager with these arguments.
pub(super) unsafe fn create(call: FunctionCallInfo) -> Datum {
    // SAFETY: an error in between takes the snapshot off with the (sub)transaction.
    unsafe {
        let Some(target) = oid(call, 0) else {
            Error::Empty { argument: "target" }.raise()
        };
        pg_sys::PreventCommandIfReadOnly(c"directus_versions".as_ptr());
        let (collection, relid) = collection_of(target);
        Sight::of(relid);
        let delta = argument(call, 4);
        check_object(delta);
        raw::PushActiveSnapshot(raw::GetTransactionSnapshot());
        let found = item_text(call).map(|item| find_item(collection, relid, item));
        let (item, hash) = match found {
            Some((item, row)) => (
                Some(text_datum(item)),
                Some(mainrow::hash_of_row(relid, row)),
            ),
            None => (None, None),
        };
        let id = ask(
            c"_create_version",
            &[
                (pg_sys::INT4OID, Some(Datum::from(collection))),
                (pg_sys::TEXTOID, item),
                (pg_sys::TEXTOID, argument(call, 2)),
                (pg_sys::TEXTOID, argument(call, 3)),
                (pg_sys::TEXTOID, hash),
                actor_argument(),
                role_argument(),
            ],
        );
        raw::PopActiveSnapshot();
        let Some(id) = id else { return null(call) };
        raw::CommandCounterIncrement();
        raw::PushActiveSnapshot(raw::GetTransactionSnapshot());
        raw::UpdateActiveSnapshotCommandId();
        let created = version::existing(id);
        event::log(
            &created,
            b"version_create",
            None,
            Some(said(&created, [b""; 2])),
        );
        if let Some(delta) = delta {
            stage(&created, delta);
        }
        raw::PopActiveSnapshot();
        id
    }
}

/// The item as a text, whatever it was given as.
unsafe fn item_text(call: FunctionCallInfo) -> Option<Datum> {
    // SAFETY: the function is one of those named create_version.
    unsafe {
        let item = argument(call, 1)?;
        let typid = pg_sys::get_fn_expr_argtype((*call).flinfo, 1);
        let text = match typid {
            pg_sys::INT8OID => pg_sys::OidOutputFunctionCall(pg_sys::F_INT8OUT.into(), item),
            pg_sys::UUIDOID => pg_sys::OidOutputFunctionCall(pg_sys::F_UUID_OUT.into(), item),
            _ => return Some(item),
        };
        Some(text_datum(CStr::from_ptr(text).to_bytes()))
    }
}

/// The collection of a table, and the table that it is of where the target is a part of one.
unsafe fn collection_of(target: Oid) -> (i32, Oid) {
    // SAFETY: the relation is locked until the transaction ends.
    unsafe {
        let relation = raw::relation_open(target, pg_sys::AccessShareLock as c_int);
        let collection = (*relation::tracked(relation, capture::function())).collection;
        raw::relation_close(relation, pg_sys::NoLock as c_int);
        match scope::read_again(collection) {
            Some(scope) => (collection, scope.relation),
            None => Error::NotTracked {
                table: relation_name(target),
            }
            .raise(),
        }
    }
}

/// The text and the row of an item that the caller sees; raises P0002 where there is none. The row keeps its key until the
/// transaction ends, as under a foreign key.
unsafe fn find_item(collection: i32, relid: Oid, item: Datum) -> (&'static [u8], Datum) {
    // SAFETY: see above; the datum is a text.
    unsafe {
        let sought = Version::of_item(collection, relid, item);
        let row = version::is_visible(&sought, Snapshot::New)
            .then(|| mainrow::held(&sought))
            .flatten();
        let Some(row) = row else {
            Error::NoItem {
                item: sought.item_name(),
                table: relation_name(relid),
            }
            .raise()
        };
        (mainrow::item_of(relid, row), row)
    }
}

/// `save_version(version, delta)`.
///
/// # Safety
/// Called by the function manager with these arguments.
pub(super) unsafe fn save(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe {
        let Some(delta) = argument(call, 1) else {
            Error::Empty { argument: "delta" }.raise()
        };
        check_object(Some(delta));
        version::change(call, |opened| stage(opened, delta))
    }
}

/// Merges a delta into a version and records it; `None` where that changed nothing or nothing is recorded.
unsafe fn stage(opened: &Version, delta: Datum) -> Option<Datum> {
    // SAFETY: the functions take these arguments.
    unsafe {
        let relid = opened.table();
        if !opened.is_tracked() {
            Error::NotTracked {
                table: relation_name(relid),
            }
            .raise();
        }
        let delta = Datum::from(raw::pg_detoast_datum(delta.cast_mut_ptr::<varlena>()));
        // What is masked by now, whatever the transaction's snapshot.
        let scope = scope::read_again(opened.collection());
        let mask = scope.as_ref().map_or(&[][..], Scope::masked);
        ask(
            c"_check_delta",
            &[
                (pg_sys::INT4OID, Some(Datum::from(opened.collection()))),
                (pg_sys::JSONBOID, Some(delta)),
                (pg_sys::TEXTARRAYOID, Some(names_datum(mask))),
                role_argument(),
            ],
        );
        let row = mainrow::live(opened, Snapshot::New);
        if opened.item().is_some() && row.is_none() {
            Error::NoItem {
                item: opened.item_name(),
                table: opened.table_name(),
            }
            .raise();
        }
        // Who saves a value that is none of the column's type is told so, not who reads it later.
        laid::over(relid, None, delta);
        let saved = ask(
            c"_stage",
            &[
                (pg_sys::UUIDOID, Some(opened.id())),
                (pg_sys::JSONBOID, Some(delta)),
                (pg_sys::JSONBOID, row.map(|row| mainrow::image(relid, row))),
                actor_argument(),
            ],
        )?;
        let revision = event::log(opened, b"version_save", Some(saved), None)?;
        let arguments = [
            (pg_sys::UUIDOID, Some(opened.id())),
            (pg_sys::INT8OID, Some(revision)),
        ];
        ask(c"_saved", &arguments);
        Some(revision)
    }
}

/// `discard_version_fields(version, fields)`.
///
/// # Safety
/// Called by the function manager with these arguments.
pub(super) unsafe fn discard(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe {
        let Some(fields) = argument(call, 1) else {
            Error::Empty { argument: "fields" }.raise()
        };
        version::change(call, |opened| {
            let arguments = [
                (pg_sys::UUIDOID, Some(opened.id())),
                (pg_sys::TEXTARRAYOID, Some(fields)),
                actor_argument(),
            ];
            let gone = ask(c"_unstage", &arguments)?;
            let gone = raw::payload(raw::pg_detoast_datum_packed(gone.cast_mut_ptr()).cast::<u8>());
            let said = said(opened, [b" without ", gone]);
            event::log(opened, b"version_discard", None, Some(said));
            None
        })
    }
}

/// `rename_version(version, key, name)`.
///
/// # Safety
/// Called by the function manager with these arguments.
pub(super) unsafe fn rename(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe {
        version::change(call, |opened| {
            if argument(call, 1).is_none() && argument(call, 2).is_none() {
                return None;
            }
            let arguments = [
                (pg_sys::UUIDOID, Some(opened.id())),
                (pg_sys::TEXTOID, argument(call, 1)),
                (pg_sys::TEXTOID, argument(call, 2)),
                actor_argument(),
            ];
            ask(c"_rename_version", &arguments);
            let key = text(call, 1).unwrap_or(opened.key());
            let parts = [b"version \"", opened.key(), b"\" is now \"", key, b"\""];
            event::log(opened, b"version_rename", None, Some(event::phrase(&parts)));
            None
        })
    }
}

/// `drop_version(version)`.
///
/// # Safety
/// Called by the function manager with this argument.
pub(super) unsafe fn drop_version(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe {
        version::change(call, |opened| {
            ask(c"_drop_version", &[(pg_sys::UUIDOID, Some(opened.id()))]);
            event::log(opened, b"version_drop", None, Some(said(opened, [b""; 2])));
            None
        })
    }
}

/// Words on what was done to a version, in the current memory context.
unsafe fn said(version: &Version, [before, after]: [&[u8]; 2]) -> &'static [u8] {
    // SAFETY: see above.
    unsafe { event::phrase(&[b"version \"", version.key(), b"\"", before, after]) }
}

/// Raises 22023 for anything but an object.
unsafe fn check_object(delta: Option<Datum>) {
    /// Of the header of a jsonb (utils/jsonb.h).
    const IS_OBJECT: u32 = 0x2000_0000;
    if let Some(delta) = delta {
        // SAFETY: the datum is a jsonb, which begins with its header.
        unsafe {
            let bytes = raw::pg_detoast_datum(delta.cast_mut_ptr::<varlena>()).cast::<u8>();
            let header = raw::payload(bytes);
            let header = u32::from_ne_bytes([header[0], header[1], header[2], header[3]]);
            if header & IS_OBJECT == 0 {
                Error::NotAnObject.raise();
            }
        }
    }
}

/// The application's user, for the columns `user_created` and `user_updated`.
///
/// # Safety
/// Must run in a transaction.
pub(super) unsafe fn actor_argument() -> (Oid, Option<Datum>) {
    // SAFETY: see above.
    unsafe { (pg_sys::TEXTOID, actor::name().map(|name| text_datum(name))) }
}

/// The caller.
///
/// # Safety
/// Must run in a transaction.
pub(super) unsafe fn role_argument() -> (Oid, Option<Datum>) {
    // SAFETY: a name is copied.
    unsafe {
        let role: *mut pg_sys::NameData = raw::alloc_array(1);
        pg_sys::namestrcpy(role, raw::GetUserNameFromId(raw::GetUserId(), false));
        (pg_sys::NAMEOID, Some(Datum::from(role)))
    }
}
