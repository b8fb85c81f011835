//! The columns of a collection over time, and where its record was interrupted.
//!
//! A column is known by its attribute number; a revision has the names of its time. What a child of the table has
//! besides is none of the table's columns and is known by its name.

use super::catalog::Table;
use super::index;
use super::list::List;
use super::raw;
use pgrx::pg_sys;
use pgrx::pg_sys::Datum;

/// What a column was from a revision on.
struct Phase {
    attnum: i16,
    name: &'static [u8],
    since: i64,
    dropped: bool,
}

/// All of it lies in the memory context in which it was read.
pub(super) struct Columns {
    phases: &'static [Phase],
    /// The attribute numbers, each once; the place of one names the column in what follows.
    attnums: &'static [i16],
    /// The revisions at which something changed, in order.
    turns: &'static [i64],
}

impl Columns {
    /// Reads the columns of a collection.
    ///
    /// # Safety
    /// Must run in a transaction with an active snapshot.
    pub(super) unsafe fn read(collection: i32) -> Self {
        // SAFETY: the columns are those of sql/tables.sql.
        unsafe {
            let mut list = List::new();
            scan(Table::Field, Table::FieldKey, collection, |values| {
                list.push(Phase {
                    attnum: values[1].value() as i16,
                    name: text(values[2]),
                    since: values[4].value() as i64,
                    dropped: values[5].value() as u8 != 0,
                });
            });
            let phases = list.slice();
            phases.sort_unstable_by_key(|phase| (phase.attnum, phase.since));
            let mut attnums: List<i16> = List::new();
            let mut turns: List<i64> = List::new();
            for phase in &*phases {
                if attnums.slice().last() != Some(&phase.attnum) {
                    attnums.push(phase.attnum);
                }
                turns.push(phase.since);
            }
            turns.slice().sort_unstable();
            Self {
                phases,
                attnums: attnums.slice(),
                turns: turns.slice(),
            }
        }
    }

    pub(super) fn attnums(&self) -> &'static [i16] {
        self.attnums
    }

    /// The span of time of a revision in which no column changed.
    pub(super) fn era(&self, revision: i64) -> usize {
        self.turns.partition_point(|turn| *turn <= revision)
    }

    /// The columns of an era and their names: `(place, name)`.
    pub(super) fn of_era(&self, era: usize) -> impl Iterator<Item = (usize, &'static [u8])> {
        let until = match era.checked_sub(1) {
            Some(last) => self.turns[last],
            None => i64::MIN,
        };
        let phases = self.phases;
        self.attnums
            .iter()
            .enumerate()
            .filter_map(move |(place, attnum)| {
                let start = phases.partition_point(|phase| phase.attnum < *attnum);
                phases[start..]
                    .iter()
                    .take_while(|phase| phase.attnum == *attnum && phase.since <= until)
                    .last()
                    .filter(|phase| !phase.dropped)
                    .map(|phase| (place, phase.name))
            })
    }
}

/// Where the record of a collection was interrupted, in order.
#[derive(Clone, Copy)]
pub(super) struct Gaps(&'static [Gap]);

#[derive(Clone, Copy)]
struct Gap {
    since: i64,
    rekeyed: bool,
    at: i64,
}

impl Gaps {
    /// Reads the gaps of a collection into the current memory context.
    ///
    /// # Safety
    /// As for [`Columns::read`].
    pub(super) unsafe fn read(collection: i32) -> Self {
        // SAFETY: the columns are those of sql/tables.sql.
        unsafe {
            let mut list = List::new();
            scan(Table::Gap, Table::GapKey, collection, |values| {
                list.push(Gap {
                    since: values[1].value() as i64,
                    rekeyed: values[2].value() as u8 != 0,
                    at: values[3].value() as i64,
                });
            });
            list.slice().sort_unstable_by_key(|gap: &Gap| gap.since);
            Self(list.slice())
        }
    }

    /// The last one at or before a revision.
    pub(super) fn before(self, revision: i64) -> i64 {
        let gaps = self.0.iter().rev();
        gaps.map(|gap| gap.since)
            .find(|since| *since <= revision)
            .unwrap_or(i64::MIN)
    }

    /// The first one behind a revision.
    pub(super) fn after(self, revision: i64) -> Option<i64> {
        self.0
            .iter()
            .map(|gap| gap.since)
            .find(|since| *since > revision)
    }

    /// The last one since which items have other names.
    pub(super) fn rekeyed(self) -> i64 {
        let gap = self.0.iter().rev().find(|gap| gap.rekeyed);
        gap.map_or(i64::MIN, |gap| gap.since)
    }

    /// The first one behind a revision since which items have other names.
    pub(super) fn rekeyed_after(self, revision: i64) -> Option<i64> {
        let gap = self
            .0
            .iter()
            .find(|gap| gap.rekeyed && gap.since > revision);
        gap.map(|gap| gap.since)
    }

    /// The last one up to a time.
    pub(super) fn until(self, at: i64) -> i64 {
        let gap = self.0.iter().rev().find(|gap| gap.at <= at);
        gap.map_or(i64::MIN, |gap| gap.since)
    }

    /// The first one later than a time.
    pub(super) fn later(self, at: i64) -> Option<i64> {
        let gap = self.0.iter().find(|gap| gap.at > at);
        gap.map(|gap| gap.since)
    }
}

/// Reads the rows of a collection in one of our tables, of which it is the first column.
unsafe fn scan(table: Table, index: Table, collection: i32, mut read: impl FnMut(&[Datum])) {
    // SAFETY: a scan of our own table; no column that is read is ever NULL.
    unsafe {
        let key = index::equals(1, pg_sys::F_INT4EQ, Datum::from(collection));
        let snapshot = raw::GetActiveSnapshot();
        index::search(table, index, key, snapshot, |tuple, desc| {
            let natts = (*desc).natts as usize;
            let values: *mut Datum = raw::alloc_array(natts);
            let nulls: *mut bool = raw::alloc_array(natts);
            raw::heap_deform_tuple(tuple, desc, values, nulls);
            read(core::slice::from_raw_parts(values, natts));
            None::<()>
        });
    }
}

/// Copies a text's bytes from their page.
unsafe fn text(datum: Datum) -> &'static [u8] {
    // SAFETY: the datum is a text.
    unsafe {
        let text = raw::payload(raw::pg_detoast_datum_packed(datum.cast_mut_ptr()).cast::<u8>());
        let copy: *mut u8 = raw::alloc_array(text.len());
        core::ptr::copy_nonoverlapping(text.as_ptr(), copy, text.len());
        core::slice::from_raw_parts(copy, text.len())
    }
}
