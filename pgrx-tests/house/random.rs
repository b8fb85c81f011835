//! Random workloads, with time passing, the scope changing and recording interrupted between their transactions, then a
//! purge under a random retention: what stays reads as before.
//!
//! The seed is fixed; `RANDOM_SEED=n` takes another.

use super::checks::findings;
use crate::pg_tests::fidelity::RESTORE;
use crate::pg_tests::random::runner;
use crate::pg_tests::random::workload::{Table, Workload, workloads};
use crate::pg_tests::support::{Session, drop_database, in_database};
use crate::pg_tests::travel::moment;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, prop_oneof};
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use std::cell::{Cell, RefCell};

/// What happens between two transactions.
#[derive(Debug, Clone)]
enum Between {
    Pass {
        days: u32,
    },
    Scope {
        options: &'static str,
    },
    /// Recording stops, rows change, recording goes on.
    Gap {
        change: &'static str,
    },
    Maintain,
}

#[derive(Debug, Clone)]
struct Retention {
    activity: Option<u32>,
    revisions: Option<u32>,
    keep_last: Option<u32>,
}

impl Retention {
    fn sql(&self, name: &str) -> String {
        let days =
            |days: Option<u32>| days.map_or("NULL".to_owned(), |days| format!("'{days} days'"));
        format!(
            "SELECT directus_versions.set_retention('{name}', {}, {}, {})",
            days(self.activity),
            days(self.revisions),
            self.keep_last
                .map_or("NULL".to_owned(), |number| number.to_string())
        )
    }

    /// Whether the data of each revision of a table goes or stays, as SQL of a row r of `revisions_before`.
    fn keeps(&self) -> String {
        let by_age = match (self.revisions, self.keep_last) {
            (Some(days), _) => format!("r.at >= now() - interval '{days} days'"),
            (None, Some(_)) => "false".to_owned(),
            (None, None) => "true".to_owned(),
        };
        format!("({by_age} OR r.nth <= {})", self.keep_last.unwrap_or(0))
    }

    /// Since when all times are kept, in days; `None` for no time but now.
    fn horizon(&self) -> Option<u32> {
        match (self.revisions, self.keep_last) {
            (Some(days), _) => Some(days),
            (None, Some(_)) => None,
            (None, None) => Some(1_000_000),
        }
    }
}

#[derive(Debug, Clone)]
struct Case {
    workload: Workload,
    between: Vec<Vec<Between>>,
    retentions: Vec<Retention>,
}

fn cases(scopes: bool) -> impl Strategy<Value = Case> {
    let between = prop_oneof![
        4 => (0..90_u32).prop_map(|days| Between::Pass { days }),
        2 => prop_oneof![
            Just("ignore => '{b}'"),
            Just("ignore => '{}'"),
            Just("exclude => '{words}'"),
            Just("exclude => '{}'"),
            Just("mask => '{j}'"),
            Just("mask => '{}'"),
            Just("accountability => 'activity'"),
            Just("accountability => 'all'"),
            Just("snapshot => 'always'"),
            Just("snapshot => 'keyframes'"),
        ]
        .prop_map(move |options| Between::Scope {
            options: if scopes { options } else { "snapshot => 'always'" }
        }),
        1 => prop_oneof![
            Just("UPDATE {t} SET n = 77, words = 'unseen' WHERE id % 3 = 0"),
            Just("DELETE FROM {t} WHERE id % 4 = 1"),
            Just("INSERT INTO {t} (id) VALUES (900), (5), (6) ON CONFLICT DO NOTHING"),
            Just("SELECT"),
        ]
        .prop_map(move |change| Between::Gap { change: if scopes { change } else { "SELECT" } }),
        1 => Just(Between::Maintain),
    ];
    let retention = (
        option::weighted(0.4, 0..200_u32),
        option::weighted(0.7, 0..200_u32),
        option::weighted(0.5, 1..4_u32),
    )
        .prop_map(|(activity, revisions, keep_last)| Retention {
            activity,
            revisions,
            keep_last,
        });
    (
        workloads(),
        vec(vec(between, 0..4), 6),
        vec(retention, 1..3),
    )
        .prop_map(|(workload, between, retentions)| Case {
            workload,
            between,
            retentions,
        })
}

/// Write down what is read of a table, the histories and times included.
fn write_down(session: &mut Session, name: &str, suffix: &str) {
    session.run(&format!(
        "DROP TABLE IF EXISTS activities_{suffix}, revisions_{suffix}, histories_{suffix}, items_{suffix}, times_{suffix};
         CREATE TEMP TABLE activities_{suffix} AS
             SELECT a.*, a.\"timestamp\" AS at FROM directus_versions.activity a
             WHERE a.collection = '{name}' AND a.item IS NOT NULL;
         CREATE TEMP TABLE revisions_{suffix} AS
             SELECT r.id, r.item, r.data::text, r.delta::text, r.prior::text, r.source, a.action, l.at,
                    row_number() OVER (PARTITION BY r.item ORDER BY r.id DESC) AS nth
             FROM directus_versions.revisions r JOIN directus_versions.activity a ON a.id = r.id
             JOIN directus_versions.log l ON l.id = r.id WHERE r.collection = '{name}';
         CREATE TEMP TABLE histories_{suffix} AS
             SELECT i.item, h.revision, h.action, h.delta::text, h.prior::text, h.data::text, h.\"timestamp\" AS at
             FROM (SELECT DISTINCT item FROM items) i, LATERAL directus_versions.history('{name}', i.item) h;
         CREATE TEMP TABLE items_{suffix} AS
             SELECT i.item, m.at, directus_versions.item_at('{name}', i.item, m.at)::text AS data
             FROM (SELECT DISTINCT item FROM items) i, moments m;
         CREATE TEMP TABLE times_{suffix} AS
             SELECT m.at, directus_versions.item_of(row_then) AS item, row_then::text AS row
             FROM moments m, LATERAL directus_versions.as_of(NULL::{name}, m.at) row_then"
    ));
}

/// What a purge did that it must not do.
fn damage(session: &mut Session, retention: &Retention) -> Vec<String> {
    let keeps = retention.keeps();
    let horizon = retention.horizon().map_or("false".to_owned(), |days| {
        format!("at >= now() - interval '{days} days'")
    });
    let activities = retention.activity.map_or("true".to_owned(), |days| {
        format!("at >= now() - interval '{days} days'")
    });
    let checks = [
        // An item is known by its text here, so not where rows came from one key to another.
        format!("SELECT 'revision that should stay is gone: ' || b.id FROM revisions_before b
                 WHERE NOT EXISTS (SELECT FROM revisions_after a WHERE a.id = b.id)
                   AND EXISTS (SELECT FROM revisions_before r WHERE r.id = b.id AND {keeps})
                   AND NOT EXISTS (SELECT FROM revisions_before r WHERE b.item IN (r.item, r.prior::jsonb->>'id')
                                       AND r.action = 'update' AND r.prior::jsonb ? 'id')"),
        format!("SELECT 'young revision is gone: ' || r.id FROM revisions_before r
                 WHERE NOT EXISTS (SELECT FROM revisions_after a WHERE a.id = r.id) AND {}",
                retention.revisions.map_or("false".to_owned(), |days| format!("r.at >= now() - interval '{days} days'"))),
        "SELECT 'revision that was not there: ' || id FROM revisions_after WHERE id NOT IN (SELECT id FROM revisions_before)".to_owned(),
        format!("SELECT 'revision that should go is there: ' || r.id FROM revisions_before r JOIN revisions_after USING (id)
                 WHERE NOT {keeps} AND {}", retention.keep_last.is_none()),
        "SELECT format('revision %s is %s and was %s', a.id, (a.action, a.item, a.delta, a.prior, a.data), (b.action, b.item, b.delta, b.prior, b.data))
         FROM revisions_after a JOIN revisions_before b USING (id)
         WHERE (a.action, a.item, a.delta, a.prior, a.data, a.source, a.at)
               IS DISTINCT FROM (b.action, b.item, b.delta, b.prior, b.data, b.source, b.at)".to_owned(),
        "SELECT format('history of %s, revision %s is %s and was %s', b.item, b.revision, a.data, b.data)
         FROM histories_before b LEFT JOIN histories_after a USING (item, revision)
         WHERE b.revision IN (SELECT id FROM revisions_after)
           AND (a.action, a.delta, a.prior, a.data, a.at) IS DISTINCT FROM (b.action, b.delta, b.prior, b.data, b.at)".to_owned(),
        "SELECT format('history of %s has revision %s', a.item, a.revision)
         FROM histories_after a LEFT JOIN histories_before b USING (item, revision) WHERE b.revision IS NULL".to_owned(),
        format!("SELECT format('activity %s is gone', b.id) FROM activities_before b LEFT JOIN activities_after a USING (id)
                 WHERE a.id IS NULL AND ({})", activities.replace("at >=", "b.at >=")),
        "SELECT format('activity %s is %s and was %s', a.id, a, b) FROM activities_after a JOIN activities_before b USING (id)
         WHERE a::text <> b::text".to_owned(),
        format!("SELECT format('item %s at %s is %s and was %s', b.item, b.at, a.data, b.data)
                 FROM items_before b JOIN items_after a USING (item, at) WHERE a.data IS DISTINCT FROM b.data AND {}",
                horizon.replace("at >=", "b.at >=")),
        format!("SELECT format('at %s row %s is %s and was %s', at, item, a.row, b.row)
                 FROM times_before b FULL JOIN times_after a USING (item, at)
                 WHERE b.row IS DISTINCT FROM a.row AND {horizon}"),
    ];
    let mut found = Vec::new();
    for check in checks {
        let problems = session.table(&format!("SELECT left(p, 250) FROM ({check} LIMIT 3) s(p)"));
        found.extend(problems.into_iter().flatten().flatten());
    }
    found
}

fn happen(session: &mut Session, name: &str, between: &Between) {
    match between {
        Between::Pass { days } => {
            session.pass(&format!("{days} days"), Some(name));
            session.run(&format!(
                "UPDATE moments SET at = at - interval '{days} days'"
            ));
        }
        Between::Scope { options } => {
            session.run(&format!(
                "SELECT directus_versions.set_scope('{name}', {options})"
            ));
        }
        Between::Gap { change } => {
            session.run(&format!("SELECT directus_versions.untrack('{name}')"));
            session.run(&change.replace("{t}", name));
            session.run(&format!("SELECT directus_versions.track('{name}')"));
        }
        Between::Maintain => session.run("SELECT directus_versions.maintain()"),
    }
    let at = moment(session);
    // What nobody recorded is not known of a time before it, but from what was recorded before; that may go.
    let is_lossy = match between {
        Between::Pass { .. } | Between::Maintain => false,
        Between::Scope { options } => !options.starts_with("snapshot"),
        Between::Gap { .. } => true,
    };
    if is_lossy {
        session.run("TRUNCATE moments");
    }
    session.run(&format!("INSERT INTO moments VALUES ({at})"));
}

fn check(session: &mut Session, table: &Table, case: &Case) {
    let name = &table.name;
    session.run("ROLLBACK; DROP TABLE IF EXISTS moments, items; CREATE TEMP TABLE moments (at timestamptz); CREATE TEMP TABLE items (item text)");
    let turns = RefCell::new(case.between.iter());
    runner::perform(session, table, &case.workload, |session| {
        let at = moment(session);
        session.run(&format!(
            "INSERT INTO moments VALUES ({at}); INSERT INTO items SELECT id::text FROM {name}"
        ));
        let next = turns.borrow_mut().next();
        for between in next.into_iter().flatten() {
            happen(session, name, between);
        }
    });
    session.run(&format!(
        "INSERT INTO items SELECT DISTINCT item FROM directus_versions.activity WHERE collection = '{name}' AND item IS NOT NULL"
    ));
    let target = format!("'{name}'");
    assert_eq!(
        findings(session, &target),
        Vec::<String>::new(),
        "before any purge"
    );
    for retention in &case.retentions {
        session.run(&retention.sql(name));
        write_down(session, name, "before");
        let rehearsed = purge(session, true);
        assert_eq!(purge(session, false), rehearsed, "{retention:?}");
        write_down(session, name, "after");
        let found = damage(session, retention);
        assert!(found.is_empty(), "{retention:?}\n{}", found.join("\n"));
        assert_eq!(
            findings(session, &target),
            Vec::<String>::new(),
            "after {retention:?}"
        );
        assert!(
            purge(session, false).is_empty(),
            "{retention:?} left something"
        );
    }
    // What is written from here on joins what stayed.
    session.run(&format!(
        "SELECT directus_versions.set_scope('{name}', accountability => 'all', exclude => '{{}}', mask => '{{}}', ignore => '{{}}');
         UPDATE {name} SET b = NOT coalesce(b, false)"
    ));
    let wrong = session.table(&format!(
        "SELECT format('history of %s ends with %s, the row is %s', h.item, h.data, to_jsonb(t))
         FROM {name} t, LATERAL (
             SELECT t.id AS item, array_agg(h.data ORDER BY h.nth) AS all_data
             FROM directus_versions.history('{name}', t.id) WITH ORDINALITY
                 h(revision, action, actor, at, delta, prior, data, comment, version, nth)) s,
         LATERAL (SELECT s.item, s.all_data[cardinality(s.all_data)] AS data) h
         WHERE h.data->'b' IS DISTINCT FROM to_jsonb(t.b)
            OR h.data->'words' IS DISTINCT FROM coalesce(to_jsonb(t.words), 'null')"
    ));
    assert!(wrong.is_empty(), "{wrong:?}");
    session.run(&format!("DROP TABLE {name}"));
}

fn purge(session: &mut Session, dry_run: bool) -> Vec<Vec<Option<String>>> {
    session.table(&format!(
        "SELECT p.* FROM directus_versions.purge({dry_run}) p ORDER BY 1"
    ))
}

fn run(purpose: &str, count: u32, table: &Table, scopes: bool) {
    let seed: u64 = std::env::var("RANDOM_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(2026);
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let database = format!("house_random_{purpose}");
    let session = RefCell::new(in_database(&database));
    session.borrow_mut().run(RESTORE);
    session.borrow_mut().run(runner::REPLAY);
    session
        .borrow_mut()
        .run("SET client_min_messages = error; SET log_statement = 'none'");
    let number = Cell::new(0);
    let config = Config {
        cases: count,
        max_shrink_iters: 40,
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let outcome = TestRunner::new_with_rng(config, rng).run(&cases(scopes), |case| {
        number.set(number.get() + 1);
        let named = Table {
            name: format!("random_{}", number.get()),
            ..table.clone()
        };
        check(&mut session.borrow_mut(), &named, &case);
        Ok(())
    });
    if let Err(TestError::Fail(reason, case)) = outcome {
        let named = Table {
            name: "random".to_owned(),
            ..table.clone()
        };
        panic!(
            "{reason}\nRANDOM_SEED={seed}\n{};\n{};\nbetween: {:?}\nretentions: {:?}",
            named.create(),
            case.workload.statements(&named).join(";\n"),
            case.between,
            case.retentions
        );
    }
    outcome.unwrap();
    drop(session);
    drop_database(&database);
}

#[test]
fn house_random_purges_break_nothing() {
    run("plain", 25, &Table::default(), true);
}

#[test]
fn house_random_purges_of_values_whose_json_form_loses() {
    let table = Table {
        lossy: true,
        ..Table::default()
    };
    run("lossy", 10, &table, true);
}

#[test]
fn house_random_purges_of_keys_that_shift() {
    let table = Table {
        deferrable: true,
        ..Table::default()
    };
    run("shifting", 15, &table, false);
}
