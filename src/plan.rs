//! What a promote would write: every staged field merged with what main has now.
//!
//! The texts are JSON objects as jsonb prints them. Nothing here knows of `PostgreSQL`.

use crate::merge::{Outcome, Side, Staged};
use serde_json::value::RawValue;
use serde_json::{Error, from_str};
use std::collections::BTreeMap;

type Fields<'a> = BTreeMap<String, &'a RawValue>;

/// A version and its item. `laid` is the item with the version laid over it, so that its values and main's have one form,
/// whatever the application gave; `main` is `None` for an item that does not exist yet.
#[derive(Clone, Copy)]
pub(crate) struct Sides<'a> {
    pub(crate) delta: &'a str,
    pub(crate) base: &'a str,
    pub(crate) main: Option<&'a str>,
    pub(crate) laid: &'a str,
}

/// The outcome of a merge.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The fields that were looked at.
    pub(crate) fields: Vec<String>,
    /// Those to write, with their values.
    pub(crate) write: BTreeMap<String, String>,
    /// Those that changed on both sides.
    pub(crate) conflicts: Vec<Conflict>,
}

/// A field that changed on both sides.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Conflict {
    pub(crate) field: String,
    base: String,
    main: String,
    version: String,
}

impl Plan {
    /// Merges the staged fields. Objects of fields that are `by_key` are merged by their keys.
    pub(crate) fn new(
        sides: Sides,
        by_key: impl Fn(&str) -> bool,
        side: Side,
    ) -> Result<Self, Error> {
        let delta: Fields = from_str(sides.delta)?;
        let base: Fields = from_str(sides.base)?;
        let laid: Fields = from_str(sides.laid)?;
        let main: Option<Fields> = sides.main.map(from_str).transpose()?;
        let mut plan = Self::default();
        for (field, given) in delta {
            let now = main.as_ref().map(|main| text_of(main, &field));
            let (write, conflict) = match now {
                None => (Some(given.get().to_owned()), None),
                Some(now) => {
                    let version = laid.get(&field).map_or(given.get(), |value| value.get());
                    let base = base.get(&field).map(|value| value.get());
                    let staged = Staged {
                        base,
                        main: now,
                        version,
                        by_key: by_key(&field),
                    };
                    let merged = staged.merge(side);
                    let write = match merged.outcome {
                        Outcome::Main => None,
                        Outcome::Version => Some(given.get().to_owned()),
                        Outcome::Both(value) => Some(value),
                    };
                    let conflict = merged.conflict.then(|| Conflict {
                        field: field.clone(),
                        base: base.unwrap_or("null").to_owned(),
                        main: now.to_owned(),
                        version: given.get().to_owned(),
                    });
                    (write, conflict)
                }
            };
            if let Some(value) = write {
                plan.write.insert(field.clone(), value);
            }
            plan.conflicts.extend(conflict);
            plan.fields.push(field);
        }
        Ok(plan)
    }

    /// The fields to write as a JSON object.
    pub(crate) fn object(&self) -> String {
        object(
            self.write
                .iter()
                .map(|(field, value)| (field, value.as_str())),
        )
    }

    /// The conflicts as a JSON array of objects.
    pub(crate) fn conflicts(&self) -> String {
        let objects = self.conflicts.iter().map(|conflict| {
            format!(
                r#"{{"field":{},"base":{},"main":{},"version":{}}}"#,
                quoted(&conflict.field),
                conflict.base,
                conflict.main,
                conflict.version
            )
        });
        format!("[{}]", objects.collect::<Vec<_>>().join(","))
    }
}

/// Those fields of a JSON object that are wanted, as another one.
pub(crate) fn subset(of: &str, wanted: impl Fn(&str) -> bool) -> String {
    let fields: Fields = from_str(of).unwrap_or_default();
    let wanted = fields.iter().filter(|(field, _)| wanted(field));
    object(wanted.map(|(field, value)| (field, value.get())))
}

/// The names of a JSON object's fields.
pub(crate) fn fields(of: &str) -> Vec<String> {
    let fields: Fields = from_str(of).unwrap_or_default();
    fields.into_keys().collect()
}

/// The first field of a JSON object that is wanted.
pub(crate) fn first_field(of: &str, wanted: impl Fn(&str) -> bool) -> Option<String> {
    fields(of).into_iter().find(|field| wanted(field))
}

/// Whether a JSON object has a field.
pub(crate) fn has_field(of: &str, field: &str) -> bool {
    first_field(of, |other| other == field).is_some()
}

/// Whether a JSON array has an object with this field's name.
pub(crate) fn is_told_of(array: &str, field: &str) -> bool {
    let told: Vec<Fields> = from_str(array).unwrap_or_default();
    let name = quoted(field);
    told.iter().any(|object| text_of(object, "field") == name)
}

/// Those fields of two JSON objects that are wanted, as one; the second one's go before.
pub(crate) fn united(one: &str, other: &str, wanted: impl Fn(&str) -> bool) -> String {
    let mut fields: Fields = from_str(one).unwrap_or_default();
    fields.extend(from_str::<Fields>(other).unwrap_or_default());
    fields.retain(|field, _| wanted(field));
    object(fields.iter().map(|(field, value)| (field, value.get())))
}

fn object<'a>(members: impl Iterator<Item = (&'a String, &'a str)>) -> String {
    let members = members.map(|(field, value)| format!("{}:{value}", quoted(field)));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

fn text_of<'a>(fields: &Fields<'a>, field: &str) -> &'a str {
    fields.get(field).map_or("null", |value| value.get())
}

/// A text as JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panic")]
mod tests {
    use super::{Plan, Sides, fields, first_field, has_field, subset};
    use crate::merge::Side;

    fn plan(delta: &str, base: &str, main: Option<&str>) -> Plan {
        let sides = Sides {
            delta,
            base,
            main,
            laid: delta,
        };
        Plan::new(sides, |field| field == "doc", Side::Version).unwrap()
    }

    #[test]
    fn plan_writes_what_changed_here_alone() {
        let main = r#"{"id": 1, "title": "a", "body": "x", "n": 5}"#;
        let base = r#"{"title": "a", "body": "x", "n": 4}"#;
        let plan = plan(r#"{"title": "b", "body": "x", "n": 5}"#, base, Some(main));
        assert_eq!(plan.object(), r#"{"title":"b"}"#);
        assert_eq!(plan.fields, ["body", "n", "title"]);
        assert_eq!(plan.conflicts(), "[]");
    }

    #[test]
    fn plan_tells_a_conflict_with_its_three_values() {
        let plan = plan(r#"{"t": "c"}"#, r#"{"t": "a"}"#, Some(r#"{"t": "b"}"#));
        assert_eq!(plan.object(), r#"{"t":"c"}"#);
        assert_eq!(
            plan.conflicts(),
            r#"[{"field":"t","base":"a","main":"b","version":"c"}]"#
        );
    }

    #[test]
    fn plan_of_a_draft_writes_all_of_it() {
        let plan = plan(r#"{"a\"b": 1.10, "c": null}"#, "{}", None);
        assert_eq!(plan.object(), r#"{"a\"b":1.10,"c":null}"#);
        assert_eq!(plan.fields, [r#"a"b"#, "c"]);
    }

    #[test]
    fn plan_of_a_part_leaves_out_the_rest_unread() {
        let deep = format!("{}1{}", "[".repeat(1000), "]".repeat(1000));
        let object = format!(r#"{{"a":1.10,"b":{deep},"c":"x"}}"#);
        assert_eq!(
            subset(&object, |field| field != "c"),
            object.replace(r#","c":"x""#, "")
        );
        assert_eq!(fields(&object), ["a", "b", "c"]);
        assert_eq!(
            first_field(&object, |field| field > "a").as_deref(),
            Some("b")
        );
        assert!(has_field(&object, "c") && !has_field(&object, "d"));
    }

    #[test]
    fn plan_merges_a_document_and_leaves_what_main_added() {
        let plan = plan(
            r#"{"doc": {"a": 2, "b": 1}}"#,
            r#"{"doc": {"a": 1, "b": 1}}"#,
            Some(r#"{"doc": {"a": 1, "b": 1, "c": 3}}"#),
        );
        assert_eq!(plan.object(), r#"{"doc":{"a":2,"b":1,"c":3}}"#);
    }

    #[test]
    fn plan_compares_values_in_one_form_and_writes_what_was_given() {
        let sides = Sides {
            delta: r#"{"day": "1 May 2026", "price": 9}"#,
            base: r#"{"day": "2026-05-01", "price": 8.00}"#,
            main: Some(r#"{"day": "2026-05-02", "price": 8.00}"#),
            laid: r#"{"day": "2026-05-01", "price": 9.00}"#,
        };
        let plan = Plan::new(sides, |_| false, Side::Main).unwrap();
        assert_eq!(plan.object(), r#"{"price":9}"#);
        assert_eq!(plan.conflicts(), "[]");
    }
}
