//! Into the queue, through it, and out of it again.

use super::{Jenkins, MAX_PAGE, allowed, contains, forbidden, is_jenkins, path};
use crate::call::{Answer, CallError};
use crate::output;
use reqwest::StatusCode;
use serde::Deserialize;
use std::collections::BTreeMap;

const TREE: &str = "stuck,why,cancelled,executable[number]";
/// Most parameters of one build, and all their bytes.
const MAX_PARAMETERS: usize = 200;
const MAX_FORM: usize = 64 << 10;
/// Longest reason to wait, in characters.
const MAX_WHY: usize = 300;

/// Where an item of the queue is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Queued {
    /// `stuck`: for longer than Jenkins thinks right.
    Waiting {
        why: String,
        stuck: bool,
    },
    Began {
        build: u64,
    },
    Cancelled,
    /// Forgotten, some minutes after it left or with a restart of Jenkins: [`Jenkins::build_of`] says what came of it.
    Gone,
}

#[derive(Deserialize)]
struct Item {
    stuck: Option<bool>,
    why: Option<String>,
    /// Only of items that have left.
    cancelled: Option<bool>,
    executable: Option<Executable>,
}

#[derive(Deserialize)]
struct Executable {
    number: u64,
}

impl Jenkins {
    /// Queues a build, without a quiet period; gives its item in the queue. An item that waits with the very same parameters is
    /// joined instead, which a parameter of the caller's own prevents.
    ///
    /// # Errors
    /// `Unknown`: it may have been queued; go on with [`find`](Self::find). `Retry`: it was not.
    pub async fn build(&self, name: &str, parameters: &BTreeMap<String, String>) -> Result<u64, CallError> {
        let bytes: usize = parameters.iter().map(|(name, value)| name.len() + value.len()).sum();
        if parameters.len() > MAX_PARAMETERS || bytes > MAX_FORM {
            return Err(CallError::rejected("these are too many or too long parameters"));
        }
        if parameters.contains_key("delay") {
            return Err(CallError::rejected("a parameter `delay` cannot be sent: Jenkins takes it for the time to wait"));
        }
        let answer = self.ask(name, "buildWithParameters", parameters).await?;
        let bare = parameters.is_empty() && is_not_parameterized(&answer);
        // Nothing was queued by the first.
        let answer = if bare { self.ask(name, "build", parameters).await? } else { answer };
        self.item(name, &answer)
    }

    async fn ask(&self, name: &str, how: &str, parameters: &BTreeMap<String, String>) -> Result<Answer, CallError> {
        let form: Vec<(&str, &str)> = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        // A number without a unit would be milliseconds.
        let call = self.post(&path(name, &[how])?, &form).query("delay", "0sec");
        call.takes(&[302, 303, 400, 403, 409, 500]).start_of(MAX_PAGE).send().await
    }

    /// The item that an answer names; else what it says instead.
    fn item(&self, name: &str, answer: &Answer) -> Result<u64, CallError> {
        let location = answer.header("location").unwrap_or_default();
        match answer.status {
            StatusCode::CREATED | StatusCode::SEE_OTHER => {
                item_of(location).ok_or_else(|| answer.not_understood("Jenkins does not say which item of its queue it is"))
            }
            StatusCode::FOUND if self.is_page_of(name, location) => {
                Err(CallError::retry("Jenkins refused to queue it; perhaps it is shutting down"))
            }
            StatusCode::FOUND => {
                Err(CallError::misconfigured("HTTP 302 to elsewhere, perhaps to sign in at; is the address right?"))
            }
            StatusCode::FORBIDDEN => Err(forbidden(answer)),
            StatusCode::CONFLICT => Err(CallError::conflict("the job is disabled or on hold: Jenkins does not build it")),
            _ if is_not_parameterized(answer) => Err(CallError::rejected("the job takes no parameters")),
            StatusCode::BAD_REQUEST => Err(CallError::rejected("HTTP 400: Jenkins does not take these parameters")),
            // Thrown before anything is queued; the text is Jenkins' own, and has no value in it that we repeat.
            StatusCode::INTERNAL_SERVER_ERROR if contains(answer, "illegal choice for parameter") => {
                Err(CallError::rejected("a parameter has a value that is none of its choices"))
            }
            StatusCode::INTERNAL_SERVER_ERROR if contains(answer, "illegal number of parameter values") => {
                Err(CallError::rejected("a parameter was sent twice"))
            }
            status => Err(answer.not_understood(&format!("HTTP {status}: Jenkins does not say whether it queued the build"))),
        }
    }

    /// The job's own page, at whichever host: where Jenkins leads when it has queued nothing.
    fn is_page_of(&self, name: &str, location: &str) -> bool {
        let own = || {
            let asked = self.site.url(&path(name, &["build"]).ok()?).ok()?;
            let page = self.site.url(&path(name, &[""]).ok()?).ok()?;
            let base = self.site.url(&[]).ok()?;
            let led = asked.join(location).ok()?;
            let below = page.path().trim_end_matches('/').strip_prefix(base.path().trim_end_matches('/'))?;
            Some(!location.is_empty() && led.path().trim_end_matches('/').ends_with(below))
        };
        own().unwrap_or(false)
    }

    /// Where an item is now.
    pub async fn queued(&self, item: u64) -> Result<Queued, CallError> {
        let id = item.to_string();
        let call = self.site.get(&["queue", "item", &id, "api", "json"]).query("tree", TREE).takes(&[403, 404]);
        let answer = is_jenkins(allowed(call.send().await?)?)?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(Queued::Gone);
        }
        let item: Item = answer.json()?;
        Ok(match item.executable {
            Some(Executable { number }) => Queued::Began { build: number },
            None if item.cancelled == Some(true) => Queued::Cancelled,
            // One that has left and is neither is about to begin.
            None => {
                let why = item.why.map(|why| output::line(&why, MAX_WHY)).filter(|why| !why.is_empty());
                Queued::Waiting { why: why.unwrap_or_else(|| "it is about to begin".to_owned()), stuck: item.stuck == Some(true) }
            }
        })
    }

    /// Takes it out of the queue. Look at [`queued`](Self::queued) again afterwards: it may have begun meanwhile.
    ///
    /// # Errors
    /// `Conflict`: it cannot be cancelled.
    pub async fn cancel(&self, item: u64) -> Result<(), CallError> {
        let call = self.post(&["queue", "cancelItem"], &[]).query("id", &item.to_string());
        // Older ones answer 302 or 404 even when they have done it.
        let answer = allowed(call.takes(&[200, 302, 303, 403, 404, 422]).start_of(MAX_PAGE).send().await?)?;
        if answer.status == StatusCode::UNPROCESSABLE_ENTITY {
            return Err(CallError::conflict("Jenkins says that this item cannot be cancelled"));
        }
        Ok(())
    }
}

fn is_not_parameterized(answer: &Answer) -> bool {
    // Until 2025 it was an error of the server's.
    let refused = matches!(answer.status, StatusCode::BAD_REQUEST | StatusCode::INTERNAL_SERVER_ERROR);
    refused && contains(answer, "is not parameterized")
}

/// Of `…/queue/item/123/` the number; the host before it may be any.
fn item_of(location: &str) -> Option<u64> {
    let (_, tail) = location.rsplit_once("/queue/item/")?;
    let number = tail.strip_suffix('/').unwrap_or(tail);
    // `parse` would take a sign.
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    number.parse().ok()
}
