//! Partitions that another session makes while this one writes.
#![cfg(test)]

use crate::pg_tests::support::client;

#[test]
fn partitions_copy_and_partition_made_by_another_session() {
    let (mut one, mut two) = (client(), client());
    one.run(
        "CREATE TABLE parc_t (id int, n int, v text, PRIMARY KEY (id, n)) PARTITION BY RANGE (n);
         CREATE TABLE parc_t_a PARTITION OF parc_t FOR VALUES FROM (0) TO (10);
         SELECT directus_versions.track('parc_t');
         INSERT INTO parc_t VALUES (1, 1, 'a')",
    );
    let insert = one
        .prepare("INSERT INTO parc_t VALUES ($1, $2, 'p')")
        .unwrap();
    one.execute(&insert, &[&2, &2]).unwrap();
    two.run(
        "CREATE TABLE parc_t_b (v text, n int NOT NULL, id int NOT NULL);
         ALTER TABLE parc_t ATTACH PARTITION parc_t_b FOR VALUES FROM (10) TO (20)",
    );
    one.execute(&insert, &[&3, &13]).unwrap();
    one.run("UPDATE parc_t SET n = 14 WHERE id = 1");
    let lines: Vec<String> = (100..2600)
        .map(|i| format!("{i}\t{}\tv\n", i % 20))
        .collect();
    two.copy("COPY parc_t FROM STDIN", &lines.concat());
    two.run("ALTER TABLE parc_t DETACH PARTITION parc_t_b CONCURRENTLY");
    let before = two.entries("parc_t").len();
    one.run("UPDATE parc_t_b SET v = 'free'");
    assert_eq!(two.entries("parc_t").len(), before);
    assert_eq!(
        two.entries("parc_t")[3],
        r#"update [1, 14] {"n": 14} was {"n": 1}"#
    );
    assert_eq!(before, 3 + 1 + 2500);
}
