//! Types of the network, of geometry, of text search and of the system's own objects.

#[pgrx::pg_schema]
mod tests {
    use super::super::round_trip;
    use crate::pg_tests::support::{run, text, yes};
    use pgrx::prelude::*;

    #[pg_test]
    fn fidelity_network_bits_and_identifiers() {
        round_trip(
            "fidelity_network",
            "i inet, c cidr, m macaddr, e macaddr8, b bit(5), v bit varying, u uuid, l pg_lsn",
            &[
                "'192.168.0.1/24', '10.0.0.0/8', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', '10101', '',
                 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '16/B374D848'",
                "'192.168.0.1/32', '10.0.0.0/32', '00:00:00:00:00:00', '00:00:00:00:00:00:00:00', '00000', '0',
                 '00000000-0000-0000-0000-000000000000', '0/0'",
                "'::ffff:1.2.3.4', '2001:db8::/32', 'ff:ff:ff:ff:ff:ff', 'ff:ff:ff:ff:ff:ff:ff:ff', '11111',
                 repeat('10', 50000)::bit varying, 'ffffffff-ffff-ffff-ffff-ffffffffffff', 'FFFFFFFF/FFFFFFFF'",
                "'2001:db8::1/64', '::/0', NULL, NULL, NULL, '000', NULL, NULL",
            ],
        );
    }

    #[pg_test]
    fn fidelity_geometry() {
        round_trip(
            "fidelity_geometry",
            "p point, s lseg, h path, b box, g polygon, n line, c circle",
            &[
                "'(-0,1e-300)', '[(0,0),(1,-1e300)]', '((0,0),(1,1),(2,0))', '(1,2),(-0,0)', '((0,0),(1,1),(1,0))',
                 '{1,-1,0}', '<(1,2),3>'",
                "'(0,1e-300)', '[(-0,0),(1,-1e300)]', '[(0,0),(1,1),(2,0)]', '(1,2),(0,0)', '((-0,0),(1,1),(1,0))',
                 '{1,-1,-0}', '<(-0,2),3>'",
                "'(NaN,Infinity)', '[(1,1),(1,1)]', '[(0.1,0.2)]', '(0.1,0.2),(0.1,0.2)', '((0.1,5e-324))',
                 '{0.1,0.2,0.30000000000000004}', '<(0.1,0.2),0>'",
            ],
        );
    }

    /// A NaN with a sign has the text of one without.
    #[pg_test]
    fn fidelity_geometry_of_nan_with_sign() {
        round_trip(
            "fidelity_signed_nan",
            "p point, c circle",
            &[
                "point('inf'::float8 - 'inf', 0), circle(point('inf'::float8 - 'inf', 0), 1)",
                "'(NaN,0)', '<(NaN,0),1>'",
            ],
        );
    }

    #[pg_test]
    fn fidelity_text_search() {
        round_trip(
            "fidelity_search",
            "v tsvector, q tsquery, a tsvector[], j jsonpath",
            &[
                r#"'''fat'':2A,4B ''r a''''t'':5 ''b\\s'':1C', '''fat'' & !( ''rat'':AB | ''c'':* ) <2> ''d''',
                   ARRAY['a:1'::tsvector, ''], 'strict $."a b"[*] ? (@ > 1.50 && @ like_regex "x" flag "i")'"#,
                "'a', 'a <-> b', '{}', '$'",
                "'a:1', '(a | b) & c', NULL, 'lax $[0 to last].keyvalue()'",
                "(SELECT to_tsvector('simple', string_agg('w' || i, ' ')) FROM generate_series(1, 5000) i), 'a', NULL, NULL",
            ],
        );
    }

    #[pg_test]
    fn fidelity_system_identifiers() {
        round_trip(
            "fidelity_identifiers",
            "o oid, x xid, y xid8, c cid, t tid, s pg_snapshot, z txid_snapshot, r refcursor, v oidvector, w int2vector",
            &[
                "0, '3', '18446744073709551615', '0', '(0,1)', '10:20:10,14,15', '10:20:10,14,15', 'portal', '1 2 3', '1 2'",
                "4294967295, '4294967295', '0', '4294967295', '(4294967295,65535)', '1:1:', '1:1:', '<unnamed portal 1>',
                 '', '-1'",
            ],
        );
    }

    #[pg_test]
    fn fidelity_object_names_do_not_follow_the_search_path() {
        run("CREATE SCHEMA fidelity_here;
             CREATE TABLE fidelity_here.fidelity_target (id int);
             CREATE FUNCTION fidelity_here.fidelity_call(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
             CREATE TYPE fidelity_here.fidelity_kind AS ENUM ('a');
             CREATE COLLATION fidelity_here.fidelity_order FROM \"C\";
             CREATE TEXT SEARCH CONFIGURATION fidelity_here.fidelity_config (COPY = pg_catalog.simple);
             SET LOCAL search_path = fidelity_here, public");
        round_trip(
            "public.fidelity_names",
            "c regclass, f regproc, p regprocedure, t regtype, n regnamespace, o regcollation, g regconfig,
             k regoper, l regoperator, r regrole, a regclass[]",
            &[
                "'fidelity_target', 'fidelity_call', 'fidelity_call(int)', 'fidelity_kind', 'fidelity_here', 'fidelity_order',
                 'fidelity_config', 'pg_catalog.||/', 'pg_catalog.=(int,int)', 'pg_monitor', '{fidelity_target,pg_class}'",
                "'pg_class', 'now', 'lower(text)', 'timestamptz[]', 'pg_catalog', '\"C\"', 'simple', '0', '0', '-', '{-}'",
                "4294967295, 4294967295, 4294967295, 4294967295, 4294967295, 4294967295, 4294967295, 4294967295,
                 4294967295, 4294967295, '{4294967295}'",
            ],
        );
        let first = text(
            "SELECT concat_ws('/', r.delta ->> 'c', r.delta ->> 'f', r.delta ->> 't', r.delta ->> 'o')
             FROM directus_versions.revisions r WHERE r.collection = 'fidelity_names' ORDER BY r.id LIMIT 1",
        );
        assert_eq!(
            first.as_deref(),
            Some(
                "fidelity_here.fidelity_target/fidelity_here.fidelity_call/fidelity_here.fidelity_kind/fidelity_here.fidelity_order"
            )
        );
    }

    /// The text of an overloaded function or operator without its arguments does not name it.
    #[pg_test]
    fn fidelity_ambiguous_names_keep_their_oid() {
        run("CREATE TABLE fidelity_ambiguous (id int PRIMARY KEY, f regproc, o regoper);
             SELECT directus_versions.track('fidelity_ambiguous');
             INSERT INTO fidelity_ambiguous
             VALUES (1, 'pg_catalog.lower(text)'::regprocedure, 'pg_catalog.+(int,int)'::regoperator)");
        assert!(yes(
            "SELECT (k.r).f::oid = t.f::oid AND (k.r).o::oid = t.o::oid
             FROM fidelity_ambiguous t,
                  (SELECT directus_versions._overlaid(NULL::fidelity_ambiguous, l.change, true)
                   FROM directus_versions.log l JOIN directus_versions.revisions r ON r.id = l.id
                   WHERE r.collection = 'fidelity_ambiguous') k(r)"
        ));
        assert!(yes(
            "SELECT count(*) = 1 FROM directus_versions.revisions WHERE collection = 'fidelity_ambiguous'"
        ));
    }
}
