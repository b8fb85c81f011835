//! The keys that an item's row had one after the other, and which entries of each are its own.

use super::list::List;
use super::raw;
use super::row::action;
use super::scan::{Range, Scan};
use super::steps::{Entry, Point, Steps};
use super::subject::Subject;
use pgrx::pg_sys;

/// The entries of a row under one of its keys.
#[derive(Clone, Copy)]
pub(super) struct Segment {
    /// As the log's column has it.
    pub(super) item: &'static [u8],
    /// The first entry; `None` for all that there are.
    start: Option<Point>,
    /// What is not before this is none of them.
    until: Option<Point>,
    /// What was read to find them, from the last to the first, unless that is too much to keep.
    read: Option<&'static [Entry]>,
}

/// Bytes of entries that are kept, so that they need not be read twice.
const KEPT: usize = 256 * 1024;

/// Segments from the last to the first.
pub(super) struct Lineage {
    pub(super) segments: &'static [Segment],
    /// The revision that took the row to another key, where no other row has taken this one since.
    pub(super) departure: Option<Point>,
    /// The key it went to.
    departed_to: &'static [u8],
}

/// Finds the row that an item names now, or named last, in the current memory context. `present`: only while it had that key
/// in its present life, as row security wants it.
///
/// # Safety
/// Must run in a transaction with an active snapshot.
pub(super) unsafe fn find(subject: &Subject, item: &[u8], present: bool) -> Lineage {
    // SAFETY: see above.
    unsafe {
        let mut segments = List::new();
        let mut lineage = Lineage {
            segments: &[],
            departure: None,
            departed_to: &[],
        };
        let mut key = copy(item);
        let mut until: Option<Point> = None;
        let mut room = KEPT;
        loop {
            let range = Range {
                from: subject.gaps.rekeyed(),
                until: until.map_or(i64::MAX, |point| end(subject.scope.collection, key, &point)),
            };
            let mut steps = Steps::of(subject.scope.collection, key, range, true);
            steps.keep(room);
            let mut read = List::new();
            let mut first: Option<Point> = None;
            let mut before: Option<(&'static [u8], Point)> = None;
            let mut start = None;
            while let Some(entry) = steps.next() {
                room = steps.kept();
                if room > 0 {
                    read.push(entry);
                }
                if until.is_some_and(|until| !until.is_after(&entry)) || entry.is_saved_version() {
                    continue;
                }
                let point = Point::of(&entry);
                let gone =
                    entry.action == action::MOVED || present && entry.action == action::DELETE;
                if gone
                    && first.is_none()
                    && segments.slice().is_empty()
                    && lineage.departure.is_none()
                {
                    if present {
                        break;
                    }
                    lineage.departure = Some(point);
                    lineage.departed_to = copy(entry.former.unwrap_or_default());
                    until = Some(point);
                    continue;
                }
                if gone {
                    start = first;
                    break;
                }
                first = Some(point);
                if present && entry.is_arrival() {
                    start = first;
                    break;
                }
                if let Some(former) = entry.former {
                    start = first;
                    before = Some((copy(former), point));
                    break;
                }
            }
            steps.end();
            if first.is_some() {
                segments.push(Segment {
                    item: key,
                    start,
                    until,
                    read: (room > 0).then_some(&*read.slice()),
                });
            }
            match before {
                Some((former, point)) => {
                    key = former;
                    until = Some(point);
                }
                None => break,
            }
        }
        lineage.segments = segments.slice();
        lineage
    }
}

impl Lineage {
    /// The revision that took the row to another key.
    ///
    /// # Safety
    /// As for [`find`].
    pub(super) unsafe fn moved_by(&self, subject: &Subject) -> Option<i64> {
        // SAFETY: see above.
        let arrival =
            unsafe { arrival(subject.scope.collection, self.departed_to, &self.departure?) };
        arrival.map(|entry| entry.id)
    }

    /// Gives each entry in the order in which it happened to `action`, until that returns false. Memory of the moment is freed
    /// behind each.
    ///
    /// # Safety
    /// As for [`find`].
    pub(super) unsafe fn walk(&self, subject: &Subject, mut action: impl FnMut(&Entry) -> bool) {
        // SAFETY: see above.
        unsafe {
            for segment in self.segments.iter().rev() {
                if !segment.walk(subject, &mut action) {
                    return;
                }
            }
            if let Some(departure) = self.departure
                && let Some(arrival) =
                    arrival(subject.scope.collection, self.departed_to, &departure)
            {
                action(&arrival);
            }
        }
    }
}

impl Segment {
    /// Gives each entry from the last to the first to `action`, until that returns false.
    ///
    /// # Safety
    /// As for [`find`].
    pub(super) unsafe fn walk_back(
        &self,
        subject: &Subject,
        mut action: impl FnMut(&Entry) -> bool,
    ) {
        // SAFETY: see above.
        unsafe {
            let mut steps = Steps::of(
                subject.scope.collection,
                self.item,
                self.range(subject),
                true,
            );
            while let Some(entry) = steps.next() {
                let goes_on = !self.has(&entry) || action(&entry);
                if !goes_on || self.start.is_some_and(|start| start.id == entry.id) {
                    break;
                }
            }
            steps.end();
        }
    }

    unsafe fn walk(&self, subject: &Subject, action: &mut impl FnMut(&Entry) -> bool) -> bool {
        // SAFETY: see `Lineage::walk`.
        unsafe {
            let scratch = raw::new_context(pg_sys::CurrentMemoryContext, c"directus_versions walk");
            let mut begun = self.start.is_none();
            let mut take = |entry: &Entry| {
                begun = begun || self.start.is_some_and(|start| start.id == entry.id);
                if !begun || !self.has(entry) {
                    return true;
                }
                let before = raw::switch_to(scratch);
                let goes_on = action(entry);
                raw::switch_to(before);
                raw::MemoryContextReset(scratch);
                goes_on
            };
            let goes_on = if let Some(read) = self.read {
                read.iter().rev().all(take)
            } else {
                let mut steps = Steps::of(
                    subject.scope.collection,
                    self.item,
                    self.range(subject),
                    false,
                );
                let mut goes_on = true;
                while goes_on && let Some(entry) = steps.next() {
                    goes_on = take(&entry);
                }
                steps.end();
                goes_on
            };
            raw::MemoryContextDelete(scratch);
            goes_on
        }
    }

    /// The ids that its entries have, and perhaps others of the same transactions.
    unsafe fn range(&self, subject: &Subject) -> Range {
        let collection = subject.scope.collection;
        // SAFETY: see `Lineage::walk`.
        unsafe {
            Range {
                from: match &self.start {
                    Some(point) => start(collection, self.item, point),
                    None => subject.gaps.rekeyed(),
                },
                until: match &self.until {
                    Some(point) => end(collection, self.item, point),
                    None => i64::MAX,
                },
            }
        }
    }

    fn has(&self, entry: &Entry) -> bool {
        entry.action != action::MOVED && self.until.is_none_or(|until| until.is_after(entry))
    }
}

/// The revision that gave a row its new key, given the entry that leads to it.
///
/// # Safety
/// Must run in a transaction with an active snapshot; it lies in the current memory context.
pub(super) unsafe fn arrival(collection: i32, item: &[u8], departure: &Point) -> Option<Entry> {
    // SAFETY: the copy outlives the scan.
    unsafe {
        let range = Range {
            from: start(collection, item, departure),
            until: end(collection, item, departure),
        };
        let mut scan = Scan::of_item(collection, item, range, false);
        let desc = scan.desc();
        let mut found = None;
        while found.is_none()
            && let Some(tuple) = scan.next()
        {
            let entry = Entry::read(raw::heap_copytuple(tuple), desc);
            let same =
                entry.transaction == departure.transaction && entry.command == departure.command;
            if same && entry.action == action::UPDATE && entry.former.is_some() {
                found = Some(entry);
            }
        }
        scan.end();
        found
    }
}

/// An id at or below which a key's entries of a transaction begin: the order within one is not that of ids.
///
/// # Safety
/// Must run in a transaction with an active snapshot.
pub(super) unsafe fn start(collection: i32, item: &[u8], point: &Point) -> i64 {
    let range = Range {
        from: i64::MIN,
        until: point.id,
    };
    // SAFETY: see above.
    unsafe { edge(collection, item, range, point, true).map_or(i64::MIN, |id| id + 1) }
}

/// The first id behind a key's entries of a transaction.
///
/// # Safety
/// Must run in a transaction with an active snapshot.
pub(super) unsafe fn end(collection: i32, item: &[u8], point: &Point) -> i64 {
    let range = Range {
        from: point.id,
        until: i64::MAX,
    };
    // SAFETY: see above.
    unsafe { edge(collection, item, range, point, false).unwrap_or(i64::MAX) }
}

/// The next id of another transaction.
unsafe fn edge(
    collection: i32,
    item: &[u8],
    range: Range,
    point: &Point,
    backward: bool,
) -> Option<i64> {
    // SAFETY: the entry is used before the next one is asked for.
    unsafe {
        let mut scan = Scan::of_item(collection, item, range, backward);
        let desc = scan.desc();
        let mut found = None;
        while found.is_none()
            && let Some(tuple) = scan.next()
        {
            let (id, transaction) = Entry::place(tuple, desc);
            if transaction != point.transaction {
                found = Some(id);
            }
        }
        scan.end();
        found
    }
}

/// Copies bytes into the current memory context.
///
/// # Safety
/// Must run in a backend.
pub(super) unsafe fn copy(bytes: &[u8]) -> &'static [u8] {
    // SAFETY: palloc'd memory of that size.
    unsafe {
        let context = pg_sys::CurrentMemoryContext;
        let copy: *mut u8 = raw::MemoryContextAllocHuge(context, bytes.len().max(1)).cast();
        core::ptr::copy_nonoverlapping(bytes.as_ptr(), copy, bytes.len());
        core::slice::from_raw_parts(copy, bytes.len())
    }
}
