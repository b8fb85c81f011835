//! `_prune`: takes out of a partition of the log what its time is over for.
//!
//! Below SQL, since the log's guard refuses every DELETE and UPDATE.

use super::arguments::{argument, elements, oid};
use super::chain::{self, Chain, Fate, Limits};
use super::keyframe;
use super::list::List;
use super::page;
use super::past::Past;
use super::raw;
use super::row::column;
use super::rows::Rows;
use super::scope;
use super::snapshot;
use super::state::State;
use super::steps::{self, Entry, Home};
use super::store;
use super::subject::Subject;
use core::ffi::c_int;
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, FunctionCallInfo, HeapTuple, MemoryContext, Relation};

/// The memory that the items of one page of the log take, if each row is of another one.
const ITEM_BYTES_OF_A_BLOCK: u64 = 80 * 140;

/// What goes of a collection.
struct Tally {
    limits: Limits,
    activity: i64,
    revisions: i64,
    bytes: i64,
}

struct Pruning {
    heap: Relation,
    blocks: u32,
    tallies: &'static mut [Tally],
    /// Rows that remain, stripped or not.
    left: i64,
    /// The items of a partition may be more than memory has room for: each pass takes those of one share.
    passes: u64,
    pass: u64,
    /// What is written: the cuts, and what goes.
    cuts: bool,
    goes: bool,
    scratch: MemoryContext,
}

/// `_prune(partition regclass, collections int[], activity timestamptz[], revisions timestamptz[], keep_last int[], cut boolean, remove
/// boolean)`: for each of the collections, what goes of it, and how many rows stay in the partition.
///
/// # Safety
/// Called by the function manager with these arguments, the arrays of one length and without NULLs.
pub(super) unsafe fn prune(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe {
        let mut rows = Rows::of(call);
        let Some(partition) = oid(call, 0) else {
            return Datum::null();
        };
        let lock = pg_sys::RowExclusiveLock as c_int;
        let mut pruning = Pruning {
            heap: raw::relation_open(partition, lock),
            blocks: 0,
            tallies: tallies(call),
            left: 0,
            passes: 1,
            pass: 0,
            cuts: is_on(call, 5),
            goes: is_on(call, 6),
            scratch: raw::new_context(pg_sys::CurrentMemoryContext, c"directus_versions prune"),
        };
        let fork = pg_sys::ForkNumber::MAIN_FORKNUM;
        pruning.blocks = raw::RelationGetNumberOfBlocksInFork(pruning.heap, fork);
        let memory = (u64::from(pg_sys::maintenance_work_mem.unsigned_abs()) * 1024).max(1);
        pruning.passes = u64::from(pruning.blocks) * ITEM_BYTES_OF_A_BLOCK / memory + 1;
        while pruning.pass < pruning.passes {
            let context =
                raw::new_context(pg_sys::CurrentMemoryContext, c"directus_versions items");
            let before = raw::switch_to(context);
            let keys = pruning.sweep();
            raw::switch_to(before);
            pruning.settle(&keys);
            raw::MemoryContextDelete(context);
            pruning.pass += 1;
        }
        raw::relation_close(pruning.heap, pg_sys::NoLock as c_int);
        for tally in pruning.tallies.iter() {
            rows.add([
                Some(Datum::from(tally.limits.collection)),
                Some(Datum::from(tally.activity)),
                Some(Datum::from(tally.revisions)),
                Some(Datum::from(tally.bytes)),
                Some(Datum::from(pruning.left)),
            ]);
        }
        Datum::null()
    }
}

unsafe fn is_on(call: FunctionCallInfo, index: usize) -> bool {
    // SAFETY: the argument is a boolean.
    unsafe { argument(call, index).is_some_and(|datum| datum.value() as u8 != 0) }
}

/// The collections by their ids.
unsafe fn tallies(call: FunctionCallInfo) -> &'static mut [Tally] {
    // SAFETY: the arrays have these types and one length.
    unsafe {
        let column = |index, typid, len| {
            argument(call, index).map_or(&[][..], |array| elements(array, typid, len))
        };
        let collections = column(1, pg_sys::INT4OID, 4);
        let activity = column(2, pg_sys::TIMESTAMPTZOID, 8);
        let revisions = column(3, pg_sys::TIMESTAMPTZOID, 8);
        let keep_last = column(4, pg_sys::INT4OID, 4);
        let mut list = List::new();
        for (index, collection) in collections.iter().enumerate() {
            list.push(Tally {
                limits: Limits {
                    collection: collection.value() as i32,
                    activity: activity[index].value() as i64,
                    revisions: revisions[index].value() as i64,
                    keep_last: i64::from(keep_last[index].value() as i32),
                },
                activity: 0,
                revisions: 0,
                bytes: 0,
            });
        }
        let list = list.slice();
        list.sort_unstable_by_key(|tally: &Tally| tally.limits.collection);
        list
    }
}

impl Pruning {
    /// Reads the partition. What tells of no item's row goes by its age; gives the keys of the others.
    unsafe fn sweep(&mut self) -> Past {
        // SAFETY: the partition is open; what goes is not visible to this scan any more.
        unsafe {
            let mut keys = Past::new(core::ptr::null(), 0);
            let (heap, scratch, blocks) = (self.heap, self.scratch, self.blocks);
            page::each_row(heap, 0, blocks, |tuple| {
                let before = raw::switch_to(scratch);
                self.look_at(tuple, &mut keys);
                raw::switch_to(before);
                raw::MemoryContextReset(scratch);
            });
            keys
        }
    }

    unsafe fn look_at(&mut self, tuple: HeapTuple, keys: &mut Past) {
        // SAFETY: the tuple is a row of the log.
        unsafe {
            let entry = Entry::read(tuple, (*self.heap).rd_att);
            let collection = entry.collection.unwrap_or(0);
            let found = self
                .tallies
                .binary_search_by_key(&collection, |tally| tally.limits.collection);
            let Ok(index) = found else {
                self.left += i64::from(self.pass == 0);
                return;
            };
            let limits = self.tallies[index].limits;
            if entry.is_of_row() {
                if entry.at < limits.revisions.max(limits.activity) {
                    let key = key(collection, entry.item.unwrap_or_default());
                    // Other bits than those by which a hash table finds its place.
                    if (raw::hash(key) >> 32) % self.passes == self.pass {
                        keys.item(key);
                    }
                } else {
                    self.left += i64::from(self.pass == 0);
                }
                return;
            }
            if self.pass > 0 {
                return;
            }
            let has_data = entry.change.is_some();
            let goes = !has_data || entry.at < limits.revisions && limits.revisions != i64::MAX;
            let fate = match (goes, entry.at < limits.activity) {
                (true, true) => Fate::Deleted,
                (true, false) if has_data => Fate::Stripped,
                _ => Fate::Stays,
            };
            self.meet(index, entry.home, fate, entry.record_size());
        }
    }

    /// Decides about the entries of each key.
    unsafe fn settle(&mut self, keys: &Past) {
        // SAFETY: the keys were made by `look_at`; memory of zeros would be no `Option`, so each place is written.
        unsafe {
            let subjects: *mut Option<Subject> = raw::alloc_array(self.tallies.len());
            for index in 0..self.tallies.len() {
                subjects.add(index).write(
                    scope::read_again(self.tallies[index].limits.collection)
                        .map(|scope| Subject::whole(scope)),
                );
            }
            for slot in 0..keys.slots() {
                let item = keys.at(slot);
                if item.is_null() {
                    continue;
                }
                let (number, item) = (*item).key.split_at(4);
                let mut bytes = [0; 4];
                bytes.copy_from_slice(number);
                let collection = i32::from_be_bytes(bytes);
                let found = self
                    .tallies
                    .binary_search_by_key(&collection, |tally| tally.limits.collection);
                let Ok(index) = found else {
                    continue;
                };
                let Some(subject) = &*subjects.add(index) else {
                    self.left += 1;
                    continue;
                };
                let before = raw::switch_to(self.scratch);
                self.settle_item(subject, index, item);
                raw::switch_to(before);
                raw::MemoryContextReset(self.scratch);
            }
        }
    }

    unsafe fn settle_item(&mut self, subject: &Subject, index: usize, item: &[u8]) {
        // SAFETY: see `settle`.
        unsafe {
            let mut chain = chain::decide(subject, item, &self.tallies[index].limits);
            if !self.cut(subject, &chain) {
                chain.spare();
            }
            for link in chain.links.iter() {
                if link.home.partition == (*self.heap).rd_id {
                    self.meet(index, link.home, link.fate, link.data);
                }
            }
        }
    }

    /// Makes what stays independent of what goes. False where that cannot be: then nothing goes.
    unsafe fn cut(&mut self, subject: &Subject, chain: &Chain) -> bool {
        // SAFETY: see `settle`.
        unsafe {
            if chain.cuts.len() == 0 {
                return true;
            }
            let mut state = State::of(subject.scope.collection, &subject.sight);
            for id in &*chain.cuts.slice() {
                let Some(entry) = steps::entry(*id) else {
                    continue;
                };
                // What goes may tell values even where it has no whole row.
                if entry.has_row() || !snapshot::after(subject, &mut state, &entry) {
                    continue;
                }
                let Some(record) = keyframe::of(subject, &mut state, &entry) else {
                    return false;
                };
                if self.cuts {
                    rewrite(entry.home, Some(record));
                }
            }
            true
        }
    }

    /// Counts a row, whose record has so many bytes within it and elsewhere, and takes out what goes of it.
    unsafe fn meet(&mut self, index: usize, home: Home, fate: Fate, data: Option<(u64, u64)>) {
        if fate != Fate::Deleted {
            self.left += 1;
        }
        if fate == Fate::Stays {
            return;
        }
        let tally = &mut self.tallies[index];
        let (within, elsewhere) = data.unwrap_or_default();
        tally.revisions += i64::from(data.is_some());
        tally.activity += i64::from(fate == Fate::Deleted);
        let row = if fate == Fate::Deleted {
            u64::from(home.size)
        } else {
            within
        };
        tally.bytes += (row + elsewhere) as i64;
        if !self.goes {
            return;
        }
        // SAFETY: the row lies there.
        unsafe {
            if fate == Fate::Stripped {
                rewrite(home, None);
            } else {
                let mut place = home.place;
                raw::CatalogTupleDelete(self.heap, &raw mut place);
            }
        }
    }
}

/// A collection's number and an item's text as one key.
unsafe fn key(collection: i32, item: &[u8]) -> &'static [u8] {
    // SAFETY: palloc'd memory of that size.
    unsafe {
        let key: *mut u8 = raw::alloc_array(4 + item.len());
        let number = collection.to_be_bytes();
        core::ptr::copy_nonoverlapping(number.as_ptr(), key, 4);
        core::ptr::copy_nonoverlapping(item.as_ptr(), key.add(4), item.len());
        core::slice::from_raw_parts(key, 4 + item.len())
    }
}

/// Puts another record, or none, in the place of a row's.
unsafe fn rewrite(home: Home, record: Option<Datum>) {
    // SAFETY: the row lies there; a partition has the columns of the log.
    unsafe {
        let lock = pg_sys::RowExclusiveLock as c_int;
        let heap = raw::relation_open(home.partition, lock);
        let mut tuple = pg_sys::HeapTupleData {
            t_self: home.place,
            ..Default::default()
        };
        let mut buffer = 0;
        let (found, snapshot) = (&raw mut tuple, raw::GetActiveSnapshot());
        if raw::heap_fetch(heap, snapshot, found, &raw mut buffer, false) {
            let former = raw::heap_copytuple(&raw mut tuple);
            raw::ReleaseBuffer(buffer);
            let natts = usize::try_from((*(*heap).rd_att).natts).unwrap_or(0);
            let values: *mut Datum = raw::alloc_array(natts);
            let nulls: *mut bool = raw::alloc_array(natts);
            let replace: *mut bool = raw::alloc_array(natts);
            *values.add(column::CHANGE) = record.unwrap_or(Datum::null());
            *nulls.add(column::CHANGE) = record.is_none();
            *replace.add(column::CHANGE) = true;
            let next = raw::heap_modify_tuple(former, (*heap).rd_att, values, nulls, replace);
            // As a new row, so that any index an administrator made is kept up as in a write. The old one goes first, or a
            // subscriber would have two of the id.
            let whole = raw::toast_flatten_tuple(next, (*heap).rd_att);
            let mut place = home.place;
            raw::CatalogTupleDelete(heap, &raw mut place);
            store::put(heap, whole);
        }
        raw::relation_close(heap, pg_sys::NoLock as c_int);
    }
}
