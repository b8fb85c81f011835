//! `history`, `diff` and `blame`: what became of an item, whole after each event, oldest first.

mod arguments;
mod blame;
mod columns;
mod diff;
mod events;
mod gaps;
mod keys;
mod long;
mod older;
mod partitions;
mod rights;
mod scope;
mod sessions;
mod transactions;

use super::fidelity::no_problems;
use super::support::{Row, literal, run, table};

/// Create and track a table of an id, a text `v` and a number `n`.
fn tracked(name: &str) {
    run(&format!(
        "CREATE TABLE {name} (id int PRIMARY KEY, v text, n int);
         SELECT directus_versions.track('{name}')"
    ));
}

/// Give an item's history, a row as `action data`: `create {"v": "a", "id": 1}`.
fn steps(target: &str, item: &str) -> Vec<String> {
    listed(&format!(
        "SELECT concat_ws(' ', action, data)
         FROM directus_versions.history({}, {}::text)",
        literal(target),
        literal(item)
    ))
}

/// Give one column of an item's history, `-` for NULL.
fn column(target: &str, item: &str, column: &str) -> Vec<String> {
    listed(&format!(
        "SELECT coalesce(({column})::text, '-')
         FROM directus_versions.history({}, {}::text)",
        literal(target),
        literal(item)
    ))
}

fn listed(sql: &str) -> Vec<String> {
    table(sql).into_iter().flatten().flatten().collect()
}

/// Give rows of texts as the helpers give them.
fn rows<const N: usize>(expected: &[[&str; N]]) -> Vec<Row> {
    expected
        .iter()
        .map(|row| row.iter().map(|part| Some((*part).to_owned())).collect())
        .collect()
}

/// Give the id of the newest revision of a collection.
fn newest(collection: &str) -> i64 {
    super::support::int(&format!(
        "SELECT max(id) FROM directus_versions.revisions WHERE collection = {}",
        literal(collection)
    ))
}

/// Give SQL that tells what is wrong with the histories of a table that was tracked when it was
/// empty: each is a chain in which every row follows from the one before, and ends at the live row.
///
/// Every column must have a type whose `to_jsonb` is the log's form too.
pub(crate) fn broken(target: &str) -> String {
    let name = literal(target);
    format!(
        "WITH items AS (
             SELECT DISTINCT r.item FROM directus_versions.revisions r
             WHERE r.collection = (SELECT c.collection FROM directus_versions.collections c
                                   WHERE c.target = {name}::regclass)
         ), told AS (
             SELECT i.item AS of_item, h.*, lag(h.data) OVER one AS was, lag(h.action) OVER one AS behind,
                    lead(h.n) OVER one IS NULL AS is_last
             FROM items i
             CROSS JOIN LATERAL directus_versions.history({name}, i.item) WITH ORDINALITY
                 AS h(revision, action, actor, at, delta, prior, data, comment, version, n)
             WINDOW one AS (PARTITION BY i.item ORDER BY h.n)
         ), live AS (
             SELECT directus_versions.item_of(t) AS item, to_jsonb(t) AS data FROM {target} t
         )
         SELECT format('history of %s, revision %s: %s', of_item, revision, p.problem)
         FROM told
         LEFT JOIN live ON live.item = of_item
         LEFT JOIN directus_versions.revisions r ON r.id = revision
         CROSS JOIN LATERAL (VALUES
             (CASE WHEN r.id IS NULL THEN 'no such revision' END),
             (CASE WHEN told.data IS NULL THEN 'no data' END),
             (CASE action
              WHEN 'create' THEN CASE
                  WHEN n > 1 AND behind <> 'delete' THEN 'a create after ' || behind
                  WHEN told.delta::text IS DISTINCT FROM told.data::text OR told.prior IS NOT NULL
                  THEN format('a create of %s with data %s', told.delta, told.data) END
              WHEN 'update' THEN CASE
                  WHEN was IS NULL OR behind = 'delete' THEN 'an update of nothing'
                  WHEN (was || told.delta)::text IS DISTINCT FROM told.data::text
                  THEN format('%s and %s do not give %s', was, told.delta, told.data)
                  WHEN (was || told.prior)::text IS DISTINCT FROM was::text
                  THEN format('prior %s was not so in %s', told.prior, was)
                  WHEN ARRAY(SELECT jsonb_object_keys(told.delta)) <> ARRAY(SELECT jsonb_object_keys(told.prior))
                  THEN format('delta %s has other fields than prior %s', told.delta, told.prior) END
              WHEN 'delete' THEN CASE
                  WHEN told.delta IS NOT NULL OR told.data::text IS DISTINCT FROM told.prior::text
                      OR told.data::text IS DISTINCT FROM was::text
                  THEN format('a delete of %s, prior %s, with data %s', was, told.prior, told.data) END
              ELSE 'an action ' || action END),
             (CASE WHEN is_last AND live.item IS NOT NULL AND (action = 'delete'
                  OR told.data::text IS DISTINCT FROM live.data::text)
              THEN format('the live row is %s and not %s', live.data, told.data) END),
             (CASE WHEN is_last AND live.item IS NULL AND (action = 'create'
                  OR action = 'update' AND r.item = of_item)
              THEN 'ends with a row that is not there' END)
         ) p(problem)
         WHERE p.problem IS NOT NULL
         UNION ALL
         SELECT format('no history of %s', item) FROM live WHERE item NOT IN (SELECT item FROM items)"
    )
}

/// Check the histories of every item of a table that was tracked when it was empty.
fn check(target: &str) {
    no_problems(&broken(target));
}
