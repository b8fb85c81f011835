//! What a transaction or one revision did, newest first, in runs that one statement each can take back.

use super::arguments::{argument, text_datum};
use super::list::List;
use super::raw::{self, Global};
use super::reading::Record;
use super::rows::Rows;
use super::stored::Kind;
use core::ffi::{c_int, c_long};
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, FunctionCallInfo};
use std::collections::HashSet;

/// Rows of the log that are read at once.
const FETCHED: c_long = 1000;

/// The items of the run at hand, by a hash: where two share one, the run ends a little early.
static ITEMS: Global<Option<HashSet<u64>>> = Global::new(None);

/// `_runs(query text, transaction xid8, cluster bigint, revision bigint)`: for each run of entries that changed the same
/// fields of different items of one collection: the collection, the action, the names of the fields, the revisions. The
/// query gives the entries, newest first.
///
/// # Safety
/// Called by the function manager with these arguments, as the extension's owner.
pub(super) unsafe fn runs(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe {
        let mut rows = Rows::of(call);
        let Some(query) = argument(call, 0) else {
            return Datum::null();
        };
        *ITEMS.get() = Some(HashSet::new());
        let mut run = Run {
            collection: 0,
            action: 0,
            era: 0,
            layout: 0,
            is_recorded: false,
            positions: List::new(),
            revisions: List::new(),
            names: Datum::null(),
            context: pg_sys::CurrentMemoryContext,
        };
        let mut types = [pg_sys::XID8OID, pg_sys::INT8OID, pg_sys::INT8OID];
        let mut values = [Datum::null(); 3];
        let mut nulls = [b'n' as core::ffi::c_char; 3];
        for index in 0..3 {
            if let Some(value) = argument(call, index + 1) {
                values[index] = value;
                nulls[index] = b' ' as core::ffi::c_char;
            }
        }
        raw::SPI_connect();
        let portal = raw::SPI_cursor_open_with_args(
            core::ptr::null(),
            raw::text_to_cstring(query.cast_mut_ptr()),
            3,
            types.as_mut_ptr(),
            values.as_mut_ptr(),
            nulls.as_ptr(),
            true,
            0,
        );
        loop {
            raw::SPI_cursor_fetch(portal, true, FETCHED);
            let table = pg_sys::SPI_tuptable;
            let count = pg_sys::SPI_processed;
            if count == 0 {
                break;
            }
            for index in 0..usize::try_from(count).unwrap_or(0) {
                run.take(*(*table).vals.add(index), (*table).tupdesc, &mut rows);
            }
            raw::SPI_freetuptable(table);
        }
        run.end(&mut rows);
        raw::SPI_cursor_close(portal);
        raw::SPI_finish();
        *ITEMS.get() = None;
        Datum::null()
    }
}

/// Columns of the query.
const COLUMNS: usize = 6;

struct Run {
    collection: i32,
    action: u8,
    /// Changes where columns were renamed.
    era: i64,
    layout: usize,
    is_recorded: bool,
    /// The fields that changed, by their position in the layout.
    positions: List<usize>,
    revisions: List<Datum>,
    names: Datum,
    context: pg_sys::MemoryContext,
}

impl Run {
    /// Takes the next entry: `(id, collection, action, item, change, era)`.
    unsafe fn take(&mut self, tuple: pg_sys::HeapTuple, desc: pg_sys::TupleDesc, rows: &mut Rows) {
        let mut values = [Datum::null(); COLUMNS];
        let mut nulls = [true; COLUMNS];
        // SAFETY: the query has these columns.
        unsafe {
            raw::heap_deform_tuple(tuple, desc, values.as_mut_ptr(), nulls.as_mut_ptr());
            let item = raw::pg_detoast_datum_packed(values[3].cast_mut_ptr()).cast::<u8>();
            let item = raw::payload(item);
            let len = c_int::try_from(item.len()).unwrap_or(c_int::MAX);
            let item = raw::hash_bytes_extended(item.as_ptr(), len, 0);
            let record = (!nulls[4]).then(|| {
                let bytes = raw::pg_detoast_datum_packed(values[4].cast_mut_ptr()).cast::<u8>();
                Record::read(raw::payload(bytes))
            });
            let collection = values[1].value() as i32;
            let action = values[2].value() as u8;
            let era = values[5].value() as i64;
            let same = self.revisions.len() > 0
                && (self.collection, self.action, self.era) == (collection, action, era)
                && self.is_like(record.as_ref());
            if !same
                || ITEMS
                    .get()
                    .as_ref()
                    .is_some_and(|items| items.contains(&item))
            {
                self.end(rows);
                self.collection = collection;
                self.action = action;
                self.era = era;
                self.begin(record.as_ref());
            }
            let before = raw::switch_to(self.context);
            self.revisions.push(values[0]);
            raw::switch_to(before);
            if let Some(items) = ITEMS.get() {
                items.insert(item);
            }
        }
    }

    /// Whether a record has the fields of the run.
    fn is_like(&self, record: Option<&Record>) -> bool {
        let Some(record) = record else {
            return !self.is_recorded;
        };
        let changed = record.changes().map(|change| change.position);
        self.is_recorded
            && self.layout == core::ptr::from_ref(record.layout).addr()
            && changed.eq(self.positions.slice().iter().copied())
    }

    unsafe fn begin(&mut self, record: Option<&Record>) {
        self.is_recorded = record.is_some();
        self.positions.clear();
        let Some(record) = record else {
            return;
        };
        self.layout = core::ptr::from_ref(record.layout).addr();
        // SAFETY: the lists live as long as the call.
        unsafe {
            let before = raw::switch_to(self.context);
            for change in record.changes() {
                self.positions.push(change.position);
            }
            let mut names = List::new();
            let fields = record.layout.fields.iter().enumerate();
            for (position, field) in fields {
                let changed = !record.has_changes() || self.positions.slice().contains(&position);
                // Of a masked field nothing is known.
                if changed && field.kind != Kind::Mask {
                    names.push(text_datum(field.name));
                }
            }
            self.names = array(names.slice(), pg_sys::TEXTOID, -1, false);
            raw::switch_to(before);
        }
    }

    /// Ends the run, if there is one.
    unsafe fn end(&mut self, rows: &mut Rows) {
        if self.revisions.len() == 0 {
            return;
        }
        // SAFETY: the values are of the function's columns.
        unsafe {
            rows.add([
                Some(Datum::from(self.collection)),
                Some(Datum::from(self.action)),
                self.is_recorded.then_some(self.names),
                Some(array(self.revisions.slice(), pg_sys::INT8OID, 8, true)),
            ]);
        }
        self.revisions.clear();
        if let Some(items) = ITEMS.get() {
            items.clear();
        }
    }
}

unsafe fn array(elements: &mut [Datum], typid: pg_sys::Oid, len: c_int, byval: bool) -> Datum {
    let count = c_int::try_from(elements.len()).unwrap_or(0);
    let align = if byval {
        pg_sys::TYPALIGN_DOUBLE
    } else {
        pg_sys::TYPALIGN_INT
    };
    // SAFETY: the elements are of the type.
    unsafe {
        let elements = elements.as_mut_ptr();
        let align = align as core::ffi::c_char;
        Datum::from(raw::construct_array(
            elements, count, typid, len, byval, align,
        ))
    }
}
