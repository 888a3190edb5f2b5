//! The last builds of a job: what went out, when, and why.

use super::{Action, Jenkins, MAX_NAME, path, text_of};
use crate::call::CallError;
use crate::jenkins::BuildResult;
use crate::{mask, output};
use jiff::Timestamp;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Jenkins itself lists no more builds than a hundred.
const MAX_PAST: usize = 100;
const TREE: &str = "inQueue,builds[number,building,inProgress,result,timestamp,duration,actions[parameters[name,value],causes[shortDescription]]]{0,100}";
const SECRET: [&str; 8] = ["passw", "secret", "token", "credential", "apikey", "api_key", "private", "pwd"];
/// Parameters of one build that are kept, and the longest value in characters.
const MAX_PARAMETERS: usize = 20;
const MAX_VALUE: usize = 100;

/// One build of the past, or one that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    pub number: u64,
    pub going: bool,
    pub result: Option<BuildResult>,
    pub at: Timestamp,
    /// How long it took; nothing while it goes on.
    pub took_ms: Option<u64>,
    /// Who or what has started it, in Jenkins' words.
    pub cause: Option<String>,
    /// Masked; those that Jenkins or their name calls secret are not among them.
    pub parameters: BTreeMap<String, String>,
}

/// The newest builds, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    pub builds: Vec<Past>,
    /// Something of this job waits in the queue.
    pub queued: bool,
    /// The list begins here, and Jenkins does not tell what was before. `None`: it tells of all builds.
    pub listed_since: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Wire {
    #[serde(rename = "inQueue")]
    in_queue: Option<bool>,
    /// A folder has none.
    builds: Option<Vec<Listed>>,
}

#[derive(Deserialize)]
struct Listed {
    number: u64,
    building: Option<bool>,
    #[serde(rename = "inProgress")]
    in_progress: Option<bool>,
    result: Option<String>,
    timestamp: i64,
    #[serde(default)]
    duration: u64,
    actions: Option<Vec<Option<Action>>>,
}

impl Jenkins {
    /// `given`: only builds that were started with these values; of a job that several services share.
    pub async fn history(&self, name: &str, given: &BTreeMap<String, String>) -> Result<History, CallError> {
        let wire: Wire = self.read(&path(name, &["api", "json"])?, TREE).await?;
        let Some(listed) = wire.builds else {
            return Err(CallError::rejected("this is no job that could be built, perhaps a folder; write its full name"));
        };
        let is_full = listed.len() >= MAX_PAST;
        let mut builds = Vec::new();
        let mut oldest: Option<Timestamp> = None;
        for one in listed.into_iter().take(MAX_PAST) {
            let past = one.past()?;
            oldest = Some(oldest.map_or(past.at, |oldest| oldest.min(past.at)));
            if one.was_given(given) {
                builds.push(past);
            }
        }
        builds.sort_by_key(|build| std::cmp::Reverse(build.number));
        // Of what waits the parameters are not told here.
        let queued = wire.in_queue == Some(true) && given.is_empty();
        Ok(History { builds, queued, listed_since: oldest.filter(|_| is_full) })
    }
}

/// `DEPLOY_TOKEN` says it as well as Jenkins' own kind of parameter, which not everybody uses.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET.iter().any(|word| name.contains(word))
}

impl Listed {
    fn parameters(&self) -> impl Iterator<Item = (&str, Option<String>)> {
        let actions = self.actions.iter().flatten().flatten();
        let given = actions.filter_map(|action| action.parameters.as_ref()).flatten();
        given.filter_map(|given| Some((given.name.as_deref()?, text_of(&given.value))))
    }

    fn was_given(&self, wanted: &BTreeMap<String, String>) -> bool {
        wanted.iter().all(|(name, value)| self.parameters().any(|(own, has)| own == name && has.as_deref() == Some(value)))
    }

    fn past(&self) -> Result<Past, CallError> {
        let at = Timestamp::from_millisecond(self.timestamp)
            .map_err(|_| CallError::misconfigured("Jenkins tells a time of a build that is none"))?;
        let going = self.in_progress.or(self.building).unwrap_or(false);
        let shown = self.parameters().filter(|(name, _)| !is_secret(name)).filter_map(|(name, value)| {
            let value = value.filter(|value| !value.is_empty())?;
            Some((output::line(name, MAX_NAME), output::line(&mask::field(name, &value), MAX_VALUE)))
        });
        let causes = self.actions.iter().flatten().flatten().filter_map(|action| action.causes.as_ref()).flatten();
        let cause = causes.filter_map(|cause| cause.text.as_deref()).map(|text| output::line(text, MAX_NAME)).next();
        Ok(Past {
            number: self.number,
            going,
            result: self.result.as_deref().map(BuildResult::of),
            at,
            took_ms: (!going).then_some(self.duration),
            cause: cause.filter(|text| !text.is_empty()),
            parameters: shown.take(MAX_PARAMETERS).collect(),
        })
    }
}
