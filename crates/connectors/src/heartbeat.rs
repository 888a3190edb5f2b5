//! Dead-man pings (`/in/KEY/heartbeat[/SUFFIX]`), with the suffixes of healthchecks.

/// What a ping says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ping {
    Success,
    /// The job began; its end tells how long it took.
    Start,
    Fail,
    /// Only a line for the log; changes nothing.
    Log,
    /// Exit status of the job; 0 is a success.
    Exit(u8),
}

impl Ping {
    /// Reads what follows `/heartbeat` in the path: nothing, `/start`, `/fail`, `/log`, `/0` to `/255`.
    /// `None`: no such address (404).
    pub fn parse(suffix: &str) -> Option<Self> {
        Some(match suffix.trim_matches('/') {
            "" => Self::Success,
            "start" => Self::Start,
            "fail" => Self::Fail,
            "log" => Self::Log,
            // `u8::from_str` would also take a sign.
            code if code.bytes().all(|b| b.is_ascii_digit()) => Self::Exit(code.parse().ok()?),
            _ => return None,
        })
    }

    /// The job is alive and well.
    pub fn is_success(self) -> bool {
        matches!(self, Self::Success | Self::Exit(0))
    }

    /// The job itself says that it failed.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Fail | Self::Exit(1..))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes() {
        for (suffix, ping) in [
            ("", Some(Ping::Success)),
            ("/", Some(Ping::Success)),
            ("/start", Some(Ping::Start)),
            ("fail", Some(Ping::Fail)),
            ("/log", Some(Ping::Log)),
            ("/0", Some(Ping::Exit(0))),
            ("/255/", Some(Ping::Exit(255))),
            ("/256", None),
            ("/-1", None),
            ("/+1", None),
            ("/Start", None),
            ("/start/now", None),
        ] {
            assert_eq!(Ping::parse(suffix), ping, "{suffix}");
        }
        assert!(Ping::Exit(0).is_success() && !Ping::Exit(0).is_failure());
        assert!(Ping::Exit(1).is_failure() && Ping::Fail.is_failure() && !Ping::Start.is_failure() && !Ping::Log.is_success());
    }
}
