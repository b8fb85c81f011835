//! Makes a row of the log out of what a statement did to a row of a table.

use super::actor;
use super::buffer;
use super::guc::{self, Text};
use super::item;
use super::jsonb::Writer;
use super::raw::{self, Global};
use super::relation::{Column, Tracked, Treatment};
use super::scope::Accountability;
use super::store;
use super::value::{self, Loss};
use core::ffi::c_int;
use pgrx::pg_sys;
use pgrx::pg_sys::Datum;

/// Positions of the log's columns in sql/tables.sql.
pub(super) mod column {
    pub(in crate::pg) const AT: usize = 1;
    pub(in crate::pg) const TRANSACTION: usize = 2;
    pub(in crate::pg) const COLLECTION: usize = 3;
    pub(in crate::pg) const CONTEXT: usize = 4;
    pub(in crate::pg) const COMMAND: usize = 5;
    pub(in crate::pg) const ACTION: usize = 6;
    pub(in crate::pg) const ITEM: usize = 7;
    pub(in crate::pg) const DELTA: usize = 8;
    pub(in crate::pg) const PRIOR: usize = 9;
    pub(in crate::pg) const KEYFRAME: usize = 10;
    pub(in crate::pg) const EXACT: usize = 11;
    pub(in crate::pg) const FORMER: usize = 12;
    pub(in crate::pg) const COMMENT: usize = 13;
    pub(in crate::pg) const REQUEST_ID: usize = 14;
    pub(in crate::pg) const LABEL: usize = 15;
    pub(in crate::pg) const LONG_ITEM: usize = 19;
    pub(in crate::pg) const COUNT: usize = 20;
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

    /// Puts the row into the buffer.
    ///
    /// # Safety
    /// Must run in a transaction that may write.
    pub(super) unsafe fn push(mut self) {
        // SAFETY: the tuple is made in the buffer's memory.
        unsafe {
            let before = raw::switch_to(buffer::context());
            let tuple = store::form(
                self.values[column::AT].value() as i64,
                self.values.as_mut_ptr(),
                self.nulls.as_mut_ptr(),
                column::COUNT,
            );
            raw::switch_to(before);
            if !tuple.is_null() {
                buffer::push(tuple);
            }
        }
    }
}

/// Which columns go into an object.
#[derive(Clone, Copy)]
pub(super) enum Selection<'a> {
    All,
    /// Those marked, by position in `Tracked::columns`.
    Marked(&'a [bool]),
}

impl Selection<'_> {
    fn has(self, position: usize, column: &Column) -> bool {
        column.treatment != Treatment::Exclude
            && match self {
                Self::All => true,
                Self::Marked(marks) => marks[position],
            }
    }
}

/// The three objects of a row, in the order of the log's columns.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) column: usize,
    pub(super) row: Values,
    pub(super) selection: Selection<'a>,
}

static WRITERS: Global<[Option<Writer>; 4]> = Global::new([None; 4]);
static WRITERS_CONTEXT: Global<pg_sys::MemoryContext> = Global::new(core::ptr::null_mut());

/// Frees the writers, one of which an error may have left in use.
pub(super) fn abort() {
    let context = *WRITERS_CONTEXT.get();
    if !context.is_null() {
        *WRITERS.get() = [None; 4];
        // SAFETY: no writer is in use once an error has been raised.
        unsafe { raw::MemoryContextReset(context) };
    }
}

/// A writer that grew beyond this is given back at the end of the statement.
const KEPT_CAPACITY: usize = 1 << 20;

/// Writes the objects of a row, and beside them what their JSON leaves out.
///
/// # Safety
/// The values must be of the tracked relation.
pub(super) unsafe fn write_parts(draft: &mut Draft, tracked: &Tracked, parts: &[Part]) {
    // SAFETY: see above.
    unsafe {
        if tracked.accountability != Accountability::All {
            return;
        }
        let count = tracked.columns().len();
        let losses: *mut Loss = raw::palloc0(count * parts.len() + 1).cast();
        let mut lossy = 0;
        let mut written = 0;
        for (index, part) in parts.iter().enumerate() {
            let part_losses = core::slice::from_raw_parts_mut(losses.add(index * count), count);
            // The parts of one row must fit into one tuple.
            if part.column == column::KEYFRAME && written > super::jsonb::MAX_BYTES {
                break;
            }
            let mut writer = writer(index);
            if write_object(&mut writer, tracked, part, part_losses) {
                lossy += 1;
            }
            written += writer.len();
            draft.set(part.column, writer.finish());
            WRITERS.get()[index] = Some(writer);
        }
        if lossy > 0 {
            let losses = core::slice::from_raw_parts(losses, count * parts.len());
            let exact = write_exact(tracked, parts, losses, lossy);
            draft.set(column::EXACT, exact);
        }
    }
}

unsafe fn writer(index: usize) -> Writer {
    if let Some(mut writer) = WRITERS.get()[index].take() {
        writer.clear();
        return writer;
    }
    // SAFETY: the context lives as long as the backend.
    unsafe {
        if WRITERS_CONTEXT.get().is_null() {
            *WRITERS_CONTEXT.get() =
                raw::new_context(pg_sys::TopMemoryContext, c"directus_versions writers");
        }
        Writer::new(*WRITERS_CONTEXT.get(), 8 * 1024)
    }
}

/// Gives up the memory of writers that grew large, once the rows they wrote are in the buffer.
pub(super) fn trim() {
    for slot in WRITERS.get() {
        if slot.is_some_and(|writer| writer.capacity() > KEPT_CAPACITY)
            && let Some(writer) = slot.take()
        {
            // SAFETY: nobody uses it between rows.
            unsafe { writer.free() };
        }
    }
}

/// Writes one object alone.
///
/// # Safety
/// The values must be of the tracked relation.
pub(super) unsafe fn write_whole(out: &mut Writer, tracked: &Tracked, part: &Part) {
    let count = tracked.columns().len();
    // SAFETY: see above.
    unsafe {
        let losses = core::slice::from_raw_parts_mut(raw::palloc0(count + 1).cast::<Loss>(), count);
        write_object(out, tracked, part, losses);
    }
}

/// Writes one object and tells whether it lost anything.
unsafe fn write_object(
    out: &mut Writer,
    tracked: &Tracked,
    part: &Part,
    losses: &mut [Loss],
) -> bool {
    let columns = tracked.columns();
    let chosen = || {
        columns
            .iter()
            .enumerate()
            .filter(|(at, column)| part.selection.has(*at, column))
    };
    let mut left = chosen().count();
    let mut object = out.open_object(left);
    for (_, column) in chosen() {
        out.key(&mut object, column.name());
    }
    let mut lossy = false;
    for (at, column) in chosen() {
        left -= 1;
        let entry = match part.row.get(column.index) {
            None => Writer::null(),
            Some(_) if column.treatment == Treatment::Mask => out.string(b"**********"),
            Some(value) => {
                // SAFETY: the value is of the column.
                let (entry, loss) = unsafe { value::write_column(out, column.info, value, left) };
                losses[at] = loss;
                lossy |= loss != Loss::None;
                entry
            }
        };
        out.entry(&mut object, entry);
    }
    out.close(object);
    lossy
}

/// Writes `{"delta": {field: text}, "prior": {…}, "keyframe": {…}}` of the fields whose JSON does not say all.
unsafe fn write_exact(tracked: &Tracked, parts: &[Part], losses: &[Loss], lossy: usize) -> Datum {
    let columns = tracked.columns();
    let count = columns.len();
    // SAFETY: the values are of the tracked relation.
    unsafe {
        let mut out = Writer::new(pg_sys::CurrentMemoryContext, 1024);
        let mut root = out.open_object(lossy);
        // In jsonb's order of keys: delta, prior, keyframe.
        let with_loss = || {
            parts.iter().enumerate().filter(|(index, _)| {
                losses[index * count..(index + 1) * count]
                    .iter()
                    .any(|loss| *loss != Loss::None)
            })
        };
        for (_, part) in with_loss() {
            out.key(&mut root, part_name(part.column));
        }
        for (index, part) in with_loss() {
            let part_losses = &losses[index * count..(index + 1) * count];
            let lost = || {
                columns
                    .iter()
                    .zip(part_losses)
                    .filter(|(_, loss)| **loss != Loss::None)
            };
            let mut object = out.open_object(lost().count());
            for (column, _) in lost() {
                out.key(&mut object, column.name());
            }
            for (column, loss) in lost() {
                let entry = match part.row.get(column.index) {
                    Some(value) => value::write_exact(&mut out, column.info, value, *loss),
                    None => Writer::null(),
                };
                out.entry(&mut object, entry);
            }
            let entry = out.close(object);
            out.entry(&mut root, entry);
        }
        out.close(root);
        out.finish()
    }
}

fn part_name(column: usize) -> &'static [u8] {
    match column {
        column::DELTA => b"delta",
        column::PRIOR => b"prior",
        _ => b"keyframe",
    }
}
