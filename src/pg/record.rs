//! Writes the column `change` of the log: what a statement did to a row.
//!
//! A record begins with the number of its layout and a byte that tells which parts follow. The first part are the fields
//! that changed: their count, then for each its position and flags, the new value, the old one. The second part is a
//! whole row: a bit for each field that is NULL, then the values of the others. What is saved in a version stands alone, as
//! jsonb. Numbers are written in groups of seven
//! bits. See docs/storage.md for why, and `super::reading` for the way back.

use super::bytes::Bytes;
use super::column::Column;
use super::exact;
use super::jsonb::Writer;
use super::layout;
use super::raw::{self, Global};
use super::relation::Tracked;
use super::row::Values;
use super::stored::Kind;
use super::types::Form;
use super::value::{self, Loss};
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, varlena};

/// Bits of the byte behind the layout.
pub(super) const HAS_CHANGES: u8 = 1;
pub(super) const HAS_ROW: u8 = 2;
/// A jsonb alone, of no layout: what was saved in a version.
pub(super) const HAS_JSON: u8 = 4;

/// Bits below a changed field's position.
pub(super) const NEW_IS_NULL: u64 = 1;
pub(super) const OLD_IS_NULL: u64 = 2;
/// The new value is written as what differs from the old one.
pub(super) const IS_EDIT: u64 = 4;
pub(super) const POSITION_SHIFT: u32 = 3;

/// In place of a varlena's header: its length and SHA-256 follow, for the value is too large. The header that looks like
/// this is that of a value out of line, which a record never holds.
pub(super) const OMITTED: u8 = 1;

/// The values of one part of a record take at most this many bytes together: the new ones, the old ones, or a row.
pub(super) const MAX_PART: usize = 240 << 20;
/// A record takes at most this many, so that a dump, which has two digits for each, can hold it.
pub(super) const MAX_RECORD: usize = 500 << 20;

/// An edit is written as such when it spares this many bytes.
const WORTH_AN_EDIT: usize = 8;

/// A buffer that grew beyond this is given back at the end of the statement.
const KEPT_CAPACITY: usize = 1 << 20;

static SCRATCH: Global<Option<Bytes>> = Global::new(None);
static SCRATCH_CONTEXT: Global<pg_sys::MemoryContext> = Global::new(core::ptr::null_mut());

/// Frees the buffer, which an error may have left in use.
pub(super) fn abort() {
    let context = *SCRATCH_CONTEXT.get();
    if !context.is_null() {
        *SCRATCH.get() = None;
        // SAFETY: nothing is being written once an error has been raised.
        unsafe { raw::MemoryContextReset(context) };
    }
}

/// Gives up the buffer if it grew large.
pub(super) fn trim() {
    if SCRATCH
        .get()
        .is_some_and(|bytes| bytes.capacity() > KEPT_CAPACITY)
        && let Some(bytes) = SCRATCH.get().take()
    {
        // SAFETY: nobody uses it between rows.
        unsafe { bytes.free() };
    }
}

/// Begins a record.
///
/// # Safety
/// Must run in a backend; no other one may be in the making.
pub(super) unsafe fn scratch() -> Bytes {
    if let Some(mut bytes) = SCRATCH.get().take() {
        bytes.clear();
        return bytes;
    }
    // SAFETY: the context lives as long as the backend.
    unsafe {
        if SCRATCH_CONTEXT.get().is_null() {
            *SCRATCH_CONTEXT.get() =
                raw::new_context(pg_sys::TopMemoryContext, c"directus_versions record");
        }
        Bytes::new(*SCRATCH_CONTEXT.get(), 16 * 1024)
    }
}

/// A record of a whole row; it is valid until the next one is written.
///
/// # Safety
/// The values must be of the tracked relation; must run in a transaction that may write.
pub(super) unsafe fn row(tracked: &Tracked, row: Values) -> Datum {
    // SAFETY: see above.
    unsafe {
        let layout = layout::id_of(tracked);
        let mut out = scratch();
        out.number(layout as u64);
        out.push(HAS_ROW);
        write_row(&mut out, tracked, row);
        finish(out)
    }
}

/// A record of the fields that changed, marked by their position in `Tracked::columns`, and of the whole row after it if
/// that is wanted; it is valid until the next one is written.
///
/// # Safety
/// As for [`row`].
pub(super) unsafe fn update(
    tracked: &Tracked,
    marks: &[bool],
    old: Values,
    new: Values,
    whole: bool,
) -> Datum {
    // SAFETY: see above.
    unsafe {
        let layout = layout::id_of(tracked);
        let mut out = scratch();
        out.number(layout as u64);
        out.push(if whole {
            HAS_CHANGES | HAS_ROW
        } else {
            HAS_CHANGES
        });
        let marked = || {
            let both = tracked.columns().iter().zip(marks);
            both.filter(|(column, mark)| **mark && column.is_saved())
        };
        out.number(marked().count() as u64);
        let mut budgets = [MAX_PART; 2];
        for (column, _) in marked() {
            write_change(&mut out, column, old, new, &mut budgets);
        }
        if whole {
            write_row(&mut out, tracked, new);
        }
        finish(out)
    }
}

/// A record of what was saved in a version; it is valid until the next one is written.
///
/// # Safety
/// The datum must be a jsonb.
pub(super) unsafe fn json(saved: Datum) -> Datum {
    // SAFETY: see above.
    unsafe {
        let bytes = raw::pg_detoast_datum_packed(saved.cast_mut_ptr::<varlena>());
        let mut out = scratch();
        out.number(0);
        out.push(HAS_JSON);
        out.append(raw::payload(bytes.cast::<u8>()));
        finish(out)
    }
}

/// Ends a record; it is valid until the next one is begun.
///
/// # Safety
/// Must run in a backend.
pub(super) unsafe fn finish(mut out: Bytes) -> Datum {
    let datum = out.finish();
    *SCRATCH.get() = Some(out);
    datum
}

unsafe fn write_row(out: &mut Bytes, tracked: &Tracked, row: Values) {
    let nulls = out.zeros(tracked.saved().count().div_ceil(8));
    let mut budget = MAX_PART.min(MAX_RECORD.saturating_sub(out.len()));
    for column in tracked.saved() {
        match row.get(column.index) {
            None => out.set_bit(nulls, column.field),
            // SAFETY: the value is of the column.
            Some(value) => unsafe { write_value(out, column, value, &mut budget) },
        }
    }
}

/// Writes a changed field. Each of the budgets is what is left for the new and the old values.
unsafe fn write_change(
    out: &mut Bytes,
    column: &Column,
    old: Values,
    new: Values,
    budgets: &mut [usize; 2],
) {
    let header = (column.field as u64) << POSITION_SHIFT;
    // SAFETY: the values are of the column.
    unsafe {
        match (new.get(column.index), old.get(column.index)) {
            (Some(new), Some(old)) => {
                if column.kind == Kind::Varlena
                    && let Some(edit) = Edit::of(old, new, budgets[1])
                {
                    out.number(header | IS_EDIT);
                    write_value(out, column, old, &mut budgets[1]);
                    edit.write(out);
                } else {
                    out.number(header);
                    write_value(out, column, new, &mut budgets[0]);
                    write_value(out, column, old, &mut budgets[1]);
                }
            }
            (Some(new), None) => {
                out.number(header | OLD_IS_NULL);
                write_value(out, column, new, &mut budgets[0]);
            }
            (None, Some(old)) => {
                out.number(header | NEW_IS_NULL);
                write_value(out, column, old, &mut budgets[1]);
            }
            (None, None) => out.number(header | NEW_IS_NULL | OLD_IS_NULL),
        }
    }
}

/// What a varlena's new bytes have in place of the middle of its old ones.
struct Edit<'a> {
    prefix: usize,
    suffix: usize,
    middle: &'a [u8],
}

impl Edit<'_> {
    /// The edit between two values that lie there as they are, if it spares anything.
    unsafe fn of(old: Datum, new: Datum, budget: usize) -> Option<Self> {
        // SAFETY: both are varlenas.
        let (before, after) = unsafe {
            let (before, after) = (old.cast_mut_ptr::<u8>(), new.cast_mut_ptr::<u8>());
            if !raw::is_plain(before) || !raw::is_plain(after) || raw::varsize(before) > budget {
                return None;
            }
            (raw::payload(before), raw::payload(after))
        };
        let prefix = shared_start(before, after);
        let suffix = shared_end(&before[prefix..], &after[prefix..]);
        (prefix + suffix >= WORTH_AN_EDIT).then(|| Self {
            prefix,
            suffix,
            middle: &after[prefix..after.len() - suffix],
        })
    }

    fn write(&self, out: &mut Bytes) {
        out.number(self.prefix as u64);
        out.number(self.suffix as u64);
        out.number(self.middle.len() as u64);
        out.append(self.middle);
    }
}

const WORD: usize = 8;

/// How many bytes at the beginning of both are the same.
fn shared_start(a: &[u8], b: &[u8]) -> usize {
    let words = a.chunks_exact(WORD).zip(b.chunks_exact(WORD));
    let whole = words.take_while(|(a, b)| a == b).count() * WORD;
    let rest = a[whole..].iter().zip(&b[whole..]);
    whole + rest.take_while(|(a, b)| a == b).count()
}

/// How many bytes at the end of both are the same.
fn shared_end(a: &[u8], b: &[u8]) -> usize {
    let words = a.rchunks_exact(WORD).zip(b.rchunks_exact(WORD));
    let whole = words.take_while(|(a, b)| a == b).count() * WORD;
    let rest = a[..a.len() - whole].iter().rev();
    let rest = rest.zip(b[..b.len() - whole].iter().rev());
    whole + rest.take_while(|(a, b)| a == b).count()
}

/// Writes a value, or what is said in place of one that is too large.
///
/// # Safety
/// The value must be of the column; must run in a transaction.
pub(super) unsafe fn write_value(
    out: &mut Bytes,
    column: &Column,
    value: Datum,
    budget: &mut usize,
) {
    // SAFETY: the value is of the column.
    unsafe {
        match column.kind {
            Kind::Fixed if column.byval => {
                let len = usize::try_from(column.len).unwrap_or(0);
                out.append(&value.value().to_ne_bytes()[..len.min(8)]);
            }
            Kind::Fixed => {
                let len = usize::try_from(column.len).unwrap_or(0);
                out.append(core::slice::from_raw_parts(value.cast_mut_ptr(), len));
            }
            Kind::Varlena => write_varlena(out, value, budget),
            Kind::Json => write_json(out, column, value, budget),
            Kind::Mask => {}
        }
    }
}

unsafe fn write_varlena(out: &mut Bytes, value: Datum, budget: &mut usize) {
    // SAFETY: the value is a varlena.
    unsafe {
        let given = value.cast_mut_ptr::<u8>();
        let external = raw::is_external(given);
        let size = if external {
            raw::toast_datum_size(value)
        } else {
            raw::varsize(given)
        };
        if size > *budget {
            return write_omitted(out, value);
        }
        *budget -= size;
        if !external {
            return out.append(core::slice::from_raw_parts(given, size));
        }
        // What is compressed out of line stays so.
        let inline = raw::detoast_external_attr(given.cast()).cast::<u8>();
        out.append(core::slice::from_raw_parts(inline, raw::varsize(inline)));
        raw::pfree(inline.cast());
    }
}

/// Writes the length and SHA-256 of a value that is too large.
unsafe fn write_omitted(out: &mut Bytes, value: Datum) {
    // SAFETY: only varlenas are ever too large.
    unsafe {
        let bytes = raw::pg_detoast_datum_packed(value.cast_mut_ptr::<varlena>());
        let digest = raw::call1(raw::sha256_bytea, Datum::from(bytes));
        out.push(OMITTED);
        out.number(raw::payload(bytes.cast::<u8>()).len() as u64);
        out.append(raw::payload(digest.cast_mut_ptr::<u8>()));
    }
}

/// Writes the JSON form of a value, and the text to make it from again where the form is not that text itself.
unsafe fn write_json(out: &mut Bytes, column: &Column, value: Datum, budget: &mut usize) {
    // SAFETY: the value is of the column; only varlenas are ever too large.
    unsafe {
        let mut json = Writer::new(pg_sys::CurrentMemoryContext, 1024);
        let loss = alone(&mut json, |out| {
            value::write_column(out, column.info, value, 0)
        });
        let form = &(*column.info).form;
        let nested = matches!(
            form,
            Form::Array(_) | Form::Composite(_) | Form::Json | Form::Jsonb
        );
        let varies = column.len == -1;
        if varies && json.len() > *budget {
            return write_marker(out, json, value);
        }
        let mut exact = Writer::new(pg_sys::CurrentMemoryContext, 64);
        let mut size = json.len();
        if loss != Loss::None || nested {
            let loss = if loss == Loss::None { Loss::Text } else { loss };
            alone(&mut exact, |out| {
                (exact::write(out, column.info, value, loss), loss)
            });
            size += exact.len();
            if varies && size > *budget {
                exact.free();
                return write_marker(out, json, value);
            }
        }
        *budget = budget.saturating_sub(size);
        append_json(out, &json);
        append_json(out, &exact);
        exact.free();
        json.free();
    }
}

/// Writes the marker of a value in place of its JSON and of its text.
unsafe fn write_marker(out: &mut Bytes, mut json: Writer, value: Datum) {
    // SAFETY: the value is a varlena.
    unsafe {
        for _ in 0..2 {
            json.clear();
            alone(&mut json, |out| (value::marker(out, value), Loss::Value));
            append_json(out, &json);
        }
        json.free();
    }
}

/// Writes a jsonb that holds one value.
fn alone(json: &mut Writer, write: impl FnOnce(&mut Writer) -> (u32, Loss)) -> Loss {
    let mut root = json.open_scalar();
    let (entry, loss) = write(json);
    json.entry(&mut root, entry);
    json.finish();
    loss
}

/// Appends a jsonb without its varlena header, its length before it.
unsafe fn append_json(out: &mut Bytes, json: &Writer) {
    // SAFETY: the writer holds a whole jsonb.
    unsafe {
        let len = json.len() - 4;
        out.number(len as u64);
        out.append(core::slice::from_raw_parts(json.root().cast::<u8>(), len));
    }
}
