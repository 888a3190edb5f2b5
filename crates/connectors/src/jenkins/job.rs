//! What a job takes. A parameter that it does not declare is dropped there in silence, and a restart would hit the default.

use super::{Jenkins, MAX_NAME, path, text_of};
use crate::call::CallError;
use crate::output;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

const TREE: &str = "buildable,nextBuildNumber,property[parameterDefinitions[name,type,choices,defaultParameterValue[value]]]";
/// Most parameters of a job; nobody fills in more.
const MAX_PARAMETERS: usize = 200;
/// Names and choices that a refusal repeats.
const MAX_TOLD: usize = 12;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Neither disabled nor on hold.
    pub buildable: bool,
    /// A pipeline declares them only after its first run.
    pub parameters: Vec<Parameter>,
    pub next_build: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    pub name: String,
    pub kind: ParameterKind,
    /// What it is if nothing is sent; of a secret it is not told.
    pub default: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    Text,
    Bool,
    Choice(Vec<String>),
    Secret,
    /// Of a plugin, or a file: what it takes is not known.
    Other,
}

#[derive(Deserialize)]
struct Wire {
    /// A folder has none.
    buildable: Option<bool>,
    #[serde(rename = "nextBuildNumber")]
    next_build: Option<u64>,
    property: Option<Vec<Option<Property>>>,
}

#[derive(Deserialize)]
struct Property {
    #[serde(rename = "parameterDefinitions")]
    definitions: Option<Vec<Definition>>,
}

#[derive(Deserialize)]
struct Definition {
    name: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    choices: Option<Vec<String>>,
    #[serde(rename = "defaultParameterValue")]
    default: Option<DefaultValue>,
}

#[derive(Deserialize)]
struct DefaultValue {
    #[serde(default)]
    value: Value,
}

impl Jenkins {
    /// `name`: with its folders, `ops/restart-service`.
    pub async fn job(&self, name: &str) -> Result<Job, CallError> {
        let wire: Wire = self.read(&path(name, &["api", "json"])?, TREE).await?;
        let (Some(buildable), Some(next_build)) = (wire.buildable, wire.next_build) else {
            return Err(CallError::rejected("this is no job that could be built, perhaps a folder; write its full name"));
        };
        let properties = wire.property.into_iter().flatten().flatten();
        let definitions: Vec<Definition> = properties.filter_map(|property| property.definitions).flatten().collect();
        if definitions.len() > MAX_PARAMETERS {
            return Err(CallError::rejected(format!("the job declares more than {MAX_PARAMETERS} parameters")));
        }
        Ok(Job { buildable, next_build, parameters: definitions.into_iter().map(Parameter::from).collect() })
    }
}

impl From<Definition> for Parameter {
    fn from(definition: Definition) -> Self {
        let Definition { name, kind, choices, default } = definition;
        let kind = match (kind.as_deref(), choices) {
            (Some("StringParameterDefinition" | "TextParameterDefinition"), _) => ParameterKind::Text,
            (Some("BooleanParameterDefinition"), _) => ParameterKind::Bool,
            (Some("ChoiceParameterDefinition"), Some(choices)) => ParameterKind::Choice(choices),
            (Some("PasswordParameterDefinition"), _) => ParameterKind::Secret,
            _ => ParameterKind::Other,
        };
        let default = default.filter(|_| kind != ParameterKind::Secret).and_then(|default| text_of(&default.value));
        Self { name, kind, default }
    }
}

impl Job {
    /// Every name declared, choices and booleans valid.
    ///
    /// # Errors
    /// In words, what to write instead.
    pub fn fits(&self, parameters: &BTreeMap<String, String>) -> Result<(), String> {
        parameters.iter().try_for_each(|(name, value)| {
            let shown = output::line(name, MAX_NAME);
            let Some(parameter) = self.parameters.iter().find(|parameter| parameter.name == *name) else {
                let names: Vec<&str> = self.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
                return Err(match names[..] {
                    [] => format!("the job declares no parameters, so `{shown}` would be dropped (a pipeline declares its own in its first run)"),
                    _ => format!("the job declares no parameter `{shown}`; it has {}", told(&names)),
                });
            };
            match &parameter.kind {
                // Anything else would be false there, `yes` and `1` too.
                ParameterKind::Bool if !matches!(value.as_str(), "true" | "false") => {
                    Err(format!("`{shown}` is `true` or `false`"))
                }
                ParameterKind::Choice(choices) if !choices.contains(value) => {
                    let choices: Vec<&str> = choices.iter().map(String::as_str).collect();
                    Err(format!("`{shown}` is one of {}", told(&choices)))
                }
                _ => Ok(()),
            }
        })
    }

    pub fn declares(&self, name: &str) -> bool {
        self.parameters.iter().any(|parameter| parameter.name == name)
    }
}

fn told(names: &[&str]) -> String {
    let mut told: Vec<String> = names.iter().take(MAX_TOLD).map(|name| format!("`{}`", output::line(name, MAX_NAME))).collect();
    if names.len() > MAX_TOLD {
        told.push(format!("{} more", names.len() - MAX_TOLD));
    }
    told.join(", ")
}
