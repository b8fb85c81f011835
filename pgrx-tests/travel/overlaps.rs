//! Transactions that overlap: the time is that of the statement, the order that of the row's lock.

use super::{moment, now, then};
use crate::pg_tests::support::{Session, beside, in_schema};
use std::thread;

fn prepared(schema: &str) -> Session {
    let mut session = in_schema(schema);
    session.run(
        "CREATE TABLE t (id int PRIMARY KEY, a int, b int, c int); SELECT directus_versions.track('t');
         INSERT INTO t VALUES (1, 0, 0, 0), (2, 0, 0, 0)",
    );
    session
}

/// Of rows that have nothing to do with each other, each is as the statements made it by that time.
#[test]
fn travel_between_transactions_on_different_rows() {
    let schema = "travel_apart";
    let mut first = prepared(schema);
    let mut second = beside(schema);
    first.run("BEGIN");
    first.run("UPDATE t SET a = 1 WHERE id = 1");
    let between = moment(&mut first);
    second.run("UPDATE t SET b = 1 WHERE id = 2");
    first.run("UPDATE t SET c = 1 WHERE id = 1");
    first.run("COMMIT");
    first.shows(
        &format!("SELECT string_agg(concat(id, a, b, c), ' ' ORDER BY id) FROM directus_versions.as_of(NULL::t, {between})"),
        "1100 2000",
    );
    first.same_rows(&then("t", "'infinity'"), &now("t"));
}

/// The second writer's statement began before the first writer's last one, and took the row after
/// it. No time may show its change without that of the first.
#[test]
fn travel_shows_only_states_that_a_row_really_had() {
    let schema = "travel_waited";
    let mut first = prepared(schema);
    let mut observer = beside(schema);
    let mut times = vec![moment(&mut first)];
    first.run("BEGIN");
    first.run("UPDATE t SET a = 1 WHERE id = 1");
    times.push(moment(&mut first));
    let mut second = beside(schema);
    thread::scope(|scope| {
        let waiting =
            scope.spawn(move || second.run("UPDATE t SET c = 1 WHERE id = 1 /* travel_waited */"));
        observer.await_blocked("/* travel_waited */");
        times.push(moment(&mut first));
        first.run("UPDATE t SET b = 1 WHERE id = 1");
        times.push(moment(&mut first));
        first.run("COMMIT");
        waiting.join().unwrap();
    });
    times.push(moment(&mut first));
    let was: Vec<String> = times
        .iter()
        .map(|at| {
            first
                .text(&format!(
                    "SELECT concat(a, b, c) FROM directus_versions.as_of(NULL::t, {at}) WHERE id = 1"
                ))
                .unwrap()
        })
        .collect();
    // 000, then a, then b, then c: nothing else ever was.
    let states = ["000", "100", "110", "111"];
    assert_eq!(was[..2], ["000", "100"]);
    assert_eq!(was[4], "111");
    let places: Vec<usize> = was
        .iter()
        .map(|state| states.iter().position(|known| known == state))
        .map(|place| place.unwrap_or_else(|| panic!("a state that never was: {was:?}")))
        .collect();
    assert!(places.is_sorted(), "{was:?}");
    for (at, state) in times.iter().zip(&was) {
        first.shows(
            &format!(
                "SELECT concat(i -> 'a', i -> 'b', i -> 'c')
                 FROM (SELECT directus_versions.item_at('t', 1, {at}) AS i) i"
            ),
            state,
        );
    }
    assert_eq!(
        first.text(
            "SELECT string_agg(concat(data -> 'a', data -> 'b', data -> 'c'), ' ')
             FROM directus_versions.history('t', 1)"
        ),
        Some("000 100 110 111".to_owned())
    );
}

/// A row deleted by the first and created by the second, which waited for the key.
#[test]
fn travel_over_a_key_that_two_transactions_wanted() {
    let schema = "travel_wanted";
    let mut first = prepared(schema);
    let mut observer = beside(schema);
    first.run("BEGIN");
    first.run("DELETE FROM t WHERE id = 1");
    let mut second = beside(schema);
    let between = thread::scope(|scope| {
        let waiting = scope
            .spawn(move || second.run("INSERT INTO t VALUES (1, 5, 5, 5) /* travel_wanted */"));
        observer.await_blocked("/* travel_wanted */");
        let between = moment(&mut first);
        first.run("UPDATE t SET b = 9 WHERE id = 2");
        first.run("COMMIT");
        waiting.join().unwrap();
        between
    });
    let found = first
        .text(&format!(
            "SELECT coalesce(string_agg(concat(a, b, c), ' '), 'gone')
             FROM directus_versions.as_of(NULL::t, {between}) WHERE id = 1"
        ))
        .unwrap();
    assert!(["gone", "555"].contains(&found.as_str()), "{found}");
    first.shows(
        &format!(
            "SELECT concat(a, b, c) FROM directus_versions.as_of(NULL::t, {between}) WHERE id = 2"
        ),
        "000",
    );
    first.same_rows(&then("t", "'infinity'"), &now("t"));
}
