//! Every type of `pg_type` that a column can have, those of contrib and of our own making among them.

/// The walk over all types, in the session's temporary schema.
pub(crate) const EVERY_TYPE: &str = include_str!("every_type.sql");

/// Types that the server does not have of itself.
pub(crate) const TYPES: &str = "
    CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE EXTENSION ltree; CREATE EXTENSION cube;
    CREATE EXTENSION seg; CREATE EXTENSION isn; CREATE EXTENSION intarray; CREATE EXTENSION lo;
    CREATE EXTENSION pg_trgm;
    CREATE TYPE public.every_mood AS ENUM ('sad', 'ok');
    CREATE TYPE public.every_pair AS (a numeric, b timestamptz[], c public.every_mood);
    CREATE DOMAIN public.every_list AS public.every_pair[];
    CREATE DOMAIN public.every_sum AS public.every_pair;
    CREATE TYPE public.every_span AS RANGE (subtype = text, collation = \"C\")";

#[pgrx::pg_schema]
mod tests {
    use super::super::{BACK, RESTORE, no_problems};
    use super::{EVERY_TYPE, TYPES};
    use crate::pg_tests::support::{int, run, table};
    use pgrx::prelude::*;

    #[pg_test]
    fn fidelity_every_type_of_the_server() {
        run("SET LOCAL client_min_messages = warning");
        run(TYPES);
        run(RESTORE);
        run(EVERY_TYPE);
        no_problems("SELECT p FROM pg_temp.every_type() p");
        let missing = table(
            "SELECT t.oid::regtype FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
             WHERE t.typtype IN ('b', 'd', 'e', 'r', 'm') AND n.nspname IN ('pg_catalog', 'information_schema', 'public')
               AND NOT EXISTS (SELECT FROM pg_temp.column_types c WHERE c.type = t.oid)
               -- Arrays of what no column may be: of pseudo-types, and of rows that have a column of one.
               AND NOT EXISTS (
                   SELECT FROM pg_type e LEFT JOIN pg_attribute a ON a.attrelid = e.typrelid AND a.attnum > 0
                   LEFT JOIN pg_type f ON f.oid = a.atttypid
                   WHERE e.oid = t.typelem AND (e.typtype = 'p' OR f.typtype = 'p'
                       OR f.typelem = 'pg_statistic'::regtype))
               -- Row types of the tables that this test made to try the others.
               AND t.typname !~ '^_every_type_\\d+$'",
        );
        assert!(missing.is_empty(), "types that were not tried: {missing:?}");
        assert!(int("SELECT count(*) FROM pg_temp.column_types WHERE kind = 'b'") > 300);
        assert!(int("SELECT count(*) FROM pg_temp.column_types WHERE kind = 'c'") > 100);
        assert!(int("SELECT count(*) FROM pg_temp.column_types WHERE no_value") < 15);
    }

    /// The same walk, and back: every value is put into place again by reverting.
    #[pg_test]
    fn fidelity_every_type_comes_back() {
        run("SET LOCAL client_min_messages = warning");
        run(TYPES);
        run(RESTORE);
        run(BACK);
        run(EVERY_TYPE);
        no_problems("SELECT p FROM pg_temp.every_type('pg_temp.there_and_back', true) p");
        // Nearly every type takes part.
        assert!(
            int("SELECT count(*) FROM pg_temp.column_types WHERE samples <> '{}'")
                > int("SELECT count(*) - 60 FROM pg_temp.column_types")
        );
    }
}
