//! Takes changes back one after the other, from the last to the first, where rows changed their keys: which row an item's text
//! names depends on when.

use super::list::List;
use super::past::{Fate, Item, Past};
use super::raw;
use super::row::action;
use super::state::State;
use super::steps::Entry;
use super::who;
use pgrx::pg_sys;
use pgrx::pg_sys::{HeapTuple, MemoryContext, TupleDesc};

/// An entry and where it stands.
struct Kept {
    entry: Entry,
    cluster: i64,
    /// The greatest id of its transaction: transactions that met at a row committed in this order.
    end: i64,
}

impl Kept {
    fn of_transaction(&self) -> (u64, i64) {
        (self.entry.transaction, self.cluster)
    }

    fn of_command(&self) -> (u64, i64, u32) {
        (self.entry.transaction, self.cluster, self.entry.command)
    }
}

pub(super) struct Unwind {
    kept: List<Kept>,
    /// Every row that was touched.
    rows: List<*mut Item>,
    /// For each key that a live row has, the row.
    live: Past,
    /// For each key, the row that has it at the moment.
    holders: Past,
    context: MemoryContext,
}

impl Unwind {
    /// Begins in a memory context below the current one.
    ///
    /// # Safety
    /// Must run in a transaction.
    pub(super) unsafe fn new(past: &Past) -> Self {
        // SAFETY: allocates or raises.
        unsafe {
            let context =
                raw::new_context(pg_sys::CurrentMemoryContext, c"directus_versions unwind");
            let before = raw::switch_to(context);
            let unwind = Self {
                kept: List::new(),
                rows: List::new(),
                live: Past::new(past.has_attribute, past.natts),
                holders: Past::new(past.has_attribute, past.natts),
                context,
            };
            raw::switch_to(before);
            unwind
        }
    }

    /// Keeps an entry for later.
    ///
    /// # Safety
    /// The tuple must be a row of the log.
    pub(super) unsafe fn keep(&mut self, tuple: HeapTuple, desc: TupleDesc) {
        // SAFETY: the copy lies in the memory of all.
        unsafe {
            let before = raw::switch_to(self.context);
            let entry = Entry::read(raw::heap_copytuple(tuple), desc);
            if matches!(
                entry.action,
                action::CREATE | action::UPDATE | action::DELETE
            ) {
                self.kept.push(Kept {
                    cluster: who::cluster(entry.context),
                    end: entry.id,
                    entry,
                });
            }
            raw::switch_to(before);
        }
    }

    /// Takes all that was kept back.
    ///
    /// # Safety
    /// Must run in a transaction; the state tells which field is which.
    pub(super) unsafe fn run(
        &mut self,
        at: i64,
        past: &mut Past,
        state: &mut State,
        scratch: MemoryContext,
    ) {
        let kept = self.kept.slice();
        sort(kept);
        // SAFETY: see above.
        let count = unsafe { self.leave_out(kept, at, past) };
        let kept = &kept[..count];
        let mut end = kept.len();
        while end > 0 {
            let command = kept[end - 1].of_command();
            let same = kept[..end]
                .iter()
                .rev()
                .take_while(|kept| kept.of_command() == command);
            let start = end - same.count();
            // SAFETY: see above.
            unsafe {
                raw::check_for_interrupts();
                let before = raw::switch_to(scratch);
                self.take_back(&kept[start..end], past, state);
                raw::switch_to(before);
                raw::MemoryContextReset(scratch);
            }
            end = start;
        }
    }

    /// Leaves out what is not later than the time, unless it followed something that is; gives how many are left.
    unsafe fn leave_out(&self, kept: &mut [Kept], at: i64, past: &Past) -> usize {
        // SAFETY: see `run`.
        unsafe {
            let before = raw::switch_to(self.context);
            let mut late = Past::new(past.has_attribute, past.natts);
            raw::switch_to(before);
            let mut count = 0;
            for index in 0..kept.len() {
                let entry = kept[index].entry;
                let keys = [entry.item, entry.former];
                let follows = keys.iter().flatten().any(|key| !late.find(key).is_null());
                if entry.at > at || follows {
                    for key in keys.into_iter().flatten() {
                        late.item(key);
                    }
                    kept.swap(count, index);
                    count += 1;
                }
            }
            count
        }
    }

    /// Takes back what one command did, which happened at once: keys are given back before they are taken again.
    unsafe fn take_back(&mut self, kept: &[Kept], past: &mut Past, state: &mut State) {
        // SAFETY: see `run`.
        unsafe {
            let mut returned = List::new();
            for Kept { entry, .. } in kept.iter().filter(|kept| kept.entry.is_arrival()) {
                let row = self.holder(entry.item.unwrap_or_default(), past);
                (*self.holders.item(entry.item.unwrap_or_default())).link = core::ptr::null_mut();
                match entry.former {
                    None => (*row).set_fate(entry, Fate::Created),
                    Some(former) => {
                        past.note_changes(state, entry, &mut *row, |_| true);
                        (*row).has_moved = true;
                        returned.push((former, row));
                    }
                }
            }
            for Kept { entry, .. } in kept.iter().filter(|kept| !kept.entry.is_arrival()) {
                let key = entry.item.unwrap_or_default();
                if entry.action == action::DELETE {
                    let row = past.new_item(key, 0);
                    let record = entry.record().map(|bytes| past.copy(bytes));
                    (*row).set_fate(entry, Fate::Deleted(record, entry.id));
                    self.hold(key, row);
                    self.add(row);
                } else {
                    let row = self.holder(key, past);
                    past.note_changes(state, entry, &mut *row, |_| true);
                }
            }
            for (former, row) in &*returned.slice() {
                self.hold(former, *row);
            }
        }
    }

    /// The row that has a key at the moment; one that nothing is known of is the live one.
    unsafe fn holder(&mut self, key: &[u8], past: &mut Past) -> *mut Item {
        // SAFETY: see `run`.
        unsafe {
            let holder = self.holders.item(key);
            if (*holder).link.is_null() {
                let row = past.new_item(key, 0);
                if !(*holder).has_moved {
                    (*self.live.item(key)).link = row;
                }
                self.hold(key, row);
                self.add(row);
            }
            (*self.holders.item(key)).link
        }
    }

    unsafe fn hold(&mut self, key: &[u8], row: *mut Item) {
        // SAFETY: see `run`.
        unsafe {
            let holder = self.holders.item(key);
            (*holder).link = row;
            // From now on the key is not the live row's.
            (*holder).has_moved = true;
        }
    }

    unsafe fn add(&mut self, row: *mut Item) {
        // SAFETY: the list lies in the memory of all.
        unsafe {
            let before = raw::switch_to(self.context);
            self.rows.push(row);
            raw::switch_to(before);
        }
    }

    /// The row that a key names now; null if nothing happened to it.
    ///
    /// # Safety
    /// Must run in a backend.
    pub(super) unsafe fn live(&self, key: &[u8]) -> *mut Item {
        // SAFETY: an item or null.
        unsafe {
            let found = self.live.find(key);
            if found.is_null() {
                found
            } else {
                (*found).link
            }
        }
    }

    pub(super) fn rows(&self) -> &'static [*mut Item] {
        self.rows.slice()
    }
}

/// Puts entries into the order in which they happened.
fn sort(kept: &mut [Kept]) {
    kept.sort_unstable_by_key(|kept| (kept.of_transaction(), kept.entry.id));
    for chunk in kept.chunk_by_mut(|a, b| a.of_transaction() == b.of_transaction()) {
        let end = chunk.last().map_or(0, |kept| kept.entry.id);
        for kept in chunk {
            kept.end = end;
        }
    }
    kept.sort_unstable_by_key(|kept| (kept.end, kept.of_transaction(), kept.entry.order()));
}
