//! Who is on call when: layers of turns, overrides, days and local times.

use crate::id::*;
use jiff::Timestamp;
use jiff::civil::{DateTime, Time, Weekday};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    pub id: ScheduleId,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<TeamId>,
    pub timezone: Zone,
    /// Later layers win.
    pub layers: Vec<Layer>,
    /// Those of the files. Live ones are in [`crate::suppression::Live`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<Override>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Layer {
    pub id: String,
    /// The turns: `[[a, b], c]` is a and b together, then c.
    #[serde(with = "turns")]
    pub users: Vec<Vec<UserId>>,
    /// Local to the schedule's zone. Before it the layer is transparent.
    #[serde(with = "local_time")]
    pub start: DateTime,
    pub every: Every,
    /// Outside these windows the layer is transparent. Empty: always in force.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<Window>,
}

/// The length of a turn, in calendar units: `12h`, `1d`, `2w`, `3mo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Every {
    /// At least 1.
    pub n: u32,
    pub unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Elapsed hours; the others are calendar units that turn at the start's local time of day.
    Hour,
    Day,
    Week,
    Month,
}

/// A weekly recurring window in the schedule's zone. `days` names the day on which it starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    #[serde(default)]
    pub days: Days,
    #[serde(default = "midnight", with = "clock_time")]
    pub from: Time,
    /// At or before `from`: on the next day; equal: 24 h.
    #[serde(default = "midnight", with = "clock_time")]
    pub to: Time,
}

fn midnight() -> Time {
    Time::midnight()
}

/// A set of weekdays: `mon-fri`, `sat,sun`, `fri-mon`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Days(u8);

/// Who is on instead, for a span.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Override {
    /// Given while loading (`schedule#N`) or by the server.
    #[serde(default = "no_override_id", skip_serializing)]
    pub id: OverrideId,
    #[serde(flatten)]
    pub change: Change,
    pub from: Timestamp,
    /// Exclusive.
    pub to: Timestamp,
    /// Where two replace at the same instant, the later wins; those of the files count as the earliest.
    #[serde(default, skip_serializing)]
    pub created_at: Timestamp,
}

fn no_override_id() -> OverrideId {
    OverrideId(String::new())
}

/// In the files: `user: grace` (replaces everyone), `user: grace, add: true`, `remove: ada`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "ChangeForm", try_from = "ChangeForm")]
pub enum Change {
    Replace(UserId),
    Add(UserId),
    Remove(UserId),
}

#[derive(Serialize, Deserialize)]
struct ChangeForm {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<UserId>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    add: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    remove: Option<UserId>,
}

impl From<Change> for ChangeForm {
    fn from(change: Change) -> Self {
        match change {
            Change::Replace(user) => Self { user: Some(user), add: false, remove: None },
            Change::Add(user) => Self { user: Some(user), add: true, remove: None },
            Change::Remove(user) => Self { user: None, add: false, remove: Some(user) },
        }
    }
}

impl TryFrom<ChangeForm> for Change {
    type Error = &'static str;
    fn try_from(form: ChangeForm) -> Result<Self, Self::Error> {
        match form {
            ChangeForm { user: Some(user), add: true, remove: None } => Ok(Self::Add(user)),
            ChangeForm { user: Some(user), add: false, remove: None } => Ok(Self::Replace(user)),
            ChangeForm { user: None, add: false, remove: Some(user) } => Ok(Self::Remove(user)),
            _ => Err("an override has either `user` (with or without `add: true`) or `remove`"),
        }
    }
}

/// An IANA time zone, from the copy inside the binary: the host's may be missing or old.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    pub fn get(name: &str) -> Result<Self, String> {
        bundled_zones()
            .get(name)
            .map(Self)
            .map_err(|_| format!("`{name}` is not a time zone; write an IANA name such as Europe/Berlin or UTC"))
    }
    pub fn utc() -> Self {
        Self(TimeZone::UTC)
    }
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }
    pub fn tz(&self) -> &TimeZone {
        &self.0
    }
    /// Every name that [`Zone::get`] knows, for suggestions and tests.
    pub fn names() -> Vec<String> {
        bundled_zones().available().map(|name| name.to_string()).collect()
    }
}

fn bundled_zones() -> &'static TimeZoneDatabase {
    static ZONES: std::sync::OnceLock<TimeZoneDatabase> = std::sync::OnceLock::new();
    ZONES.get_or_init(TimeZoneDatabase::bundled)
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::get(&String::deserialize(d)?).map_err(D::Error::custom)
    }
}

impl std::str::FromStr for Every {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let hint = || format!("`{text}` is not a rotation length; write for example 12h, 1d, 1w, 2w or 1mo");
        let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(hint)?;
        let n: u32 = text[..digits].parse().map_err(|_| hint())?;
        let unit = match &text[digits..] {
            "h" => Unit::Hour,
            "d" => Unit::Day,
            "w" => Unit::Week,
            "mo" => Unit::Month,
            _ => return Err(hint()),
        };
        // 10,000 hours, days, weeks or months: longer is a typing mistake and would overflow dates.
        if n == 0 || n > 10_000 {
            return Err(hint());
        }
        Ok(Self { n, unit })
    }
}

impl std::fmt::Display for Every {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let unit = match self.unit {
            Unit::Hour => "h",
            Unit::Day => "d",
            Unit::Week => "w",
            Unit::Month => "mo",
        };
        write!(f, "{}{unit}", self.n)
    }
}

impl Serialize for Every {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Every {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(D::Error::custom)
    }
}

const DAY_NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl Days {
    pub const ALL: Self = Self(0x7f);

    pub fn contains(self, day: Weekday) -> bool {
        self.0 & (1 << day.to_monday_zero_offset()) != 0
    }
    pub fn is_all(&self) -> bool {
        *self == Self::ALL
    }
    pub fn of(days: &[Weekday]) -> Self {
        Self(days.iter().fold(0, |set, day| set | (1 << day.to_monday_zero_offset())))
    }
}

impl Default for Days {
    fn default() -> Self {
        Self::ALL
    }
}

impl std::str::FromStr for Days {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let hint = || format!("`{text}` names no weekdays; write for example mon-fri, sat,sun or daily");
        if matches!(text.trim(), "daily" | "all") {
            return Ok(Self::ALL);
        }
        let day = |name: &str| DAY_NAMES.iter().position(|d| *d == name.trim().to_ascii_lowercase()).ok_or_else(hint);
        let mut set = 0_u8;
        for part in text.split(',') {
            let (first, last) = match part.split_once('-') {
                Some((first, last)) => (day(first)?, day(last)?),
                None => (day(part)?, day(part)?),
            };
            let mut at = first;
            loop {
                set |= 1 << at;
                if at == last {
                    break;
                }
                at = (at + 1) % 7;
            }
        }
        Ok(Self(set))
    }
}

impl std::fmt::Display for Days {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_all() {
            return f.write_str("mon-sun");
        }
        let names: Vec<_> = (0..7).filter(|i| self.0 & (1 << i) != 0).map(|i| DAY_NAMES[i]).collect();
        f.write_str(&names.join(","))
    }
}

impl std::fmt::Debug for Days {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Days({self})")
    }
}

impl Serialize for Days {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Days {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(D::Error::custom)
    }
}

/// A time of day as `HH:MM` (or `HH:MM:SS`).
pub(super) mod clock_time {
    use super::{Deserialize, Deserializer, Serializer, Time};
    use serde::de::Error as _;

    pub fn serialize<S: Serializer>(time: &Time, s: S) -> Result<S::Ok, S::Error> {
        if time.second() == 0 { s.collect_str(&time.strftime("%H:%M")) } else { s.collect_str(time) }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Time, D::Error> {
        let text = String::deserialize(d)?;
        text.parse().map_err(|_| D::Error::custom(format!("`{text}` is not a time of day; write for example 09:00")))
    }
}

/// A local date and time as `2026-01-05T09:00`.
mod local_time {
    use super::{DateTime, Deserialize, Deserializer, Serializer};
    use serde::de::Error as _;

    pub(super) fn serialize<S: Serializer>(at: &DateTime, s: S) -> Result<S::Ok, S::Error> {
        if at.second() == 0 { s.collect_str(&at.strftime("%Y-%m-%dT%H:%M")) } else { s.collect_str(at) }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<DateTime, D::Error> {
        let text = String::deserialize(d)?;
        text.parse().map_err(|_| D::Error::custom(format!("`{text}` is not a local time; write for example 2026-01-05T09:00")))
    }
}

/// `[a, [b, c]]`: a turn of one person is written without brackets.
mod turns {
    use super::{Deserialize, Deserializer, Serialize, Serializer, UserId};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Turn {
        One(UserId),
        Several(Vec<UserId>),
    }

    pub(super) fn serialize<S: Serializer>(turns: &[Vec<UserId>], s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(turns.iter().map(|turn| match turn.as_slice() {
            [one] => Turn::One(one.clone()),
            several => Turn::Several(several.to_vec()),
        }))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<Vec<UserId>>, D::Error> {
        Ok(Vec::<Turn>::deserialize(d)?
            .into_iter()
            .map(|turn| match turn {
                Turn::One(one) => vec![one],
                Turn::Several(several) => several,
            })
            .collect())
    }
}
