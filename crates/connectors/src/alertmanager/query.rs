//! The parameters of `GET /alerts`, `/alerts/groups` and `/silences`, and what they keep.

use super::text::Labels;
use super::{AlertState, GettableAlert, GettableSilence, SilencePhase, refuse, refuse_schema};
use crate::Refusal;
use firedog_domain::matcher::{MatchOp, Matcher};
use jiff::Timestamp;
use std::cmp::Reverse;

/// Most matchers in one query; amtool users type a handful.
const MAX_FILTERS: usize = 64;

/// Each flag, when false, leaves its class out.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertQuery {
    pub active: bool,
    pub silenced: bool,
    pub inhibited: bool,
    pub unprocessed: bool,
    /// Only of `/alerts/groups`.
    pub muted: bool,
    pub filter: Vec<Matcher>,
    /// Anchored regular expression over the receivers' names.
    pub receiver: Option<Matcher>,
}

impl AlertQuery {
    /// Reads the raw query string. Unknown parameters are ignored.
    ///
    /// # Errors
    /// 400: a bad matcher or receiver; 422: a flag that is no bool.
    pub fn parse(query: &str) -> Result<Self, Refusal> {
        let mut read = Self {
            active: true,
            silenced: true,
            inhibited: true,
            unprocessed: true,
            muted: true,
            filter: Vec::new(),
            receiver: None,
        };
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                "active" => read.active = flag(&name, &value)?,
                "silenced" => read.silenced = flag(&name, &value)?,
                "inhibited" => read.inhibited = flag(&name, &value)?,
                "unprocessed" => read.unprocessed = flag(&name, &value)?,
                "muted" => read.muted = flag(&name, &value)?,
                "filter" => push_filter(&mut read.filter, &value)?,
                "receiver" if !value.is_empty() => {
                    let matcher = Matcher::new("receiver", MatchOp::Regex, value.as_ref());
                    read.receiver =
                        Some(matcher.map_err(|error| refuse(400, format!("failed to parse receiver param: {error}")))?);
                }
                _ => {}
            }
        }
        Ok(read)
    }

    pub fn keeps(&self, alert: &GettableAlert) -> bool {
        let status = &alert.status;
        let of_class = (self.active || status.state != AlertState::Active)
            && (self.unprocessed || status.state != AlertState::Unprocessed)
            && (self.silenced || status.silenced_by.is_empty())
            && (self.inhibited || status.inhibited_by.is_empty())
            && (self.muted || status.muted_by.is_empty());
        let of_receiver = |receiver: &Matcher| {
            alert.receivers.iter().any(|r| receiver.matches(&Labels::from([("receiver".to_owned(), r.name.clone())])))
        };
        of_class
            && self.receiver.as_ref().is_none_or(of_receiver)
            && self.filter.iter().all(|matcher| matcher.matches(&alert.labels))
    }

    /// What is answered: what it keeps, without what is over, by fingerprint.
    pub fn select(&self, mut alerts: Vec<GettableAlert>, now: Timestamp) -> Vec<GettableAlert> {
        alerts.retain(|alert| alert.ends_at >= now && self.keeps(alert));
        alerts.sort_by(|a, b| a.fingerprint.cmp(&b.fingerprint));
        alerts
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct SilenceQuery {
    pub active: bool,
    pub pending: bool,
    pub expired: bool,
    pub filter: Vec<Matcher>,
}

impl SilenceQuery {
    /// Reads the raw query string. Unknown parameters are ignored.
    ///
    /// # Errors
    /// 400: a bad matcher; 422: a flag that is no bool.
    pub fn parse(query: &str) -> Result<Self, Refusal> {
        let mut read = Self { active: true, pending: true, expired: true, filter: Vec::new() };
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                "active" => read.active = flag(&name, &value)?,
                "pending" => read.pending = flag(&name, &value)?,
                "expired" => read.expired = flag(&name, &value)?,
                "filter" => push_filter(&mut read.filter, &value)?,
                _ => {}
            }
        }
        Ok(read)
    }

    /// For each filter the silence has an equal matcher: same name, kind and value.
    pub fn keeps(&self, silence: &GettableSilence) -> bool {
        let of_phase = match silence.phase() {
            SilencePhase::Active => self.active,
            SilencePhase::Pending => self.pending,
            SilencePhase::Expired => self.expired,
        };
        of_phase && self.filter.iter().all(|wanted| silence.matchers.iter().any(|matcher| matcher == wanted))
    }

    /// What is answered: active (soonest end first), pending (soonest start first), expired (latest end first).
    pub fn select(&self, mut silences: Vec<GettableSilence>) -> Vec<GettableSilence> {
        silences.retain(|silence| self.keeps(silence));
        silences.sort_by_key(|silence| match silence.phase() {
            SilencePhase::Active => (0, silence.ends_at, Reverse(Timestamp::MIN), silence.id.clone()),
            SilencePhase::Pending => (1, silence.starts_at, Reverse(Timestamp::MIN), silence.id.clone()),
            SilencePhase::Expired => (2, Timestamp::MIN, Reverse(silence.ends_at), silence.id.clone()),
        });
        silences
    }
}

/// The bools that the generated layer takes.
fn flag(name: &str, value: &str) -> Result<bool, Refusal> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "ok" | "y" | "on" | "t" => Ok(true),
        "false" | "0" | "no" | "n" | "off" | "f" | "" => Ok(false),
        _ => Err(refuse_schema(422, format!("{name} in query must be of type bool"))),
    }
}

fn push_filter(filter: &mut Vec<Matcher>, text: &str) -> Result<(), Refusal> {
    if filter.len() == MAX_FILTERS {
        return Err(refuse(400, format!("more than {MAX_FILTERS} filters")));
    }
    filter.push(text.parse().map_err(|error| refuse(400, format!("bad matcher format: {error}")))?);
    Ok(())
}
