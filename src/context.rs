//! Who acts, as `PostgREST` and Supabase tell it where the application did not say it in our own settings.

use serde_json::Value;

/// What the claims and headers of a request say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) actor: Option<String>,
    pub(crate) ip: Option<String>,
    pub(crate) user_agent: Option<String>,
    pub(crate) origin: Option<String>,
}

impl Request {
    /// Reads `request.jwt.claims` and `request.headers`. What is not JSON, or not as expected, says nothing.
    pub(crate) fn read(claims: &[u8], headers: &[u8]) -> Self {
        let claims = object(claims);
        let headers = object(headers);
        Self {
            actor: member(&claims, "sub"),
            ip: member(&headers, "x-forwarded-for").and_then(|hops| first_hop(&hops)),
            user_agent: member(&headers, "user-agent"),
            origin: member(&headers, "origin"),
        }
    }
}

fn object(text: &[u8]) -> Value {
    if text.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(text).unwrap_or(Value::Null)
    }
}

/// A member as text. Names of headers are compared without regard to case (RFC 9110, 5.1).
fn member(object: &Value, name: &str) -> Option<String> {
    let (_, value) = object
        .as_object()?
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    // PostgreSQL's text cannot hold a zero byte.
    (!text.is_empty() && !text.contains('\0')).then_some(text)
}

/// The client's address: the first of the hops.
fn first_hop(hops: &str) -> Option<String> {
    hops.split(',')
        .map(str::trim)
        .find(|hop| !hop.is_empty())
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::Request;

    #[test]
    fn request_of_postgrest() {
        let request = Request::read(
            br#"{"sub": "ada", "role": "web"}"#,
            br#"{"X-Forwarded-For": " 10.0.0.1 , 10.0.0.2", "user-agent": "curl", "origin": "https://a"}"#,
        );
        assert_eq!(request.actor.as_deref(), Some("ada"));
        assert_eq!(request.ip.as_deref(), Some("10.0.0.1"));
        assert_eq!(request.user_agent.as_deref(), Some("curl"));
        assert_eq!(request.origin.as_deref(), Some("https://a"));
    }

    #[test]
    fn request_that_says_nothing() {
        for text in [
            "",
            "{",
            "[]",
            "null",
            r#"{"sub": {"a": 1}}"#,
            r#"{"sub": "a\u0000b"}"#,
            r#"{"sub": ""}"#,
        ] {
            assert_eq!(
                Request::read(text.as_bytes(), text.as_bytes()),
                Request::default(),
                "{text}"
            );
        }
    }

    #[test]
    fn request_with_a_number_as_subject() {
        assert_eq!(
            Request::read(br#"{"sub": 42}"#, b"").actor.as_deref(),
            Some("42")
        );
    }
}
