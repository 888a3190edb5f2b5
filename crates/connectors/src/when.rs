//! Times as senders write them. An odd time is never a reason to refuse an event: the caller falls
//! back to the time of receipt.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Accepts ISO 8601 with any offset (`Z`, `+00:00`, `+0000`), the malformed `+00:00Z` that the
/// Python PagerDuty client means to send, no offset (UTC), and Unix seconds or milliseconds.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    if let Some(without_z) = text.strip_suffix(['Z', 'z'])
        && let Ok(at) = without_z.parse::<Timestamp>()
    {
        return Some(at);
    }
    if text.bytes().all(|b| b.is_ascii_digit()) {
        let n: i64 = text.parse().ok()?;
        return match text.len() {
            10 => Timestamp::from_second(n).ok(),
            13 => Timestamp::from_millisecond(n).ok(),
            _ => None,
        };
    }
    text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp())
}

/// Go's zero time, `0001-01-01T00:00:00Z`, with whatever offset or rounding: it means "not set".
pub(crate) fn is_unset(at: Timestamp) -> bool {
    // 0002-01-02T00:00:00Z: the whole year 1, in every offset.
    const END_OF_YEAR_ONE_S: i64 = -62_103_974_400;
    at.as_second() < END_OF_YEAR_ONE_S
}

/// RFC 3339 UTC with milliseconds, as Alertmanager's generated types write times.
pub(crate) fn millis(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// A header's `Retry-After`: seconds, or an HTTP date.
pub(crate) fn retry_after(value: &str, now: Timestamp) -> Option<SignedDuration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u32>() {
        return Some(SignedDuration::from_secs(seconds.into()));
    }
    let at = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
    Some(at.duration_since(now).max(SignedDuration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_seen_from_real_clients_is_read() {
        let at = "2026-01-02T03:04:05.678Z".parse::<Timestamp>().unwrap();
        for text in [
            "2026-01-02T03:04:05.678Z",
            "2026-01-02T03:04:05.678+0000",
            "2026-01-02T03:04:05.678+00:00",
            "2026-01-02T03:04:05.678+00:00Z",
            "2026-01-02T03:04:05.678",
            "2026-01-02 03:04:05.678",
            " 2026-01-02T04:04:05.678+01:00 ",
            "1767323045678",
        ] {
            assert_eq!(parse(text), Some(at), "{text}");
        }
        assert_eq!(parse("1767323045"), Timestamp::from_second(1_767_323_045).ok());
        for odd in ["", "yesterday", "2026-13-01T00:00:00Z", "12", "99999999999999999999"] {
            assert_eq!(parse(odd), None, "{odd}");
        }
    }

    #[test]
    fn year_one_is_unset() {
        for (text, unset) in [
            ("0001-01-01T00:00:00.000Z", true),
            ("0001-01-01T00:00:00+14:00", true),
            ("0001-12-31T23:59:59-12:00", true),
            ("1970-01-01T00:00:00Z", false),
        ] {
            assert_eq!(is_unset(text.parse().unwrap()), unset, "{text}");
        }
    }

    #[test]
    fn retry_after_in_both_forms() {
        let now = "2026-01-02T03:04:05Z".parse().unwrap();
        assert_eq!(retry_after(" 120 ", now), Some(SignedDuration::from_secs(120)));
        assert_eq!(retry_after("Fri, 02 Jan 2026 03:05:05 GMT", now), Some(SignedDuration::from_secs(60)));
        assert_eq!(retry_after("Fri, 02 Jan 2026 03:00:00 GMT", now), Some(SignedDuration::ZERO));
        assert_eq!(retry_after("soon", now), None);
    }
}
