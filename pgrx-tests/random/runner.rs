//! Runs random workloads, and shows the smallest that fails.

use super::workload::{Table, Workload, workloads};
use crate::pg_tests::fidelity::RESTORE;
use crate::pg_tests::support::{Session, client};
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use std::cell::{Cell, RefCell};

pub(crate) const REPLAY: &str = include_str!("replay.sql");

/// Make a tracked table and run the statements; `between` runs after each transaction.
pub(crate) fn perform(
    session: &mut Session,
    table: &Table,
    workload: &Workload,
    mut between: impl FnMut(&mut Session),
) {
    session.run("ROLLBACK");
    session.run(&table.create());
    session.run(&format!("SELECT directus_versions.track('{}')", table.name));
    for statement in workload.statements(table) {
        // A failing statement is part of the workload: it must leave nothing in the log.
        if let Some(statement) = statement.strip_prefix('?') {
            session.run("SAVEPOINT guard");
            match session.state(statement).as_str() {
                "00000" => session.run("RELEASE guard"),
                "23505" => session.run("ROLLBACK TO guard; RELEASE guard"),
                other => panic!("{other} from {statement}"),
            }
        } else {
            session.run(&statement);
        }
        if ["COMMIT", "ROLLBACK"].contains(&statement.as_str()) {
            between(session);
        }
    }
}

/// Check random workloads on tables like this one; `check` panics if something is wrong.
pub(super) fn run(
    purpose: &str,
    cases: u32,
    table: Table,
    check: impl Fn(&mut Session, &Table, &Workload),
) {
    let seed: u64 = std::env::var("RANDOM_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(2026);
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let session = RefCell::new(client());
    session.borrow_mut().run(RESTORE);
    session.borrow_mut().run(REPLAY);
    session
        .borrow_mut()
        .run("SET client_min_messages = error; SET log_statement = 'none'");
    let number = Cell::new(0);
    let named = || Table {
        name: format!("random_{purpose}_{}", number.get()),
        ..table.clone()
    };
    let config = Config {
        cases,
        max_shrink_iters: 300,
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let outcome = TestRunner::new_with_rng(config, rng).run(&workloads(), |workload| {
        number.set(number.get() + 1);
        check(&mut session.borrow_mut(), &named(), &workload);
        Ok(())
    });
    match outcome {
        Ok(()) => (),
        Err(TestError::Fail(reason, workload)) => {
            let table = Table {
                name: format!("random_{purpose}"),
                ..table.clone()
            };
            panic!(
                "{reason}\nRANDOM_SEED={seed}\n{};\n{};",
                table.create(),
                workload.statements(&table).join(";\n")
            );
        }
        Err(other) => panic!("{other}"),
    }
}
