//! What can be wrong in a drill, what it does to the town, and what a good answer to it is.

use clap::ValueEnum;
use firedog_town::vantage::VANTAGES;
use firedog_town::weather::{Condition, CoreFault, Service};
use serde_json::{Value, json};
use std::time::Duration;

/// One thing that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Wrong {
    /// The institution's core refuses connections
    Refused,
    /// Its core takes connections and does not answer
    Slow,
    /// Its certificate has expired
    ExpiredCertificate,
    /// The password that it knows us by was changed on its side
    ChangedPassword,
    /// Its core answers with 503
    Errors,
    /// The host that its core shares with others is gone
    SharedHost,
    /// Our own connections are used up, in all services; restarts heal it
    Pool,
    /// Our own name servers answer wrongly
    Names,
    /// The way from this network to its core is closed; from other vantage points (kind `blackbox`) it is open
    Way,
    /// Its core refuses connections, and our logs come twenty minutes late
    LateLogs,
    /// Nothing: the alert is a false one
    Nothing,
}

/// What is the case, for whoever judges or answers.
pub(super) struct Truth {
    pub(super) words: &'static str,
    /// Whose side it may be called.
    pub(super) owners: &'static [&'static str],
    /// A restart helps.
    pub(super) restart: bool,
    root: &'static str,
    /// Everybody else fails as well.
    everybody: bool,
    probe_ok: bool,
}

/// How a decision stands to the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    Right,
    /// It leaves it to a person, and is not wrong.
    Unclear,
    Wrong,
}

impl Verdict {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Unclear => "left to a person",
            Self::Wrong => "WRONG",
        }
    }
}

impl Wrong {
    /// Any but nothing: a surprise is something. That only our own way is closed, nobody can tell who looks from one place.
    pub(super) fn any(random: usize, has_vantages: bool) -> Self {
        let fits = |wrong: &&Self| **wrong != Self::Nothing && (has_vantages || **wrong != Self::Way);
        let all: Vec<&Self> = Self::value_variants().iter().filter(fits).collect();
        *all[random % all.len()]
    }

    pub(super) fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    pub(super) fn conditions(self, institution: &str, host: &str, services: &[Service]) -> Vec<Condition> {
        let core = |fault| vec![Condition::Core { institution: institution.to_owned(), fault, percent: 100 }];
        match self {
            Self::Refused => core(CoreFault::Refuses),
            Self::Slow => core(CoreFault::ReadTimeout),
            Self::ExpiredCertificate => core(CoreFault::ExpiredCertificate),
            Self::ChangedPassword => core(CoreFault::ChangedPassword),
            Self::Errors => core(CoreFault::Http(503)),
            Self::SharedHost => vec![Condition::HostDown { host: host.to_owned() }],
            Self::Pool => {
                let pool = |service: &Service| Condition::PoolExhausted { service: *service, percent: 97, restart_heals: true };
                services.iter().map(pool).collect()
            }
            Self::Names => vec![Condition::WrongDns { percent: 97 }],
            Self::Way => {
                let way = |vantage: &str| Condition::Way {
                    vantage: vantage.to_owned(),
                    institution: institution.to_owned(),
                    open: true,
                };
                VANTAGES.map(way).into_iter().chain(core(CoreFault::ConnectTimeout)).collect()
            }
            Self::LateLogs => {
                core(CoreFault::Refuses).into_iter().chain([Condition::LogsLate { by: Duration::from_secs(1_200) }]).collect()
            }
            Self::Nothing => Vec::new(),
        }
    }

    pub(super) fn truth(self) -> Truth {
        let theirs: &[&str] = &["institution", "vendor"];
        let of = |words, owners, root, probe_ok| Truth { words, owners, restart: false, root, everybody: false, probe_ok };
        match self {
            Self::Refused => of("the institution's core refused connections", theirs, "connection_refused", false),
            Self::Slow => of("the institution's core did not answer", theirs, "read_timeout", false),
            Self::ExpiredCertificate => of("the core's certificate had expired", theirs, "tls", false),
            Self::ChangedPassword => of("our password was changed on their side", theirs, "authentication", true),
            Self::Errors => of("the institution's core answered with 503", theirs, "http_5xx", false),
            Self::SharedHost => of("the host of its core was gone, for others as well", theirs, "connect_timeout", false),
            Self::Pool => {
                let pool = of("our own connections were used up", &["ours"], "pool_exhausted", true);
                Truth { restart: true, everybody: true, ..pool }
            }
            Self::Names => Truth {
                everybody: true,
                ..of("our own name servers answered wrongly", &["ours", "network"], "name_resolution", true)
            },
            Self::Way => of("the way from our network to its core was closed", &["network"], "connect_timeout", false),
            Self::LateLogs => {
                of("the institution's core refused connections, and our logs were late", theirs, "connection_refused", false)
            }
            Self::Nothing => of("nothing: the alert was a false one", &[], "other", true),
        }
    }
}

impl Truth {
    pub(super) fn verdict(&self, owner: &str, remedy: &str) -> Verdict {
        // A restart that cannot help interrupts everybody for nothing.
        if remedy == "restart" && !self.restart {
            return Verdict::Wrong;
        }
        match owner {
            "unclear" => Verdict::Unclear,
            owner if self.owners.contains(&owner) => Verdict::Right,
            _ => Verdict::Wrong,
        }
    }

    /// What a person who looks would find, by the name of what is asked.
    pub(super) fn found(&self, name: &str) -> Option<Value> {
        let is_wrong = !self.owners.is_empty();
        Some(match name {
            "root" => json!(self.root),
            "failed" => json!(if is_wrong { 200 } else { 0 }),
            "total" => json!(200),
            "others_failing" => json!(if self.everybody { 15 } else { 0 }),
            "others_total" => json!(15),
            "ok" => json!(self.probe_ok),
            "owner" => json!(self.owners.first().unwrap_or(&"unclear")),
            "remedy" if self.restart => json!("restart"),
            "remedy" if self.owners.contains(&"vendor") => json!("vendor_case"),
            "remedy" => json!("ask_human"),
            "state" => json!("recovered"),
            "number" => json!("DRILL-1"),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_that_cannot_help_is_wrong_and_doubt_never_is() {
        for wrong in Wrong::value_variants() {
            let truth = wrong.truth();
            assert_eq!(truth.verdict("unclear", "ask_human"), Verdict::Unclear, "{wrong:?}");
            assert_eq!(truth.verdict("unclear", "restart") == Verdict::Wrong, !truth.restart, "{wrong:?}");
            assert_eq!(truth.verdict("nobody", "watch"), Verdict::Wrong, "{wrong:?}");
            for owner in truth.owners {
                assert_eq!(truth.verdict(owner, "vendor_case"), Verdict::Right, "{wrong:?}");
            }
        }
        assert_eq!(Wrong::Pool.truth().verdict("ours", "restart"), Verdict::Right);
        assert_eq!(
            (Wrong::any(0, false), Wrong::any(9, false), Wrong::any(9, true)),
            (Wrong::Refused, Wrong::Refused, Wrong::LateLogs)
        );
        assert!((0..20).all(|random| Wrong::any(random, true) != Wrong::Nothing && Wrong::any(random, false) != Wrong::Way));
    }
}
