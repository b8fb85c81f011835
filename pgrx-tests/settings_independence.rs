//! Promise 2: no setting of the session changes what is found or stored.

mod bytes;

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::support::{Row, int, literal, run, state, table, text};
    use pgrx::prelude::*;

    /// Objects that stand in front of `pg_catalog`; each fails when it is called.
    const HOSTILE: &str = "
        CREATE SCHEMA settings_hostile;
        CREATE FUNCTION settings_hostile.trap() RETURNS boolean LANGUAGE plpgsql
        AS $$ BEGIN RAISE EXCEPTION 'hostile function called'; END $$;
        DO $$
        DECLARE
            type text;
            operator text;
            call text;
        BEGIN
            FOREACH type IN ARRAY '{int4,int8,oid,text,name,json,jsonb,xml,point,numeric,float8,timestamptz,bool,bytea}'::text[] LOOP
                EXECUTE format('CREATE FUNCTION settings_hostile.same(pg_catalog.%s, pg_catalog.%1$s)
                    RETURNS pg_catalog.bool LANGUAGE sql AS ''SELECT settings_hostile.trap()''', type);
                FOREACH operator IN ARRAY '{=,<>,<,>,~,||,->,*=,*<>}'::text[] LOOP
                    EXECUTE format('CREATE OPERATOR settings_hostile.%s (LEFTARG = pg_catalog.%s, RIGHTARG = pg_catalog.%2$s,
                        FUNCTION = settings_hostile.same)', operator, type);
                END LOOP;
                FOREACH call IN ARRAY '{to_jsonb,to_json,md5,length,format,encode,quote_ident,hashtext,upper,nextval,current_setting,to_char}'::text[] LOOP
                    EXECUTE format('CREATE FUNCTION settings_hostile.%s(pg_catalog.%s)
                        RETURNS pg_catalog.bool LANGUAGE sql AS ''SELECT settings_hostile.trap()''', call, type);
                END LOOP;
            END LOOP;
            FOREACH call IN ARRAY '{now,statement_timestamp,clock_timestamp,transaction_timestamp,inet_client_addr,pg_current_xact_id,txid_current,pg_backend_pid}'::text[] LOOP
                EXECUTE format('CREATE FUNCTION settings_hostile.%s()
                    RETURNS pg_catalog.bool LANGUAGE sql AS ''SELECT settings_hostile.trap()''', call);
            END LOOP;
            FOREACH type IN ARRAY '{int4,int8,text,jsonb,numeric,timestamptz,bool,bytea,regclass}'::text[] LOOP
                EXECUTE format('CREATE DOMAIN settings_hostile.%s AS pg_catalog.bool CHECK (settings_hostile.trap())', type);
            END LOOP;
        END $$;
        CREATE TYPE settings_mood AS ENUM ('sad', 'ok');
        CREATE FUNCTION settings_hostile.mood(settings_mood) RETURNS json LANGUAGE plpgsql
        AS $$ BEGIN RAISE EXCEPTION 'hostile cast called'; END $$;
        CREATE CAST (settings_mood AS json) WITH FUNCTION settings_hostile.mood(settings_mood);";

    /// What a session may have set, each a setting and its value.
    const SETTINGS: &[(&str, &str)] = &[
        ("timezone", "America/St_Johns"),
        ("timezone", "Asia/Kathmandu"),
        ("datestyle", "SQL, DMY"),
        ("datestyle", "German, DMY"),
        ("datestyle", "Postgres, MDY"),
        ("intervalstyle", "sql_standard"),
        ("intervalstyle", "iso_8601"),
        ("intervalstyle", "postgres_verbose"),
        ("bytea_output", "escape"),
        ("extra_float_digits", "-15"),
        ("extra_float_digits", "0"),
        ("extra_float_digits", "3"),
        ("xmlbinary", "hex"),
        ("xmloption", "document"),
        ("quote_all_identifiers", "on"),
        ("array_nulls", "off"),
        ("standard_conforming_strings", "off"),
        ("transform_null_equals", "on"),
        ("client_encoding", "LATIN1"),
        ("lc_monetary", "POSIX"),
        ("lc_monetary", "en_US.UTF-8"),
        ("lc_monetary", "de_DE.UTF-8"),
        ("lc_numeric", "de_DE.UTF-8"),
        ("lc_time", "de_DE.UTF-8"),
        ("default_toast_compression", "lz4"),
        ("default_text_search_config", "pg_catalog.german"),
        ("role", "settings_nobody"),
        ("search_path", "settings_hostile, pg_catalog, public"),
        ("search_path", "settings_hostile, public"),
        ("search_path", "public"),
        ("search_path", ""),
    ];

    /// Set it if this server can.
    fn set(name: &str, value: &str) {
        let value = if name == "search_path" && !value.is_empty() {
            value.to_owned()
        } else {
            literal(value)
        };
        state(&format!("SET LOCAL {name} = {value}"));
    }

    fn reset(names: &[&str]) {
        for name in names {
            run(&format!("SET LOCAL {name} TO DEFAULT"));
        }
    }

    /// Run the statements under each setting by itself and under all together; every run must be
    /// recorded as the first, without any, was. `entries` reads what was recorded since an id.
    fn same_under_every_setting(collection: &str, statements: &[&str], columns: &str) {
        let last = || {
            int(&format!(
                "SELECT coalesce(max(id), 0) FROM directus_versions.revisions WHERE collection = '{collection}'"
            ))
        };
        let entries = |mark: i64| -> Vec<Row> {
            table(&format!(
                "SELECT {columns} FROM directus_versions.revisions r JOIN directus_versions.log l ON l.id = r.id
                 WHERE r.collection = '{collection}' AND r.id > {mark} ORDER BY r.id"
            ))
        };
        let mut expected: Option<Vec<Row>> = None;
        let mut check = |settings: &[(&str, &str)]| {
            let mark = last();
            for (name, value) in settings {
                set(name, value);
            }
            for statement in statements {
                run(statement);
            }
            let names: Vec<&str> = settings.iter().map(|(name, _)| *name).collect();
            reset(&names);
            let found = entries(mark);
            assert_eq!(
                expected.get_or_insert_with(|| found.clone()),
                &found,
                "under {settings:?}"
            );
            assert!(!found.is_empty());
        };
        check(&[]);
        for setting in SETTINGS {
            check(&[*setting]);
        }
        check(&[
            ("timezone", "America/St_Johns"),
            ("datestyle", "SQL, DMY"),
            ("intervalstyle", "sql_standard"),
            ("bytea_output", "escape"),
            ("extra_float_digits", "-15"),
            ("quote_all_identifiers", "on"),
            ("array_nulls", "off"),
            ("lc_monetary", "en_US.UTF-8"),
            ("search_path", "settings_hostile, pg_catalog, public"),
        ]);
    }

    #[pg_test]
    fn settings_do_not_change_the_log() {
        run(HOSTILE);
        run("CREATE ROLE settings_nobody;
             CREATE TYPE settings_pair AS (f float8, t timestamptz, b bytea, i interval, r regclass);
             CREATE DOMAIN settings_moment AS timestamptz;
             CREATE TABLE settings_source (
                 n numeric, f4 real, f8 double precision, t timestamp, z timestamptz, d date, h time, k timetz,
                 i interval, b bytea, m money, x xml, j json, o jsonb, p point, c regclass, g regprocedure, y regtype,
                 za timestamptz[], fa float8[], ia interval[], ba bytea[], ma money[], ra regclass[],
                 zr tstzrange, tr tsrange, dr daterange, zm tstzmultirange, w settings_pair, wa settings_pair[],
                 dm settings_moment, e settings_mood, s tsvector, u text, v \"char\", bo box, a text[]);
             CREATE FUNCTION public.settings_call(timestamptz) RETURNS int LANGUAGE sql AS 'SELECT 1';
             INSERT INTO settings_source VALUES
                 (1.10, 0.1, 0.1::float8 + 0.2, '2024-02-03 04:05:06.789', '2024-02-03 04:05:06.789+05', '2024-02-03',
                  '04:05:06.7', '04:05:06.7+05:30', '1 year -2 mons 3 days -04:05:06.7', '\\x005c27ff', 1234.5,
                  '<a>é</a>', '{\"b\" : 1.0}', '{\"b\": 1.0}', '(0.1,1e-7)', 'settings_source', 'settings_call(timestamptz)',
                  'settings_mood', '{2024-02-03 04:05:06.789+05,infinity,NULL}', ARRAY[0.1::float8 + 0.2, 'NaN', '-0'],
                  '{1 year -2 mons 3 days -04:05:06.7}', ARRAY['\\x005c27ff'::bytea], '{1234.5}', '{settings_source}',
                  '[2024-02-03 04:05:06.789+05,)', '[2024-02-03 04:05:06.789,)', '[2024-02-03,)',
                  '{[2024-02-03 04:05:06.789+05,)}',
                  ROW(0.1::float8 + 0.2, '2024-02-03 04:05:06.789+05', '\\x005c27ff', '1 year -2 mons', 'settings_source'),
                  ARRAY[ROW(0.1::float8 + 0.2, '2024-02-03 04:05:06.789+05', '\\x005c27ff', '1 mon -2 days', 'settings_source')::settings_pair],
                  '2024-02-03 04:05:06.789+05', 'sad', 'a:1A', 'é ''\"\\', 'a', '(0.1,0.2),(-0,1e-7)', '{a,NULL}'),
                 (1.100, 1e-45, 5e-324, 'infinity', '0044-03-15 12:00+00 BC', '0044-03-15 BC',
                  '24:00', '00:00-15:59:59', '-1 days +00:00:01', '', -0.01,
                  '<b/>', '1e999999', 'null', '(NaN,Infinity)', 'pg_class', 'lower(text)',
                  'timestamptz', '[0:0]={-infinity}', '[0:0]={5e-324}',
                  '{}', '{}', '{}', '{NULL}', 'empty', 'empty', '(,infinity]', '{}',
                  ROW(NULL, NULL, NULL, NULL, NULL), '{NULL}',
                  'infinity', 'ok', '', '', '', '(1,1),(0,0)', '[0:0]={x}');
             CREATE TABLE settings_rows (id int PRIMARY KEY, LIKE settings_source);
             SELECT directus_versions.track('settings_rows')");
        run(
            "GRANT ALL ON settings_rows, settings_source TO settings_nobody;
             GRANT USAGE ON SCHEMA settings_hostile TO settings_nobody",
        );
        let columns = text(
            "SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute
             WHERE attrelid = 'settings_source'::regclass AND attnum > 0",
        )
        .unwrap();
        let update = |offset: i32| {
            format!(
                "UPDATE public.settings_rows SET ({columns}) =
                 (SELECT {columns} FROM public.settings_source OFFSET {offset} LIMIT 1)"
            )
        };
        same_under_every_setting(
            "settings_rows",
            &[
                "INSERT INTO public.settings_rows SELECT 1, s.* FROM public.settings_source s LIMIT 1",
                &update(0),
                &update(1),
                &update(1),
                &update(0),
                "DELETE FROM public.settings_rows",
            ],
            "r.delta, r.prior, r.data, r.item,
             directus_versions._overlaid(NULL::public.settings_rows, l.change, true),
             directus_versions._overlaid(NULL::public.settings_rows, l.change, false)",
        );
        assert_eq!(
            int(
                "SELECT count(*) FROM directus_versions.revisions WHERE collection = 'settings_rows'"
            ),
            4 * i64::try_from(SETTINGS.len() + 2).unwrap()
        );
    }

    /// The name of an item is text as well.
    #[pg_test]
    fn settings_do_not_change_the_item() {
        run(HOSTILE);
        run("CREATE ROLE settings_nobody");
        let keys = [
            ("timestamptz", "'2024-02-03 04:05:06.789+05'"),
            ("timestamp", "'2024-02-03 04:05:06.789'"),
            ("date", "'2024-02-03'"),
            ("timetz", "'04:05:06.7+05:30'"),
            ("interval", "'1 year -2 mons 3 days -04:05:06.7'"),
            ("float8", "0.1::float8 + 0.2"),
            ("float4", "0.1"),
            ("bytea", r"'\x005c27ff'"),
            ("money", "1234.5"),
            ("regclass", "'settings_single_0'"),
            (
                "timestamptz[]",
                "ARRAY['2024-02-03 04:05:06.789+05'::timestamptz]",
            ),
            ("tstzrange", "'[2024-02-03 04:05:06.789+05,)'"),
            ("settings_mood", "'sad'"),
            ("text", "'é\"'"),
        ];
        for (n, (key, value)) in keys.iter().enumerate() {
            run(&format!(
                "CREATE TABLE settings_single_{n} (k {key} PRIMARY KEY);
                 CREATE TABLE settings_single_source_{n} (k {key});
                 INSERT INTO settings_single_source_{n} VALUES ({value});
                 SELECT directus_versions.track('settings_single_{n}');
                 GRANT ALL ON settings_single_{n}, settings_single_source_{n} TO settings_nobody"
            ));
            same_under_every_setting(
                &format!("settings_single_{n}"),
                &[
                    &format!(
                        "INSERT INTO public.settings_single_{n} SELECT * FROM public.settings_single_source_{n}"
                    ),
                    &format!("DELETE FROM public.settings_single_{n}"),
                ],
                "r.item, r.delta, r.prior",
            );
        }
        let columns: Vec<String> = keys
            .iter()
            .enumerate()
            .map(|(n, key)| format!("k{n} {}", key.0))
            .collect();
        let names: Vec<String> = (0..keys.len()).map(|n| format!("k{n}")).collect();
        let values: Vec<&str> = keys.iter().map(|key| key.1).collect();
        run(&format!(
            "CREATE TABLE settings_keys ({}, PRIMARY KEY ({}));
             CREATE TABLE settings_keys_source (LIKE settings_keys);
             INSERT INTO settings_keys_source VALUES ({});
             SELECT directus_versions.track('settings_keys');
             GRANT ALL ON settings_keys, settings_keys_source TO settings_nobody",
            columns.join(", "),
            names.join(", "),
            values.join(", ")
        ));
        same_under_every_setting(
            "settings_keys",
            &[
                "INSERT INTO public.settings_keys SELECT * FROM public.settings_keys_source",
                "DELETE FROM public.settings_keys",
            ],
            "r.item, r.delta, r.prior",
        );
    }
}
