//! A whole table as it was at some time, row by row.
//!
//! What changed since is taken back from the live rows, which are read as the caller; so the cost follows what changed, and
//! not all that was ever recorded. What rows pass by in the end is not kept: neither time nor memory goes into rows that
//! nobody asks for any more.

use super::arguments::relation_name;
use super::capture;
use super::difference::Differences;
use super::item;
use super::later::Later;
use super::moment::{self, Occupant};
use super::past::{Fate, Item, Past};
use super::raw;
use super::reading::Record;
use super::relation::{self, Tracked};
use super::row::Values;
use super::snapshot;
use super::state::State;
use super::steps::Entry;
use super::subject::{self, Subject};
use super::table::{self, TableRows};
use super::typed::{self, Target, Typed};
use super::unwind::Unwind;
use crate::compat::Virtual;
use crate::error::Error;
use core::ffi::c_int;
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, MemoryContext, Oid, Relation};

/// Which attributes of a table are asked for: a flag each; `None` for all.
pub(super) type Wanted = Option<*const bool>;

pub(super) struct Travel {
    subject: Subject,
    state: State,
    /// How each row differs is told in place of the row.
    differences: Option<Differences>,
    /// The keys of the rows that were given, where the record was interrupted.
    forgotten: Past,
    later: Later,
    past: Past,
    /// Items by the keys that they have now, where keys changed since.
    moved: Option<Unwind>,
    relation: Relation,
    tracked: *const Tracked,
    /// The time, and the first interruption of the record behind it.
    at: i64,
    gap: Option<i64>,
    targets: *mut Target,
    /// The row at hand; attributes behind the last one that is asked for are NULL.
    values: *mut Datum,
    nulls: *mut bool,
    natts: usize,
    generated: Option<Virtual>,
    live: TableRows,
    phase: Phase,
    /// Lasts as long as the row at hand.
    pub(super) scratch: MemoryContext,
}

/// The rows that are looked at next: live ones, and the items that were there before an interruption and those that were
/// deleted since, from a place on.
#[derive(Clone, Copy)]
enum Phase {
    Live,
    Forgotten(usize),
    Deleted(usize),
    Over,
}

/// What a step found.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// A row, which is at hand until the next step.
    Row,
    /// None yet.
    Nothing,
    /// No more.
    Over,
}

impl Travel {
    /// Begins; all of it lies in the current memory context. Raises 42501 where the caller may not select every column, 55000
    /// for a table that was never tracked or has no key.
    ///
    /// # Safety
    /// Must run in a transaction with an active snapshot.
    pub(super) unsafe fn begin(
        relid: Oid,
        at: i64,
        wanted: Wanted,
        differences: Option<Differences>,
    ) -> Self {
        // SAFETY: see above.
        unsafe {
            let subject = Subject::of_table(relid);
            let relation = raw::relation_open(relid, pg_sys::AccessShareLock as c_int);
            let tracked = &*relation::tracked(relation, capture::function());
            if tracked.keys().is_empty() {
                Error::NoKey {
                    table: relation_name(relid),
                }
                .raise();
            }
            let (targets, mut has_attribute) = typed::targets(relation, differences.is_some());
            let generated = Virtual::of(relation);
            let mut natts = tracked.natts;
            if let Some(wanted) = wanted.filter(|_| generated.is_none()) {
                has_attribute = wanted;
                natts = last(tracked, wanted);
            }
            let state = State::of(subject.scope.collection, &subject.sight);
            let gap = subject
                .gaps
                .later(at)
                .filter(|_| !subject.sight.is_secured());
            let mut travel = Self {
                forgotten: Past::new(has_attribute, tracked.natts),
                later: Later::of(subject.scope.collection, at),
                past: Past::new(has_attribute, tracked.natts),
                moved: None,
                subject,
                state,
                differences,
                relation,
                tracked,
                at,
                gap,
                targets,
                values: raw::alloc_array(tracked.natts),
                nulls: raw::alloc_array(tracked.natts),
                natts,
                generated,
                live: TableRows::of(relid),
                phase: Phase::Live,
                scratch: raw::new_context(
                    pg_sys::CurrentMemoryContext,
                    c"directus_versions travel",
                ),
            };
            core::ptr::write_bytes(travel.nulls, 1, tracked.natts);
            travel.look_back(at);
            if gap.is_none() {
                travel.later.end();
            }
            travel
        }
    }

    /// Goes on by one item.
    ///
    /// # Safety
    /// Must run in the transaction in which it began, with its active snapshot.
    pub(super) unsafe fn step(&mut self) -> Step {
        // SAFETY: see above.
        unsafe {
            raw::MemoryContextReset(self.scratch);
            let before = raw::switch_to(self.scratch);
            let step = match self.phase {
                Phase::Live => self.step_live(),
                Phase::Forgotten(place) => self.step_forgotten(place),
                Phase::Deleted(place) => self.step_deleted(place),
                Phase::Over => Step::Over,
            };
            if step == Step::Row
                && let Some(generated) = &self.generated
            {
                generated.fill(self.values, self.nulls);
            }
            raw::switch_to(before);
            step
        }
    }

    /// The row at hand.
    pub(super) fn row(&self) -> Values {
        Values {
            values: self.values,
            nulls: self.nulls,
        }
    }

    /// Ends it, wherever it is.
    ///
    /// # Safety
    /// It must not be used again.
    pub(super) unsafe fn end(&mut self) {
        // SAFETY: what is open was opened by `begin`.
        unsafe {
            self.live.end();
            self.later.end();
            if let Some(generated) = &self.generated {
                generated.end();
            }
            raw::relation_close(self.relation, pg_sys::NoLock as c_int);
        }
    }

    /// Notes what is not of the time any more.
    unsafe fn look_back(&mut self, at: i64) {
        // SAFETY: see `begin`.
        unsafe {
            let rekeyed = self.subject.gaps.rekeyed();
            let (past, state, scratch) = (&mut self.past, &mut self.state, self.scratch);
            let mut has_moved = false;
            let mut read = |tuple, desc, is_late: bool| {
                let before = raw::switch_to(scratch);
                let entry = Entry::read(tuple, desc);
                if entry.is_of_row() && entry.id >= rekeyed && !has_moved {
                    has_moved = entry.former.is_some();
                    if is_late {
                        past.note(state, &entry);
                    } else {
                        past.note_straggler(state, &entry);
                    }
                }
                raw::switch_to(before);
                raw::MemoryContextReset(scratch);
            };
            self.later.each(|tuple, desc| read(tuple, desc, true));
            self.later
                .stragglers(|tuple, desc| read(tuple, desc, false));
            if !has_moved {
                return;
            }
            // Keys went from row to row, so it matters what happened before what: all over again, from the last to the first.
            let mut unwind = Unwind::new(past);
            let mut keep = |tuple, desc| {
                if super::scan::id(tuple) >= rekeyed {
                    unwind.keep(tuple, desc);
                }
            };
            self.later.each(&mut keep);
            self.later.stragglers(&mut keep);
            unwind.run(at, past, state, scratch);
            self.moved = Some(unwind);
            if let Some(differences) = &mut self.differences {
                differences.has_moved = true;
            }
        }
    }

    /// The item that a live row is of, if it changed since.
    unsafe fn item(&mut self, key: &[u8]) -> *mut Item {
        // SAFETY: see `begin`.
        unsafe {
            let key = subject::key(key);
            match &self.moved {
                None => self.past.find(key),
                Some(unwind) => unwind.live(key),
            }
        }
    }

    /// Takes the next row of the table, which is read as the caller.
    unsafe fn step_live(&mut self) -> Step {
        // SAFETY: the slot's row is of the table.
        unsafe {
            let slot = self.live.next();
            if slot.is_null() {
                self.phase = if self.subject.sight.is_secured() {
                    Phase::Over
                } else {
                    self.find_forgotten();
                    Phase::Forgotten(0)
                };
                return Step::Nothing;
            }
            let desc = (*self.relation).rd_att;
            table::spread(slot, desc, self.natts, self.values, self.nulls);
            let row = self.row();
            if let Some(differences) = &mut self.differences {
                differences.keep(row);
            }
            let over = if self.past.count == 0 {
                Over::Same
            } else {
                self.lay_over()
            };
            let is_there = over != Over::Gone;
            let is_there = self
                .gap
                .map_or(is_there, |gap| self.lay_known(gap, is_there));
            match &mut self.differences {
                None if is_there => Step::Row,
                None => Step::Nothing,
                Some(_) if over == Over::Same && self.gap.is_none() => Step::Nothing,
                Some(differences) => {
                    differences.tell(is_there.then_some(row));
                    Step::Nothing
                }
            }
        }
    }

    /// Lays the values of the time over a live row.
    unsafe fn lay_over(&mut self) -> Over {
        // SAFETY: see `begin`.
        unsafe {
            let item = self.item(item::text(&*self.tracked, self.row()));
            if item.is_null() {
                return Over::Same;
            }
            let item = &mut *item;
            item.is_live = true;
            match item.fate() {
                Some(Fate::Created) => return Over::Gone,
                // Under row security what had the key before is another item.
                Some(_) if self.subject.sight.is_secured() => return Over::Gone,
                Some(Fate::Deleted(record, revision)) => match record {
                    Some(record) => self.lay_row(record, revision),
                    None => return Over::Gone,
                },
                None => {}
            }
            if item.has_moved && self.subject.sight.is_secured() {
                return Over::Gone;
            }
            self.lay(item);
            Over::Laid
        }
    }

    /// Lays what was recorded before an interruption over a row: what came behind it tells nothing of that time, but of rows of
    /// which there is no record before. False if the row was not there.
    unsafe fn lay_known(&mut self, gap: i64, is_there: bool) -> bool {
        // SAFETY: see `begin`.
        unsafe {
            let key = subject::key(item::text(&*self.tracked, self.row()));
            (*self.forgotten.item(key)).is_live = true;
            match moment::occupant(&self.subject, key, self.at, gap) {
                Occupant::Unknown => is_there,
                Occupant::None => false,
                Occupant::Row(entry) => {
                    snapshot::after(&self.subject, &mut self.state, &entry);
                    self.lay_state();
                    true
                }
            }
        }
    }

    unsafe fn lay_state(&mut self) {
        // SAFETY: see `begin`.
        unsafe {
            for index in 0..self.past.natts {
                if *self.past.has_attribute.add(index) {
                    let attnum = i16::try_from(index + 1).unwrap_or(0);
                    let typed = self.state.typed(attnum, &mut *self.targets.add(index));
                    self.set(index, typed);
                }
            }
        }
    }

    /// Notes the rows that were there before an interruption.
    unsafe fn find_forgotten(&mut self) {
        let Some(gap) = self.gap else {
            return;
        };
        // SAFETY: see `begin`.
        unsafe {
            let scratch = self.scratch;
            let forgotten = &mut self.forgotten;
            // The scan itself must outlive what is done with a row.
            let outside = raw::switch_to((*scratch).parent);
            self.later.all_before(gap, |tuple, desc| {
                let before = raw::switch_to(scratch);
                let entry = Entry::read(tuple, desc);
                if entry.is_of_row() {
                    forgotten.item(entry.item.unwrap_or_default());
                }
                raw::switch_to(before);
                raw::MemoryContextReset(scratch);
            });
            raw::switch_to(outside);
        }
    }

    /// Takes a row that was there before an interruption and is not any more, though no record tells where it went.
    unsafe fn step_forgotten(&mut self, place: usize) -> Step {
        let Some(gap) = self.gap.filter(|_| place < self.forgotten.slots()) else {
            self.phase = Phase::Deleted(0);
            return Step::Nothing;
        };
        self.phase = Phase::Forgotten(place + 1);
        let item = self.forgotten.at(place);
        // SAFETY: an item or null.
        unsafe {
            if item.is_null() || (*item).is_live {
                return Step::Nothing;
            }
            if let Occupant::Row(entry) = moment::occupant(&self.subject, (*item).key, self.at, gap)
                && snapshot::after(&self.subject, &mut self.state, &entry)
            {
                core::ptr::write_bytes(self.nulls, 1, self.past.natts);
                self.lay_state();
                (*self.past.item((*item).key)).is_live = true;
                return self.give_missing();
            }
            Step::Nothing
        }
    }

    unsafe fn lay(&mut self, item: &Item) {
        // SAFETY: the values are of their fields.
        unsafe {
            for old in item.olds() {
                let target = &mut *self.targets.add(old.attribute);
                let typed = target.typed(&*old.field, old.value());
                self.set(old.attribute, typed);
            }
        }
    }

    /// Lays the row of a delete over what there is.
    unsafe fn lay_row(&mut self, record: &[u8], revision: i64) {
        // SAFETY: the record is the revision's.
        unsafe {
            let record = Record::read(record);
            let places = self.state.places_of(&record, revision);
            let attnums = self.state.columns.attnums();
            let Some(row) = record.row() else {
                return;
            };
            for (position, value) in row {
                if let Some(attribute) = self.past.attribute(attnums, places[position]) {
                    let target = &mut *self.targets.add(attribute);
                    let typed = target.typed(&record.layout.fields[position], value);
                    self.set(attribute, typed);
                }
            }
        }
    }

    unsafe fn set(&mut self, attribute: usize, typed: Typed) {
        // SAFETY: the arrays have a value for each attribute.
        unsafe {
            match typed {
                Typed::Value(value) => {
                    *self.values.add(attribute) = value;
                    *self.nulls.add(attribute) = false;
                }
                Typed::Null => *self.nulls.add(attribute) = true,
                Typed::Unknown => {}
            }
        }
    }

    /// Takes a row that was deleted since.
    unsafe fn step_deleted(&mut self, place: usize) -> Step {
        let item = match &self.moved {
            None if place < self.past.slots() => self.past.at(place),
            Some(unwind) if place < unwind.rows().len() => unwind.rows()[place],
            _ => {
                self.phase = Phase::Over;
                return Step::Over;
            }
        };
        self.phase = Phase::Deleted(place + 1);
        // SAFETY: an item or null.
        unsafe {
            if item.is_null() || (*item).is_live {
                return Step::Nothing;
            }
            let Some(Fate::Deleted(Some(record), revision)) = (*item).fate() else {
                return Step::Nothing;
            };
            core::ptr::write_bytes(self.nulls, 1, self.past.natts);
            self.lay_row(record, revision);
            self.lay(&*item);
            self.give_missing()
        }
    }

    /// Gives a row that is not live.
    unsafe fn give_missing(&mut self) -> Step {
        let row = self.row();
        // SAFETY: there is a value for each attribute.
        unsafe {
            match &mut self.differences {
                None => Step::Row,
                Some(differences) => {
                    differences.tell_missing(row);
                    Step::Nothing
                }
            }
        }
    }
}

/// How many attributes there are up to the last one that is asked for or part of the key.
unsafe fn last(tracked: &Tracked, wanted: *const bool) -> usize {
    let keys = tracked.keys().iter();
    let last_key = keys.map(|key| tracked.columns()[*key].index + 1).max();
    // SAFETY: a flag for each attribute.
    let last_wanted = unsafe {
        (0..tracked.natts)
            .rev()
            .find(|index| *wanted.add(*index))
            .map(|index| index + 1)
    };
    last_wanted.max(last_key).unwrap_or(0)
}

/// What became of a live row on the way back.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Over {
    /// Nothing happened to it.
    Same,
    Laid,
    /// It was not there.
    Gone,
}
