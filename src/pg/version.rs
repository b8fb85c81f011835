//! A detached version: how it is found, who may use it, and the statements on its item.

use super::arguments::{argument, names_datum, null, relation_name, text_datum};
use super::columns::Gaps;
use super::gate::ask;
use super::raw;
use super::sight::Sight;
use super::spi::{self, Snapshot};
use crate::error::Error;
use core::ffi::c_int;
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, FunctionCallInfo, HeapTupleHeader, Oid, varlena};

/// Positions of the columns of the view `_version` in sql/versions.sql.
mod column {
    pub(super) const ID: usize = 0;
    pub(super) const COLLECTION: usize = 1;
    pub(super) const NAME: usize = 2;
    pub(super) const RELATION: usize = 3;
    pub(super) const LAST_KEY: usize = 4;
    pub(super) const TRACKED: usize = 5;
    pub(super) const ITEM: usize = 6;
    pub(super) const ITEM_SINCE: usize = 7;
    pub(super) const KEY: usize = 8;
    pub(super) const HASH: usize = 10;
    pub(super) const DELTA: usize = 15;
    pub(super) const BASE: usize = 16;
    pub(super) const LOST: usize = 17;
    pub(super) const ROLE: usize = 18;
    pub(super) const SAVED: usize = 19;
    pub(super) const COUNT: usize = 20;
}

/// A row of the view `_version`; its values lie in the memory context in which it was found.
#[derive(Clone, Copy)]
pub(super) struct Version {
    values: [Datum; column::COUNT],
    nulls: [bool; column::COUNT],
}

impl Version {
    /// What stands for a version of an item before there is one.
    ///
    /// # Safety
    /// The datum must be a text; must run in a transaction.
    pub(super) unsafe fn of_item(collection: i32, relid: Oid, item: Datum) -> Self {
        let mut version = Self {
            values: [Datum::null(); column::COUNT],
            nulls: [true; column::COUNT],
        };
        let mut set = |column: usize, value: Datum| {
            version.values[column] = value;
            version.nulls[column] = false;
        };
        set(column::COLLECTION, Datum::from(collection));
        set(column::RELATION, Datum::from(relid));
        set(column::ITEM, item);
        // SAFETY: `_last_key` takes a regclass.
        if let Some(key) = unsafe {
            ask(
                c"_last_key",
                &[(pg_sys::REGCLASSOID, Some(Datum::from(relid)))],
            )
        } {
            set(column::LAST_KEY, key);
        }
        version
    }

    fn get(&self, column: usize) -> Option<Datum> {
        (!self.nulls[column]).then_some(self.values[column])
    }

    fn text(&self, column: usize) -> Option<&'static [u8]> {
        // SAFETY: the column is a text of a row that was copied out of its table.
        self.get(column).map(|datum| unsafe {
            raw::payload(raw::pg_detoast_datum_packed(datum.cast_mut_ptr()).cast::<u8>())
        })
    }

    pub(super) fn id(&self) -> Datum {
        self.values[column::ID]
    }

    /// The bytes of the id.
    pub(super) fn uuid(&self) -> [u8; 16] {
        // SAFETY: a uuid is its sixteen bytes.
        unsafe { *self.id().cast_mut_ptr::<[u8; 16]>() }
    }

    pub(super) fn collection(&self) -> i32 {
        self.values[column::COLLECTION].value() as i32
    }

    /// The table; `None` once it was dropped.
    pub(super) fn relation(&self) -> Option<Oid> {
        let relid = self.get(column::RELATION)?;
        let relid = Oid::from(relid.value() as u32);
        // SAFETY: a catalog look-up.
        (unsafe { pg_sys::get_rel_relkind(relid) } != 0).then_some(relid)
    }

    /// The table; raises 55000 once it was dropped.
    pub(super) fn table(&self) -> Oid {
        let relation = self.relation();
        relation.unwrap_or_else(|| {
            Error::Dropped {
                table: self.table_name(),
            }
            .raise()
        })
    }

    /// The table's name for a message.
    pub(super) fn table_name(&self) -> String {
        lossy(self.text(column::NAME))
    }

    pub(super) fn is_tracked(&self) -> bool {
        self.values[column::TRACKED].value() as u8 != 0
    }

    /// The names of the key's columns, as a `text[]`.
    pub(super) fn last_key(&self) -> Datum {
        self.values[column::LAST_KEY]
    }

    /// The item; `None` for a draft of one that does not exist yet.
    pub(super) fn item(&self) -> Option<&'static [u8]> {
        self.text(column::ITEM)
    }

    /// The item for a message.
    pub(super) fn item_name(&self) -> String {
        lossy(self.item())
    }

    /// Raises 55000 where the item's text is of other columns than name items now, and so may be another row's.
    pub(super) fn check_key(&self) {
        let since = self.values[column::ITEM_SINCE].value() as i64;
        // SAFETY: in a transaction, with a snapshot.
        let gaps = unsafe { Gaps::read(self.collection()) };
        if self.item().is_some() && gaps.rekeyed_after(since).is_some() {
            Error::Rekeyed {
                table: self.table_name(),
            }
            .raise();
        }
    }

    pub(super) fn key(&self) -> &'static [u8] {
        self.text(column::KEY).unwrap_or_default()
    }

    pub(super) fn hash(&self) -> Option<&'static [u8]> {
        self.text(column::HASH)
    }

    pub(super) fn delta(&self) -> Datum {
        self.values[column::DELTA]
    }

    pub(super) fn base(&self) -> Datum {
        self.values[column::BASE]
    }

    /// The revision of the last save; `None` where none was recorded.
    pub(super) fn saved(&self) -> Option<Datum> {
        self.get(column::SAVED)
    }

    /// What was staged for columns that were dropped since.
    pub(super) fn lost(&self) -> Datum {
        self.values[column::LOST]
    }
}

fn lossy(text: Option<&[u8]>) -> String {
    String::from_utf8_lossy(text.unwrap_or_default()).into_owned()
}

/// What a function means to do with a version.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Read,
    /// Nobody else changes it meanwhile.
    Change,
}

/// `_item_of_version(version)`: by its present key.
///
/// # Safety
/// Called by the function manager with this argument.
pub(super) unsafe fn item_of_version(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe {
        read(call, 0)
            .get(column::ITEM)
            .unwrap_or_else(|| null(call))
    }
}

/// Changes the version that the first argument names, if the caller may know of it.
///
/// # Safety
/// As for [`open`].
pub(super) unsafe fn change(
    call: FunctionCallInfo,
    action: impl FnOnce(&Version) -> Option<Datum>,
) -> Datum {
    // SAFETY: an error in between takes the snapshot off with the (sub)transaction.
    unsafe {
        let version = open(call, 0, Purpose::Change);
        let result = action(&version);
        raw::PopActiveSnapshot();
        result.unwrap_or_else(|| null(call))
    }
}

/// The version that an argument names, for reading.
///
/// # Safety
/// As for [`open`].
pub(super) unsafe fn read(call: FunctionCallInfo, index: usize) -> Version {
    // SAFETY: see above.
    unsafe { open(call, index, Purpose::Read) }
}

/// The version that an argument names, if the caller may know of it: P0002 otherwise, 42501 where the caller may not
/// select from its table.
///
/// # Safety
/// Called by the function manager with a uuid as argument `index`.
unsafe fn open(call: FunctionCallInfo, index: usize, purpose: Purpose) -> Version {
    // SAFETY: see above.
    unsafe {
        let Some(id) = argument(call, index) else {
            Error::Empty {
                argument: "version",
            }
            .raise()
        };
        let mut version = find(id);
        if let Some(relid) = version.and_then(|version| version.relation()) {
            // Columns keep their names from here on, and a version is locked after its table, never before.
            let relation = pg_sys::try_relation_open(relid, pg_sys::AccessShareLock as c_int);
            if !relation.is_null() {
                raw::relation_close(relation, pg_sys::NoLock as c_int);
            }
        }
        if purpose == Purpose::Change {
            pg_sys::PreventCommandIfReadOnly(c"directus_versions".as_ptr());
            ask(c"_lock_version", &[(pg_sys::UUIDOID, Some(id))]);
            // What was committed while the locks were waited for is seen from here on.
            raw::PushActiveSnapshot(raw::GetTransactionSnapshot());
            version = find(id);
        }
        let Some(version) = version.filter(|version| may_know(version, purpose)) else {
            Error::NoVersion {
                version: uuid_text(id),
            }
            .raise()
        };
        version
    }
}

/// The version that was just made.
///
/// # Safety
/// The datum must be its id.
pub(super) unsafe fn existing(id: Datum) -> Version {
    // SAFETY: see above.
    unsafe { find(id).unwrap_or_else(|| Error::Broken { part: "version" }.raise()) }
}

unsafe fn find(id: Datum) -> Option<Version> {
    // SAFETY: `_find_version` gives a row of the view.
    unsafe {
        let row = ask(c"_find_version", &[(pg_sys::UUIDOID, Some(id))])?;
        let header: HeapTupleHeader = raw::pg_detoast_datum(row.cast_mut_ptr::<varlena>()).cast();
        let mut tuple = pg_sys::HeapTupleData {
            t_len: u32::try_from(raw::varsize(header.cast::<u8>())).unwrap_or(0),
            t_data: header,
            ..Default::default()
        };
        let datum = &(*header).t_choice.t_datum;
        let desc = raw::lookup_rowtype_tupdesc(datum.datum_typeid, datum.datum_typmod);
        let mut version = Version {
            values: [Datum::null(); column::COUNT],
            nulls: [true; column::COUNT],
        };
        raw::heap_deform_tuple(
            &raw mut tuple,
            desc,
            version.values.as_mut_ptr(),
            version.nulls.as_mut_ptr(),
        );
        raw::DecrTupleDescRefCount(desc);
        Some(version)
    }
}

unsafe fn uuid_text(id: Datum) -> String {
    // SAFETY: a function of the server.
    unsafe {
        let text = raw::call1(raw::uuid_out, id).cast_mut_ptr::<core::ffi::c_char>();
        core::ffi::CStr::from_ptr(text)
            .to_string_lossy()
            .into_owned()
    }
}

/// Whether the caller may know of a version, as the view `versions` decides it.
unsafe fn may_know(version: &Version, purpose: Purpose) -> bool {
    // SAFETY: must run in a transaction.
    unsafe {
        let Some(relid) = version.relation() else {
            return Sight::find(pg_sys::InvalidOid).is_some();
        };
        if !Sight::of(relid).is_secured() {
            return true;
        }
        let snapshot = match purpose {
            Purpose::Read => Snapshot::Callers,
            Purpose::Change => Snapshot::New,
        };
        if version.item().is_some() {
            return is_visible(version, snapshot);
        }
        let maker = version.values[column::ROLE].cast_mut_ptr::<core::ffi::c_char>();
        let maker = pg_sys::get_role_oid(maker, true);
        maker != pg_sys::InvalidOid && pg_sys::has_privs_of_role(raw::GetUserId(), maker)
    }
}

/// Whether the caller sees the item's live row.
///
/// # Safety
/// Must run in a transaction.
pub(super) unsafe fn is_visible(version: &Version, snapshot: Snapshot) -> bool {
    // SAFETY: see above.
    unsafe {
        fits_key(version)
            && spi::finds(
                statement(b"seen", version, &[]),
                &[item_argument(version)],
                snapshot,
            )
    }
}

/// Whether the item's text can be a key of the table, as it cannot after the key got another type.
///
/// # Safety
/// Must run in a transaction.
pub(super) unsafe fn fits_key(version: &Version) -> bool {
    // SAFETY: `_fits_key` takes these arguments.
    unsafe {
        let arguments = [
            (pg_sys::REGCLASSOID, Some(Datum::from(version.table()))),
            (pg_sys::TEXTARRAYOID, Some(version.last_key())),
            item_argument(version),
        ];
        ask(c"_fits_key", &arguments).is_some_and(|fits| fits.value() as u8 != 0)
    }
}

/// The item as an argument of a statement.
pub(super) fn item_argument(version: &Version) -> (Oid, Option<Datum>) {
    (pg_sys::TEXTOID, version.get(column::ITEM))
}

/// A statement on the item, as `_statement` makes it.
///
/// # Safety
/// Must run in a transaction.
pub(super) unsafe fn statement(kind: &[u8], version: &Version, columns: &[&[u8]]) -> Datum {
    // SAFETY: `_statement` takes these arguments.
    unsafe {
        let relid = version.table();
        let arguments = [
            (pg_sys::TEXTOID, Some(text_datum(kind))),
            (pg_sys::REGCLASSOID, Some(Datum::from(relid))),
            (pg_sys::TEXTARRAYOID, Some(version.last_key())),
            (pg_sys::TEXTARRAYOID, Some(names_datum(columns))),
        ];
        ask(c"_statement", &arguments).unwrap_or_else(|| {
            Error::NoKey {
                table: relation_name(relid),
            }
            .raise()
        })
    }
}
