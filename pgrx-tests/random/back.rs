//! Back from random workloads: each time between two transactions is travelled to and reverted to,
//! and each transaction is undone, and every time the table is what it was, byte by byte.

use super::runner::{perform, run};
use super::workload::{Table, Workload};
use crate::pg_tests::history::broken;
use crate::pg_tests::support::{Session, literal};
use crate::pg_tests::travel::{moment, now, then};

/// Run the statements with a copy of the table after each transaction; give their times.
fn copied(session: &mut Session, table: &Table, workload: &Workload) -> Vec<String> {
    let name = &table.name;
    let mut times = Vec::new();
    perform(session, table, workload, |session| {
        if times.is_empty() {
            session.run(&format!(
                "CREATE TABLE {name}_copies (at timestamptz, r {name}); CREATE TABLE {name}_times (at timestamptz)"
            ));
        }
        let at = moment(session);
        session.run(&format!(
            "INSERT INTO {name}_copies SELECT {at}, t FROM {name} t; INSERT INTO {name}_times VALUES ({at})"
        ));
        times.push(at);
    });
    times
}

fn copy(name: &str, at: &str) -> String {
    format!("SELECT r FROM {name}_copies WHERE at = {at}")
}

/// Require that every time is as it was.
fn check_travel(session: &mut Session, name: &str, times: &[String]) {
    for at in times {
        session.same_rows(&then(name, at), &copy(name, at));
    }
    session.same_rows(&then(name, "'infinity'"), &now(name));
    let empty = format!("{} WHERE false", now(name));
    session.same_rows(&then(name, "'-infinity'"), &empty);
}

fn drop_tables(session: &mut Session, name: &str) {
    session.run(&format!(
        "DROP TABLE {name}_copies; DROP TABLE {name}_times; DROP TABLE {name}"
    ));
}

fn travels(session: &mut Session, table: &Table, workload: &Workload) {
    let name = &table.name;
    let times = copied(session, table, workload);
    check_travel(session, name, &times);
    if !table.lossy {
        let problems = session.table(&broken(name));
        let problems: Vec<String> = problems.into_iter().flatten().flatten().collect();
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }
    drop_tables(session, name);
}

fn reverts(session: &mut Session, table: &Table, workload: &Workload) {
    let name = &table.name;
    let times = copied(session, table, workload);
    for at in times.iter().rev().chain(&times) {
        session.run(&format!(
            "SELECT * FROM directus_versions.revert_collection('{name}', {at})"
        ));
        session.same_rows(&now(name), &copy(name, at));
    }
    check_travel(session, name, &times);
    drop_tables(session, name);
}

/// Undo all transactions, the newest first: after each, the table is what it was before it.
fn undoes(session: &mut Session, table: &Table, workload: &Workload) {
    let name = &table.name;
    let times = copied(session, table, workload);
    let transactions = session.table(&format!(
        "SELECT a.transaction, min(a.\"timestamp\") AT TIME ZONE 'UTC'
         FROM directus_versions.activity a WHERE a.collection = {} GROUP BY 1 ORDER BY min(a.id) DESC",
        literal(name)
    ));
    for row in transactions {
        let (id, began) = (row[0].clone().unwrap(), row[1].clone().unwrap());
        session.run(&format!(
            "SELECT * FROM directus_versions.undo_transaction('{id}')"
        ));
        session.same_rows(
            &now(name),
            &format!(
                "SELECT r FROM {name}_copies
                 WHERE at = (SELECT max(at) FROM {name}_times WHERE at < '{began}+00'::timestamptz)"
            ),
        );
    }
    check_travel(session, name, &times);
    drop_tables(session, name);
}

fn tables() -> [(&'static str, Table); 3] {
    let lossy = Table {
        lossy: true,
        ..Table::default()
    };
    let deferrable = Table {
        deferrable: true,
        ..lossy.clone()
    };
    [
        ("plain", Table::default()),
        ("lossy", lossy),
        ("shifting", deferrable),
    ]
}

#[test]
fn random_times_are_travelled_to() {
    for (kind, table) in tables() {
        run(&format!("travel_{kind}"), 15, table, travels);
    }
}

#[test]
fn random_times_are_reverted_to() {
    for (kind, table) in tables() {
        run(&format!("revert_{kind}"), 12, table, reverts);
    }
}

#[test]
fn random_transactions_are_undone() {
    for (kind, table) in tables() {
        run(&format!("undo_{kind}"), 12, table, undoes);
    }
}
