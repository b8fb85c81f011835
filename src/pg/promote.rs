//! Writing what a version stages into the live row.
//!
//! The version is locked first and the item's row then, always in this order, so that no two promotes wait for each other.
//! The statement that writes runs as the caller and names the promoted columns alone.

use super::arguments::{argument, names_datum, relation_name, text, text_datum};
use super::capture;
use super::document;
use super::event;
use super::gate::ask;
use super::item;
use super::laid;
use super::mainrow;
use super::promotion::{self, Promotion};
use super::raw;
use super::relation;
use super::required;
use super::row::Values;
use super::scope;
use super::spi::{self, Snapshot};
use super::staging::actor_argument;
use super::version::{self, Version};
use crate::error::Error;
use crate::merge::Side;
use crate::plan::{self, Plan, Sides};
use core::ffi::c_int;
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, FunctionCallInfo, HeapTuple, Oid, TupleDesc};

/// What becomes of a field that changed on both sides.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OnConflict {
    Error,
    Theirs,
    Ours,
}

/// What is to be written, in memory of the server.
struct Writing {
    /// The staged fields that were looked at, as a `text[]`.
    fields: Datum,
    /// The columns to write; empty where main has all these values.
    columns: &'static [&'static [u8]],
    /// Their values, as a jsonb object.
    values: Datum,
}

/// An item after the promote.
struct Written {
    item: &'static [u8],
    row: Option<Datum>,
    /// The command that wrote it, if one did.
    command: Option<u32>,
}

/// `promote_version(version, main_hash, fields, on_conflict)`.
///
/// # Safety
/// Called by the function manager with these arguments.
pub(super) unsafe fn promote(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe {
        let on_conflict = on_conflict(text(call, 3));
        version::change(call, |opened| {
            let relid = opened.table();
            if !opened.is_tracked() {
                Error::NotTracked {
                    table: relation_name(relid),
                }
                .raise();
            }
            opened.check_key();
            let fields = argument(call, 2).map(|names| scope::names(names));
            let fields = fields.map(|names| wanted(opened, relid, names));
            check_lost(opened, fields, on_conflict);
            let main = opened.item().map(|_| lock(opened, relid));
            if let Some(expected) = text(call, 1) {
                check_hash(opened, relid, main, expected);
            }
            let writing = settle(opened, relid, main, fields, on_conflict);
            let written = if main.is_none() || !writing.columns.is_empty() {
                write(opened, relid, main, &writing)
            } else {
                Written {
                    item: opened.item().unwrap_or_default(),
                    row: main,
                    command: None,
                }
            };
            finish(opened, relid, &writing, &written)
        })
    }
}

/// Raises 40001 unless the item, of which the caller sees some fields, has this hash; one that does not exist has none.
unsafe fn check_hash(opened: &Version, relid: Oid, row: Option<Datum>, expected: &[u8]) {
    // SAFETY: the datum is a row of the table.
    unsafe {
        let hash = row.map(|row| mainrow::hash(mainrow::data(relid, row)));
        if hash.is_none_or(|hash| raw::payload(hash.cast_mut_ptr::<u8>()) != expected) {
            Error::Outdated {
                item: row.map(|_| opened.item_name()),
                table: opened.table_name(),
            }
            .raise();
        }
    }
}

/// Notes what was promoted, and gives the revision.
unsafe fn finish(
    opened: &Version,
    relid: Oid,
    writing: &Writing,
    written: &Written,
) -> Option<Datum> {
    // SAFETY: `_promoted` takes these arguments.
    unsafe {
        let hash = written.row.map(|row| mainrow::hash_of_row(relid, row));
        let image = written.row.map(|row| mainrow::image(relid, row));
        let command = written.command.map(|command| Datum::from(command as i32));
        ask(
            c"_promoted",
            &[
                (pg_sys::UUIDOID, Some(opened.id())),
                (pg_sys::TEXTARRAYOID, Some(writing.fields)),
                (pg_sys::TEXTOID, Some(text_datum(written.item))),
                (pg_sys::TEXTOID, hash),
                (pg_sys::JSONBOID, image),
                actor_argument(),
                (pg_sys::INT4OID, command),
            ],
        )
    }
}

fn on_conflict(name: Option<&[u8]>) -> OnConflict {
    match name {
        Some(b"error") => OnConflict::Error,
        Some(b"theirs") => OnConflict::Theirs,
        Some(b"ours") => OnConflict::Ours,
        other => Error::UnknownOption {
            argument: "on_conflict",
            value: String::from_utf8_lossy(other.unwrap_or_default()).into_owned(),
            hint: "Use error, theirs or ours.",
        }
        .raise(),
    }
}

/// The names of the fields that a caller wants; `None` for all.
type Wanted = Option<&'static [&'static str]>;

fn is_wanted(wanted: Wanted, field: &str) -> bool {
    wanted.is_none_or(|wanted| wanted.contains(&field))
}

/// The names as texts; raises 42703 for one that is neither a column nor was one when it was staged.
unsafe fn wanted(opened: &Version, relid: Oid, names: &[&[u8]]) -> &'static [&'static str] {
    // SAFETY: the copy of the name ends with a zero.
    unsafe {
        let lost = document::text(opened.lost());
        let texts: *mut &'static str = raw::alloc_array(names.len());
        for (index, name) in names.iter().enumerate() {
            let column: *mut u8 = raw::alloc_array(name.len() + 1);
            core::ptr::copy_nonoverlapping(name.as_ptr(), column, name.len());
            let text = document::utf8(name);
            if pg_sys::get_attnum(relid, column.cast()) <= 0 && !plan::has_field(lost, text) {
                Error::NoColumn {
                    column: text.to_owned(),
                    table: opened.table_name(),
                }
                .raise();
            }
            texts.add(index).write(text);
        }
        core::slice::from_raw_parts(texts, names.len())
    }
}

/// Raises 42703 where a wanted field was staged for a column that was dropped; main's side has it dropped.
unsafe fn check_lost(opened: &Version, wanted: Wanted, on_conflict: OnConflict) {
    if on_conflict == OnConflict::Theirs {
        return;
    }
    // SAFETY: the datum is a jsonb object.
    let lost = unsafe { document::text(opened.lost()) };
    if let Some(column) = plan::first_field(lost, |field| is_wanted(wanted, field)) {
        Error::DroppedColumn {
            column,
            table: opened.table_name(),
        }
        .raise();
    }
}

/// Locks the item's row as an update of it would, and gives what it has become.
unsafe fn lock(opened: &Version, relid: Oid) -> Datum {
    // SAFETY: the statement runs as the caller, whose rights it needs.
    unsafe {
        // A row that is not there must not ask for the right to update it.
        let before = mainrow::live(opened, Snapshot::New);
        let statement = version::statement(b"lock", opened, &[]);
        let locked = before.is_some()
            && spi::finds(statement, &[version::item_argument(opened)], Snapshot::New);
        match mainrow::live(opened, Snapshot::New) {
            Some(row) if locked => row,
            Some(_) => Error::NotWritable {
                item: opened.item_name(),
                table: relation_name(relid),
            }
            .raise(),
            None => Error::NoItem {
                item: opened.item_name(),
                table: relation_name(relid),
            }
            .raise(),
        }
    }
}

/// Works out what is to be written; raises 40001 for a conflict unless it goes to one side.
unsafe fn settle(
    opened: &Version,
    relid: Oid,
    main: Option<Datum>,
    wanted: Wanted,
    on_conflict: OnConflict,
) -> Writing {
    // SAFETY: texts lie in memory of the server; the plan is copied there and gone before the server is called again.
    unsafe {
        let staged = document::text(opened.delta());
        let delta = document::copy(plan::subset(staged, |field| is_wanted(wanted, field)));
        let laid = laid::over(relid, main, document::jsonb(delta));
        let sides = Sides {
            delta,
            base: document::text(opened.base()),
            main: main.map(|row| document::text(mainrow::image(relid, row))),
            laid: document::text(mainrow::image(relid, laid)),
        };
        let documents = documents(relid);
        let side = match on_conflict {
            OnConflict::Theirs => Side::Main,
            OnConflict::Error | OnConflict::Ours => Side::Version,
        };
        let Ok(plan) = Plan::new(sides, |field| documents.contains(&field), side) else {
            Error::Broken { part: "version" }.raise()
        };
        if on_conflict == OnConflict::Error && !plan.conflicts.is_empty() {
            let fields = plan
                .conflicts
                .iter()
                .map(|conflict| format!("\"{}\"", conflict.field));
            Error::Conflict {
                version: String::from_utf8_lossy(opened.key()).into_owned(),
                fields: fields.collect::<Vec<_>>().join(", "),
            }
            .raise();
        }
        let fields = document::list(plan.fields.iter());
        let columns = document::list(plan.write.keys());
        let values = document::copy(plan.object());
        drop(plan);
        let lost = plan::subset(document::text(opened.lost()), |field| {
            is_wanted(wanted, field)
        });
        let lost = document::copy(lost);
        Writing {
            fields: promoted(fields, lost),
            columns: document::server_names(columns),
            values: document::jsonb(values),
        }
    }
}

/// The names of all fields that leave the version, as a `text[]`: those that were looked at, and lost ones.
unsafe fn promoted(fields: &[&str], lost: &str) -> Datum {
    // SAFETY: names of an object.
    unsafe {
        let lost = document::list(plan::fields(lost).iter());
        let count = fields.len() + lost.len();
        let all: *mut &[u8] = raw::alloc_array(count);
        for (index, name) in fields.iter().chain(lost).enumerate() {
            all.add(index).write(document::server(name));
        }
        names_datum(core::slice::from_raw_parts(all, count))
    }
}

/// The columns of a table whose values are documents, merged by their keys.
///
/// # Safety
/// Must run in a transaction.
pub(super) unsafe fn documents(relid: Oid) -> &'static [&'static str] {
    // SAFETY: see above.
    unsafe {
        mainrow::column_names(relid, |column| {
            let typid = pg_sys::get_atttype(relid, column.index as pg_sys::AttrNumber + 1);
            laid::is_json(typid)
        })
    }
}

/// Writes the item as the caller.
unsafe fn write(opened: &Version, relid: Oid, main: Option<Datum>, writing: &Writing) -> Written {
    // SAFETY: the statement takes the item and a row of the table.
    unsafe {
        let row = laid::over(relid, main, writing.values);
        let kind: &[u8] = if main.is_some() { b"update" } else { b"insert" };
        let statement = version::statement(kind, opened, writing.columns);
        let arguments = [
            version::item_argument(opened),
            (pg_sys::get_rel_type_id(relid), Some(row)),
        ];
        let words = event::phrase(&[b"promoted from version \"", opened.key(), b"\""]);
        let mut command = 0;
        let mut run = || {
            command = promotion::begin(Promotion {
                collection: opened.collection(),
                source: opened.saved().map(|revision| revision.value() as i64),
                words,
            });
            let written = spi::run(statement, &arguments, Snapshot::New, |tuple, desc| {
                returned_item(relid, tuple, desc)
            });
            promotion::end();
            written
        };
        let (rows, item) = if main.is_some() {
            run()
        } else {
            required::told(relid, row, writing.columns, run)
        };
        let Some(item) = item.filter(|_| rows == 1) else {
            Error::Suppressed {
                table: relation_name(relid),
            }
            .raise()
        };
        let after = Version::of_item(opened.collection(), relid, text_datum(item));
        Written {
            item,
            row: mainrow::live(&after, Snapshot::New),
            command: Some(command),
        }
    }
}

/// The item's text of the key's values that a statement returned.
unsafe fn returned_item(relid: Oid, tuple: HeapTuple, desc: TupleDesc) -> &'static [u8] {
    // SAFETY: the statement returns the key's columns in their order.
    unsafe {
        let relation = raw::relation_open(relid, pg_sys::AccessShareLock as c_int);
        let tracked = &*relation::tracked(relation, capture::function());
        let values: *mut Datum = raw::alloc_array(tracked.natts);
        let nulls: *mut bool = raw::alloc_array(tracked.natts);
        core::ptr::write_bytes(nulls, 1, tracked.natts);
        for (position, key) in tracked.keys().iter().enumerate() {
            let index = tracked.columns()[*key].index;
            let number = c_int::try_from(position + 1).unwrap_or(0);
            let mut isnull = true;
            let value = raw::SPI_getbinval(tuple, desc, number, &raw mut isnull);
            *values.add(index) = value;
            *nulls.add(index) = isnull;
        }
        let item = item::text(tracked, Values { values, nulls });
        raw::relation_close(relation, pg_sys::NoLock as c_int);
        item
    }
}
