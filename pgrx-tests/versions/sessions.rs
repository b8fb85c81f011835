//! Two at once: nothing is lost, nothing waits that need not.

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

fn create(session: &mut Session, delta: &str) -> String {
    session
        .text(&format!(
            "SELECT directus_versions.create_version('articles', 1, 'draft', delta => '{delta}')"
        ))
        .unwrap()
}

/// Runs `second` in another session while `first` is not yet committed, and gives its SQLSTATE.
fn one_after_another(schema: &str, first: &str, second: &str) -> String {
    let mut one = beside(schema);
    one.run(&format!("BEGIN; {first}"));
    let (schema, second) = (schema.to_owned(), second.to_owned());
    let mark = second.clone();
    let other = thread::spawn(move || beside(&schema).state(&second));
    beside("public").await_blocked(&mark);
    one.run("COMMIT");
    other.join().unwrap()
}

#[test]
fn versions_two_savers_lose_nothing() {
    let schema = "versions_two_savers";
    let mut session = articles(schema);
    let id = create(&mut session, "{}");
    let state = one_after_another(
        schema,
        &format!("SELECT directus_versions.save_version('{id}', '{{\"title\": \"A\", \"n\": 1}}')"),
        &format!("SELECT directus_versions.save_version('{id}', '{{\"body\": \"B\", \"n\": 2}}')"),
    );
    assert_eq!(state, "00000");
    session.shows(
        &format!("SELECT delta FROM directus_versions.versions WHERE id = '{id}'"),
        r#"{"n": 2, "body": "B", "title": "A"}"#,
    );
    session.check_history("articles");
}

#[test]
fn versions_many_savers_lose_nothing() {
    let schema = "versions_many_savers";
    let mut session = articles(schema);
    session.run(
        "CREATE TABLE wide (id int PRIMARY KEY);
         DO $$ BEGIN FOR i IN 1..80 LOOP EXECUTE format('ALTER TABLE wide ADD c%s int', i); END LOOP; END $$;
         SELECT directus_versions.track('wide'); INSERT INTO wide VALUES (1)",
    );
    let id = session
        .text("SELECT directus_versions.create_version('wide', 1, 'draft')")
        .unwrap();
    thread::scope(|scope| {
        for worker in 0..4 {
            let id = &id;
            scope.spawn(move || {
                let mut session = beside(schema);
                for step in 1..=20 {
                    let column = worker * 20 + step;
                    session.run(&format!("SELECT directus_versions.save_version('{id}', '{{\"c{column}\": {column}}}')"));
                }
            });
        }
    });
    session.shows(
        &format!("SELECT count(*) FROM directus_versions.versions v, jsonb_each_text(v.delta) e WHERE v.id = '{id}' AND e.key = 'c' || e.value"),
        "80",
    );
    session.shows(
        &format!("SELECT count(*) FROM directus_versions.revisions WHERE version = '{id}'"),
        "80",
    );
}

#[test]
fn versions_of_one_key_are_made_once() {
    let schema = "versions_made_once";
    let mut session = articles(schema);
    let state = one_after_another(
        schema,
        "SELECT directus_versions.create_version('articles', 1, 'draft')",
        "SELECT directus_versions.create_version('articles', 1, 'draft')",
    );
    assert_eq!(state, "42710");
    session.shows("SELECT count(*) FROM directus_versions.versions WHERE collection = 'versions_made_once.articles'", "1");
}

#[test]
fn versions_are_not_made_of_an_item_that_goes_meanwhile() {
    for (number, (write, state)) in [
        ("DELETE FROM articles WHERE id = 1", "P0002"),
        ("UPDATE articles SET id = 2 WHERE id = 1", "P0002"),
    ]
    .into_iter()
    .enumerate()
    {
        let schema = format!("versions_going_{number}");
        articles(&schema);
        let create = "SELECT directus_versions.create_version('articles', 1, 'draft')";
        assert_eq!(one_after_another(&schema, write, create), state, "{write}");
    }
}

#[test]
fn versions_follow_a_key_that_changes_right_after() {
    let schema = "versions_key_after";
    let mut session = articles(schema);
    let state = one_after_another(
        schema,
        "SELECT directus_versions.create_version('articles', 1, 'draft', delta => '{\"title\": \"New\"}')",
        "UPDATE articles SET id = 2 WHERE id = 1",
    );
    assert_eq!(state, "00000");
    session.shows("SELECT item FROM directus_versions.versions WHERE collection = 'versions_key_after.articles'", "2");
}

#[test]
fn versions_saves_and_writers_of_main_do_not_wait_for_each_other() {
    let schema = "versions_no_wait";
    let mut session = articles(schema);
    let id = create(&mut session, "{}");
    let (mut saver, mut writer) = (beside(schema), beside(schema));
    saver.run("SET lock_timeout = '5s'; BEGIN");
    writer.run("SET lock_timeout = '5s'; BEGIN");
    saver.run(&format!(
        "SELECT directus_versions.save_version('{id}', '{{\"title\": \"A\"}}')"
    ));
    writer.run("UPDATE articles SET title = 'Main', n = n + 1 WHERE id = 1");
    saver.run(&format!(
        "SELECT directus_versions.save_version('{id}', '{{\"body\": \"A\"}}')"
    ));
    writer.run("COMMIT");
    saver.run("COMMIT");
    session.shows(
        &format!("SELECT delta || base::text FROM directus_versions.versions WHERE id = '{id}'"),
        r#"{"body": "A", "title": "A"}{"body": "Text", "title": "One"}"#,
    );
}

#[test]
fn versions_save_after_a_column_was_renamed_by_another() {
    let schema = "versions_ddl";
    let mut session = articles(schema);
    let id = create(&mut session, r#"{"title": "A"}"#);
    let save = |field: &str| {
        format!("SELECT directus_versions.save_version('{id}', '{{\"{field}\": \"B\"}}')")
    };
    assert_eq!(
        one_after_another(
            schema,
            "ALTER TABLE articles RENAME title TO headline",
            &save("headline")
        ),
        "00000"
    );
    session.shows(
        &format!("SELECT delta FROM directus_versions.versions WHERE id = '{id}'"),
        r#"{"headline": "B"}"#,
    );
    assert_eq!(
        one_after_another(
            schema,
            "ALTER TABLE articles RENAME headline TO name",
            &save("headline")
        ),
        "42703"
    );
    assert_eq!(
        one_after_another(
            schema,
            &save("name"),
            "ALTER TABLE articles RENAME name TO title"
        ),
        "00000"
    );
    session.shows(
        &format!("SELECT delta FROM directus_versions.versions WHERE id = '{id}'"),
        r#"{"title": "B"}"#,
    );
}
