//! What is known of one field of an item, in memory that is used again.

use super::column::Column;
use super::jsonb::Writer;
use super::layout::Field;
use super::raw;
use super::reading::{self, Value};
use super::stored::Kind;
use super::types::TypeInfo;
use super::value;
use crate::error::Error;
use pgrx::pg_sys::{Datum, MemoryContext};

/// What is known of a field.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    Nothing,
    Null,
    /// The bytes of a record.
    Record,
    /// A value of the live row.
    Live,
    Masked,
}

pub(super) struct Slot {
    /// The column's attribute number; 0 for a field that is none of the table's.
    pub(super) attnum: i16,
    pub(super) name: &'static [u8],
    pub(super) known: Known,
    pub(super) hidden: bool,
    pub(super) field: *const Field,
    data: *mut u8,
    len: usize,
    capacity: usize,
    pub(super) datum: Datum,
    pub(super) info: *mut TypeInfo,
}

impl Slot {
    pub(super) fn new(attnum: i16, name: &'static [u8], hidden: bool) -> Self {
        Self {
            attnum,
            name,
            known: Known::Nothing,
            hidden,
            field: core::ptr::null(),
            data: core::ptr::null_mut(),
            len: 0,
            capacity: 0,
            datum: Datum::null(),
            info: core::ptr::null_mut(),
        }
    }

    unsafe fn room(&mut self, len: usize, context: MemoryContext) {
        // SAFETY: the memory is the slot's own.
        unsafe {
            if self.data.is_null() || self.capacity < len {
                let capacity = len.max(self.capacity * 2).max(32);
                if !self.data.is_null() {
                    raw::pfree(self.data.cast());
                }
                self.data = raw::MemoryContextAllocHuge(context, capacity).cast();
                self.capacity = capacity;
            }
            self.len = len;
        }
    }

    fn append(&mut self, at: &mut usize, bytes: &[u8]) {
        debug_assert!(*at + bytes.len() <= self.len);
        // SAFETY: `room` made room.
        unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), self.data.add(*at), bytes.len()) };
        *at += bytes.len();
    }

    /// Takes a value of a record.
    ///
    /// # Safety
    /// The value must be of the field; the context is the slot's own.
    pub(super) unsafe fn set(
        &mut self,
        field: &'static Field,
        value: Option<Value>,
        context: MemoryContext,
    ) {
        self.known = Known::Null;
        self.field = field;
        let Some(value) = value else {
            return;
        };
        self.known = Known::Record;
        // SAFETY: the pieces of an edit lie within the old value, as its reader sees to.
        unsafe {
            let mut at = 0;
            match value {
                Value::Whole(bytes) => {
                    self.room(bytes.len(), context);
                    self.append(&mut at, bytes);
                }
                Value::Edit {
                    old,
                    prefix,
                    suffix,
                    middle,
                } => {
                    let before = raw::payload(old.as_ptr());
                    if prefix + suffix > before.len() {
                        Error::Broken { part: "record" }.raise();
                    }
                    let size = 4 + prefix + middle.len() + suffix;
                    self.room(size, context);
                    self.append(&mut at, &((size as u32) << 2).to_ne_bytes());
                    self.append(&mut at, &before[..prefix]);
                    self.append(&mut at, middle);
                    self.append(&mut at, &before[before.len() - suffix..]);
                }
            }
        }
    }

    /// Takes a value of the live row, copied into the slot's memory.
    ///
    /// # Safety
    /// The value must be of the column; the context is the slot's own.
    pub(super) unsafe fn keep(&mut self, datum: Datum, column: &Column, context: MemoryContext) {
        self.datum = datum;
        if column.byval {
            return;
        }
        // SAFETY: the value is of the column's type.
        unsafe {
            let value: *const u8 = datum.cast_mut_ptr();
            let len = usize::try_from(column.len).unwrap_or_else(|_| raw::varsize(value));
            self.room(len, context);
            self.append(&mut 0, core::slice::from_raw_parts(value, len));
            self.datum = Datum::from(self.data);
        }
    }

    /// Whether the stored bytes do not differ, where JSON may leave something out.
    pub(super) fn says_the_same(&self, other: &Self) -> bool {
        let (Some(Value::Whole(a)), Some(Value::Whole(b))) = (self.value(), other.value()) else {
            return true;
        };
        // SAFETY: both were set from a record.
        let (x, y) = unsafe { (&*self.field, &*other.field) };
        x.kind != y.kind || x.typid != y.typid || x.kind == Kind::Varlena || a == b
    }

    /// The bytes of a record; `None` for NULL and all else.
    pub(super) fn value(&self) -> Option<Value<'_>> {
        // SAFETY: `set` wrote so many bytes.
        (self.known == Known::Record)
            .then(|| Value::Whole(unsafe { core::slice::from_raw_parts(self.data, self.len) }))
    }
}

/// Writes the JSON form of what is known of a field while so many fields follow it in the object.
///
/// # Safety
/// Must run in a transaction.
pub(super) unsafe fn write(out: &mut Writer, slot: &Slot, fields_after: usize) -> u32 {
    // SAFETY: the value is of the field, or of the live row's column.
    unsafe {
        match slot.known {
            Known::Nothing | Known::Null => Writer::null(),
            Known::Masked => out.string(b"**********"),
            Known::Live => value::write_column(out, slot.info, slot.datum, fields_after).0,
            Known::Record => reading::write(out, &*slot.field, slot.value(), fields_after),
        }
    }
}
