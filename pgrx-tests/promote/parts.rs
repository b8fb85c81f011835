//! Promoting some fields and leaving the rest staged.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::support::{run, shows, text};
    use crate::pg_tests::versions::{articles, delta, refused, version};
    use pgrx::prelude::*;

    #[pg_test]
    fn promote_of_named_fields_leaves_the_rest_staged() {
        articles("promote_part");
        let id = version(
            "promote_part",
            "1",
            "draft",
            r#"{"title": "Mine", "body": "Mine", "price": 9}"#,
        );
        let promote = |fields: &str| {
            text(&format!(
                "SELECT directus_versions.promote_version('{id}', fields => '{fields}')"
            ))
        };
        assert!(promote("{title}").is_some());
        shows(
            "SELECT concat_ws(' ', title, body, price) FROM promote_part WHERE id = 1",
            "Mine Text 1.50",
        );
        assert_eq!(delta(&id), r#"{"body": "Mine", "price": 9}"#);
        shows(
            &format!("SELECT base FROM directus_versions.versions WHERE id = '{id}'"),
            r#"{"body": "Text", "price": 1.50}"#,
        );
        assert_eq!(promote("{title}"), None, "it is not staged any more");
        assert_eq!(promote("{}"), None);
        assert_eq!(promote("{doc}"), None);
        assert_eq!(
            refused(&format!(
                "promote_version('{id}', fields => '{{title,nope}}')"
            ))
            .0,
            "42703"
        );
        assert!(promote("{body,price,body}").is_some());
        shows(
            "SELECT concat_ws(' ', title, body, price) FROM promote_part WHERE id = 1",
            "Mine Mine 9.00",
        );
        assert_eq!(delta(&id), "{}");
    }

    #[pg_test]
    fn promote_of_a_part_minds_only_its_own_conflicts() {
        articles("promote_part_conflict");
        let id = version(
            "promote_part_conflict",
            "1",
            "draft",
            r#"{"title": "Mine", "body": "Mine"}"#,
        );
        run("UPDATE promote_part_conflict SET body = 'Theirs' WHERE id = 1");
        assert_eq!(
            refused(&format!("promote_version('{id}', fields => '{{body}}')")).0,
            "40001"
        );
        run(&format!(
            "SELECT directus_versions.promote_version('{id}', fields => '{{title}}')"
        ));
        // The hash is new, and the conflict of what is left is still known.
        shows(
            &format!("SELECT directus_versions.compare_version('{id}') ->> 'outdated'"),
            "false",
        );
        shows(
            &format!("SELECT directus_versions.compare_version('{id}') -> 'conflicts'"),
            r#"[{"base": "Text", "main": "Theirs", "field": "body", "version": "Mine"}]"#,
        );
        assert_eq!(refused(&format!("promote_version('{id}')")).0, "40001");
    }
}
