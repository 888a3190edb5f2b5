//! What the fields of the logs are called there, and which of them there are.

use crate::call::CallError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Longest name of a field.
const MAX_NAME: usize = 256;

/// Names of fields. Those that are searched and grouped by are keywords: with a `text` field, name its `.keyword`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fields {
    pub time: String,
    pub institution: Option<String>,
    pub service: Option<String>,
    /// What was done: the kind of interaction.
    pub kind: Option<String>,
    pub outcome: Option<String>,
    pub error_type: Option<String>,
    pub error_message: Option<String>,
    pub stack: Option<String>,
    pub request_id: Option<String>,
}

/// What a field is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Time,
    Institution,
    Service,
    Kind,
    Outcome,
    ErrorType,
    ErrorMessage,
    Stack,
    RequestId,
}

impl Role {
    const ALL: [Self; 9] = [
        Self::Time,
        Self::Institution,
        Self::Service,
        Self::Kind,
        Self::Outcome,
        Self::ErrorType,
        Self::ErrorMessage,
        Self::Stack,
        Self::RequestId,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Institution => "institution",
            Self::Service => "service",
            Self::Kind => "kind",
            Self::Outcome => "outcome",
            Self::ErrorType => "error_type",
            Self::ErrorMessage => "error_message",
            Self::Stack => "stack",
            Self::RequestId => "request_id",
        }
    }
}

impl Fields {
    /// With only a time.
    pub fn of_time(time: &str) -> Self {
        Self {
            time: time.to_owned(),
            institution: None,
            service: None,
            kind: None,
            outcome: None,
            error_type: None,
            error_message: None,
            stack: None,
            request_id: None,
        }
    }

    pub(super) fn get(&self, role: Role) -> Option<&str> {
        match role {
            Role::Time => Some(&self.time),
            Role::Institution => self.institution.as_deref(),
            Role::Service => self.service.as_deref(),
            Role::Kind => self.kind.as_deref(),
            Role::Outcome => self.outcome.as_deref(),
            Role::ErrorType => self.error_type.as_deref(),
            Role::ErrorMessage => self.error_message.as_deref(),
            Role::Stack => self.stack.as_deref(),
            Role::RequestId => self.request_id.as_deref(),
        }
    }

    pub(super) fn require(&self, role: Role) -> Result<&str, CallError> {
        self.get(role)
            .ok_or_else(|| CallError::misconfigured(format!("the connection does not say which field is the {}", role.as_str())))
    }

    pub(super) fn names(&self) -> impl Iterator<Item = (Role, &str)> {
        Role::ALL.into_iter().filter_map(|role| Some((role, self.get(role)?)))
    }

    /// Names go into queries, links and lists with commas.
    pub(super) fn check(&self) -> Result<(), CallError> {
        let plain = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || "._-@".contains(c));
        match self.names().find(|(_, name)| name.is_empty() || name.len() > MAX_NAME || !plain(name)) {
            Some((role, _)) => {
                Err(CallError::misconfigured(format!("the name of the field for {} cannot be one", role.as_str())))
            }
            None => Ok(()),
        }
    }
}

/// The answer of `_field_caps` with `include_unmapped`: by field and type. A type `unmapped` lists the indices without the field.
#[derive(Deserialize)]
pub(super) struct Caps {
    #[serde(default)]
    pub(super) indices: Vec<String>,
    fields: BTreeMap<String, BTreeMap<String, Cap>>,
}

#[derive(Deserialize)]
struct Cap {
    #[serde(default)]
    aggregatable: bool,
    /// Left out where every index has the field in this one type.
    #[serde(default)]
    indices: Option<Vec<String>>,
}

const UNMAPPED: &str = "unmapped";

impl Caps {
    fn types(&self, name: &str) -> impl Iterator<Item = (&String, &Cap)> {
        self.fields.get(name).into_iter().flatten().filter(|(kind, _)| *kind != UNMAPPED)
    }

    pub(super) fn require(&self, fields: &Fields, role: Role, grouped: bool) -> Result<(), CallError> {
        let name = fields.require(role)?;
        if self.types(name).next().is_none() {
            let words = format!("field `{name}` ({}) is in no index: has it been renamed?", role.as_str());
            return Err(CallError::misconfigured(words));
        }
        match self.types(name).find(|(_, cap)| grouped && !cap.aggregatable) {
            Some((kind, _)) => Err(CallError::misconfigured(format!(
                "field `{name}` is `{kind}` and cannot be grouped by; is there `{name}.keyword`?"
            ))),
            None => Ok(()),
        }
    }

    /// Some indices have the field and some do not: perhaps the newest one has it under another name.
    pub(super) fn gap(&self, fields: &Fields, role: Role) -> Option<String> {
        let name = fields.get(role)?;
        let without = self.fields.get(name)?.get(UNMAPPED)?.indices.as_ref()?;
        let (count, of) = (without.len(), self.indices.len());
        let last = crate::bounds::cut(without.iter().max()?, 100);
        Some(format!("field `{name}` is missing in {count} of {of} indices, such as `{last}`"))
    }

    /// Of all configured fields, what somebody should know.
    pub(super) fn notes(&self, fields: &Fields) -> Vec<String> {
        let grouped = [Role::Institution, Role::Service, Role::Kind, Role::Outcome, Role::ErrorType];
        fields
            .names()
            .filter_map(|(role, _)| match self.require(fields, role, grouped.contains(&role)) {
                Err(error) => Some(error.reason().to_owned()),
                Ok(()) => self.gap(fields, role),
            })
            .collect()
    }
}
