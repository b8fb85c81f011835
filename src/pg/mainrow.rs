//! The live row of a version's item, and its fields as JSON.

use super::arguments::text_datum;
use super::capture;
use super::column::Column;
use super::document;
use super::gate;
use super::item;
use super::laid;
use super::overlay::Row;
use super::raw;
use super::relation;
use super::row::Values;
use super::settings::{self, Setting};
use super::sight::Sight;
use super::spi::{self, Snapshot};
use super::version::{Version, fits_key, item_argument, statement};
use core::ffi::c_int;
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, Oid, varlena};

/// The item's live row as its table's owner sees it, whom the code of the search is of; `None` where there is none.
///
/// # Safety
/// Must run in a transaction.
pub(super) unsafe fn live(version: &Version, snapshot: Snapshot) -> Option<Datum> {
    // SAFETY: see above.
    unsafe { fetch(b"row", version, snapshot) }
}

/// The same, and the row keeps its key until the transaction ends.
///
/// # Safety
/// Must run in a transaction that may write.
pub(super) unsafe fn held(version: &Version) -> Option<Datum> {
    // SAFETY: see above.
    unsafe { fetch(b"held row", version, Snapshot::New) }
}

unsafe fn fetch(kind: &[u8], version: &Version, snapshot: Snapshot) -> Option<Datum> {
    // SAFETY: the query gives a row of the table, which is copied.
    unsafe {
        version.item()?;
        if !fits_key(version) {
            return None;
        }
        let query = statement(kind, version, &[]);
        let relation = raw::relation_open(version.table(), pg_sys::AccessShareLock as c_int);
        let owner = (*(*relation).rd_rel).relowner;
        raw::relation_close(relation, pg_sys::NoLock as c_int);
        let mut found = None;
        let fixed = settings::fix(Setting::ALL);
        gate::run_as_table_owner(owner, || {
            found = row_of(query, version, snapshot);
            Datum::null()
        });
        settings::release(fixed);
        found
    }
}

/// The row that a query by the item gives, as a composite datum.
///
/// # Safety
/// The query must select one.
pub(super) unsafe fn row_of(query: Datum, version: &Version, snapshot: Snapshot) -> Option<Datum> {
    // SAFETY: the row is copied into the caller's memory.
    unsafe {
        let arguments = [item_argument(version)];
        let (_, row) = spi::run(query, &arguments, snapshot, |tuple, desc| {
            let mut isnull = true;
            let row = raw::SPI_getbinval(tuple, desc, 1, &raw mut isnull);
            Datum::from(raw::pg_detoast_datum_copy(row.cast_mut_ptr::<varlena>()))
        });
        row
    }
}

/// Whether the caller may select a column.
///
/// # Safety
/// The column must be of the table that is looked at.
pub(super) unsafe fn sees(sight: &Sight, column: &Column) -> bool {
    // SAFETY: see above.
    unsafe { sight.sees(column.index as i16 + 1) }
}

/// The fields of a row as revisions hold them, of those that the caller may select.
///
/// # Safety
/// The datum must be a row of the table.
pub(super) unsafe fn data(relid: Oid, row: Datum) -> Datum {
    // SAFETY: see above.
    unsafe {
        let sight = Sight::of(relid);
        laid::object(relid, row, true, |column| {
            column.is_saved() && sees(&sight, column)
        })
    }
}

/// All fields of a row, whoever asks.
///
/// # Safety
/// The datum must be a row of the table.
pub(super) unsafe fn image(relid: Oid, row: Datum) -> Datum {
    // SAFETY: see above.
    unsafe { laid::object(relid, row, false, |_| true) }
}

/// The hash of an item: SHA-256 of the text of its data, as revisions hold it.
///
/// # Safety
/// The datum must be a jsonb.
pub(super) unsafe fn hash(data: Datum) -> Datum {
    // SAFETY: the digest has 32 bytes.
    unsafe {
        let text = document::text(data);
        let digest = raw::call1(raw::sha256_bytea, text_datum(text.as_bytes()));
        let digest = raw::payload(digest.cast_mut_ptr::<u8>());
        let mut hex = [0u8; 64];
        for (pair, byte) in hex.chunks_exact_mut(2).zip(digest) {
            pair[0] = b"0123456789abcdef"[usize::from(byte >> 4)];
            pair[1] = b"0123456789abcdef"[usize::from(byte & 15)];
        }
        text_datum(&hex)
    }
}

/// The hash of a live row, whoever asks.
///
/// # Safety
/// The datum must be a row of the table.
pub(super) unsafe fn hash_of_row(relid: Oid, row: Datum) -> Datum {
    // SAFETY: see above.
    unsafe { hash(laid::object(relid, row, true, Column::is_saved)) }
}

/// The item's text of a row.
///
/// # Safety
/// The datum must be a row of the table.
pub(super) unsafe fn item_of(relid: Oid, row: Datum) -> &'static [u8] {
    // SAFETY: see above.
    unsafe {
        let mut values = Row::of(relid);
        values.fill(row);
        let tracked = &*relation::tracked(values.relation, capture::function());
        let item = item::text(
            tracked,
            Values {
                values: values.values,
                nulls: values.nulls,
            },
        );
        raw::relation_close(values.relation, pg_sys::NoLock as c_int);
        item
    }
}

/// The names of the columns that are wanted, in UTF-8.
///
/// # Safety
/// Must run in a transaction.
pub(super) unsafe fn column_names(
    relid: Oid,
    wanted: impl Fn(&Column) -> bool,
) -> &'static [&'static str] {
    // SAFETY: names are copied while the relation is open.
    unsafe {
        let relation = raw::relation_open(relid, pg_sys::AccessShareLock as c_int);
        let tracked = &*relation::tracked(relation, capture::function());
        let names: *mut &'static str = raw::alloc_array(tracked.columns().len());
        let mut count = 0;
        for column in tracked.columns() {
            if wanted(column) {
                names.add(count).write(document::utf8(column.name()));
                count += 1;
            }
        }
        raw::relation_close(relation, pg_sys::NoLock as c_int);
        core::slice::from_raw_parts(names, count)
    }
}

/// The positions of the key's columns in the row.
///
/// # Safety
/// Must run in a transaction.
pub(super) unsafe fn key_columns(relid: Oid) -> &'static [usize] {
    // SAFETY: copied while the relation is open.
    unsafe {
        let relation = raw::relation_open(relid, pg_sys::AccessShareLock as c_int);
        let tracked = &*relation::tracked(relation, capture::function());
        let keys = tracked.keys();
        let positions: *mut usize = raw::alloc_array(keys.len());
        for (index, key) in keys.iter().enumerate() {
            positions.add(index).write(tracked.columns()[*key].index);
        }
        let positions = core::slice::from_raw_parts(positions, keys.len());
        raw::relation_close(relation, pg_sys::NoLock as c_int);
        positions
    }
}
