//! Large values that did not change: not fetched, not stored again.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::support::{int, run};
    use pgrx::prelude::*;

    /// Blocks of the table's out-of-line storage that this transaction has looked at.
    fn blocks(name: &str) -> i64 {
        int(&format!(
            "SELECT pg_stat_get_xact_blocks_fetched(c.reltoastrelid)
                  + pg_stat_get_xact_blocks_fetched(i.indexrelid)
             FROM pg_class c JOIN pg_index i ON i.indrelid = c.reltoastrelid WHERE c.oid = '{name}'::regclass"
        ))
    }

    fn last(what: &str, name: &str) -> i64 {
        int(&format!(
            "SELECT {what} FROM directus_versions.log l JOIN directus_versions.revisions r ON r.id = l.id
             WHERE r.collection = '{name}' ORDER BY r.id DESC LIMIT 1"
        ))
    }

    #[pg_test]
    fn huge_toast_is_left_alone_where_it_did_not_change() {
        run("CREATE TABLE huge_toast (id int PRIMARY KEY, body text, blob bytea, doc jsonb, list text[], note text, n int);
             ALTER TABLE huge_toast ALTER body SET STORAGE EXTERNAL;
             INSERT INTO huge_toast
             SELECT 1, repeat('x', 1000000),
                    (SELECT string_agg(sha256(i::text::bytea), '') FROM generate_series(1, 30000) i),
                    (SELECT jsonb_object_agg(i, md5(i::text)) FROM generate_series(1, 30000) i),
                    (SELECT array_agg(md5(i::text)) FROM generate_series(1, 30000) i), 'a', 1;
             SELECT directus_versions.track('huge_toast');
             UPDATE huge_toast SET note = 'warm'");
        for statement in [
            "UPDATE huge_toast SET note = 'b'",
            "UPDATE huge_toast SET n = n + 1, note = 'c'",
            "UPDATE huge_toast SET n = n",
            "UPDATE huge_toast SET body = body, blob = blob, doc = doc, list = list, n = 7",
            "UPDATE huge_toast SET id = 2",
            "INSERT INTO huge_toast VALUES (2) ON CONFLICT (id) DO UPDATE SET note = 'd'",
        ] {
            let before = blocks("huge_toast");
            run(statement);
            assert_eq!(
                blocks("huge_toast"),
                before,
                "blocks fetched by {statement}"
            );
            // About every 128th entry keeps the whole row; that one may be large.
            if last(
                "(directus_versions._whole(l.change) IS NULL)::int",
                "huge_toast",
            ) == 1
            {
                assert!(
                    last("pg_column_size(l.*)", "huge_toast") < 400,
                    "size of the entry of {statement}"
                );
            }
        }
        assert_eq!(
            int("SELECT count(*) FROM directus_versions.revisions WHERE collection = 'huge_toast'"),
            6
        );
    }

    /// The entries of many updates of one small field are small, keyframes included in their sum.
    #[pg_test]
    fn huge_toast_is_not_in_the_log_again_and_again() {
        run(
            "CREATE TABLE huge_again (id int PRIMARY KEY, body text, n int);
             INSERT INTO huge_again SELECT i, string_agg(md5((i * k)::text), ''), 0
             FROM generate_series(1, 20) i, generate_series(1, 1000) k GROUP BY i;
             SELECT directus_versions.track('huge_again');
             UPDATE huge_again SET n = n + 1",
        );
        let sizes = int(
            "SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY pg_column_size(l.*))
             FROM directus_versions.log l JOIN directus_versions.revisions r ON r.id = l.id
             WHERE r.collection = 'huge_again'",
        );
        assert!(sizes < 300, "{sizes} bytes");
    }

    /// What did change is fetched once and kept, however it is stored.
    #[pg_test]
    fn huge_toast_that_changed_is_kept() {
        run(
            "CREATE TABLE huge_changed (id int PRIMARY KEY, body text, note text);
             ALTER TABLE huge_changed ALTER body SET STORAGE EXTERNAL;
             SELECT directus_versions.track('huge_changed');
             INSERT INTO huge_changed VALUES (1, repeat('x', 1000000), 'a');
             UPDATE huge_changed SET body = overlay(body PLACING 'y' FROM 500000);
             UPDATE huge_changed SET body = overlay(body PLACING 'y' FROM 500000);
             DELETE FROM huge_changed",
        );
        assert_eq!(
            int("SELECT count(*) FROM directus_versions.revisions r
                 WHERE r.collection = 'huge_changed'
                   AND (r.delta IS NULL OR length(r.delta ->> 'body') = 1000000)
                   AND (r.prior IS NULL OR length(r.prior ->> 'body') = 1000000)"),
            3
        );
    }
}
