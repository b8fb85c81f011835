//! Numbers: every digit, scale and bit.

#[pgrx::pg_schema]
mod tests {
    use super::super::round_trip;
    use crate::pg_tests::support::run;
    use pgrx::prelude::*;

    #[pg_test]
    fn fidelity_numeric_keeps_scale_and_digits() {
        round_trip(
            "fidelity_numeric",
            "v numeric",
            &[
                "1.10",
                "1.100",
                "1.1",
                "0",
                "0.000",
                "-0.00",
                "'NaN'",
                "'Infinity'",
                "'-Infinity'",
                "1e-40",
                "1e-16383",
                "1e131071",
                "repeat('9', 1000)::numeric",
                "(repeat('8', 1000) || '.' || repeat('1', 1000))::numeric",
                "-123456789012345678901234567890.123456789",
            ],
        );
    }

    #[pg_test]
    fn fidelity_numeric_with_precision() {
        round_trip(
            "fidelity_numeric_precision",
            "v numeric(10, 2), w numeric(3, -3), x numeric(3, 5)",
            &[
                "1.1, 12345, 0.00123",
                "1, 0, 0",
                "'NaN', 'NaN', 'NaN'",
                "-99999999.99, -999000, -0.00999",
            ],
        );
    }

    #[pg_test]
    fn fidelity_integers_at_their_limits() {
        round_trip(
            "fidelity_integers",
            "s smallint, i integer, b bigint",
            &[
                "32767, 2147483647, 9223372036854775807",
                "-32768, -2147483648, -9223372036854775808",
                "0, 0, 0",
                "0, 0, 9007199254740993",
            ],
        );
    }

    #[pg_test]
    fn fidelity_float8_keeps_every_bit() {
        round_trip(
            "fidelity_float8",
            "v double precision",
            &[
                "'0'",
                "'-0'",
                "'NaN'",
                "-'NaN'::float8",
                "'inf'::float8 - 'inf'::float8",
                "'Infinity'",
                "'-Infinity'",
                "'5e-324'",
                "'-5e-324'",
                "'2.225073858507201e-308'",
                "'2.2250738585072014e-308'",
                "'1.7976931348623157e308'",
                "'0.1'",
                "0.1::float8 + 0.2::float8",
                "'1e-7'",
                "'1e21'",
                "'1e22'",
                "'123456789012345680'",
                "'9007199254740993'",
                "'4.35'",
                "'-1e-300'",
                "1::float8 / 3",
            ],
        );
    }

    #[pg_test]
    fn fidelity_float4_keeps_every_bit() {
        round_trip(
            "fidelity_float4",
            "v real",
            &[
                "'0'",
                "'-0'",
                "'NaN'",
                "-'NaN'::float4",
                "'inf'::float4 - 'inf'::float4",
                "'Infinity'",
                "'-Infinity'",
                "'1e-45'",
                "'1.1754944e-38'",
                "'3.4028235e38'",
                "'0.1'",
                "'16777216'",
                "'8388609.5'",
                "1::float4 / 3",
            ],
        );
    }

    #[pg_test]
    fn fidelity_float_and_numeric_inside_other_types() {
        round_trip(
            "fidelity_float_inside",
            "a float8[], n numeric[], d float8[][]",
            &[
                "'{-0,NaN,Infinity,5e-324,NULL}', '{1.10,NaN,-Infinity,0.000}', '{{-0},{0}}'",
                "'{0,NaN,Infinity,5e-324,NULL}', '{1.1,NaN,-Infinity,0.0}', '{{0},{-0}}'",
            ],
        );
    }

    #[pg_test]
    fn fidelity_money() {
        round_trip(
            "fidelity_money",
            "v money",
            &[
                "'12.34'",
                "'-0.01'",
                "'92233720368547758.07'",
                "'-92233720368547758.08'",
                "'0'",
            ],
        );
    }

    #[pg_test]
    fn fidelity_domains_over_numbers() {
        run(
            "CREATE DOMAIN fidelity_price AS numeric(12, 4) CHECK (VALUE >= 0);
             CREATE DOMAIN fidelity_discount AS fidelity_price CHECK (VALUE <= 1);
             CREATE DOMAIN fidelity_ratio AS float8;
             CREATE DOMAIN fidelity_prices AS fidelity_price[] CHECK (cardinality(VALUE) < 4);
             CREATE DOMAIN fidelity_ratios AS float8[]",
        );
        round_trip(
            "fidelity_domains",
            "p fidelity_price, d fidelity_discount, r fidelity_ratio, l fidelity_prices,
             m fidelity_ratios, n fidelity_discount[]",
            &[
                "1.1, 0.5, '-0', '{1.1,NULL}', '[0:1]={-0,NaN}', '{0.25,1}'",
                "'NaN', 1, 'NaN', '{}', '{}', '{{1},{0}}'",
                "1.1000, 0.5000, 0, '[2:2]={1}', '{NULL}', '{NULL}'",
            ],
        );
    }
}
