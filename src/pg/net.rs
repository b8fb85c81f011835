//! What a transaction, or one revision, did to each item, all of it together: an item that it created and deleted is none.

use super::arguments::{argument, text};
use super::columns::Columns;
use super::layout::Layout;
use super::list::List;
use super::raw::{self, Global};
use super::reading::Record;
use super::row::action;
use super::rows::Rows;
use super::stored::Kind;
use crate::error::Error;
use core::ffi::{c_char, c_int, c_long};
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, FunctionCallInfo, HeapTuple, Oid, TupleDesc};
use std::collections::{BTreeMap, HashMap};

/// Rows of the log that are read at once.
const FETCHED: c_long = 1000;

/// What was done to one item.
struct Net {
    collection: i32,
    existed: bool,
    exists: bool,
    is_recorded: bool,
    /// The attribute numbers of the fields that changed.
    fields: Vec<i16>,
    /// Oldest first.
    revisions: Vec<i64>,
}

#[derive(Default)]
struct Work {
    nets: Vec<Net>,
    /// Which of them has a key now; one that was deleted keeps it until another takes it.
    by_key: HashMap<i32, HashMap<Box<[u8]>, usize>>,
    /// Keys that the command at hand gives: what it does happens at once.
    arrivals: Vec<(i32, Box<[u8]>, usize)>,
    command: u32,
    /// The fields of the record read last.
    changed: Vec<i16>,
    groups: Vec<(Key, Group)>,
}

/// Kept here, for an error of the server passes every frame by.
static WORK: Global<Option<Work>> = Global::new(None);

fn work() -> &'static mut Work {
    WORK.get().get_or_insert_default()
}

/// `_net(query text, in_order text, transaction xid8, cluster bigint, revision bigint)`: for items of one collection to which
/// the same was done, in the same fields: the collection, what was done, the attribute numbers of the fields, whether it was
/// recorded with its data, and the revisions of each item, oldest first, behind each item a 0. The query gives the entries.
/// As a rule they come as they were written, which is the order in which they happened; where they do not, the query is run
/// again with `in_order` behind it, which is rarely worth a sort.
///
/// # Safety
/// Called by the function manager with these arguments, as the extension's owner.
pub(super) unsafe fn net(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe {
        let mut rows = Rows::of(call);
        let (Some(query), Some(in_order)) = (text(call, 0), text(call, 1)) else {
            return Datum::null();
        };
        let (mut values, mut nulls) = ([Datum::null(); 3], [b'n' as c_char; 3]);
        for index in 0..3 {
            if let Some(value) = argument(call, index + 2) {
                values[index] = value;
                nulls[index] = b' ' as c_char;
            }
        }
        if !read(&[query], &mut values, &nulls) {
            read(&[query, in_order], &mut values, &nulls);
        }
        give(&mut rows);
        *WORK.get() = None;
        Datum::null()
    }
}

/// Takes the entries that a query gives; false where they do not come in the order in which they happened.
unsafe fn read(query: &[&[u8]], values: &mut [Datum; 3], nulls: &[c_char; 3]) -> bool {
    *WORK.get() = None;
    let mut types = [pg_sys::XID8OID, pg_sys::INT8OID, pg_sys::INT8OID];
    // SAFETY: the text ends with a zero; see `net`.
    unsafe {
        let len: usize = query.iter().map(|part| part.len()).sum();
        let text: *mut u8 = raw::alloc_array(len + 1);
        let mut at = 0;
        for part in query {
            core::ptr::copy_nonoverlapping(part.as_ptr(), text.add(at), part.len());
            at += part.len();
        }
        let mut reader = Reader {
            context: pg_sys::CurrentMemoryContext,
            columns: List::new(),
            known: (core::ptr::null(), 0, 0),
            places: core::ptr::null_mut(),
            last: (0, false, i64::MIN),
        };
        raw::SPI_connect();
        let portal = raw::SPI_cursor_open_with_args(
            core::ptr::null(),
            text.cast(),
            3,
            types.as_mut_ptr(),
            values.as_mut_ptr(),
            nulls.as_ptr(),
            true,
            0,
        );
        let mut is_ordered = true;
        while is_ordered {
            raw::SPI_cursor_fetch(portal, true, FETCHED);
            let table = pg_sys::SPI_tuptable;
            let count = usize::try_from(pg_sys::SPI_processed).unwrap_or(0);
            if count == 0 {
                break;
            }
            if !are_entries((*table).tupdesc) {
                Error::NotAtWork.raise();
            }
            for index in 0..count {
                is_ordered = reader.take(*(*table).vals.add(index), (*table).tupdesc);
                if !is_ordered {
                    break;
                }
            }
            raw::SPI_freetuptable(table);
        }
        raw::SPI_cursor_close(portal);
        raw::SPI_finish();
        is_ordered
    }
}

/// Columns of the query, and their types: any varlena may be a record, whose reader sees to its bounds.
const COLUMNS: usize = 7;
const TYPES: [Oid; COLUMNS] = [
    pg_sys::INT8OID,
    pg_sys::INT4OID,
    pg_sys::CHAROID,
    pg_sys::TEXTOID,
    pg_sys::TEXTOID,
    pg_sys::InvalidOid,
    pg_sys::INT4OID,
];
/// Those that are never NULL.
const NEEDED: [usize; 5] = [0, 1, 2, 3, 6];

/// Whether a query gives entries of the log.
unsafe fn are_entries(desc: TupleDesc) -> bool {
    // SAFETY: the descriptor has so many attributes.
    unsafe {
        usize::try_from((*desc).natts) == Ok(COLUMNS)
            && TYPES.iter().enumerate().all(|(index, typid)| {
                let attribute = raw::attribute(desc, index);
                (*attribute).atttypid == *typid
                    || *typid == pg_sys::InvalidOid && (*attribute).attlen == -1
            })
    }
}

struct Reader {
    context: pg_sys::MemoryContext,
    columns: List<(i32, Columns)>,
    /// The layout, collection and era of `places`.
    known: (*const Layout, i32, usize),
    /// For each field of the layout its attribute number, 0 where it is none of the table's or nothing is known of it.
    places: *mut i16,
    /// Where the entry before stands.
    last: (u32, bool, i64),
}

impl Reader {
    /// Takes the next entry: `(id, collection, action, item, former, change, command)`. False where it happened before the one
    /// that was taken last.
    unsafe fn take(&mut self, tuple: HeapTuple, desc: TupleDesc) -> bool {
        let mut values = [Datum::null(); COLUMNS];
        let mut nulls = [true; COLUMNS];
        // SAFETY: the query has these columns, see `are_entries`; what is kept in Rust's memory is kept in `WORK`.
        unsafe {
            raw::heap_deform_tuple(tuple, desc, values.as_mut_ptr(), nulls.as_mut_ptr());
            if NEEDED.iter().any(|index| nulls[*index]) {
                Error::NotAtWork.raise();
            }
            let text = |index: usize| -> &[u8] {
                let text: Datum = values[index];
                raw::payload(raw::pg_detoast_datum_packed(text.cast_mut_ptr()).cast::<u8>())
            };
            let id = values[0].value() as i64;
            let collection = values[1].value() as i32;
            let item = text(3);
            work().changed.clear();
            if !nulls[5] {
                self.read(collection, id, text(5));
            }
            let entry = Entry {
                id,
                collection,
                action: values[2].value() as u8,
                item,
                former: (!nulls[4]).then(|| text(4)),
                is_recorded: !nulls[5],
                command: values[6].value() as u32,
            };
            let place = entry.order();
            if place < self.last {
                return false;
            }
            self.last = place;
            work().take(&entry);
            true
        }
    }

    /// Notes the fields that a record changed.
    unsafe fn read(&mut self, collection: i32, id: i64, bytes: &[u8]) {
        // SAFETY: see `take`.
        unsafe {
            let record = Record::read(bytes);
            self.place(record.layout, collection, id);
            let note = |position: usize| {
                let attnum = *self.places.add(position);
                // That of a column that a dump has left behind is negative.
                if attnum != 0 {
                    work().changed.push(attnum);
                }
            };
            if record.has_changes() {
                record.changes().for_each(|change| note(change.position));
            } else {
                (0..record.layout.fields.len()).for_each(note);
            }
        }
        work().changed.sort_unstable();
    }

    unsafe fn place(&mut self, layout: &'static Layout, collection: i32, id: i64) {
        // SAFETY: the lists live as long as the call.
        unsafe {
            let before = raw::switch_to(self.context);
            let known = self
                .columns
                .slice()
                .iter()
                .position(|(of, _)| *of == collection);
            let index = known.unwrap_or_else(|| {
                self.columns.push((collection, Columns::read(collection)));
                self.columns.len() - 1
            });
            let columns = &self.columns.slice()[index].1;
            let era = columns.era(id);
            let wanted = (core::ptr::from_ref(layout), collection, era);
            if self.known != wanted {
                self.places = raw::alloc_array(layout.fields.len());
                for (position, field) in layout.fields.iter().enumerate() {
                    let place = columns.of_era(era).find(|(_, name)| *name == field.name);
                    if let Some((place, _)) = place
                        && field.kind != Kind::Mask
                    {
                        *self.places.add(position) = columns.attnums()[place];
                    }
                }
                self.known = wanted;
            }
            raw::switch_to(before);
        }
    }
}

struct Entry<'a> {
    id: i64,
    collection: i32,
    action: u8,
    item: &'a [u8],
    former: Option<&'a [u8]>,
    is_recorded: bool,
    command: u32,
}

impl Entry<'_> {
    /// Where it stands among the entries of its transaction, as in `steps::Entry`.
    fn order(&self) -> (u32, bool, i64) {
        let is_arrival =
            self.action == action::CREATE || self.action == action::UPDATE && self.former.is_some();
        (self.command, is_arrival, self.id)
    }
}

impl Work {
    fn take(&mut self, entry: &Entry) {
        if entry.command != self.command {
            self.command = entry.command;
            self.arrive();
        }
        let is_create = entry.action == action::CREATE;
        let before = entry.former.unwrap_or(entry.item);
        let keys = self.by_key.entry(entry.collection).or_default();
        let known = keys
            .get(before)
            .copied()
            .filter(|net| is_create != self.nets[*net].exists);
        let index = known.unwrap_or_else(|| {
            self.nets.push(Net {
                collection: entry.collection,
                existed: !is_create,
                exists: !is_create,
                is_recorded: true,
                fields: Vec::new(),
                revisions: Vec::new(),
            });
            self.nets.len() - 1
        });
        let net = &mut self.nets[index];
        net.exists = entry.action != action::DELETE;
        net.is_recorded &= entry.is_recorded;
        net.revisions.push(entry.id);
        if net.fields.is_empty() {
            net.fields.clone_from(&self.changed);
        } else if net.fields != self.changed {
            net.fields.extend_from_slice(&self.changed);
            net.fields.sort_unstable();
            net.fields.dedup();
        }
        if entry.former.is_some() {
            keys.remove(before);
        }
        if is_create || entry.former.is_some() {
            self.arrivals
                .push((entry.collection, entry.item.into(), index));
        } else if known.is_none() {
            keys.insert(entry.item.into(), index);
        }
    }

    fn arrive(&mut self) {
        for (collection, item, net) in self.arrivals.drain(..) {
            self.by_key.entry(collection).or_default().insert(item, net);
        }
    }
}

/// Items to which the same was done.
struct Group {
    newest: i64,
    revisions: Vec<i64>,
}

/// A collection, what was done, the fields, whether it was recorded with its data.
type Key = (i32, u8, Vec<i16>, bool);

impl Work {
    /// Puts the items together, those with the newest revision first.
    fn group(&mut self) {
        self.arrive();
        let mut groups: BTreeMap<Key, Group> = BTreeMap::new();
        for net in self.nets.drain(..) {
            let done = match (net.existed, net.exists) {
                (true, true) => action::UPDATE,
                (true, false) => action::DELETE,
                (false, true) => action::CREATE,
                (false, false) => continue,
            };
            let key = (net.collection, done, net.fields, net.is_recorded);
            let group = groups.entry(key).or_insert(Group {
                newest: 0,
                revisions: Vec::new(),
            });
            let newest = net.revisions.iter().copied().max();
            group.newest = group.newest.max(newest.unwrap_or(0));
            group.revisions.extend(net.revisions);
            group.revisions.push(0);
        }
        self.groups = groups.into_iter().collect();
        self.groups
            .sort_by_key(|(_, group)| core::cmp::Reverse(group.newest));
    }
}

/// Gives the groups.
unsafe fn give(rows: &mut Rows) {
    work().group();
    for ((collection, done, fields, is_recorded), group) in &work().groups {
        // SAFETY: the values are of the function's columns.
        unsafe {
            rows.add([
                Some(Datum::from(*collection)),
                Some(Datum::from(*done)),
                Some(array(fields, pg_sys::INT2OID, pg_sys::TYPALIGN_SHORT)),
                Some(Datum::from(*is_recorded)),
                Some(array(
                    &group.revisions,
                    pg_sys::INT8OID,
                    pg_sys::TYPALIGN_DOUBLE,
                )),
            ]);
        }
    }
}

unsafe fn array<T: Copy + Into<Datum>>(numbers: &[T], typid: Oid, align: u8) -> Datum {
    // SAFETY: as many datums of the type.
    unsafe {
        let datums: *mut Datum = raw::alloc_array(numbers.len());
        for (index, number) in numbers.iter().enumerate() {
            *datums.add(index) = (*number).into();
        }
        let count = c_int::try_from(numbers.len()).unwrap_or(0);
        let len = c_int::try_from(size_of::<T>()).unwrap_or(0);
        let array = raw::construct_array(datums, count, typid, len, true, align as c_char);
        raw::pfree(datums.cast());
        Datum::from(array)
    }
}
