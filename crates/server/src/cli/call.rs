//! One invocation of a client verb: the server it asks, how it answers, and in which zone.

use super::client::{Client, DEFAULT_SERVER};
use super::failure::Failure;
use super::out::{DIM, paint, print, print_json, say, text};
use super::table::{Table, terminal_width};
use super::when;
use clap::Args;
use firedog_domain::setup::Zone;
use firedog_domain::time::{after, parse_length};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;

/// More people than one server has; a bound for reading names.
const MAX_NAMES: usize = 20_000;

/// Options of every verb that asks a server.
#[derive(Args, Debug)]
pub(crate) struct Common {
    /// Address of the server
    #[arg(long, global = true, value_name = "URL", env = "FIREDOG_SERVER", default_value = DEFAULT_SERVER, hide_env_values = true, help_heading = HEADING)]
    pub(crate) server: String,
    /// API token; safer in the environment, where other users cannot see it
    #[arg(long, global = true, value_name = "TOKEN", env = "FIREDOG_TOKEN", hide_env_values = true, help_heading = HEADING)]
    pub(crate) token: Option<String>,
    /// Act for this user (administrators only)
    #[arg(long = "as", global = true, value_name = "USER", help_heading = HEADING)]
    pub(crate) acting_as: Option<String>,
    /// Print JSON for programs; times are RFC 3339 in UTC
    #[arg(long, global = true, help_heading = HEADING)]
    pub(crate) json: bool,
    /// Zone in which times are read and shown [default: the schedule's, else UTC]
    #[arg(long, global = true, value_name = "ZONE", value_parser = Zone::get, help_heading = HEADING)]
    pub(crate) timezone: Option<Zone>,
}

const HEADING: &str = "Client options";

pub(crate) struct Call {
    pub(crate) client: Client,
    pub(crate) json: bool,
    pub(crate) now: Timestamp,
    chosen: Option<Zone>,
}

impl Call {
    pub(crate) fn new(common: Common, now: Timestamp) -> Result<Self, Failure> {
        let client = Client::new(&common.server, common.token, common.acting_as)?;
        Ok(Self { client, json: common.json, now, chosen: common.timezone })
    }

    /// The chosen zone, else UTC.
    pub(crate) fn zone(&self) -> Zone {
        self.chosen.clone().unwrap_or_else(Zone::utc)
    }

    /// The chosen zone, else that of the schedule, as in the setup files. An unknown schedule is
    /// left for the request that follows to refuse.
    pub(crate) async fn zone_of(&self, schedule: &str) -> Result<Zone, Failure> {
        if let Some(zone) = &self.chosen {
            return Ok(zone.clone());
        }
        let schedules = self.client.list(&["schedules"], &[], MAX_NAMES).await?;
        let found = schedules.iter().find(|item| text(item, "id") == schedule);
        Ok(found.and_then(|item| Zone::get(text(item, "timezone")).ok()).unwrap_or_else(Zone::utc))
    }

    /// Reads a time argument and says on stderr what it was taken for.
    pub(crate) fn instant(&self, name: &str, argument: &str, zone: &Zone) -> Result<Timestamp, Failure> {
        let at = when::parse(argument, self.now, zone).map_err(|e| Failure::usage(format!("{name}: {e}")))?;
        say(&paint(DIM, &format!("{name}: {}", when::full(at, self.now, zone))));
        Ok(at)
    }

    /// Reads a span; without `from` it begins now.
    pub(crate) fn period(&self, from: Option<&str>, span: &Span, zone: &Zone) -> Result<Period, Failure> {
        let from = from.map(|from| self.instant("from", from, zone)).transpose()?;
        let begin = from.unwrap_or(self.now);
        let (until, length) = match (&span.until, &span.length) {
            (Some(until), _) => (self.instant("until", until, zone)?, None),
            (None, Some(text)) => {
                let length = parse_length(text).map_err(|e| Failure::usage(format!("--for: {e}")))?;
                let until = after(begin, length);
                say(&paint(DIM, &format!("until: {}", when::full(until, self.now, zone))));
                (until, Some(text.clone()))
            }
            (None, None) => return Err(Failure::usage("the end is missing").next("add --until TIME or --for LENGTH")),
        };
        if until <= begin {
            return Err(Failure::usage("it must end after it begins").next("check --from, --until and --for"));
        }
        Ok(Period { from, until, length })
    }

    /// `Mon 5 Jan 09:00 America/Chicago (in 4 h)`; empty where the answer has no such time.
    pub(crate) fn told(&self, value: &Value, key: &str, zone: &Zone) -> String {
        when::instant(value, key).map(|at| when::full(at, self.now, zone)).unwrap_or_default()
    }

    /// For a table whose head names the zone: `Mon 5 Jan 09:00  (in 4 h)`.
    pub(crate) fn short(&self, value: &Value, key: &str, zone: &Zone) -> String {
        let told = |at| format!("{} ({})", when::local(at, self.now, zone), when::relative(at, self.now));
        when::instant(value, key).map(told).unwrap_or_default()
    }

    /// What people are called, by id. Only a convenience: whoever may not list users sees ids.
    pub(crate) async fn names(&self) -> Names {
        let users = self.client.list(&["users"], &[], MAX_NAMES).await.unwrap_or_default();
        Names(users.iter().map(|user| (text(user, "id").to_owned(), text(user, "name").to_owned())).collect())
    }

    /// A list as one JSON array, or as a table; `empty` is what to say, and do next, when there is nothing.
    pub(crate) fn table(&self, table: &Table, empty: &str) -> Result<(), Failure> {
        if table.is_empty() {
            say(empty);
            return Ok(());
        }
        print(&table.render(terminal_width()))
    }

    /// Something was done: its JSON for programs, one sentence for people.
    pub(crate) fn done(&self, answer: &Value, sentence: &str) -> Result<(), Failure> {
        if self.json { print_json(answer) } else { print(&format!("{sentence}\n")) }
    }
}

/// An end, as `--until TIME` or `--for LENGTH`.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct Span {
    /// When it ends (exclusive)
    #[arg(long, visible_alias = "to", value_name = "TIME", allow_hyphen_values = true)]
    until: Option<String>,
    /// How long it lasts, such as 30m, 2h or 1d
    #[arg(long = "for", value_name = "LENGTH")]
    length: Option<String>,
}

/// A span as it was asked for. Lengths and "now" go to the server as they are, so that a clock here that
/// goes wrong cannot shift them.
pub(crate) struct Period {
    from: Option<Timestamp>,
    pub(crate) until: Timestamp,
    length: Option<String>,
}

impl Period {
    pub(crate) fn write(&self, body: &mut Value) {
        if let Some(from) = self.from {
            body["from"] = from.to_string().into();
        }
        match &self.length {
            Some(length) => body["for"] = length.clone().into(),
            None => body["until"] = self.until.to_string().into(),
        }
    }
}

pub(crate) struct Names(BTreeMap<String, String>);

impl Names {
    /// `Ada Lovelace`, or the id where no name is known.
    pub(crate) fn name<'a>(&'a self, id: &'a str) -> &'a str {
        self.0.get(id).filter(|name| !name.is_empty()).map_or(id, String::as_str)
    }

    /// `Ada Lovelace (ada)`.
    pub(crate) fn full(&self, id: &str) -> String {
        let name = self.name(id);
        if name == id { id.to_owned() } else { format!("{name} ({id})") }
    }
}

#[cfg(test)]
impl Common {
    /// As without any option.
    pub(crate) fn default_for_tests() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { server: DEFAULT_SERVER.to_owned(), token: None, acting_as: None, json: false, timezone: None }
    }
}

#[cfg(test)]
impl Names {
    pub(crate) fn of<const N: usize>(names: [(&str, &str); N]) -> Self {
        Self(names.map(|(id, name)| (id.to_owned(), name.to_owned())).into())
    }
}
