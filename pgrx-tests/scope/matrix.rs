//! Each option of the scope with each kind of statement.
//!
//! A statement is written down with what it does to the rows. What must be recorded of that under an option follows from
//! the contract, and is worked out here without looking at the log.
#![cfg(test)]

mod expected;
mod statements;

use crate::pg_tests::support::{Session, in_schema, literal};
use expected::{Entry, Scope};
use serde_json::{Map, Value, json};
use statements::{Shape, Statement, base, statements};

type Fields = Map<String, Value>;

const ALL: Scope = Scope {
    accountability: "all",
    fields: &[],
    exclude: &[],
    ignore: &[],
    mask: &[],
    key: &[],
    snapshot: "keyframes",
};

const SCOPES: &[Scope] = &[
    ALL,
    Scope {
        accountability: "activity",
        ..ALL
    },
    Scope {
        accountability: "none",
        ..ALL
    },
    Scope {
        fields: &["id", "v"],
        ..ALL
    },
    Scope {
        fields: &["v", "n"],
        ..ALL
    },
    Scope {
        fields: &["g"],
        ..ALL
    },
    Scope {
        exclude: &["secret"],
        ..ALL
    },
    Scope {
        exclude: &["id", "v", "g"],
        ..ALL
    },
    Scope {
        exclude: &["v", "n", "secret", "g"],
        ..ALL
    },
    Scope {
        ignore: &["n"],
        ..ALL
    },
    Scope {
        ignore: &["v", "g", "secret"],
        ..ALL
    },
    Scope {
        ignore: &["id", "n"],
        ..ALL
    },
    Scope {
        mask: &["secret"],
        ..ALL
    },
    Scope {
        mask: &["v", "n", "g"],
        ..ALL
    },
    Scope { key: &["n"], ..ALL },
    Scope {
        key: &["v", "id"],
        ..ALL
    },
    Scope {
        snapshot: "always",
        ..ALL
    },
    Scope {
        fields: &["id", "v", "n", "secret"],
        exclude: &["v"],
        ignore: &["n"],
        mask: &["secret"],
        ..ALL
    },
    Scope {
        exclude: &["v"],
        ignore: &["n", "g"],
        mask: &["secret"],
        snapshot: "always",
        ..ALL
    },
    Scope {
        accountability: "activity",
        exclude: &["g"],
        ignore: &["n"],
        mask: &["secret", "v"],
        ..ALL
    },
    Scope {
        accountability: "activity",
        fields: &["v"],
        key: &["n", "id"],
        snapshot: "always",
        ..ALL
    },
    Scope {
        fields: &["n", "secret"],
        mask: &["v", "n"],
        key: &["id"],
        snapshot: "always",
        ..ALL
    },
    Scope {
        accountability: "none",
        mask: &["secret"],
        snapshot: "always",
        ..ALL
    },
];

/// How a scope comes to be.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Track,
    /// `set_scope` before the first row.
    Before,
    /// `set_scope` once rows were recorded under another scope.
    Midway,
}

fn set_up(session: &mut Session, shape: Shape, scope: &Scope, way: Way) {
    if way == Way::Track {
        session.run(&format!(
            "SELECT directus_versions.track('t', {})",
            scope.options()
        ));
    } else {
        session.run("SELECT directus_versions.track('t')");
    }
    let change = format!(
        "SELECT directus_versions.set_scope('t', {})",
        scope.options()
    );
    if way == Way::Before {
        session.run(&change);
    }
    session.run(shape.fill());
    if way == Way::Midway {
        session.run(&change);
    }
}

fn recorded(session: &mut Session, collection: &str, since: i64) -> Vec<Entry> {
    let rows = session.table(&format!(
        "SELECT a.action, a.item, r.delta, r.prior, r.data, r.id
         FROM directus_versions.activity a
         LEFT JOIN (SELECT * FROM directus_versions.revisions WHERE id > {since}) r ON r.activity = a.id
         WHERE a.collection = {} AND a.id > {since} ORDER BY a.id",
        literal(collection)
    ));
    let json = |text: &Option<String>| {
        text.as_deref()
            .map(|json| serde_json::from_str(json).unwrap())
    };
    let mut entries: Vec<Entry> = rows
        .iter()
        .map(|row| Entry {
            action: row[0].clone().unwrap(),
            item: row[1].clone(),
            is_revision: row[5].is_some(),
            delta: json(&row[2]),
            prior: json(&row[3]),
            data: json(&row[4]),
        })
        .collect();
    if entries
        .first()
        .is_some_and(|entry| entry.action == "truncate")
    {
        entries[1..].sort();
    } else {
        entries.sort();
    }
    entries
}

/// Run a statement in a savepoint and compare.
fn check(
    session: &mut Session,
    place: &str,
    collection: &str,
    shape: Shape,
    scope: &Scope,
    statement: &Statement,
) {
    let since = session.int("SELECT last_value FROM directus_versions.log_id");
    session.run("SAVEPOINT statement");
    let sql = statement.sql.replace("{part}", shape.part());
    match statement.input {
        Some(input) => session.copy(&sql, input),
        None => session.run(&sql),
    }
    let expected = scope.expected(&statement.events, base(shape));
    let found = recorded(session, collection, since);
    assert_eq!(found, expected, "{place}: {sql}\nunder {}", scope.options());
    let differing = session.table(&format!(
        "SELECT r.id, r.item, r.data, h.data FROM directus_versions.revisions r
         LEFT JOIN LATERAL directus_versions.history('t', r.item) h ON h.revision = r.id
         WHERE r.collection = {0} AND r.id > {since}
           AND (h.revision, h.delta, h.prior, h.data) IS DISTINCT FROM (r.id, r.delta, r.prior, r.data)",
        literal(collection)
    ));
    assert!(
        differing.is_empty(),
        "{place}: {sql}\nhistory differs: {differing:?}"
    );
    if scope.snapshot == "always" {
        let without = session.int(&format!(
            "SELECT count(*) FROM directus_versions.log l JOIN directus_versions.revisions r USING (id)
             WHERE l.id > {since} AND r.collection = {}
               AND directus_versions._whole(l.change) IS DISTINCT FROM r.data",
            literal(collection)
        ));
        assert_eq!(without, 0, "{place}: {sql}: data is not stored");
    }
    session.run("ROLLBACK TO statement; RELEASE statement");
}

fn walk(schema: &str, shape: Shape, ways: &[Way]) {
    let mut session = in_schema(schema);
    session.run("SET client_min_messages = error");
    session.run(shape.create());
    let collection = format!("{schema}.t");
    for scope in SCOPES {
        if shape.is_referring() && scope.key.contains(&"n") {
            continue;
        }
        for way in ways {
            session.run("BEGIN");
            set_up(&mut session, shape, scope, *way);
            for statement in statements(shape) {
                check(
                    &mut session,
                    &format!("{shape:?}, {way:?}"),
                    &collection,
                    shape,
                    scope,
                    &statement,
                );
            }
            session.run("ROLLBACK");
        }
    }
    session.run(&format!("DROP SCHEMA {schema} CASCADE"));
}

#[test]
fn scope_matrix_of_a_plain_table() {
    walk(
        "scom_plain",
        Shape::Plain,
        &[Way::Track, Way::Before, Way::Midway],
    );
}

#[test]
fn scope_matrix_of_a_partitioned_table() {
    walk("scom_parts", Shape::Partitioned, &[Way::Track, Way::Midway]);
}

#[test]
fn scope_matrix_of_inheritance() {
    walk("scom_heirs", Shape::Inherited, &[Way::Track, Way::Before]);
}

#[test]
fn scope_matrix_of_foreign_keys() {
    for (schema, shape) in [
        ("scom_cascade", Shape::Cascade),
        ("scom_null", Shape::SetNull),
        ("scom_default", Shape::SetDefault),
    ] {
        walk(schema, shape, &[Way::Track, Way::Midway]);
    }
}

/// What a replication subscription applies is recorded where that was asked for, in each way as anything else.
#[test]
fn scope_matrix_of_replicated_writes() {
    for (schema, shape) in [
        ("scom_repl", Shape::Plain),
        ("scom_repl_parts", Shape::Partitioned),
        ("scom_repl_heirs", Shape::Inherited),
    ] {
        let mut session = in_schema(schema);
        session.run(shape.create());
        let collection = format!("{schema}.t");
        let none = Scope {
            accountability: "none",
            ..ALL
        };
        for replicated in [true, false] {
            session.run("BEGIN");
            set_up(&mut session, shape, &ALL, Way::Track);
            session.run(&format!(
                "SELECT directus_versions.set_scope('t', replicated => {replicated});
                 SET LOCAL session_replication_role = replica"
            ));
            for statement in statements(shape) {
                let scope = if replicated { &ALL } else { &none };
                check(
                    &mut session,
                    &format!("{shape:?} as replica"),
                    &collection,
                    shape,
                    scope,
                    &statement,
                );
            }
            session.run("SET LOCAL session_replication_role = origin");
            for statement in statements(shape) {
                check(
                    &mut session,
                    &format!("{shape:?} as origin"),
                    &collection,
                    shape,
                    &ALL,
                    &statement,
                );
            }
            session.run("ROLLBACK");
        }
        session.run(&format!("DROP SCHEMA {schema} CASCADE"));
    }
}

/// A value as the fields of a row have it.
fn number(value: i64) -> Value {
    json!(value)
}
