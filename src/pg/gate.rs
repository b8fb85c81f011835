//! Where a caller's rights are checked before our own tables are read or written with the extension's.
//!
//! The SQL functions here are SECURITY INVOKER, so that the role that calls is known. SECURITY DEFINER would hide it,
//! and a function of another role that the caller runs must not lend it the caller's rights.

use super::activity::selects_all;
use super::arguments::{argument, names_datum, null, oid, relation_name, schema_name, text_datum};
use super::catalog::{self, Table};
use super::raw::{self, Global};
use super::row::action;
use super::snapshot;
use super::state::State;
use super::steps::{self, Entry};
use super::subject::Subject;
use crate::error::Error;
use core::ffi::{CStr, c_int};
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, FunctionCallInfo, Oid};

/// Bits of the security context (miscadmin.h).
const LOCAL_USERID_CHANGE: c_int = 1;
const RESTRICTED_OPERATION: c_int = 2;
const NOFORCE_RLS: c_int = 4;

/// Runs the namesake of the called function, with a leading underscore and the same arguments, as the extension's
/// owner. The caller must own the table that is the first argument, or the schema; 42501 otherwise.
///
/// # Safety
/// Called by the function manager with a regclass or regnamespace as first argument.
pub(super) unsafe fn as_owner(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe {
        let Some(object) = oid(call, 0) else {
            Error::Empty { argument: "target" }.raise()
        };
        let function = (*(*call).flinfo).fn_oid;
        check_ownership(object, first_argument_type(function));
        let inner = namesake(function);
        called_by(raw::GetUserId(), || run_as_owner(|| invoke(inner, call)))
    }
}

/// Runs the namesake of the called function as the extension's owner; it looks itself at what its caller may see.
///
/// # Safety
/// Called by the function manager.
pub(super) unsafe fn as_reader(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe {
        let inner = namesake((*(*call).flinfo).fn_oid);
        called_by(raw::GetUserId(), || run_as_owner(|| invoke(inner, call)))
    }
}

/// As [`as_owner`]; where the first argument is NULL, the caller must own the extension.
///
/// # Safety
/// As for [`as_owner`].
pub(super) unsafe fn as_keeper(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe {
        if oid(call, 0).is_some() {
            return as_owner(call);
        }
        if !pg_sys::has_privs_of_role(raw::GetUserId(), owner()) {
            Error::NotExtensionOwner.raise();
        }
        as_reader(call)
    }
}

static CALLER: Global<Oid> = Global::new(pg_sys::InvalidOid);

/// Runs an action that `role` called for. An event trigger within may call for another one.
fn called_by(role: Oid, action: impl FnOnce() -> Datum) -> Datum {
    let before = core::mem::replace(CALLER.get(), role);
    let result = action();
    *CALLER.get() = before;
    result
}

/// Runs an action as the role that called for the work that is done as the extension's owner.
///
/// # Safety
/// Must run in such work.
pub(super) unsafe fn as_caller<T>(action: impl FnOnce() -> T) -> T {
    // SAFETY: see `run_as`.
    unsafe { run_as(*CALLER.get(), LOCAL_USERID_CHANGE, action) }
}

/// `_caller()`: the role that called the function whose work is done as the extension's owner.
///
/// # Safety
/// Called by the function manager.
pub(super) unsafe fn caller(_call: FunctionCallInfo) -> Datum {
    Datum::from(*CALLER.get())
}

unsafe fn check_ownership(object: Oid, kind: Oid) {
    // SAFETY: catalog look-ups.
    unsafe {
        let role = raw::GetUserId();
        let owns = if kind == pg_sys::REGNAMESPACEOID {
            crate::compat::owns_schema(object, role)
        } else {
            crate::compat::owns_table(object, role)
        };
        if !owns && kind == pg_sys::REGNAMESPACEOID {
            Error::NotSchemaOwner {
                schema: schema_name(object),
            }
            .raise();
        }
        if !owns {
            Error::NotOwner {
                table: relation_name(object),
            }
            .raise();
        }
    }
}

unsafe fn first_argument_type(function: Oid) -> Oid {
    let mut types = core::ptr::null_mut();
    let mut count: c_int = 0;
    // SAFETY: the function has at least one argument.
    unsafe {
        pg_sys::get_func_signature(function, &raw mut types, &raw mut count);
        *types
    }
}

/// The function of the same name with a leading underscore.
///
/// # Safety
/// There must be one, with the same arguments.
pub(super) unsafe fn namesake(function: Oid) -> Oid {
    // SAFETY: catalog look-ups; the name is at most 62 bytes, as ours are.
    unsafe {
        let mut types = core::ptr::null_mut();
        let mut count: c_int = 0;
        pg_sys::get_func_signature(function, &raw mut types, &raw mut count);
        let name = CStr::from_ptr(pg_sys::get_func_name(function)).to_bytes();
        let inner: *mut u8 = raw::alloc_array(name.len() + 2);
        *inner = b'_';
        core::ptr::copy_nonoverlapping(name.as_ptr(), inner.add(1), name.len());
        let mut path = pg_sys::lappend(
            core::ptr::null_mut(),
            pg_sys::makeString(c"directus_versions".as_ptr().cast_mut()).cast(),
        );
        path = pg_sys::lappend(path, pg_sys::makeString(inner.cast()).cast());
        pg_sys::LookupFuncName(path, count, types, false)
    }
}

/// Calls a function with the arguments of another call.
///
/// # Safety
/// The function must take them.
pub(super) unsafe fn invoke(function: Oid, call: FunctionCallInfo) -> Datum {
    // SAFETY: the memory has room for all arguments; the function has the same ones.
    unsafe {
        let info: *mut pg_sys::FmgrInfo = raw::alloc_array(1);
        raw::fmgr_info_cxt(function, info, pg_sys::CurrentMemoryContext);
        let count = usize::try_from((*call).nargs).unwrap_or(0);
        let inner = arguments(count);
        (*inner).flinfo = info;
        (*inner).resultinfo = (*call).resultinfo;
        core::ptr::copy_nonoverlapping((*call).args.as_ptr(), (*inner).args.as_mut_ptr(), count);
        let Some(address) = (*info).fn_addr else {
            return null(call);
        };
        let result = address(inner);
        (*call).isnull = (*inner).isnull;
        result
    }
}

/// Runs an action as the extension's owner.
unsafe fn run_as_owner(action: impl FnOnce() -> Datum) -> Datum {
    // SAFETY: see `run_as`.
    unsafe { run_as(owner(), LOCAL_USERID_CHANGE, action) }
}

/// Runs an action as the owner of a table, with code of whom it may have to do.
///
/// # Safety
/// Must run in a transaction.
pub(super) unsafe fn run_as_table_owner(owner: Oid, action: impl FnOnce() -> Datum) -> Datum {
    let flags = LOCAL_USERID_CHANGE | RESTRICTED_OPERATION | NOFORCE_RLS;
    // SAFETY: see `run_as`.
    unsafe { run_as(owner, flags, action) }
}

/// Runs an action as another role. An error in it goes back with the (sub)transaction it aborts.
unsafe fn run_as<T>(other: Oid, flags: c_int, action: impl FnOnce() -> T) -> T {
    // SAFETY: the user is set back when the action ends; abort does it after an error.
    unsafe {
        let mut role = pg_sys::InvalidOid;
        let mut context: c_int = 0;
        pg_sys::GetUserIdAndSecContext(&raw mut role, &raw mut context);
        pg_sys::SetUserIdAndSecContext(other, context | flags);
        let result = action();
        pg_sys::SetUserIdAndSecContext(role, context);
        result
    }
}

/// The extension's owner.
///
/// # Safety
/// Must run in a transaction.
pub(super) unsafe fn owner() -> Oid {
    // SAFETY: our own table.
    unsafe {
        let Some(log) = catalog::oid(Table::Log) else {
            Error::NotInstalled.raise()
        };
        let relation = raw::relation_open(log, pg_sys::AccessShareLock as c_int);
        let owner = (*(*relation).rd_rel).relowner;
        raw::relation_close(relation, pg_sys::AccessShareLock as c_int);
        owner
    }
}

/// `_data(revision bigint)`: the item after a revision, of the fields that the caller may select; NULL where it may
/// not read the item.
///
/// # Safety
/// Called by the function manager with this argument.
pub(super) unsafe fn data(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe {
        let Some((entry, subject)) = argument(call, 0).and_then(|id| revision(id.value() as i64))
        else {
            return null(call);
        };
        let mut state = State::of(subject.scope.collection, &subject.sight);
        if snapshot::after(&subject, &mut state, &entry) {
            state.json(entry.id)
        } else {
            null(call)
        }
    }
}

/// The entry that is a revision, where the caller may see the item.
///
/// # Safety
/// Must run in a transaction with an active snapshot.
pub(super) unsafe fn revision(id: i64) -> Option<(Entry, Subject)> {
    // SAFETY: see above.
    unsafe {
        let entry = steps::entry(id)?;
        let is_step = matches!(
            entry.action,
            action::CREATE | action::UPDATE | action::DELETE
        );
        if !is_step || entry.change.is_none() {
            return None;
        }
        let subject = Subject::of_collection(entry.collection?)?;
        if subject.sight.is_secured() && !row_is_visible(Datum::from(id), subject.scope.relation) {
            return None;
        }
        Some((entry, subject))
    }
}

/// Whether row security hides the live row of an item from the caller, or there is none that it could show.
///
/// # Safety
/// Must run in a transaction with an active snapshot.
pub(super) unsafe fn is_hidden(subject: &Subject, item: &[u8]) -> bool {
    // SAFETY: `_row_visible` takes these arguments and runs as the caller.
    unsafe {
        if !subject.sight.is_secured() {
            return false;
        }
        let key = names_datum(subject.scope.last_key);
        let types = [pg_sys::REGCLASSOID, pg_sys::TEXTARRAYOID, pg_sys::TEXTOID];
        let function = catalog::function(c"_row_visible", &types);
        let arguments = [Datum::from(subject.scope.relation), key, text_datum(item)];
        invoke_with(function, &arguments).is_none_or(|datum| datum.value() as u8 == 0)
    }
}

/// Calls a function of ours that takes a revision's id, as the extension's owner.
unsafe fn ask_owner(name: &'static CStr, id: Datum) -> Option<Datum> {
    // SAFETY: the function takes a bigint.
    unsafe { ask(name, &[(pg_sys::INT8OID, Some(id))]) }
}

/// Calls a function of ours with arguments of these types as the extension's owner; `None` is NULL.
///
/// # Safety
/// There must be such a function, and the values must be of the types.
pub(super) unsafe fn ask(name: &'static CStr, values: &[(Oid, Option<Datum>)]) -> Option<Datum> {
    // SAFETY: see above.
    unsafe {
        let types: *mut Oid = raw::alloc_array(values.len());
        let call = arguments(values.len());
        for (index, (typid, value)) in values.iter().enumerate() {
            types.add(index).write(*typid);
            let argument = (*call).args.as_mut_ptr().add(index);
            (*argument).value = value.unwrap_or(Datum::null());
            (*argument).isnull = value.is_none();
        }
        let types = core::slice::from_raw_parts(types, values.len());
        let function = catalog::function(name, types);
        let result = run_as_owner(|| invoke(function, call));
        (!(*call).isnull).then_some(result)
    }
}

/// `_has_history(target regclass, item text)`: whether anything was recorded of an item, for who may see all of the
/// table; false for others.
///
/// # Safety
/// Called by the function manager with these arguments.
pub(super) unsafe fn has_history(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe {
        let Some(relid) = oid(call, 0) else {
            return null(call);
        };
        if argument(call, 1).is_none() || !selects_all(relid) || has_row_security(relid) {
            return Datum::from(false);
        }
        let inner = namesake((*(*call).flinfo).fn_oid);
        run_as_owner(|| invoke(inner, call))
    }
}

/// Whether row security of a table applies to the caller.
///
/// # Safety
/// Must run in a transaction.
pub(super) unsafe fn has_row_security(relid: Oid) -> bool {
    // SAFETY: a catalog look-up.
    unsafe {
        pg_sys::check_enable_rls(relid, pg_sys::InvalidOid, true)
            == pg_sys::CheckEnableRlsResult::RLS_ENABLED as c_int
    }
}

/// Whether row security lets the caller see a revision of a table.
///
/// # Safety
/// Must run in a transaction.
pub(super) unsafe fn shows(id: i64, relid: Oid) -> bool {
    // SAFETY: see above.
    unsafe { row_is_visible(Datum::from(id), relid) }
}

/// Whether the caller may select a column.
///
/// # Safety
/// The relation must be there.
pub(super) unsafe fn selects(relid: Oid, attnum: i16) -> bool {
    // SAFETY: catalog look-ups.
    unsafe {
        let select = pg_sys::AclMode::from(pg_sys::ACL_SELECT);
        selects_all(relid)
            || pg_sys::pg_attribute_aclcheck(relid, attnum, raw::GetUserId(), select)
                == pg_sys::AclResult::ACLCHECK_OK
    }
}

/// Whether row security lets the caller see the live row of a revision's item.
unsafe fn row_is_visible(id: Datum, relid: Oid) -> bool {
    // SAFETY: `_row_visible` runs as the caller, `_is_live` as the extension's owner.
    unsafe {
        if !has_row_security(relid) {
            return true;
        }
        let (Some(key), Some(item), Some(live)) = (
            ask_owner(c"_key_at", id),
            ask_owner(c"_item_at", id),
            ask_owner(c"_is_live", id),
        ) else {
            return false;
        };
        let types = [pg_sys::REGCLASSOID, pg_sys::TEXTARRAYOID, pg_sys::TEXTOID];
        let function = catalog::function(c"_row_visible", &types);
        let visible = invoke_with(function, &[Datum::from(relid), key, item]);
        live.value() as u8 != 0 && visible.is_some_and(|datum| datum.value() as u8 != 0)
    }
}

/// Calls a function with these arguments, none of them NULL.
///
/// # Safety
/// The function must take them.
pub(super) unsafe fn invoke_with(function: Oid, values: &[Datum]) -> Option<Datum> {
    // SAFETY: see above.
    unsafe {
        let call = arguments(values.len());
        for (index, value) in values.iter().enumerate() {
            (*(*call).args.as_mut_ptr().add(index)).value = *value;
        }
        let result = invoke(function, call);
        (!(*call).isnull).then_some(result)
    }
}

/// Memory for a call with so many arguments.
///
/// # Safety
/// Must run in a backend.
pub(super) unsafe fn arguments(count: usize) -> FunctionCallInfo {
    // SAFETY: zeroed memory is a call without NULLs.
    unsafe {
        let bytes = size_of::<pg_sys::FunctionCallInfoBaseData>()
            + count * size_of::<pg_sys::NullableDatum>();
        let call: FunctionCallInfo = raw::palloc0(bytes).cast();
        (*call).nargs = i16::try_from(count).unwrap_or(0);
        call
    }
}
