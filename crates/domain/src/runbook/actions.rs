//! Every action that a step can use: what it takes, what comes out of it, what a crash in the middle of it means, and what a person
//! does in its place where its connection is missing. One table: the reader of the files, the runner and the docs all ask it.

use crate::time::{mins, secs};
use jiff::SignedDuration;

pub struct Action {
    /// As `uses` says it.
    pub name: &'static str,
    /// For the reference.
    pub about: &'static str,
    pub inputs: &'static [Input],
    /// What its output is called, unless the step says otherwise.
    pub output: &'static str,
    pub outputs: &'static [Output],
    /// What a crash between the call and its record means.
    pub effect: Effect,
    /// It interrupts somebody: it asks first, and is verified after.
    pub destructive: bool,
    /// Later steps do not wait while it goes on.
    pub background: bool,
    /// From its begin to its end, waiting included.
    pub timeout: SignedDuration,
    /// What a person does in its place. `None`: it needs nothing from outside, so it always works.
    pub by_hand: Option<&'static str>,
}

pub struct Input {
    pub name: &'static str,
    pub kind: Kind,
    pub required: bool,
    pub about: &'static str,
}

pub struct Output {
    pub name: &'static str,
    pub kind: Kind,
    pub about: &'static str,
    /// A person who does it by hand has to answer it.
    pub asked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Number,
    Bool,
    /// `15m`.
    Length,
    Words(&'static [&'static str]),
    /// The slug of a thing of the setup.
    Ref(&'static str),
    /// Names with values.
    Record,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Repeated freely.
    Read,
    /// Repeated with the same values, which changes nothing more.
    Idempotent,
    /// Looked for by our own key before it is done again.
    Keyed,
    /// Never repeated: after a crash a person is asked what has happened.
    Unsafe,
}

impl Effect {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Idempotent => "idempotent",
            Self::Keyed => "keyed",
            Self::Unsafe => "unsafe",
        }
    }
}

const fn need(name: &'static str, kind: Kind, about: &'static str) -> Input {
    Input { name, kind, required: true, about }
}

const fn may(name: &'static str, kind: Kind, about: &'static str) -> Input {
    Input { name, kind, required: false, about }
}

const fn out(name: &'static str, kind: Kind, about: &'static str) -> Output {
    Output { name, kind, about, asked: false }
}

const fn asked(name: &'static str, kind: Kind, about: &'static str) -> Output {
    Output { name, kind, about, asked: true }
}

/// Root errors of the shipped taxonomy, for a person who reads the logs in Firedog's place.
pub const ROOTS: &[&str] = &[
    "connection_refused",
    "connect_timeout",
    "read_timeout",
    "reset",
    "tls",
    "name_resolution",
    "authentication",
    "soap_fault",
    "http_5xx",
    "business",
    "maintenance",
    "pool_exhausted",
    "other",
];
pub const OWNERS: &[&str] = &["ours", "institution", "vendor", "network", "unclear"];
pub const REMEDIES: &[&str] = &["restart", "vendor_case", "tell_institution", "network_team", "watch", "ask_human"];

pub static ACTIONS: &[Action] = &[
    Action {
        name: "support.tell",
        about: "Tells support what is known and verified so far, and pages them if nobody of theirs answers in time.",
        inputs: &[
            may("room", Kind::Text, "Where they read. Default: the institution's, then the service's."),
            may(
                "text",
                Kind::Text,
                "Default: what is known: who is affected, since when, how much fails, when the next update comes.",
            ),
            may("answer_within", Kind::Length, "How long they have to answer. Default 10m."),
            may("otherwise", Kind::Text, "`page TEAM`: who is paged without an answer."),
        ],
        output: "support",
        outputs: &[
            asked("told", Kind::Bool, "They have been told"),
            out("room", Kind::Text, "Where"),
            out("answered", Kind::Bool, "Somebody of theirs has answered in time"),
            out("by", Kind::Text, "Who has answered"),
            out("paged", Kind::Text, "The alert that pages them instead"),
            out("text", Kind::Text, "All of it in one sentence"),
        ],
        effect: Effect::Keyed,
        destructive: false,
        background: true,
        timeout: SignedDuration::from_hours(8),
        by_hand: Some(
            "Tell support in their room what is known: which institution, since when, how much fails, when you will write again. With `otherwise`, its clock runs from then on: say so when they answer.",
        ),
    },
    Action {
        name: "logs.root_error",
        about: "Reads the institution's failed calls and finds the innermost error of each.",
        inputs: &[
            may("last", Kind::Length, "How far back. Default 15m."),
            may("institution", Kind::Ref("institution"), "Default: the run's."),
        ],
        output: "causes",
        outputs: &[
            asked("root", Kind::Words(ROOTS), "The root error of most failed calls"),
            out("share", Kind::Number, "Its share of the failed calls, 0 to 1"),
            asked("failed", Kind::Number, "Failed calls"),
            out("total", Kind::Number, "All calls"),
            out("mixed", Kind::Bool, "No root error has a clear majority"),
            out("late", Kind::Bool, "The logs are late or too few to tell"),
            out("expired", Kind::Bool, "They say that a certificate has expired"),
            out("counts", Kind::Record, "Failed calls by root error"),
            out("sample", Kind::Text, "What the logs call it"),
            out("text", Kind::Text, "All of it in one sentence"),
        ],
        effect: Effect::Read,
        destructive: false,
        background: false,
        timeout: mins(2),
        by_hand: Some(
            "Open the institution's interaction logs and look at the failed calls of the last minutes: what is the innermost error?",
        ),
    },
    Action {
        name: "logs.blast_radius",
        about: "Counts who else fails, against what is usual at this time.",
        inputs: &[may("last", Kind::Length, "How far back. Default 15m.")],
        output: "blast",
        outputs: &[
            asked("others_failing", Kind::Number, "Other institutions that fail as well"),
            asked("others_total", Kind::Number, "Other institutions with traffic"),
            out("failing", Kind::Bool, "The institution itself fails, against what is usual"),
            out("failed", Kind::Number, "Its failed calls"),
            out("total", Kind::Number, "All of its calls"),
            out("late", Kind::Bool, "The logs are late or too few to tell"),
            out("shared_host_down", Kind::Bool, "Everybody on the institution's host fails, nobody else does"),
            out("text", Kind::Text, "`214 of 214 refused, 0 of 61 others failing`"),
        ],
        effect: Effect::Read,
        destructive: false,
        background: false,
        timeout: mins(2),
        by_hand: Some("In the logs, look at the same minutes without the institution's filter: how many others fail?"),
    },
    Action {
        name: "net.probe",
        about: "Tries the address step by step: name, connection, TLS with its certificate, HTTP; and from every vantage point at the same time, whether it connects.",
        inputs: &[need(
            "target",
            Kind::Ref("address"),
            "An address of the catalogue: the `core_endpoint` of an institution, the `url` of a connection.",
        )],
        output: "probe",
        outputs: &[
            asked("ok", Kind::Bool, "Every stage worked"),
            out("stage", Kind::Words(&["dns", "tcp", "tls", "http", "all"]), "How far it came"),
            out(
                "certificate",
                Kind::Words(&["ok", "expired", "untrusted", "wrong_name", "none"]),
                "What its certificate is like",
            ),
            out("elsewhere", Kind::Record, "What each vantage point (connections of kind blackbox) sees"),
            out("split", Kind::Bool, "Some connect to it and some do not, this server among them"),
            out("text", Kind::Text, "What happened, in one sentence"),
        ],
        effect: Effect::Read,
        destructive: false,
        background: false,
        timeout: mins(3),
        by_hand: Some(
            "From a machine in our network, try the institution's address, for example with `curl -v`: does it answer?",
        ),
    },
    Action {
        name: "decide",
        about: "Asks a decision table whose side it is on (owner) and what to do about it (remedy). The row that fired is kept.",
        inputs: &[need("table", Kind::Ref("table"), "The decision table.")],
        output: "decision",
        outputs: &[
            asked("owner", Kind::Words(OWNERS), "Whose side it is on"),
            asked("remedy", Kind::Words(REMEDIES), "What to do"),
            out("row", Kind::Text, "The row that fired"),
            out("why", Kind::Text, "Why, in words"),
            out("evidence", Kind::Record, "What it was decided by"),
        ],
        effect: Effect::Read,
        destructive: false,
        background: false,
        timeout: mins(1),
        by_hand: Some("Decide by what the steps above have found: whose side is it, and what is to be done?"),
    },
    Action {
        name: "vendor.case",
        about: "Opens a case at whoever runs the institution's side, with the evidence, and keeps its clock.",
        inputs: &[may("vendor", Kind::Ref("vendor"), "Default: the institution's.")],
        output: "case",
        outputs: &[asked("number", Kind::Text, "The case's number"), out("url", Kind::Text, "Where it is")],
        effect: Effect::Keyed,
        destructive: false,
        background: false,
        timeout: mins(30),
        by_hand: Some(
            "Open a case at the vendor with the evidence of this run (copy it from the run's page), and write its number here.",
        ),
    },
    Action {
        name: "service.restart",
        about: "Restarts a service with the driver that the catalogue names, and waits until its instances are well again.",
        inputs: &[need("service", Kind::Ref("service"), "The service.")],
        output: "restart",
        outputs: &[
            asked("restarted", Kind::Bool, "It has been restarted and its instances are well"),
            out("driver", Kind::Text, "Through what"),
            out("build", Kind::Text, "The build or deployment that did it"),
            out("text", Kind::Text, "What happened, in one sentence"),
        ],
        effect: Effect::Keyed,
        destructive: true,
        background: false,
        timeout: mins(30),
        by_hand: Some("Restart the service the way your team does it, and wait until all of its instances are well."),
    },
    Action {
        name: "service.recovered",
        about: "Looks whether the service (or the institution's requests) succeed again. Too little traffic is `unverified`, never `recovered`.",
        inputs: &[
            may("service", Kind::Ref("service"), "Default: the alert's."),
            may("within", Kind::Length, "How long to go on looking. Default 10m."),
            may(
                "watch",
                Kind::Length,
                "How long what is `unverified` is watched after the step, until there is enough traffic to tell. Default 24h, at most 168h.",
            ),
        ],
        output: "recovered",
        outputs: &[
            asked("state", Kind::Words(&["recovered", "unverified", "failing"]), "How it is"),
            out("text", Kind::Text, "The figures behind it"),
            out("paged", Kind::Text, "The alert, if it was found failing while it was watched"),
        ],
        effect: Effect::Read,
        destructive: false,
        background: false,
        timeout: mins(30),
        by_hand: Some("Look at the institution's requests: do they succeed again?"),
    },
    Action {
        name: "service.watch",
        about: "Goes on looking at the calls while nobody waits for it: whoever owns the service is paged if they fail again, nobody for silence.",
        inputs: &[
            may("service", Kind::Ref("service"), "Default: the alert's."),
            may("for", Kind::Length, "How long. Default 2h, at most 168h."),
        ],
        output: "watched",
        outputs: &[
            asked("state", Kind::Words(&["recovered", "unverified", "failing"]), "How it is"),
            out("text", Kind::Text, "The figures behind it"),
            out("paged", Kind::Text, "The alert, if calls failed again"),
        ],
        effect: Effect::Read,
        destructive: false,
        background: false,
        timeout: mins(30),
        by_hand: Some("Look at the institution's requests from time to time: do they fail again?"),
    },
    Action {
        name: "service.instances",
        about: "Which instances of a service there are, and how they are.",
        inputs: &[may("service", Kind::Ref("service"), "Default: the alert's.")],
        output: "instances",
        outputs: &[
            asked("well", Kind::Bool, "All of them run and are healthy"),
            asked("text", Kind::Text, "How many there are, and what the others are like"),
            out("each", Kind::Record, "Each of them, and how it is"),
        ],
        effect: Effect::Read,
        destructive: false,
        background: false,
        timeout: mins(2),
        by_hand: Some("Look at the service's instances: how many are there, and are all of them healthy?"),
    },
    Action {
        name: "service.output",
        about: "Errors in the last lines that the instances of a service have written, counted by their root. The lines are not kept.",
        inputs: &[may("service", Kind::Ref("service"), "Default: the alert's.")],
        output: "written",
        outputs: &[
            asked("text", Kind::Text, "What stands out in them"),
            out("each", Kind::Record, "Lines and errors of each instance"),
        ],
        effect: Effect::Read,
        destructive: false,
        background: false,
        timeout: mins(2),
        by_hand: Some("Read the last lines of the instances' stdout and stderr: what stands out? Write down no customer's data."),
    },
    Action {
        name: "service.deploys",
        about: "What of a service was deployed lately, and whether a deployment is under way.",
        inputs: &[
            may("service", Kind::Ref("service"), "Default: the alert's."),
            may("last", Kind::Length, "How far back. Default 24h."),
        ],
        output: "deploys",
        outputs: &[
            asked("text", Kind::Text, "What was deployed lately, and when"),
            out("count", Kind::Number, "Deployments within this time"),
            out("under_way", Kind::Bool, "One goes on at this moment"),
            out("latest", Kind::Text, "When the last one began; empty: there was none within this time"),
            out("each", Kind::Record, "Each of them: when, what, how it ended, why"),
        ],
        effect: Effect::Read,
        destructive: false,
        background: false,
        timeout: mins(2),
        by_hand: Some("Look at what of the service was deployed lately: what, when, and does one go on?"),
    },
    Action {
        name: "metrics.read",
        about: "A graph, frozen as data: calls in all and calls that failed, minute by minute.",
        inputs: &[
            may("service", Kind::Ref("service"), "Default: the alert's."),
            may("last", Kind::Length, "How far back. Default 1h."),
        ],
        output: "graph",
        outputs: &[
            asked("text", Kind::Text, "What the graph shows, in one sentence"),
            out("total", Kind::Record, "Calls by minute"),
            out("failed", Kind::Record, "Failed calls by minute"),
        ],
        effect: Effect::Read,
        destructive: false,
        background: false,
        timeout: mins(2),
        by_hand: Some("Look at the graph of the service's calls: since when do they fail, and did anything else change then?"),
    },
    Action {
        name: "page",
        about: "Pages a team by its policy, with what this run knows.",
        inputs: &[need("team", Kind::Ref("team"), "Who is paged."), need("message", Kind::Text, "What they read.")],
        output: "paged",
        outputs: &[out("alert", Kind::Text, "The alert that pages them")],
        effect: Effect::Keyed,
        destructive: false,
        background: false,
        timeout: mins(1),
        by_hand: None,
    },
    Action {
        name: "wait",
        about: "Waits.",
        inputs: &[need("for", Kind::Length, "How long.")],
        output: "waited",
        outputs: &[],
        effect: Effect::Read,
        destructive: false,
        background: false,
        timeout: SignedDuration::from_hours(4),
        by_hand: None,
    },
];

/// Waits shorter than this are a typing mistake, longer than a step's timeout as well.
pub const LEAST_WAIT: SignedDuration = secs(1);

pub fn get(name: &str) -> Option<&'static Action> {
    ACTIONS.iter().find(|action| action.name == name)
}

impl Action {
    pub fn input(&self, name: &str) -> Option<&'static Input> {
        self.inputs.iter().find(|input| input.name == name)
    }
}

impl Kind {
    /// As people read it.
    pub fn words(self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Number => "a number".to_owned(),
            Self::Bool => "yes or no (`true`, `false`)".to_owned(),
            Self::Length => "a length such as `15m`".to_owned(),
            Self::Words(words) => format!("one of {}", words.join(", ")),
            Self::Ref("address") => "an address of the catalogue".to_owned(),
            Self::Ref(kind) => format!("the id of a {kind}"),
            Self::Record => "names with values".to_owned(),
        }
    }
}
