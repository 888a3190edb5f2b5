//! Signing in at the identity provider: the way there and back, and what its groups mean here.

use super::{Accounts, OneAccount, Origin, Result, SignedIn, Start, find, new_session, row_of};
use crate::app::App;
use crate::auth::{Caller, Role};
use crate::ops::setup::Wish;
use crate::ops::{Error, objects, starter};
use crate::secret::random;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use firedog_connectors::oidc::{Claims, Leave};
use firedog_domain::id::UserId;
use firedog_domain::setup::Setup;
use firedog_store::account::{self, Account};
use firedog_store::audit::{self, Record};
use firedog_store::{Op, Tx};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// How long somebody may take at the provider.
const AWAY: SignedDuration = SignedDuration::from_mins(15);
/// What the memory of a way there is sealed to.
const PLACE: &str = "oidc";
/// Where the provider sends browsers back to; an operator registers it there.
pub const CALLBACK: &str = "/sign-in/oidc/callback";

/// What a browser carries to the provider and back, sealed.
#[derive(Serialize, Deserialize)]
struct Memory {
    state: String,
    nonce: String,
    verifier: String,
    to: String,
    expires: i64,
}

/// The provider's address, and what the browser has to remember meanwhile.
pub async fn leave(app: &App, to: &str) -> Result<(String, String)> {
    let provider = app.oidc.as_ref().ok_or_else(|| Error::NotFound("no identity provider is set".to_owned()))?;
    let fresh = || random::<32>().map(|bytes| URL_SAFE_NO_PAD.encode(bytes)).map_err(|error| Error::Broken(error.to_string()));
    let memory = Memory {
        state: fresh()?,
        nonce: fresh()?,
        verifier: fresh()?,
        to: to.to_owned(),
        expires: firedog_domain::time::after(app.now(), AWAY).as_second(),
    };
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(memory.verifier.as_bytes()));
    let redirect = format!("{}{CALLBACK}", app.links_base);
    let leave = Leave { redirect: &redirect, state: &memory.state, nonce: &memory.nonce, challenge: &challenge };
    let url = provider.authorize_url(&leave).await.map_err(|why| Error::Unavailable(format!("the identity provider: {why}")))?;
    let text = serde_json::to_string(&memory).map_err(|error| Error::Broken(error.to_string()))?;
    Ok((url, app.key.seal(PLACE, &text)))
}

/// Somebody comes back with a code. Answers where they wanted to go, too.
pub async fn come_back(app: &App, memory: &str, state: &str, code: &str, origin: &Origin) -> Result<(SignedIn, String)> {
    let provider = app.oidc.as_ref().ok_or_else(|| Error::NotFound("no identity provider is set".to_owned()))?;
    let again = || Error::Conflict("this way in was begun in another browser, or too long ago; begin again".to_owned());
    let text = app.key.unseal(PLACE, memory).map_err(|_| again())?;
    let memory: Memory = serde_json::from_str(text.expose()).map_err(|_| again())?;
    if memory.state != state || memory.expires < app.now().as_second() {
        return Err(again());
    }
    let redirect = format!("{}{CALLBACK}", app.links_base);
    let claims = provider.exchange(code, &redirect, &memory.verifier, &memory.nonce, app.now()).await;
    let claims = claims.map_err(|why| Error::NotAllowed(format!("the identity provider: {why}")))?;
    Ok((enter(app, &claims, origin).await?, memory.to))
}

async fn enter(app: &App, claims: &Claims, origin: &Origin) -> Result<SignedIn> {
    let known = app.engine.store().read(BySubject(claims.subject.clone())).await?;
    let (teams, existing) = {
        let scene = app.engine.scene().await?;
        let setup = &scene.world.setup;
        let by_subject = known.as_ref().map(|account| account.user.clone()).filter(|user| setup.user(user).is_some());
        // An address leads to somebody once; from then on the subject does, which nobody else is ever given.
        let by_mail = || claims.email.as_deref().and_then(|mail| find(setup, mail)).map(|user| user.id.clone());
        (teams_of(setup, &claims.groups), by_subject.or_else(by_mail))
    };
    let role = role_of(app, &claims.groups);
    let user = match existing {
        Some(user) => user,
        None => join(app, claims, &teams, role).await?,
    };
    let known = match known.filter(|account| account.user == user) {
        Some(account) => Some(account),
        None => app.engine.store().read(OneAccount(user.clone())).await?,
    };
    if known.as_ref().is_some_and(|account| account.subject.as_ref().is_some_and(|other| *other != claims.subject)) {
        return Err(Error::NotAllowed(format!("{user} is somebody else at the identity provider; an administrator can tell")));
    }
    let now = app.now();
    let present = known.clone().unwrap_or(Account {
        user: user.clone(),
        version: 1,
        role: None,
        password: None,
        password_at: None,
        created_at: now,
        subject: None,
        teams: Vec::new(),
    });
    let account = Account {
        subject: Some(claims.subject.clone()),
        teams,
        // The provider's word is the newest; without one, whatever an administrator gave here stays.
        role: role.map(|role| role.as_str().to_owned()).or(present.role.clone()),
        ..present.clone()
    };
    let signed_in = new_session(app, &user, origin)?;
    let mut row = row_of(app, &user, "session.start", format!("session:{}", signed_in.session.id));
    row.detail = Some(format!("by the identity provider, from {}", origin.address));
    if known.is_none() || account != present {
        let mut changed = row_of(app, &user, "account.provider", format!("user:{user}"));
        let shown = |one: &Account| serde_json::json!({ "role": one.role, "teams": one.teams }).to_string();
        (changed.before, changed.after) = (known.is_some().then(|| shown(&present)), Some(shown(&account)));
        app.engine.store().write(PutProvided { account, known: known.is_some(), row: changed }).await?;
    }
    app.engine.store().write(Start { session: signed_in.session.clone(), forget: None, row }).await?;
    Ok(signed_in)
}

/// The teams whose `groups` somebody is in.
fn teams_of(setup: &Setup, groups: &[String]) -> Vec<String> {
    let of = |team: &&firedog_domain::setup::Team| team.groups.iter().any(|group| groups.contains(group));
    setup.teams.iter().filter(of).map(|team| team.id.to_string()).collect()
}

/// The highest role that `FIREDOG_OIDC_ROLES` gives these groups.
fn role_of(app: &App, groups: &[String]) -> Option<Role> {
    app.config.oidc_roles.iter().filter(|(group, _)| groups.contains(group)).map(|(_, role)| *role).max()
}

/// Somebody whom the setup does not know yet: in, if their groups lead to a team or a role.
async fn join(app: &App, claims: &Claims, teams: &[String], role: Option<Role>) -> Result<UserId> {
    let email = claims.email.as_deref().unwrap_or_default();
    let nobody = app.engine.store().read(Accounts).await?.is_empty();
    if email.is_empty() || teams.is_empty() && role.is_none() && !nobody {
        return Err(Error::NotAllowed(format!(
            "{} is not in the setup, and none of your groups belongs to a team here; ask somebody who manages your team",
            if email.is_empty() { "you have no confirmed e-mail address, so nobody" } else { email }
        )));
    }
    let name = claims.name.clone().unwrap_or_else(|| email.split('@').next().unwrap_or_default().to_owned());
    let base = starter::slug(&name);
    let base = if base.is_empty() { starter::slug(email.split('@').next().unwrap_or("person")) } else { base };
    let taken = |id: &str, setup: &Setup| setup.users.contains(id);
    let id = {
        let scene = app.engine.scene().await?;
        let setup = &scene.world.setup;
        (1..=100).map(|n| if n == 1 { base.clone() } else { format!("{base}-{n}") }).find(|id| !taken(id, setup))
    };
    let id = id.ok_or_else(|| Error::Conflict("there are too many people of this name".to_owned()))?;
    let value = serde_json::json!({ "name": name, "email": email });
    let by = Caller::token("identity provider", Role::Admin);
    objects::put(app, "user", &id, value, Wish::default(), &by).await?;
    Ok(UserId(id))
}

struct BySubject(String);

impl Op for BySubject {
    type Out = Option<Account>;
    const NAME: &'static str = "account_by_subject";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<Self::Out> {
        account::by_subject(tx, &self.0).await
    }
}

struct PutProvided {
    account: Account,
    known: bool,
    row: Record,
}

impl Op for PutProvided {
    type Out = ();
    const NAME: &'static str = "account_provided";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<()> {
        account::put(tx, &self.account, self.known).await?;
        audit::append_many(tx, std::slice::from_ref(&self.row)).await
    }
}

/// Groups with their roles: `firedog-admins=admin,leads=manager`.
pub fn read_roles(text: &str) -> std::result::Result<Vec<(String, Role)>, String> {
    let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (group, role) = pair.rsplit_once('=').ok_or_else(|| format!("`{pair}` is not written GROUP=ROLE"))?;
            let role = Role::parse(role.trim())
                .ok_or_else(|| format!("`{}` is no role; there are viewer, responder, manager, admin", role.trim()))?;
            Ok((group.trim().to_owned(), role))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_of_groups_are_read() {
        assert_eq!(read_roles("a=admin, b = manager"), Ok(vec![("a".to_owned(), Role::Admin), ("b".to_owned(), Role::Manager)]));
        assert!(read_roles("a").unwrap_err().contains("GROUP=ROLE"));
        assert!(read_roles("a=king").unwrap_err().contains("king"));
    }
}
