//! What the random workloads are made of, and how that reads in SQL.

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};

/// The table that a workload writes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    pub(crate) name: String,
    /// With values whose JSON form does not say all.
    pub(crate) lossy: bool,
    /// The primary key is checked at the end of the statement.
    pub(crate) deferrable: bool,
}

/// Column, type, values, and values whose JSON form is that of another value.
type Column = (
    &'static str,
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

const COLUMNS: &[Column] = &[
    (
        "n",
        "numeric",
        &[
            "1.0",
            "1.00",
            "NULL",
            "123456789012345678901234567890.5",
            "0",
        ],
        &["'NaN'", "'-Infinity'"],
    ),
    (
        "f",
        "float8",
        &["0", "0.1", "5e-324", "NULL", "1e300"],
        &["'-0'", "'NaN'", "'Infinity'"],
    ),
    (
        "words",
        "text",
        &[
            "''",
            "NULL",
            "'short'",
            "repeat('x', 5000)",
            "pg_temp.long(7)",
            "pg_temp.long(8)",
        ],
        &["'null'"],
    ),
    (
        "j",
        "jsonb",
        &[
            "'{\"a\": 1.0}'",
            "'{\"a\": 1.00}'",
            "NULL",
            "'[]'",
            "to_jsonb(pg_temp.long(9))",
        ],
        &["'null'", "'\"null\"'"],
    ),
    ("b", "boolean", &["true", "false", "NULL"], &[]),
    (
        "u",
        "uuid",
        &["'00000000-0000-0000-0000-000000000001'", "NULL"],
        &[],
    ),
    (
        "a",
        "int[]",
        &["'{1,2}'", "'{}'", "NULL", "'{1,NULL}'"],
        &["'[0:1]={1,2}'", "'[5:5]={NULL}'"],
    ),
];

const LOSSY_COLUMNS: &[Column] = &[
    (
        "s",
        "json",
        &["'{\"a\":1}'", "NULL"],
        &["'{\"a\": 1}'", "'{\"a\":1, \"a\":1}'", "' null'"],
    ),
    (
        "z",
        "timestamptz",
        &["'2024-02-03 04:05:06.789+05'", "NULL", "'infinity'"],
        &["'0044-03-15 00:00+00 BC'"],
    ),
    (
        "y",
        "bytea",
        &["'\\x00ff'", "''", "NULL", "pg_temp.long(10)::bytea"],
        &[],
    ),
    ("p", "point", &["'(0,1e-300)'", "NULL"], &["'(-0,1e-300)'"]),
    (
        "r",
        "tstzrange",
        &["'empty'", "'[2024-02-03 04:05:06+05,)'", "NULL"],
        &["'(,infinity]'"],
    ),
    ("i", "interval", &["'1 mon'", "NULL"], &["'30 days'"]),
    (
        "x",
        "xml",
        &["'<a/>'", "NULL"],
        &["'<?xml version=\"1.0\"?><a/>'"],
    ),
];

impl Table {
    fn columns(&self) -> Vec<Column> {
        if self.lossy {
            [COLUMNS, LOSSY_COLUMNS].concat()
        } else {
            COLUMNS.to_vec()
        }
    }

    pub(crate) fn create(&self) -> String {
        let columns: Vec<String> = self
            .columns()
            .iter()
            .map(|(name, kind, ..)| format!("{name} {kind}"))
            .collect();
        format!(
            "CREATE TABLE {} (id int, {}, PRIMARY KEY (id) {})",
            self.name,
            columns.join(", "),
            if self.deferrable { "DEFERRABLE" } else { "" }
        )
    }

    /// Give a value of a column that depends on the row and on the seed.
    fn value(&self, column: Column, row: &str, seed: u32) -> String {
        let (_, kind, plain, lossy) = column;
        let pool = if self.lossy {
            [plain, lossy].concat()
        } else {
            plain.to_vec()
        };
        let cases: Vec<String> = pool
            .iter()
            .enumerate()
            .map(|(n, value)| format!("WHEN {n} THEN {value}::{kind}"))
            .collect();
        format!(
            "CASE (abs({row}) + {seed}) % {} {} END",
            pool.len(),
            cases.join(" ")
        )
    }

    /// Give a value for every column of a row.
    fn row(&self, row: &str, seed: u32) -> String {
        let seeds = (0..).step_by(3).map(|step| seed % 1000 + step);
        let values: Vec<String> = self
            .columns()
            .into_iter()
            .zip(seeds)
            .map(|(column, seed)| self.value(column, row, seed))
            .collect();
        format!("{row}, {}", values.join(", "))
    }

    /// Give the assignments of the columns that a bit mask names, at least one.
    fn assignments(&self, columns: u32, row: &str, seed: u32) -> String {
        let all = self.columns();
        let mask = if columns.is_multiple_of(1 << all.len()) {
            1
        } else {
            columns
        };
        let chosen = all
            .into_iter()
            .enumerate()
            .filter(|(n, _)| mask & (1 << n) != 0);
        let set: Vec<String> = chosen
            .map(|(_, column)| format!("{} = {}", column.0, self.value(column, row, seed % 1000)))
            .collect();
        set.join(", ")
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Step {
    Insert {
        from: i32,
        count: i32,
        seed: u32,
    },
    Upsert {
        from: i32,
        count: i32,
        columns: u32,
        seed: u32,
    },
    Update {
        modulus: i32,
        rest: i32,
        columns: u32,
        seed: u32,
    },
    Rewrite,
    ShiftKeys {
        by: i32,
    },
    MoveKey {
        from: i32,
        to: i32,
    },
    SwapKeys {
        one: i32,
        other: i32,
    },
    Delete {
        modulus: i32,
        rest: i32,
    },
    DeleteAndInsert {
        modulus: i32,
        seed: u32,
    },
    Merge {
        from: i32,
        columns: u32,
        seed: u32,
    },
    Truncate,
    Savepoint,
    RollbackTo {
        depth: usize,
    },
    Release {
        depth: usize,
    },
}

/// Transactions, each with its end: true commits.
#[derive(Debug, Clone)]
pub(crate) struct Workload(Vec<(Vec<Step>, bool)>);

pub(crate) fn workloads() -> impl Strategy<Value = Workload> {
    let id = || 0..12_i32;
    let step = prop_oneof![
        3 => (id(), 1..6_i32, any::<u32>()).prop_map(|(from, count, seed)| Step::Insert { from, count, seed }),
        2 => (id(), 1..6_i32, any::<u32>(), any::<u32>())
            .prop_map(|(from, count, columns, seed)| Step::Upsert { from, count, columns, seed }),
        4 => (1..5_i32, 0..5_i32, any::<u32>(), any::<u32>())
            .prop_map(|(modulus, rest, columns, seed)| Step::Update { modulus, rest, columns, seed }),
        1 => Just(Step::Rewrite),
        2 => prop_oneof![Just(1), Just(-1), Just(100)].prop_map(|by| Step::ShiftKeys { by }),
        1 => (id(), id()).prop_map(|(from, to)| Step::MoveKey { from, to }),
        1 => (id(), id()).prop_map(|(one, other)| Step::SwapKeys { one, other }),
        2 => (1..5_i32, 0..5_i32).prop_map(|(modulus, rest)| Step::Delete { modulus, rest }),
        1 => (1..5_i32, any::<u32>()).prop_map(|(modulus, seed)| Step::DeleteAndInsert { modulus, seed }),
        2 => (id(), any::<u32>(), any::<u32>())
            .prop_map(|(from, columns, seed)| Step::Merge { from, columns, seed }),
        1 => Just(Step::Truncate),
        3 => Just(Step::Savepoint),
        2 => (0..4_usize).prop_map(|depth| Step::RollbackTo { depth }),
        1 => (0..4_usize).prop_map(|depth| Step::Release { depth }),
    ];
    let transaction = (vec(step, 1..10), proptest::bool::weighted(0.8));
    vec(transaction, 1..6).prop_map(Workload)
}

impl Workload {
    /// Give the statements; those that may fail by a key taken twice start with a question mark.
    pub(crate) fn statements(&self, table: &Table) -> Vec<String> {
        let mut statements = Vec::new();
        for (steps, commit) in &self.0 {
            statements.push("BEGIN".to_owned());
            let mut depth = 0;
            for step in steps {
                statements.push(step.statement(table, &mut depth));
            }
            statements.push(if *commit { "COMMIT" } else { "ROLLBACK" }.to_owned());
        }
        statements
    }
}

impl Step {
    fn statement(&self, table: &Table, depth: &mut usize) -> String {
        let name = &table.name;
        let rows =
            |from: i32, count: i32| format!("generate_series({from}, {}) g(id)", from + count - 1);
        match *self {
            Self::Insert { from, count, seed } => format!(
                "INSERT INTO {name} SELECT {} FROM {} WHERE NOT EXISTS (SELECT FROM {name} x WHERE x.id = g.id)",
                table.row("g.id", seed),
                rows(from, count)
            ),
            Self::Upsert {
                from,
                count,
                columns,
                seed,
            } if !table.deferrable => format!(
                "INSERT INTO {name} AS x SELECT {} FROM {} ON CONFLICT (id) DO UPDATE SET {} WHERE x.id % 3 <> 0",
                table.row("g.id", seed),
                rows(from, count),
                table.assignments(columns, "x.id", seed)
            ),
            Self::Upsert {
                from, count, seed, ..
            } => {
                format!(
                    "?INSERT INTO {name} SELECT {} FROM {}",
                    table.row("g.id", seed),
                    rows(from, count)
                )
            }
            Self::Update {
                modulus,
                rest,
                columns,
                seed,
            } => format!(
                "UPDATE {name} x SET {} WHERE abs(x.id) % {modulus} = {}",
                table.assignments(columns, "x.id", seed),
                rest % modulus
            ),
            Self::Rewrite => format!("UPDATE {name} SET words = words || '', n = n, id = id"),
            Self::ShiftKeys { by } => format!("?UPDATE {name} SET id = id + {by}"),
            Self::MoveKey { from, to } => {
                format!("?UPDATE {name} SET id = {to}, b = NOT b WHERE id = {from}")
            }
            Self::SwapKeys { one, other } => format!(
                "?UPDATE {name} SET id = CASE id WHEN {one} THEN {other} ELSE {one} END WHERE id IN ({one}, {other})"
            ),
            Self::Delete { modulus, rest } => {
                format!(
                    "DELETE FROM {name} WHERE abs(id) % {modulus} = {}",
                    rest % modulus
                )
            }
            Self::DeleteAndInsert { modulus, seed } => format!(
                "WITH gone AS (DELETE FROM {name} WHERE abs(id) % {modulus} = 0 RETURNING id)
                 INSERT INTO {name} SELECT {} FROM (SELECT id + 1000 FROM gone) g(id)
                 WHERE NOT EXISTS (SELECT FROM {name} x WHERE x.id = g.id)",
                table.row("g.id", seed)
            ),
            Self::Merge {
                from,
                columns,
                seed,
            } => format!(
                "MERGE INTO {name} x USING {} ON x.id = g.id
                 WHEN MATCHED AND x.id % 2 = 0 THEN DELETE
                 WHEN MATCHED THEN UPDATE SET {}
                 WHEN NOT MATCHED THEN INSERT VALUES ({})",
                rows(from, 4),
                table.assignments(columns, "x.id", seed),
                table.row("g.id", seed)
            ),
            Self::Truncate => format!("TRUNCATE {name}"),
            Self::Savepoint => {
                *depth += 1;
                format!("SAVEPOINT s{depth}")
            }
            Self::RollbackTo { depth: back } if *depth > 0 => {
                *depth -= back % *depth;
                format!("ROLLBACK TO s{depth}")
            }
            Self::Release { depth: back } if *depth > 0 => {
                *depth -= back % *depth;
                *depth -= 1;
                format!("RELEASE s{}", *depth + 1)
            }
            Self::RollbackTo { .. } | Self::Release { .. } => "SELECT".to_owned(),
        }
    }
}
