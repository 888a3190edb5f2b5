//! The setup: teams, people, schedules, policies, services, as one immutable snapshot.
//!
//! Its JSON form (what the store keeps) is the form of the setup files themselves: whatever
//! serialises from here loads again through [`load`]. Local times of the files are resolved to
//! instants while loading; the rest keeps its local meaning (rotations, windows).

use crate::diagnosis::table::Table;
use crate::id::*;
use crate::matcher::Matcher;
use crate::runbook::Runbook;
use crate::time::{length, mins, secs};
use jiff::civil::Time;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::sync::Arc;

use calendar::clock_time;
pub use calendar::{Change, Days, Every, Layer, Override, Schedule, Unit, Window, Zone};
pub use catalogue::{
    Capability, Connection, ConnectionKind, DEFAULT_CHASE_EVERY, DEFAULT_RESPONDS_WITHIN, Driver, ENVIRONMENT_LABEL, Environment,
    Institution, LOG_FIELDS, Link, METRIC_QUERIES, OpenBy, Vendor,
};

mod calendar;
pub mod catalogue;
pub mod diagnostic;
pub mod export;
pub mod load;
pub mod lookup;
pub mod plan;
pub mod schema;
pub mod warnings;

/// A complete setup. Every reference in it has been checked by [`load::load`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Setup {
    pub teams: Named<Team>,
    pub users: Named<User>,
    pub schedules: Named<Schedule>,
    pub policies: Named<Policy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catch_all: Option<CatchAll>,
    pub services: Named<Service>,
    /// In order; the first match wins.
    pub routes: Vec<Route>,
    pub silences: Named<Silence>,
    pub maintenance: Named<Maintenance>,
    #[serde(skip_serializing_if = "Named::is_empty")]
    pub vendors: Named<Vendor>,
    #[serde(skip_serializing_if = "Named::is_empty")]
    pub institutions: Named<Institution>,
    #[serde(skip_serializing_if = "Named::is_empty")]
    pub runbooks: Named<Runbook>,
    /// At most one of each kind.
    #[serde(skip_serializing_if = "Named::is_empty")]
    pub connections: Named<Connection>,
    /// Beside the shipped one.
    #[serde(skip_serializing_if = "Named::is_empty")]
    pub tables: Named<Table>,
}

/// Things with a slug, kept in the order of their slugs, written as a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Named<T>(BTreeMap<String, T>);

/// What has a slug that is unique among its kind.
pub trait Slug {
    fn slug(&self) -> &str;
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T: Slug> Named<T> {
    pub fn get(&self, slug: &str) -> Option<&T> {
        self.0.get(slug)
    }
    pub fn contains(&self, slug: &str) -> bool {
        self.0.contains_key(slug)
    }
    /// Adds or replaces; answers what was there.
    pub fn insert(&mut self, item: T) -> Option<T> {
        self.0.insert(item.slug().to_owned(), item)
    }
    pub fn remove(&mut self, slug: &str) -> Option<T> {
        self.0.remove(slug)
    }
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &T> {
        self.0.values()
    }
    pub fn slugs(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
    pub fn len(&self) -> usize {
        self.0.len()
    }
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T: Slug> FromIterator<T> for Named<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self(items.into_iter().map(|item| (item.slug().to_owned(), item)).collect())
    }
}

impl<T: Serialize> Serialize for Named<T> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(self.0.values())
    }
}

impl<'de, T: Slug + Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Ok(Vec::<T>::deserialize(d)?.into_iter().collect())
    }
}

macro_rules! slugs {
    ($($kind:ident),+) => {$(
        impl Slug for $kind {
            fn slug(&self) -> &str {
                self.id.as_str()
            }
        }
    )+};
}
slugs!(Team, User, Schedule, Policy, Service, Silence, Maintenance, Vendor, Institution, Connection);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Team {
    pub id: TeamId,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    pub members: Vec<UserId>,
    /// What "page this team" runs; without it, all members are paged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyId>,
    /// Groups of the identity provider whose people act in this team; being paged takes membership.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct User {
    pub id: UserId,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Their member id in Slack: who types a command there is known by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slack: Option<String>,
    /// Default: the zone of the schedule that pages them, then UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<Zone>,
    /// Empty: their e-mail address, as contact `email`. Read through [`User::contacts`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contact: Vec<Contact>,
    #[serde(default, skip_serializing_if = "Rules::is_default")]
    pub rules: Rules,
    /// When low urgency may disturb them, in their zone.
    #[serde(default, skip_serializing_if = "Waking::is_default")]
    pub waking: Waking,
}

/// A contact method: an address of a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contact {
    pub id: ContactId,
    #[serde(flatten)]
    pub address: Address,
    /// Signs webhooks. In the files as written there, in the store sealed with the server's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    #[serde(default, skip_serializing_if = "Content::is_full")]
    pub content: Content,
    /// It wakes somebody whose phone is silent: a call, a message that the phone lets through. `readiness` wants one such.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rings: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Address {
    Email(String),
    Webhook(String),
    /// Browsers that their owner has registered. Live data, never part of a setup.
    #[serde(skip)]
    Push(Arc<[Device]>),
}

/// The contact method of everybody who has registered a device; no contact method of a setup is called so.
pub const PUSH: &str = "push";

/// A browser that takes messages while its page is closed: what it said when it subscribed (Push API, RFC 8030).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Device {
    pub id: DeviceId,
    /// Where the browser's vendor takes messages for it.
    pub endpoint: String,
    /// Its public key, and the secret that authenticates us to it (RFC 8291), both in base64url.
    pub p256dh: String,
    pub auth: String,
}

/// The kind of a contact method; a failure of "one channel" takes all contact methods of a kind away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    Email,
    Webhook,
    /// Comes beside the others and counts for nothing: no phone is sure to ring for it.
    Push,
}

/// How much of an alert a contact method may carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Content {
    #[default]
    Full,
    /// No alert text: only that there is one, and the link.
    Minimal,
}

/// Notification rules by urgency. `None`: the default (high = all contact methods at once, low = the first).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<Vec<Rule>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<Vec<Rule>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub via: ContactId,
    /// Counted from the page.
    #[serde(default, with = "length")]
    pub after: SignedDuration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waking {
    #[serde(with = "clock_time")]
    pub from: Time,
    #[serde(with = "clock_time")]
    pub to: Time,
}

impl Default for Waking {
    fn default() -> Self {
        Self { from: jiff::civil::time(8, 0, 0, 0), to: jiff::civil::time(20, 0, 0, 0) }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    pub id: PolicyId,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<TeamId>,
    /// Further passes after the first.
    #[serde(default)]
    pub repeat: u32,
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// All of them at once.
    pub page: Vec<Target>,
    /// Until the next step; after the last step, until the next pass.
    #[serde(default = "default_wait", with = "length")]
    pub wait: SignedDuration,
}

pub const DEFAULT_WAIT: SignedDuration = mins(5);
pub const DEFAULT_CATCH_ALL_EVERY: SignedDuration = mins(30);

fn default_wait() -> SignedDuration {
    DEFAULT_WAIT
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    User(UserId),
    Schedule(ScheduleId),
    /// The first step of the team's policy; without a policy, all members.
    Team(TeamId),
}

/// Who is paged after the last pass, again and again, until a human has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CatchAll {
    pub page: Vec<Target>,
    #[serde(default = "default_every", with = "length")]
    pub every: SignedDuration,
}

fn default_every() -> SignedDuration {
    DEFAULT_CATCH_ALL_EVERY
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Service {
    pub id: ServiceId,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    pub team: TeamId,
    /// Default: the team's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyId>,
    /// An acknowledged alert that nobody resolves pages again after this.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "length::option")]
    pub ack_timeout: Option<SignedDuration>,
    #[serde(default)]
    pub urgency: Urgency,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Group>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub integrations: Vec<Integration>,
    /// Institutions that it serves; empty: all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub serves: Vec<InstitutionId>,
    /// Through what it is restarted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<Driver>,
    /// Where its instances are seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instances: Option<Driver>,
    /// Where its deployments are seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deploys: Option<Driver>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// Where it runs, the usual one first; empty: in one place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environments: Vec<Environment>,
}

/// Alerts of a service that agree in the labels `by` and come within `for` of the first one
/// follow that first one instead of paging for themselves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    pub by: Vec<String>,
    #[serde(rename = "for", with = "length")]
    pub window: SignedDuration,
    /// More groups than this within `for` page as one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storm: Option<u32>,
}

impl Group {
    /// Whether two alerts of the service agree in what groups them.
    pub fn agree(&self, one: &BTreeMap<String, String>, other: &BTreeMap<String, String>) -> bool {
        self.by.iter().all(|name| one.get(name) == other.get(name))
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Integration {
    /// Unique within the service; see [`IntegrationId`].
    pub id: String,
    pub kind: IntegrationKind,
    /// Lower-case hex SHA-256 of the key; the key itself is never kept.
    pub key_sha256: String,
    /// Alertmanager: how long an alert without `endsAt` is believed (its `resolve_timeout`).
    /// Others: resolve an alert that was not sent again for so long. Alertmanager 5m, others never.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "length::option")]
    pub quiet_after: Option<SignedDuration>,
    /// Expect a heartbeat at `/in/KEY/heartbeat`; without one the service gets an alert.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<Heartbeat>,
    /// PagerDuty: refuse what the vendor refuses instead of mending it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub strict: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Heartbeat {
    #[serde(with = "length")]
    pub every: SignedDuration,
    #[serde(default = "default_grace", with = "length")]
    pub grace: SignedDuration,
}

fn default_grace() -> SignedDuration {
    secs(60)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IntegrationKind {
    Alertmanager,
    Pagerduty,
    Grafana,
    Generic,
    Heartbeat,
}

impl IntegrationKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alertmanager => "alertmanager",
            Self::Pagerduty => "pagerduty",
            Self::Grafana => "grafana",
            Self::Generic => "generic",
            Self::Heartbeat => "heartbeat",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Route {
    /// A CEL expression over the event; see [`crate::route`].
    pub when: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub urgency: Option<Urgency>,
}

/// Keeps matching alerts from paging until it ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Silence {
    pub id: SilenceId,
    /// `None`: any service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceId>,
    /// Made through the key of this integration: holds back only what came in through it. `None`: whatever its way in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration: Option<IntegrationId>,
    /// All must match. In the files `match: { name: value }` or `matchers: ["name=~value"]`.
    pub matchers: Vec<Matcher>,
    #[serde(default)]
    pub from: Timestamp,
    pub until: Timestamp,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub created_by: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Maintenance {
    pub id: MaintenanceId,
    pub services: Vec<ServiceId>,
    #[serde(flatten)]
    pub when: MaintenanceWhen,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// `from`/`to` are dates with times (once), or times of day with `every`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum MaintenanceWhen {
    Recurring {
        every: Period,
        /// With `every: week`: the days on which it starts.
        #[serde(default, skip_serializing_if = "Days::is_all")]
        days: Days,
        /// With `every: month`: the day of the month, clamped to its end.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        day: Option<i8>,
        #[serde(with = "clock_time")]
        from: Time,
        /// At or before `from`: on the next day.
        #[serde(with = "clock_time")]
        to: Time,
        timezone: Zone,
    },
    Once {
        from: Timestamp,
        to: Timestamp,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Period {
    Day,
    Week,
    Month,
}

/// High disturbs at any hour; low waits for the person's waking hours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Urgency {
    #[default]
    High,
    Low,
}

impl Urgency {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Low => "low",
        }
    }
}

impl Channel {
    pub const ALL: [Self; 3] = [Self::Email, Self::Webhook, Self::Push];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Webhook => "webhook",
            Self::Push => "push",
        }
    }

    /// Whether a message over it may wake somebody; only such messages count as having reached a person.
    pub fn wakes(self) -> bool {
        self != Self::Push
    }
}

impl Address {
    pub fn channel(&self) -> Channel {
        match self {
            Self::Email(_) => Channel::Email,
            Self::Webhook(_) => Channel::Webhook,
            Self::Push(_) => Channel::Push,
        }
    }
    /// As it stands in a setup.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Email(address) | Self::Webhook(address) => address,
            Self::Push(_) => "",
        }
    }
}

impl Content {
    pub fn is_full(&self) -> bool {
        *self == Self::Full
    }
}

impl Rules {
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Waking {
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
