//! The claims and headers of a request, where the application sets nothing of ours.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::context::{last, tracked};
    use crate::pg_tests::support::{entries, literal, run, table, text};
    use pgrx::prelude::*;

    #[pg_test]
    fn context_falls_back_to_request_claims_and_headers() {
        tracked("ctx_jwt");
        run(
            r#"SET LOCAL request.jwt.claims = '{"role": "editor", "sub": "user-7", "exp": 1}';
             SET LOCAL request.headers = '{"x-forwarded-for": "203.0.113.7, 10.0.0.1", "user-agent": "Firefox", "origin": "https://app"}';
             INSERT INTO ctx_jwt VALUES (1, 'a')"#,
        );
        assert_eq!(
            table(
                "SELECT actor, ip, user_agent, origin FROM directus_versions.activity WHERE collection = 'ctx_jwt'"
            ),
            [["user-7", "203.0.113.7", "Firefox", "https://app"].map(|v| Some(v.to_owned()))]
        );
        run("SET LOCAL directus_versions.actor = 'ada'; SET LOCAL directus_versions.origin = 'https://own';
             UPDATE ctx_jwt SET v = 'b'");
        assert_eq!(
            last(
                "ctx_jwt",
                "actor || ' ' || ip || ' ' || user_agent || ' ' || origin"
            )
            .unwrap(),
            "ada 203.0.113.7 Firefox https://own",
            "each field by itself"
        );
        run(
            r#"SET LOCAL directus_versions.actor = ''; SET LOCAL request.jwt.claims = '{"sub": "user-8"}';
             SET LOCAL request.headers = '{"x-forwarded-for": "2001:db8::1"}';
             UPDATE ctx_jwt SET v = 'c'"#,
        );
        assert_eq!(
            last("ctx_jwt", "actor || ' ' || ip").unwrap(),
            "user-8 2001:db8::1"
        );
        assert_eq!(last("ctx_jwt", "user_agent"), None);
        run(
            "SET LOCAL request.jwt.claims = ''; SET LOCAL request.headers = ''; UPDATE ctx_jwt SET v = 'd'",
        );
        assert_eq!(last("ctx_jwt", "actor"), None);
        assert_eq!(
            last("ctx_jwt", "ip"),
            text("SELECT host(inet_client_addr())")
        );
    }

    #[pg_test]
    fn context_ignores_claims_and_headers_that_are_not_json() {
        tracked("ctx_bad");
        run("INSERT INTO ctx_bad VALUES (1, 'start')");
        let deep = "[".repeat(5000);
        let bad = [
            "not json",
            "{",
            "{\"sub\": }",
            "[]",
            "[\"sub\"]",
            "\"sub\"",
            "null",
            "7",
            "1e999999",
            "{\"sub\": null}",
            "{\"sub\": {\"a\": [1]}}",
            "{\"user-agent\": [1, null]}",
            "{\"sub\": \"\\u0000\"}",
            "{\"sub\": \"\\ud800\"}",
            "{\"x-forwarded-for\": \"\"}",
            "{\"x-forwarded-for\": \" , ,\"}",
            deep.as_str(),
        ];
        for (turn, value) in bad.iter().enumerate() {
            let quoted = literal(value);
            run(&format!(
                "SELECT set_config('request.jwt.claims', {quoted}, true), set_config('request.headers', {quoted}, true);
                 UPDATE ctx_bad SET v = 'turn {turn}'"
            ));
        }
        assert_eq!(entries("ctx_bad").len(), 1 + bad.len());
        run(
            "SELECT set_config('request.jwt.claims', '{\"sub\": \"good\"}', true); UPDATE ctx_bad SET v = 'end'",
        );
        assert_eq!(last("ctx_bad", "actor").unwrap(), "good");
    }

    #[pg_test]
    fn context_first_hop_is_trimmed() {
        tracked("ctx_hop");
        run("INSERT INTO ctx_hop VALUES (1, 'a')");
        for (header, ip) in [
            ("198.51.100.1", "198.51.100.1"),
            ("198.51.100.2,10.0.0.1,10.0.0.2", "198.51.100.2"),
            (" 198.51.100.3 , 10.0.0.1", "198.51.100.3"),
            ("unknown", "unknown"),
        ] {
            run(&format!(
                "SELECT set_config('request.headers', json_build_object('x-forwarded-for', '{header}')::text, true);
                 UPDATE ctx_hop SET v = {}", literal(header)
            ));
            assert_eq!(last("ctx_hop", "ip").unwrap(), ip);
        }
    }
}
