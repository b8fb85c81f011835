//! What the tests share: SQL in, text out, errors as values, and the invariant of every log.
//!
//! The plain functions run inside a `#[pg_test]`, through SPI. A [`Session`] does the same over a
//! connection of its own, for `#[test]`s that need COMMIT, two sessions or COPY. Values come back
//! as `(value)::text`, so a boolean reads `true` or `false`.
#![allow(
    dead_code,
    reason = "the harness uses the sessions, the library uses SPI"
)]

mod replay;
mod rows;
mod sessions;

use pgrx::prelude::*;
use replay::{problems, verdict};

pub(crate) use rows::same_rows;
#[cfg(test)]
pub(crate) use sessions::{
    Session, alike, beside, client, drop_database, in_database, in_schema, listening,
};

/// A row of values, each as its text.
pub(crate) type Row = Vec<Option<String>>;

/// An error as an application sees it; what it does not say is empty.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Raised {
    pub(crate) state: String,
    pub(crate) message: String,
    pub(crate) detail: String,
    pub(crate) hint: String,
    pub(crate) constraint: String,
    pub(crate) table: String,
    pub(crate) column: String,
}

/// Quote a string as an SQL literal.
pub(crate) fn literal(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// Execute, several statements if need be.
pub(crate) fn run(sql: &str) {
    Spi::connect_mut(|client| client.update(sql, None, &[]).map(|_| ())).unwrap();
}

/// Give the first row's single value as text.
///
/// Besides a query this takes one `INSERT`, `UPDATE`, `DELETE` with a `RETURNING` of one value.
pub(crate) fn text(sql: &str) -> Option<String> {
    Spi::connect_mut(|client| {
        let rows = client.update(single(sql).as_str(), Some(1), &[]).unwrap();
        if rows.is_empty() {
            None
        } else {
            rows.first().get::<String>(1).unwrap()
        }
    })
}

/// Give the first row's single value as an integer; NULL and no row are a failure.
pub(crate) fn int(sql: &str) -> i64 {
    integer(sql, text(sql).as_deref())
}

/// Tell whether the first row's single value is true.
pub(crate) fn yes(sql: &str) -> bool {
    text(sql).as_deref() == Some("true")
}

/// Give all rows of a query, every column as text.
pub(crate) fn table(sql: &str) -> Vec<Row> {
    Spi::connect_mut(|client| {
        let probe = client.update(columns_of(sql).as_str(), None, &[]).unwrap();
        let width = probe.columns().unwrap();
        let rows = client.update(many(sql, width).as_str(), None, &[]).unwrap();
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            found.push(row.get::<Vec<Option<String>>>(1).unwrap().unwrap());
        }
        found
    })
}

/// Give the error that a statement raises; one that succeeds is a failure. What it did is undone.
pub(crate) fn error(sql: &str) -> Raised {
    let Some(raised) = attempt(sql) else {
        panic!("no error from: {sql}")
    };
    raised
}

/// Give the SQLSTATE of a statement, `00000` if it succeeds; then what it did stays.
pub(crate) fn state(sql: &str) -> String {
    attempt(sql).map_or_else(|| "00000".to_owned(), |raised| raised.state)
}

/// Check that replaying a tracked table's log, which saw all its rows come, gives the live table.
///
/// Every column must have a type whose `to_jsonb` is the log's form too: numbers, text, boolean,
/// uuid, json, jsonb.
pub(crate) fn check_history(table_name: &str) {
    verdict(table_name, &problems(&mut table, table_name, true));
}

/// Check the same for a table that had rows before it was tracked.
pub(crate) fn check_changes(table_name: &str) {
    verdict(table_name, &problems(&mut table, table_name, false));
}

/// Give a collection's activity, oldest first, an entry as `action item delta was prior` with what
/// it has of these: `create 1 {"v": "a", "id": 1}`, `update 1 {"v": "b"} was {"v": "a"}`,
/// `delete 1 was {"v": "b", "id": 1}`, `truncate`. Changes of the scope and purges are left out.
pub(crate) fn entries(collection: &str) -> Vec<String> {
    listed(table(&entries_of(collection)))
}

/// Require that the first row's single value is this text.
pub(crate) fn shows(sql: &str, expected: &str) {
    assert_eq!(text(sql).as_deref(), Some(expected), "{sql}");
}

fn entries_of(collection: &str) -> String {
    format!(
        "SELECT pg_catalog.concat_ws(' ', a.action, a.item, r.delta,
                    CASE WHEN a.action <> 'create' THEN 'was ' || r.prior::text END)
         FROM directus_versions.activity a
         LEFT JOIN directus_versions.revisions r ON r.activity = a.id
         WHERE a.collection = {} AND a.action NOT IN ('track', 'set_scope', 'untrack', 'relink', 'set_retention', 'purge')
         ORDER BY a.id, r.id",
        literal(collection)
    )
}

fn listed(rows: Vec<Row>) -> Vec<String> {
    rows.into_iter().flatten().flatten().collect()
}

fn attempt(sql: &str) -> Option<Raised> {
    run(&format!(
        "DO $raised_outer$
         DECLARE
             a text; b text; c text; d text; e text; f text; g text;
         BEGIN
             PERFORM pg_catalog.set_config('tests.raised', '', true);
             BEGIN
                 EXECUTE $raised_inner${sql}$raised_inner$;
                 RETURN;
             EXCEPTION WHEN OTHERS THEN
                 GET STACKED DIAGNOSTICS
                     a = RETURNED_SQLSTATE, b = MESSAGE_TEXT, c = PG_EXCEPTION_DETAIL,
                     d = PG_EXCEPTION_HINT, e = CONSTRAINT_NAME, f = TABLE_NAME, g = COLUMN_NAME;
             END;
             PERFORM pg_catalog.set_config('tests.raised',
                 pg_catalog.json_build_array(a, b, c, d, e, f, g)::pg_catalog.text, true);
         END $raised_outer$"
    ));
    let found = text("SELECT pg_catalog.current_setting('tests.raised')").unwrap_or_default();
    if found.is_empty() {
        return None;
    }
    let mut parts = serde_json::from_str::<Vec<Option<String>>>(&found)
        .unwrap()
        .into_iter();
    let mut part = || parts.next().flatten().unwrap_or_default();
    Some(Raised {
        state: part(),
        message: part(),
        detail: part(),
        hint: part(),
        constraint: part(),
        table: part(),
        column: part(),
    })
}

fn integer(sql: &str, value: Option<&str>) -> i64 {
    let Some(number) = value.and_then(|value| value.parse().ok()) else {
        panic!("not an integer, {value:?}: {sql}")
    };
    number
}

fn writes(sql: &str) -> bool {
    let word = sql
        .trim_start()
        .split(char::is_whitespace)
        .next()
        .unwrap_or_default();
    ["insert", "update", "delete"].contains(&word.to_lowercase().as_str())
}

fn single(sql: &str) -> String {
    if writes(sql) {
        format!("WITH q(v) AS (\n{sql}\n) SELECT (v)::pg_catalog.text FROM q")
    } else {
        format!("SELECT (v)::pg_catalog.text FROM (\n{sql}\n) q(v)")
    }
}

fn columns_of(sql: &str) -> String {
    format!("SELECT * FROM (\n{sql}\n) q LIMIT 0")
}

fn many(sql: &str, width: usize) -> String {
    let names: Vec<String> = (1..=width).map(|n| format!("c{n}")).collect();
    let texts: Vec<String> = names
        .iter()
        .map(|name| format!("({name})::pg_catalog.text"))
        .collect();
    format!(
        "SELECT ARRAY[{}] FROM (\n{sql}\n) q({})",
        texts.join(", "),
        names.join(", ")
    )
}

#[pgrx::pg_schema]
mod tests {
    use super::{error, int, run, state, table, text, yes};
    use pgrx::prelude::*;

    #[pg_test]
    fn support_ready() {
        assert!(yes("SELECT true"));
    }

    #[pg_test]
    fn support_reads_values_rows_and_errors() {
        run(
            "CREATE TABLE support_t (id int PRIMARY KEY, v text); INSERT INTO support_t VALUES (1, NULL)",
        );
        assert_eq!(text("SELECT v FROM support_t"), None);
        assert_eq!(
            text("INSERT INTO support_t VALUES (2, 'b') RETURNING id"),
            Some("2".to_owned())
        );
        assert_eq!(int("SELECT count(*) FROM support_t"), 2);
        assert_eq!(
            table("SELECT id, v FROM support_t ORDER BY id"),
            [
                [Some("1".to_owned()), None],
                [Some("2".to_owned()), Some("b".to_owned())]
            ]
        );
        let raised = error("INSERT INTO support_t VALUES (1, 'x')");
        assert_eq!(
            (raised.state.as_str(), raised.constraint.as_str()),
            ("23505", "support_t_pkey")
        );
        assert_eq!(raised.table, "support_t");
        assert_eq!(state("SELECT 1/0"), "22012");
        assert_eq!(state("INSERT INTO support_t VALUES (3, 'c')"), "00000");
        assert_eq!(int("SELECT count(*) FROM support_t"), 3);
    }
}
