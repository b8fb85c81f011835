//! Values whose JSON form does not say all, of types that have settings, names or checks of their own.

use super::Copies;
use crate::pg_tests::support::{Session, in_schema};

/// Write values into rows 1 and 2 of a table of these columns, one after the other, delete, and
/// travel back.
fn travels(schema: &str, prepare: &str, columns: &str, samples: &[&str]) -> Session {
    let mut session = in_schema(schema);
    session.run(prepare);
    session.run(&format!(
        "CREATE TABLE t (id int PRIMARY KEY, {columns}); SELECT directus_versions.track('t')"
    ));
    let names = session
        .text(
            "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
             WHERE attrelid = 't'::regclass AND attnum > 1",
        )
        .unwrap();
    let mut copies = Copies::new(&mut session);
    for (place, sample) in samples.iter().enumerate() {
        let statement = if place == 0 {
            format!("INSERT INTO t VALUES (1, {sample}), (2, {sample})")
        } else {
            format!("UPDATE t SET ({names}) = ROW({sample}) WHERE id = 1")
        };
        copies.run(&mut session, &[&statement]);
    }
    copies.run(&mut session, &["DELETE FROM t"]);
    copies.check(&mut session);
    session
}

#[test]
fn travel_with_enums_domains_and_composites() {
    travels(
        "travel_made_types",
        "CREATE TYPE mood AS ENUM ('sad', 'so \"so\"', '');
         CREATE DOMAIN price AS numeric(12, 4) CHECK (VALUE >= 0);
         CREATE TYPE pair AS (\"a \"\"b\"\"\" numeric, b timestamptz[], c mood);
         CREATE DOMAIN whole AS pair CHECK (VALUE IS NULL OR (VALUE).b IS NOT NULL);
         CREATE TYPE deep AS (p pair, l pair[])",
        "m mood, p price, c pair, s whole, d deep, l mood[], q price[], r pair[]",
        &[
            "'sad', 1.1, ROW(1.10, '{2024-01-01}', 'sad'), ROW(NULL, '{}', ''), ROW(ROW(1, NULL, NULL), '{}'),
             '{sad,\"so \\\"so\\\"\"}', '{1.1,NULL}', ARRAY[ROW(1.0, NULL, 'sad')::pair]",
            "'so \"so\"', 'NaN', ROW(NULL, NULL, NULL), NULL, NULL, '{}', '[0:1]={1,2}', '{NULL}'",
            "'', 0, NULL, ROW('NaN', '{infinity}', NULL), ROW(NULL, ARRAY[NULL, ROW(1.00, '{}', '')::pair]),
             NULL, '{{1},{2}}', '{}'",
        ],
    );
}

#[test]
fn travel_with_numbers_and_documents() {
    travels(
        "travel_numbers",
        "SELECT",
        "n numeric, f float8, r real, j json, b jsonb, a int[], s smallint, x xml, l int[][]",
        &[
            "1.0, '-0', 0.1, '{\"a\" :  1.00, \"a\": 2}', '{\"a\": 1.00}', '[0:1]={1,NULL}', 1, '<a  b=\"c\"/>', '{{1,2},{3,4}}'",
            "1.00, 0, 'NaN', ' null', 'null', '{1,NULL}', -1, 'text', '{}'",
            "'NaN', '5e-324', '1e-45', '\"x\"', '\"null\"', '{}', NULL, '<?xml version=\"1.0\"?><a/>', NULL",
            "1e131071, 'Infinity', '-0', NULL, NULL, NULL, 0, NULL, '[2:3][-1:0]={{1,2},{3,4}}'",
            "'-Infinity', 0.1::float8 + 0.2, 1, '1e999999', '[1.50]', '[5:5]={7}', 1, '', '{{NULL}}'",
        ],
    );
}

#[test]
fn travel_with_texts_and_bytes() {
    travels(
        "travel_texts",
        "CREATE DOMAIN word AS text COLLATE \"C\"",
        "v text, c char(5), w varchar(5), y bytea, q \"char\", n name, d word, e text[]",
        &[
            "E'line\\nend \\\\ \" ''\\ttab', 'a', 'a  ', '\\x00ff5c27', 'a', 'with \"quotes\"', 'é', '{NULL,\"NULL\",\"\"}'",
            "'', '', '', '', '', '', '', '{}'",
            "repeat(chr(128512), 100000), 'ééééé', '   a', sha256('x'), '\\377', repeat('n', 63), 'null', '{\"a b\",\"{}\"}'",
            "'**********', NULL, NULL, NULL, NULL, NULL, NULL, NULL",
        ],
    );
}

#[test]
fn travel_with_times_and_ranges() {
    travels(
        "travel_times",
        "SET timezone = 'Asia/Kolkata'; SET intervalstyle = 'sql_standard'; SET datestyle = 'SQL, DMY'",
        "d date, t time, z timetz, s timestamp, w timestamptz, i interval, r tstzrange, m datemultirange, k int4range[]",
        &[
            "'2024-02-29', '24:00', '12:34:56.789+05:30:15', '2024-02-29 12:34:56.789', '2024-02-29 12:34:56+05:30',
             '1 mon -2 days 03:04:05.6', '[2024-01-01,infinity]', '{[2024-01-01,2024-02-01)}', '{\"[1,2)\",empty}'",
            "'infinity', '00:00:00.000001', '00:00-15:59:59', '-infinity', '4713-01-01 00:00 BC', '30 days', 'empty', '{}', '{}'",
            "'4713-01-01 BC', NULL, NULL, '0044-03-15 12:00 BC', 'infinity', '-178000000 years', '(,)', NULL, NULL",
        ],
    );
}

/// An enum's label that is renamed is the same value; a domain's check holds for what is new.
#[test]
fn travel_to_values_that_their_type_would_refuse_now() {
    let mut session = in_schema("travel_tightened");
    session.run(
        "CREATE DOMAIN price AS int;
         CREATE TABLE t (id int PRIMARY KEY, p price, v text); SELECT directus_versions.track('t');
         INSERT INTO t VALUES (1, -5, 'a'), (2, 5, 'a')",
    );
    let at = super::moment(&mut session);
    session.run("UPDATE t SET p = 5 WHERE id = 1");
    session.run("ALTER DOMAIN price ADD CONSTRAINT positive CHECK (VALUE > 0)");
    let sql = format!(
        "SELECT string_agg(p::text, ' ' ORDER BY id) FROM directus_versions.as_of(NULL::t, {at})"
    );
    session.shows(&sql, "-5 5");
}

/// Of a type whose values have no stored bytes of their own; the domain's length is that of its base type.
#[test]
fn travel_to_values_of_a_domain_over_another_made_type() {
    let mut session = in_schema("travel_tightened_enum");
    session.run(
        "CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE DOMAIN feeling AS mood;
         CREATE DOMAIN short AS varchar(3);
         CREATE TABLE t (id int PRIMARY KEY, m feeling, w text); SELECT directus_versions.track('t');
         INSERT INTO t VALUES (1, 'sad', 'abc'), (2, 'glad', 'a')",
    );
    let at = super::moment(&mut session);
    let revision = session
        .text("SELECT revision FROM directus_versions.history('t', 1)")
        .unwrap();
    session.run(
        "UPDATE t SET m = 'glad', w = 'b' WHERE id = 1; ALTER TABLE t ALTER w TYPE short;
         ALTER DOMAIN feeling ADD CONSTRAINT cheerful CHECK (VALUE <> 'sad')",
    );
    session.shows(
        &format!(
            "SELECT string_agg(m || w, ' ' ORDER BY id) FROM directus_versions.as_of(NULL::t, {at})"
        ),
        "sadabc glada",
    );
    let sql = format!("SELECT directus_versions.revert({revision})");
    assert_eq!(session.error(&sql).constraint, "cheerful");
}
