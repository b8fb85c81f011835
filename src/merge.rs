//! Merges what a version stages with what main has become since: three ways, field by field.
//!
//! Values are JSON texts as jsonb prints them. Nothing here knows of `PostgreSQL`.

use serde_json::{Map, Number, Value};

/// The only field of an object that stands, in a json or jsonb column, for the value in it as it is: JSON null too, which
/// alone would mean SQL NULL.
pub(crate) const AS_IT_IS: &str = "directus_versions.json";

/// Which side a conflict goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Main,
    Version,
}

/// What becomes of a field.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Main keeps what it has.
    Main,
    /// Main takes what the version has.
    Version,
    /// Main takes a value made of both.
    Both(String),
}

/// A field after a merge.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Merged {
    pub(crate) outcome: Outcome,
    /// Both sides changed it, or the same key within it, to different values.
    pub(crate) conflict: bool,
}

/// A staged field: main's value when it was staged, main's value now, and the staged one. Each `None` is a value that is
/// not known.
#[derive(Clone, Copy)]
pub(crate) struct Staged<'a> {
    pub(crate) base: Option<&'a str>,
    pub(crate) main: &'a str,
    pub(crate) version: &'a str,
    /// Whether objects are merged by key, as those of jsonb fields are.
    pub(crate) by_key: bool,
}

impl Staged<'_> {
    /// Merges the field; a conflict goes to `side`.
    pub(crate) fn merge(self, side: Side) -> Merged {
        let base = self.base.unwrap_or(self.main);
        if self.version == self.main {
            return Merged::settled(Outcome::Main);
        }
        let parsed = [base, self.main, self.version].map(serde_json::from_str::<Value>);
        // Values nested deeper than the parser goes are compared as they stand and taken as a whole.
        let [Ok(base), Ok(main), Ok(version)] = parsed else {
            return match (base == self.main, base == self.version) {
                (true, _) => Merged::settled(Outcome::Version),
                (_, true) => Merged::settled(Outcome::Main),
                _ => Merged::conflict(side),
            };
        };
        if same(&base, &main) {
            return Merged::settled(Outcome::Version);
        }
        if same(&base, &version) || same(&main, &version) {
            return Merged::settled(Outcome::Main);
        }
        let (Value::Object(base), Value::Object(main), Value::Object(version)) =
            (&base, &main, &version)
        else {
            return Merged::conflict(side);
        };
        if !self.by_key || [base, main, version].into_iter().any(is_as_it_is) {
            return Merged::conflict(side);
        }
        let mut conflict = false;
        let both = merge_objects(base, main, version, side, &mut conflict);
        let outcome = if both == *main {
            Outcome::Main
        } else {
            let both = if is_as_it_is(&both) {
                Object::from_iter([(AS_IT_IS.to_owned(), Value::Object(both))])
            } else {
                both
            };
            Outcome::Both(Value::Object(both).to_string())
        };
        Merged { outcome, conflict }
    }
}

impl Merged {
    fn settled(outcome: Outcome) -> Self {
        Self {
            outcome,
            conflict: false,
        }
    }

    fn conflict(side: Side) -> Self {
        Self {
            outcome: match side {
                Side::Main => Outcome::Main,
                Side::Version => Outcome::Version,
            },
            conflict: true,
        }
    }
}

type Object = Map<String, Value>;

fn is_as_it_is(object: &Object) -> bool {
    object.len() == 1 && object.contains_key(AS_IT_IS)
}

/// Merges objects key by key; a key that is missing on a side was removed there or not yet added.
fn merge_objects(
    base: &Object,
    main: &Object,
    version: &Object,
    side: Side,
    conflict: &mut bool,
) -> Object {
    let mut both = Object::new();
    let added = version.keys().filter(|key| !main.contains_key(*key));
    for key in main.keys().chain(added) {
        let (base, main, version) = (base.get(key), main.get(key), version.get(key));
        let value = if same_or_missing(base, main) {
            version.cloned()
        } else if same_or_missing(base, version) || same_or_missing(main, version) {
            main.cloned()
        } else if let (Some(Value::Object(main)), Some(Value::Object(version))) = (main, version)
            && let Some(Value::Object(base)) = base
        {
            Some(Value::Object(merge_objects(
                base, main, version, side, conflict,
            )))
        } else {
            *conflict = true;
            match side {
                Side::Main => main.cloned(),
                Side::Version => version.cloned(),
            }
        };
        if let Some(value) = value {
            both.insert(key.clone(), value);
        }
    }
    both
}

fn same_or_missing(a: Option<&Value>, b: Option<&Value>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => same(a, b),
        _ => false,
    }
}

/// Whether two values are equal as jsonb has it: numbers by value, whatever their scale.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => same_number(a, b),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

/// jsonb prints numbers without exponent, so they differ in trailing zeros at most.
fn same_number(a: &Number, b: &Number) -> bool {
    fn shortest(number: &str) -> &str {
        if number.contains('.') {
            number.trim_end_matches('0').trim_end_matches('.')
        } else {
            number
        }
    }
    shortest(&a.to_string()) == shortest(&b.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panic")]
mod tests {
    use super::{Merged, Outcome, Side, Staged};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn merge(base: &str, main: &str, version: &str, side: Side) -> Merged {
        let base = Some(base);
        Staged {
            base,
            main,
            version,
            by_key: true,
        }
        .merge(side)
    }

    /// The value that main has after a merge, and whether there was a conflict.
    fn after(base: &Value, main: &Value, version: &Value, side: Side) -> (Value, bool) {
        let texts = [base, main, version].map(Value::to_string);
        let merged = merge(&texts[0], &texts[1], &texts[2], side);
        let value = match merged.outcome {
            Outcome::Main => main.clone(),
            Outcome::Version => version.clone(),
            Outcome::Both(text) => serde_json::from_str(&text).unwrap(),
        };
        (value, merged.conflict)
    }

    fn settled(outcome: Outcome) -> Merged {
        Merged {
            outcome,
            conflict: false,
        }
    }

    #[test]
    fn merge_takes_the_side_that_changed() {
        let side = Side::Main;
        assert_eq!(merge("1", "1", "2", side), settled(Outcome::Version));
        assert_eq!(merge("1", "2", "1", side), settled(Outcome::Main));
        assert_eq!(merge("1", "2", "2", side), settled(Outcome::Main));
        assert_eq!(
            merge("null", "null", "\"a\"", side),
            settled(Outcome::Version)
        );
    }

    #[test]
    fn merge_gives_a_conflict_to_the_side_named() {
        for (side, outcome) in [
            (Side::Main, Outcome::Main),
            (Side::Version, Outcome::Version),
        ] {
            let merged = merge("1", "2", "3", side);
            assert_eq!((merged.outcome, merged.conflict), (outcome, true));
        }
    }

    #[test]
    fn merge_keeps_every_digit() {
        let side = Side::Main;
        assert_eq!(
            merge(
                "12345678901234567890.1",
                "12345678901234567890.1",
                "12345678901234567890.2",
                side
            ),
            settled(Outcome::Version)
        );
        let (both, _) = after(
            &json!({"a": 1, "b": 1}),
            &serde_json::from_str(r#"{"a": 12345678901234567890.123456789, "b": 1}"#).unwrap(),
            &json!({"a": 1, "b": 2}),
            side,
        );
        assert_eq!(
            both.to_string(),
            r#"{"a":12345678901234567890.123456789,"b":2}"#
        );
    }

    #[test]
    fn merge_takes_another_scale_for_no_change_and_still_writes_it() {
        let side = Side::Main;
        assert_eq!(merge("1.0", "1.00", "2", side), settled(Outcome::Version));
        assert_eq!(merge("1.0", "1.0", "1.00", side), settled(Outcome::Version));
    }

    #[test]
    fn merge_goes_by_key_into_objects() {
        let base = json!({"seo": {"title": "a", "words": ["x"]}, "old": 1, "kept": 1});
        let main = json!({"seo": {"title": "b", "words": ["x"]}, "old": 1, "kept": 1, "new": 2});
        let version = json!({"seo": {"title": "a", "words": ["y"]}, "kept": 3});
        let (both, conflict) = after(&base, &main, &version, Side::Main);
        assert!(!conflict);
        let expected = json!({"seo": {"title": "b", "words": ["y"]}, "kept": 3, "new": 2});
        assert_eq!(both, expected);
    }

    #[test]
    fn merge_of_objects_settles_only_the_keys_in_conflict_by_side() {
        let base = json!({"a": 1, "b": 1, "gone": 1});
        let main = json!({"a": 2, "b": 1, "gone": 2});
        let version = json!({"a": 3, "b": 3});
        let (both, conflict) = after(&base, &main, &version, Side::Main);
        assert!(conflict);
        assert_eq!(both, json!({"a": 2, "b": 3, "gone": 2}));
        let (both, conflict) = after(&base, &main, &version, Side::Version);
        assert!(conflict);
        assert_eq!(both, json!({"a": 3, "b": 3}));
    }

    #[test]
    fn merge_takes_arrays_as_a_whole() {
        let (_, conflict) = after(
            &json!([1, 2]),
            &json!([1, 2, 3]),
            &json!([0, 1, 2]),
            Side::Main,
        );
        assert!(conflict);
    }

    #[test]
    fn merge_goes_into_nothing_but_jsonb() {
        let merged = Staged {
            base: Some(r#"{"a": 1}"#),
            main: r#"{"a": 2}"#,
            version: r#"{"a": 1, "b": 1}"#,
            by_key: false,
        }
        .merge(Side::Main);
        assert!(merged.conflict);
    }

    #[test]
    fn merge_takes_a_value_as_it_is_for_no_object() {
        let null = json!({"directus_versions.json": null});
        let (_, conflict) = after(
            &null,
            &json!({"a": 1}),
            &json!({"a": 1, "b": 1}),
            Side::Main,
        );
        assert!(conflict);
        let (both, conflict) = after(
            &json!({"a": 1, "b": 1}),
            &json!({"a": 1, "directus_versions.json": 1}),
            &json!({"b": 1}),
            Side::Main,
        );
        assert!(!conflict);
        assert_eq!(
            both,
            json!({"directus_versions.json": {"directus_versions.json": 1}})
        );
    }

    #[test]
    fn merge_of_values_nested_too_deeply_takes_them_as_a_whole() {
        let deep = |end: &str| format!("{}{end}{}", "[".repeat(1000), "]".repeat(1000));
        let (one, two, three) = (deep("1"), deep("2"), deep("3"));
        let side = Side::Version;
        assert_eq!(merge(&one, &one, &two, side), settled(Outcome::Version));
        assert_eq!(merge(&one, &two, &one, side), settled(Outcome::Main));
        assert!(merge(&one, &two, &three, side).conflict);
    }

    fn document() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (0..4).prop_map(Value::from),
            "[ab]{0,2}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[a-d]", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn merge_loses_no_change_of_one_side(base in document(), change in document()) {
            for side in [Side::Main, Side::Version] {
                prop_assert_eq!(after(&base, &change, &base, side), (change.clone(), false));
                prop_assert_eq!(after(&base, &base, &change, side), (change.clone(), false));
                prop_assert_eq!(after(&base, &change, &change, side), (change.clone(), false));
            }
        }

        #[test]
        fn merge_finds_the_same_conflicts_from_either_side(
            base in document(), one in document(), other in document(),
        ) {
            let (left, conflict) = after(&base, &one, &other, Side::Main);
            let (right, mirrored) = after(&base, &other, &one, Side::Version);
            prop_assert_eq!(conflict, mirrored);
            prop_assert_eq!(left, right);
        }

        #[test]
        fn merge_without_conflict_is_the_same_for_both_sides(
            base in document(), main in document(), version in document(),
        ) {
            let (to_main, conflict) = after(&base, &main, &version, Side::Main);
            let (to_version, _) = after(&base, &main, &version, Side::Version);
            if !conflict {
                prop_assert_eq!(to_main, to_version);
            }
        }

        #[test]
        fn merge_twice_changes_nothing_more(
            base in document(), main in document(), version in document(),
        ) {
            let (once, conflict) = after(&base, &main, &version, Side::Version);
            if !conflict {
                prop_assert_eq!(after(&base, &once, &version, Side::Version), (once, false));
            }
        }
    }
}
