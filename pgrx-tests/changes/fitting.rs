//! Old values that a column does not take any more.

use super::{Session, first, in_schema, refused};

/// Make and change a row of a table with one column besides its key, then alter it.
fn story(schema: &str, kind: &str, old: &str, new: &str, change: &str) -> Session {
    let mut session = in_schema(schema);
    session.run(&format!(
        "CREATE TABLE t (id int PRIMARY KEY, w {kind}, n int DEFAULT 0);
         SELECT directus_versions.track('t')"
    ));
    session.run(&format!("INSERT INTO t VALUES (1, {old})"));
    session.run(&format!("UPDATE t SET w = {new}, n = 1"));
    session.run(change);
    session
}

/// Every way back ends in the error, and the other fields can be had all the same.
fn no_way_back(session: &mut Session, schema: &str, state: &str, value: &str) {
    let collection = format!("{schema}.t");
    let created = first(session, &collection);
    let updated = session.int(&format!(
        "SELECT max(id) FROM directus_versions.revisions WHERE collection = '{collection}'"
    ));
    let transaction = session
        .text(&format!(
            "SELECT transaction FROM directus_versions.activity WHERE id = {updated}"
        ))
        .unwrap();
    let then = session
        .text(&format!(
            "SELECT \"timestamp\" FROM directus_versions.activity WHERE id = {created}"
        ))
        .unwrap();
    for call in [
        format!("revert({created})"),
        format!("revert({created}, '{{w}}')"),
        format!("undo({updated})"),
        format!("undo({updated}, force => true)"),
        format!("undo_transaction('{transaction}')"),
        format!("undo_transaction('{transaction}', force => true)"),
        format!("revert_collection('t', '{then}')"),
    ] {
        refused(session, &call, state, "w", value);
    }
    session.run(&format!(
        "SELECT directus_versions.revert({created}, '{{n}}')"
    ));
    session.shows("SELECT n FROM t", "0");
    // A row that is to come back needs all of it.
    session.run("DELETE FROM t");
    refused(session, &format!("revert({created})"), state, "w", value);
    session.run("INSERT INTO t (id) VALUES (1)");
    assert_eq!(
        session
            .int("SELECT count(*) FROM directus_versions.history('t', 1) WHERE data IS NOT NULL"),
        5
    );
}

#[test]
fn changes_of_a_type_that_cannot_read_the_old_value() {
    let schema = "changes_retyped";
    let mut session = story(
        schema,
        "text",
        "'word'",
        "'7'",
        "ALTER TABLE t ALTER w TYPE int USING w::int",
    );
    no_way_back(&mut session, schema, "22P02", "word");
}

#[test]
fn changes_of_a_length() {
    let schema = "changes_shorter";
    let mut session = story(
        schema,
        "varchar(20)",
        "'much too long'",
        "'abcd'",
        "ALTER TABLE t ALTER w TYPE varchar(4)",
    );
    // Who reads the whole table as it was is not hindered.
    session.shows(
        "SELECT w FROM directus_versions.as_of(NULL::t, (SELECT min(\"timestamp\") FROM directus_versions.history('t', 1)))",
        "much too long",
    );
    no_way_back(&mut session, schema, "22001", "much too long");
}

#[test]
fn changes_of_a_type_and_its_length() {
    let schema = "changes_retyped_shorter";
    let mut session = story(
        schema,
        "text",
        "'much too long'",
        "'abcd'",
        "ALTER TABLE t ALTER w TYPE varchar(4)",
    );
    session.shows(
        "SELECT w FROM directus_versions.as_of(NULL::t, (SELECT min(\"timestamp\") FROM directus_versions.history('t', 1)))",
        "much too long",
    );
    no_way_back(&mut session, schema, "22001", "much too long");
}

#[test]
fn changes_of_a_precision() {
    let schema = "changes_precision";
    let mut session = story(
        schema,
        "numeric(6,2)",
        "1234.56",
        "1.26",
        "ALTER TABLE t ALTER w TYPE numeric(3,1)",
    );
    session.shows("SELECT w FROM t", "1.3");
    no_way_back(&mut session, schema, "22003", "1234.56");
}

#[test]
fn changes_of_a_number_of_bits() {
    let schema = "changes_bits";
    let mut session = story(
        schema,
        "varbit(6)",
        "B'101010'",
        "B'11'",
        "ALTER TABLE t ALTER w TYPE varbit(3)",
    );
    no_way_back(&mut session, schema, "22001", "101010");
}

#[test]
fn changes_of_the_length_of_an_arrays_elements() {
    let schema = "changes_elements";
    let mut session = story(
        schema,
        "varchar(20)[]",
        "'{ab,too long}'",
        "'{ab}'",
        "ALTER TABLE t ALTER w TYPE varchar(2)[]",
    );
    let created = first(&mut session, "changes_elements.t");
    let raised = session.error(&format!("SELECT directus_versions.revert({created})"));
    assert_eq!(
        (raised.state.as_str(), raised.column.as_str()),
        ("22001", "w")
    );
    assert!(
        raised.detail.contains("{ab,\"too long\"}"),
        "{}",
        raised.detail
    );
}

#[test]
fn changes_of_a_domains_check() {
    let schema = "changes_domain";
    let mut session = in_schema(schema);
    session.run(
        "CREATE DOMAIN word AS text; CREATE DOMAIN short AS word;
         CREATE TABLE t (id int PRIMARY KEY, w short, n int DEFAULT 0); SELECT directus_versions.track('t')",
    );
    session.run("INSERT INTO t VALUES (1, 'much too long')");
    session.run("UPDATE t SET w = 'abcd', n = 1");
    session.run("ALTER DOMAIN word ADD CONSTRAINT brief CHECK (length(VALUE) < 5)");
    let created = first(&mut session, "changes_domain.t");
    let raised = refused(
        &mut session,
        &format!("revert({created})"),
        "23514",
        "w",
        "much too long",
    );
    assert_eq!(
        (raised.constraint.as_str(), raised.table.as_str()),
        ("brief", "t")
    );
    session.shows(
        "SELECT w FROM directus_versions.as_of(NULL::t, (SELECT min(\"timestamp\") FROM directus_versions.history('t', 1)))",
        "much too long",
    );
    no_way_back(&mut session, schema, "23514", "much too long");
}

#[test]
fn changes_of_a_domain_that_comes_to_refuse_null() {
    let mut session = in_schema("changes_domain_null");
    session.run(
        "CREATE DOMAIN word AS text;
         CREATE TABLE t (id int PRIMARY KEY, w word); SELECT directus_versions.track('t')",
    );
    session.run("INSERT INTO t VALUES (1, NULL)");
    session.run("UPDATE t SET w = 'a'; ALTER DOMAIN word SET NOT NULL");
    let created = first(&mut session, "changes_domain_null.t");
    let raised = session.error(&format!("SELECT directus_versions.revert({created})"));
    assert_eq!(
        (raised.state.as_str(), raised.column.as_str()),
        ("23502", "w")
    );
    assert!(
        raised.detail.contains("\"w\"") && raised.detail.contains("NULL"),
        "{raised:?}"
    );
}

/// The server's own detail stays, and a value beyond measure is not shown whole.
#[test]
fn changes_keep_the_servers_own_detail() {
    let mut session = in_schema("changes_detail");
    session.run("CREATE TABLE t (id int PRIMARY KEY, w text); SELECT directus_versions.track('t')");
    session.run("INSERT INTO t VALUES (1, repeat('é', 5000))");
    session.run("UPDATE t SET w = '{}'; ALTER TABLE t ALTER w TYPE json USING w::json");
    let created = first(&mut session, "changes_detail.t");
    let raised = session.error(&format!("SELECT directus_versions.revert({created})"));
    assert_eq!(
        (raised.state.as_str(), raised.column.as_str()),
        ("22P02", "w")
    );
    assert!(raised.detail.starts_with("Token"), "{}", raised.detail);
    let shown = format!("\"{}...\"", "é".repeat(50));
    assert!(
        raised.detail.ends_with(&format!("value {shown}.")),
        "{}",
        raised.detail
    );
}

/// A column that is generated by now is not written, so an old value need not fit it.
#[test]
fn changes_of_a_column_that_became_generated() {
    let mut session = in_schema("changes_generated");
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, a text, w text); SELECT directus_versions.track('t')",
    );
    session.run("INSERT INTO t VALUES (1, 'a', 'much too long')");
    session.run(
        "UPDATE t SET a = 'b';
         ALTER TABLE t DROP w; ALTER TABLE t ADD w varchar(4) GENERATED ALWAYS AS (a || '!') STORED",
    );
    let then = session
        .text("SELECT min(\"timestamp\") FROM directus_versions.history('t', 1)")
        .unwrap();
    session.run(&format!(
        "SELECT directus_versions.revert_collection('t', '{then}')"
    ));
    session.shows("SELECT t FROM t", "(1,a,a!)");
}
