//! Columns of whatever name: none is taken for something of ours, wherever rows are read or written.
#![cfg(test)]

use super::{transaction, undoing};
use crate::pg_tests::support::in_schema;
use crate::pg_tests::travel::{Copies, now};

/// What a query about rows may well call its own things.
const NAMES: &str = "a b c d e f g h i j k l m n o p q s u v w x y z row rows old new data item items key keys at \
    target revision revisions source fields field value values action prior delta restored present changed changes \
    state record live past now then found expected subject excluded result collection transaction conflict comment \
    order user table select left right both same kept step steps until since name names id base log entry version \
    relation condition statement like anyelement force dry_run attname attnum ctid_ tableoid_";

#[test]
fn undo_revert_and_travel_whatever_the_columns_are_called() {
    let schema = "undo_called";
    let mut session = in_schema(schema);
    let columns: Vec<String> = NAMES
        .split_whitespace()
        .map(|name| format!("\"{name}\""))
        .collect();
    let each = |form: &str| {
        let parts: Vec<String> = columns
            .iter()
            .map(|name| form.replace("{}", name))
            .collect();
        parts.join(", ")
    };
    session.run(&format!(
        "CREATE TABLE t (t int, r text, {}, PRIMARY KEY (t, r)); SELECT directus_versions.track('t')",
        each("{} int DEFAULT 0")
    ));
    let mut copies = Copies::new(&mut session);
    let mut transactions = Vec::new();
    copies.take(&mut session);
    for sql in [
        "INSERT INTO t (t, r) VALUES (1, 'x'), (2, 'y'), (3, 'z')".to_owned(),
        format!("UPDATE t SET {} WHERE t < 3", each("{} = {} + 5")),
        "UPDATE t SET t = t + 10, r = r || '!' WHERE t = 1; DELETE FROM t WHERE t = 2".to_owned(),
    ] {
        transactions.push(transaction(&mut session, &sql));
        copies.take(&mut session);
    }
    copies.check(&mut session);
    let times = copies.times().to_vec();
    for (id, at) in transactions.iter().zip(&times).rev() {
        session.run(&undoing(id, ", dry_run => true"));
        session.run(&undoing(id, ""));
        session.same_rows(&now("t"), &Copies::rows(at));
    }
    for at in times.iter().rev() {
        session.run(&format!(
            "SELECT * FROM directus_versions.revert_collection('t', {at}, true)"
        ));
        session.run(&format!(
            "SELECT * FROM directus_versions.revert_collection('t', {at})"
        ));
        session.same_rows(&now("t"), &Copies::rows(at));
    }
    // One item, over all of its revisions.
    session.run("INSERT INTO t (t, r) VALUES (4, 'w')");
    session.run(&format!("UPDATE t SET {} WHERE t = 4", each("{} = {} + 7")));
    session.run("UPDATE t SET t = 5, r = 'w!' WHERE t = 4");
    let told =
        session.table("SELECT revision, data FROM directus_versions.history('t', '[5, \"w!\"]')");
    assert_eq!(told.len(), 3);
    for row in told.iter().chain(told.iter().rev()) {
        let (revision, data) = (row[0].clone().unwrap(), row[1].clone().unwrap());
        session.run(&format!("SELECT directus_versions.revert({revision})"));
        let found = format!("SELECT count(*) FROM t row_now WHERE to_jsonb(row_now) = '{data}'");
        session.shows(&found, "1");
        session.run(&format!(
            "SELECT * FROM directus_versions.diff({revision}); SELECT * FROM directus_versions.diff({revision}, {});
             SELECT directus_versions.revert({revision}, '{{a,t}}')",
            told[0][0].clone().unwrap()
        ));
    }
    session.run("SELECT * FROM directus_versions.blame('t', (SELECT directus_versions.item_of(row_now) FROM t row_now WHERE t = 5))");
    copies.check(&mut session);
}
