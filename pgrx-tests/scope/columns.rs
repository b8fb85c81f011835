//! Columns that a scope names and that go or change their name.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::scope::tracked;
    use crate::pg_tests::support::{entries, run, shows, state, yes};
    use pgrx::prelude::*;

    #[pg_test]
    fn scope_of_a_dropped_column_can_still_be_set() {
        for option in ["mask", "exclude", "ignore", "fields"] {
            let name = format!("sco_gone_{option}");
            tracked(&name, &format!(", {option} => '{{secret,v}}'"));
            run(&format!("ALTER TABLE {name} DROP COLUMN secret"));
            for other in [
                "snapshot => 'always'",
                "accountability => 'activity'",
                "exclude => '{n}'",
                "accountability => 'all'",
            ] {
                assert_eq!(
                    state(&format!(
                        "SELECT directus_versions.set_scope('{name}', {other})"
                    )),
                    "00000",
                    "{option}, then {other}"
                );
            }
        }
        shows(
            "SELECT mask::text || ' ' || exclude::text || ' ' || snapshot FROM directus_versions.collections
             WHERE collection = 'sco_gone_mask'",
            "{v} {n} always",
        );
        run("INSERT INTO sco_gone_mask VALUES (1, 'a', 1)");
        assert_eq!(
            entries("sco_gone_mask"),
            [r#"create 1 {"v": "**********", "id": 1}"#]
        );
    }

    #[pg_test]
    fn scope_fields_that_are_all_dropped_do_not_come_to_mean_all() {
        tracked("sco_none", ", fields => '{v}'");
        run("INSERT INTO sco_none VALUES (1, 'a', 1, 'hush');
             ALTER TABLE sco_none DROP COLUMN v;
             INSERT INTO sco_none VALUES (2, 1, 'hush');
             UPDATE sco_none SET n = 2, secret = 'hush!'");
        assert!(!yes(
            "SELECT bool_or(strpos(l::text, 'hush') > 0) FROM directus_versions.log l
             WHERE transaction = pg_current_xact_id()"
        ));
        shows(
            "SELECT string_agg(item, ',' ORDER BY id) FROM directus_versions.activity
             WHERE collection = 'sco_none' AND action = 'create'",
            "1,2",
        );
        assert_eq!(
            state("SELECT directus_versions.set_scope('sco_none', snapshot => 'always')"),
            "00000"
        );
        run("UPDATE sco_none SET secret = 'hush!!'");
        assert!(!yes(
            "SELECT bool_or(strpos(l::text, 'hush') > 0) FROM directus_versions.log l
             WHERE transaction = pg_current_xact_id()"
        ));
        run(
            "SELECT directus_versions.set_scope('sco_none', fields => '{}');
             UPDATE sco_none SET n = 3 WHERE id = 1",
        );
        assert_eq!(
            entries("sco_none").last().map(String::as_str),
            Some(r#"update 1 {"n": 3} was {"n": 2}"#)
        );
    }

    #[pg_test]
    fn scope_follows_a_renamed_column() {
        tracked(
            "sco_ren",
            ", mask => '{secret}', exclude => '{v}', ignore => '{n}'",
        );
        run("INSERT INTO sco_ren VALUES (1, 'hush', 1, 'hush');
             ALTER TABLE sco_ren RENAME secret TO password;
             ALTER TABLE sco_ren RENAME COLUMN v TO w;
             ALTER TABLE sco_ren RENAME n TO m;
             UPDATE sco_ren SET password = 'hush b', w = 'hush b';
             UPDATE sco_ren SET w = 'hush c';
             UPDATE sco_ren SET m = 2;
             INSERT INTO sco_ren VALUES (2, 'hush', 2, 'hush')");
        assert_eq!(
            entries("sco_ren")[1..],
            [
                r#"update 1 {"password": "**********"} was {"password": "**********"}"#,
                r#"create 2 {"m": 2, "id": 2, "password": "**********"}"#,
            ]
        );
        assert!(!yes(
            "SELECT bool_or(strpos(concat(l::text, r.data), 'hush') > 0)
             FROM directus_versions.log l LEFT JOIN directus_versions.revisions r USING (id)
             WHERE l.transaction = pg_current_xact_id()"
        ));
        shows(
            "SELECT mask::text || exclude::text || ignore::text FROM directus_versions.collections
             WHERE collection = 'sco_ren'",
            "{password}{w}{m}",
        );
    }

    /// The names change places: each option stays with its column.
    #[pg_test]
    fn scope_follows_columns_that_swap_their_names() {
        tracked(
            "sco_swap",
            ", exclude => '{secret}', fields => '{id,v,secret}'",
        );
        run("ALTER TABLE sco_swap RENAME secret TO tmp;
             ALTER TABLE sco_swap RENAME v TO secret;
             ALTER TABLE sco_swap RENAME tmp TO v;
             INSERT INTO sco_swap (id, v, secret) VALUES (1, 'hush', 'open')");
        assert_eq!(
            entries("sco_swap"),
            [r#"create 1 {"id": 1, "secret": "open"}"#]
        );
    }

    #[pg_test]
    fn scope_follows_a_column_of_a_partitioned_table() {
        run(
            "CREATE TABLE sco_part (id int PRIMARY KEY, v text, secret text) PARTITION BY RANGE (id);
             CREATE TABLE sco_part_1 PARTITION OF sco_part FOR VALUES FROM (0) TO (100);
             SELECT directus_versions.track('sco_part', mask => '{secret}', exclude => '{v}');
             INSERT INTO sco_part VALUES (1, 'hush', 'hush');
             ALTER TABLE sco_part RENAME secret TO password;
             UPDATE sco_part_1 SET password = 'hush 2', v = 'hush 2'",
        );
        assert_eq!(
            entries("sco_part")[1..],
            [r#"update 1 {"password": "**********"} was {"password": "**********"}"#]
        );
    }
}
