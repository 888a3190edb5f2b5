//! What a setup has to carry out actions with.

use super::actions::{ACTIONS, Action, Effect};
use super::evidence;
use super::run::{Run, Surroundings};
use crate::case;
use crate::setup::{Capability, Connection, ConnectionKind, Driver, OpenBy, Service, Setup, Vendor};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// A setup as runs see it.
pub struct Means<'a>(pub &'a Setup);

/// What a step that opens a case sends, beside what it was told.
pub const TITLE: &str = "title";
pub const EVIDENCE: &str = "evidence";
pub const SINCE: &str = "since";

/// Any of these connections carries an action out. Empty: none does.
fn needs(action: &str) -> &'static [ConnectionKind] {
    match action {
        "logs.root_error" | "logs.blast_radius" => &[ConnectionKind::Elasticsearch],
        "support.tell" => &[ConnectionKind::Slack],
        "metrics.read" | "service.recovered" | "service.watch" => &[ConnectionKind::Prometheus, ConnectionKind::Elasticsearch],
        _ => &[],
    }
}

/// Actions that Firedog does out of itself.
const OWN: [&str; 4] = ["net.probe", "decide", "page", "wait"];

impl<'a> Means<'a> {
    fn service(&self, args: &Map<String, Value>) -> Result<&'a Service, String> {
        let id = args.get("service").and_then(Value::as_str).unwrap_or_default();
        self.0.services.get(id).ok_or_else(|| format!("there is no service `{id}` any more"))
    }

    fn portal(&self, vendor: &Vendor) -> Option<&'a Connection> {
        self.0.connections.get(vendor.with.as_ref()?.as_str())
    }

    /// Where a case is opened, and what leaves.
    fn sends(&self, args: &Map<String, Value>) -> Vec<String> {
        let text = |name: &str| args.get(name).and_then(Value::as_str).unwrap_or_default();
        let Some(vendor) = self.0.vendors.get(text("vendor")) else { return Vec::new() };
        let whom = vendor.display_name();
        let how = match case::opens(vendor, self.0) {
            Some(OpenBy::Email) => format!("a mail to {}", vendor.email.as_deref().unwrap_or_default()),
            Some(OpenBy::Http) => format!("a request to {}", self.portal(vendor).map_or("", |portal| &portal.url)),
            None => return Vec::new(),
        };
        vec![format!("opens a case at {whom} by {how}"), format!("they get exactly this:\n{}", text(EVIDENCE))]
    }

    /// The actions that a connection carries out.
    pub fn uses(&self, connection: &Connection) -> Vec<&'static str> {
        let (id, kind) = (&connection.id, connection.kind);
        let drives = |capability| {
            let drives = |service: &Service| service.driver(capability).is_some_and(|driver| driver.with == *id);
            self.0.services.iter().any(drives)
        };
        let shows = drives(Capability::Instances);
        let asked_by_kind = self.0.connection(kind).is_some_and(|first| first.id == *id);
        let used = |action: &Action| match action.name {
            "service.restart" => drives(Capability::Restart),
            "service.deploys" => drives(Capability::Deploys),
            case::ACTION => self.0.vendors.iter().any(|vendor| vendor.with.as_ref() == Some(id)),
            "service.instances" => shows,
            // What instances have written stands with the agents, where it was Marathon that placed them.
            "service.output" => shows || kind == ConnectionKind::Mesos,
            "net.probe" => kind == ConnectionKind::Blackbox,
            name => asked_by_kind && needs(name).contains(&kind),
        };
        ACTIONS.iter().filter(|action| used(action)).map(|action| action.name).collect()
    }

    /// A driver in the words of a plan: `jenkins ops/restart with ENV=production`.
    pub fn through(&self, driver: &Driver) -> String {
        let (kind, target) = (self.0.driven(driver).map_or("", |connection| connection.kind.as_str()), driver.target());
        let values = driver.parameters.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(", ");
        match (kind, values.is_empty()) {
            ("kubernetes", _) => format!("kubernetes deployment {}/{target}", driver.namespace()),
            (kind, true) => format!("{kind} {target}"),
            (kind, false) => format!("{kind} {target} with {values}"),
        }
    }
}

impl Surroundings for Means<'_> {
    fn means(&self, action: &Action, args: &Map<String, Value>) -> Result<Effect, String> {
        if OWN.contains(&action.name) {
            return Ok(action.effect);
        }
        if action.name == "service.restart" {
            let service = self.service(args)?;
            // The first call only looks; the one that acts says of itself of which class it is.
            let no_driver = || format!("the catalogue does not say through what {} is restarted", service.id);
            return service.restart.as_ref().map(|_| Effect::Read).ok_or_else(no_driver);
        }
        let seen = match action.name {
            "service.instances" | "service.output" => Some((Capability::Instances, "instances")),
            "service.deploys" => Some((Capability::Deploys, "deployments")),
            _ => None,
        };
        if let Some((capability, what)) = seen {
            // Without a name it is the alert's service, which the call knows.
            let Ok(service) = self.service(args) else { return Ok(action.effect) };
            let no_driver = || format!("the catalogue does not say where the {what} of {} are seen", service.id);
            return service.driver(capability).map(|_| action.effect).ok_or_else(no_driver);
        }
        if action.name == case::ACTION {
            let vendor = args.get("vendor").and_then(Value::as_str).and_then(|id| self.0.vendors.get(id));
            let by = vendor.and_then(|vendor| Some((vendor, case::opens(vendor, self.0)?)));
            // A mail that may have gone out is not sent again: many desks make a second case of it.
            return match by {
                Some((vendor, OpenBy::Http)) if self.portal(vendor).is_some_and(|portal| portal.key_header.is_some()) => {
                    Ok(Effect::Keyed)
                }
                Some(_) => Ok(Effect::Unsafe),
                None => Err("nothing is connected that could do it".to_owned()),
            };
        }
        let kinds = needs(action.name);
        if kinds.iter().any(|kind| self.0.connection(*kind).is_some()) {
            return Ok(action.effect);
        }
        match kinds {
            [] => Err("nothing is connected that could do it".to_owned()),
            kinds => {
                let kinds: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
                Err(format!("there is no connection of kind {}", kinds.join(" or ")))
            }
        }
    }

    fn consequences(&self, action: &Action, args: &Map<String, Value>, known: &Map<String, Value>) -> Vec<String> {
        if action.name == case::ACTION {
            return self.sends(args);
        }
        let (true, Ok(service)) = (action.name == "service.restart", self.service(args)) else { return Vec::new() };
        let mut lines = Vec::new();
        if let Some(restart) = &service.restart {
            lines.push(format!("restarts it through {}", self.through(restart)));
        }
        if let Some(instances) = &service.instances {
            lines.push(format!("then waits until its instances are well: {}", self.through(instances)));
        }
        let number = |name: &str| known.get("blast").and_then(|blast| blast.get(name)?.as_i64());
        let served = self.0.served_by(service);
        match (number("others_total"), number("others_failing")) {
            (Some(total), Some(failing)) if served > 0 => {
                lines.push(format!("interrupts {served} institutions, {} of which are well", (total - failing).max(0)));
            }
            _ if served > 0 => lines.push(format!("interrupts {served} institutions")),
            _ => {}
        }
        lines
    }

    /// What goes to a vendor is written when the step is reached: what a person has agreed to is what leaves, word for word.
    fn prepare(&self, run: &Run, at: usize, args: &mut Map<String, Value>) {
        let step = &run.steps[at];
        if step.spec.uses.as_deref() != Some(case::ACTION) {
            return;
        }
        let named = args.get("vendor").and_then(Value::as_str).filter(|id| !id.is_empty());
        let vendor = named.map_or_else(|| case::vendor_of(run, &step.place, self.0), |id| self.0.vendors.get(id));
        let Some(vendor) = vendor.filter(|vendor| case::opens(vendor, self.0).is_some()) else { return };
        let pack = evidence::evidence(run, &case::zone_of(run, self.0));
        args.insert("vendor".to_owned(), Value::from(vendor.id.as_str()));
        args.insert(TITLE.to_owned(), Value::from(pack.title));
        args.insert(EVIDENCE.to_owned(), Value::from(pack.text));
        args.insert(SINCE.to_owned(), Value::from(pack.since.to_string()));
    }

    fn confirms(&self, action: &Action, args: &Map<String, Value>) -> bool {
        let vendor = || self.0.vendors.get(args.get("vendor")?.as_str()?);
        action.name == case::ACTION && vendor().is_none_or(|vendor| vendor.confirm)
    }

    fn two_person(&self, action: &Action, args: &Map<String, Value>) -> bool {
        let restart = || self.service(args).ok()?.restart.as_ref();
        action.name == "service.restart" && restart().is_some_and(|driver| driver.two_person)
    }

    fn hash(&self, text: &str) -> String {
        Sha256::digest(text.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}
