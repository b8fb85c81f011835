//! Which item a row is: keys of every kind, keys that change, and names that need quoting.

mod changes;
mod kinds;
mod names;
mod replaced;

use super::support::{run, table};

/// Track a new table keyed by one column of this type, write two values, give the items.
fn items_of(name: &str, column_type: &str, values: [&str; 2]) -> Vec<String> {
    run(&format!(
        "CREATE TABLE {name} (k {column_type} PRIMARY KEY, v int);
         SELECT directus_versions.track('{name}');
         INSERT INTO {name} VALUES ({}, 1), ({}, 2);
         UPDATE {name} SET v = v + 10",
        values[0], values[1]
    ));
    let rows = table(&format!(
        "SELECT item FROM directus_versions.activity WHERE collection = '{name}' ORDER BY id"
    ));
    let items: Vec<String> = rows.into_iter().flatten().flatten().collect();
    assert_eq!(
        items[..2],
        items[2..],
        "create and update name the same item"
    );
    items[..2].to_vec()
}
