//! A field that was changed again since: a conflict that names it, unless it is forced.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::support::{error, int, run, shows, text};
    use crate::pg_tests::undo::{names, revision, tracked, undo};
    use pgrx::prelude::*;

    /// Require a conflict over these fields and no others, and that nothing is changed.
    fn conflict(target: &str, revision: i64, fields: &[&str], others: &[&str]) {
        let rows = format!("SELECT string_agg(t::text, ' ' ORDER BY t::text) FROM {target} t");
        let before = text(&rows);
        let raised = error(&format!("SELECT directus_versions.undo({revision})"));
        assert_eq!(raised.state, "40001", "{raised:?}");
        for field in fields {
            assert!(names(&raised.detail, field), "{field}: {raised:?}");
        }
        for field in others {
            assert!(!names(&raised.detail, field), "{field}: {raised:?}");
        }
        assert!(
            raised.detail.ends_with('.') && !raised.message.ends_with('.'),
            "{raised:?}"
        );
        assert_eq!(text(&rows), before);
    }

    fn force(revision: i64) -> Option<String> {
        text(&format!(
            "SELECT directus_versions.undo({revision}, force => true)"
        ))
    }

    #[pg_test]
    fn undo_of_a_field_that_was_changed_again() {
        run("CREATE TABLE und_again (id int PRIMARY KEY, alpha int, beta int, gamma int, omega int);
             SELECT directus_versions.track('und_again');
             INSERT INTO und_again VALUES (1, 0, 0, 0, 0)");
        let changed = revision(
            "und_again",
            "UPDATE und_again SET alpha = 1, beta = 1, gamma = 1",
        );
        run("UPDATE und_again SET beta = 2, omega = 2; UPDATE und_again SET gamma = 2");
        conflict(
            "und_again",
            changed,
            &["beta", "gamma"],
            &["alpha", "omega"],
        );
        assert!(force(changed).is_some());
        shows(
            "SELECT concat(alpha, beta, gamma, omega) FROM und_again",
            "0002",
        );
    }

    #[pg_test]
    fn undo_of_a_field_with_an_odd_name() {
        run("CREATE TABLE und_odd (id int PRIMARY KEY, \"Odd one\" int);
             SELECT directus_versions.track('und_odd');
             INSERT INTO und_odd VALUES (1, 0)");
        let changed = revision("und_odd", "UPDATE und_odd SET \"Odd one\" = 1");
        run("UPDATE und_odd SET \"Odd one\" = 2");
        conflict("und_odd", changed, &["Odd one"], &[]);
    }

    #[pg_test]
    fn undo_of_a_create_that_was_changed_since() {
        tracked("und_made");
        let created = revision("und_made", "INSERT INTO und_made VALUES (1, 'a', 1)");
        run("UPDATE und_made SET v = 'b'");
        conflict("und_made", created, &["v"], &["n"]);
        assert!(force(created).is_some());
        shows("SELECT count(*) FROM und_made", "0");
    }

    /// The item is there again, as another made it.
    #[pg_test]
    fn undo_of_a_delete_when_the_item_is_there_again() {
        tracked("und_there");
        run("INSERT INTO und_there VALUES (1, 'a', 1)");
        let deleted = revision("und_there", "DELETE FROM und_there");
        run("INSERT INTO und_there VALUES (1, 'other', 2)");
        let raised = error(&format!("SELECT directus_versions.undo({deleted})"));
        assert!(
            ["40001", "23505"].contains(&raised.state.as_str()),
            "{raised:?}"
        );
        shows("SELECT concat(v, n) FROM und_there", "other2");
    }

    #[pg_test]
    fn undo_of_an_update_when_the_item_is_gone() {
        tracked("und_gone");
        run("INSERT INTO und_gone VALUES (1, 'a', 1)");
        let updated = revision("und_gone", "UPDATE und_gone SET v = 'b'");
        run("DELETE FROM und_gone");
        let raised = error(&format!("SELECT directus_versions.undo({updated})"));
        assert!(
            ["40001", "P0002"].contains(&raised.state.as_str()),
            "{raised:?}"
        );
        shows("SELECT count(*) FROM und_gone", "0");
    }

    #[pg_test]
    fn undo_of_a_change_of_key_when_the_key_changed_again() {
        run("CREATE TABLE und_moved (id int PRIMARY KEY, v text);
             SELECT directus_versions.track('und_moved');
             INSERT INTO und_moved VALUES (1, 'a')");
        let moved = revision("und_moved", "UPDATE und_moved SET id = 2");
        run("UPDATE und_moved SET id = 3");
        conflict("und_moved", moved, &["id"], &["v"]);
        assert!(force(moved).is_some());
        shows("SELECT string_agg(id || v, ' ') FROM und_moved", "1a");
    }

    /// A key that is taken by another row cannot be forced.
    #[pg_test]
    fn undo_of_a_change_of_key_when_the_key_is_taken() {
        run("CREATE TABLE und_taken (id int PRIMARY KEY, v text);
             SELECT directus_versions.track('und_taken');
             INSERT INTO und_taken VALUES (1, 'a')");
        let moved = revision("und_taken", "UPDATE und_taken SET id = 2");
        run("INSERT INTO und_taken VALUES (1, 'other')");
        for call in [format!("undo({moved})"), format!("undo({moved}, true)")] {
            let raised = error(&format!("SELECT directus_versions.{call}"));
            assert_eq!(
                (
                    raised.state.as_str(),
                    raised.constraint.as_str(),
                    raised.table.as_str()
                ),
                ("23505", "und_taken_pkey", "und_taken"),
                "{call}"
            );
        }
        shows(
            "SELECT string_agg(id || v, ' ' ORDER BY id) FROM und_taken",
            "1other 2a",
        );
    }

    /// What differs by its bytes alone was changed too.
    #[pg_test]
    fn undo_of_a_field_that_only_its_bytes_tell_apart() {
        run(
            "CREATE TABLE und_same (id int PRIMARY KEY, n numeric, j json);
             SELECT directus_versions.track('und_same');
             INSERT INTO und_same VALUES (1, 0, 'null')",
        );
        let number = revision("und_same", "UPDATE und_same SET n = 1.0");
        let document = revision("und_same", "UPDATE und_same SET j = '{\"a\": 1}'");
        run("UPDATE und_same SET n = 1.00, j = '{\"a\" :  1}'");
        conflict("und_same", number, &["n"], &["j"]);
        conflict("und_same", document, &["j"], &["n"]);
    }

    /// A change of masked fields since is no hindrance to the others, nor does it show.
    #[pg_test]
    fn undo_beside_changes_of_other_fields() {
        run("CREATE TABLE und_beside (id int PRIMARY KEY, v text, hidden text, masked text, n int);
             SELECT directus_versions.track('und_beside', exclude => '{hidden}', mask => '{masked}');
             INSERT INTO und_beside VALUES (1, 'a', 'h', 'm', 1)");
        let renamed = revision("und_beside", "UPDATE und_beside SET v = 'b'");
        run("UPDATE und_beside SET hidden = 'h2', masked = 'm2', n = 2");
        assert!(undo(renamed).is_some());
        shows(
            "SELECT concat(v, hidden, masked, n) FROM und_beside",
            "ah2m22",
        );
    }

    /// Without a conflict, to force it does the same.
    #[pg_test]
    fn undo_by_force_where_none_is_needed() {
        tracked("und_force");
        run("INSERT INTO und_force VALUES (1, 'a', 1)");
        let renamed = revision("und_force", "UPDATE und_force SET v = 'b'");
        run("UPDATE und_force SET n = 2");
        assert!(force(renamed).is_some());
        shows("SELECT concat(v, n) FROM und_force", "a2");
    }

    /// While nothing was recorded something may have been changed: the live value tells.
    #[pg_test]
    fn undo_of_a_field_that_was_changed_unseen() {
        tracked("und_unseen");
        run("INSERT INTO und_unseen VALUES (1, 'a', 1)");
        let renamed = revision("und_unseen", "UPDATE und_unseen SET v = 'b'");
        run(
            "SELECT directus_versions.set_scope('und_unseen', accountability => 'none');
             UPDATE und_unseen SET v = 'c';
             SELECT directus_versions.set_scope('und_unseen', accountability => 'all')",
        );
        conflict("und_unseen", renamed, &["v"], &["n"]);
        assert!(force(renamed).is_some());
        shows("SELECT v FROM und_unseen", "a");
    }

    /// What ALTER TABLE rewrote nobody changed since.
    #[pg_test]
    fn undo_of_fields_whose_length_was_altered() {
        run("CREATE TABLE und_fit (id int PRIMARY KEY, price numeric(10, 2), c char(3), w varchar(5),
                 at timestamp(3), i interval(3), l numeric(10, 2)[], k varchar(3)[]);
             INSERT INTO und_fit VALUES (2, 99999999.99, 'abc', 'abcde', NULL, NULL, '{99999999.99}', '{abc}');
             SELECT directus_versions.track('und_fit');
             INSERT INTO und_fit
             VALUES (1, 1.1, 'a', 'ab', '2024-01-01 00:00:00.123', '1.234 s', '{1.1}', '{a}')");
        let changed = revision(
            "und_fit",
            "UPDATE und_fit SET price = 2.2, c = 'b', w = 'b', at = '2024-01-02 00:00:00.456', i = '2.345 s',
                 l = '[0:1]={2.2,NULL}', k = '{b}' WHERE id = 1",
        );
        run("DELETE FROM und_fit WHERE id = 2;
             ALTER TABLE und_fit ALTER price TYPE numeric(12, 4), ALTER c TYPE char(5), ALTER w TYPE varchar(4),
                 ALTER at TYPE timestamp(1), ALTER i TYPE interval(1), ALTER l TYPE numeric(12, 4)[], ALTER k TYPE varchar(2)[]");
        assert_eq!(
            text(&format!(
                "SELECT string_agg(field, ' ') FROM directus_versions.diff({changed})"
            )),
            None
        );
        assert!(undo(changed).is_some());
        shows(
            "SELECT concat_ws(' ', price, c || '.', w, at, i, l, k) FROM und_fit",
            "1.1000 a. ab 2024-01-01 00:00:00.1 00:00:01.2 {1.1000} {a}",
        );
        // What would not fit any more does not hinder who reads the whole table.
        shows(
            "SELECT concat_ws(' ', w, l, k) FROM directus_versions.as_of(NULL::und_fit, now() - interval '1 year')",
            "abcde {99999999.9900} {abc}",
        );
        let gone = int("SELECT revision FROM directus_versions.history('und_fit', 2)");
        assert_eq!(
            error(&format!("SELECT directus_versions.revert({gone})")).state,
            "22001"
        );
    }
}
