//! Every key of the setup files, once: the reader ([`super::super::load`]) refuses what is not in here, and the
//! JSON Schema for editors is made from it.

/// An object of the files: a mapping with known keys.
pub struct Object {
    /// What it is called in messages.
    pub what: &'static str,
    pub about: &'static str,
    /// Keys of which exactly one is there.
    pub exactly_one: &'static [&'static str],
    pub keys: &'static [Key],
}

pub struct Key {
    pub name: &'static str,
    pub required: bool,
    pub shape: Shape,
    pub about: &'static str,
    /// As JSON, which is YAML too.
    pub example: &'static str,
}

/// What may stand behind a key.
pub enum Shape {
    /// One line of text.
    Text,
    /// `[a-z0-9][a-z0-9._-]{0,63}`
    Slug,
    /// The slug of another object.
    Ref(&'static str),
    Email,
    Url,
    /// `90s`, `1h30m`.
    Length,
    /// `12h`, `1d`, `2w`, `1mo`.
    Every,
    Zone,
    /// A local date and time without offset.
    LocalTime,
    /// A date and time, local or with offset.
    Instant,
    /// A time of day.
    Clock,
    Days,
    /// A time of day, or a date and time.
    ClockOrInstant,
    Sha256,
    Matcher,
    Cel,
    Bool,
    /// A whole number between two.
    Count(i64, i64),
    OneOf(&'static [&'static str]),
    List(&'static Shape),
    /// At least one.
    OneOrMore(&'static Shape),
    Map(&'static Object),
    /// Names with texts.
    Texts,
    /// Names with the kind of their answer.
    Questions,
    /// A list, or a reference to one.
    Items,
    /// Either.
    Any(&'static [Shape]),
}

impl Object {
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

use Shape::{
    Any, Bool, Cel, Clock, ClockOrInstant, Count, Days, Email, Every, Instant, Items, Length, List, LocalTime, Map, Matcher,
    OneOf, OneOrMore, Questions, Ref, Sha256, Slug, Text, Texts, Url, Zone,
};

const fn must(name: &'static str, shape: Shape, about: &'static str, example: &'static str) -> Key {
    Key { name, required: true, shape, about, example }
}

const fn may(name: &'static str, shape: Shape, about: &'static str, example: &'static str) -> Key {
    Key { name, required: false, shape, about, example }
}

const ID: &str = "Its slug: lower-case letters, digits, `.`, `_` and `-`, at most 64. Others refer to it by this.";
const NAME: &str = "What people call it. Default: the id.";

/// Further passes over a policy. More is a typing mistake: the catch-all goes on anyway.
pub const MAX_REPEAT: i64 = 100;

pub static SETUP: Object = Object {
    what: "setup",
    about: "A Firedog setup. Any number of such files in a directory are read together.",
    exactly_one: &[],
    keys: &[
        may("teams", List(&Map(&TEAM)), "Who owns services.", r#"[{"id": "pupper", "members": ["ada"]}]"#),
        may("users", List(&Map(&USER)), "The people.", r#"[{"id": "ada", "email": "ada@example.org"}]"#),
        may(
            "schedules",
            List(&Map(&SCHEDULE)),
            "Who is on call when.",
            r#"[{"id": "primary", "timezone": "UTC", "layers": [{"id": "weekly", "users": ["ada"], "start": "2026-01-05T09:00", "every": "1w"}]}]"#,
        ),
        may(
            "policies",
            List(&Map(&POLICY)),
            "Who is paged in which order.",
            r#"[{"id": "pupper", "steps": [{"page": [{"user": "ada"}], "wait": "5m"}]}]"#,
        ),
        may(
            "catch_all",
            Map(&CATCH_ALL),
            "Who is paged after the last pass, and for whatever reaches nobody. Default: every member of the owning team.",
            r#"{"page": [{"user": "ada"}], "every": "30m"}"#,
        ),
        may("services", List(&Map(&SERVICE)), "What can break.", r#"[{"id": "web", "team": "pupper"}]"#),
        may(
            "routes",
            List(&Map(&ROUTE)),
            "Which service and urgency an event gets; in order, the first match wins.",
            r#"[{"when": "labels.severity == 'info'", "urgency": "low"}]"#,
        ),
        may(
            "silences",
            List(&Map(&SILENCE)),
            "What does not page for a while.",
            r#"[{"id": "noisy", "service": "web", "until": "2026-12-31T00:00"}]"#,
        ),
        may(
            "maintenance",
            List(&Map(&MAINTENANCE)),
            "When services may be down, once or again and again.",
            r#"[{"id": "nightly", "services": ["web"], "every": "day", "from": "02:00", "to": "03:00"}]"#,
        ),
        may(
            "vendors",
            List(&Map(&VENDOR)),
            "Third parties that are asked when their side fails.",
            r#"[{"id": "jsource", "portal": "https://support.example.org/cases"}]"#,
        ),
        may(
            "institutions",
            List(&Map(&INSTITUTION)),
            "Customer organisations that services serve.",
            r#"[{"id": "inst-123", "name": "Example Credit Union"}]"#,
        ),
        may(
            "runbooks",
            List(&Map(&RUNBOOK)),
            "Reviewed procedures. A runbook may also have a file of its own, which begins with `runbook: ID`.",
            r#"[{"runbook": "restart", "steps": [{"do": "Restart it"}]}]"#,
        ),
        may(
            "connections",
            List(&Map(&CONNECTION)),
            "Outside systems that runbooks use. There is one each of elasticsearch, slack, prometheus and mesos.",
            r#"[{"id": "logs", "kind": "elasticsearch", "url": "https://logs.example.org:9200", "index": "interaction-*"}]"#,
        ),
        may(
            "tables",
            List(&Map(&TABLE)),
            "Decision tables. A table may also have a file of its own, which begins with `table: ID`.",
            r#"[{"table": "mine", "rows": [{"id": "else", "owner": "unclear", "remedy": "ask_human"}]}]"#,
        ),
    ],
};

pub static TEAM: Object = Object {
    what: "team",
    about: "A team owns services.",
    exactly_one: &[],
    keys: &[
        must("id", Slug, ID, r#""pupper""#),
        may("name", Text, NAME, r#""Pupper""#),
        may("members", List(&Ref("user")), "Its people.", r#"["ada", "grace"]"#),
        may(
            "policy",
            Ref("policy"),
            "What paging this team means, and what its services run by default. Default: all members are paged.",
            r#""pupper""#,
        ),
        may("groups", List(&Text), "Groups of the identity provider whose people act in this team.", r#"["sre"]"#),
    ],
};

pub static USER: Object = Object {
    what: "user",
    about: "A person.",
    exactly_one: &[],
    keys: &[
        must("id", Slug, ID, r#""ada""#),
        may("name", Text, NAME, r#""Ada Lovelace""#),
        may(
            "email",
            Email,
            "Their address; also the contact method `email` when `contact` is left out. May be ${ENV}.",
            r#""ada@example.org""#,
        ),
        may(
            "slack",
            Text,
            "Their member id in Slack: whose commands are theirs, and where runs ask them. Commands default to whoever has their e-mail there.",
            r#""U024BE7LH""#,
        ),
        may("timezone", Zone, "Default: the zone of the schedule that pages them, then UTC.", r#""America/Chicago""#),
        may("contact", List(&Map(&CONTACT)), "Their contact methods.", r#"[{"id": "mail", "email": "ada@example.org"}]"#),
        may(
            "rules",
            Map(&RULES),
            "Which contact methods are used when. Default: high = all at once, low = the first.",
            r#"{"high": [{"via": "mail"}]}"#,
        ),
        may(
            "waking",
            Map(&WAKING),
            "When low urgency may disturb them, in their zone. Default: 08:00 to 20:00.",
            r#"{"from": "08:00", "to": "20:00"}"#,
        ),
    ],
};

pub static CONTACT: Object = Object {
    what: "contact",
    about: "A contact method: exactly one of `email` and `webhook`.",
    exactly_one: &["email", "webhook"],
    keys: &[
        must("id", Slug, ID, r#""mail""#),
        may("email", Email, "Where to send mail. May be ${ENV}.", r#""ada@example.org""#),
        may("webhook", Url, "Where to POST pages. May be ${ENV}.", r#""https://example.org/page""#),
        may("secret", Text, "Signs webhooks. May be ${ENV}.", r#""${ADA_WEBHOOK_SECRET}""#),
        may("secret_file", Text, "A file with the secret, beside this one.", r#""ada-webhook.secret""#),
        may(
            "content",
            OneOf(&["full", "minimal"]),
            "`minimal` sends no alert text: only that there is one, and the link.",
            r#""minimal""#,
        ),
        may("rings", Bool, "It wakes somebody whose phone is silent: a call, an app that the phone lets through.", "true"),
    ],
};

pub static RULES: Object = Object {
    what: "rules",
    about: "Notification rules by urgency.",
    exactly_one: &[],
    keys: &[
        may(
            "high",
            OneOrMore(&Map(&RULE)),
            "At any hour. Default: all contact methods at once.",
            r#"[{"via": "mail"}, {"via": "hook", "after": "1m"}]"#,
        ),
        may("low", OneOrMore(&Map(&RULE)), "In waking hours. Default: the first contact method.", r#"[{"via": "mail"}]"#),
    ],
};

pub static RULE: Object = Object {
    what: "rule",
    about: "One contact method and when.",
    exactly_one: &[],
    keys: &[
        must("via", Ref("contact"), "A contact method of this person.", r#""mail""#),
        may("after", Length, "Counted from the page. Default: at once.", r#""1m""#),
    ],
};

pub static WAKING: Object = Object {
    what: "waking hours",
    about: "When low urgency may disturb.",
    exactly_one: &[],
    keys: &[must("from", Clock, "Start.", r#""08:00""#), must("to", Clock, "End.", r#""20:00""#)],
};

pub static SCHEDULE: Object = Object {
    what: "schedule",
    about: "Who is on call when.",
    exactly_one: &[],
    keys: &[
        must("id", Slug, ID, r#""pupper-primary""#),
        may("name", Text, NAME, r#""Pupper primary""#),
        may("team", Ref("team"), "The team it belongs to.", r#""pupper""#),
        must("timezone", Zone, "The zone of its local times: an IANA name.", r#""America/Chicago""#),
        must(
            "layers",
            OneOrMore(&Map(&LAYER)),
            "Rotations; later ones win where they apply.",
            r#"[{"id": "weekly", "users": ["ada", "grace"], "start": "2026-01-05T09:00", "every": "1w"}]"#,
        ),
        may(
            "overrides",
            List(&Map(&OVERRIDE)),
            "Who is on instead, for a span.",
            r#"[{"user": "grace", "from": "2026-02-01T09:00", "to": "2026-02-02T09:00"}]"#,
        ),
    ],
};

pub static LAYER: Object = Object {
    what: "layer",
    about: "A rotation.",
    exactly_one: &[],
    keys: &[
        must("id", Slug, ID, r#""weekly""#),
        must(
            "users",
            OneOrMore(&Any(&[Ref("user"), OneOrMore(&Ref("user"))])),
            "Who takes turns; `[[a, b], c]` is a and b together, then c.",
            r#"["ada", "grace"]"#,
        ),
        must(
            "start",
            LocalTime,
            "When the first turn begins, in the schedule's zone; also the time of day at which turns change.",
            r#""2026-01-05T09:00""#,
        ),
        must("every", Every, "How long a turn is.", r#""1w""#),
        may(
            "only",
            OneOrMore(&Map(&WINDOW)),
            "Outside of these windows the layer is transparent; they never shift the rotation.",
            r#"[{"days": "mon-fri", "from": "22:00", "to": "06:00"}]"#,
        ),
    ],
};

pub static WINDOW: Object = Object {
    what: "window",
    about: "A window of the week, in the schedule's zone.",
    exactly_one: &[],
    keys: &[
        may("days", Days, "The days on which it starts. Default: all.", r#""mon-fri""#),
        may("from", Clock, "Start. Default: midnight.", r#""22:00""#),
        may("to", Clock, "End; at or before `from`: on the next day. Default: midnight.", r#""06:00""#),
    ],
};

pub static OVERRIDE: Object = Object {
    what: "override",
    about: "Replaces everyone on the schedule by `user`, adds `user` (`add: true`), or takes `remove` away.",
    exactly_one: &["user", "remove"],
    keys: &[
        may("user", Ref("user"), "Who is on.", r#""grace""#),
        may("add", Bool, "Beside those who are on, instead of replacing them.", "true"),
        may("remove", Ref("user"), "Who is not on.", r#""ada""#),
        must("from", Instant, "In the schedule's zone unless it has an offset.", r#""2026-02-01T09:00""#),
        must("to", Instant, "Its end, exclusive.", r#""2026-02-02T09:00""#),
    ],
};

pub static POLICY: Object = Object {
    what: "policy",
    about: "An escalation policy: who is paged in which order, after which delays.",
    exactly_one: &[],
    keys: &[
        must("id", Slug, ID, r#""pupper""#),
        may("name", Text, NAME, r#""Pupper""#),
        may("team", Ref("team"), "The team it belongs to.", r#""pupper""#),
        may("repeat", Count(0, MAX_REPEAT), "Further passes after the first. Default 0.", "2"),
        must("steps", OneOrMore(&Map(&STEP)), "In order.", r#"[{"page": [{"schedule": "pupper-primary"}], "wait": "5m"}]"#),
    ],
};

pub static STEP: Object = Object {
    what: "step",
    about: "Pages all its targets at once and moves on after `wait` unless acknowledged.",
    exactly_one: &[],
    keys: &[
        must("page", OneOrMore(&Map(&TARGET)), "Whom to page.", r#"[{"schedule": "pupper-primary"}]"#),
        may("wait", Length, "Until the next step; after the last one, until the next pass. Default 5m.", r#""5m""#),
    ],
};

pub static TARGET: Object = Object {
    what: "target",
    about: "Exactly one of `user`, `schedule` and `team`.",
    exactly_one: &["user", "schedule", "team"],
    keys: &[
        may("user", Ref("user"), "A person.", r#""ada""#),
        may("schedule", Ref("schedule"), "Whoever is on call.", r#""pupper-primary""#),
        may("team", Ref("team"), "The first step of the team's policy; without one, all its members.", r#""support""#),
    ],
};

pub static CATCH_ALL: Object = Object {
    what: "catch-all",
    about: "Pages again and again until somebody acknowledges or the alert resolves.",
    exactly_one: &[],
    keys: &[
        must("page", OneOrMore(&Map(&TARGET)), "Whom to page.", r#"[{"user": "linus"}]"#),
        may("every", Length, "How often. Default 30m.", r#""30m""#),
    ],
};

pub static SERVICE: Object = Object {
    what: "service",
    about: "A thing that can break, owned by one team.",
    exactly_one: &[],
    keys: &[
        must("id", Slug, ID, r#""symxchange-http-server""#),
        may("name", Text, NAME, r#""SymXchange HTTP server""#),
        must("team", Ref("team"), "Its owner.", r#""pupper""#),
        may("policy", Ref("policy"), "Default: the team's.", r#""pupper""#),
        may(
            "ack_timeout",
            Length,
            "An acknowledged alert that nobody resolves pages again after this. Default: never.",
            r#""30m""#,
        ),
        may("urgency", OneOf(URGENCIES), "Of its alerts unless a route says otherwise. Default: high.", r#""low""#),
        may(
            "group",
            Map(&GROUP),
            "Alerts that belong together page once. Default: none.",
            r#"{"by": ["institution"], "for": "5m"}"#,
        ),
        may(
            "integrations",
            List(&Map(&INTEGRATION)),
            "How events enter.",
            r#"[{"id": "prometheus", "kind": "alertmanager", "key": "${PROMETHEUS_KEY}"}]"#,
        ),
        may("serves", List(&Ref("institution")), "Institutions that it serves. Default: all of them.", r#"["inst-123"]"#),
        may(
            "restart",
            Map(&DRIVER),
            "Through what runbooks restart it. Needs `instances`, or nobody could tell that it is well again.",
            r#"{"with": "ci", "job": "ops/restart-service", "parameters": {"SERVICE": "symxchange-http-server"}, "key": "RUN_KEY"}"#,
        ),
        may(
            "instances",
            Map(&DRIVER),
            "Where its instances are seen.",
            r#"{"with": "marathon", "app": "/core/symxchange-http-server"}"#,
        ),
        may(
            "deploys",
            Map(&DRIVER),
            "Where its deployments are seen: the job that deploys it, or where it runs.",
            r#"{"with": "ci", "job": "ops/deploy", "parameters": {"SERVICE": "symxchange-http-server"}}"#,
        ),
        may(
            "links",
            List(&Map(&LINK)),
            "Where people look.",
            r#"[{"name": "Its logs", "for": "logs", "url": "https://kibana.example.org/app/discover?institution={institution}"}]"#,
        ),
        may(
            "environments",
            List(&Map(&ENVIRONMENT)),
            "Where it runs, the usual one first. Links may lead to each.",
            r#"[{"id": "production"}, {"id": "staging", "suffix": "-stg"}]"#,
        ),
    ],
};

pub const CAPABILITIES: &[&str] = &["logs", "metrics", "instances", "restart", "deploys"];

pub static DRIVER: Object = Object {
    what: "driver",
    about: "Through which connection something is done, and what it is called there.",
    exactly_one: &[],
    keys: &[
        must("with", Ref("connection"), "Of kind jenkins, marathon or kubernetes.", r#""ci""#),
        may("job", Text, "Of jenkins: the job's full name.", r#""ops/restart-service""#),
        may(
            "parameters",
            Texts,
            "Of jenkins: what the job is started with. In `deploys`: only builds with these values count.",
            r#"{"SERVICE": "symxchange-http-server"}"#,
        ),
        may(
            "key",
            Text,
            "Of jenkins: the job's text parameter that carries Firedog's key of the restart. Without one a build that may have been started is never started again, and a person is asked.",
            r#""RUN_KEY""#,
        ),
        may("app", Text, "Of marathon: the app's id.", r#""/core/symxchange-http-server""#),
        may("namespace", Text, "Of kubernetes. Default: `default`.", r#""core""#),
        may("deployment", Text, "Of kubernetes: the deployment's name.", r#""symxchange-http-server""#),
        may(
            "two_person",
            Bool,
            "Of a restart: somebody else than the one who started the run has to confirm it. Default: false.",
            "true",
        ),
        may(
            "approvers",
            Ref("policy"),
            "Of a restart with `two_person`: the policy by which whoever may confirm it is paged. Default: the service's.",
            r#""leads""#,
        ),
    ],
};

pub static ENVIRONMENT: Object = Object {
    what: "environment",
    about: "One of the places where a service runs.",
    exactly_one: &[],
    keys: &[
        must("id", Slug, "What it is called; alerts name it in their label `environment`.", r#""staging""#),
        may("suffix", Text, "What addresses have behind a name there: `{suffix}` in links.", r#""-stg""#),
    ],
};

pub static LINK: Object = Object {
    what: "link",
    about: "Where people look. In its address `{institution}`, `{service}`, `{from}`, `{to}`, `{environment}` and `{suffix}` are filled in.",
    exactly_one: &[],
    keys: &[
        must("name", Text, "What people call it.", r#""Its logs""#),
        must("url", Text, "The address.", r#""https://kibana.example.org/app/discover?institution={institution}""#),
        may("for", OneOf(CAPABILITIES), "What it shows: steps that a person does by hand name it.", r#""logs""#),
        may("owner", Ref("team"), "Whose tool it is.", r#""dreamwork""#),
        may("learn", Text, "Where one learns to use it.", r#""https://wiki.example.org/kibana""#),
    ],
};

pub const URGENCIES: &[&str] = &["high", "low"];
pub const INTEGRATION_KINDS: &[&str] = &["alertmanager", "pagerduty", "grafana", "generic", "heartbeat"];
pub const PERIODS: &[&str] = &["day", "week", "month"];

pub static GROUP: Object = Object {
    what: "group",
    about: "Alerts that agree in some labels and come within a while of the first one follow it.",
    exactly_one: &[],
    keys: &[
        must("by", OneOrMore(&Text), "Names of labels.", r#"["institution"]"#),
        must("for", Length, "Counted from the first alert.", r#""5m""#),
        may(
            "storm",
            Count(1, 1_000),
            "More groups than this within `for` page as one. While one of them pages, another waits 30 s to see whether it is a storm. Default: each pages.",
            "5",
        ),
    ],
};

pub static INTEGRATION: Object = Object {
    what: "integration",
    about: "A key and a dialect by which events enter a service: exactly one of `key`, `key_file` and `key_sha256`.",
    exactly_one: &["key", "key_file", "key_sha256"],
    keys: &[
        must("id", Slug, ID, r#""prometheus""#),
        must("kind", OneOf(INTEGRATION_KINDS), "The dialect of its sender.", r#""alertmanager""#),
        may("key", Text, "At least 16 characters. May be ${ENV}.", r#""${PROMETHEUS_KEY}""#),
        may("key_file", Text, "A file with the key, beside this one.", r#""prometheus.key""#),
        may(
            "key_sha256",
            Sha256,
            "The SHA-256 of the key in hex, as `export` writes it.",
            r#""9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08""#,
        ),
        may(
            "quiet_after",
            Length,
            "Resolve an alert that was not sent again for so long. Default: alertmanager 5m, others never.",
            r#""5m""#,
        ),
        may(
            "heartbeat",
            Map(&HEARTBEAT),
            "Expect a ping at /in/KEY/heartbeat; without one the service gets an alert.",
            r#"{"every": "5m"}"#,
        ),
        may("every", Length, "Short for `heartbeat: { every: … }` with `kind: heartbeat`.", r#""5m""#),
        may("grace", Length, "Short for `heartbeat: { grace: … }` with `kind: heartbeat`.", r#""1m""#),
        may("strict", Bool, "With `kind: pagerduty`: refuse what the vendor refuses instead of mending it.", "true"),
    ],
};

pub static HEARTBEAT: Object = Object {
    what: "heartbeat",
    about: "A dead man's switch.",
    exactly_one: &[],
    keys: &[
        must("every", Length, "How often it is expected.", r#""5m""#),
        may("grace", Length, "How late it may be. Default 1m.", r#""1m""#),
    ],
};

pub static ROUTE: Object = Object {
    what: "route",
    about: "Gives events that match another service or urgency.",
    exactly_one: &[],
    keys: &[
        must(
            "when",
            Cel,
            "A CEL expression over `labels`, `summary`, `severity`, `source`, `service`, `integration`, `dedup_key`, `details`. A missing label is the empty text.",
            r#""labels.app == 'mobile-admin'""#,
        ),
        may("service", Ref("service"), "Default: the integration's.", r#""symxchange-http-server""#),
        may("urgency", OneOf(URGENCIES), "Default: the service's.", r#""low""#),
    ],
};

pub static SILENCE: Object = Object {
    what: "silence",
    about: "Keeps matching alerts from paging until it ends: by service, by labels, or both.",
    exactly_one: &[],
    keys: &[
        must("id", Slug, ID, r#""known-noise""#),
        may("service", Ref("service"), "Default: any service.", r#""symxchange-http-server""#),
        may("match", Texts, "Labels and the values that they must have.", r#"{"alertname": "Noisy"}"#),
        may("matchers", List(&Matcher), "Conditions on labels as Alertmanager writes them.", r#"["alertname=~\"Noisy.*\""]"#),
        may("from", Instant, "In UTC unless it has an offset. Default: always.", r#""2026-12-01T00:00""#),
        must("until", Instant, "Its end. In UTC unless it has an offset.", r#""2026-12-31T00:00""#),
        may("why", Text, "For those who wonder.", r#""ticket 42""#),
        may("created_by", Text, "Who made it.", r#""ada""#),
    ],
};

pub static MAINTENANCE: Object = Object {
    what: "maintenance",
    about: "Services may be down: with `every`, between two times of day again and again; without, between two dates once.",
    exactly_one: &[],
    keys: &[
        must("id", Slug, ID, r#""core-nightly""#),
        must("services", OneOrMore(&Ref("service")), "What may be down.", r#"["symxchange-http-server"]"#),
        may("every", OneOf(PERIODS), "How often. Default: once.", r#""day""#),
        may("days", Days, "With `every: week` (or `day`): the days on which it starts.", r#""sat,sun""#),
        may("day", Count(1, 31), "With `every: month`: the day of the month, or its last day if it has fewer.", "1"),
        must("from", ClockOrInstant, "Start.", r#""02:00""#),
        must("to", ClockOrInstant, "End; a time of day at or before `from` is on the next day.", r#""03:00""#),
        may("timezone", Zone, "The zone of its times. Default: UTC.", r#""America/Chicago""#),
        may("why", Text, "For those who wonder.", r#""nightly batch""#),
    ],
};

pub const OPEN_BY: &[&str] = &["email", "http"];

pub static VENDOR: Object = Object {
    what: "vendor",
    about: "A third party that runs something for institutions, and is asked when that fails.",
    exactly_one: &[],
    keys: &[
        must("id", Slug, ID, r#""jsource""#),
        may("name", Text, NAME, r#""JSource support""#),
        may("portal", Url, "Where cases are opened.", r#""https://support.example.org/cases""#),
        may("email", Email, "Where they take cases by mail. May be ${ENV}.", r#""support@example.org""#),
        may(
            "responds_within",
            Length,
            "How long their contract gives them for the first answer to a case. Default 4h.",
            r#""4h""#,
        ),
        may("chase_every", Length, "How long a case rests after it was chased. Default 1h.", r#""1h""#),
        may(
            "note",
            Text,
            "What they want in a case.",
            r#""Severity 1 by phone as well. Name the institution, when it began, and the exact error.""#,
        ),
        may(
            "open_by",
            OneOf(OPEN_BY),
            "Firedog opens cases itself: a mail to `email`, or a request to the portal that `with` names. Default: a person does.",
            r#""http""#,
        ),
        may("with", Ref("connection"), "Of `open_by: http`: the connection of their portal.", r#""portal""#),
        may("confirm", Bool, "A person sees what is sent and agrees before it is. Default true.", "false"),
    ],
};

pub static INSTITUTION: Object = Object {
    what: "institution",
    about: "A customer organisation (tenant) that services serve.",
    exactly_one: &[],
    keys: &[
        must("id", Slug, ID, r#""inst-123""#),
        may("name", Text, NAME, r#""Example Credit Union""#),
        may(
            "code",
            Text,
            "How it is called where its name must not stand (short messages, subjects). Default: the id.",
            r#""123""#,
        ),
        may("host", Text, "The host that runs its core, where several share one: they fail together.", r#""host-7""#),
        may("core_endpoint", Text, "Where its core answers, for probes.", r#""https://core.example.org:8443/SymXchange""#),
        may(
            "authority",
            Text,
            "Certificates in PEM that its core is believed by, beside the machine's.",
            r#""-----BEGIN CERTIFICATE-----""#,
        ),
        may("room", Text, "Where support reads about it.", r##""#support-ff""##),
        may("vendor", Ref("vendor"), "Who is asked when its side fails.", r#""jsource""#),
    ],
};

pub static RUNBOOK: Object = Object {
    what: "runbook",
    about: "A reviewed procedure: a flat list of steps, read from top to bottom.",
    exactly_one: &[],
    keys: &[
        must("runbook", Slug, ID, r#""core-api-down-for-institution""#),
        may("title", Text, "What people call it. Default: the id.", r#""All core-API requests fail for one institution""#),
        may("team", Ref("team"), "Whose people may start it, beside administrators. Default: every responder.", r#""pupper""#),
        may(
            "for",
            Texts,
            "What it is told when it starts, each `required` or `optional`. `institution` and `service` are ids of the setup.",
            r#"{"institution": "required"}"#,
        ),
        may(
            "on",
            Cel,
            "Started for alerts for which this holds; the same names as in routes.",
            r#""labels.alertname == 'CoreApiDown'""#,
        ),
        may("deadline", Length, "When a run ends, whatever is open. Default: `8h`.", r#""2h""#),
        may(
            "stale_after",
            Length,
            "Not run for so long, it is marked: nobody knows whether it still works. Default: `90d`.",
            r#""30d""#,
        ),
        may(
            "fleet",
            Map(&FLEET),
            "When the runs that alerts begin become one run for all of their institutions. Default: more than 5 within 5 minutes.",
            r#"{"more_than": 10, "within": "5m"}"#,
        ),
        must(
            "steps",
            OneOrMore(&Map(&RUNBOOK_STEP)),
            "What is done, in order.",
            r#"[{"do": "Tell support what we know so far"}]"#,
        ),
    ],
};

pub static FLEET: Object = Object {
    what: "fleet",
    about: "Many institutions fail at once: one run, one thread for support.",
    exactly_one: &[],
    keys: &[must("more_than", Count(1, 10_000), "Institutions.", "5"), may("within", Length, "Default: `5m`.", r#""5m""#)],
};

pub static RUNBOOK_STEP: Object = Object {
    what: "runbook step",
    about: "One thing to do. Without `uses` a person does it.",
    exactly_one: &[],
    keys: &[
        must("do", Text, "What is done, in a sentence.", r#""Restart the HTTP server""#),
        may("uses", Text, "The action that does it; see the list of actions.", r#""service.restart""#),
        may(
            "with",
            Texts,
            "What the action is told. `${name.part}` alone stands for a value of the run.",
            r#"{"service": "symxchange-http-server"}"#,
        ),
        may(
            "when",
            Text,
            "Left out where this (CEL over what is known by then) does not hold.",
            r#""decision.remedy == 'restart'""#,
        ),
        may("as", Text, "What later steps call what comes out of it. Default: the action's own name for it.", r#""first_probe""#),
        may(
            "confirm",
            OneOf(&["primary", "two-person"]),
            "Who has to agree first. Default: `primary` for what is destructive.",
            r#""two-person""#,
        ),
        may("timeout", Length, "How long it may take. Default: the action's.", r#""15m""#),
        may(
            "ask",
            Questions,
            "What a person is asked: names with `text`, `number`, `bool`, or a list of words.",
            r#"{"reproduced": "bool"}"#,
        ),
        may(
            "each",
            Items,
            "`steps` are done for each item of this, one after the other; `${item}` is the item.",
            r#"["http", "rpc"]"#,
        ),
        may("steps", List(&Map(&RUNBOOK_STEP)), "Of `each`.", r#"[{"do": "Restart it"}]"#),
        may(
            "parallel",
            List(&Map(&RUNBOOK_STEP)),
            "Steps that are done at the same time.",
            r#"[{"do": "Look from here"}, {"do": "Look from there"}]"#,
        ),
        may(
            "runbook",
            Ref("runbook"),
            "Another runbook, whose steps are done here. It knows what this one knows.",
            r#""restart-symxchange""#,
        ),
    ],
};

pub const CONNECTION_KINDS: &[&str] =
    &["elasticsearch", "slack", "prometheus", "jenkins", "marathon", "mesos", "kubernetes", "blackbox", "http"];

pub static CONNECTION: Object = Object {
    what: "connection",
    about: "An outside system that runbooks use.",
    exactly_one: &[],
    keys: &[
        must("id", Slug, ID, r#""logs""#),
        must("kind", OneOf(CONNECTION_KINDS), "What it speaks.", r#""elasticsearch""#),
        must("url", Url, "Where it is, with a path if it has one.", r#""https://logs.example.org:9200""#),
        may("owner", Ref("team"), "The team to ask when it does not work.", r#""dreamwork""#),
        may("user", Text, "With it, the secret is its password; without it, a token.", r#""firedog""#),
        may("secret", Text, "The password or token. May be `${ENV}`.", r#""${LOGS_PASSWORD}""#),
        may("secret_file", Text, "A file with the secret.", r#""logs-password""#),
        may(
            "mounted_secret",
            Text,
            "In place of a secret: the name of a file in the server's `FIREDOG_SECRETS_DIR`, read again whenever it changes. For tokens that rotate.",
            r#""k8s-token""#,
        ),
        may("index", Text, "Of elasticsearch: the pattern of its indices.", r#""interaction-*""#),
        may(
            "fields",
            Texts,
            "Of elasticsearch: what its fields are called, for time, institution, service, kind, outcome, error_type, error_message, stack and request_id.",
            r#"{"institution": "institution.id", "outcome": "interaction.outcome"}"#,
        ),
        may("room", Text, "Of slack: where support reads, unless an institution has a room of its own.", r##""#support-ff""##),
        may("group", Text, "Of slack: the id of the user group whose answers count. Default: any person's.", r#""S0614TZR7""#),
        may(
            "signing_secret",
            Text,
            "Of slack: the app's signing secret, with which its commands and buttons are taken. May be `${ENV}`.",
            r#""${SLACK_SIGNING_SECRET}""#,
        ),
        may(
            "authority",
            Text,
            "Certificates in PEM that it is believed by, beside the machine's.",
            r#""-----BEGIN CERTIFICATE-----""#,
        ),
        may(
            "queries",
            Texts,
            "Of prometheus: `total` and `failed` calls; `{institution}`, `{service}` and `{last}` are filled in.",
            r#"{"total": "sum(increase(calls_total{institution=\"{institution}\"}[{last}]))"}"#,
        ),
        may(
            "module",
            Text,
            "Of blackbox: the module of its configuration. One that begins with `http` is given whole addresses, others `HOST:PORT`. Default: `tcp_connect`.",
            r#""tcp_connect""#,
        ),
        may(
            "body",
            Text,
            "Of http: the JSON that opens a case; in its texts {title}, {evidence}, {institution}, {code}, {host}, {since} and {reference} are filled in.",
            r#""{\"short_description\": \"{title}\", \"description\": \"{evidence}\"}""#,
        ),
        may("number_at", Text, "Of http: where the answer has the case's number (JSON pointer).", r#""/result/number""#),
        may("url_at", Text, "Of http: where the answer has the case's address (JSON pointer).", r#""/result/url""#),
        may(
            "key_header",
            Text,
            "Of http: a header by whose key the other side knows a request that it has had. Without it, none is ever repeated.",
            r#""Idempotency-Key""#,
        ),
    ],
};

pub static TABLE: Object = Object {
    what: "decision table",
    about: "Rows in order; the first that holds decides.",
    exactly_one: &[],
    keys: &[
        must("table", Slug, ID, r#""ours-or-theirs""#),
        must(
            "rows",
            OneOrMore(&Map(&TABLE_ROW)),
            "The last row has no `when`.",
            r#"[{"id": "else", "owner": "unclear", "remedy": "ask_human"}]"#,
        ),
    ],
};

pub static TABLE_ROW: Object = Object {
    what: "row",
    about: "What is decided where its condition holds.",
    exactly_one: &[],
    keys: &[
        must("id", Slug, ID, r#""pool""#),
        may("when", Text, "CEL over the evidence. The last row has none.", r#""root == 'pool_exhausted' && probe_ok""#),
        must("owner", OneOf(crate::runbook::actions::OWNERS), "Whose side it is on.", r#""ours""#),
        must("remedy", OneOf(crate::runbook::actions::REMEDIES), "What to do.", r#""restart""#),
        may("why", Text, "For whoever reads the decision.", r#""our pool is exhausted, and the way to the core is open""#),
    ],
};

/// All objects, for the schema's definitions and the tests.
pub static OBJECTS: &[&Object] = &[
    &SETUP,
    &TEAM,
    &USER,
    &CONTACT,
    &FLEET,
    &DRIVER,
    &LINK,
    &ENVIRONMENT,
    &RULES,
    &RULE,
    &WAKING,
    &SCHEDULE,
    &LAYER,
    &WINDOW,
    &OVERRIDE,
    &POLICY,
    &STEP,
    &TARGET,
    &CATCH_ALL,
    &SERVICE,
    &GROUP,
    &INTEGRATION,
    &HEARTBEAT,
    &ROUTE,
    &SILENCE,
    &MAINTENANCE,
    &VENDOR,
    &INSTITUTION,
    &RUNBOOK,
    &RUNBOOK_STEP,
    &CONNECTION,
    &TABLE,
    &TABLE_ROW,
];
