//! Which entries are asked for, as a query and as the words of Kibana's search bar.

use super::{Fields, Role};
use crate::call::CallError;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// The longest time that is searched at once: a month.
pub const MAX_RANGE: SignedDuration = SignedDuration::from_hours(31 * 24);
/// Most values of one field, and the longest of them.
const MAX_VALUES: usize = 100;
const MAX_VALUE: usize = 512;

/// Entries from `from` (inclusive) to `to` (exclusive). An empty list asks for every value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    from: Timestamp,
    to: Timestamp,
    by: Vec<(Role, Vec<String>)>,
}

impl Scope {
    /// # Errors
    /// `Rejected`: no time at all, or more than [`MAX_RANGE`].
    pub fn new(from: Timestamp, to: Timestamp) -> Result<Self, CallError> {
        if to <= from {
            return Err(CallError::rejected("the time range ends before it begins"));
        }
        if to.duration_since(from) > MAX_RANGE {
            return Err(CallError::rejected("the time range is longer than 31 days"));
        }
        Ok(Self { from, to, by: Vec::new() })
    }

    /// Only entries with one of `values` there. Without a value nothing changes.
    ///
    /// # Errors
    /// `Rejected`: too many values, or one that is too long.
    pub fn only(mut self, role: Role, values: impl IntoIterator<Item = impl Into<String>>) -> Result<Self, CallError> {
        let values: Vec<String> = values.into_iter().map(Into::into).take(MAX_VALUES + 1).collect();
        if values.len() > MAX_VALUES || values.iter().any(|value| value.len() > MAX_VALUE) {
            return Err(CallError::rejected(format!("too many or too long values for {}", role.as_str())));
        }
        if !values.is_empty() {
            self.by.push((role, values));
        }
        Ok(self)
    }

    pub fn from(&self) -> Timestamp {
        self.from
    }

    pub fn to(&self) -> Timestamp {
        self.to
    }

    /// The fields that are asked by, the time first.
    pub(super) fn roles(&self) -> Vec<Role> {
        std::iter::once(Role::Time).chain(self.by.iter().map(|(role, _)| *role)).collect()
    }

    /// The same, but from another time on.
    pub(super) fn starting(&self, from: Timestamp) -> Self {
        Self { from, ..self.clone() }
    }

    pub(super) fn query(&self, fields: &Fields) -> Result<Value, CallError> {
        // In milliseconds whatever format the mapping has, and absolute, so that query, evidence and link agree.
        let (from, to) = (self.from.as_millisecond(), self.to.as_millisecond());
        let mut filter = vec![json!({ "range": { fields.time.as_str(): { "gte": from, "lt": to, "format": "epoch_millis" } } })];
        for (role, values) in &self.by {
            filter.push(json!({ "terms": { fields.require(*role)?: values } }));
        }
        Ok(json!({ "bool": { "filter": filter } }))
    }

    /// In KQL.
    pub(super) fn kql(&self, fields: &Fields) -> Result<String, CallError> {
        let part = |(role, values): &(Role, Vec<String>)| {
            let field = fields.require(*role)?;
            let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
            Ok(match &*values {
                [one] => format!("{field} : {one}"),
                many => format!("{field} : ({})", many.join(" or ")),
            })
        };
        Ok(self.by.iter().map(part).collect::<Result<Vec<_>, CallError>>()?.join(" and "))
    }
}

/// Between quotes everything is literal but these.
fn quoted(value: &str) -> String {
    let mut text = String::from("\"");
    for c in value.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            c => text.push(c),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(minutes: i64) -> Result<Scope, CallError> {
        let from: Timestamp = "2026-01-02T03:00:00Z".parse().unwrap();
        Scope::new(from, from + SignedDuration::from_mins(minutes))
    }

    #[test]
    fn ranges_are_bounded() {
        assert!(range(30).is_ok() && range(31 * 24 * 60).is_ok());
        for minutes in [0, -5, 31 * 24 * 60 + 1] {
            assert_eq!(range(minutes).unwrap_err().as_str(), "rejected", "{minutes}");
        }
        let many = (0..101).map(|n| n.to_string());
        assert!(range(1).unwrap().only(Role::Service, many).is_err());
        assert!(range(1).unwrap().only(Role::Service, ["x".repeat(513)]).is_err());
    }

    #[test]
    fn values_of_strangers_stay_values() {
        let fields =
            Fields { institution: Some("institution.id".to_owned()), service: Some("s".to_owned()), ..Fields::of_time("t") };
        let scope =
            range(1).unwrap().only(Role::Institution, ["a\" or *:*\\"]).unwrap().only(Role::Service, ["x", "y\nz"]).unwrap();
        assert_eq!(scope.kql(&fields).unwrap(), r#"institution.id : "a\" or *:*\\" and s : ("x" or "y\nz")"#);
        let query = scope.query(&fields).unwrap();
        assert_eq!(query["bool"]["filter"][1], json!({ "terms": { "institution.id": ["a\" or *:*\\"] } }));
        assert_eq!(
            query["bool"]["filter"][0]["range"]["t"],
            json!({ "gte": 1_767_322_800_000_i64, "lt": 1_767_322_860_000_i64, "format": "epoch_millis" })
        );
    }

    #[test]
    fn a_field_that_is_not_configured_is_never_ignored() {
        let scope = range(1).unwrap().only(Role::Kind, ["x"]).unwrap();
        assert_eq!(scope.query(&Fields::of_time("t")).unwrap_err().as_str(), "misconfigured");
        assert_eq!(scope.kql(&Fields::of_time("t")).unwrap_err().as_str(), "misconfigured");
    }
}
