//! The settings themselves.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::context::{actors, last, tracked};
    use crate::pg_tests::support::{entries, int, literal, run, shows, table, text, yes};
    use pgrx::prelude::*;

    const OWN: [&str; 6] = [
        "actor",
        "ip",
        "user_agent",
        "origin",
        "comment",
        "request_id",
    ];

    #[pg_test]
    fn context_settings_are_recorded_as_they_are() {
        tracked("ctx_all");
        let odd = "  O'Rèilly \"x\"\\\n\t🦀 ${a} %s ';--  ";
        for name in OWN {
            run(&format!(
                "SET LOCAL directus_versions.{name} = {}",
                literal(&format!("{name}{odd}"))
            ));
        }
        run("INSERT INTO ctx_all VALUES (1, 'a')");
        for name in OWN {
            assert_eq!(last("ctx_all", name), Some(format!("{name}{odd}")));
        }
    }

    #[pg_test]
    fn context_not_set_is_null() {
        tracked("ctx_empty");
        run("INSERT INTO ctx_empty VALUES (1, 'a')");
        for name in ["actor", "user_agent", "origin", "comment", "request_id"] {
            assert_eq!(last("ctx_empty", name), None, "{name}");
            run(&format!("SET LOCAL directus_versions.{name} = ''"));
        }
        run("UPDATE ctx_empty SET v = 'b'");
        for name in ["actor", "user_agent", "origin", "comment", "request_id"] {
            assert_eq!(last("ctx_empty", name), None, "empty {name}");
        }
        assert_eq!(
            last("ctx_empty", "ip"),
            text("SELECT host(inet_client_addr())")
        );
        run("SET LOCAL directus_versions.ip = ''; UPDATE ctx_empty SET v = 'c'");
        assert_eq!(
            last("ctx_empty", "ip"),
            text("SELECT host(inet_client_addr())")
        );
    }

    #[pg_test]
    fn context_set_context_sets_what_is_given() {
        tracked("ctx_fn");
        run("SELECT directus_versions.set_context(actor => 'ada', ip => '10.1.2.3', user_agent => 'curl/8',
                 origin => 'https://x', comment => 'why', request_id => 'r-1');
             INSERT INTO ctx_fn VALUES (1, 'a')");
        assert_eq!(
            table("SELECT actor, ip, user_agent, origin, comment, request_id FROM directus_versions.activity
                   WHERE collection = 'ctx_fn'"),
            [["ada", "10.1.2.3", "curl/8", "https://x", "why", "r-1"].map(|v| Some(v.to_owned()))]
        );
        run("SELECT directus_versions.set_context(comment => 'other'); UPDATE ctx_fn SET v = 'b'");
        assert_eq!(
            last("ctx_fn", "actor || ' ' || comment || ' ' || request_id").unwrap(),
            "ada other r-1"
        );
        run(
            "SELECT directus_versions.set_context(actor => '', is_local => true); UPDATE ctx_fn SET v = 'c'",
        );
        assert_eq!(last("ctx_fn", "actor"), None);
        assert_eq!(last("ctx_fn", "ip").unwrap(), "10.1.2.3");
        run("SELECT directus_versions.set_context(); UPDATE ctx_fn SET v = 'd'");
        assert_eq!(last("ctx_fn", "comment").unwrap(), "other");
        shows(
            "SELECT current_setting('directus_versions.origin')",
            "https://x",
        );
    }

    #[pg_test]
    fn context_actor_changes_within_a_transaction() {
        tracked("ctx_change");
        run("INSERT INTO ctx_change VALUES (1, 'a');
             SET LOCAL directus_versions.actor = 'ada'; UPDATE ctx_change SET v = 'b';
             SET LOCAL directus_versions.actor = 'bob'; UPDATE ctx_change SET v = 'c';
             SET LOCAL directus_versions.actor = 'ada'; UPDATE ctx_change SET v = 'd';
             SET LOCAL directus_versions.actor = ''; DELETE FROM ctx_change");
        assert_eq!(actors("ctx_change"), "- ada bob ada -");
    }

    #[pg_test]
    fn context_set_inside_a_function_and_taken_back_with_it() {
        tracked("ctx_scoped");
        run("CREATE FUNCTION ctx_as(who text) RETURNS void LANGUAGE sql SET directus_versions.actor = 'inside' AS
                 $$ UPDATE ctx_scoped SET v = who $$;
             INSERT INTO ctx_scoped VALUES (1, 'a');
             SET LOCAL directus_versions.actor = 'outside';
             SELECT ctx_as('b'); UPDATE ctx_scoped SET v = 'c';
             DO $$ BEGIN
                 BEGIN
                     PERFORM set_config('directus_versions.actor', 'undone', true);
                     UPDATE ctx_scoped SET v = 'lost'; RAISE EXCEPTION 'back';
                 EXCEPTION WHEN raise_exception THEN UPDATE ctx_scoped SET v = 'd';
                 END;
             END $$");
        assert_eq!(actors("ctx_scoped"), "- inside outside outside");
    }

    #[pg_test]
    fn context_first_seen_in_a_block_that_rolled_back() {
        tracked("ctx_forget");
        run("INSERT INTO ctx_forget VALUES (1, 'a');
             SET LOCAL directus_versions.actor = 'ghost';
             DO $$ BEGIN
                 FOR i IN 1..3 LOOP
                     BEGIN UPDATE ctx_forget SET v = 'lost'; RAISE EXCEPTION 'back';
                     EXCEPTION WHEN raise_exception THEN NULL; END;
                 END LOOP;
                 UPDATE ctx_forget SET v = 'kept';
             END $$");
        assert_eq!(
            entries("ctx_forget").len(),
            2,
            "the views find the context again"
        );
        assert_eq!(actors("ctx_forget"), "- ghost");
    }

    #[pg_test]
    fn context_of_one_megabyte() {
        tracked("ctx_huge");
        run("SELECT set_config('directus_versions.user_agent', repeat('Mozilla/5.0 ü ', 75000), true),
                    set_config('directus_versions.actor', repeat(md5('a'), 32768), true);
             INSERT INTO ctx_huge VALUES (1, 'a'); UPDATE ctx_huge SET v = 'b'");
        assert!(yes("SELECT bool_and(user_agent = repeat('Mozilla/5.0 ü ', 75000) AND actor = repeat(md5('a'), 32768))
                     FROM directus_versions.activity WHERE collection = 'ctx_huge'"));
        assert_eq!(entries("ctx_huge").len(), 2);
    }

    #[pg_test]
    fn context_is_kept_for_own_events_too() {
        run(
            "SELECT directus_versions.set_context(actor => 'ada', ip => '10.9.9.9', origin => 'o')",
        );
        let id = int("SELECT directus_versions.log_activity('login')");
        shows(
            &format!("SELECT actor || ' ' || ip || ' ' || origin || ' ' || (session_user_name = session_user)
                      FROM directus_versions.activity WHERE id = {id}"),
            "ada 10.9.9.9 o true",
        );
    }

    #[pg_test]
    fn context_goes_with_cascades_and_triggers() {
        tracked("ctx_top");
        run("CREATE TABLE ctx_sub (id int PRIMARY KEY, t int REFERENCES ctx_top ON DELETE CASCADE);
             SELECT directus_versions.track('ctx_sub');
             INSERT INTO ctx_top VALUES (1, 'a'); INSERT INTO ctx_sub VALUES (5, 1);
             SET LOCAL directus_versions.actor = 'ada'; SET LOCAL directus_versions.request_id = 'r';
             DELETE FROM ctx_top");
        assert_eq!(
            last("ctx_sub", "action || actor || request_id").unwrap(),
            "deleteadar"
        );
    }

    #[pg_test]
    fn context_of_many_different_actors() {
        tracked("ctx_crowd");
        run("DO $$ BEGIN FOR i IN 1..1500 LOOP
                 PERFORM set_config('directus_versions.actor', 'a' || i % 700, true);
                 INSERT INTO ctx_crowd VALUES (i, 'v');
             END LOOP; END $$");
        shows(
            "SELECT count(*) || ' ' || bool_and(actor = 'a' || item::int % 700) FROM directus_versions.activity
             WHERE collection = 'ctx_crowd'",
            "1500 true",
        );
    }

    #[pg_test]
    fn context_time_is_within_the_transaction() {
        tracked("ctx_time");
        run("INSERT INTO ctx_time VALUES (1, 'a')");
        assert!(yes(
            "SELECT \"timestamp\" BETWEEN now() AND clock_timestamp()
                     FROM directus_versions.activity WHERE collection = 'ctx_time'"
        ));
    }
}
