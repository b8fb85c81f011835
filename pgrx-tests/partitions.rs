//! Writes that reach a row through another table than its own: partitions and inheritance children.
//! Each row is recorded once, in the collection of the tracked table.

mod connections;
mod coverage;
mod inheritance;
mod large;
mod moves;
mod truncate;

use super::support::{int, run};

/// Create a table partitioned by `n` into 0..10, 10..20 and a default, and track it.
fn partitioned(name: &str) {
    run(&format!(
        "CREATE TABLE {name} (id int, n int, v text, PRIMARY KEY (id, n)) PARTITION BY RANGE (n);
         CREATE TABLE {name}_a PARTITION OF {name} FOR VALUES FROM (0) TO (10);
         CREATE TABLE {name}_b (v text, gone int, n int NOT NULL, id int NOT NULL);
         ALTER TABLE {name}_b DROP gone;
         ALTER TABLE {name} ATTACH PARTITION {name}_b FOR VALUES FROM (10) TO (20);
         CREATE TABLE {name}_d PARTITION OF {name} DEFAULT;
         SELECT directus_versions.track('{name}')"
    ));
}

/// The same with a key that the partition does not take part in.
fn partitioned_keyless(name: &str) {
    run(&format!(
        "CREATE TABLE {name} (id int, n int, v text) PARTITION BY LIST (n);
         CREATE TABLE {name}_a PARTITION OF {name} FOR VALUES IN (1);
         CREATE TABLE {name}_b (v text, gone int, n int, id int);
         ALTER TABLE {name}_b DROP gone;
         ALTER TABLE {name} ATTACH PARTITION {name}_b FOR VALUES IN (2);
         CREATE TABLE {name}_d PARTITION OF {name} DEFAULT;
         SELECT directus_versions.track('{name}', key => '{{id}}')"
    ));
}

fn count(collection: &str, action: &str) -> i64 {
    int(&format!(
        "SELECT count(*) FROM directus_versions.activity
         WHERE collection = '{collection}' AND action = '{action}'"
    ))
}

fn elsewhere(collection: &str) -> i64 {
    int(&format!(
        "SELECT count(*) FROM directus_versions.activity
         WHERE collection ~ '^{collection}_'"
    ))
}
