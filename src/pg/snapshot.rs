//! An item whole as it was after a revision, put together from the nearest records that hold a whole row.

use super::lineage::{arrival, copy, end, start};
use super::live;
use super::raw;
use super::reading::Record;
use super::row::action;
use super::scan::Range;
use super::state::{State, Take};
use super::steps::{Entry, Point, Steps};
use super::subject::Subject;
use pgrx::pg_sys;

/// Puts an item together as it was after an entry; after a delete, as it was before it. False where nothing tells.
///
/// # Safety
/// Must run in a transaction with an active snapshot; the state's values may lie in the current memory context.
pub(super) unsafe fn after(subject: &Subject, state: &mut State, entry: &Entry) -> bool {
    // SAFETY: see above.
    unsafe {
        state.clear();
        let Some(bytes) = entry.record() else {
            // Its data was purged: what comes later may tell.
            return forwards(subject, state, entry);
        };
        let record = Record::read(bytes);
        state.take(&record, entry.id, Take::After);
        record.has_row() || complete(subject, state, entry)
    }
}

/// Puts an item together as it was before an entry that is no create. False where nothing tells.
///
/// # Safety
/// As for [`after`].
pub(super) unsafe fn before(subject: &Subject, state: &mut State, entry: &Entry) -> bool {
    // SAFETY: see above.
    unsafe {
        state.clear();
        let Some(bytes) = entry.record() else {
            return forwards(subject, state, entry);
        };
        let record = Record::read(bytes);
        state.take(&record, entry.id, Take::MissingBefore);
        record.has_row() || complete(subject, state, entry)
    }
}

/// Takes what an entry and the ones before it tell of an item, and nothing of the live row.
///
/// # Safety
/// As for [`after`].
pub(super) unsafe fn recorded(subject: &Subject, state: &mut State, entry: &Entry) {
    // SAFETY: see above.
    unsafe {
        state.clear();
        let Some(bytes) = entry.record() else {
            return;
        };
        let record = Record::read(bytes);
        state.take(&record, entry.id, Take::After);
        if !record.has_row() {
            backwards(subject, state, entry);
        }
    }
}

/// Finds what an entry does not tell.
unsafe fn complete(subject: &Subject, state: &mut State, entry: &Entry) -> bool {
    // SAFETY: see `after`.
    unsafe {
        match backwards(subject, state, entry) {
            Some(base) if !state.lacks_new_columns(entry.id, base) => true,
            // A column that was added since, with a default, is in no earlier record: what comes later tells its value.
            Some(_) => {
                forwards(subject, state, entry);
                true
            }
            None => forwards(subject, state, entry),
        }
    }
}

/// Takes what entries before one tell, back to a whole row; returns the revision that has it. Nothing before a gap tells of what
/// came after it.
unsafe fn backwards(subject: &Subject, state: &mut State, entry: &Entry) -> Option<i64> {
    let collection = subject.scope.collection;
    let from = subject.gaps.before(entry.id);
    // SAFETY: see `after`.
    unsafe {
        let scratch = raw::new_context(pg_sys::CurrentMemoryContext, c"directus_versions snapshot");
        let mut key = entry.former.or(entry.item).unwrap_or_default();
        let mut point = Point::of(entry);
        let mut found = None;
        let mut goes_on = true;
        while goes_on {
            goes_on = false;
            let until = end(collection, key, &point);
            let mut steps = Steps::of(collection, key, Range { from, until }, true);
            while let Some(step) = steps.next() {
                if !point.is_after(&step) || step.is_saved_version() {
                    continue;
                }
                if matches!(step.action, action::DELETE | action::MOVED) {
                    break;
                }
                raw::MemoryContextReset(scratch);
                let outer = raw::switch_to(scratch);
                let record = step.record().map(|bytes| Record::read(bytes));
                if let Some(record) = &record {
                    state.take(record, step.id, Take::MissingAfter);
                }
                raw::switch_to(outer);
                match record {
                    None => break,
                    Some(record) if record.has_row() => {
                        found = Some(step.id);
                        break;
                    }
                    Some(_) => {}
                }
                if let Some(former) = step.former {
                    key = copy(former);
                    point = Point::of(&step);
                    goes_on = true;
                    break;
                }
            }
            steps.end();
        }
        raw::MemoryContextDelete(scratch);
        found
    }
}

/// Takes what was before the entries behind one, up to a whole row or the live one. False where there is none before the next gap.
///
/// # Safety
/// As for [`after`].
pub(super) unsafe fn forwards(subject: &Subject, state: &mut State, entry: &Entry) -> bool {
    let collection = subject.scope.collection;
    let gap = subject.gaps.after(entry.id);
    // SAFETY: see `after`.
    unsafe {
        let scratch = raw::new_context(pg_sys::CurrentMemoryContext, c"directus_versions snapshot");
        let mut key = copy(entry.item.unwrap_or_default());
        let mut whole = copy(entry.whole_item());
        let mut point = Point::of(entry);
        // Whether it is told, as soon as that is known.
        let mut told = None;
        let mut goes_on = true;
        while goes_on {
            goes_on = false;
            let range = Range {
                from: start(collection, key, &point),
                until: gap.unwrap_or(i64::MAX),
            };
            let mut steps = Steps::of(collection, key, range, false);
            while let Some(step) = steps.next() {
                if !point.is_before(&step) || step.is_saved_version() {
                    continue;
                }
                if step.is_arrival() {
                    told = Some(false);
                    break;
                }
                raw::MemoryContextReset(scratch);
                let outer = raw::switch_to(scratch);
                let moved = step.action == action::MOVED;
                let next = if moved {
                    arrival(
                        collection,
                        step.former.unwrap_or_default(),
                        &Point::of(&step),
                    )
                } else {
                    Some(step)
                };
                let record = next
                    .and_then(|next| next.record())
                    .map(|bytes| Record::read(bytes));
                if let (Some(next), Some(record)) = (&next, &record) {
                    state.take(record, next.id, Take::MissingBefore);
                }
                raw::switch_to(outer);
                match (&next, record) {
                    (Some(_), Some(record)) if record.has_row() => told = Some(true),
                    (Some(next), Some(_)) if moved => {
                        key = copy(next.item.unwrap_or_default());
                        whole = copy(next.whole_item());
                        point = Point::of(next);
                        goes_on = true;
                    }
                    (Some(_), Some(_)) => continue,
                    _ => told = Some(false),
                }
                break;
            }
            steps.end();
        }
        raw::MemoryContextDelete(scratch);
        told.unwrap_or_else(|| gap.is_none() && live(subject, state, whole))
    }
}

/// Takes the live row of an item. False where there is none, or it may have changed unrecorded.
///
/// # Safety
/// As for [`after`].
pub(super) unsafe fn live(subject: &Subject, state: &mut State, item: &[u8]) -> bool {
    // SAFETY: see above.
    unsafe {
        if !subject.is_recorded() {
            return false;
        }
        let Some(row) = live::row(&subject.scope, item) else {
            return false;
        };
        state.take_live(&row);
        row.close();
        true
    }
}
