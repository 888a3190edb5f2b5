//! Requests to the cores: computed minute by minute from who is there, what was wrong, and who was restarted.

use super::chance::mix;
use super::{Cause, Condition, CoreFault, Fleet, SLOTS, Service, Sky, Spell};
use jiff::Timestamp;

const MINUTE_MS: i64 = 60_000;

/// Requests of one institution and service in one minute; more would be a bug in whoever set the traffic.
const MAX_PER_MINUTE: u32 = 10_000;

/// One request in this many meets a business error on an ordinary day.
const BUSINESS_EVERY: u64 = 100;

const OPERATIONS: [&str; 6] = [
    "getShareListSelectFields",
    "getLoanPagedSelectFields",
    "getAccountSelectFieldsFilterChildren",
    "transferShareToShare",
    "findAccountBy",
    "executePowerOnReturnLine",
];

/// One request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) at_ms: i64,
    /// Tells this request from all others, and decides whatever else there is to decide about it.
    pub(crate) hash: u64,
    pub(crate) institution: usize,
    pub(crate) service: Service,
    pub(crate) slot: usize,
    pub(crate) cause: Option<Cause>,
}

impl Entry {
    pub(crate) fn at(&self) -> Timestamp {
        Timestamp::from_millisecond(self.at_ms).unwrap_or(Timestamp::MIN)
    }

    pub(crate) fn operation(&self) -> &'static str {
        OPERATIONS[(mix(&[self.hash, 3]) % OPERATIONS.len() as u64) as usize]
    }

    pub(crate) fn duration_ms(&self) -> u32 {
        let roll = mix(&[self.hash, 4]);
        self.cause.map_or_else(|| 45 + (roll % 300) as u32, |cause| cause.duration_ms(roll))
    }
}

impl CoreFault {
    /// What our services call it.
    pub(crate) fn cause(self) -> Cause {
        match self {
            Self::Refuses => Cause::ConnectionRefused,
            Self::ConnectTimeout => Cause::ConnectTimeout,
            Self::ReadTimeout => Cause::ReadTimeout,
            Self::Reset => Cause::Reset,
            Self::ExpiredCertificate => Cause::ExpiredCertificate,
            Self::ChangedPassword => Cause::WrongPassword,
            Self::Http(status) => Cause::Http(status),
            Self::SoapFault => Cause::SoapFault,
        }
    }
}

impl Sky {
    /// Hands over every request from `from_ms` until before `until_ms` that was made by now, grouped by institution, service
    /// and minute, until `take` says that it wants no more.
    pub(crate) fn each_entry(
        &self,
        from_ms: i64,
        until_ms: i64,
        institutions: Option<&[usize]>,
        service: Option<Service>,
        mut take: impl FnMut(&Entry) -> bool,
    ) {
        let from_ms = from_ms.max(self.begin.as_millisecond());
        let until_ms = until_ms.min(self.now.as_millisecond().saturating_add(1));
        let all: Vec<usize> = (0..self.institutions.len()).collect();
        let services: Vec<Service> =
            self.services.iter().copied().filter(|of| service.is_none_or(|service| service == *of)).collect();
        for institution in institutions.unwrap_or(&all) {
            for of in services.iter().copied() {
                let stream = Stream::new(self, *institution, of);
                let mut minute = from_ms.div_euclid(MINUTE_MS);
                while minute * MINUTE_MS < until_ms {
                    if !stream.minute(minute, |entry| entry.at_ms < from_ms || entry.at_ms >= until_ms || take(entry)) {
                        return;
                    }
                    minute += 1;
                }
            }
        }
    }
}

/// The requests of one institution through one service.
struct Stream<'a> {
    institution: usize,
    service: Service,
    usual: u32,
    spells: Vec<&'a Spell>,
    services: u32,
    fleet: &'a Fleet,
    host: &'a str,
}

impl<'a> Stream<'a> {
    fn new(sky: &'a Sky, institution: usize, service: Service) -> Self {
        let found = &sky.institutions[institution];
        let spells = sky.spells.iter().filter(|spell| match &spell.condition {
            Condition::Core { institution, .. } | Condition::Traffic { institution, .. } => *institution == found.id,
            Condition::HostDown { host } => *host == found.host,
            Condition::PoolExhausted { service: of, .. } => *of == service,
            Condition::WrongDns { .. } => true,
            _ => false,
        });
        Self {
            institution,
            service,
            usual: found.per_minute,
            spells: spells.collect(),
            services: sky.services.len() as u32,
            fleet: sky.live(service),
            host: &found.host,
        }
    }

    /// The first service takes twice as many as any other.
    fn count(&self, minute: i64) -> u32 {
        let at = Timestamp::from_millisecond(minute * MINUTE_MS).unwrap_or(Timestamp::MIN);
        let traffic = self.spells.iter().rev().filter(|spell| spell.holds(at)).find_map(|spell| match &spell.condition {
            Condition::Traffic { per_minute, .. } => Some(*per_minute),
            _ => None,
        });
        let whole = traffic.unwrap_or(self.usual).min(MAX_PER_MINUTE);
        let share = whole / (self.services + 1);
        if self.service.index() == 0 { whole - share * (self.services - 1) } else { share }
    }

    /// Whether to go on.
    fn minute(&self, minute: i64, mut take: impl FnMut(&Entry) -> bool) -> bool {
        let seed = mix(&[self.institution as u64, self.service.index() as u64, minute as u64]);
        (0..self.count(minute)).all(|number| {
            let hash = mix(&[seed, u64::from(number)]);
            let mut entry = Entry {
                at_ms: minute * MINUTE_MS + (mix(&[hash, 1]) % MINUTE_MS as u64) as i64,
                hash,
                institution: self.institution,
                service: self.service,
                slot: (mix(&[hash, 2]) % SLOTS as u64) as usize,
                cause: None,
            };
            entry.cause = self.cause(&entry);
            take(&entry)
        })
    }

    fn cause(&self, entry: &Entry) -> Option<Cause> {
        let at = entry.at();
        let roll = mix(&[entry.hash, 5]) % 100;
        let mut used = 0;
        for spell in self.spells.iter().filter(|spell| spell.holds(at)) {
            let (cause, percent) = match &spell.condition {
                Condition::Core { fault, percent, .. } => (fault.cause(), *percent),
                Condition::HostDown { host } if host == self.host => (Cause::ConnectTimeout, 100),
                Condition::WrongDns { percent } => (Cause::UnknownHost, *percent),
                Condition::PoolExhausted { percent, restart_heals, .. } => {
                    let healed = *restart_heals && self.fleet.serving(entry.slot, at).launched >= spell.from;
                    (Cause::PoolTimeout, if healed { 0 } else { *percent })
                }
                _ => continue,
            };
            used += u64::from(percent);
            if roll < used {
                return Some(cause);
            }
        }
        mix(&[entry.hash, 6]).is_multiple_of(BUSINESS_EVERY).then_some(Cause::Business)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Platform, Weather, after};
    use super::*;
    use std::time::Duration;

    fn weather() -> (Weather, Timestamp) {
        let now = Timestamp::from_second(1_772_467_200).unwrap();
        let weather = Weather::new(24, now);
        weather.set_speed(0);
        (weather, now)
    }

    fn later(now: Timestamp, minutes: u64) -> Timestamp {
        after(now, Duration::from_secs(60 * minutes))
    }

    #[test]
    fn the_same_span_is_told_twice_alike() {
        let (weather, now) = weather();
        weather.set(Condition::Core { institution: "inst-3".to_owned(), fault: CoreFault::Refuses, percent: 100 });
        weather.advance(Duration::from_secs(600));
        let first = weather.failures("inst-3", now, later(now, 10));
        assert!(matches!(first[..], [(Cause::ConnectionRefused, count)] if count > 50), "{first:?}");
        weather.clear_all();
        weather.advance(Duration::from_secs(3_600));
        assert_eq!(weather.failures("inst-3", now, later(now, 10)), first);
        assert_eq!(weather.failures("inst-4", now, later(now, 60)), []);
        assert_eq!(weather.failures("inst-3", later(now, 10), later(now, 60)), []);
    }

    #[test]
    fn a_host_down_fails_all_its_institutions_and_causes_mix() {
        let (weather, now) = weather();
        let all = weather.institutions();
        weather.set(Condition::HostDown { host: all[0].host.clone() });
        weather.set(Condition::Core { institution: "inst-2".to_owned(), fault: CoreFault::ReadTimeout, percent: 50 });
        weather.set(Condition::Core { institution: "inst-2".to_owned(), fault: CoreFault::Http(503), percent: 50 });
        weather.advance(Duration::from_secs(600));
        for found in &all {
            let failures = weather.failures(&found.id, now, later(now, 10));
            let causes: Vec<Cause> = failures.iter().map(|(cause, _)| *cause).collect();
            match found.id.as_str() {
                "inst-2" => assert_eq!(causes, [Cause::ReadTimeout, Cause::Http(503)]),
                _ if found.host == all[0].host => assert_eq!(causes, [Cause::ConnectTimeout]),
                _ => assert_eq!(causes, []),
            }
        }
    }

    #[test]
    fn a_restart_heals_a_stuck_pool_where_the_traffic_is() {
        for (heals, platform) in [(true, Platform::Marathon), (false, Platform::Marathon), (true, Platform::Kubernetes)] {
            let (weather, now) = weather();
            weather.set(Condition::PoolExhausted { service: Service::HTTP, percent: 80, restart_heals: heals });
            weather.advance(Duration::from_secs(300));
            weather.change(|sky| sky.restart(platform, Service::HTTP, sky.now, None).map(|_| ()).unwrap());
            weather.advance(Duration::from_secs(600));
            assert!(!weather.failures("inst-1", now, later(now, 5)).is_empty());
            let healed = weather.failures("inst-1", later(now, 6), later(now, 15)).is_empty();
            assert_eq!(healed, heals && platform == Platform::Marathon, "{platform:?} {heals}");
        }
    }

    #[test]
    fn nothing_comes_from_the_future_or_from_before_the_logs() {
        let (weather, now) = weather();
        let sky = weather.look();
        let mut seen = Vec::new();
        sky.each_entry(i64::MIN, i64::MAX, Some(&[0]), None, |entry| {
            seen.push(entry.at_ms);
            true
        });
        assert!(seen.iter().all(|at| *at <= now.as_millisecond() && *at >= sky.begin.as_millisecond()));
        assert!(seen.len() > 360);
    }
}
