//! The demo's setup: two people, a primary and a secondary, and waits short enough to watch.

/// A step of the demo's policy. Long enough to read a mail and press a button, short enough to watch nobody do it.
pub(super) const WAIT_S: u64 = 20;

pub(super) const SERVICE: &str = "shop";
pub(super) const PRIMARY: Person = Person { id: "ada", name: "Ada", email: "ada@example.org" };
pub(super) const SECONDARY: Person = Person { id: "grace", name: "Grace", email: "grace@example.org" };

#[derive(Debug)]
pub(super) struct Person {
    pub id: &'static str,
    pub name: &'static str,
    pub email: &'static str,
}

/// The setup file, with the webhook inbox at `inbox` and the prober's `routing_key`.
pub(super) fn files(inbox: &str, routing_key: &str) -> String {
    format!(
        r#"# The setup of `firedog demo`.
teams:
  - {{ id: town, name: The town, members: [ada, grace], policy: town }}
users:
  - id: ada
    name: Ada Lovelace
    email: ada@example.org
    contact:
      - {{ id: mail, email: ada@example.org }}
      - {{ id: hook, webhook: "{inbox}/ada" }}
  - id: grace
    name: Grace Hopper
    email: grace@example.org
    contact:
      - {{ id: mail, email: grace@example.org }}
      - {{ id: hook, webhook: "{inbox}/grace" }}
schedules:
  - id: primary
    team: town
    timezone: UTC
    layers: [ {{ id: always, users: [ada], start: "2020-01-06T09:00", every: 1w }} ]
  - id: secondary
    team: town
    timezone: UTC
    layers: [ {{ id: always, users: [grace], start: "2020-01-06T09:00", every: 1w }} ]
policies:
  - id: town
    team: town
    repeat: 2
    steps:
      - {{ page: [ {{ schedule: primary }} ], wait: {WAIT_S}s }}
      - {{ page: [ {{ schedule: secondary }} ], wait: {WAIT_S}s }}
catch_all: {{ page: [ {{ user: ada }}, {{ user: grace }} ], every: 1m }}
services:
  - id: shop
    name: The shop
    team: town
    policy: town
    integrations:
      - {{ id: prober, kind: pagerduty, key: "{routing_key}" }}
"#
    )
}
