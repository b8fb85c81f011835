//! What a scope makes of an event, by the contract (DESIGN.md 3.2, 3.3 and 3.9).

use super::Fields;
use super::statements::Event;
use serde_json::Value;

const MASK: &str = "**********";

pub(super) struct Scope {
    pub(super) accountability: &'static str,
    /// Empty: all.
    pub(super) fields: &'static [&'static str],
    pub(super) exclude: &'static [&'static str],
    pub(super) ignore: &'static [&'static str],
    pub(super) mask: &'static [&'static str],
    /// Empty: the primary key, `id`.
    pub(super) key: &'static [&'static str],
    pub(super) snapshot: &'static str,
}

/// An activity, and its revision if it has one.
#[derive(Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) action: String,
    pub(super) item: Option<String>,
    pub(super) is_revision: bool,
    pub(super) delta: Option<Fields>,
    pub(super) prior: Option<Fields>,
    pub(super) data: Option<Fields>,
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        format!("{self:?}").cmp(&format!("{other:?}"))
    }
}

impl Scope {
    /// The arguments of `track` and `set_scope` behind the first.
    pub(super) fn options(&self) -> String {
        let list = |names: &[&str]| format!("'{{{}}}'", names.join(","));
        format!(
            "accountability => '{}', fields => {}, exclude => {}, ignore => {}, mask => {}, key => {}, snapshot => '{}'",
            self.accountability,
            list(self.fields),
            list(self.exclude),
            list(self.ignore),
            list(self.mask),
            list(self.key),
            self.snapshot
        )
    }

    fn is_saved(&self, name: &str) -> bool {
        (self.fields.is_empty() || self.fields.contains(&name)) && !self.exclude.contains(&name)
    }

    fn saved(&self, row: &Fields) -> Fields {
        let kept = row.iter().filter(|(name, _)| self.is_saved(name));
        kept.map(|(name, value)| {
            let is_hidden = self.mask.contains(&name.as_str()) && !value.is_null();
            let value = if is_hidden {
                Value::from(MASK)
            } else {
                value.clone()
            };
            (name.clone(), value)
        })
        .collect()
    }

    fn item(&self, row: &Fields) -> String {
        let plain = |value: &Value| {
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        };
        match self.key {
            [] => plain(&row["id"]),
            [name] => plain(&row[*name]),
            names => {
                let values: Vec<String> = names.iter().map(|name| row[*name].to_string()).collect();
                format!("[{}]", values.join(", "))
            }
        }
    }

    fn entry(&self, action: &str, item: Option<String>) -> Entry {
        Entry {
            action: action.to_owned(),
            item,
            is_revision: self.accountability == "all" && action != "truncate",
            delta: None,
            prior: None,
            data: None,
        }
    }

    fn with_data(mut entry: Entry, data: [Option<Fields>; 3]) -> Entry {
        if entry.is_revision {
            [entry.delta, entry.prior, entry.data] = data;
        }
        entry
    }

    fn create(&self, row: &Fields) -> Entry {
        let data = self.saved(row);
        let entry = self.entry("create", Some(self.item(row)));
        Self::with_data(entry, [Some(data.clone()), None, Some(data)])
    }

    fn delete(&self, row: &Fields) -> Entry {
        let data = self.saved(row);
        let entry = self.entry("delete", Some(self.item(row)));
        Self::with_data(entry, [None, Some(data.clone()), Some(data)])
    }

    fn update(&self, old: &Fields, new: &Fields) -> Option<Entry> {
        let is_changed = |name: &String| old.get(name) != new.get(name);
        let counts = |name: &String| {
            self.is_saved(name) && !self.ignore.contains(&name.as_str())
                || self.is_saved(name) && self.mask.contains(&name.as_str())
        };
        let is_moved = self.item(old) != self.item(new);
        if !is_moved && !new.keys().any(|name| is_changed(name) && counts(name)) {
            return None;
        }
        let part = |row: &Fields| {
            let mut saved = self.saved(row);
            saved.retain(|name, _| is_changed(name));
            saved
        };
        let entry = self.entry("update", Some(self.item(new)));
        Some(Self::with_data(
            entry,
            [Some(part(new)), Some(part(old)), Some(self.saved(new))],
        ))
    }

    /// What must be recorded of a statement: `truncate` first, then in no order, for a statement has none.
    pub(super) fn expected(&self, events: &[Event], mut rows: Vec<Fields>) -> Vec<Entry> {
        let mut truncate = Vec::new();
        let mut entries = Vec::new();
        for event in events {
            match event {
                Event::Create(row) => entries.push(self.create(row)),
                Event::Delete(id) => {
                    let place = place(&rows, *id);
                    entries.push(self.delete(&rows.remove(place)));
                }
                Event::Update(id, change) => {
                    let old = &rows[place(&rows, *id)];
                    let mut new = old.clone();
                    new.extend(change.clone());
                    entries.extend(self.update(old, &new));
                }
                Event::Truncate => truncate.push(self.entry("truncate", None)),
            }
        }
        entries.sort();
        truncate.extend(entries);
        if self.accountability == "none" {
            truncate.clear();
        }
        truncate
    }
}

fn place(rows: &[Fields], id: i64) -> usize {
    rows.iter()
        .position(|row| row["id"] == super::number(id))
        .unwrap()
}
