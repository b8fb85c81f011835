//! Fields that were not saved, or saved as asterisks, are left as they are.

#[pgrx::pg_schema]
mod tests {
    use crate::pg_tests::revert::{newest, revert, revision};
    use crate::pg_tests::support::{run, shows, text};
    use pgrx::prelude::*;

    fn scoped(name: &str, options: &str) -> i64 {
        run(&format!(
            "CREATE TABLE {name} (id int PRIMARY KEY, v text, secret text, code int);
             SELECT directus_versions.track('{name}', {options})"
        ));
        revision(
            name,
            &format!("INSERT INTO {name} VALUES (1, 'a', 'one', 1)"),
        )
    }

    #[pg_test]
    fn revert_leaves_fields_that_were_not_saved() {
        for (name, options) in [
            ("rev_hid_excl", "exclude => '{secret,code}'"),
            ("rev_hid_mask", "mask => '{secret,code}'"),
            ("rev_hid_only", "fields => '{id,v}'"),
        ] {
            let first = scoped(name, options);
            run(&format!(
                "UPDATE {name} SET v = 'b', secret = 'two', code = 2"
            ));
            assert!(revert(first).is_some(), "{name}");
            shows(
                &format!("SELECT concat(v, ' ', secret, ' ', code) FROM {name}"),
                "a two 2",
            );
            // Nothing else is left to change.
            assert_eq!(revert(first), None, "{name}");
        }
    }

    /// Where nothing but hidden fields changed, there is nothing to do.
    #[pg_test]
    fn revert_of_hidden_fields_alone_is_null() {
        let first = scoped("rev_hid_alone", "mask => '{secret}'");
        let second = revision("rev_hid_alone", "UPDATE rev_hid_alone SET secret = 'two'");
        assert_eq!(revert(first), None);
        assert_eq!(
            text(&format!(
                "SELECT directus_versions.revert({first}, '{{secret}}')"
            )),
            None
        );
        assert_eq!(newest("rev_hid_alone"), second);
        shows("SELECT secret FROM rev_hid_alone", "two");
    }

    /// What was masked then is not known, though the column is plain now.
    #[pg_test]
    fn revert_over_a_change_of_the_mask() {
        let masked = scoped("rev_hid_late", "mask => '{secret}'");
        let plain = revision(
            "rev_hid_late",
            "SELECT directus_versions.set_scope('rev_hid_late', mask => '{}');
             UPDATE rev_hid_late SET v = 'b', secret = 'two'",
        );
        run("UPDATE rev_hid_late SET v = 'c', secret = 'three'");
        assert!(revert(masked).is_some());
        shows("SELECT concat(v, ' ', secret) FROM rev_hid_late", "a three");
        revert(plain);
        shows("SELECT concat(v, ' ', secret) FROM rev_hid_late", "b two");
    }

    /// The asterisks may be somebody's value.
    #[pg_test]
    fn revert_to_a_value_that_looks_like_a_mask() {
        let first = scoped("rev_hid_stars", "exclude => '{}'");
        let stars = revision("rev_hid_stars", "UPDATE rev_hid_stars SET v = '**********'");
        revert(first);
        shows("SELECT v FROM rev_hid_stars", "a");
        revert(stars);
        shows("SELECT v FROM rev_hid_stars", "**********");
    }

    #[pg_test]
    fn revert_with_ignored_fields_does_the_others() {
        let first = scoped("rev_hid_ign", "ignore => '{code}'");
        run("UPDATE rev_hid_ign SET code = 2; UPDATE rev_hid_ign SET v = 'b', secret = NULL");
        assert!(revert(first).is_some());
        shows("SELECT concat(v, secret) FROM rev_hid_ign", "aone");
    }

    #[pg_test]
    fn revert_with_stored_snapshots() {
        let first = scoped("rev_snap", "snapshot => 'always'");
        let second = revision("rev_snap", "UPDATE rev_snap SET v = 'b', code = NULL");
        run("DELETE FROM rev_snap");
        revert(second);
        shows("SELECT concat(v, secret, code) FROM rev_snap", "bone");
        revert(first);
        shows("SELECT concat(v, secret, code) FROM rev_snap", "aone1");
    }

    /// Across a gap: what a revision itself tells is put back.
    #[pg_test]
    fn revert_over_a_gap() {
        let first = scoped("rev_gap", "exclude => '{}'");
        run(
            "SELECT directus_versions.set_scope('rev_gap', accountability => 'none');
             UPDATE rev_gap SET v = 'unseen', code = 9;
             SELECT directus_versions.set_scope('rev_gap', accountability => 'all')",
        );
        let last = revision("rev_gap", "UPDATE rev_gap SET secret = 'two'");
        revert(first);
        shows("SELECT concat(v, secret, code) FROM rev_gap", "aone1");
        revert(last);
        shows("SELECT concat(v, secret, code) FROM rev_gap", "unseentwo9");
    }
}
