//! Recording that was interrupted: what came before tells nothing of what comes after, nor the other way.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::history::column;
    use crate::pg_tests::support::{int, run};
    use pgrx::prelude::*;

    fn interrupted(name: &str, stop: &str, start: &str) {
        run(&format!(
            "CREATE TABLE {name} (id int PRIMARY KEY, a int, b int);
             SELECT directus_versions.track('{name}');
             INSERT INTO {name} VALUES (1, 1, 1), (2, 1, 1), (3, 1, 1);
             UPDATE {name} SET a = 10 WHERE id = 3;
             SELECT directus_versions.{stop};
             UPDATE {name} SET b = 2; DELETE FROM {name} WHERE id = 2;
             SELECT directus_versions.{start};
             UPDATE {name} SET a = 2 WHERE id = 1;
             UPDATE {name} SET a = 3 WHERE id IN (1, 3);
             INSERT INTO {name} VALUES (2, 9, 9)"
        ));
        for item in [1, 3] {
            assert_eq!(
                int(&format!(
                    "SELECT count(*) FROM directus_versions.history('{name}', {item}) h
                     WHERE h.delta ->> 'a' IN ('2', '3') AND h.data ->> 'b' IS DISTINCT FROM '2'
                        OR h.delta ->> 'a' IN ('1', '10') AND coalesce(h.data ->> 'b', '1') <> '1'"
                )),
                0,
                "{item} of {name}"
            );
            assert_eq!(
                column(name, &item.to_string(), "data").last().cloned(),
                Some(format!(r#"{{"a": 3, "b": 2, "id": {item}}}"#))
            );
        }
        let told = column(name, "2", "data ->> 'a'");
        assert_eq!(told.last().map(String::as_str), Some("9"), "{told:?}");
    }

    #[pg_test]
    fn history_over_a_gap_of_accountability_none() {
        interrupted(
            "his_gap_none",
            "set_scope('his_gap_none', accountability => 'none')",
            "set_scope('his_gap_none', accountability => 'all')",
        );
    }

    #[pg_test]
    fn history_over_a_gap_of_accountability_activity() {
        interrupted(
            "his_gap_act",
            "set_scope('his_gap_act', accountability => 'activity')",
            "set_scope('his_gap_act', accountability => 'all')",
        );
    }

    #[pg_test]
    fn history_over_a_gap_without_tracking() {
        interrupted("his_gap", "untrack('his_gap')", "track('his_gap')");
    }

    /// An item older than the tracking, which is told backwards: not through the gap.
    #[pg_test]
    fn history_is_not_told_backwards_through_a_gap() {
        run(
            "CREATE TABLE his_gap_back (id int PRIMARY KEY, a int, b int);
             INSERT INTO his_gap_back VALUES (1, 1, 1);
             SELECT directus_versions.track('his_gap_back');
             UPDATE his_gap_back SET a = 2;
             SELECT directus_versions.untrack('his_gap_back');
             UPDATE his_gap_back SET b = 2;
             SELECT directus_versions.track('his_gap_back');
             UPDATE his_gap_back SET a = 3",
        );
        assert_eq!(
            column("his_gap_back", "1", "delta"),
            [r#"{"a": 2}"#, r#"{"a": 3}"#]
        );
        let told = column("his_gap_back", "1", "data");
        assert_eq!(told[1], r#"{"a": 3, "b": 2, "id": 1}"#);
        assert!(!told[0].contains(r#""b": 2"#), "{told:?}");
    }
}
