//! The errors that this crate raises itself, each with its SQLSTATE and a hint (DESIGN.md 3.8).

use pgrx::PgLogLevel;
use pgrx::PgSqlErrorCode;
use pgrx::pg_sys::panic::ErrorReport;

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Error {
    /// A write to a tracked table while `directus_versions.require_actor` is on and nobody is named.
    ActorRequired,
    /// A function of ours called in a way only the trigger manager may.
    NotATrigger { function: &'static str },
    /// A trigger made by hand for another event than the function is for.
    WrongTrigger { function: &'static str },
    /// The role is not the table's owner.
    NotOwner { table: String },
    /// The role is not the schema's owner.
    NotSchemaOwner { schema: String },
    /// The role may not read the table.
    NotReadable { table: String },
    /// The table was never tracked.
    NotTracked { table: String },
    /// The table's rows have no key to name them by.
    NoKey { table: String },
    /// An action that only this extension records.
    ReservedAction { action: String },
    /// A text that must not be empty.
    Empty { argument: &'static str },
    /// Two revisions of different tables.
    OtherTable,
    /// The argument is not a row of a table.
    NotARow,
    /// `DROP EXTENSION` while there is something recorded.
    HistoryExists,
    /// A function of ours called in a way only an event trigger may.
    NotAnEventTrigger { function: &'static str },
    /// The extension's own tables are missing.
    NotInstalled,
    /// A value of the type `change` that is not the extension's own.
    NotRestorable,
    /// A function called beside those that go back or promote.
    NotAtWork,
    /// No such revision, or one without data.
    NoRevision { id: i64 },
    /// Nothing tells the data of a revision.
    NoData { id: i64 },
    /// A value that was too large to be kept.
    NotKept { field: String },
    /// What is stored cannot be read.
    Broken { part: &'static str },
}

impl Error {
    /// The SQLSTATE.
    pub(crate) fn code(&self) -> PgSqlErrorCode {
        match self {
            Self::ActorRequired
            | Self::NotOwner { .. }
            | Self::NotSchemaOwner { .. }
            | Self::NotRestorable
            | Self::NotAtWork
            | Self::NotReadable { .. } => PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
            Self::NotATrigger { .. }
            | Self::NotAnEventTrigger { .. }
            | Self::WrongTrigger { .. } => {
                PgSqlErrorCode::ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED
            }
            Self::NotTracked { .. }
            | Self::NoKey { .. }
            | Self::NotInstalled
            | Self::NoData { .. }
            | Self::HistoryExists => PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            Self::ReservedAction { .. } | Self::Empty { .. } | Self::OtherTable => {
                PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE
            }
            Self::NotARow => PgSqlErrorCode::ERRCODE_WRONG_OBJECT_TYPE,
            Self::NoRevision { .. } => PgSqlErrorCode::ERRCODE_NO_DATA_FOUND,
            Self::NotKept { .. } => PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED,
            Self::Broken { .. } => PgSqlErrorCode::ERRCODE_INTERNAL_ERROR,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::ActorRequired => "an actor is required to change a tracked table".into(),
            Self::NotATrigger { function } => {
                format!("function \"{function}\" was not called by the trigger manager")
            }
            Self::WrongTrigger { function } => {
                format!("function \"{function}\" was called for another event than it is made for")
            }
            Self::NotOwner { table } => format!("must be owner of table \"{table}\""),
            Self::NotSchemaOwner { schema } => format!("must be owner of schema \"{schema}\""),
            Self::NotReadable { table } => format!("permission denied for table \"{table}\""),
            Self::NotTracked { table } => format!("table \"{table}\" is not tracked"),
            Self::NoKey { table } => format!("table \"{table}\" has no key"),
            Self::ReservedAction { action } => {
                format!("action \"{action}\" cannot be recorded by hand")
            }
            Self::Empty { argument } => format!("{argument} must not be empty"),
            Self::OtherTable => "the revisions are of different tables".into(),
            Self::NotARow => "argument is not a row of a table".into(),
            Self::HistoryExists => {
                "cannot drop extension \"directus_versions\" because there is recorded history"
                    .into()
            }
            Self::NotAnEventTrigger { function } => {
                format!("function \"{function}\" was not called by an event trigger")
            }
            Self::NotInstalled => {
                "the tables of extension \"directus_versions\" are missing".into()
            }
            Self::NotRestorable => {
                "only the owner of extension \"directus_versions\" can restore recorded history"
                    .into()
            }
            Self::NotAtWork => "this function only works within others of the extension".into(),
            Self::NoRevision { id } => format!("revision {id} does not exist"),
            Self::NoData { id } => format!("nothing tells the data of revision {id}"),
            Self::NotKept { field } => {
                format!("the value of column \"{field}\" was too large to be kept")
            }
            Self::Broken { part } => format!("a {part} of the log cannot be read"),
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::ActorRequired => {
                Some("Set directus_versions.actor, or turn directus_versions.require_actor off.")
            }
            Self::NotTracked { .. } => Some("Call directus_versions.track first."),
            Self::NoKey { .. } => {
                Some("Add a primary key, or name the key's columns with the argument \"key\".")
            }
            Self::ReservedAction { .. } => Some("Choose a name of your own."),
            Self::HistoryExists => {
                Some("Set directus_versions.allow_drop to on to let the history go along.")
            }
            Self::NotInstalled => Some("Run CREATE EXTENSION directus_versions."),
            _ => None,
        }
    }

    /// The report for `PostgreSQL`.
    pub(crate) fn report(&self) -> ErrorReport {
        let report = ErrorReport::new(self.code(), self.message(), "directus_versions");
        match self.hint() {
            Some(hint) => report.set_hint(hint),
            None => report,
        }
    }

    /// Raises it.
    pub(crate) fn raise(&self) -> ! {
        self.report().report(PgLogLevel::ERROR);
        unreachable!("an error does not return")
    }
}

impl From<Error> for ErrorReport {
    fn from(error: Error) -> Self {
        error.report()
    }
}
