//! Inheritance children.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::partitions::count;
    use crate::pg_tests::support::{check_history, entries, run, shows, yes};
    use pgrx::prelude::*;

    #[pg_test]
    fn inheritance_children_are_recorded_once() {
        run("CREATE TABLE inh_p (id int PRIMARY KEY, v text);
             CREATE TABLE inh_c (PRIMARY KEY (id)) INHERITS (inh_p);
             SELECT directus_versions.track('inh_p');
             CREATE TABLE inh_later (PRIMARY KEY (id)) INHERITS (inh_p);
             CREATE TABLE inh_grand () INHERITS (inh_c);
             INSERT INTO inh_p VALUES (1, 'a');
             INSERT INTO inh_c VALUES (2, 'b');
             INSERT INTO inh_later VALUES (3, 'c');
             INSERT INTO inh_grand VALUES (4, 'd');
             UPDATE inh_p SET v = v || '!';
             UPDATE ONLY inh_p SET v = 'only';
             UPDATE inh_c SET v = 'cc';
             DELETE FROM inh_p WHERE id = 3");
        let mut all = entries("inh_p");
        all.sort();
        assert_eq!(
            all,
            [
                r#"create 1 {"v": "a", "id": 1}"#,
                r#"create 2 {"v": "b", "id": 2}"#,
                r#"create 3 {"v": "c", "id": 3}"#,
                r#"create 4 {"v": "d", "id": 4}"#,
                r#"delete 3 was {"v": "c!", "id": 3}"#,
                r#"update 1 {"v": "a!"} was {"v": "a"}"#,
                r#"update 1 {"v": "only"} was {"v": "a!"}"#,
                r#"update 2 {"v": "b!"} was {"v": "b"}"#,
                r#"update 2 {"v": "cc"} was {"v": "b!"}"#,
                r#"update 3 {"v": "c!"} was {"v": "c"}"#,
                r#"update 4 {"v": "cc"} was {"v": "d!"}"#,
                r#"update 4 {"v": "d!"} was {"v": "d"}"#,
            ]
        );
        assert!(!yes(
            "SELECT EXISTS (SELECT FROM directus_versions.activity
                      WHERE collection IN ('inh_c', 'inh_later', 'inh_grand'))"
        ));
        check_history("inh_p");
    }

    #[pg_test]
    fn inheritance_children_with_more_columns() {
        run("CREATE TABLE inh_wide (id int PRIMARY KEY, v text);
             SELECT directus_versions.track('inh_wide');
             CREATE TABLE inh_wide_c (extra text, id int, v text, PRIMARY KEY (id));
             ALTER TABLE inh_wide_c INHERIT inh_wide;
             INSERT INTO inh_wide_c VALUES ('e', 1, 'a');
             UPDATE inh_wide SET v = 'b'; UPDATE inh_wide_c SET v = 'c', extra = 'f'");
        shows(
            "SELECT string_agg(data->>'v' || (data->>'id') || item, ',' ORDER BY id)
             FROM directus_versions.revisions WHERE collection = 'inh_wide'",
            "a11,b11,c11",
        );
    }

    #[pg_test]
    fn inheritance_truncate_and_end() {
        run("CREATE TABLE inh_t (id int PRIMARY KEY, v text);
             CREATE TABLE inh_t_c (PRIMARY KEY (id)) INHERITS (inh_t);
             SELECT directus_versions.track('inh_t');
             INSERT INTO inh_t VALUES (1, 'a'); INSERT INTO inh_t_c VALUES (2, 'b');
             TRUNCATE inh_t");
        assert_eq!(count("inh_t", "delete"), 2);
        check_history("inh_t");
        run("INSERT INTO inh_t_c VALUES (3, 'c'); ALTER TABLE inh_t_c NO INHERIT inh_t");
        let before = entries("inh_t");
        run("INSERT INTO inh_t_c VALUES (4, 'free'); UPDATE inh_t_c SET v = 'free'");
        assert_eq!(entries("inh_t"), before);
    }
}
