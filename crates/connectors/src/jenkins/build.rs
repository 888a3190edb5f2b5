//! One build.

use super::{Jenkins, MAX_PAGE, allowed, path};
use crate::call::CallError;
use serde::Deserialize;
use serde::de::IgnoredAny;

const TREE: &str = "building,inProgress,result";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    pub going: bool,
    /// May be known before the build has ended.
    pub result: Option<BuildResult>,
    /// A pipeline that asks somebody something goes on only when they answer.
    pub waits_for_input: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuildResult {
    Success,
    Unstable,
    Failure,
    NotBuilt,
    Aborted,
    /// Of a newer Jenkins.
    Other,
}

#[derive(Deserialize)]
struct Wire {
    building: Option<bool>,
    /// Newer, and true until what comes after the build is done as well.
    #[serde(rename = "inProgress")]
    in_progress: Option<bool>,
    result: Option<String>,
}

impl Jenkins {
    /// # Errors
    /// `Missing`: there is none of this number, or no longer.
    pub async fn look(&self, name: &str, number: u64) -> Result<Build, CallError> {
        let wire: Wire = self.read(&path(name, &[&number.to_string(), "api", "json"])?, TREE).await?;
        let Some(going) = wire.in_progress.or(wire.building) else {
            return Err(CallError::misconfigured("Jenkins does not say whether the build has ended"));
        };
        let result = wire.result.as_deref().map(BuildResult::of);
        let waits_for_input = going && self.waits_for_input(name, number).await?;
        Ok(Build { going, result, waits_for_input })
    }

    /// Told by a plugin that need not be there: whatever is wrong with its answer, the build itself is known.
    async fn waits_for_input(&self, name: &str, number: u64) -> Result<bool, CallError> {
        let number = number.to_string();
        let call = self.site.get(&path(name, &[&number, "wfapi", "pendingInputActions"])?);
        let answer = call.takes(&[403, 404, 500]).max_body(MAX_PAGE).send().await;
        let pending = answer.ok().filter(|answer| answer.status.is_success()).and_then(|a| a.json::<Vec<IgnoredAny>>().ok());
        Ok(pending.is_some_and(|pending| !pending.is_empty()))
    }

    /// Asks it to stop; [`look`](Self::look) tells when it has. Stopping one that has ended changes nothing.
    pub async fn stop(&self, name: &str, number: u64) -> Result<(), CallError> {
        let call = self.post(&path(name, &[&number.to_string(), "stop"])?, &[]);
        allowed(call.takes(&[200, 302, 303, 403]).start_of(MAX_PAGE).send().await?).map(drop)
    }
}

impl BuildResult {
    /// As Jenkins writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Unstable => "UNSTABLE",
            Self::Failure => "FAILURE",
            Self::NotBuilt => "NOT_BUILT",
            Self::Aborted => "ABORTED",
            Self::Other => "another result",
        }
    }

    pub(super) fn of(text: &str) -> Self {
        match text {
            "SUCCESS" => Self::Success,
            "UNSTABLE" => Self::Unstable,
            "FAILURE" => Self::Failure,
            "NOT_BUILT" => Self::NotBuilt,
            "ABORTED" => Self::Aborted,
            _ => Self::Other,
        }
    }
}
