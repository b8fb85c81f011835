//! Reads the column `change` of the log, which `super::record` writes.

use super::jsonb::Writer;
use super::layout::{self, Field, Layout};
use super::raw;
use super::record::{
    HAS_CHANGES, HAS_JSON, HAS_ROW, IS_EDIT, NEW_IS_NULL, OLD_IS_NULL, OMITTED, POSITION_SHIFT,
};
use super::stored::Kind;
use super::value;
use crate::error::Error;
use pgrx::pg_sys::Datum;

/// The bytes of a record from some point on.
#[derive(Clone, Copy)]
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    #[inline]
    fn take(&mut self, count: usize) -> &'a [u8] {
        match self.0.split_at_checked(count) {
            Some((taken, rest)) => {
                self.0 = rest;
                taken
            }
            None => Error::Broken { part: "record" }.raise(),
        }
    }

    fn byte(&mut self) -> u8 {
        self.take(1)[0]
    }

    fn number(&mut self) -> u64 {
        let mut number = 0;
        let mut shift = 0;
        loop {
            let byte = self.byte();
            number |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return number;
            }
            shift += 7;
            if shift > 63 {
                Error::Broken { part: "record" }.raise()
            }
        }
    }

    fn size(&mut self) -> usize {
        usize::try_from(self.number()).unwrap_or(usize::MAX)
    }

    /// Takes a value of a field that is not NULL.
    fn value(&mut self, field: &Field) -> Value<'a> {
        match field.kind {
            Kind::Fixed => Value::Whole(self.take(usize::try_from(field.len).unwrap_or(0))),
            Kind::Varlena => {
                let start = *self;
                if self.byte() == OMITTED {
                    self.number();
                    self.take(DIGEST);
                    return Value::Whole(start.until(self));
                }
                *self = start;
                if self.0.len() < 4 && self.0[0] & 1 == 0 {
                    Error::Broken { part: "record" }.raise()
                }
                // SAFETY: there are as many bytes as the header of a varlena that is not out of line can have.
                let size = unsafe { raw::varsize(self.0.as_ptr()) };
                Value::Whole(self.take(size))
            }
            Kind::Json => {
                let start = *self;
                for _ in 0..2 {
                    let size = self.size();
                    self.take(size);
                }
                Value::Whole(start.until(self))
            }
            Kind::Mask => Value::Whole(&[]),
        }
    }

    /// The bytes from here to where another cursor is.
    fn until(self, end: &Self) -> &'a [u8] {
        &self.0[..self.0.len() - end.0.len()]
    }
}

/// Bytes of a SHA-256.
const DIGEST: usize = 32;

/// A value that is not NULL, as it lies in a record.
#[derive(Clone, Copy)]
pub(super) enum Value<'a> {
    Whole(&'a [u8]),
    /// A varlena given by the one before and what stands in place of its middle.
    Edit {
        old: &'a [u8],
        prefix: usize,
        suffix: usize,
        middle: &'a [u8],
    },
}

/// A field that an update changed.
pub(super) struct Change<'a> {
    /// Position in the layout.
    pub(super) position: usize,
    pub(super) new: Option<Value<'a>>,
    pub(super) old: Option<Value<'a>>,
}

/// What a statement did to a row.
pub(super) struct Record<'a> {
    pub(super) layout: &'static Layout,
    parts: u8,
    rest: Cursor<'a>,
}

impl<'a> Record<'a> {
    /// Reads the beginning of a record. Raises XX000 where it is broken, as everything that follows does.
    ///
    /// # Safety
    /// Must run in a transaction.
    pub(super) unsafe fn read(bytes: &'a [u8]) -> Self {
        let mut rest = Cursor(bytes);
        let id = rest.number() as i32;
        // SAFETY: see above.
        let layout = unsafe { layout::read(id) };
        let parts = rest.byte();
        Self {
            layout,
            parts,
            rest,
        }
    }

    pub(super) fn has_changes(&self) -> bool {
        self.parts & HAS_CHANGES != 0
    }

    pub(super) fn has_row(&self) -> bool {
        self.parts & HAS_ROW != 0
    }

    /// What was saved in a version, as a jsonb in the current memory context.
    ///
    /// # Safety
    /// Must run in a backend.
    pub(super) unsafe fn json(&self) -> Option<Datum> {
        // SAFETY: the bytes are those of a jsonb behind its header.
        (self.parts & HAS_JSON != 0).then(|| unsafe { Datum::from(aligned(&[], self.rest.0, &[])) })
    }

    /// The fields that changed.
    pub(super) fn changes(&self) -> Changes<'a> {
        let mut rest = self.rest;
        let left = if self.has_changes() { rest.size() } else { 0 };
        Changes {
            layout: self.layout,
            left,
            rest,
        }
    }

    /// Every field of the row: the one that was created or deleted, or the one after an update that kept it.
    pub(super) fn row(&self) -> Option<Row<'a>> {
        if !self.has_row() {
            return None;
        }
        let mut rest = self.rest;
        if self.has_changes() {
            let mut changes = self.changes();
            changes.by_ref().for_each(drop);
            rest = changes.rest;
        }
        let nulls = rest.take(self.layout.fields.len().div_ceil(8));
        Some(Row {
            layout: self.layout,
            position: 0,
            nulls,
            rest,
        })
    }
}

#[derive(Clone)]
pub(super) struct Changes<'a> {
    layout: &'static Layout,
    left: usize,
    rest: Cursor<'a>,
}

impl<'a> Iterator for Changes<'a> {
    type Item = Change<'a>;

    fn next(&mut self) -> Option<Change<'a>> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        let header = self.rest.number();
        let position = (header >> POSITION_SHIFT) as usize;
        let Some(field) = self.layout.fields.get(position) else {
            Error::Broken { part: "record" }.raise()
        };
        let rest = &mut self.rest;
        let (new, old);
        if header & IS_EDIT != 0 {
            let before = rest.value(field);
            let (prefix, suffix) = (rest.size(), rest.size());
            let length = rest.size();
            let middle = rest.take(length);
            new = match before {
                Value::Whole(old) => Some(Value::Edit {
                    old,
                    prefix,
                    suffix,
                    middle,
                }),
                Value::Edit { .. } => None,
            };
            old = Some(before);
        } else {
            new = (header & NEW_IS_NULL == 0).then(|| rest.value(field));
            old = (header & OLD_IS_NULL == 0).then(|| rest.value(field));
        }
        Some(Change { position, new, old })
    }
}

#[derive(Clone)]
pub(super) struct Row<'a> {
    layout: &'static Layout,
    position: usize,
    nulls: &'a [u8],
    rest: Cursor<'a>,
}

impl<'a> Iterator for Row<'a> {
    type Item = (usize, Option<Value<'a>>);

    fn next(&mut self) -> Option<Self::Item> {
        let position = self.position;
        let field = self.layout.fields.get(position)?;
        self.position += 1;
        let null = self.nulls[position / 8] & (1 << (position % 8)) != 0;
        Some((position, (!null).then(|| self.rest.value(field))))
    }
}

/// What a value is where it cannot be had as a datum.
pub(super) enum Held {
    /// A value of the field's own type.
    Datum(Datum),
    /// JSON, and the text or bytes of the value where JSON does not say all; see `value::write_exact`.
    Json {
        json: *mut u8,
        exact: Option<*mut u8>,
    },
    Masked,
    /// Too large to be kept: its length and SHA-256.
    Omitted {
        length: u64,
        digest: [u8; DIGEST],
    },
}

/// Makes a value what it was, in the current memory context.
///
/// # Safety
/// The value must be of the field.
pub(super) unsafe fn held(field: &Field, value: Value) -> Held {
    // SAFETY: memory made here is aligned for any type.
    unsafe {
        match (field.kind, value) {
            (Kind::Mask, _) => Held::Masked,
            (Kind::Json, Value::Whole(bytes)) => {
                let mut rest = Cursor(bytes);
                let size = rest.size();
                let json = aligned(&[], rest.take(size), &[]);
                let size = rest.size();
                let exact = (size > 0).then(|| aligned(&[], rest.take(size), &[]));
                Held::Json { json, exact }
            }
            (Kind::Fixed, Value::Whole(bytes)) if field.byval => {
                let mut word = [0; 8];
                word[..bytes.len().min(8)].copy_from_slice(&bytes[..bytes.len().min(8)]);
                Held::Datum(extended(u64::from_ne_bytes(word), field.len))
            }
            (Kind::Varlena, Value::Whole(bytes)) if bytes[0] == OMITTED => {
                let mut rest = Cursor(&bytes[1..]);
                let length = rest.number();
                let mut digest = [0; DIGEST];
                digest.copy_from_slice(rest.take(DIGEST));
                Held::Omitted { length, digest }
            }
            (Kind::Fixed | Kind::Varlena, Value::Whole(bytes)) => {
                Held::Datum(Datum::from(copied(bytes)))
            }
            (
                Kind::Varlena,
                Value::Edit {
                    old,
                    prefix,
                    suffix,
                    middle,
                },
            ) => {
                let before = raw::payload(old.as_ptr());
                if prefix + suffix > before.len() {
                    Error::Broken { part: "record" }.raise();
                }
                let end = &before[before.len() - suffix..];
                Held::Datum(Datum::from(aligned(&before[..prefix], middle, end)))
            }
            (Kind::Json | Kind::Fixed, Value::Edit { .. }) => {
                Error::Broken { part: "record" }.raise()
            }
        }
    }
}

/// A value that the server passes in a register: narrow integers keep their sign.
pub(super) fn extended(word: u64, len: i16) -> Datum {
    match len {
        2 => Datum::from(word as i16),
        4 => Datum::from(word as i32),
        _ => Datum::from(word),
    }
}

unsafe fn copied(bytes: &[u8]) -> *mut u8 {
    // SAFETY: palloc'd memory of that size.
    unsafe {
        let copy: *mut u8 = raw::palloc(bytes.len().max(1)).cast();
        core::ptr::copy_nonoverlapping(bytes.as_ptr(), copy, bytes.len());
        copy
    }
}

/// A varlena of these bytes.
unsafe fn aligned(start: &[u8], middle: &[u8], end: &[u8]) -> *mut u8 {
    // SAFETY: palloc'd memory of that size.
    unsafe {
        let size = 4 + start.len() + middle.len() + end.len();
        let copy: *mut u8 =
            raw::MemoryContextAllocHuge(pgrx::pg_sys::CurrentMemoryContext, size).cast();
        copy.cast::<u32>().write((size as u32) << 2);
        let mut at = 4;
        for part in [start, middle, end] {
            core::ptr::copy_nonoverlapping(part.as_ptr(), copy.add(at), part.len());
            at += part.len();
        }
        copy
    }
}

/// Writes the JSON form of a value (DESIGN.md 3.9) while so many fields follow it in the object, and returns its entry.
///
/// # Safety
/// The value must be of the field.
pub(super) unsafe fn write(
    out: &mut Writer,
    field: &Field,
    value: Option<Value>,
    fields_after: usize,
) -> u32 {
    let Some(value) = value else {
        return Writer::null();
    };
    // SAFETY: see above.
    unsafe {
        match held(field, value) {
            Held::Masked => out.string(b"**********"),
            Held::Json { json, .. } => value::write_stored(out, json, fields_after),
            Held::Omitted { length, digest } => value::omitted(out, length, &digest),
            Held::Datum(datum) => value::write_column(out, field.info, datum, fields_after).0,
        }
    }
}
