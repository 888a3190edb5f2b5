//! How much one integration key may send: a token bucket for each.

use crate::config::Config;
use firedog_domain::id::IntegrationId;
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Token buckets by integration. Only integrations that exist get one, so the setup bounds the table.
pub struct Buckets {
    /// Tokens per second.
    rate: f64,
    /// A bucket's size.
    burst: f64,
    by_integration: Mutex<HashMap<IntegrationId, Bucket>>,
}

struct Bucket {
    /// Below zero after a batch that was larger than what was left: it was one request, taken as a whole.
    tokens: f64,
    at: Timestamp,
}

/// Wait this many seconds before the next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooFast(pub u64);

impl Buckets {
    pub fn new(config: &Config) -> Self {
        Self {
            rate: f64::from(config.ingest_rate),
            burst: f64::from(config.ingest_burst),
            by_integration: Mutex::new(HashMap::new()),
        }
    }

    /// Takes one token; asked before the body is read.
    pub fn admit(&self, integration: &IntegrationId, now: Timestamp) -> Result<(), TooFast> {
        let tokens = self.with(integration, now, |bucket| {
            let before = bucket.tokens;
            if before >= 1.0 {
                bucket.tokens -= 1.0;
            }
            before
        });
        if tokens >= 1.0 {
            return Ok(());
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded to 1..=60")]
        Err(TooFast(((1.0 - tokens) / self.rate).ceil().clamp(1.0, 60.0) as u64))
    }

    /// Takes what a batch holds beyond the one event that [`Buckets::admit`] took for it.
    pub fn charge(&self, integration: &IntegrationId, events: usize, now: Timestamp) {
        #[allow(clippy::cast_precision_loss, reason = "a batch has at most some thousand events")]
        let more = events.saturating_sub(1) as f64;
        self.with(integration, now, |bucket| bucket.tokens -= more);
    }

    fn with<T>(&self, integration: &IntegrationId, now: Timestamp, act: impl FnOnce(&mut Bucket) -> T) -> T {
        let mut all = self.by_integration.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = match all.get_mut(integration.as_str()) {
            Some(bucket) => bucket,
            None => all.entry(integration.clone()).or_insert(Bucket { tokens: self.burst, at: now }),
        };
        let passed = now.duration_since(bucket.at).as_secs_f64().max(0.0);
        bucket.tokens = (bucket.tokens + passed * self.rate).min(self.burst);
        bucket.at = now;
        act(bucket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    #[test]
    fn a_key_may_burst_then_keeps_to_its_rate_and_others_do_not_suffer() {
        let config = [("FIREDOG_INGEST_RATE", "10"), ("FIREDOG_INGEST_BURST", "5")];
        let config = config.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let buckets = Buckets::new(&Config::load(None, config, &[]).unwrap());
        let (a, b) = (IntegrationId::from("s/a"), IntegrationId::from("s/b"));
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        assert!((0..5).all(|_| buckets.admit(&a, now).is_ok()));
        assert_eq!(buckets.admit(&a, now), Err(TooFast(1)));
        assert_eq!(buckets.admit(&b, now), Ok(()));
        let later = now + SignedDuration::from_millis(100);
        assert_eq!(buckets.admit(&a, later), Ok(()));
        assert_eq!(buckets.admit(&a, later), Err(TooFast(1)));
        // A batch is taken whole and paid for afterwards.
        buckets.charge(&b, 105, now);
        assert_eq!(buckets.admit(&b, now), Err(TooFast(11)));
        assert_eq!(buckets.admit(&b, now + SignedDuration::from_secs(11)), Ok(()));
    }
}
