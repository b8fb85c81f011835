//! Arrays: bounds, dimensions, NULLs and what they are of.

#[pgrx::pg_schema]
mod tests {
    use super::super::round_trip;
    use crate::pg_tests::support::run;
    use pgrx::prelude::*;

    #[pg_test]
    fn fidelity_array_bounds_and_dimensions() {
        round_trip(
            "fidelity_arrays",
            "v integer[]",
            &[
                "'{1,2,3}'",
                "'[2:4]={1,2,3}'",
                "'[0:2]={1,2,3}'",
                "'[-5:-3]={1,2,3}'",
                "'{}'",
                "'{NULL}'",
                "'{NULL,NULL}'",
                "'{{1,2},{3,4}}'",
                "'[0:1][5:6]={{1,2},{3,4}}'",
                "'{{1},{2}}'",
                "'{{1,2}}'",
                "'{{{{{{1}}}}}}'",
                "'[1:1][1:1][1:1][1:1][1:1][2:2]={{{{{{1}}}}}}'",
                "array_fill(7, ARRAY[3, 2], ARRAY[2147483640, -2147483648])",
                "ARRAY(SELECT i FROM generate_series(1, 100000) i)",
            ],
        );
    }

    #[pg_test]
    fn fidelity_array_elements_that_need_quotes() {
        round_trip(
            "fidelity_text_arrays",
            "v text[]",
            &[
                r#"ARRAY['NULL', 'null', NULL, '', ' ', 'a,b', '{', '}', '"', '\', '''', E'\n']"#,
                "'{}'",
                "'{{a,NULL},{\"NULL\",\"\"}}'",
                "ARRAY[repeat('x', 300000), NULL]",
                "'[3:3]={x}'",
            ],
        );
    }

    #[pg_test]
    fn fidelity_arrays_of_other_types() {
        run("CREATE TYPE fidelity_pair AS (n numeric, t timestamptz);
             CREATE TYPE fidelity_nested AS (p fidelity_pair, l fidelity_pair[])");
        round_trip(
            "fidelity_arrays_of",
            "c fidelity_pair[], n fidelity_nested[], b box[], u uuid[], r int4range[], j jsonb[],
             t timestamptz[], o boolean[], d date[], s smallint[], x bit(3)[]",
            &[
                "ARRAY[ROW(1.10, '2024-01-01 00:00+05')::fidelity_pair, NULL, ROW(NULL, NULL)::fidelity_pair],
                 ARRAY[ROW(ROW(1.0, 'infinity'), ARRAY[ROW('NaN', NULL)::fidelity_pair, NULL])::fidelity_nested],
                 '{(1,1),(0,0);(2,2),(-0,0)}', ARRAY['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid],
                 ARRAY['[1,3)'::int4range, 'empty', NULL], ARRAY['{\"a\": [1.0]}'::jsonb, 'null', NULL],
                 ARRAY['2024-01-01 00:00+00'::timestamptz, '-infinity'], '{t,f,NULL}', '{2024-01-01}', '{1,-1}', '{101}'",
                "'[0:0]={\"(1.1,\\\"2024-01-01 00:00+05\\\")\"}', '{NULL}', '[0:0]={(1,1),(0,0)}', '{}', '{}',
                 '[5:5]={\"{}\"}', '[0:1]={2024-01-01 00:00+00,2024-01-01 00:00+00}', '{{t},{f}}',
                 '[7:7]={2024-01-01}', '{{1},{NULL}}', '{{101},{010}}'",
                "'{}', '{}', '{}', NULL, NULL, '{}', '{}', '{}', '{}', '{}', '{}'",
            ],
        );
    }

    #[pg_test]
    fn fidelity_array_domains() {
        run(
            "CREATE DOMAIN fidelity_tags AS text[] CHECK (array_ndims(VALUE) = 1 OR VALUE = '{}');
             CREATE DOMAIN fidelity_word AS text CHECK (VALUE <> 'bad');
             CREATE TYPE fidelity_tagged AS (tags fidelity_tags, words fidelity_word[])",
        );
        round_trip(
            "fidelity_array_domains",
            "t fidelity_tags, w fidelity_word[], c fidelity_tagged, l fidelity_tags[]",
            &[
                "'{a,NULL,\"\"}', '[0:1]={x,y}', ROW('[2:2]={a}', '{}'), '{\"{a}\",NULL}'",
                "'{}', '{{x},{y}}', ROW(NULL, '{NULL}'), '{}'",
                "'[0:0]={a}', '{}', NULL, '{\"[0:0]={a}\"}'",
            ],
        );
    }

    /// A slice of an array with NULLs keeps a bitmap of NULLs though it has none.
    #[pg_test]
    fn fidelity_array_slices_and_edits() {
        round_trip(
            "fidelity_array_edits",
            "v integer[], w text[]",
            &[
                "array_append('{1,2}', 3), array_prepend('a', '{b}')",
                "array_remove('{1,2,3}', 2), array_replace('{a,b}', 'a', 'c')",
                "('{1,2,3,4}'::int[])[2:3], ('{a,b,c}'::text[])[2:]",
                "array_cat('[0:1]={1,2}'::int[], '{3}'), string_to_array('a,,b', ',')",
            ],
        );
    }
}
