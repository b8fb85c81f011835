//! Recording that was interrupted: what came before tells nothing of what comes after.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::support::{int, run, shows};
    use pgrx::prelude::*;

    fn data(collection: &str) -> String {
        format!(
            "SELECT data FROM directus_versions.revisions WHERE collection = '{collection}'
             ORDER BY id DESC LIMIT 1"
        )
    }

    fn interrupted(name: &str, stop: &str, start: &str) {
        run(&format!(
            "CREATE TABLE {name} (id int PRIMARY KEY, a int, b int);
             SELECT directus_versions.track('{name}');
             INSERT INTO {name} VALUES (1, 1, 1), (2, 1, 1), (3, 1, 1);
             UPDATE {name} SET a = 10 WHERE id = 3;
             SELECT {stop};
             UPDATE {name} SET b = 2;
             SELECT {start};
             UPDATE {name} SET a = 2 WHERE id = 1"
        ));
        shows(&data(name), r#"{"a": 2, "b": 2, "id": 1}"#);
        run(&format!(
            "UPDATE {name} SET a = 3 WHERE id = 1; DELETE FROM {name} WHERE id = 1;
                      UPDATE {name} SET id = 20 WHERE id = 2; UPDATE {name} SET a = 4 WHERE id = 3"
        ));
        // The deletion tells what the row was after the gap; nothing of before may be in it.
        assert_eq!(
            int(&format!(
                "SELECT count(*) FROM directus_versions.revisions r
                 WHERE collection = '{name}'
                   AND id > (SELECT max(id) FROM directus_versions.revisions
                             WHERE collection = '{name}' AND delta = '{{\"a\": 10}}')
                   AND data ->> 'b' IS DISTINCT FROM '2'"
            )),
            0
        );
        // Before the gap b was 1, and where nothing tells that any more there is no data.
        assert_eq!(
            int(&format!(
                "SELECT count(*) FROM directus_versions.revisions r
                 WHERE collection = '{name}'
                   AND id <= (SELECT max(id) FROM directus_versions.revisions
                              WHERE collection = '{name}' AND delta = '{{\"a\": 10}}')
                   AND data ->> 'b' IS DISTINCT FROM '1'"
            )),
            0
        );
    }

    #[pg_test]
    fn capture_gap_of_a_table_that_was_not_tracked() {
        interrupted(
            "cap_gap",
            "directus_versions.untrack('cap_gap')",
            "directus_versions.track('cap_gap')",
        );
    }

    #[pg_test]
    fn capture_gap_of_accountability_none_and_activity() {
        interrupted(
            "cap_gap_none",
            "directus_versions.set_scope('cap_gap_none', accountability => 'none')",
            "directus_versions.set_scope('cap_gap_none', accountability => 'all')",
        );
        interrupted(
            "cap_gap_act",
            "directus_versions.set_scope('cap_gap_act', accountability => 'activity')",
            "directus_versions.set_scope('cap_gap_act', accountability => 'all')",
        );
    }

    /// Rows from before tracking, whose data comes backwards from the live row: not across a gap.
    #[pg_test]
    fn capture_gap_is_not_crossed_from_the_live_row() {
        run(
            "CREATE TABLE cap_gap_back (id int PRIMARY KEY, a int, b int);
             INSERT INTO cap_gap_back VALUES (1, 1, 1);
             SELECT directus_versions.track('cap_gap_back');
             UPDATE cap_gap_back SET a = 2;
             SELECT directus_versions.untrack('cap_gap_back');
             UPDATE cap_gap_back SET b = 2;
             SELECT directus_versions.track('cap_gap_back');
             UPDATE cap_gap_back SET a = 3",
        );
        shows(&data("cap_gap_back"), r#"{"a": 3, "b": 2, "id": 1}"#);
        assert_eq!(
            int(
                "SELECT count(*) FROM directus_versions.revisions
                 WHERE collection = 'cap_gap_back' AND delta = '{\"a\": 2}' AND data ->> 'b' <> '1'"
            ),
            0
        );
    }

    #[pg_test]
    fn capture_excluded_later_is_not_in_later_data() {
        run(
            "CREATE TABLE cap_gap_excl (id int PRIMARY KEY, a int, b text);
             SELECT directus_versions.track('cap_gap_excl');
             INSERT INTO cap_gap_excl VALUES (1, 1, 'old');
             SELECT directus_versions.set_scope('cap_gap_excl', exclude => '{b}');
             UPDATE cap_gap_excl SET a = 2, b = 'hidden'",
        );
        shows(&data("cap_gap_excl"), r#"{"a": 2, "id": 1}"#);
        run("UPDATE cap_gap_excl SET a = 3");
        shows(&data("cap_gap_excl"), r#"{"a": 3, "id": 1}"#);
        run(
            "SELECT directus_versions.set_scope('cap_gap_excl', exclude => '{}');
             UPDATE cap_gap_excl SET a = 4",
        );
        shows(&data("cap_gap_excl"), r#"{"a": 4, "b": "hidden", "id": 1}"#);
        run(
            "SELECT directus_versions.set_scope('cap_gap_excl', mask => '{b}');
             UPDATE cap_gap_excl SET a = 5",
        );
        shows(
            &data("cap_gap_excl"),
            r#"{"a": 5, "b": "**********", "id": 1}"#,
        );
        run(
            "SELECT directus_versions.set_scope('cap_gap_excl', mask => '{}', fields => '{id,a}');
             UPDATE cap_gap_excl SET a = 6",
        );
        shows(&data("cap_gap_excl"), r#"{"a": 6, "id": 1}"#);
    }
}
