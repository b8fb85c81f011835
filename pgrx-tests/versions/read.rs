//! Reading with versions laid over main.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::support::{run, shows, table, text};
    use crate::pg_tests::versions::{articles, refused, version};
    use pgrx::prelude::*;

    fn read(name: &str, rest: &str) -> String {
        text(&format!(
            "SELECT string_agg(concat(id, ':', title, ':', price), ' ')
             FROM (SELECT * FROM directus_versions.read_version(NULL::{name}, 'draft') {rest}) r"
        ))
        .unwrap_or_default()
    }

    #[pg_test]
    fn versions_read_composes_and_filters_see_the_version() {
        articles("versions_read");
        run("INSERT INTO versions_read SELECT g, 'Item ' || g FROM generate_series(3, 5) g");
        version(
            "versions_read",
            "2",
            "draft",
            r#"{"title": "Zwei", "price": 7}"#,
        );
        version("versions_read", "4", "draft", "");
        version("versions_read", "5", "other", r#"{"title": "Not this"}"#);
        version("versions_read", "NULL", "draft", r#"{"title": "Fresh"}"#);
        assert_eq!(
            read("versions_read", "ORDER BY id"),
            "1:One:1.50 2:Zwei:7.00 3:Item 3: 4:Item 4: 5:Item 5: :Fresh:"
        );
        assert_eq!(read("versions_read", "WHERE title = 'Zwei'"), "2:Zwei:7.00");
        assert_eq!(read("versions_read", "WHERE title = 'Two'"), "");
        assert_eq!(
            read("versions_read", "ORDER BY title DESC LIMIT 2"),
            "2:Zwei:7.00 1:One:1.50"
        );
        shows(
            "SELECT count(*) FROM directus_versions.read_version(NULL::versions_read, 'draft') d
             JOIN versions_read m USING (id) WHERE d.title <> m.title",
            "1",
        );
        shows(
            "SELECT count(*) FROM directus_versions.read_version(NULL::versions_read, 'none')",
            "5",
        );
        shows(
            "SELECT count(*) FROM directus_versions.read_version(NULL::versions_read, 'main')",
            "5",
        );
    }

    #[pg_test]
    fn versions_read_refuses_what_is_no_tracked_table() {
        run(
            "CREATE TABLE versions_read_not (id int PRIMARY KEY); CREATE TYPE versions_read_type AS (a int)",
        );
        for (like, code) in [
            ("NULL::versions_read_not", "55000"),
            ("NULL::versions_read_type", "42809"),
            ("NULL::int", "42809"),
        ] {
            assert_eq!(
                crate::pg_tests::support::state(&format!(
                    "SELECT * FROM directus_versions.read_version({like}, 'draft') r"
                )),
                code,
                "{like}"
            );
        }
        articles("versions_read_key");
        assert_eq!(
            refused("read_version(NULL::versions_read_key, NULL)").0,
            "22023"
        );
    }

    #[pg_test]
    fn versions_read_of_a_table_with_dropped_generated_and_odd_columns() {
        run(r#"CREATE DOMAIN versions_required AS text NOT NULL;
             CREATE TABLE versions_odd (gone int, id int PRIMARY KEY, "a ""b' c" text, also_gone text, n int,
                 twice int GENERATED ALWAYS AS (n * 2) STORED, must versions_required);
             SELECT directus_versions.track('versions_odd');
             ALTER TABLE versions_odd DROP COLUMN gone, DROP COLUMN also_gone;
             INSERT INTO versions_odd (id, n, must) VALUES (1, 1, 'x'), (2, 2, 'x')"#);
        let id = version(
            "versions_odd",
            "1",
            "draft",
            r#"{"a \"b' c": "odd", "n": 21}"#,
        );
        version("versions_odd", "NULL", "draft", r#"{"n": 4}"#);
        shows(
            r#"SELECT string_agg(concat_ws(',', id, "a ""b' c", n, twice, must), ' ' ORDER BY id)
               FROM directus_versions.read_version(NULL::versions_odd, 'draft')"#,
            "1,odd,21,42,x 2,2,4,x 4,8",
        );
        shows(
            &format!(
                "SELECT r::text FROM directus_versions.version_row(NULL::versions_odd, '{id}') r"
            ),
            r#"(1,"odd",21,42,x)"#.replace("\"odd\"", "odd").as_str(),
        );
        shows(
            &format!("SELECT directus_versions.version_data('{id}')"),
            r#"{"n": 21, "id": 1, "must": "x", "twice": 42, "a \"b' c": "odd"}"#,
        );
        run(&format!("SELECT directus_versions.promote_version('{id}')"));
        shows(
            r#"SELECT concat("a ""b' c", twice) FROM versions_odd WHERE id = 1"#,
            "odd42",
        );
    }

    #[pg_test]
    fn versions_read_goes_over_partitions_and_children() {
        run(
            "CREATE TABLE versions_parted (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
             CREATE TABLE versions_part (v text, id int NOT NULL);
             ALTER TABLE versions_parted ATTACH PARTITION versions_part FOR VALUES FROM (0) TO (10);
             CREATE TABLE versions_part_2 PARTITION OF versions_parted FOR VALUES FROM (10) TO (20);
             SELECT directus_versions.track('versions_parted');
             INSERT INTO versions_parted VALUES (1, 'a'), (11, 'b')",
        );
        let id = text("SELECT directus_versions.create_version('versions_part', 1, 'draft', delta => '{\"v\": \"new\"}')").unwrap();
        version(
            "versions_parted",
            "11",
            "draft",
            r#"{"id": 5, "v": "moved"}"#,
        );
        shows(
            "SELECT string_agg(id || v, ' ' ORDER BY id) FROM directus_versions.read_version(NULL::versions_parted, 'draft')",
            "1new 5moved",
        );
        run(&format!("SELECT directus_versions.promote_version('{id}')"));
        shows("SELECT v FROM versions_part", "new");
        run(
            "SELECT directus_versions.promote_version(id) FROM directus_versions.versions
             WHERE collection = 'versions_parted' AND item = '11'",
        );
        shows(
            "SELECT string_agg(tableoid::regclass || ':' || id || v, ' ' ORDER BY id) FROM versions_parted",
            "versions_part:1new versions_part:5moved",
        );
        shows(
            "SELECT string_agg(item, ' ' ORDER BY item) FROM directus_versions.versions WHERE collection = 'versions_parted'",
            "1 5",
        );
    }

    #[pg_test]
    fn versions_row_is_of_the_table_named() {
        articles("versions_row_a");
        articles("versions_row_b");
        let id = version("versions_row_a", "1", "draft", r#"{"title": "New"}"#);
        let rows = table(&format!(
            "SELECT * FROM directus_versions.version_row(NULL::versions_row_a, '{id}')"
        ));
        assert_eq!(rows[0][1].as_deref(), Some("New"));
        assert_eq!(rows[0][2].as_deref(), Some("Text"));
        assert_eq!(
            refused(&format!("version_row(NULL::versions_row_b, '{id}')")).0,
            "42809"
        );
        assert_eq!(
            refused("version_row(NULL::versions_row_a, NULL)").0,
            "22023"
        );
    }

    #[pg_test]
    fn versions_are_read_in_a_read_only_transaction() {
        articles("versions_still");
        let id = version("versions_still", "1", "draft", r#"{"title": "New"}"#);
        run("SET LOCAL transaction_read_only = on");
        shows(
            &format!("SELECT directus_versions.version_data('{id}') ->> 'title'"),
            "New",
        );
        shows(
            &format!("SELECT directus_versions.compare_version('{id}') ->> 'outdated'"),
            "false",
        );
        shows(
            "SELECT title FROM directus_versions.read_version(NULL::versions_still, 'draft') WHERE id = 1",
            "New",
        );
        shows(
            &format!(
                "SELECT title FROM directus_versions.version_row(NULL::versions_still, '{id}')"
            ),
            "New",
        );
        for call in [
            format!("save_version('{id}', '{{\"title\": \"x\"}}')"),
            format!("promote_version('{id}')"),
            format!("drop_version('{id}')"),
            "create_version('versions_still', 2, 'draft')".to_owned(),
        ] {
            assert_eq!(refused(&call).0, "25006", "{call}");
        }
    }
}
