"""Setups that the tests start from: plain dictionaries, to be changed before they are written."""

KEYS = {
    "am": "alertmanager-key-of-32-characters",
    # PagerDuty's own keys have exactly 32 letters and digits.
    "pd": "0123456789abcdef0123456789abcdef",
    "generic": "generic-key-of-the-shop-service",
}
MORE_PD_KEY = "fedcba9876543210fedcba9876543210"

START = "2026-01-05T00:00"


def always(schedule, *users, **more):
    """A schedule on which the same people are on all the time."""
    return {
        "id": schedule,
        "team": "pupper",
        "timezone": "UTC",
        "layers": [{"id": "always", "users": [list(users)], "start": START, "every": "1w"}],
    } | more


def service(id="shop", **more):
    """The keys of the service `shop` are those of KEYS; those of others carry their id."""
    key = (lambda kind: KEYS[kind]) if id == "shop" else (lambda kind: f"{id}-{KEYS[kind]}"[:40])
    return {
        "id": id,
        "name": id.capitalize(),
        "team": "pupper",
        "policy": "pupper",
        "integrations": [
            {"id": "am", "kind": "alertmanager", "key": key("am")},
            {"id": "pd", "kind": "pagerduty", "key": key("pd")},
            {"id": "generic", "kind": "generic", "key": key("generic")},
        ],
    } | more


def pupper(contacts, waits=("1h", "1h"), **more):
    """Ada is primary, Grace secondary, Linus the catch-all. `contacts(user)` lists a user's contact methods."""
    people = ["ada", "grace", "linus"]
    return {
        "teams": [{"id": "pupper", "name": "Pupper", "members": people, "policy": "pupper"}],
        "users": [
            {"id": id, "name": id.capitalize(), "email": f"{id}@example.org", "timezone": "UTC", "contact": contacts(id)}
            for id in people
        ],
        "schedules": [always("primary", "ada"), always("secondary", "grace")],
        "policies": [
            {
                "id": "pupper",
                "team": "pupper",
                "steps": [
                    {"page": [{"schedule": "primary"}], "wait": waits[0]},
                    {"page": [{"schedule": "secondary"}], "wait": waits[1]},
                ],
            }
        ],
        "catch_all": {"page": [{"user": "linus"}], "every": "1h"},
        "services": [service()],
    } | more


def by_hook(hooks, **more):
    """Everybody has one webhook, at a path with their id."""
    return lambda user: [{"id": "hook", "webhook": f"{hooks.url}/{user}"} | more]


def by_mail(user):
    return [{"id": "mail", "email": f"{user}@example.org"}]
