//! An item as it was at some moment: what is known of each of its fields.
//!
//! A field is known by its column's attribute number, whatever it was called; see `super::columns`. Values lie here as
//! their records hold them, each in memory of its own that is used again, so that a state costs the same after ten
//! thousand revisions as after one.

use super::column::Treatment;
use super::columns::Columns;
use super::jsonb::{self, Writer};
use super::layout::Layout;
use super::list::List;
use super::live::LiveRow;
use super::raw;
use super::reading::{Record, Value};
use super::sight::Sight;
use super::slot::{self, Known, Slot};
use super::typed::{Target, Typed};
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, MemoryContext};

/// Where the fields of a layout go, by the names of an era.
struct Map {
    layout: *const Layout,
    era: usize,
    places: &'static [usize],
}

/// Which values of a record are taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Take {
    /// The new ones of what changed, or the whole row, in place of what was known.
    After,
    /// The same, where nothing is known yet.
    MissingAfter,
    /// The old ones of what changed, where nothing is known yet.
    MissingBefore,
}

pub(super) struct State {
    pub(super) columns: Columns,
    slots: List<Slot>,
    maps: List<Map>,
    /// The fields of the era that was written last, in the order in which jsonb wants them.
    names: List<(usize, &'static [u8])>,
    names_of: (usize, usize),
    sees_all: bool,
    context: MemoryContext,
}

impl State {
    /// Nothing is known; lives in the current memory context.
    ///
    /// # Safety
    /// Must run in a transaction with an active snapshot.
    pub(super) unsafe fn of(collection: i32, sight: &Sight) -> Self {
        // SAFETY: see above.
        unsafe {
            let columns = Columns::read(collection);
            let mut slots = List::new();
            for attnum in columns.attnums() {
                slots.push(Slot::new(*attnum, &[], !sight.sees(*attnum)));
            }
            Self {
                columns,
                slots,
                maps: List::new(),
                names: List::new(),
                names_of: (usize::MAX, 0),
                sees_all: sight.sees_all(),
                context: pg_sys::CurrentMemoryContext,
            }
        }
    }

    /// Forgets all that is known.
    pub(super) fn clear(&mut self) {
        for slot in self.slots.slice() {
            slot.known = Known::Nothing;
        }
    }

    /// Where each field of a layout goes, by the names that columns had at a revision.
    unsafe fn places(&mut self, layout: &'static Layout, revision: i64) -> &'static [usize] {
        let era = self.columns.era(revision);
        let known = self.maps.slice().iter();
        if let Some(map) = known
            .rev()
            .find(|map| core::ptr::eq(map.layout, layout) && map.era == era)
        {
            return map.places;
        }
        // SAFETY: all of it lies in the state's memory.
        unsafe {
            let before = raw::switch_to(self.context);
            let mut places = List::new();
            for field in layout.fields {
                let column = self
                    .columns
                    .of_era(era)
                    .find(|(_, name)| *name == field.name);
                let place = column.map(|(place, _)| place);
                places.push(place.unwrap_or_else(|| self.other(field.name)));
            }
            let places = places.slice();
            self.maps.push(Map {
                layout,
                era,
                places,
            });
            raw::switch_to(before);
            places
        }
    }

    /// The place of a field that is none of the table's columns.
    unsafe fn other(&mut self, name: &'static [u8]) -> usize {
        let slots = self.slots.slice();
        let found = slots
            .iter()
            .position(|slot| slot.attnum == 0 && slot.name == name);
        found.unwrap_or_else(|| {
            let place = slots.len();
            // SAFETY: runs in the state's memory.
            unsafe { self.slots.push(Slot::new(0, name, !self.sees_all)) };
            place
        })
    }

    /// Takes values of a record.
    ///
    /// # Safety
    /// The record must be the revision's.
    pub(super) unsafe fn take(&mut self, record: &Record, revision: i64, take: Take) {
        // SAFETY: the places are of the record's layout.
        unsafe {
            let places = self.places(record.layout, revision);
            let slots = self.slots.slice();
            let fields = record.layout.fields;
            let overwrite = take == Take::After;
            let mut set = |position: usize, value: Option<Value>| {
                let slot = &mut slots[places[position]];
                if overwrite || slot.known == Known::Nothing {
                    slot.set(&fields[position], value, self.context);
                }
            };
            if take == Take::MissingBefore || !record.has_row() {
                for change in record.changes() {
                    let old = take == Take::MissingBefore;
                    set(change.position, if old { change.old } else { change.new });
                }
            }
            if let Some(row) = record.row() {
                for (position, value) in row {
                    set(position, value);
                }
            }
        }
    }

    /// Takes the values of the live row where nothing is known yet.
    ///
    /// # Safety
    /// Must run in a backend.
    pub(super) unsafe fn take_live(&mut self, row: &LiveRow) {
        let slots = self.slots.slice();
        for column in row.tracked().columns() {
            let attnum = i16::try_from(column.index + 1).unwrap_or(0);
            let Some(slot) = slots
                .iter_mut()
                .find(|slot| slot.attnum == attnum && slot.known == Known::Nothing)
            else {
                continue;
            };
            if !column.is_saved() {
                continue;
            }
            slot.info = column.info;
            slot.known = match row.get(column.index) {
                None => Known::Null,
                Some(_) if column.treatment == Treatment::Mask => Known::Masked,
                Some(datum) => {
                    // SAFETY: the value is of the column.
                    unsafe { slot.keep(datum, column, self.context) };
                    Known::Live
                }
            };
        }
    }

    /// Makes what records tell fit the columns of the table as they are now, in the current memory context.
    ///
    /// # Safety
    /// The relation must be the collection's, and open.
    pub(super) unsafe fn fit(&mut self, relation: pg_sys::Relation) {
        // SAFETY: the values are of their fields.
        unsafe {
            let desc = (*relation).rd_att;
            let natts = usize::try_from((*desc).natts).unwrap_or(0);
            for slot in self.slots.slice() {
                let index = usize::try_from(slot.attnum).unwrap_or(0);
                if slot.known != Known::Record || index == 0 || index > natts {
                    continue;
                }
                let attribute = raw::attribute(desc, index - 1);
                if (*attribute).attisdropped {
                    continue;
                }
                let (field, mut target) = (&*slot.field, Target::of(attribute, relation));
                if target.refits(field)
                    && let Typed::Value(datum) = target.typed(field, slot.value())
                {
                    slot.datum = datum;
                    slot.info = field.info;
                    slot.known = Known::Live;
                }
            }
        }
    }

    /// Whether a column of the time of a revision is missing that another revision, before it, did not have.
    pub(super) fn lacks_new_columns(&self, revision: i64, former: i64) -> bool {
        let (era, before) = (self.columns.era(revision), self.columns.era(former));
        let slots = self.slots.slice();
        era != before
            && self.columns.of_era(era).any(|(place, _)| {
                slots[place].known == Known::Nothing
                    && !self
                        .columns
                        .of_era(before)
                        .any(|(former, _)| former == place)
            })
    }

    /// What is known of the fields that the reader may see, by the names of a revision.
    ///
    /// # Safety
    /// Must run in a transaction; the object is made in the current memory context.
    pub(super) unsafe fn json(&mut self, revision: i64) -> Datum {
        // SAFETY: values are of their fields.
        unsafe {
            self.name(revision);
            let slots = self.slots.slice();
            let shown = |place: usize| {
                let slot: &Slot = &slots[place];
                slot.known != Known::Nothing && !slot.hidden
            };
            let names = self.names.slice();
            let mut left = names.iter().filter(|(place, _)| shown(*place)).count();
            let mut out = Writer::new(pg_sys::CurrentMemoryContext, 2048);
            let mut object = out.open_object(left);
            for (_, name) in names.iter().filter(|(place, _)| shown(*place)) {
                out.key(&mut object, name);
            }
            for (place, _) in names.iter().filter(|(place, _)| shown(*place)) {
                left -= 1;
                let entry = slot::write(&mut out, &slots[*place], left);
                out.entry(&mut object, entry);
            }
            out.close(object);
            out.finish()
        }
    }

    /// Puts the names of a revision's time into their order.
    unsafe fn name(&mut self, revision: i64) {
        let of = (self.columns.era(revision), self.slots.slice().len());
        if self.names_of == of {
            return;
        }
        self.names_of = of;
        self.names.clear();
        // SAFETY: the names lie in the state's memory.
        unsafe {
            let before = raw::switch_to(self.context);
            for (place, name) in self.columns.of_era(of.0) {
                self.names.push((place, name));
            }
            for (place, slot) in self.slots.slice().iter().enumerate() {
                if slot.attnum == 0 {
                    self.names.push((place, slot.name));
                }
            }
            raw::switch_to(before);
        }
        let names = self.names.slice();
        names.sort_unstable_by(|(_, a), (_, b)| jsonb::key_order(a, b));
    }

    /// The fields of a revision's time that the reader may see: `(place, name)`, in the order of their names in jsonb.
    ///
    /// # Safety
    /// Must run in a backend.
    pub(super) unsafe fn fields(&mut self, revision: i64) -> &'static [(usize, &'static [u8])] {
        // SAFETY: see above.
        unsafe { self.name(revision) };
        self.names.slice()
    }

    /// One field by its place; `None` where nothing is known of it or the reader may not see it.
    ///
    /// # Safety
    /// As for [`State::json`].
    pub(super) unsafe fn field_json(&self, place: usize) -> Option<Datum> {
        let slot = &self.slots.slice()[place];
        if slot.known == Known::Nothing || slot.hidden {
            return None;
        }
        // SAFETY: the value is of its field.
        unsafe {
            let mut out = Writer::new(pg_sys::CurrentMemoryContext, 256);
            let mut root = out.open_scalar();
            let entry = slot::write(&mut out, slot, 0);
            out.entry(&mut root, entry);
            Some(out.finish_value(entry))
        }
    }

    /// Whether a field is the same in both, by its value and not by an operator.
    ///
    /// # Safety
    /// Both must be of one collection; must run in a transaction.
    pub(super) unsafe fn is_same(&self, other: &Self, place: usize) -> bool {
        let empty = Slot::new(0, &[], false);
        let (a, b) = (self.slots.slice(), other.slots.slice());
        let (a, b) = (
            a.get(place).unwrap_or(&empty),
            b.get(place).unwrap_or(&empty),
        );
        if a.hidden || a.known == b.known && matches!(a.known, Known::Nothing | Known::Null) {
            return true;
        }
        // SAFETY: jsonb is compared by its bytes, and so by every digit.
        unsafe {
            let (Some(x), Some(y)) = (self.field_json(place), other.field_json(place)) else {
                return false;
            };
            raw::payload(x.cast_mut_ptr::<u8>()) == raw::payload(y.cast_mut_ptr::<u8>())
                && a.known != Known::Null
                && b.known != Known::Null
                && a.says_the_same(b)
        }
    }

    /// The value of the table's column with this number, as the column holds it now. Masked, too large and unknown ones are
    /// [`Typed::Unknown`].
    ///
    /// # Safety
    /// Must run in a transaction; the value may lie in the state.
    pub(super) unsafe fn typed(&self, attnum: i16, target: &mut Target) -> Typed {
        let slots = self.slots.slice();
        let Some(slot) = slots.iter().find(|slot| slot.attnum == attnum) else {
            return Typed::Unknown;
        };
        match slot.known {
            _ if slot.hidden => Typed::Unknown,
            Known::Nothing | Known::Masked => Typed::Unknown,
            Known::Null => Typed::Null,
            Known::Live => Typed::Value(slot.datum),
            // SAFETY: the bytes are of the field, which lives until the transaction ends.
            Known::Record => unsafe { target.typed(&*slot.field, slot.value()) },
        }
    }

    /// Which places a record's changes touch, by the names of its revision.
    ///
    /// # Safety
    /// The record must be the revision's.
    pub(super) unsafe fn places_of(&mut self, record: &Record, revision: i64) -> &'static [usize] {
        // SAFETY: see above.
        unsafe { self.places(record.layout, revision) }
    }

    /// What is known at a place.
    pub(super) fn slot(&self, place: usize) -> &'static Slot {
        &self.slots.slice()[place]
    }

    pub(super) fn is_hidden(&self, place: usize) -> bool {
        self.slots.slice()[place].hidden
    }
}
