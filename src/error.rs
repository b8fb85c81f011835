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
    /// The role is not the extension's owner.
    NotExtensionOwner,
    /// The role may not read the table.
    NotReadable { table: String },
    /// The table was never tracked.
    NotTracked { table: String },
    /// The table's rows have no key to name them by.
    NoKey { table: String },
    /// The columns that named an item are not those of its key any more.
    Rekeyed { table: String },
    /// An action that only this extension records.
    ReservedAction { action: String },
    /// A text that must not be empty.
    Empty { argument: &'static str },
    /// Two revisions of different tables.
    OtherTable,
    /// The argument is not a row of a table.
    NotARow,
    /// A column of a table is not what it was when a query was planned.
    ColumnChanged { table: String, column: usize },
    /// `DROP EXTENSION` while there is something recorded.
    HistoryExists,
    /// A function of ours called in a way only an event trigger may.
    NotAnEventTrigger { function: &'static str },
    /// The extension's own tables are missing.
    NotInstalled,
    /// A partition of the log without one of its indexes.
    NotIndexed { partition: String },
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
    /// No version of that id, as far as the caller may know.
    NoVersion { version: String },
    /// The item has no live row, as far as the caller may know.
    NoItem { item: String, table: String },
    /// The table was dropped.
    Dropped { table: String },
    /// A delta that is not an object.
    NotAnObject,
    /// An option that is none of those there are.
    UnknownOption {
        argument: &'static str,
        value: String,
        hint: &'static str,
    },
    /// The version is of another table.
    NotItsTable { table: String },
    /// A column that the table does not have.
    NoColumn { column: String, table: String },
    /// A staged field whose column was dropped.
    DroppedColumn { column: String, table: String },
    /// The item is not what the caller took it for.
    Outdated { item: Option<String>, table: String },
    /// Fields that changed in main and in the version.
    Conflict { version: String, fields: String },
    /// The caller may not write the item.
    NotWritable { item: String, table: String },
    /// A trigger or rule of the table kept the item from being written.
    Suppressed { table: String },
    /// A new item without what it must have.
    MissingFields { table: String, fields: String },
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
            | Self::NotExtensionOwner
            | Self::NotRestorable
            | Self::NotWritable { .. }
            | Self::NotAtWork
            | Self::NotReadable { .. } => PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
            Self::NotATrigger { .. }
            | Self::NotAnEventTrigger { .. }
            | Self::WrongTrigger { .. } => {
                PgSqlErrorCode::ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED
            }
            Self::NotTracked { .. }
            | Self::NoKey { .. }
            | Self::Rekeyed { .. }
            | Self::NotInstalled
            | Self::NotIndexed { .. }
            | Self::NoData { .. }
            | Self::Dropped { .. }
            | Self::Suppressed { .. }
            | Self::HistoryExists => PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            Self::ReservedAction { .. }
            | Self::Empty { .. }
            | Self::OtherTable
            | Self::NotAnObject
            | Self::UnknownOption { .. } => PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            Self::NotARow | Self::NotItsTable { .. } => PgSqlErrorCode::ERRCODE_WRONG_OBJECT_TYPE,
            Self::NoRevision { .. } | Self::NoVersion { .. } | Self::NoItem { .. } => {
                PgSqlErrorCode::ERRCODE_NO_DATA_FOUND
            }
            Self::NoColumn { .. } | Self::DroppedColumn { .. } => {
                PgSqlErrorCode::ERRCODE_UNDEFINED_COLUMN
            }
            Self::ColumnChanged { .. } => PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
            Self::NotKept { .. } => PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED,
            Self::Outdated { .. } | Self::Conflict { .. } => {
                PgSqlErrorCode::ERRCODE_T_R_SERIALIZATION_FAILURE
            }
            Self::MissingFields { .. } => PgSqlErrorCode::ERRCODE_NOT_NULL_VIOLATION,
            Self::Broken { .. } => PgSqlErrorCode::ERRCODE_INTERNAL_ERROR,
        }
    }

    pub(crate) fn message(&self) -> String {
        match self {
            Self::ActorRequired => "an actor is required to change a tracked table".into(),
            Self::NotATrigger { function } => {
                format!("function \"{function}\" was not called by the trigger manager")
            }
            Self::WrongTrigger { function } => {
                format!("function \"{function}\" was called for another event than it is made for")
            }
            Self::NotOwner { table } => format!("must be owner of table \"{table}\""),
            Self::NotExtensionOwner => {
                "must be owner of extension \"directus_versions\"".to_owned()
            }
            Self::NotSchemaOwner { schema } => format!("must be owner of schema \"{schema}\""),
            Self::NotReadable { table } => format!("permission denied for table \"{table}\""),
            Self::NotTracked { table } => format!("table \"{table}\" is not tracked"),
            Self::NoKey { table } => format!("table \"{table}\" has no key"),
            Self::Rekeyed { table } => {
                format!("the key of table \"{table}\" was changed to other columns since")
            }
            Self::ReservedAction { action } => {
                format!("action \"{action}\" cannot be recorded by hand")
            }
            Self::Empty { argument } => format!("{argument} must not be empty"),
            Self::OtherTable => "the revisions are of different tables".into(),
            Self::NotARow => "argument is not a row of a table".into(),
            Self::ColumnChanged { table, column } => {
                format!(
                    "attribute {column} of table \"{table}\" was changed since the query was planned"
                )
            }
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
            Self::NotIndexed { partition } => {
                format!("partition \"{partition}\" of the log has no index on items or on ids")
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
            Self::NoVersion { version } => format!("version \"{version}\" does not exist"),
            Self::NoItem { item, table } => {
                format!("item \"{item}\" of table \"{table}\" does not exist")
            }
            Self::Dropped { table } => format!("table \"{table}\" was dropped"),
            Self::NotAnObject => "delta must be a JSON object".into(),
            Self::UnknownOption {
                argument, value, ..
            } => format!("{argument} \"{value}\" is not known"),
            Self::NotItsTable { table } => format!("the version is one of table \"{table}\""),
            Self::NoColumn { column, table } => {
                format!("column \"{column}\" of table \"{table}\" does not exist")
            }
            Self::DroppedColumn { column, table } => {
                format!("column \"{column}\" of table \"{table}\" was dropped")
            }
            Self::Outdated {
                item: Some(item),
                table,
            } => {
                format!("item \"{item}\" of table \"{table}\" was changed meanwhile")
            }
            Self::Outdated { item: None, table } => {
                format!("draft of table \"{table}\" has no item that a hash could be of")
            }
            Self::Conflict { version, .. } => {
                format!("version \"{version}\" and its item have changed in the same fields")
            }
            Self::NotWritable { item, table } => {
                format!("permission denied to update item \"{item}\" of table \"{table}\"")
            }
            Self::Suppressed { table } => {
                format!("a trigger or rule of table \"{table}\" suppressed the write")
            }
            Self::MissingFields { table, .. } => {
                format!("required fields of table \"{table}\" are missing")
            }
            Self::Broken { part } => format!("a {part} of the log cannot be read"),
        }
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::Conflict { fields, .. } => Some(format!("Changed on both sides: {fields}.")),
            Self::MissingFields { fields, .. } => Some(format!("Without a value: {fields}.")),
            Self::DroppedColumn { .. } => {
                Some("Its value was staged before and has no place any more.".into())
            }
            _ => None,
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
            Self::Rekeyed { .. } => {
                Some("Make a version of the item as it is called now, with what this one has.")
            }
            Self::ReservedAction { .. } => Some("Choose a name of your own."),
            Self::HistoryExists => {
                Some("Set directus_versions.allow_drop to on to let the history go along.")
            }
            Self::UnknownOption { hint, .. } => Some(hint),
            Self::Outdated { .. } => {
                Some("Compare again, with directus_versions.compare_version, before promoting.")
            }
            Self::Conflict { .. } => Some(
                "Promote with on_conflict => 'ours' or 'theirs', or name other fields; directus_versions.compare_version shows the values.",
            ),
            Self::DroppedColumn { .. } => {
                Some("Discard the field, promote others, or promote with on_conflict => 'theirs'.")
            }
            Self::NotInstalled => Some("Run CREATE EXTENSION directus_versions."),
            Self::NotIndexed { .. } => Some(
                "Let directus_versions.maintain make partitions, or give it the indexes of \"log_default\".",
            ),
            _ => None,
        }
    }

    /// The report for `PostgreSQL`.
    pub(crate) fn report(&self) -> ErrorReport {
        let mut report = ErrorReport::new(self.code(), self.message(), "directus_versions");
        if let Some(detail) = self.detail() {
            report = report.set_detail(detail);
        }
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
