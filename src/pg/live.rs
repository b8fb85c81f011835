//! The live row of an item, found by its text with the rights of the table's owner.
//!
//! Code of that role within the search, such as a domain's check, must not run as anybody else. The plans are kept for as long
//! as the backend lives.

use super::arguments::{names_datum, text_datum};
use super::capture;
use super::catalog;
use super::gate;
use super::raw::{self, Global};
use super::relation::{self, Tracked};
use super::row::Values;
use super::scope::Scope;
use super::settings::{self, Setting};
use core::ffi::c_int;
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, Oid, Relation, SPIPlanPtr};

/// The values of a live row by the attributes of its relation.
pub(super) struct LiveRow {
    relation: Relation,
    tracked: *const Tracked,
    values: Values,
}

impl LiveRow {
    pub(super) fn tracked(&self) -> &Tracked {
        // SAFETY: what is known of an open relation lives as long as the statement.
        unsafe { &*self.tracked }
    }

    /// The value at a position, `None` where it is NULL.
    pub(super) fn get(&self, index: usize) -> Option<Datum> {
        self.values.get(index)
    }

    /// Gives the relation back.
    ///
    /// # Safety
    /// The row must not be used again; values of it may be.
    pub(super) unsafe fn close(self) {
        // SAFETY: the lock stays until the transaction ends, for values out of line.
        unsafe { raw::relation_close(self.relation, pg_sys::NoLock as c_int) };
    }
}

/// How a table's rows are found.
#[derive(Clone, Copy)]
struct Finder {
    relid: Oid,
    generation: u64,
    /// Its schema's name, of a change of which nobody is told.
    schema: pg_sys::NameData,
    plan: SPIPlanPtr,
    kind: Kind,
}

/// What is known of the only column of a key: whether a text surely is of its type.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Integer {
        max: u64,
    },
    Text,
    Uuid,
    /// Looked up under a subtransaction, since anything might be raised.
    Other,
}

const REMEMBERED: usize = 32;
static FINDERS: Global<[Option<Finder>; REMEMBERED]> = Global::new([None; REMEMBERED]);

/// The live row of an item, in the current memory context; `None` where there is none or the table's owner may not select it.
///
/// # Safety
/// Must run in a transaction with an active snapshot.
pub(super) unsafe fn row(scope: &Scope, item: &[u8]) -> Option<LiveRow> {
    // SAFETY: see above.
    unsafe {
        let relation = pg_sys::try_relation_open(scope.relation, pg_sys::AccessShareLock as c_int);
        if relation.is_null() {
            return None;
        }
        let found = find(relation, scope, item);
        let Some((values, nulls)) = found else {
            raw::relation_close(relation, pg_sys::NoLock as c_int);
            return None;
        };
        let tracked = relation::tracked(relation, capture::function());
        Some(LiveRow {
            relation,
            tracked,
            values: Values { values, nulls },
        })
    }
}

/// Whether rows of a table can be found at all.
///
/// # Safety
/// Must run in a transaction.
pub(super) unsafe fn is_readable(scope: &Scope) -> bool {
    // SAFETY: see above.
    unsafe {
        let relation = pg_sys::try_relation_open(scope.relation, pg_sys::AccessShareLock as c_int);
        if relation.is_null() {
            return false;
        }
        let may = may_read(relation);
        raw::relation_close(relation, pg_sys::NoLock as c_int);
        may
    }
}

/// Whether a table's owner may read it: an owner can lose that right, and be one of a table in another's schema.
///
/// # Safety
/// The relation must be open.
pub(super) unsafe fn may_read(relation: Relation) -> bool {
    // SAFETY: the relation is open.
    unsafe {
        let (table, owner) = ((*relation).rd_id, (*(*relation).rd_rel).relowner);
        let select = pg_sys::AclMode::from(pg_sys::ACL_SELECT);
        pg_sys::pg_class_aclcheck(table, owner, select) == pg_sys::AclResult::ACLCHECK_OK
            && crate::compat::uses_schema((*(*relation).rd_rel).relnamespace, owner)
    }
}

unsafe fn find(relation: Relation, scope: &Scope, item: &[u8]) -> Option<(*mut Datum, *mut bool)> {
    // SAFETY: the relation is open.
    unsafe {
        let owner = (*(*relation).rd_rel).relowner;
        if !may_read(relation) {
            return None;
        }
        let finder = finder(relation, scope, owner)?;
        let is_safe = match finder.kind {
            Kind::Integer { max } => is_integer(item, max),
            Kind::Text => true,
            Kind::Uuid => is_uuid(item),
            Kind::Other => false,
        };
        if is_safe {
            return fetch(relation, owner, finder.plan, item);
        }
        if finder.kind != Kind::Other {
            return None;
        }
        guarded(|| fetch(relation, owner, finder.plan, item))
    }
}

fn is_integer(item: &[u8], max: u64) -> bool {
    let (digits, max) = match item.strip_prefix(b"-") {
        Some(digits) => (digits, max + 1),
        None => (item, max),
    };
    let text = core::str::from_utf8(digits).ok();
    !digits.is_empty()
        && digits.iter().all(u8::is_ascii_digit)
        && text
            .and_then(|text| text.parse().ok())
            .is_some_and(|number: u64| number <= max)
}

fn is_uuid(item: &[u8]) -> bool {
    item.len() == 36
        && item.iter().enumerate().all(|(index, byte)| {
            if matches!(index, 8 | 13 | 18 | 23) {
                *byte == b'-'
            } else {
                byte.is_ascii_hexdigit()
            }
        })
}

unsafe fn finder(relation: Relation, scope: &Scope, owner: Oid) -> Option<Finder> {
    // SAFETY: the relation is open; the plan is kept.
    unsafe {
        let relid = (*relation).rd_id;
        let slot = relid.to_u32() as usize % REMEMBERED;
        let mut schema = pg_sys::NameData::default();
        let name = pg_sys::get_namespace_name((*(*relation).rd_rel).relnamespace);
        if !name.is_null() {
            raw::namestrcpy(&raw mut schema, name);
        }
        if let Some(known) = FINDERS.get()[slot]
            && known.relid == relid
            && known.generation == relation::generation()
            && known.schema.data == schema.data
        {
            return Some(known);
        }
        let generation = relation::generation();
        let query = query(relid, scope)?;
        let kind = kind(relation, scope);
        let plan = if kind == Kind::Other {
            guarded(|| prepare(owner, query))?
        } else {
            prepare(owner, query)?
        };
        let found = Finder {
            relid,
            generation,
            schema,
            plan,
            kind,
        };
        if let Some(former) = FINDERS.get()[slot].replace(found) {
            raw::SPI_freeplan(former.plan);
        }
        Some(found)
    }
}

unsafe fn prepare(owner: Oid, query: *const core::ffi::c_char) -> Option<SPIPlanPtr> {
    // SAFETY: the query takes a text.
    unsafe {
        let mut types = [pg_sys::TEXTOID];
        let mut plan = core::ptr::null_mut();
        raw::SPI_connect();
        gate::run_as_table_owner(owner, || {
            plan = raw::SPI_prepare(query, 1, types.as_mut_ptr());
            if !plan.is_null() {
                raw::SPI_keepplan(plan);
            }
            Datum::null()
        });
        raw::SPI_finish();
        (!plan.is_null()).then_some(plan)
    }
}

/// The query by the item's text.
unsafe fn query(relid: Oid, scope: &Scope) -> Option<*const core::ffi::c_char> {
    // SAFETY: `_find_query` takes a regclass and names.
    unsafe {
        let types = [pg_sys::REGCLASSOID, pg_sys::TEXTARRAYOID];
        let function = catalog::function(c"_find_query", &types);
        let names = names_datum(scope.last_key);
        let query = gate::invoke_with(function, &[Datum::from(relid), names])?;
        Some(raw::text_to_cstring(query.cast_mut_ptr()))
    }
}

unsafe fn kind(relation: Relation, scope: &Scope) -> Kind {
    let [name] = scope.last_key else {
        return Kind::Other;
    };
    // SAFETY: the relation is open.
    unsafe {
        let desc = (*relation).rd_att;
        for index in 0..(*desc).natts as usize {
            let attribute = raw::attribute(desc, index);
            let attname = core::ffi::CStr::from_ptr((*attribute).attname.data.as_ptr());
            if (*attribute).attisdropped || attname.to_bytes() != *name {
                continue;
            }
            return match (*attribute).atttypid {
                pg_sys::INT2OID => Kind::Integer { max: 0x7FFF },
                pg_sys::INT4OID => Kind::Integer { max: 0x7FFF_FFFF },
                pg_sys::INT8OID => Kind::Integer {
                    max: 0x7FFF_FFFF_FFFF_FFFF,
                },
                pg_sys::TEXTOID => Kind::Text,
                pg_sys::UUIDOID => Kind::Uuid,
                _ => Kind::Other,
            };
        }
        Kind::Other
    }
}

/// Runs a kept plan and copies its row, attribute by attribute of the relation.
unsafe fn fetch(
    relation: Relation,
    owner: Oid,
    plan: SPIPlanPtr,
    item: &[u8],
) -> Option<(*mut Datum, *mut bool)> {
    // SAFETY: the row is copied into the caller's memory before SPI's is freed.
    unsafe {
        let outer = pg_sys::CurrentMemoryContext;
        let mut values = [text_datum(item)];
        let fixed = settings::fix(Setting::ALL);
        let mut found = None;
        gate::run_as_table_owner(owner, || {
            raw::SPI_connect();
            let none = core::ptr::null();
            raw::SPI_execute_plan(plan, values.as_mut_ptr(), none, true, 1);
            if pg_sys::SPI_processed > 0 {
                let table = pg_sys::SPI_tuptable;
                let inner = raw::switch_to(outer);
                found = Some(copy(relation, *(*table).vals, (*table).tupdesc));
                raw::switch_to(inner);
            }
            raw::SPI_finish();
            Datum::null()
        });
        settings::release(fixed);
        found
    }
}

/// A query's row has no place for dropped attributes.
unsafe fn copy(
    relation: Relation,
    tuple: pg_sys::HeapTuple,
    desc: pg_sys::TupleDesc,
) -> (*mut Datum, *mut bool) {
    // SAFETY: the query selects every attribute that is there.
    unsafe {
        let tuple = raw::heap_copytuple(tuple);
        let count = (*desc).natts as usize;
        let given: *mut Datum = raw::alloc_array(count);
        let given_nulls: *mut bool = raw::alloc_array(count);
        raw::heap_deform_tuple(tuple, desc, given, given_nulls);
        let natts = (*(*relation).rd_att).natts as usize;
        let values: *mut Datum = raw::alloc_array(natts);
        let nulls: *mut bool = raw::alloc_array(natts);
        let mut next = 0;
        for index in 0..natts {
            *nulls.add(index) = true;
            if !(*raw::attribute((*relation).rd_att, index)).attisdropped && next < count {
                *values.add(index) = *given.add(next);
                *nulls.add(index) = *given_nulls.add(next);
                next += 1;
            }
        }
        (values, nulls)
    }
}

/// Runs an action; what it raises is taken for nothing found, but that the statement was cancelled. The item's text may not be
/// of the key's type any more, and a domain of the table's owner may raise what it likes.
unsafe fn guarded<T>(action: impl FnOnce() -> Option<T>) -> Option<T> {
    // SAFETY: the subtransaction gives back all that the action held when it raised something.
    unsafe {
        let context = pg_sys::CurrentMemoryContext;
        let owner = pg_sys::CurrentResourceOwner;
        pg_sys::BeginInternalSubTransaction(core::ptr::null());
        raw::switch_to(context);
        let back = move |keep: bool| {
            if keep {
                pg_sys::ReleaseCurrentSubTransaction();
            } else {
                pg_sys::RollbackAndReleaseCurrentSubTransaction();
            }
            raw::switch_to(context);
            pg_sys::CurrentResourceOwner = owner;
        };
        let action = core::panic::AssertUnwindSafe(action);
        pgrx::PgTryBuilder::new(move || {
            let action = action;
            let found = pg_sys::ffi::pg_guard_ffi_boundary(action.0);
            back(true);
            found
        })
        .catch_when(pgrx::PgSqlErrorCode::ERRCODE_QUERY_CANCELED, |cause| {
            cause.rethrow()
        })
        .catch_when(pgrx::PgSqlErrorCode::ERRCODE_ADMIN_SHUTDOWN, |cause| {
            cause.rethrow()
        })
        .catch_others(move |_| {
            back(false);
            None
        })
        .execute()
    }
}
