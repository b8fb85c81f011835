//! A promote beside another promote, a save and a write of main.

use crate::pg_tests::support::{Session, client};
use std::thread;

fn articles(schema: &str) -> Session {
    let mut session = client();
    session.run(&format!(
        "CREATE SCHEMA {schema}; SET search_path = {schema};
         CREATE TABLE articles (id int PRIMARY KEY, title text, body text, n int NOT NULL DEFAULT 0);
         SELECT directus_versions.track('articles');
         INSERT INTO articles VALUES (1, 'One', 'Text')"
    ));
    session
}

fn beside(schema: &str) -> Session {
    let mut session = client();
    session.run(&format!(
        "SET search_path = {schema}; SET lock_timeout = '30s'"
    ));
    session
}

fn version(session: &mut Session, key: &str, delta: &str) -> String {
    session
        .text(&format!(
            "SELECT directus_versions.create_version('articles', 1, '{key}', delta => '{delta}')"
        ))
        .unwrap()
}

/// Runs `second` in another session while `first` is not yet committed, and gives its SQLSTATE.
fn one_after_another(schema: &str, first: &str, second: &str, end: &str) -> String {
    let mut one = beside(schema);
    one.run(&format!("BEGIN; {first}"));
    let (schema, second) = (schema.to_owned(), second.to_owned());
    let mark = second.clone();
    let other = thread::spawn(move || beside(&schema).state(&second));
    beside("public").await_blocked(&mark);
    one.run(end);
    other.join().unwrap()
}

fn updates(session: &mut Session, schema: &str) -> i64 {
    session.int(&format!(
        "SELECT count(*) FROM directus_versions.activity WHERE collection = '{schema}.articles' AND action = 'update'"
    ))
}

#[test]
fn promote_two_promoters_write_once() {
    let schema = "promote_twice";
    let mut session = articles(schema);
    let id = version(&mut session, "draft", r#"{"title": "New"}"#);
    let promote = format!("SELECT directus_versions.promote_version('{id}')");
    assert_eq!(
        one_after_another(schema, &promote, &promote, "COMMIT"),
        "00000"
    );
    assert_eq!(updates(&mut session, schema), 1);
    session.check_history("articles");
}

#[test]
fn promote_draft_by_two_creates_one_item() {
    let schema = "promote_two_drafts";
    let mut session = articles(schema);
    let id = session
        .text("SELECT directus_versions.create_version('articles', NULL, 'draft', delta => '{\"id\": 7, \"title\": \"New\"}')")
        .unwrap();
    let promote = format!("SELECT directus_versions.promote_version('{id}')");
    assert_eq!(
        one_after_another(schema, &promote, &promote, "COMMIT"),
        "00000"
    );
    session.shows("SELECT count(*) FROM articles", "2");
}

#[test]
fn promote_after_one_that_rolled_back_writes() {
    let schema = "promote_rolled_back";
    let mut session = articles(schema);
    let id = version(&mut session, "draft", r#"{"title": "New"}"#);
    let promote = format!("SELECT directus_versions.promote_version('{id}')");
    assert_eq!(
        one_after_another(schema, &promote, &promote, "ROLLBACK"),
        "00000"
    );
    assert_eq!(updates(&mut session, schema), 1);
    session.shows("SELECT title FROM articles", "New");
    session.check_history("articles");
}

#[test]
fn promote_and_save_take_turns() {
    let schema = "promote_and_save";
    let mut session = articles(schema);
    let id = version(&mut session, "draft", r#"{"title": "New"}"#);
    let promote = format!("SELECT directus_versions.promote_version('{id}')");
    let save = |delta: &str| format!("SELECT directus_versions.save_version('{id}', '{delta}')");
    // What is saved while a promote is under way stays staged, on top of what the promote wrote.
    assert_eq!(
        one_after_another(schema, &promote, &save(r#"{"title": "Newer"}"#), "COMMIT"),
        "00000"
    );
    session.shows(
        &format!("SELECT delta || base::text FROM directus_versions.versions WHERE id = '{id}'"),
        r#"{"title": "Newer"}{"title": "New"}"#,
    );
    // A promote that waits for a save writes what it saved.
    assert_eq!(
        one_after_another(schema, &save(r#"{"body": "Saved"}"#), &promote, "COMMIT"),
        "00000"
    );
    session.shows("SELECT title || body FROM articles", "NewerSaved");
    session.shows(
        &format!("SELECT delta FROM directus_versions.versions WHERE id = '{id}'"),
        "{}",
    );
    session.check_history("articles");
}

#[test]
fn promote_sees_what_an_update_of_main_committed_meanwhile() {
    let schema = "promote_and_update";
    let mut session = articles(schema);
    let id = version(&mut session, "draft", r#"{"title": "Mine"}"#);
    let promote = format!("SELECT directus_versions.promote_version('{id}')");
    // Another field: both stay.
    assert_eq!(
        one_after_another(
            schema,
            "UPDATE articles SET body = 'Theirs'",
            &promote,
            "COMMIT"
        ),
        "00000"
    );
    session.shows("SELECT title || body FROM articles", "MineTheirs");
    // The same field: a conflict, though there was none when the promote began.
    session.run(&format!(
        "SELECT directus_versions.save_version('{id}', '{{\"title\": \"Mine 2\"}}')"
    ));
    assert_eq!(
        one_after_another(
            schema,
            "UPDATE articles SET title = 'Theirs'",
            &promote,
            "COMMIT"
        ),
        "40001"
    );
    session.shows("SELECT title FROM articles", "Theirs");
    assert_eq!(
        one_after_another(
            schema,
            "UPDATE articles SET title = 'Gone'",
            &format!("{promote} -- again"),
            "ROLLBACK"
        ),
        "40001"
    );
    // The hash that the caller saw is compared with what has become of the item.
    let hash = session
        .text(&format!(
            "SELECT directus_versions.compare_version('{id}') ->> 'mainHash'"
        ))
        .unwrap();
    let by_hash = format!(
        "SELECT directus_versions.promote_version('{id}', '{hash}', on_conflict => 'ours')"
    );
    assert_eq!(
        one_after_another(schema, "UPDATE articles SET n = n + 1", &by_hash, "COMMIT"),
        "40001"
    );
    session.check_history("articles");
}

#[test]
fn promote_waits_for_a_delete_and_finds_nothing() {
    let schema = "promote_and_delete";
    let mut session = articles(schema);
    let id = version(&mut session, "draft", r#"{"title": "Mine"}"#);
    let promote = format!("SELECT directus_versions.promote_version('{id}')");
    assert_eq!(
        one_after_another(schema, "DELETE FROM articles", &promote, "COMMIT"),
        "P0002"
    );
    session.shows("SELECT count(*) FROM articles", "0");
}

#[test]
fn promote_holds_up_an_update_of_main_that_then_goes_on() {
    let schema = "promote_first";
    let mut session = articles(schema);
    let id = version(&mut session, "draft", r#"{"title": "Mine"}"#);
    let promote = format!("SELECT directus_versions.promote_version('{id}')");
    let update = "UPDATE articles SET n = n + 1, body = title || '!'";
    assert_eq!(
        one_after_another(schema, &promote, update, "COMMIT"),
        "00000"
    );
    session.shows(
        "SELECT concat_ws(' ', title, body, n) FROM articles",
        "Mine Mine! 1",
    );
    session.check_history("articles");
}

#[test]
fn promote_in_a_snapshot_that_is_too_old_is_a_serialization_failure() {
    let schema = "promote_repeatable";
    let mut session = articles(schema);
    let id = version(&mut session, "draft", r#"{"title": "Mine"}"#);
    let mut old = beside(schema);
    old.run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT * FROM articles");
    session.run("UPDATE articles SET body = 'Theirs'");
    assert_eq!(
        old.state(&format!("SELECT directus_versions.promote_version('{id}')")),
        "40001"
    );
}

/// Several versions of a few items, promoted, saved and written around at once.
#[test]
fn promote_beside_everything_else_never_deadlocks_and_loses_nothing() {
    let schema = "promote_crowd";
    let mut session = articles(schema);
    session.run("INSERT INTO articles SELECT g, 'Item', 'Text' FROM generate_series(2, 3) g");
    let ids: Vec<String> = (1..=3)
        .flat_map(|item| ["a", "b"].map(|key| (item, key)))
        .map(|(item, key)| {
            session
                .text(&format!(
                    "SELECT directus_versions.create_version('articles', {item}, '{key}')"
                ))
                .unwrap()
        })
        .collect();
    let steps = 40;
    thread::scope(|scope| {
        for worker in 0..4_usize {
            let ids = &ids;
            scope.spawn(move || {
                let mut session = beside(schema);
                for step in 0..steps {
                    let id = &ids[(worker * 7 + step * 5) % ids.len()];
                    let sql = match (worker + step) % 3 {
                        0 => format!("SELECT directus_versions.save_version('{id}', '{{\"title\": \"w{worker}s{step}\"}}')"),
                        1 => format!("SELECT directus_versions.promote_version('{id}', on_conflict => 'ours')"),
                        _ => format!("UPDATE articles SET n = n + 1 WHERE id = {}", step % 3 + 1),
                    };
                    assert_eq!(session.state(&sql), "00000", "{sql}");
                }
            });
        }
    });
    let written: usize = (0..4)
        .map(|worker| (0..steps).filter(|step| (worker + step) % 3 == 2).count())
        .sum();
    session.shows("SELECT sum(n) FROM articles", &written.to_string());
    session.check_history("articles");
}
