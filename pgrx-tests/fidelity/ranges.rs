//! Ranges and multiranges: bounds, infinity against no bound, ranges of one's own.

#[pgrx::pg_schema]
mod tests {
    use super::super::round_trip;
    use crate::pg_tests::support::run;
    use pgrx::prelude::*;

    #[pg_test]
    fn fidelity_ranges() {
        round_trip(
            "fidelity_ranges",
            "i int4range, n numrange, t tstzrange, s tsrange, d daterange, b int8range",
            &[
                "'[1,10)', '[1.10,1.100]', '[2024-01-01 00:00+05,2024-06-01 00:00:00.000001-07)',
                 '[2024-01-01,infinity]', '[2024-01-01,2024-02-01)', '(,5)'",
                "'empty', 'empty', 'empty', 'empty', 'empty', 'empty'",
                "'(,)', '(,)', '(,)', '(,)', '(,)', '(,)'",
                "'[5,5]', '(1.0,NaN)', '[-infinity,infinity]', '[0044-03-15 BC,)', '[-infinity,infinity)',
                 '[-9223372036854775808,)'",
                "NULL, '[-Infinity,Infinity]', '(-infinity,infinity)', NULL, '[2024-01-01,infinity]', NULL",
                "NULL, '[0,0.0]', '[2024-01-01 00:00+00,2024-01-01 00:00+00]', NULL, NULL, NULL",
            ],
        );
    }

    #[pg_test]
    fn fidelity_multiranges() {
        round_trip(
            "fidelity_multiranges",
            "i int4multirange, n nummultirange, t tstzmultirange, d datemultirange, a int4multirange[]",
            &[
                "'{[1,3),[5,7)}', '{[1.10,1.2),[2.0,2.00]}', '{[2024-01-01 00:00+05,2024-02-01 00:00-07)}',
                 '{[2024-01-01,infinity)}', ARRAY['{}'::int4multirange, NULL]",
                "'{}', '{}', '{}', '{}', '{}'",
                "'{(,)}', '{(,NaN)}', '{(,-infinity],[infinity,)}', '{(,2024-01-01)}', '[0:0]={\"{[1,2)}\"}'",
            ],
        );
    }

    #[pg_test]
    fn fidelity_ranges_of_ones_own() {
        run("CREATE TYPE fidelity_words AS RANGE (subtype = text, collation = \"C\");
             CREATE DOMAIN fidelity_day AS date;
             CREATE TYPE fidelity_days AS RANGE (subtype = fidelity_day);
             CREATE TYPE fidelity_moments AS RANGE (subtype = timestamptz, multirange_type_name = fidelity_epochs);
             CREATE TYPE fidelity_ratio_range AS RANGE (subtype = float8);
             CREATE DOMAIN fidelity_positive AS numrange CHECK (lower(VALUE) > 0)");
        round_trip(
            "fidelity_own_ranges",
            "w fidelity_words, d fidelity_days, m fidelity_moments, e fidelity_epochs, r fidelity_ratio_range,
             p fidelity_positive, l fidelity_words[]",
            &[
                r#"fidelity_words('a "b", \', 'b'), '[2024-01-01,infinity]', '[2024-01-01 00:00+05,)',
                   '{[2024-01-01 00:00+05,2024-01-02 00:00+05)}', '[-0,0.1]', '[1.10,2)', ARRAY[fidelity_words('', NULL)]"#,
                "'[\"\",\"\"]', 'empty', '(,infinity)', '{}', '[0,5e-324)', '[1.1,2)', '{}'",
                r"'(,)', '(,)', '[0044-03-15 00:00+00 BC,)', '{(,)}', '(,NaN]', '(0.5,)', '{NULL,empty}'",
            ],
        );
    }
}
