//! Who somebody is, by their member id: remembered for a while, because every command asks.

use super::Slack;
use crate::bounds::{cut, one_line};
use crate::call::CallError;
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Somebody who has left, or has another address, is known by the old one for so long.
const REMEMBERED: Duration = Duration::from_secs(600);
/// People remembered; beyond it all are forgotten, and asked for again.
const MAX_KNOWN: usize = 10_000;
/// Whoever has typed a command waits 3 s at most.
const TIMEOUT: Duration = Duration::from_millis(1_500);
const MAX_EMAIL: usize = 254;

/// By member id: until when it is believed, and their address.
pub(super) type Known = Mutex<HashMap<String, (Instant, Option<String>)>>;

#[derive(Deserialize)]
struct Answered {
    user: Member,
}

#[derive(Deserialize)]
struct Member {
    id: String,
    #[serde(default)]
    team_id: String,
    #[serde(default)]
    deleted: bool,
    #[serde(default)]
    is_bot: bool,
    /// Of another workspace, in a shared channel.
    #[serde(default)]
    is_stranger: bool,
    #[serde(default)]
    profile: Profile,
}

#[derive(Default, Deserialize)]
struct Profile {
    #[serde(default)]
    email: String,
}

impl Slack {
    /// The e-mail address of a member of this workspace. `None`: a program, somebody who has left, somebody of another workspace
    /// (whose addresses its own administrators make up), or Slack does not tell it.
    pub async fn email_of(&self, user: &str) -> Result<Option<String>, CallError> {
        let now = Instant::now();
        if let Some((until, email)) = self.known().get(user)
            && *until > now
        {
            return Ok(email.clone());
        }
        let asked = tokio::time::timeout(TIMEOUT, self.ask(user)).await;
        let (team, member) = asked.map_err(|_| CallError::retry("Slack does not answer"))??;
        let ours = member.id == user && member.team_id == team && !member.deleted && !member.is_bot && !member.is_stranger;
        let email = Some(cut(&one_line(&member.profile.email), MAX_EMAIL)).filter(|email| ours && !email.is_empty());
        let mut known = self.known();
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(user.to_owned(), (now + REMEMBERED, email.clone()));
        Ok(email)
    }

    /// Which workspace is ours, and what Slack says of somebody.
    async fn ask(&self, user: &str) -> Result<(String, Member), CallError> {
        let team = self.me().await?.team_id.clone();
        let call = self.site.get(&["users.info"]).query("user", user);
        let Answered { user: member } = self.send("users.info", "users.info", call).await?.json()?;
        Ok((team, member))
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<String, (Instant, Option<String>)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
