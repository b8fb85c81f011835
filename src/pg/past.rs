//! What the items of a collection were before some time's later changes: for each item that changed since, the old values of
//! the fields, and whether the row was there.
//!
//! Fields are known by the attributes of the present table. Values are kept as their records have them.

use super::layout::Field;
use super::lineage;
use super::order::Order;
use super::raw;
use super::reading::{Record, Value};
use super::row::action;
use super::state::State;
use super::steps::Entry;
use core::cell::Cell;
use pgrx::pg_sys;
use pgrx::pg_sys::MemoryContext;

/// What a field was.
#[derive(Clone, Copy)]
pub(super) struct Old {
    /// The attribute, from 0.
    pub(super) attribute: usize,
    order: Order,
    pub(super) field: *const Field,
    data: *const u8,
    len: usize,
    is_null: bool,
}

impl Old {
    /// `None` where it was NULL.
    pub(super) fn value(&self) -> Option<Value<'_>> {
        // SAFETY: so many bytes were copied.
        (!self.is_null)
            .then(|| Value::Whole(unsafe { core::slice::from_raw_parts(self.data, self.len) }))
    }
}

/// What became of the row first.
#[derive(Clone, Copy)]
pub(super) enum Fate {
    Created,
    /// The record of the deleted row and its revision; none where only activity was kept.
    Deleted(Option<&'static [u8]>, i64),
}

pub(super) struct Item {
    hash: u64,
    /// As the log's column has it.
    pub(super) key: &'static [u8],
    olds: *mut Old,
    count: usize,
    capacity: usize,
    fate: Option<(Order, Fate)>,
    /// The first entry that is later than the time: what follows it is not of the time either.
    cut: Option<Order>,
    /// A live row has the key.
    pub(super) is_live: bool,
    /// Its key changed.
    pub(super) has_moved: bool,
    /// For `super::unwind`: the item that has this key.
    pub(super) link: *mut Item,
    /// The one that was made next.
    next: *mut Item,
}

impl Item {
    pub(super) fn fate(&self) -> Option<Fate> {
        self.fate.map(|(_, fate)| fate)
    }

    pub(super) fn set_fate(&mut self, entry: &Entry, fate: Fate) {
        self.fate = Some((Order::of(entry), fate));
    }

    /// The fields that changed before the row's fate.
    pub(super) fn olds(&self) -> impl Iterator<Item = &Old> {
        // SAFETY: so many were written, and the pointer is never null.
        let olds = unsafe { core::slice::from_raw_parts(self.olds, self.count) };
        olds.iter().filter(|old| {
            self.fate
                .is_none_or(|(order, _)| old.order.is_before(&order))
        })
    }
}

/// The items by their keys, in a memory context of their own.
pub(super) struct Past {
    /// Attributes of the table; those that are none of it are left out.
    pub(super) has_attribute: *const bool,
    pub(super) natts: usize,
    slots: *mut *mut Item,
    size: usize,
    pub(super) count: usize,
    /// The one that was made last.
    newest: *mut Item,
    /// The one that was found last: statements and the table itself tend to have the same items in the same order, and so
    /// the one made behind it is looked at before any hash.
    found: Cell<*mut Item>,
    context: MemoryContext,
    /// Small copies lie in blocks.
    block: *mut u8,
    left: usize,
}

const FIRST_SLOTS: usize = 1024;
const BLOCK: usize = 64 * 1024;

impl Past {
    /// Begins in a memory context below the current one.
    ///
    /// # Safety
    /// The flags must tell for each attribute of the table whether it is there.
    pub(super) unsafe fn new(has_attribute: *const bool, natts: usize) -> Self {
        // SAFETY: allocates or raises.
        unsafe {
            let context = raw::new_context(pg_sys::CurrentMemoryContext, c"directus_versions past");
            let before = raw::switch_to(context);
            let slots = raw::alloc_array(FIRST_SLOTS);
            raw::switch_to(before);
            Self {
                has_attribute,
                natts,
                slots,
                size: FIRST_SLOTS,
                count: 0,
                newest: core::ptr::null_mut(),
                found: Cell::new(core::ptr::null_mut()),
                context,
                block: core::ptr::null_mut(),
                left: 0,
            }
        }
    }

    /// Notes what an entry that is later than the time changed.
    ///
    /// # Safety
    /// Must run in a transaction; the state tells which field is which.
    pub(super) unsafe fn note(&mut self, state: &mut State, entry: &Entry) {
        // SAFETY: see above.
        unsafe {
            let item = &mut *self.item(entry.item.unwrap_or_default());
            let order = Order::of(entry);
            if item.cut.is_none_or(|cut| order.is_before(&cut)) {
                item.cut = Some(order);
            }
            self.note_order(state, entry, item, order);
        }
    }

    /// Notes what an entry changed that is not later than the time, if it followed one that is: its statement began before, and
    /// waited for the row.
    ///
    /// # Safety
    /// As for [`Past::note`], which must have seen all that is later.
    pub(super) unsafe fn note_straggler(&mut self, state: &mut State, entry: &Entry) {
        // SAFETY: see above.
        unsafe {
            let item = self.find(entry.item.unwrap_or_default());
            let order = Order::of(entry);
            if !item.is_null() && (*item).cut.is_some_and(|cut| cut.is_before(&order)) {
                self.note_order(state, entry, &mut *item, order);
            }
        }
    }

    unsafe fn note_order(
        &mut self,
        state: &mut State,
        entry: &Entry,
        item: &mut Item,
        order: Order,
    ) {
        // SAFETY: see `note`.
        unsafe {
            if item.fate.is_some_and(|(fate, _)| fate.is_before(&order)) {
                return;
            }
            match entry.action {
                action::CREATE => item.fate = Some((order, Fate::Created)),
                action::DELETE => {
                    let record = entry.record().map(|bytes| self.copy(bytes));
                    item.fate = Some((order, Fate::Deleted(record, entry.id)));
                }
                _ => self.note_changes(state, entry, item, |known| order.is_before(known)),
            }
        }
    }

    /// Takes the old values of an update that come before those that are known.
    ///
    /// # Safety
    /// As for [`Past::note`].
    pub(super) unsafe fn note_changes(
        &mut self,
        state: &mut State,
        entry: &Entry,
        item: &mut Item,
        comes_first: impl Fn(&Order) -> bool,
    ) {
        // SAFETY: see above.
        unsafe {
            let Some(bytes) = entry.record() else {
                return;
            };
            let record = Record::read(bytes);
            let places = state.places_of(&record, entry.id);
            let attnums = state.columns.attnums();
            for change in record.changes() {
                let Some(attribute) = self.attribute(attnums, places[change.position]) else {
                    continue;
                };
                let olds = core::slice::from_raw_parts_mut(item.olds, item.count);
                let known = olds.iter().position(|old| old.attribute == attribute);
                if known.is_some_and(|at| !comes_first(&olds[at].order)) {
                    continue;
                }
                let (data, len) = match change.old {
                    Some(Value::Whole(bytes)) => {
                        let copy = self.copy(bytes);
                        (copy.as_ptr(), copy.len())
                    }
                    _ => (
                        core::ptr::NonNull::<u8>::dangling().as_ptr().cast_const(),
                        0,
                    ),
                };
                let old = Old {
                    attribute,
                    order: Order::of(entry),
                    field: &raw const record.layout.fields[change.position],
                    data,
                    len,
                    is_null: change.old.is_none(),
                };
                match known {
                    Some(at) => olds[at] = old,
                    None => self.push(item, old),
                }
            }
        }
    }

    /// The table's attribute of a place among the columns, from 0.
    pub(super) fn attribute(&self, attnums: &[i16], place: usize) -> Option<usize> {
        let attribute = usize::try_from(*attnums.get(place)?).ok()?.checked_sub(1)?;
        // SAFETY: there is a flag for each attribute.
        (attribute < self.natts && unsafe { *self.has_attribute.add(attribute) })
            .then_some(attribute)
    }

    unsafe fn push(&mut self, item: &mut Item, old: Old) {
        // SAFETY: the new array takes over what there is.
        unsafe {
            if item.count == item.capacity {
                let capacity = (item.capacity * 2).max(2);
                let more: *mut Old = self.room(capacity * size_of::<Old>()).cast();
                core::ptr::copy_nonoverlapping(item.olds, more, item.count);
                item.olds = more;
                item.capacity = capacity;
            }
            item.olds.add(item.count).write(old);
            item.count += 1;
        }
    }

    /// The item of a key, made if it is not there.
    ///
    /// # Safety
    /// Must run in a backend.
    pub(super) unsafe fn item(&mut self, key: &[u8]) -> *mut Item {
        // SAFETY: a slot is free or has an item.
        unsafe {
            let next = self.next(key);
            if !next.is_null() {
                return next;
            }
            let hash = raw::hash(key);
            let slot = self.slot(key, hash);
            if !(*slot).is_null() {
                self.found.set(*slot);
                return *slot;
            }
            if self.count * 2 >= self.size {
                self.grow();
                return self.item(key);
            }
            let item = self.new_item(key, hash);
            *slot = item;
            self.count += 1;
            if !self.newest.is_null() {
                (*self.newest).next = item;
            }
            self.newest = item;
            self.found.set(item);
            item
        }
    }

    /// The item made behind the one that was found last, if it is of a key; else null.
    unsafe fn next(&self, key: &[u8]) -> *mut Item {
        // SAFETY: an item or null.
        unsafe {
            let found = self.found.get();
            if found.is_null() || (*found).next.is_null() || (*(*found).next).key != key {
                return core::ptr::null_mut();
            }
            self.found.set((*found).next);
            (*found).next
        }
    }

    /// An item that no key leads to.
    ///
    /// # Safety
    /// Must run in a backend.
    pub(super) unsafe fn new_item(&mut self, key: &[u8], hash: u64) -> *mut Item {
        // SAFETY: memory of that size.
        unsafe {
            let item: *mut Item = self.room(size_of::<Item>()).cast();
            item.write(Item {
                hash,
                key: self.copy(key),
                olds: core::ptr::NonNull::dangling().as_ptr(),
                count: 0,
                capacity: 0,
                fate: None,
                cut: None,
                is_live: false,
                has_moved: false,
                link: core::ptr::null_mut(),
                next: core::ptr::null_mut(),
            });
            item
        }
    }

    /// The item of a key; null if it is not there.
    ///
    /// # Safety
    /// Must run in a backend.
    pub(super) unsafe fn find(&self, key: &[u8]) -> *mut Item {
        // SAFETY: a slot is free or has an item.
        unsafe {
            let next = self.next(key);
            if !next.is_null() {
                return next;
            }
            let item = *self.slot(key, raw::hash(key));
            if !item.is_null() {
                self.found.set(item);
            }
            item
        }
    }

    unsafe fn slot(&self, key: &[u8], hash: u64) -> *mut *mut Item {
        let mask = self.size - 1;
        let mut at = hash as usize & mask;
        // SAFETY: at least one slot is free.
        unsafe {
            loop {
                let slot = self.slots.add(at);
                let item = *slot;
                if item.is_null() || (*item).hash == hash && (*item).key == key {
                    return slot;
                }
                at = (at + 1) & mask;
            }
        }
    }

    unsafe fn grow(&mut self) {
        // SAFETY: the new array takes over all items.
        unsafe {
            let (former, size) = (self.slots, self.size);
            let before = raw::switch_to(self.context);
            self.slots =
                raw::MemoryContextAllocHuge(self.context, size * 2 * size_of::<*mut Item>()).cast();
            core::ptr::write_bytes(self.slots, 0, size * 2);
            raw::switch_to(before);
            self.size = size * 2;
            for at in 0..size {
                let item = *former.add(at);
                if !item.is_null() {
                    *self.slot((*item).key, (*item).hash) = item;
                }
            }
            raw::pfree(former.cast());
        }
    }

    /// A slot's item, or null.
    pub(super) fn at(&self, slot: usize) -> *mut Item {
        debug_assert!(slot < self.size);
        // SAFETY: a slot is free or has an item.
        unsafe { *self.slots.add(slot) }
    }

    pub(super) fn slots(&self) -> usize {
        self.size
    }

    /// Copies bytes into the memory of all.
    ///
    /// # Safety
    /// Must run in a backend.
    pub(super) unsafe fn copy(&mut self, bytes: &[u8]) -> &'static [u8] {
        // SAFETY: memory of that size.
        unsafe {
            if bytes.len() > BLOCK / 8 {
                let before = raw::switch_to(self.context);
                let copy = lineage::copy(bytes);
                raw::switch_to(before);
                return copy;
            }
            let copy = self.room(bytes.len());
            core::ptr::copy_nonoverlapping(bytes.as_ptr(), copy, bytes.len());
            core::slice::from_raw_parts(copy, bytes.len())
        }
    }

    /// Room that is aligned for any value.
    unsafe fn room(&mut self, len: usize) -> *mut u8 {
        let len = len.max(1).next_multiple_of(8);
        // SAFETY: the block has that many bytes left.
        unsafe {
            if len > self.left {
                let size = len.max(BLOCK);
                self.block = raw::MemoryContextAllocHuge(self.context, size).cast();
                self.left = size;
            }
            let room = self.block;
            self.block = room.add(len);
            self.left -= len;
            room
        }
    }
}
