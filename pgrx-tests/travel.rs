//! `as_of` and `item_at`: the table as it was, row by row and byte by byte.
//!
//! A test takes a copy of the table, goes on writing, and travels back to the copy. All of a
//! `#[pg_test]` happens at one time, so most of this is done in sessions.

mod arguments;
#[cfg(test)]
mod beginnings;
#[cfg(test)]
mod columns;
#[cfg(test)]
mod every_type;
#[cfg(test)]
mod gaps;
#[cfg(test)]
mod items;
#[cfg(test)]
mod moments;
#[cfg(test)]
mod overlaps;
#[cfg(test)]
mod plans;
mod queries;
#[cfg(test)]
mod scope;
#[cfg(test)]
mod snapshots;
#[cfg(test)]
mod tables;
#[cfg(test)]
mod types;

#[cfg(test)]
use super::support::Session;

/// Give SQL of a table's rows as they were; the time is an SQL expression.
pub(crate) fn then(target: &str, at: &str) -> String {
    format!("SELECT row_then FROM directus_versions.as_of(NULL::{target}, {at}) row_then")
}

/// Give SQL of a table's rows as they are.
pub(crate) fn now(target: &str) -> String {
    format!("SELECT row_now FROM {target} row_now")
}

/// Copies of a table `t`, of `search_path`, each with its time, in a table `copies`.
///
/// A later change of the table's columns would change the copies too: then copy by hand.
#[cfg(test)]
pub(crate) struct Copies(Vec<String>);

#[cfg(test)]
impl Copies {
    /// Begin without a copy.
    pub(crate) fn new(session: &mut Session) -> Self {
        session.run("CREATE TABLE copies (at timestamptz, r t)");
        Self(Vec::new())
    }

    /// Copy the table as it is; the time lies between the statements before and those after.
    pub(crate) fn take(&mut self, session: &mut Session) -> String {
        let at = moment(session);
        session.run(&format!(
            "INSERT INTO copies SELECT {at}, row_now FROM t row_now"
        ));
        self.0.push(at.clone());
        at
    }

    /// Run statements, each in a transaction of its own, with a copy after each.
    pub(crate) fn run(&mut self, session: &mut Session, statements: &[&str]) {
        for statement in statements {
            session.run(statement);
            self.take(session);
        }
    }

    /// Give SQL of the rows of a copy.
    pub(crate) fn rows(at: &str) -> String {
        format!("SELECT r FROM copies WHERE at = {at}")
    }

    /// Travel to the time of each copy, and to now.
    pub(crate) fn check(&self, session: &mut Session) {
        for at in &self.0 {
            session.same_rows(&then("t", at), &Self::rows(at));
        }
        for at in ["clock_timestamp()", "'infinity'"] {
            session.same_rows(&then("t", at), &now("t"));
        }
    }

    pub(crate) fn times(&self) -> &[String] {
        &self.0
    }
}

/// Give the time, as an SQL literal.
#[cfg(test)]
pub(crate) fn moment(session: &mut Session) -> String {
    let at = session
        .text("SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')")
        .unwrap();
    format!("'{at}+00'::timestamptz")
}
