//! What was recorded of an item under one key, in the order in which it happened.
//!
//! The row's lock puts transactions in the order of ids; within one the command decides, and what one command did happened
//! at once: a key is left before it is taken.

use super::raw;
use super::reading::Record;
use super::row::{action, column};
use super::scan::{Range, Scan};
use super::who;
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, HeapTuple, ItemPointerData, MemoryContext, Oid, TupleDesc};

/// A row of the log; what it points to lies in the tuple it was read from.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) id: i64,
    pub(super) at: i64,
    pub(super) transaction: u64,
    pub(super) context: i32,
    pub(super) command: u32,
    pub(super) action: u8,
    pub(super) collection: Option<i32>,
    pub(super) item: Option<&'static [u8]>,
    pub(super) change: Option<Datum>,
    pub(super) former: Option<&'static [u8]>,
    pub(super) comment: Option<Datum>,
    pub(super) label: Option<Datum>,
    pub(super) version: Option<Datum>,
    pub(super) long_item: Option<&'static [u8]>,
    pub(super) home: Home,
}

/// Where a row of the log lies.
#[derive(Clone, Copy)]
pub(super) struct Home {
    pub(super) partition: Oid,
    pub(super) place: ItemPointerData,
    /// Its bytes there.
    pub(super) size: u32,
}

impl Entry {
    /// Reads a row of the log.
    ///
    /// # Safety
    /// The tuple must be one and outlive the entry.
    pub(super) unsafe fn read(tuple: HeapTuple, desc: TupleDesc) -> Self {
        let mut values = [Datum::null(); MAX_COLUMNS];
        let mut nulls = [true; MAX_COLUMNS];
        // SAFETY: a partition has as many columns, whatever a newer version adds.
        unsafe {
            raw::heap_deform_tuple(tuple, desc, values.as_mut_ptr(), nulls.as_mut_ptr());
            let value = |index: usize| (!nulls[index]).then(|| values[index]);
            let text = |index: usize| {
                value(index).map(|datum| {
                    raw::payload(raw::pg_detoast_datum_packed(datum.cast_mut_ptr()).cast::<u8>())
                })
            };
            Self {
                id: values[0].value() as i64,
                at: values[column::AT].value() as i64,
                transaction: values[column::TRANSACTION].value() as u64,
                context: values[column::CONTEXT].value() as i32,
                command: values[column::COMMAND].value() as u32,
                action: values[column::ACTION].value() as u8,
                collection: value(column::COLLECTION).map(|datum| datum.value() as i32),
                item: text(column::ITEM),
                change: value(column::CHANGE),
                former: text(column::FORMER),
                comment: value(column::COMMENT),
                label: value(column::LABEL),
                version: value(column::VERSION),
                long_item: text(column::LONG_ITEM),
                home: Home {
                    partition: (*tuple).t_tableOid,
                    place: (*tuple).t_self,
                    size: (*tuple).t_len,
                },
            }
        }
    }

    /// The id and transaction of a row of the log.
    ///
    /// # Safety
    /// As for [`Entry::read`].
    pub(super) unsafe fn place(tuple: HeapTuple, desc: TupleDesc) -> (i64, u64) {
        // SAFETY: all columns up to that one are of fixed length and never NULL.
        unsafe {
            let entry = Self::read(tuple, desc);
            (entry.id, entry.transaction)
        }
    }

    /// Whether it tells of the item's row, and is no event of another kind.
    pub(super) fn is_of_row(&self) -> bool {
        matches!(
            self.action,
            action::CREATE | action::UPDATE | action::DELETE | action::MOVED
        )
    }

    /// Whether a row came under its key by this.
    pub(super) fn is_arrival(&self) -> bool {
        self.action == action::CREATE || self.action == action::UPDATE && self.former.is_some()
    }

    /// Whether it tells what was saved in a version: the row is what it was.
    pub(super) fn is_saved_version(&self) -> bool {
        self.action == action::OTHER && self.change.is_some()
    }

    /// The whole key; that of a row with a short one is `item` itself.
    pub(super) fn whole_item(&self) -> &'static [u8] {
        self.long_item.or(self.item).unwrap_or_default()
    }

    /// The record's bytes, in the current memory context if they had to be fetched.
    ///
    /// # Safety
    /// Must run in a transaction.
    pub(super) unsafe fn record(&self) -> Option<&'static [u8]> {
        // SAFETY: the datum lives as long as the entry.
        self.change.map(|change| unsafe {
            raw::payload(raw::pg_detoast_datum_packed(change.cast_mut_ptr()).cast::<u8>())
        })
    }

    /// The bytes of its record within the row, and those elsewhere; `None` where there is none.
    ///
    /// # Safety
    /// The tuple that it was read from must be there.
    pub(super) unsafe fn record_size(&self) -> Option<(u64, u64)> {
        // SAFETY: the datum is a varlena.
        unsafe {
            self.change.map(|change| {
                let value = change.cast_mut_ptr::<u8>();
                let elsewhere = if raw::is_external(value) {
                    raw::toast_datum_size(change)
                } else {
                    0
                };
                (raw::varsize(value) as u64, elsewhere as u64)
            })
        }
    }

    /// Whether its record has the whole row.
    ///
    /// # Safety
    /// As for [`Entry::record`].
    pub(super) unsafe fn has_row(&self) -> bool {
        // SAFETY: the record is the entry's.
        unsafe {
            self.record()
                .is_some_and(|bytes| Record::read(bytes).has_row())
        }
    }

    /// Where it stands among the entries of its transaction.
    pub(super) fn order(&self) -> (u32, bool, i64) {
        (self.command, self.is_arrival(), self.id)
    }
}

/// More columns than the log has.
const MAX_COLUMNS: usize = 64;

/// A point in the history of a key. What one command did happened at once, so none of it is before or after the other.
#[derive(Clone, Copy)]
pub(super) struct Point {
    pub(super) id: i64,
    pub(super) transaction: u64,
    pub(super) command: u32,
}

impl Point {
    pub(super) fn of(entry: &Entry) -> Self {
        Self {
            id: entry.id,
            transaction: entry.transaction,
            command: entry.command,
        }
    }

    /// Whether an entry happened before.
    pub(super) fn is_after(&self, entry: &Entry) -> bool {
        if entry.transaction == self.transaction {
            entry.command < self.command
        } else {
            entry.id < self.id
        }
    }

    /// Whether an entry happened later.
    pub(super) fn is_before(&self, entry: &Entry) -> bool {
        if entry.transaction == self.transaction {
            entry.command > self.command
        } else {
            entry.id > self.id
        }
    }
}

/// Entries in their order, or in the reverse of it. Holds those of one transaction at a time.
pub(super) struct Steps {
    scan: Scan,
    desc: TupleDesc,
    /// The first entry of the next transaction.
    ahead: Option<HeapTuple>,
    ended: bool,
    group: *mut Entry,
    capacity: usize,
    count: usize,
    position: usize,
    backward: bool,
    /// Bytes that entries may take which outlive the steps.
    lasting: usize,
    /// Of the steps, of the entries at hand, and of the next transaction's first.
    outer: MemoryContext,
    inner: MemoryContext,
    next: MemoryContext,
}

impl Steps {
    /// Begins. A range of ids must not part the entries of a transaction, unless they do not matter.
    ///
    /// # Safety
    /// Must run in a transaction with an active snapshot; lives in the current memory context.
    pub(super) unsafe fn of(collection: i32, item: &[u8], range: Range, backward: bool) -> Self {
        // SAFETY: see above.
        unsafe {
            let outer = pg_sys::CurrentMemoryContext;
            let scan = Scan::of_item(collection, item, range, backward);
            Self {
                desc: scan.desc(),
                scan,
                ahead: None,
                ended: false,
                group: raw::alloc_array(FIRST_ENTRIES),
                capacity: FIRST_ENTRIES,
                count: 0,
                position: 0,
                backward,
                lasting: 0,
                outer,
                inner: raw::new_context(outer, c"directus_versions steps"),
                next: raw::new_context(outer, c"directus_versions next step"),
            }
        }
    }

    /// Lets the entries that come first, and take so many bytes at most, outlive the steps.
    pub(super) fn keep(&mut self, bytes: usize) {
        self.lasting = bytes;
    }

    /// The bytes that are left for entries that outlive the steps; 0 where the entry given last is none of them.
    pub(super) fn kept(&self) -> usize {
        self.lasting
    }

    /// The next entry; valid until the one after it is asked for.
    ///
    /// # Safety
    /// The steps must not have ended.
    pub(super) unsafe fn next(&mut self) -> Option<Entry> {
        // SAFETY: see above.
        unsafe {
            if self.position == self.count && !self.fill() {
                return None;
            }
            let at = if self.backward {
                self.count - 1 - self.position
            } else {
                self.position
            };
            self.position += 1;
            Some(*self.group.add(at))
        }
    }

    /// Reads the entries of the next transaction.
    unsafe fn fill(&mut self) -> bool {
        // SAFETY: the entries at hand are not used any more.
        unsafe {
            self.count = 0;
            self.position = 0;
            raw::MemoryContextReset(self.inner);
            core::mem::swap(&mut self.inner, &mut self.next);
            let mut first = self.ahead.take();
            loop {
                let next = match first.take() {
                    Some(tuple) => Some(tuple),
                    None => self.read(),
                };
                let Some(tuple) = next else {
                    break;
                };
                self.lasting = self.lasting.saturating_sub((*tuple).t_len as usize);
                let context = if self.lasting > 0 {
                    self.outer
                } else {
                    self.inner
                };
                let before = raw::switch_to(context);
                let copy = raw::heap_copytuple(tuple);
                let entry = Entry::read(copy, self.desc);
                raw::switch_to(before);
                for text in [entry.item, entry.former, entry.long_item] {
                    self.lasting = self.lasting.saturating_sub(text.map_or(0, <[u8]>::len));
                }
                if self.count > 0 && !self.is_of_group(&entry) {
                    let before = raw::switch_to(self.next);
                    self.ahead = Some(raw::heap_copytuple(copy));
                    raw::switch_to(before);
                    break;
                }
                if entry.is_of_row() || entry.is_saved_version() {
                    self.push(entry);
                }
            }
            let group = core::slice::from_raw_parts_mut(self.group, self.count);
            if !group.is_sorted_by_key(Entry::order) {
                group.sort_unstable_by_key(Entry::order);
            }
            self.count > 0
        }
    }

    unsafe fn read(&mut self) -> Option<HeapTuple> {
        if self.ended {
            return None;
        }
        // SAFETY: the scan has not ended.
        let tuple = unsafe { self.scan.next() };
        self.ended = tuple.is_none();
        tuple
    }

    /// Whether an entry is of the transaction at hand. Transaction ids repeat in another cluster.
    unsafe fn is_of_group(&self, entry: &Entry) -> bool {
        // SAFETY: there is an entry at hand.
        unsafe {
            let known = *self.group;
            known.transaction == entry.transaction
                && (known.context == entry.context
                    || who::cluster(known.context) == who::cluster(entry.context))
        }
    }

    unsafe fn push(&mut self, entry: Entry) {
        // SAFETY: the new array takes over all entries.
        unsafe {
            if self.count == self.capacity {
                let before = raw::switch_to(self.outer);
                let more: *mut Entry = raw::alloc_array(self.capacity * 2);
                raw::switch_to(before);
                core::ptr::copy_nonoverlapping(self.group, more, self.count);
                raw::pfree(self.group.cast());
                self.group = more;
                self.capacity *= 2;
            }
            self.group.add(self.count).write(entry);
            self.count += 1;
        }
    }

    /// Ends the steps and gives their memory back.
    ///
    /// # Safety
    /// No entry of them may be used again.
    pub(super) unsafe fn end(&mut self) {
        // SAFETY: see above.
        unsafe {
            self.scan.end();
            raw::MemoryContextDelete(self.inner);
            raw::MemoryContextDelete(self.next);
            raw::pfree(self.group.cast());
        }
    }
}

const FIRST_ENTRIES: usize = 16;

/// The entry with an id; it lies in the current memory context.
///
/// # Safety
/// As for [`Steps::of`].
pub(super) unsafe fn entry(id: i64) -> Option<Entry> {
    // SAFETY: the copy outlives the scan.
    unsafe {
        let mut scan = Scan::of_ids(Range {
            from: id,
            until: id.checked_add(1)?,
        });
        let desc = scan.desc();
        let found = scan
            .next()
            .map(|tuple| Entry::read(raw::heap_copytuple(tuple), desc));
        scan.end();
        found
    }
}
