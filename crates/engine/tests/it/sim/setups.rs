//! Two setups that a simulation switches between: the second has other waits, fewer people, and one service less.

use firedog_domain::setup::Setup;
use firedog_domain::time::mins;
use jiff::SignedDuration;

/// The longest way to a human in either: all passes of the slower policy, and a round of the catch-all.
pub(crate) const LONGEST: SignedDuration = mins(2 * (7 + 12) + 30);

/// Occurs in the second setup only.
pub(crate) const SLOW_WAIT: &str = "7m";

fn base(waits: [&str; 2], secondary: &str) -> serde_json::Value {
    let mail = |id: &str| serde_json::json!({ "id": "mail", "email": format!("{id}@example.org") });
    let hook = |id: &str| serde_json::json!({ "id": "hook", "webhook": format!("http://127.0.0.1/{id}") });
    let key = |n: u32| format!("{n:064}");
    serde_json::json!({
        "teams": [{ "id": "pupper", "members": ["ada", secondary], "policy": "pupper" }],
        "users": [
            { "id": "ada", "contact": [mail("ada"), hook("ada")], "rules": { "high": [{ "via": "mail" }, { "via": "hook", "after": "1m" }] } },
            { "id": "grace", "contact": [mail("grace")] },
            { "id": "linus", "contact": [mail("linus"), hook("linus")] },
        ],
        "schedules": [
            { "id": "primary", "timezone": "UTC", "layers": [{ "id": "l", "users": ["ada"], "start": "2026-01-01T00:00", "every": "1w" }] },
            { "id": "secondary", "timezone": "UTC", "layers": [{ "id": "l", "users": [secondary], "start": "2026-01-01T00:00", "every": "1w" }] },
        ],
        "policies": [{ "id": "pupper", "repeat": 1, "steps": [
            { "page": [{ "schedule": "primary" }], "wait": waits[0] },
            { "page": [{ "schedule": "secondary" }], "wait": waits[1] },
        ] }],
        "catch_all": { "page": [{ "user": "linus" }], "every": "30m" },
        "services": [
            { "id": "api", "team": "pupper", "ack_timeout": "15m", "integrations": [{ "id": "in", "kind": "generic", "key_sha256": key(1) }] },
            { "id": "grouped", "team": "pupper", "group": { "by": ["institution"], "for": "5m" }, "integrations": [{ "id": "in", "kind": "generic", "key_sha256": key(2) }] },
            { "id": "calm", "team": "pupper", "integrations": [
                { "id": "in", "kind": "generic", "key_sha256": key(3), "quiet_after": "20m" },
                { "id": "beat", "kind": "heartbeat", "key_sha256": key(4), "heartbeat": { "every": "5m", "grace": "1m" } },
            ] },
        ],
    })
}

pub(crate) fn first() -> Setup {
    serde_json::from_value(base(["5m", "10m"], "grace")).expect("a setup")
}

/// Grace has left, the waits are other ones.
pub(crate) fn second() -> Setup {
    let mut value = base([SLOW_WAIT, "12m"], "linus");
    let users = value["users"].as_array_mut().expect("a list");
    users.retain(|user| user["id"] != "grace");
    serde_json::from_value(value).expect("a setup")
}
