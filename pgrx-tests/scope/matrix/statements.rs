//! The kinds of statements, on tables of several shapes, and what each does to their rows.

use super::{Fields, number};
use serde_json::{Value, json};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shape {
    Plain,
    Partitioned,
    Inherited,
    /// `n` refers to a table `p`, which is not tracked.
    Cascade,
    SetNull,
    SetDefault,
}

pub(super) enum Event {
    Create(Fields),
    /// The row with this id, and the fields that are set.
    Update(i64, Fields),
    Delete(i64),
    Truncate,
}

pub(super) struct Statement {
    pub(super) sql: &'static str,
    pub(super) input: Option<&'static str>,
    pub(super) events: Vec<Event>,
}

impl Shape {
    pub(super) fn create(self) -> &'static str {
        match self {
            Self::Plain => {
                "CREATE TABLE t (id int PRIMARY KEY, v text, n int, secret text, g text GENERATED ALWAYS AS (v || '!') STORED);
                 CREATE VIEW w AS SELECT * FROM t"
            }
            Self::Partitioned => {
                "CREATE TABLE t (id int PRIMARY KEY, v text, n int, secret text, g text GENERATED ALWAYS AS (v || '!') STORED)
                     PARTITION BY RANGE (id);
                 CREATE TABLE low (gone int, secret text, n int, id int NOT NULL, v text,
                     g text GENERATED ALWAYS AS (v || '!') STORED);
                 ALTER TABLE low DROP COLUMN gone;
                 ALTER TABLE t ATTACH PARTITION low FOR VALUES FROM (0) TO (100);
                 CREATE TABLE high PARTITION OF t FOR VALUES FROM (100) TO (1000) PARTITION BY RANGE (id);
                 CREATE TABLE high_first PARTITION OF high FOR VALUES FROM (100) TO (102);
                 CREATE TABLE high_others PARTITION OF high DEFAULT;
                 CREATE VIEW w AS SELECT * FROM t"
            }
            Self::Inherited => {
                "CREATE TABLE t (id int PRIMARY KEY, v text, n int, secret text, g text GENERATED ALWAYS AS (v || '!') STORED);
                 CREATE TABLE heir (extra text) INHERITS (t);
                 CREATE VIEW w AS SELECT * FROM t"
            }
            Self::Cascade => {
                "CREATE TABLE p (id int PRIMARY KEY); INSERT INTO p VALUES (1), (2), (3);
                 CREATE TABLE t (id int PRIMARY KEY, v text, n int REFERENCES p ON DELETE CASCADE ON UPDATE CASCADE,
                     secret text, g text GENERATED ALWAYS AS (v || '!') STORED)"
            }
            Self::SetNull => {
                "CREATE TABLE p (id int PRIMARY KEY); INSERT INTO p VALUES (1), (2), (3);
                 CREATE TABLE t (id int PRIMARY KEY, v text, n int REFERENCES p ON DELETE SET NULL ON UPDATE SET NULL,
                     secret text, g text GENERATED ALWAYS AS (v || '!') STORED)"
            }
            Self::SetDefault => {
                "CREATE TABLE p (id int PRIMARY KEY); INSERT INTO p VALUES (1), (2), (3);
                 CREATE TABLE t (id int PRIMARY KEY, v text,
                     n int DEFAULT 3 REFERENCES p ON DELETE SET DEFAULT ON UPDATE SET DEFAULT,
                     secret text, g text GENERATED ALWAYS AS (v || '!') STORED)"
            }
        }
    }

    pub(super) fn fill(self) -> &'static str {
        match self {
            Self::Inherited => {
                "INSERT INTO t VALUES (1, 'a', 1, 's1'), (2, 'b', 2, 's2');
                 INSERT INTO heir (id, v, n, secret, extra) VALUES (3, 'c', 3, 's3', 'more')"
            }
            _ => "INSERT INTO t VALUES (1, 'a', 1, 's1'), (2, 'b', 2, 's2'), (3, 'c', 3, 's3')",
        }
    }

    /// The relation that holds row 3.
    pub(super) fn part(self) -> &'static str {
        match self {
            Self::Partitioned => "low",
            Self::Inherited => "heir",
            _ => "t",
        }
    }

    pub(super) fn is_referring(self) -> bool {
        matches!(self, Self::Cascade | Self::SetNull | Self::SetDefault)
    }

    /// A new row of `part`.
    fn in_part(self, mut row: Fields) -> Fields {
        if self == Self::Inherited {
            row.insert("extra".to_owned(), Value::Null);
        }
        row
    }
}

fn row(id: i64, v: Value, n: i64, secret: Value) -> Fields {
    let mut row = set(&[("id", number(id)), ("n", number(n)), ("secret", secret)]);
    row.extend(v_is(v));
    row
}

fn set(fields: &[(&str, Value)]) -> Fields {
    fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect()
}

/// `v`, and the generated column that follows it.
fn v_is(v: Value) -> Fields {
    let g = v.as_str().map_or(Value::Null, |v| json!(format!("{v}!")));
    set(&[("v", v), ("g", g)])
}

/// The rows that each statement finds.
pub(super) fn base(shape: Shape) -> Vec<Fields> {
    let mut rows = vec![
        row(1, json!("a"), 1, json!("s1")),
        row(2, json!("b"), 2, json!("s2")),
        row(3, json!("c"), 3, json!("s3")),
    ];
    if shape == Shape::Inherited {
        rows[2].insert("extra".to_owned(), json!("more"));
    }
    rows
}

pub(super) fn statements(shape: Shape) -> Vec<Statement> {
    let mut all = Vec::new();
    let mut add = |sql: &'static str, events: Vec<Event>| {
        all.push(Statement {
            sql,
            input: None,
            events,
        });
    };
    if shape.is_referring() {
        referring(shape, &mut add);
        return all;
    }
    inserts(shape, &mut add);
    updates(&mut add);
    deletes(shape, &mut add);
    keys(&mut add);
    mixed(&mut add);
    all.push(Statement {
        sql: "COPY t (id, v, n, secret) FROM STDIN",
        input: Some("8\tcopied\t8\ts8\n9\t\\N\t9\t\\N\n"),
        events: vec![
            Event::Create(row(8, json!("copied"), 8, json!("s8"))),
            Event::Create(row(9, Value::Null, 9, Value::Null)),
        ],
    });
    all.push(Statement {
        sql: "COPY {part} (id, v, n, secret) FROM STDIN",
        input: Some("8\tstraight\t8\ts8\n"),
        events: vec![Event::Create(shape.in_part(row(
            8,
            json!("straight"),
            8,
            json!("s8"),
        )))],
    });
    all
}

type Add<'a> = dyn FnMut(&'static str, Vec<Event>) + 'a;

fn inserts(shape: Shape, add: &mut Add) {
    add(
        "INSERT INTO t VALUES (4, 'd', 4, 's4')",
        vec![Event::Create(row(4, json!("d"), 4, json!("s4")))],
    );
    add(
        "INSERT INTO t (id, n) SELECT i, i FROM generate_series(5, 6) i",
        vec![
            Event::Create(row(5, Value::Null, 5, Value::Null)),
            Event::Create(row(6, Value::Null, 6, Value::Null)),
        ],
    );
    add(
        "INSERT INTO {part} (id, v, n, secret) VALUES (7, 'p', 7, 's7')",
        vec![Event::Create(shape.in_part(row(
            7,
            json!("p"),
            7,
            json!("s7"),
        )))],
    );
    add(
        "INSERT INTO w (id, v, n, secret) VALUES (4, 'by view', 4, 's4')",
        vec![Event::Create(row(4, json!("by view"), 4, json!("s4")))],
    );
    add(
        "INSERT INTO t VALUES (1, 'x', 9, 'x'), (4, 'd', 4, 's4') ON CONFLICT (id) DO NOTHING",
        vec![Event::Create(row(4, json!("d"), 4, json!("s4")))],
    );
    add(
        "INSERT INTO t VALUES (1, 'up', 9, 'x'), (4, 'd', 4, 's4') ON CONFLICT (id) DO UPDATE SET v = excluded.v",
        vec![
            Event::Update(1, v_is(json!("up"))),
            Event::Create(row(4, json!("d"), 4, json!("s4"))),
        ],
    );
    add(
        "INSERT INTO t VALUES (2, 'up', 2, 'new') ON CONFLICT (id) DO UPDATE SET n = t.n, secret = excluded.secret",
        vec![Event::Update(2, set(&[("secret", json!("new"))]))],
    );
    add(
        "INSERT INTO t VALUES (1, 'x', 9, 'x') ON CONFLICT (id) DO UPDATE SET v = t.v",
        vec![],
    );
}

fn updates(add: &mut Add) {
    add(
        "UPDATE t SET v = 'x' WHERE id = 1",
        vec![Event::Update(1, v_is(json!("x")))],
    );
    add(
        "UPDATE t SET v = NULL WHERE id = 3",
        vec![Event::Update(3, v_is(Value::Null))],
    );
    add(
        "UPDATE t SET n = 9 WHERE id = 1",
        vec![Event::Update(1, set(&[("n", number(9))]))],
    );
    add(
        "UPDATE t SET secret = 'other' WHERE id = 1",
        vec![Event::Update(1, set(&[("secret", json!("other"))]))],
    );
    add(
        "UPDATE t SET n = n + 10, secret = secret WHERE id < 3",
        vec![
            Event::Update(1, set(&[("n", number(11))])),
            Event::Update(2, set(&[("n", number(12))])),
        ],
    );
    add(
        "UPDATE t SET v = 'all', n = n + 10, secret = 's1'",
        (1..=3)
            .map(|id| {
                let mut change = set(&[("n", number(id + 10)), ("secret", json!("s1"))]);
                change.extend(v_is(json!("all")));
                Event::Update(id, change)
            })
            .collect(),
    );
    add(
        "UPDATE t SET v = v, n = n + 0, secret = secret || ''",
        vec![],
    );
    add(
        "UPDATE {part} SET v = 'p' WHERE id = 3",
        vec![Event::Update(3, v_is(json!("p")))],
    );
    add(
        "UPDATE w SET v = 'by view' WHERE id = 2",
        vec![Event::Update(2, v_is(json!("by view")))],
    );
    add(
        "DECLARE c CURSOR FOR SELECT * FROM t ORDER BY id FOR UPDATE; FETCH c;
         UPDATE t SET secret = 'at cursor' WHERE CURRENT OF c; CLOSE c",
        vec![Event::Update(1, set(&[("secret", json!("at cursor"))]))],
    );
}

fn deletes(shape: Shape, add: &mut Add) {
    add("DELETE FROM t WHERE id = 3", vec![Event::Delete(3)]);
    add("DELETE FROM {part} WHERE id = 3", vec![Event::Delete(3)]);
    add(
        "DELETE FROM w",
        vec![Event::Delete(1), Event::Delete(2), Event::Delete(3)],
    );
    add(
        "TRUNCATE t",
        vec![
            Event::Truncate,
            Event::Delete(1),
            Event::Delete(2),
            Event::Delete(3),
        ],
    );
    let mut part = vec![Event::Truncate, Event::Delete(3)];
    if shape != Shape::Inherited {
        part.extend([Event::Delete(1), Event::Delete(2)]);
    }
    add("TRUNCATE {part}", part);
}

/// Changes of the primary key, which in a partitioned table move the row.
fn keys(add: &mut Add) {
    add(
        "UPDATE t SET id = 50 WHERE id = 1",
        vec![Event::Update(1, set(&[("id", number(50))]))],
    );
    add(
        "UPDATE t SET id = id + 10",
        (1..=3)
            .map(|id| Event::Update(id, set(&[("id", number(id + 10))])))
            .collect(),
    );
    add(
        "UPDATE t SET id = 101 WHERE id = 1",
        vec![Event::Update(1, set(&[("id", number(101))]))],
    );
    add(
        "UPDATE t SET id = 102, n = 20, secret = 'moved' WHERE id = 2",
        vec![Event::Update(
            2,
            set(&[
                ("id", number(102)),
                ("n", number(20)),
                ("secret", json!("moved")),
            ]),
        )],
    );
    let mut moved = set(&[("id", number(103))]);
    moved.extend(v_is(json!("moved")));
    add(
        "UPDATE t SET id = 103, v = 'moved' WHERE id = 3",
        vec![Event::Update(3, moved)],
    );
}

fn mixed(add: &mut Add) {
    add(
        "MERGE INTO t USING (VALUES (1), (2), (8)) s (id) ON t.id = s.id
         WHEN MATCHED AND t.id = 1 THEN DELETE
         WHEN MATCHED THEN UPDATE SET v = 'merged', n = t.n
         WHEN NOT MATCHED THEN INSERT (id, v, n) VALUES (s.id, 'new', 8)",
        vec![
            Event::Delete(1),
            Event::Update(2, v_is(json!("merged"))),
            Event::Create(row(8, json!("new"), 8, Value::Null)),
        ],
    );
    add(
        "MERGE INTO t USING (VALUES (1)) s (id) ON t.id = s.id WHEN MATCHED THEN UPDATE SET id = 200, n = 0",
        vec![Event::Update(
            1,
            set(&[("id", number(200)), ("n", number(0))]),
        )],
    );
    add(
        "WITH gone AS (DELETE FROM t WHERE id = 1 RETURNING *)
         INSERT INTO t SELECT id + 20, v, n + 20, secret FROM gone",
        vec![
            Event::Delete(1),
            Event::Create(row(21, json!("a"), 21, json!("s1"))),
        ],
    );
    add(
        "WITH one AS (UPDATE t SET secret = 'by one' WHERE id = 1), two AS (UPDATE t SET n = 22 WHERE id = 2)
         DELETE FROM t WHERE id = 3",
        vec![
            Event::Update(1, set(&[("secret", json!("by one"))])),
            Event::Update(2, set(&[("n", number(22))])),
            Event::Delete(3),
        ],
    );
}

/// What a foreign key's action does to the rows that refer.
fn referring(shape: Shape, add: &mut Add) {
    let (deleted, moved) = match shape {
        Shape::Cascade => (Event::Delete(1), set(&[("n", number(61))])),
        Shape::SetNull => (
            Event::Update(1, set(&[("n", Value::Null)])),
            set(&[("n", Value::Null)]),
        ),
        _ => (
            Event::Update(1, set(&[("n", number(3))])),
            set(&[("n", number(3))]),
        ),
    };
    add("DELETE FROM p WHERE id = 1", vec![deleted]);
    add(
        "UPDATE p SET id = 61 WHERE id = 2",
        vec![Event::Update(2, moved)],
    );
    add(
        "TRUNCATE p CASCADE",
        vec![
            Event::Truncate,
            Event::Delete(1),
            Event::Delete(2),
            Event::Delete(3),
        ],
    );
}
