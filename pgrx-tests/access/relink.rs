//! The history of a dropped table belongs to its owner, and to the extension's.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::access::{as_role, readers};
    use crate::pg_tests::support::{int, run, shows, state};
    use pgrx::prelude::*;

    /// A table `{name}` of `{name}_former`, recorded and dropped; then one of `{name}_new` instead.
    fn dropped(name: &str) {
        for role in ["former", "new"] {
            run(&format!(
                "CREATE ROLE {name}_{role}; SELECT directus_versions.grant_access('{name}_{role}', 'manage')"
            ));
        }
        run(&format!(
            "CREATE TABLE {name} (id int PRIMARY KEY, v text);
             ALTER TABLE {name} OWNER TO {name}_former;
             SELECT directus_versions.track('{name}');
             INSERT INTO {name} VALUES (1, 'of the former');
             DROP TABLE {name};
             CREATE TABLE {name} (id int PRIMARY KEY, v text);
             ALTER TABLE {name} OWNER TO {name}_new"
        ));
    }

    fn relink(name: &str) -> String {
        state(&format!(
            "SELECT directus_versions.relink('{name}', '{name}')"
        ))
    }

    fn seen(name: &str) -> i64 {
        int(&format!(
            "SELECT count(*) FROM directus_versions.revisions WHERE collection = '{name}'"
        ))
    }

    #[pg_test]
    fn access_relink_is_not_for_the_owner_of_the_new_table_alone() {
        dropped("access_rel");
        as_role("access_rel_new", || {
            assert_eq!(relink("access_rel"), "42501");
            assert_eq!(seen("access_rel"), 0);
        });
        as_role("access_rel_former", || {
            assert_eq!(relink("access_rel"), "42501", "the table is another's");
            assert_eq!(seen("access_rel"), 0);
        });
        run("ALTER TABLE access_rel OWNER TO access_rel_former");
        as_role("access_rel_former", || {
            assert_eq!(relink("access_rel"), "00000");
            assert_eq!(seen("access_rel"), 1);
            run("INSERT INTO access_rel VALUES (1, 'b')");
            assert_eq!(seen("access_rel"), 2);
        });
    }

    #[pg_test]
    fn access_relink_by_a_superuser() {
        dropped("access_rel_super");
        assert_eq!(relink("access_rel_super"), "00000");
        as_role("access_rel_super_new", || {
            assert_eq!(seen("access_rel_super"), 1);
        });
    }

    #[pg_test]
    fn access_relink_by_a_member_of_the_former_owner() {
        dropped("access_rel_mem");
        run("GRANT access_rel_mem_former TO access_rel_mem_new");
        as_role("access_rel_mem_new", || {
            assert_eq!(relink("access_rel_mem"), "00000");
        });
    }

    /// The owner changed after `track`: it is the last one that counts.
    #[pg_test]
    fn access_relink_by_the_last_owner_alone() {
        dropped("access_rel_last");
        run(
            "CREATE TABLE access_rel_handed (id int PRIMARY KEY, v text);
             ALTER TABLE access_rel_handed OWNER TO access_rel_last_former;
             SELECT directus_versions.track('access_rel_handed');
             INSERT INTO access_rel_handed VALUES (1, 'a');
             ALTER TABLE access_rel_handed OWNER TO access_rel_last_new;
             UPDATE access_rel_handed SET v = 'of the later owner';
             DROP TABLE access_rel_handed;
             CREATE TABLE access_rel_handed (id int PRIMARY KEY, v text);
             ALTER TABLE access_rel_handed OWNER TO access_rel_last_former",
        );
        as_role("access_rel_last_former", || {
            assert_eq!(relink("access_rel_handed"), "42501");
        });
        run("ALTER TABLE access_rel_handed OWNER TO access_rel_last_new");
        as_role("access_rel_last_new", || {
            assert_eq!(relink("access_rel_handed"), "00000");
        });
    }

    /// What was the secret's place is another column's now.
    #[pg_test]
    fn access_relink_to_other_places_shows_no_hidden_column() {
        readers(&["access_rel_reader"]);
        run(
            "CREATE TABLE access_rel_cols (id int PRIMARY KEY, secret text, title text, gone text);
             SELECT directus_versions.track('access_rel_cols');
             INSERT INTO access_rel_cols VALUES (1, 'hush a', 'open a', 'hush gone');
             UPDATE access_rel_cols SET secret = 'hush b', title = 'open b', gone = 'hush gone b';
             DROP TABLE access_rel_cols;
             CREATE TABLE access_rel_cols (id int PRIMARY KEY, title text, secret text, other text);
             GRANT SELECT (id, title, other) ON access_rel_cols TO access_rel_reader;
             SELECT directus_versions.relink('access_rel_cols', 'access_rel_cols');
             INSERT INTO access_rel_cols VALUES (1, 'open c', 'hush c', 'open other')",
        );
        as_role("access_rel_reader", || {
            assert_eq!(
                int("SELECT count(*) FROM directus_versions.revisions r
                     WHERE strpos(r::text, 'hush') > 0"),
                0
            );
            shows(
                "SELECT string_agg(delta ->> 'title', ',' ORDER BY id)
                 FROM directus_versions.revisions WHERE collection = 'access_rel_cols'",
                "open a,open b,open c",
            );
        });
        shows(
            "SELECT string_agg(data ->> 'secret', ',' ORDER BY id)
             FROM directus_versions.revisions WHERE collection = 'access_rel_cols'",
            "hush a,hush b,hush c",
        );
    }
}
