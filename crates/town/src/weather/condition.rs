//! What can be wrong in the town.

use super::{Platform, Service, Trouble};
use std::time::Duration;

/// How an institution's core misbehaves, to our services and to anybody else who calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoreFault {
    Refuses,
    /// The connection is never made: a firewall, a route, a host that is gone.
    ConnectTimeout,
    /// The connection is made and no answer comes.
    ReadTimeout,
    Reset,
    ExpiredCertificate,
    /// The administrative password was changed at the institution.
    ChangedPassword,
    /// An HTTP status from 500 to 599.
    Http(u16),
    /// A fault that a release mismatch causes.
    SoapFault,
}

/// The systems that have a double with an HTTP face.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum System {
    Search,
    Metrics,
    Jenkins,
    Marathon,
    /// Master and agent.
    Mesos,
    Kubernetes,
    Slack,
    /// Every vantage point.
    Vantage,
    /// The cores of all institutions.
    Core,
    Portal,
}

/// How a system fails to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    /// Nothing listens.
    Refuses,
    /// The connection is closed without an answer, and nothing was done.
    Drops,
    /// The connection is closed without an answer, although everything was done as asked.
    LosesAnswer,
    /// No answer until the caller gives up.
    Hangs,
    /// This status, with the body that the system would send.
    Status(u16),
    /// 429, with `Retry-After` where the system sends one.
    Busy { retry_after_s: u32 },
    /// 200 with a page to sign in at, as a gateway in front would answer.
    LoginPage,
    /// None: in a row of answers, the one that is as it should be.
    Passes,
}

/// What Jenkins does with builds that are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builds {
    /// They run and end with FAILURE without having restarted anything.
    Fail,
    /// They restart what they should, and end with FAILURE all the same.
    FailAfterRestart,
    /// They say SUCCESS and have restarted nothing.
    SucceedIdle,
    /// They stay in the queue: no executor is free.
    StayQueued,
    /// Jenkins is about to shut down and takes none.
    AreRefused,
}

/// One thing that is wrong. Any number hold at the same time; where requests can fail for several reasons, each takes its
/// percentage of them in the order in which they were set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// `percent` of the requests to this institution meet the fault.
    Core {
        institution: String,
        fault: CoreFault,
        percent: u8,
    },
    /// Connections to this host time out: all its institutions fail.
    HostDown {
        host: String,
    },
    /// Whether a vantage point (of [`crate::vantage::VANTAGES`]) connects to a core, however the core is to us.
    Way {
        vantage: String,
        institution: String,
        open: bool,
    },
    /// Our own pool of connections has none left, for `percent` of a service's requests, whatever the institution; the cores
    /// are well. A restart of an instance heals that instance, or does not.
    PoolExhausted {
        service: Service,
        percent: u8,
        restart_heals: bool,
    },
    /// Our own name servers answer wrongly, for `percent` of all requests; the cores are well.
    WrongDns {
        percent: u8,
    },
    /// Another number of requests per minute than usual, over both services.
    Traffic {
        institution: String,
        per_minute: u32,
    },
    /// Log entries can be found only this long after they were written.
    LogsLate {
        by: Duration,
    },
    /// Fields of log entries have another name, as after a release: `(usual, new)`.
    FieldsRenamed {
        names: Vec<(String, String)>,
    },
    /// `error.type` and `error.message` tell of a wrapper; the root stands in the stack trace only.
    WrappedErrors,
    /// Messages carry names, account numbers and passwords of customers; see [`super::PLANTED`].
    CustomerData,
    /// Searches answer 200 with a part of the truth.
    SearchPartial {
        timed_out: bool,
        failed_shards: u32,
    },
    /// Metrics come with a warning that a part is missing.
    MetricsPartial,
    Builds(Builds),
    /// Restarts asked for while it holds have this trouble.
    Restarts {
        platform: Platform,
        service: Service,
        trouble: Trouble,
    },
    /// A deployment is paused: a change of its template does nothing.
    Paused {
        service: Service,
    },
    Outage {
        of: System,
        how: Outage,
    },
}
