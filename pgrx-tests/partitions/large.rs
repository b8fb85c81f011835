//! Many moved rows in one statement: more than any buffer keeps.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::partitions::{count, partitioned};
    use crate::pg_tests::support::{check_history, int, run};
    use pgrx::prelude::*;

    #[pg_test]
    fn partitions_thousands_of_long_rows_move_in_one_statement() {
        partitioned("par_large");
        run("INSERT INTO par_large
                 SELECT i, i % 10, repeat(md5(i::text), 20) FROM generate_series(1, 4000) i;
             UPDATE par_large
                 SET n = CASE WHEN id = 2345 THEN n ELSE 15 END, v = repeat(md5('new' || id), 20)");
        assert_eq!(
            [
                count("par_large", "create"),
                count("par_large", "update"),
                count("par_large", "delete")
            ],
            [4000, 4000, 0]
        );
        let wrong = int("WITH expected AS (
                 SELECT '[' || i || ', 15]' AS item, i % 10 AS was, 15 AS n, i
                 FROM generate_series(1, 4000) i WHERE i <> 2345
                 UNION ALL SELECT '[2345, 5]', NULL, NULL, 2345)
             SELECT count(*) FROM expected e
             FULL JOIN (
                 SELECT r.* FROM directus_versions.revisions r
                 JOIN directus_versions.activity a ON a.id = r.activity
                 WHERE r.collection = 'par_large' AND a.action = 'update') r USING (item)
             WHERE r.prior IS DISTINCT FROM jsonb_strip_nulls(jsonb_build_object(
                     'n', e.was, 'v', repeat(md5(e.i::text), 20)))
                OR r.delta IS DISTINCT FROM jsonb_strip_nulls(jsonb_build_object(
                     'n', e.n, 'v', repeat(md5('new' || e.i), 20)))");
        assert_eq!(wrong, 0, "revisions with another old or new value");
        check_history("par_large");
    }
}
