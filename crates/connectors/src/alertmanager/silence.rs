//! Silences as the API writes and reads them.

use super::answer::time;
use super::{refuse, refuse_schema};
use crate::{Refusal, bounds, when};
use firedog_domain::matcher::{MatchOp, Matcher};
use firedog_domain::setup::Silence;
use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::json;

/// Most matchers of one silence.
const MAX_MATCHERS: usize = 64;
/// Longest author, in characters.
const MAX_AUTHOR: usize = 200;
/// Longest comment, in characters.
const MAX_COMMENT: usize = 4000;

/// A matcher's JSON form: `=` (false, true), `!=` (false, false), `=~` (true, true), `!~` (true, false).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JsonMatcher {
    pub name: String,
    pub value: String,
    pub is_regex: bool,
    #[serde(default = "equal")]
    pub is_equal: bool,
}

fn equal() -> bool {
    true
}

impl From<&Matcher> for JsonMatcher {
    fn from(matcher: &Matcher) -> Self {
        let (is_regex, is_equal) = match matcher.op {
            MatchOp::Equal => (false, true),
            MatchOp::NotEqual => (false, false),
            MatchOp::Regex => (true, true),
            MatchOp::NotRegex => (true, false),
        };
        Self { name: matcher.name.clone(), value: matcher.value.clone(), is_regex, is_equal }
    }
}

impl TryFrom<JsonMatcher> for Matcher {
    type Error = String;

    fn try_from(json: JsonMatcher) -> Result<Self, String> {
        let op = match (json.is_regex, json.is_equal) {
            (false, true) => MatchOp::Equal,
            (false, false) => MatchOp::NotEqual,
            (true, true) => MatchOp::Regex,
            (true, false) => MatchOp::NotRegex,
        };
        Self::new(json.name, op, json.value)
    }
}

/// A silence that somebody wants, checked on its own: times and matchers are sound.
#[derive(Clone, Debug, PartialEq)]
pub struct PostableSilence {
    /// Of the silence it changes; `None`: a new one.
    pub id: Option<String>,
    pub matchers: Vec<Matcher>,
    /// Never before the receipt.
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    pub created_by: String,
    pub comment: String,
    /// The start as it was sent, for comparing with the silence it changes.
    start_sent: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    #[serde(default)]
    id: Option<String>,
    matchers: Vec<JsonMatcher>,
    starts_at: String,
    ends_at: String,
    created_by: String,
    comment: String,
}

/// Reads the body of `POST /silences`.
///
/// # Errors
/// 400 in the schema's shape: a field missing or of the wrong type. 400 as a JSON string: end not
/// after start or in the past, no matcher, a bad one, or only such as match a missing label.
pub fn parse_silence(body: &[u8], now: Timestamp) -> Result<PostableSilence, Refusal> {
    let wrong = |error: serde_json::Error| refuse_schema(400, format!("parsing silence body failed, because {error}"));
    let body: Body = serde_json::from_slice(body).map_err(wrong)?;
    let at = |field: &str, text: &str| {
        when::parse(text).ok_or_else(|| refuse_schema(400, format!("silence.{field} in body must be of type date-time")))
    };
    let (start_sent, ends_at) = (at("startsAt", &body.starts_at)?, at("endsAt", &body.ends_at)?);
    if ends_at <= start_sent {
        return Err(refuse(400, "Failed to create silence: start time must be before end time"));
    }
    if ends_at < now {
        return Err(refuse(400, "Failed to create silence: end time can't be in the past"));
    }
    if body.matchers.is_empty() || body.matchers.len() > MAX_MATCHERS {
        return Err(refuse(400, format!("silence invalid: 1 to {MAX_MATCHERS} matchers required")));
    }
    let matchers = body.matchers.into_iter().map(Matcher::try_from).collect::<Result<Vec<_>, _>>();
    let matchers = matchers.map_err(|error| refuse(400, format!("silence invalid: invalid label matcher: {error}")))?;
    if matchers.iter().all(Matcher::matches_empty) {
        return Err(refuse(400, "silence invalid: at least one matcher must not match the empty string"));
    }
    Ok(PostableSilence {
        id: body.id.filter(|id| !id.is_empty()),
        matchers,
        starts_at: start_sent.max(now),
        ends_at,
        created_by: bounds::cut(&bounds::one_line(&body.created_by), MAX_AUTHOR),
        comment: bounds::cut(&crate::mask::text(&body.comment).replace('\0', " "), MAX_COMMENT),
        start_sent,
    })
}

/// What posting a silence that names an existing one comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// The old one is changed and keeps its id (and, if active, its start).
    InPlace,
    /// The old one is expired (a no-op if it is already); the new one gets a new id.
    Replaced,
}

impl PostableSilence {
    /// In place when the matchers are the same and either it is active and begins in the same second, or it
    /// is pending and still begins in the future. An expired one is never revived.
    pub fn update_of(&self, old: &Silence, now: Timestamp) -> Written {
        let same = old.matchers == self.matchers
            && match SilencePhase::at(old, now) {
                SilencePhase::Active => old.from.as_second() == self.start_sent.as_second() && self.ends_at >= now,
                SilencePhase::Pending => self.start_sent >= now,
                SilencePhase::Expired => false,
            };
        if same { Written::InPlace } else { Written::Replaced }
    }

    /// The answer: 200 with this body.
    pub fn success(id: &str) -> serde_json::Value {
        json!({ "silenceID": id })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SilencePhase {
    Active,
    Pending,
    Expired,
}

impl SilencePhase {
    pub fn at(silence: &Silence, now: Timestamp) -> Self {
        if now < silence.from {
            Self::Pending
        } else if now < silence.until {
            Self::Active
        } else {
            Self::Expired
        }
    }
}

/// A silence as it is read. `annotations` is `{}`, never null.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GettableSilence {
    pub id: String,
    status: Phase,
    #[serde(serialize_with = "time")]
    pub updated_at: Timestamp,
    pub comment: String,
    pub created_by: String,
    #[serde(serialize_with = "time")]
    pub ends_at: Timestamp,
    #[serde(serialize_with = "time")]
    pub starts_at: Timestamp,
    #[serde(serialize_with = "as_json")]
    pub matchers: Vec<Matcher>,
    annotations: serde_json::Map<String, serde_json::Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct Phase {
    state: SilencePhase,
}

fn as_json<S: Serializer>(matchers: &[Matcher], s: S) -> Result<S::Ok, S::Error> {
    s.collect_seq(matchers.iter().map(JsonMatcher::from))
}

impl GettableSilence {
    pub fn new(silence: &Silence, updated_at: Timestamp, now: Timestamp) -> Self {
        Self {
            id: silence.id.0.clone(),
            status: Phase { state: SilencePhase::at(silence, now) },
            updated_at,
            comment: silence.why.clone(),
            created_by: silence.created_by.clone(),
            ends_at: silence.until,
            starts_at: silence.from,
            matchers: silence.matchers.clone(),
            annotations: serde_json::Map::new(),
        }
    }

    pub fn phase(&self) -> SilencePhase {
        self.status.state
    }
}
