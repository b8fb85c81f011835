//! Masked and excluded fields.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::support::{int, run, shows, text};
    use crate::pg_tests::versions::{delta, refused, version};
    use pgrx::prelude::*;

    fn account(name: &str, options: &str) {
        run(&format!(
            "CREATE TABLE {name} (id int PRIMARY KEY, mail text, secret text, note text);
             SELECT directus_versions.track('{name}', {options});
             INSERT INTO {name} VALUES (1, 'a@b', 'psst one', 'n')"
        ));
    }

    /// How often a text stands in what versions and log store.
    fn stored(part: &str) -> i64 {
        int(&format!(
            "SELECT (SELECT count(*) FROM directus_versions.version v WHERE strpos(v::text, '{part}') > 0)
                  + (SELECT count(*) FROM directus_versions.log l
                     WHERE strpos(concat(directus_versions._delta(l.change), directus_versions._prior(l.change),
                         directus_versions._whole(l.change), l.comment), '{part}') > 0)"
        ))
    }

    #[pg_test]
    fn versions_masked_field_is_refused() {
        account("versions_masked", "mask => '{secret}'");
        let id = version("versions_masked", "1", "draft", r#"{"mail": "c@d"}"#);
        let (code, message) = refused(&format!(
            "save_version('{id}', '{{\"secret\": \"psst two\"}}')"
        ));
        assert_eq!(code, "22023");
        assert!(!message.contains("psst"));
        assert_eq!(stored("psst"), 0);
        let data = text(&format!("SELECT directus_versions.version_data('{id}')")).unwrap();
        assert!(data.contains(r#""secret": "**********""#), "{data}");
        shows(
            &format!(
                "SELECT secret FROM directus_versions.version_row(NULL::versions_masked, '{id}')"
            ),
            "psst one",
        );
    }

    #[pg_test]
    fn versions_field_that_comes_to_be_masked_is_taken_out() {
        account("versions_masked_later", "exclude => '{secret}'");
        let id = version(
            "versions_masked_later",
            "1",
            "draft",
            r#"{"mail": "c@d", "secret": "psst two"}"#,
        );
        assert_eq!(stored("psst two"), 1);
        run(
            "SELECT directus_versions.set_scope('versions_masked_later', mask => '{secret}', exclude => '{}')",
        );
        assert_eq!(stored("psst"), 0);
        assert_eq!(delta(&id), r#"{"mail": "c@d"}"#);
    }

    #[pg_test]
    fn versions_field_masked_when_tracked_again_is_taken_out() {
        account("versions_masked_again", "exclude => '{secret}'");
        let id = version(
            "versions_masked_again",
            "1",
            "draft",
            r#"{"secret": "psst two"}"#,
        );
        run("SELECT directus_versions.untrack('versions_masked_again');
             SELECT directus_versions.track('versions_masked_again', mask => '{secret}')");
        assert_eq!(stored("psst"), 0);
        assert_eq!(delta(&id), "{}");
    }

    #[pg_test]
    fn versions_excluded_field_is_in_the_version_and_not_in_the_log() {
        account("versions_excluded", "exclude => '{secret}'");
        let id = version(
            "versions_excluded",
            "1",
            "draft",
            r#"{"mail": "c@d", "secret": "psst two"}"#,
        );
        assert_eq!(delta(&id), r#"{"mail": "c@d", "secret": "psst two"}"#);
        assert_eq!(stored("psst two"), 1, "in the version alone");
        shows(
            &format!("SELECT base ->> 'secret' FROM directus_versions.versions WHERE id = '{id}'"),
            "psst one",
        );
        run(&format!("SELECT directus_versions.promote_version('{id}')"));
        shows("SELECT secret FROM versions_excluded", "psst two");
        assert_eq!(stored("psst two"), 0);
    }

    #[pg_test]
    fn versions_excluded_field_conflicts_like_any_other() {
        account("versions_excluded_both", "fields => '{id,mail}'");
        let id = version(
            "versions_excluded_both",
            "1",
            "draft",
            r#"{"note": "mine"}"#,
        );
        run("UPDATE versions_excluded_both SET note = 'theirs'");
        assert_eq!(refused(&format!("promote_version('{id}')")).0, "40001");
        shows("SELECT note FROM versions_excluded_both", "theirs");
    }
}
