//! `_differences`: the rows of a table that are not what they were at some time, each once, by the text of its key.

use super::arguments::{names_datum, text_datum};
use super::change;
use super::item;
use super::raw;
use super::relation::Tracked;
use super::row::Values;
use super::rows::Rows;
use super::scope;
use core::ffi::CStr;
use pgrx::pg_sys::{Datum, Relation};

pub(super) struct Differences {
    rows: Rows,
    relation: Relation,
    tracked: *const Tracked,
    natts: usize,
    /// For each attribute its name, where it can be written.
    names: *mut Option<&'static [u8]>,
    /// The attributes that rows have which differ: those that are asked for, and the key's.
    given: *const bool,
    /// Whether rows are asked for at all.
    gives_rows: bool,
    /// Rows went from key to key, so what was under a key is told apart from what is, whole.
    pub(super) has_moved: bool,
    /// The live row at hand.
    values: *mut Datum,
    nulls: *mut bool,
}

impl Differences {
    /// Begins; `fields` are those that rows shall have which differ, `None` for no rows.
    ///
    /// # Safety
    /// The relation must be open and tracked; all lies in the current memory context.
    pub(super) unsafe fn of(
        rows: Rows,
        relation: Relation,
        tracked: *const Tracked,
        fields: Option<Datum>,
    ) -> Self {
        // SAFETY: as many elements as the relation has attributes.
        unsafe {
            let natts = (*tracked).natts;
            let wanted = fields.map_or(&[][..], |names| scope::names(names));
            let names: *mut Option<&'static [u8]> = raw::alloc_array(natts);
            let given: *mut bool = raw::alloc_array(natts);
            for index in 0..natts {
                let attribute = raw::attribute((*relation).rd_att, index);
                let name = CStr::from_ptr((*attribute).attname.data.as_ptr()).to_bytes();
                let is_set = !(*attribute).attisdropped && (*attribute).attgenerated == 0;
                names.add(index).write(is_set.then_some(name));
                *given.add(index) = !(*attribute).attisdropped && wanted.contains(&name);
            }
            for key in (*tracked).keys() {
                *given.add((*tracked).columns()[*key].index) = true;
            }
            Self {
                rows,
                relation,
                tracked,
                natts,
                names,
                given,
                gives_rows: fields.is_some(),
                has_moved: false,
                values: raw::alloc_array(natts),
                nulls: raw::alloc_array(natts),
            }
        }
    }

    /// Keeps a live row, before what was is laid over it.
    ///
    /// # Safety
    /// The row must have a value for each attribute.
    pub(super) unsafe fn keep(&mut self, row: Values) {
        // SAFETY: see above.
        unsafe {
            core::ptr::copy_nonoverlapping(row.values, self.values, self.natts);
            core::ptr::copy_nonoverlapping(row.nulls, self.nulls, self.natts);
        }
    }

    fn live(&self) -> Values {
        Values {
            values: self.values,
            nulls: self.nulls,
        }
    }

    /// Tells how the row that was kept differs from what it was; `None` where it was not there.
    ///
    /// # Safety
    /// As for [`Differences::keep`].
    pub(super) unsafe fn tell(&mut self, was: Option<Values>) {
        // SAFETY: see above.
        unsafe {
            let tracked = &*self.tracked;
            let present = item::text(tracked, self.live());
            let Some(was) = was else {
                self.tell_gone(present);
                return;
            };
            if item::text(tracked, was) != present {
                self.tell_gone(present);
                self.tell_missing(was);
                return;
            }
            if let Some(fields) = self.differing(was) {
                let row = self.gives_rows.then(|| self.part(was));
                self.add(present, b"update", Some(fields), row, None);
            }
        }
    }

    /// Tells of a row that was there and is not any more.
    ///
    /// # Safety
    /// As for [`Differences::keep`].
    pub(super) unsafe fn tell_missing(&mut self, was: Values) {
        // SAFETY: see above.
        unsafe {
            let row = (self.gives_rows || self.has_moved).then(|| self.whole(was));
            let text = item::text(&*self.tracked, was);
            self.add(text, b"create", None, row, None);
        }
    }

    unsafe fn tell_gone(&mut self, present: &[u8]) {
        // SAFETY: see `tell`.
        unsafe {
            let row = if self.has_moved {
                Some(self.whole(self.live()))
            } else {
                self.gives_rows.then(|| self.part(self.live()))
            };
            self.add(present, b"delete", None, None, row);
        }
    }

    unsafe fn add(
        &mut self,
        item: &[u8],
        action: &[u8],
        fields: Option<Datum>,
        was: Option<Datum>,
        now: Option<Datum>,
    ) {
        // SAFETY: the values are of the function's columns.
        unsafe {
            let (item, action) = (text_datum(item), text_datum(action));
            self.rows.add([Some(item), Some(action), fields, was, now]);
        }
    }

    /// The fields in which the row that was kept is not what it was, of those that can be written; `None` where it is the same.
    unsafe fn differing(&self, was: Values) -> Option<Datum> {
        // SAFETY: both have a value for each attribute.
        unsafe {
            let names: *mut &'static [u8] = raw::alloc_array(self.natts);
            let mut count = 0;
            let mut differs = false;
            let live = self.live();
            for index in 0..self.natts {
                let attribute = raw::attribute((*self.relation).rd_att, index);
                let same = match (live.get(index), was.get(index)) {
                    (None, None) => true,
                    (Some(a), Some(b)) => {
                        change::same_value((*attribute).attbyval, (*attribute).attlen, a, b)
                    }
                    _ => false,
                };
                if same {
                    continue;
                }
                differs = true;
                if let Some(name) = *self.names.add(index) {
                    *names.add(count) = name;
                    count += 1;
                }
            }
            differs.then(|| names_datum(core::slice::from_raw_parts(names, count)))
        }
    }

    /// A row of the table with all its values.
    unsafe fn whole(&self, row: Values) -> Datum {
        // SAFETY: a relation's row type is known by its OID.
        unsafe { row.datum((*self.relation).rd_att) }
    }

    /// The same with the values that are asked for.
    unsafe fn part(&self, row: Values) -> Datum {
        // SAFETY: as many flags as attributes.
        unsafe {
            let nulls: *mut bool = raw::alloc_array(self.natts);
            for index in 0..self.natts {
                *nulls.add(index) = *row.nulls.add(index) || !*self.given.add(index);
            }
            self.whole(Values { nulls, ..row })
        }
    }
}
