//! The invariant of every log: replayed from its first revision it gives the live table.

use super::{Row, literal};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, VecDeque};

type Fields = Map<String, Value>;
type Fetch<'a> = dyn FnMut(&str) -> Vec<Row> + 'a;

/// How a table is tracked, as `collections` tells it.
struct Tracked {
    collection: String,
    key: Vec<String>,
    kept: Option<Vec<String>>,
    dropped: Vec<String>,
}

impl Tracked {
    fn read(fetch: &mut Fetch, table_name: &str) -> Option<Self> {
        let name = literal(table_name);
        let columns = |what: &str| {
            format!(
                "NULLIF(ARRAY(SELECT a.attname::text
                   FROM pg_catalog.pg_index i
                   CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY k(n, place)
                   JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.n
                   WHERE i.indrelid = c.target AND {what} ORDER BY place), '{{}}'::text[])"
            )
        };
        let rows = fetch(&format!(
            "SELECT c.collection,
                    to_json(coalesce(c.key::text[], {}, {})),
                    to_json(NULLIF(c.fields::text[], '{{}}')),
                    to_json(c.exclude::text[] || c.ignore::text[] || c.mask::text[])
             FROM directus_versions.collections c WHERE c.target = {name}::regclass",
            columns("i.indisprimary"),
            columns("i.indisreplident"),
        ));
        let row = rows.into_iter().next()?;
        let list = |at: usize| {
            row[at]
                .as_deref()
                .map(|json| serde_json::from_str::<Vec<String>>(json).unwrap())
        };
        Some(Self {
            collection: row[0].clone().unwrap(),
            key: list(1).unwrap_or_default(),
            kept: list(2),
            dropped: list(3).unwrap_or_default(),
        })
    }

    fn item(&self, row: &Fields) -> String {
        if let [name] = self.key.as_slice() {
            return plain(row.get(name).unwrap_or(&Value::Null));
        }
        let values: Vec<String> = self
            .key
            .iter()
            .map(|name| row.get(name).unwrap_or(&Value::Null).to_string())
            .collect();
        format!("[{}]", values.join(", "))
    }

    /// Give the item that a row was before `prior` changed.
    fn item_before(&self, item: &str, prior: &Fields) -> String {
        if !self.key.iter().any(|name| prior.contains_key(name)) {
            return item.to_owned();
        }
        let mut key = Fields::new();
        if self.key.len() > 1 {
            let values: Vec<Value> = serde_json::from_str(item).unwrap_or_default();
            key.extend(self.key.iter().cloned().zip(values));
        }
        for name in &self.key {
            if let Some(value) = prior.get(name) {
                key.insert(name.clone(), value.clone());
            }
        }
        self.item(&key)
    }

    /// Leave only the fields whose every value is in the log.
    fn replayed(&self, row: &Fields) -> Fields {
        row.iter()
            .filter(|(name, _)| !self.dropped.contains(name))
            .filter(|(name, _)| self.kept.as_ref().is_none_or(|kept| kept.contains(name)))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn fields(json: Option<&str>) -> Option<Fields> {
    json.map(|json| serde_json::from_str(json).unwrap())
}

fn holds(row: &Fields, part: &Fields) -> bool {
    part.iter()
        .all(|(name, value)| row.get(name) == Some(value))
}

fn laid_over(row: &Fields, part: &Fields) -> Fields {
    let mut whole = row.clone();
    whole.extend(
        part.iter()
            .map(|(name, value)| (name.clone(), value.clone())),
    );
    whole
}

/// The rows of a table as its log tells them. One item may have two states for the time that a
/// statement such as `SET id = id + 1` has left one key and not yet the next.
#[derive(Default)]
struct Replay {
    states: BTreeMap<String, VecDeque<Fields>>,
    problems: Vec<String>,
}

impl Replay {
    fn blame(&mut self, id: &str, what: impl AsRef<str>) {
        self.problems
            .push(format!("revision {id}: {}", what.as_ref()));
    }

    fn take(&mut self, item: &str, prior: &Fields) -> Option<Fields> {
        let states = self.states.get_mut(item)?;
        let place = states.iter().position(|row| holds(row, prior)).unwrap_or(0);
        states.remove(place)
    }

    fn put(&mut self, item: &str, row: Fields) {
        self.states
            .entry(item.to_owned())
            .or_default()
            .push_back(row);
    }

    fn revision(&mut self, tracked: &Tracked, strict: bool, row: &Row) {
        let id = row[0].clone().unwrap();
        let action = row[1].clone().unwrap_or_default();
        let item = row[2].clone().unwrap_or_default();
        let part = |at: usize| fields(row[at].as_deref()).map(|row| tracked.replayed(&row));
        let (delta, prior) = (part(3), part(4));
        let Some(data) = part(5) else {
            return self.blame(&id, "has no data");
        };
        match action.as_str() {
            "create" => {
                if delta.as_ref() != Some(&data) {
                    self.blame(
                        &id,
                        format!("a create with delta {delta:?} and data {data:?}"),
                    );
                }
                self.put(&item, data);
            }
            "update" => {
                let (delta, prior) = (delta.unwrap_or_default(), prior.unwrap_or_default());
                if !delta.keys().eq(prior.keys()) {
                    self.blame(
                        &id,
                        format!("delta {delta:?} and prior {prior:?} differ in fields"),
                    );
                }
                if let Some(name) = delta
                    .keys()
                    .find(|name| delta.get(*name) == prior.get(*name))
                {
                    self.blame(
                        &id,
                        format!("\"{name}\" is in the delta and did not change"),
                    );
                }
                let old_item = tracked.item_before(&item, &prior);
                let before = match self.take(&old_item, &prior) {
                    Some(before) => before,
                    None if strict => {
                        return self.blame(&id, format!("no item {old_item} to update"));
                    }
                    None => laid_over(&data, &prior),
                };
                if !holds(&before, &prior) {
                    self.blame(
                        &id,
                        format!("prior {prior:?} is not the state before, {before:?}"),
                    );
                }
                let after = laid_over(&before, &delta);
                if after != data {
                    self.blame(&id, format!("data {data:?} is not the replayed {after:?}"));
                }
                self.put(&item, after);
            }
            "delete" => {
                if delta.is_some() {
                    self.blame(&id, "a delete with delta");
                }
                if prior.as_ref() != Some(&data) {
                    self.blame(
                        &id,
                        format!("a delete with prior {prior:?} and data {data:?}"),
                    );
                }
                match self.take(&item, &data) {
                    Some(before) if before != data => {
                        self.blame(&id, format!("deleted {data:?}, replayed {before:?}"));
                    }
                    None if strict => self.blame(&id, format!("no item {item} to delete")),
                    _ => (),
                }
            }
            other => self.blame(&id, format!("a revision of action {other}")),
        }
    }

    fn compare(&mut self, tracked: &Tracked, strict: bool, live: &[Row]) {
        for row in live {
            let whole = fields(row[0].as_deref()).unwrap();
            let item = tracked.item(&whole);
            let states = self.states.remove(&item).unwrap_or_default();
            let live = tracked.replayed(&whole);
            match (states.len(), states.front()) {
                (1, Some(state)) if *state == live => (),
                (0, _) if !strict => (),
                _ => self
                    .problems
                    .push(format!("item {item} is {live:?}, the log says {states:?}")),
            }
        }
        for (item, states) in &self.states {
            if !states.is_empty() {
                self.problems
                    .push(format!("item {item} is gone, the log says {states:?}"));
            }
        }
    }
}

/// Order revisions, sorted by id, as they happened: within a transaction the command comes first.
/// The row of a statement is recorded only after its triggers, which may change that row again.
fn in_order(revisions: &[Row]) -> Vec<&Row> {
    let mut transactions: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, row) in revisions.iter().enumerate() {
        transactions
            .entry(row[6].as_deref().unwrap())
            .or_default()
            .push(place);
    }
    let mut order: Vec<usize> = (0..revisions.len()).collect();
    for places in transactions.values() {
        let mut sorted = places.clone();
        sorted.sort_by_key(|place| {
            let command = revisions[*place][7].as_deref().unwrap();
            (command.parse::<i64>().unwrap(), *place)
        });
        for (place, row) in places.iter().zip(sorted) {
            order[*place] = row;
        }
    }
    order.into_iter().map(|place| &revisions[place]).collect()
}

pub(super) fn problems(fetch: &mut Fetch, table_name: &str, strict: bool) -> Vec<String> {
    let Some(tracked) = Tracked::read(fetch, table_name) else {
        return vec![format!(
            "{table_name} is not in directus_versions.collections"
        )];
    };
    let revisions = fetch(&format!(
        "SELECT r.id, a.action, r.item, r.delta, r.prior, r.data, a.transaction, l.command
         FROM directus_versions.revisions r
         JOIN directus_versions.activity a ON a.id = r.activity
         JOIN directus_versions.log l ON l.id = r.id
         WHERE r.collection = {} AND r.version IS NULL ORDER BY r.id",
        literal(&tracked.collection)
    ));
    let live = fetch(&format!(
        "SELECT pg_catalog.to_jsonb(t) FROM {table_name} t"
    ));
    let mut replay = Replay::default();
    for row in in_order(&revisions) {
        replay.revision(&tracked, strict, row);
    }
    replay.compare(&tracked, strict, &live);
    replay.problems
}

pub(super) fn verdict(table_name: &str, problems: &[String]) {
    assert!(
        problems.is_empty(),
        "the log of {table_name} is wrong:\n{}",
        problems.join("\n")
    );
}
