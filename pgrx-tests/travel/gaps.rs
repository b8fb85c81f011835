//! Recording that was interrupted: what happened then is not known, and nothing is made up of it.

use super::{Copies, now, then};
use crate::pg_tests::support::in_schema;

fn interrupted(schema: &str, stop: &str, start: &str) {
    let mut session = in_schema(schema);
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, a int, b int); SELECT directus_versions.track('t');
         INSERT INTO t VALUES (1, 1, 1), (2, 1, 1)",
    );
    let mut copies = Copies::new(&mut session);
    let before = copies.take(&mut session);
    session.run(&format!("SELECT directus_versions.{stop}"));
    session.run("UPDATE t SET b = 2");
    session.run(&format!("SELECT directus_versions.{start}"));
    let after = copies.take(&mut session);
    session.run("UPDATE t SET a = 2");
    copies.run(
        &mut session,
        &["UPDATE t SET a = 3", "DELETE FROM t WHERE id = 2"],
    );
    // All after the gap is known.
    for at in &copies.times()[1..] {
        session.same_rows(&then("t", at), &Copies::rows(at));
    }
    session.same_rows(&then("t", "'infinity'"), &now("t"));
    // The rows were created with these values, and that was recorded.
    session.same_rows(&then("t", &before), &Copies::rows(&before));
    for (at, b) in [(&before, "1"), (&after, "2")] {
        session.shows(
            &format!("SELECT directus_versions.item_at('t', 1, {at}) ->> 'b'"),
            b,
        );
    }
}

#[test]
fn travel_over_a_gap_without_tracking() {
    interrupted("travel_gap", "untrack('t')", "track('t')");
}

#[test]
fn travel_over_a_gap_of_scope() {
    interrupted(
        "travel_gap_scope",
        "set_scope('t', accountability => 'none')",
        "set_scope('t', accountability => 'all')",
    );
    interrupted(
        "travel_gap_activity",
        "set_scope('t', accountability => 'activity')",
        "set_scope('t', accountability => 'all')",
    );
}
