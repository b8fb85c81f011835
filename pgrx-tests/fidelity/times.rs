//! Dates, times and intervals: infinities, BC, microseconds, zones.

#[pgrx::pg_schema]
mod tests {
    use super::super::round_trip;
    use crate::pg_tests::support::run;
    use pgrx::prelude::*;

    #[pg_test]
    fn fidelity_date_and_time() {
        round_trip(
            "fidelity_date",
            "d date, t time, z timetz, p time(2)",
            &[
                "'2024-02-29', '12:34:56.789', '12:34:56.789+05:30', '12:34:56.789'",
                "'infinity', '24:00:00', '24:00:00+00', '23:59:59.99'",
                "'-infinity', '00:00:00.000001', '00:00:00.000001-15:59:59', '0:00'",
                "'4713-01-01 BC', '00:00', '12:00+00:00:01', '0:00'",
                "'5874897-12-31', '23:59:59.999999', '12:00-00:00:01', '0:00'",
                "'0001-01-01', '1:1:1', '11:00-01', '0:00'",
                "'0001-12-31 BC', '1:1:1', '12:00+00', '0:00'",
            ],
        );
    }

    #[pg_test]
    fn fidelity_timestamps() {
        round_trip(
            "fidelity_timestamps",
            "t timestamp, z timestamptz, p timestamptz(0)",
            &[
                "'2024-02-29 12:34:56.789012', '2024-02-29 12:34:56.789012+05:30', '2024-02-29 12:34:56.5+05:30'",
                "'infinity', 'infinity', 'infinity'",
                "'-infinity', '-infinity', '-infinity'",
                "'0044-03-15 12:00:00.000001 BC', '0044-03-15 12:00:00.000001+01 BC', '0044-03-15 12:00:00 BC'",
                "'4713-01-01 00:00:00 BC', '4713-01-01 00:00:00+00 BC', '2000-01-01 00:00:00+00'",
                "'294276-12-31 23:59:59.999999', '294276-12-31 23:59:59.999999+00', '1999-12-31 23:59:59-12'",
                "'1969-12-31 23:59:59.999999', '1969-12-31 23:59:59.999999Z', '12024-01-01 00:00:00+00'",
                "'2000-01-01', '1883-11-18 12:00:00-04:56:02', '2024-10-27 02:30:00+02'",
                "'2000-01-01 00:00:00.1', '0001-01-01 00:00:00+14', '2024-10-27 02:30:00+01'",
            ],
        );
    }

    /// The zone of the session at the change of the clocks says two instants with one text.
    #[pg_test]
    fn fidelity_timestamps_in_a_zone_that_is_not_utc() {
        run("SET LOCAL timezone = 'America/St_Johns'; SET LOCAL datestyle = 'Postgres, MDY'");
        round_trip(
            "fidelity_timestamps_zone",
            "z timestamptz, a timestamptz[], r tstzrange, c timetz",
            &[
                "'2024-11-03 03:31:00+00', ARRAY['2024-11-03 03:31:00+00'::timestamptz],
                 tstzrange('2024-11-03 03:31:00+00', NULL), '12:00-03:30'",
                "'2024-11-03 04:31:00+00', ARRAY['2024-11-03 04:31:00+00'::timestamptz],
                 tstzrange('2024-11-03 04:31:00+00', NULL), '11:30-04'",
                "'0001-01-01 00:00:00+00 BC', '{infinity,-infinity,NULL}', '[-infinity,infinity]', '12:00+13:59'",
            ],
        );
    }

    #[pg_test]
    fn fidelity_intervals_with_mixed_signs() {
        round_trip(
            "fidelity_interval",
            "v interval, y interval year to month, s interval second(2)",
            &[
                "'1 year -2 mons 3 days -04:05:06.789', '1-2', '1.234'",
                "'-1 year 2 mons -3 days 04:05:06.789', '-1-2', '-1.234'",
                "'1 mon', '1 mon', '0'",
                "'30 days', '0', '0.01'",
                "'720 hours', '0', '-0.01'",
                "'-0.000001 seconds', '0', '59.999'",
                "'178000000 years', '178000000 years', '1 day'",
                "'-178000000 years -1 days +00:00:01', '0', '1 month'",
                "'2147483647 days', '0', '100 hours'",
                "'0', '0', '0'",
            ],
        );
    }

    #[pg_test]
    fn fidelity_times_inside_arrays() {
        round_trip(
            "fidelity_time_arrays",
            "t timestamptz[], d date[], i interval[], z timetz[], n timestamp[]",
            &[
                "'{2024-02-29 12:34:56.789+05:30,infinity,NULL,0044-03-15 12:00:00+00 BC}', '{infinity,2024-01-01}',
                 '{1 mon -1 day,-00:00:01}', '{12:00+05:30:15}', '{-infinity,2024-01-01 00:00:00.000001}'",
                "'[0:1][2:2]={{2024-01-01 00:00+00},{2024-01-01 00:00+01}}', '{}', '{30 days}', '{{12:00-01},{12:00+00}}',
                 '{NULL}'",
            ],
        );
    }
}
