//! Random workloads: whatever an application does to a table, the log replayed is the table,
//! any time can be travelled to, and any transaction undone.
//!
//! The seed is fixed; `RANDOM_SEED=n` takes another. A failure shows the statements of the
//! smallest workload that fails.

#[cfg(test)]
mod back;
#[cfg(test)]
pub(crate) mod runner;
#[cfg(test)]
pub(crate) mod workload;

#[cfg(test)]
mod tests {
    use super::runner::{perform, run};
    use super::workload::{Table, Workload};
    use crate::pg_tests::support::Session;

    /// Make a tracked table, run the statements, compare; panics at the first difference.
    fn check(session: &mut Session, table: &Table, workload: &Workload) {
        let name = &table.name;
        perform(session, table, workload, |_| ());
        let problems = session.table(&format!(
            "SELECT p FROM pg_temp.replay_problems('{name}') p"
        ));
        let problems: Vec<String> = problems.into_iter().flatten().flatten().collect();
        assert!(problems.is_empty(), "{}", problems.join("\n"));
        if !table.lossy {
            session.check_history(name);
        }
        session.run(&format!("DROP TABLE {name}"));
    }

    #[test]
    fn random_workloads_on_plain_columns() {
        run("plain", 20, Table::default(), check);
    }

    #[test]
    fn random_workloads_on_columns_whose_json_form_loses() {
        let table = Table {
            lossy: true,
            ..Table::default()
        };
        run("lossy", 20, table, check);
    }

    #[test]
    fn random_workloads_on_keys_that_shift() {
        let table = Table {
            lossy: true,
            deferrable: true,
            ..Table::default()
        };
        run("shifting", 15, table, check);
    }
}
