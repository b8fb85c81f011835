//! What a version stages beside what its item has become.

use super::column::Column;
use super::document;
use super::gate::ask;
use super::laid;
use super::mainrow;
use super::promote;
use super::raw;
use super::sight::Sight;
use super::spi::Snapshot;
use super::version::{self, Version};
use crate::error::Error;
use crate::merge::Side;
use crate::plan::{self, Plan, Sides};
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, FunctionCallInfo, Oid};

/// `compare_version(version)`.
///
/// # Safety
/// Called by the function manager with this argument.
pub(super) unsafe fn compare(call: FunctionCallInfo) -> Datum {
    // SAFETY: texts lie in memory of the server.
    unsafe {
        let opened = version::read(call, 0);
        let relid = opened.table();
        let row = mainrow::live(&opened, Snapshot::Callers);
        let main = row.map(|row| mainrow::data(relid, row));
        let main_hash = main.map(|data| mainrow::hash(data));
        let is_outdated = match (opened.item(), row) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(_), Some(row)) => {
                let now = mainrow::hash_of_row(relid, row);
                opened.hash() != Some(raw::payload(now.cast_mut_ptr::<u8>()))
            }
        };
        let visible = visible_fields(relid);
        let sees = |field: &str| visible.contains(&field);
        let problems = problems(&opened, relid, visible);
        let conflicts = conflicts(&opened, relid, row, problems, visible);
        let staged = document::text(opened.delta());
        let key = row.map_or("{}", |row| document::text(key_of(relid, row)));
        let main = main.map(|data| document::text(data));
        let mut parts = vec![
            ("outdated", is_outdated.to_string()),
            ("current", plan::united(key, staged, sees)),
            ("conflicts", conflicts.to_owned()),
        ];
        parts.push(("main", main.unwrap_or("null").to_owned()));
        let main_hash = main_hash.map(|hash| {
            let hash = raw::payload(hash.cast_mut_ptr::<u8>());
            format!("\"{}\"", String::from_utf8_lossy(hash))
        });
        parts.push(("mainHash", main_hash.unwrap_or("null".into())));
        if problems != "[]" {
            parts.push(("problems", problems.to_owned()));
        }
        let members = parts
            .iter()
            .map(|(name, value)| format!("\"{name}\":{value}"));
        let text = format!("{{{}}}", members.collect::<Vec<_>>().join(","));
        drop(parts);
        document::jsonb(document::copy(text))
    }
}

/// The staged fields that cannot be promoted as they are, as a JSON array.
unsafe fn problems(opened: &Version, relid: Oid, visible: &[&str]) -> &'static str {
    // SAFETY: `_problems` takes these arguments.
    unsafe {
        let staged = document::text(opened.delta());
        let delta = document::copy(plan::subset(staged, |field| visible.contains(&field)));
        // Whether a column that is gone might be selected is not known.
        let lost = if Sight::of(relid).sees_all() {
            opened.lost()
        } else {
            document::jsonb("{}")
        };
        let arguments = [
            (pg_sys::REGCLASSOID, Some(Datum::from(relid))),
            (pg_sys::JSONBOID, Some(document::jsonb(delta))),
            (pg_sys::JSONBOID, Some(lost)),
        ];
        ask(c"_problems", &arguments).map_or("[]", |problems| document::text(problems))
    }
}

/// The fields that changed on both sides and that the caller may select, as a JSON array.
unsafe fn conflicts(
    opened: &Version,
    relid: Oid,
    row: Option<Datum>,
    problems: &str,
    visible: &[&str],
) -> &'static str {
    // SAFETY: texts lie in memory of the server; the plan is gone before the server is called again.
    unsafe {
        let Some(row) = row else {
            return "[]";
        };
        let staged = document::text(opened.delta());
        let sound = plan::subset(staged, |field| {
            visible.contains(&field) && !plan::is_told_of(problems, field)
        });
        let delta = document::copy(sound);
        let laid = laid::over(relid, Some(row), document::jsonb(delta));
        let sides = Sides {
            delta,
            base: document::text(opened.base()),
            main: Some(document::text(mainrow::image(relid, row))),
            laid: document::text(mainrow::image(relid, laid)),
        };
        let documents = promote::documents(relid);
        let Ok(plan) = Plan::new(sides, |field| documents.contains(&field), Side::Version) else {
            Error::Broken { part: "version" }.raise()
        };
        document::copy(plan.conflicts())
    }
}

/// The names of the columns that the caller may select.
unsafe fn visible_fields(relid: Oid) -> &'static [&'static str] {
    // SAFETY: names lie in the memory of what is known of the relation, and are copied.
    unsafe {
        let sight = Sight::of(relid);
        mainrow::column_names(relid, |column| mainrow::sees(&sight, column))
    }
}

/// The fields of an item's key that the caller may select.
unsafe fn key_of(relid: Oid, row: Datum) -> Datum {
    // SAFETY: see `mainrow::key_columns`.
    unsafe {
        let key = mainrow::key_columns(relid);
        let sight = Sight::of(relid);
        let is_key = |column: &Column| key.contains(&column.index);
        laid::object(relid, row, false, |column| {
            is_key(column) && mainrow::sees(&sight, column)
        })
    }
}
