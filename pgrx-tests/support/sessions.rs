//! The same helpers over connections of their own.
#![cfg(test)]

use super::{
    Raised, Row, columns_of, entries_of, integer, listed, literal, many,
    replay::{problems, verdict},
    rows::{agree, differences},
    single,
};
use postgres::{Config, NoTls};
use std::io::Write;
use std::ops::{Deref, DerefMut};
use std::sync::mpsc::{Receiver, channel};

/// Start the server, once.
pub(crate) fn server() {
    let options = crate::pg_test::postgresql_conf_options();
    pgrx_tests::run_test("support_ready", None, options).unwrap();
}

/// Open a connection as superuser. What it commits stays for the whole run: take names that
/// no other test uses.
pub(crate) fn client() -> Session {
    server();
    Session(pgrx_tests::client().unwrap().0)
}

/// Open a session with a new schema, first on its `search_path`.
pub(crate) fn in_schema(name: &str) -> Session {
    let mut session = client();
    session.run(&format!("CREATE SCHEMA {name}; SET search_path = {name}"));
    session
}

/// Open another session on that schema.
pub(crate) fn beside(name: &str) -> Session {
    let mut session = client();
    session.run(&format!(
        "SET search_path = {name}; SET lock_timeout = '30s'"
    ));
    session
}

/// Open a session whose notices can be read, each as its message and its detail.
pub(crate) fn listening(schema: &str) -> (Session, Receiver<String>) {
    let (sender, notices) = channel();
    let mut config = address(&mut client());
    config.notice_callback(move |notice| {
        let detail = notice.detail().unwrap_or_default();
        sender
            .send(format!("{} {detail}", notice.message()))
            .unwrap_or_default();
    });
    let mut session = Session(config.connect(NoTls).unwrap());
    session.run(&format!("SET search_path = {schema}"));
    (session, notices)
}

/// Open a session in a new database with the extension; drop it with [`drop_database`].
pub(crate) fn in_database(name: &str) -> Session {
    let mut session = client();
    session.run(&format!("CREATE DATABASE {name}"));
    let mut inside = Session(address(&mut session).dbname(name).connect(NoTls).unwrap());
    inside.run("CREATE EXTENSION directus_versions");
    inside
}

/// Open another session in the database of this one.
pub(crate) fn alike(session: &mut Session) -> Session {
    Session(address(session).connect(NoTls).unwrap())
}

pub(crate) fn drop_database(name: &str) {
    client().run(&format!("DROP DATABASE {name} WITH (FORCE)"));
}

fn address(session: &mut Session) -> Config {
    let mut part = |sql| session.text(sql).unwrap();
    let mut config = Config::new();
    config
        .host("localhost")
        .port(part("SELECT current_setting('port')").parse().unwrap())
        .user(&part("SELECT current_user"))
        .dbname(&part("SELECT current_database()"));
    config
}

/// A connection, with the same helpers as inside the server; `Deref` gives the client itself.
pub(crate) struct Session(postgres::Client);

impl Deref for Session {
    type Target = postgres::Client;
    fn deref(&self) -> &postgres::Client {
        &self.0
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut postgres::Client {
        &mut self.0
    }
}

impl Session {
    /// Execute, several statements if need be.
    pub(crate) fn run(&mut self, sql: &str) {
        if let Err(error) = self.batch_execute(sql) {
            panic!("{:?} from: {sql}", raised(&error));
        }
    }

    pub(crate) fn text(&mut self, sql: &str) -> Option<String> {
        match self.query(single(sql).as_str(), &[]) {
            Ok(rows) => rows.first().and_then(|row| row.get(0)),
            Err(error) => panic!("{:?} from: {sql}", raised(&error)),
        }
    }

    pub(crate) fn int(&mut self, sql: &str) -> i64 {
        let value = self.text(sql);
        integer(sql, value.as_deref())
    }

    pub(crate) fn yes(&mut self, sql: &str) -> bool {
        self.text(sql).as_deref() == Some("true")
    }

    pub(crate) fn table(&mut self, sql: &str) -> Vec<Row> {
        let width = match self.prepare(&columns_of(sql)) {
            Ok(statement) => statement.columns().len(),
            Err(error) => panic!("{:?} from: {sql}", raised(&error)),
        };
        match self.query(many(sql, width).as_str(), &[]) {
            Ok(rows) => rows.iter().map(|row| row.get(0)).collect(),
            Err(error) => panic!("{:?} from: {sql}", raised(&error)),
        }
    }

    /// Give the error that a statement raises; inside BEGIN the transaction is then aborted.
    pub(crate) fn error(&mut self, sql: &str) -> Raised {
        match self.batch_execute(sql) {
            Ok(()) => panic!("no error from: {sql}"),
            Err(error) => raised(&error),
        }
    }

    /// Give the SQLSTATE of a statement, `00000` if it succeeds.
    pub(crate) fn state(&mut self, sql: &str) -> String {
        match self.batch_execute(sql) {
            Ok(()) => "00000".to_owned(),
            Err(error) => raised(&error).state,
        }
    }

    pub(crate) fn entries(&mut self, collection: &str) -> Vec<String> {
        listed(self.table(&entries_of(collection)))
    }

    /// Require that the first row's single value is this text.
    pub(crate) fn shows(&mut self, sql: &str, expected: &str) {
        assert_eq!(self.text(sql).as_deref(), Some(expected), "{sql}");
    }

    /// Require that two queries give the same rows of a table.
    pub(crate) fn same_rows(&mut self, found: &str, expected: &str) {
        let problems = self.table(&differences(found, expected));
        agree(found, problems);
    }

    /// Let time pass: what was recorded of a collection, or of all, becomes so much older.
    pub(crate) fn pass(&mut self, interval: &str, collection: Option<&str>) {
        let whose = collection.map_or_else(String::new, |name| {
            format!(
                "WHERE collection = (SELECT c.id FROM directus_versions.collection AS c WHERE c.name = {})",
                literal(name)
            )
        });
        self.run(&format!(
            "SET client_min_messages = error;
             ALTER TABLE directus_versions.log DISABLE TRIGGER guard;
             UPDATE directus_versions.log SET at = at - interval '{interval}' {whose};
             ALTER TABLE directus_versions.log ENABLE ALWAYS TRIGGER guard;
             UPDATE directus_versions.gap SET at = at - interval '{interval}' {whose};
             RESET client_min_messages"
        ));
    }

    /// Run a `COPY … FROM STDIN` with this input.
    pub(crate) fn copy(&mut self, sql: &str, input: &str) {
        let mut writer = self.copy_in(sql).unwrap();
        writer.write_all(input.as_bytes()).unwrap();
        writer.finish().unwrap();
    }

    pub(crate) fn check_history(&mut self, table_name: &str) {
        let found = problems(&mut |sql| self.table(sql), table_name, true);
        verdict(table_name, &found);
    }

    pub(crate) fn check_changes(&mut self, table_name: &str) {
        let found = problems(&mut |sql| self.table(sql), table_name, false);
        verdict(table_name, &found);
    }

    /// Wait until a statement of another session waits for a lock; fails after 10 seconds.
    pub(crate) fn await_blocked(&mut self, query_part: &str) {
        let sql = format!(
            "SELECT EXISTS (SELECT FROM pg_stat_activity
             WHERE wait_event_type = 'Lock' AND pid <> pg_backend_pid()
               AND strpos(query, {}) > 0)",
            literal(query_part)
        );
        for _ in 0..200 {
            if self.yes(&sql) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("nothing waits for a lock: {query_part}");
    }
}

fn raised(error: &postgres::Error) -> Raised {
    let Some(error) = error.as_db_error() else {
        panic!("the server did not answer: {error}");
    };
    let owned = |part: Option<&str>| part.unwrap_or_default().to_owned();
    Raised {
        state: error.code().code().to_owned(),
        message: error.message().to_owned(),
        detail: owned(error.detail()),
        hint: owned(error.hint()),
        constraint: owned(error.constraint()),
        table: owned(error.table()),
        column: owned(error.column()),
    }
}
