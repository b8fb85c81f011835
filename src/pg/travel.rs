//! `as_of`: a whole table as it was at some time; and how it differs from that.
//!
//! What changed since is taken back from the live rows, which are read as the caller; so the cost follows what changed, and
//! not all that was ever recorded.

use super::arguments::{argument, relation_name};
use super::capture;
use super::difference::Differences;
use super::item;
use super::later::Later;
use super::moment::{self, Occupant};
use super::overlay;
use super::past::{Fate, Item, Past};
use super::raw;
use super::reading::Record;
use super::relation::{self, Tracked};
use super::row::Values;
use super::rows::Rows;
use super::snapshot;
use super::state::State;
use super::steps::Entry;
use super::subject::{self, Subject};
use super::table;
use super::typed::{self, Target, Typed};
use super::unwind::Unwind;
use crate::compat::Virtual;
use crate::error::Error;
use core::ffi::c_int;
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, FunctionCallInfo, MemoryContext, Relation};

struct Travel {
    subject: Subject,
    state: State,
    out: Out,
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
    values: *mut Datum,
    nulls: *mut bool,
    generated: Option<Virtual>,
    scratch: MemoryContext,
}

/// What is told.
enum Out {
    /// Every row.
    Rows(Rows),
    Differences(Differences),
}

/// `as_of(like anyelement, at timestamptz)`
///
/// # Safety
/// Called by the function manager with these arguments.
pub(super) unsafe fn as_of(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe { travel(call, false, |rows, _, _| Out::Rows(rows)) }
}

/// `_differences(like anyelement, at timestamptz, fields text[])`: for each item that is not what it was what must be done to
/// make it that, the fields that differ, and rows of the table: what was, and what is where that must go.
///
/// # Safety
/// Called by the function manager with these arguments.
pub(super) unsafe fn differences(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe {
        travel(call, true, |rows, relation, tracked| {
            Out::Differences(Differences::of(rows, relation, tracked, argument(call, 2)))
        })
    }
}

unsafe fn travel(
    call: FunctionCallInfo,
    is_strict: bool,
    out: impl FnOnce(Rows, Relation, *const Tracked) -> Out,
) -> Datum {
    // SAFETY: see `as_of`.
    unsafe {
        let relid = overlay::table_of(call, 0);
        let rows = Rows::of_table(call);
        let subject = Subject::of_table(relid);
        let Some(at) = argument(call, 1) else {
            return Datum::null();
        };
        let relation = raw::relation_open(relid, pg_sys::AccessShareLock as c_int);
        let tracked = &*relation::tracked(relation, capture::function());
        if tracked.keys().is_empty() {
            Error::NoKey {
                table: relation_name(relid),
            }
            .raise();
        }
        let at = at.value() as i64;
        let (targets, has_attribute) = typed::targets(relation, is_strict);
        let state = State::of(subject.scope.collection, &subject.sight);
        let gap = subject
            .gaps
            .later(at)
            .filter(|_| !subject.sight.is_secured());
        let generated = Virtual::of(relation);
        let mut travel = Travel {
            forgotten: Past::new(has_attribute, tracked.natts),
            later: Later::of(subject.scope.collection, at),
            past: Past::new(has_attribute, tracked.natts),
            moved: None,
            subject,
            state,
            out: out(rows, relation, tracked),
            relation,
            tracked,
            at,
            gap,
            targets,
            values: raw::alloc_array(tracked.natts),
            nulls: raw::alloc_array(tracked.natts),
            generated,
            scratch: raw::new_context(pg_sys::CurrentMemoryContext, c"directus_versions travel"),
        };
        travel.look_back(at);
        travel.read_live();
        if !travel.subject.sight.is_secured() {
            travel.add_forgotten();
            travel.add_deleted();
        }
        travel.later.end();
        if let Some(generated) = &travel.generated {
            generated.end();
        }
        raw::relation_close(relation, pg_sys::NoLock as c_int);
        Datum::null()
    }
}

impl Travel {
    /// Notes what is not of the time any more.
    unsafe fn look_back(&mut self, at: i64) {
        // SAFETY: see `as_of`.
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
            if let Out::Differences(differences) = &mut self.out {
                differences.has_moved = true;
            }
        }
    }

    /// The item that a live row is of, if it changed since.
    unsafe fn item(&mut self, key: &[u8]) -> *mut Item {
        // SAFETY: see `as_of`.
        unsafe {
            let key = subject::key(key);
            match &self.moved {
                None => self.past.find(key),
                Some(unwind) => unwind.live(key),
            }
        }
    }

    /// Reads the table as the caller.
    unsafe fn read_live(&mut self) {
        // SAFETY: the relation is open.
        unsafe {
            let relid = (*self.relation).rd_id;
            table::each_row(relid, &mut |slot| self.take(slot));
        }
    }

    /// Takes a live row; its values are those of the attributes that are not dropped.
    unsafe fn take(&mut self, slot: *mut pg_sys::TupleTableSlot) {
        // SAFETY: the slot has as many values as the query has columns.
        unsafe {
            let before = raw::switch_to(self.scratch);
            let desc = (*self.relation).rd_att;
            table::spread(slot, desc, self.values, self.nulls);
            let row = self.row();
            if let Out::Differences(differences) = &mut self.out {
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
            match &mut self.out {
                Out::Rows(_) if is_there => self.put(),
                Out::Rows(_) => {}
                Out::Differences(_) if over == Over::Same && self.gap.is_none() => {}
                Out::Differences(differences) => differences.tell(is_there.then_some(row)),
            }
            raw::switch_to(before);
            raw::MemoryContextReset(self.scratch);
        }
    }

    /// The row at hand.
    fn row(&self) -> Values {
        Values {
            values: self.values,
            nulls: self.nulls,
        }
    }

    /// Gives the row at hand.
    unsafe fn put(&mut self) {
        // SAFETY: there is a value for each attribute.
        unsafe {
            if let Some(generated) = &self.generated {
                generated.fill(self.values, self.nulls);
            }
            if let Out::Rows(rows) = &mut self.out {
                rows.put(self.values, self.nulls);
            }
        }
    }

    /// Lays the values of the time over a live row.
    unsafe fn lay_over(&mut self) -> Over {
        // SAFETY: see `as_of`.
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
        // SAFETY: see `as_of`.
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
        // SAFETY: see `as_of`.
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

    /// Adds the rows that were there before an interruption and are not any more, though no record tells where they went.
    unsafe fn add_forgotten(&mut self) {
        let Some(gap) = self.gap else {
            return;
        };
        // SAFETY: see `as_of`.
        unsafe {
            let scratch = self.scratch;
            let forgotten = &mut self.forgotten;
            self.later.all_before(gap, |tuple, desc| {
                let before = raw::switch_to(scratch);
                let entry = Entry::read(tuple, desc);
                if entry.is_of_row() {
                    forgotten.item(entry.item.unwrap_or_default());
                }
                raw::switch_to(before);
                raw::MemoryContextReset(scratch);
            });
            for slot in 0..self.forgotten.slots() {
                let item = self.forgotten.at(slot);
                if item.is_null() || (*item).is_live {
                    continue;
                }
                let before = raw::switch_to(self.scratch);
                if let Occupant::Row(entry) =
                    moment::occupant(&self.subject, (*item).key, self.at, gap)
                    && snapshot::after(&self.subject, &mut self.state, &entry)
                {
                    core::ptr::write_bytes(self.nulls, 1, self.past.natts);
                    self.lay_state();
                    self.put_missing();
                    (*self.past.item((*item).key)).is_live = true;
                }
                raw::switch_to(before);
                raw::MemoryContextReset(self.scratch);
            }
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

    /// Adds the rows that were deleted since.
    unsafe fn add_deleted(&mut self) {
        // SAFETY: see `as_of`.
        unsafe {
            match &self.moved {
                None => {
                    for slot in 0..self.past.slots() {
                        self.add(self.past.at(slot));
                    }
                }
                Some(unwind) => {
                    for row in unwind.rows() {
                        self.add(*row);
                    }
                }
            }
        }
    }

    /// Tells of a row that is not live.
    unsafe fn put_missing(&mut self) {
        let row = self.row();
        // SAFETY: see `as_of`.
        unsafe {
            match &mut self.out {
                Out::Rows(_) => self.put(),
                Out::Differences(differences) => differences.tell_missing(row),
            }
        }
    }

    unsafe fn add(&mut self, item: *mut Item) {
        // SAFETY: an item or null.
        unsafe {
            if item.is_null() || (*item).is_live {
                return;
            }
            let Some(Fate::Deleted(Some(record), revision)) = (*item).fate() else {
                return;
            };
            let before = raw::switch_to(self.scratch);
            core::ptr::write_bytes(self.nulls, 1, self.past.natts);
            self.lay_row(record, revision);
            self.lay(&*item);
            self.put_missing();
            raw::switch_to(before);
            raw::MemoryContextReset(self.scratch);
        }
    }
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
