//! Values of every type, as they were.

use super::{moment, now, then};
use crate::pg_tests::fidelity::every_type::{EVERY_TYPE, TYPES};
use crate::pg_tests::support::{drop_database, in_database};

const STEPS: &str = include_str!("every_type.sql");

#[test]
fn travel_with_every_type_of_the_server() {
    let database = "travel_every_type";
    let mut session = in_database(database);
    session.run("SET client_min_messages = warning");
    session.run(TYPES);
    session.run(EVERY_TYPE);
    session.run(STEPS);
    session.run("SELECT pg_temp.every_type('pg_temp.plan_trip', true)");
    let steps = session.int("SELECT max(cardinality(samples)) + 1 FROM travel_plan");
    assert!(steps > 4, "{steps}");
    let mut times = Vec::new();
    for step in 1..=steps {
        session.run(&format!("SELECT pg_temp.take_step({step})"));
        times.push((step, moment(&mut session)));
    }
    let targets: Vec<String> = session
        .table("SELECT target FROM travel_plan ORDER BY target::oid")
        .into_iter()
        .flatten()
        .flatten()
        .collect();
    assert!(targets.len() > 10, "{targets:?}");
    for target in &targets {
        for (step, at) in &times {
            session.same_rows(
                &then(target, at),
                &format!("SELECT r FROM {target}_copies WHERE step = {step}"),
            );
        }
        session.same_rows(&then(target, "'infinity'"), &now(target));
    }
    drop(session);
    drop_database(database);
}
