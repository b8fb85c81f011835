//! Makes a row of the log out of what a statement did to a row of a table.

use super::actor;
use super::buffer;
use super::guc::{self, Text};
use super::item;
use super::origin;
use super::promotion;
use super::raw;
use super::store;
use core::ffi::c_int;
use pgrx::pg_sys::{Datum, HeapTuple, TupleDesc};

/// Positions of the log's columns in sql/tables.sql.
pub(super) mod column {
    pub(in crate::pg) const AT: usize = 1;
    pub(in crate::pg) const TRANSACTION: usize = 2;
    pub(in crate::pg) const COLLECTION: usize = 3;
    pub(in crate::pg) const CONTEXT: usize = 4;
    pub(in crate::pg) const COMMAND: usize = 5;
    pub(in crate::pg) const ACTION: usize = 6;
    pub(in crate::pg) const ITEM: usize = 7;
    pub(in crate::pg) const CHANGE: usize = 8;
    pub(in crate::pg) const FORMER: usize = 9;
    pub(in crate::pg) const COMMENT: usize = 10;
    pub(in crate::pg) const REQUEST_ID: usize = 11;
    pub(in crate::pg) const LABEL: usize = 12;
    pub(in crate::pg) const VERSION: usize = 13;
    pub(in crate::pg) const SOURCE: usize = 14;
    pub(in crate::pg) const LONG_ITEM: usize = 16;
    pub(in crate::pg) const COUNT: usize = 17;
}

/// What happened, as the log's column `action` has it.
pub(super) mod action {
    pub(in crate::pg) const CREATE: u8 = b'c';
    pub(in crate::pg) const UPDATE: u8 = b'u';
    pub(in crate::pg) const DELETE: u8 = b'd';
    pub(in crate::pg) const TRUNCATE: u8 = b't';
    /// Not an event: leads from an item's old key to the revision that gave it its new one.
    pub(in crate::pg) const MOVED: u8 = b'm';
    pub(in crate::pg) const OTHER: u8 = b'x';
}

/// A row's values as a slot or a deformed tuple has them.
#[derive(Clone, Copy)]
pub(super) struct Values {
    pub(super) values: *const Datum,
    pub(super) nulls: *const bool,
}

impl Values {
    /// The value at a position, `None` where it is NULL.
    pub(super) fn get(self, index: usize) -> Option<Datum> {
        // SAFETY: positions come from the row type of the relation the values are of.
        unsafe { (!*self.nulls.add(index)).then(|| *self.values.add(index)) }
    }

    /// All of them as a composite datum of a row type, in the current memory context.
    ///
    /// # Safety
    /// There must be a value for each attribute of the row type, which the server must know by its OID.
    pub(super) unsafe fn datum(self, desc: TupleDesc) -> Datum {
        // SAFETY: forming a row only reads the values.
        unsafe {
            let (values, nulls) = (self.values.cast_mut(), self.nulls.cast_mut());
            raw::heap_copy_tuple_as_datum(raw::heap_form_tuple(desc, values, nulls), desc)
        }
    }
}

/// A row of the log in the making.
pub(super) struct Draft {
    pub(super) values: [Datum; column::COUNT],
    pub(super) nulls: [bool; column::COUNT],
}

impl Draft {
    /// Begins a row with what all have: time, transaction, who and where.
    ///
    /// # Safety
    /// Must run in a transaction that may write.
    pub(super) unsafe fn new(collection: Option<i32>, command: u32, action: u8) -> Self {
        let mut draft = Self {
            values: [Datum::null(); column::COUNT],
            nulls: [true; column::COUNT],
        };
        // SAFETY: see above.
        unsafe {
            draft.set(0, Datum::from(0i64));
            draft.set(
                column::AT,
                Datum::from(raw::GetCurrentStatementStartTimestamp()),
            );
            draft.set(
                column::TRANSACTION,
                Datum::from(raw::GetTopFullTransactionId().value),
            );
            if let Some(collection) = collection {
                draft.set(column::COLLECTION, Datum::from(collection));
            }
            draft.set(column::CONTEXT, Datum::from(actor::context(command)));
            draft.set(column::COMMAND, Datum::from(command));
            draft.set(column::ACTION, Datum::from(action));
            draft.set_setting(column::COMMENT, Text::Comment);
            draft.set_setting(column::REQUEST_ID, Text::RequestId);
        }
        draft
    }

    pub(super) fn set(&mut self, column: usize, value: Datum) {
        self.values[column] = value;
        self.nulls[column] = false;
    }

    unsafe fn set_setting(&mut self, column: usize, setting: Text) {
        let text = guc::text(setting);
        if !text.is_empty() {
            // SAFETY: makes a text.
            unsafe { self.set_text(column, actor::valid(text)) };
        }
    }

    /// Sets a column of type text.
    ///
    /// # Safety
    /// Must run in a backend.
    pub(super) unsafe fn set_text(&mut self, column: usize, text: &[u8]) {
        let len = c_int::try_from(text.len()).unwrap_or(c_int::MAX);
        // SAFETY: copies the bytes into a text.
        let text = unsafe { raw::cstring_to_text_with_len(text.as_ptr().cast(), len) };
        self.set(column, Datum::from(text));
    }

    /// Sets the item; one too long for an index is named by its beginning and a hash.
    ///
    /// # Safety
    /// Must run in a backend.
    pub(super) unsafe fn set_item(&mut self, item: &[u8]) {
        // SAFETY: see above.
        unsafe {
            if item::is_short(item) {
                self.set_text(column::ITEM, item);
            } else {
                self.set_text(column::ITEM, item::shortened(item));
                self.set_text(column::LONG_ITEM, item);
            }
        }
    }

    /// Sets what the write of an item goes by, if a function of ours does it.
    ///
    /// # Safety
    /// Must run in a backend.
    pub(super) unsafe fn set_origin(&mut self, collection: i32, item: &[u8], command: u32) {
        // SAFETY: see above.
        unsafe {
            if let Some((source, words)) = origin::take(collection, item, command) {
                if let Some(source) = source {
                    self.set(column::SOURCE, Datum::from(source));
                }
                self.set_text(column::COMMENT, words);
            }
            if let Some(promotion) = promotion::of(collection, command) {
                if let Some(source) = promotion.source {
                    self.set(column::SOURCE, Datum::from(source));
                }
                self.set_text(column::COMMENT, promotion.words);
            }
        }
    }

    /// Sets the version that the row is of.
    ///
    /// # Safety
    /// Must run in a backend.
    pub(super) unsafe fn set_version(&mut self, version: [u8; 16]) {
        // SAFETY: a uuid is its sixteen bytes.
        unsafe {
            let copy: *mut [u8; 16] = raw::alloc_array(1);
            copy.write(version);
            self.set(column::VERSION, Datum::from(copy));
        }
    }

    /// Sets the item's other key: the one before in a change of key, the one after in what leads to it.
    ///
    /// # Safety
    /// Must run in a backend.
    pub(super) unsafe fn set_former(&mut self, item: &[u8]) {
        // SAFETY: see above.
        unsafe {
            let text = if item::is_short(item) {
                item
            } else {
                item::shortened(item)
            };
            self.set_text(column::FORMER, text);
        }
    }

    /// Forms the row in the current memory context; null where the extension is not there.
    ///
    /// # Safety
    /// Must run in a transaction.
    pub(super) unsafe fn form(&mut self) -> HeapTuple {
        let at = self.values[column::AT].value() as i64;
        // What is NULL at the end is left out, as in a row that is older than its table's last columns.
        let count = column::COUNT - self.nulls.iter().rev().take_while(|null| **null).count();
        // SAFETY: both arrays have that many values.
        unsafe { store::form(at, self.values.as_mut_ptr(), self.nulls.as_mut_ptr(), count) }
    }

    /// Puts the row into the buffer.
    ///
    /// # Safety
    /// Must run in a transaction that may write.
    pub(super) unsafe fn push(mut self) {
        // SAFETY: the tuple is made in the buffer's memory.
        unsafe {
            let before = raw::switch_to(buffer::context());
            let tuple = self.form();
            raw::switch_to(before);
            if !tuple.is_null() {
                buffer::push(tuple);
            }
        }
    }
}
