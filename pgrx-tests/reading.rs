//! Reading the views costs what is read, not what is recorded. Plans depend on what else the log
//! holds, so it is tried in databases of its own.
#![cfg(test)]

use super::support::{Session, client};
use postgres::{Client, NoTls};

/// Connect to a new database with 20,000 rows of the log for `x`, and as many tables besides.
fn recorded(session: &mut Session, database: &str, others: usize) -> Client {
    session.run(&format!("CREATE DATABASE {database}"));
    let port = session.text("SELECT current_setting('port')").unwrap();
    let user = session.text("SELECT current_user").unwrap();
    let mut client = postgres::Config::new()
        .host("localhost")
        .port(port.parse().unwrap())
        .user(&user)
        .dbname(database)
        .connect(NoTls)
        .unwrap();
    client
        .batch_execute("CREATE EXTENSION directus_versions")
        .unwrap();
    for table in (0..others).map(|n| format!("other{n}")).chain(["x".into()]) {
        client
            .batch_execute(&format!(
                "CREATE TABLE {table} (id int PRIMARY KEY, v text);
                 SELECT directus_versions.track('{table}');
                 INSERT INTO {table} SELECT i, 'v' FROM generate_series(1, 1000) i"
            ))
            .unwrap();
    }
    client
        .batch_execute(
            "INSERT INTO x SELECT i, 'v' FROM generate_series(1001, 10000) i;
             UPDATE x SET v = 'w';
             ANALYZE",
        )
        .unwrap();
    client
}

/// Give the plan of a query after it ran.
fn plan(client: &mut Client, query: &str) -> String {
    let explain = format!("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {query}");
    let rows = client.query(explain.as_str(), &[]).unwrap();
    let lines: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    lines.join("\n")
}

/// Give the number of rows that a line of a plan read from the log.
fn read(line: &str) -> Option<f64> {
    let (_, actual) = line
        .split_once("on log_default")?
        .1
        .split_once("actual rows=")?;
    let (rows, loops) = actual.trim_end_matches(')').split_once(" loops=")?;
    // Since 18 the mean of the loops has fractions.
    Some(rows.parse::<f64>().unwrap() * loops.parse::<f64>().unwrap())
}

/// Whether a good part of the log was read; a branch of the plan that did not run is none.
fn reads_all(plan: &str) -> bool {
    plan.lines().filter_map(read).any(|rows| rows > 500.0)
}

fn check(database: &str, others: usize) {
    let mut session = client();
    let mut client = recorded(&mut session, database, others);
    let mut problems = Vec::new();
    for (query, index) in [
        (
            "SELECT id, item, data FROM directus_versions.revisions ORDER BY id DESC LIMIT 3",
            "log_default_id_idx",
        ),
        (
            "SELECT * FROM directus_versions.activity ORDER BY id DESC LIMIT 3",
            "log_default_id_idx",
        ),
        (
            "SELECT id, item, data FROM directus_versions.revisions
             WHERE collection = 'x' AND item = '42'",
            "item = '42'",
        ),
        (
            "SELECT * FROM directus_versions.activity WHERE collection = 'x' AND item = '42'",
            "item = '42'",
        ),
    ] {
        let plan = plan(&mut client, query);
        let indexed = plan
            .lines()
            .any(|line| line.contains("Index") && line.contains(index));
        if reads_all(&plan) || !indexed {
            problems.push(format!("{query}\n{plan}"));
        }
    }
    drop(client);
    session.run(&format!("DROP DATABASE {database} WITH (FORCE)"));
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
}

#[test]
fn reading_takes_the_indexes_of_a_log_of_one_table() {
    check("reading_one", 0);
}

#[test]
fn reading_takes_the_indexes_of_a_log_of_several_tables() {
    check("reading_two", 1);
    check("reading_three", 2);
    check("reading_nine", 8);
}
