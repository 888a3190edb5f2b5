//! The demo's setup: two people, a primary and a secondary, and waits short enough to watch.

/// A step of the demo's policy. Long enough to read a mail and press a button, short enough to watch nobody do it.
pub(super) const WAIT_S: u64 = 20;

pub(super) const SERVICE: &str = "shop";
pub(super) const PRIMARY: Person = Person { id: "ada", name: "Ada", email: "ada@example.org" };
pub(super) const SECONDARY: Person = Person { id: "grace", name: "Grace", email: "grace@example.org" };

#[derive(Debug)]
pub(super) struct Person {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    pub(super) email: &'static str,
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

#[cfg(test)]
mod tests {
    use super::*;
    use firedog_domain::setup::load::{NoOutside, SourceFile, load};
    use firedog_domain::setup::warnings::warnings;

    /// The demo is the first setup that many people see: it is what `check --strict` accepts.
    #[test]
    fn the_setup_has_no_mistake_and_no_warning() {
        let text = files("http://127.0.0.1:9099", "0123456789abcdef0123456789abcdef");
        let loaded = load(&[SourceFile { name: "town.yaml".to_owned(), text: text.clone() }], &NoOutside);
        let said: String = loaded.diagnostics.iter().map(|found| found.render(&text)).collect();
        assert_eq!(said, "");
        let setup = loaded.setup.expect("no error");
        let found = warnings(&setup, "2026-01-05T09:00:00Z".parse().unwrap());
        assert!(found.is_empty(), "{found:?}");
        for person in [PRIMARY, SECONDARY] {
            assert_eq!(setup.users.get(person.id).and_then(|user| user.email.as_deref()), Some(person.email));
        }
        assert!(setup.services.contains(SERVICE));
    }
}
