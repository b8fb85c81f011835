//! Types that extensions bring: hstore, citext and the others of contrib.

#[pgrx::pg_schema]
mod tests {
    use super::super::round_trip;
    use crate::pg_tests::support::run;
    use pgrx::prelude::*;

    #[pg_test]
    fn fidelity_hstore() {
        run("CREATE SCHEMA fidelity_ext; CREATE EXTENSION hstore SCHEMA fidelity_ext");
        round_trip(
            "fidelity_hstore",
            "v fidelity_ext.hstore, a fidelity_ext.hstore[]",
            &[
                r#"'a=>NULL, "b c"=>"x\"y\\", "n"=>"1.00", ""=>""', '{}'"#,
                "'', ARRAY[''::fidelity_ext.hstore, 'a=>1', NULL]",
                "'a=>\"NULL\"', '[0:0]={\"a=>1\"}'",
                "(SELECT fidelity_ext.hstore(array_agg(i::text), array_agg(md5(i::text)))
                  FROM generate_series(1, 3000) i), NULL",
            ],
        );
    }

    #[pg_test]
    fn fidelity_citext_sees_a_change_of_case() {
        run("CREATE SCHEMA fidelity_ext; CREATE EXTENSION citext SCHEMA fidelity_ext");
        round_trip(
            "fidelity_citext",
            "v fidelity_ext.citext, a fidelity_ext.citext[]",
            &[
                "'Word', '{A,b}'",
                "'WORD', '{a,B}'",
                "'', '{}'",
                "'é\"''\\', '{NULL,\"NULL\"}'",
            ],
        );
    }

    #[pg_test]
    fn fidelity_other_extensions() {
        run("CREATE SCHEMA fidelity_ext;
             CREATE EXTENSION ltree SCHEMA fidelity_ext; CREATE EXTENSION cube SCHEMA fidelity_ext;
             CREATE EXTENSION seg SCHEMA fidelity_ext; CREATE EXTENSION isn SCHEMA fidelity_ext;
             CREATE EXTENSION lo SCHEMA fidelity_ext; CREATE EXTENSION intarray SCHEMA fidelity_ext;
             SET LOCAL search_path = public, fidelity_ext");
        round_trip(
            "fidelity_contrib",
            "t ltree, q lquery, x ltxtquery, c cube, s seg, i isbn13, u upc, o lo, n query_int, a ltree[]",
            &[
                "'Top.Science.A_1', '*.Top{1,2}.a@*|b%', 'a & !b@', '(1,2),(3,4.5)', '~1.5 .. ~2.50', '978-0-11-000222-4',
                 '220356483481', 5, '1&(2|!3)', '{a.b,\"\"}'",
                "'', '*', 'a', '(-0)', '6.50', '978-0-393-04002-9', '036000291452', 4294967295, '1', '{}'",
                "'a', '!a', 'a|b', '(0.1,1e-300)', '< 1e-3', '978-1-4028-9462-6', '012345678905', 0, '1|2', NULL",
            ],
        );
    }
}
