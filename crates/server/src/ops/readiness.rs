//! Whether people can be reached: contact methods tried out, and what is known of each.

use super::sign_in::nobody;
use super::{Error, Result};
use crate::app::App;
use crate::auth::{Caller, digest};
use crate::deliver::Words;
use firedog_connectors::Aside;
use firedog_domain::delivery::Outcome;
use firedog_domain::id::{ContactId, UserId};
use firedog_domain::setup::{Channel, Contact, PUSH, Setup, Target, User};
use firedog_domain::suppression::World;
use firedog_domain::time::after;
use firedog_store::contact_test::{self, ContactTest};
use firedog_store::device::Registered;
use firedog_store::{Op, Tx};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// A test counts for so long; numbers change, phones are replaced.
pub const FRESH: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Between two tests of one contact method: nobody's phone is a toy for somebody with a script.
const PAUSE: SignedDuration = SignedDuration::from_secs(5);
/// How long a test's link may be opened.
const CONFIRM_LIFE: SignedDuration = SignedDuration::from_hours(24);
/// What the token of such a link is signed for.
const CONFIRM: &str = "reached";
const MAX_TESTS: u32 = 100_000;

/// How somebody can be reached.
#[derive(Clone, Debug, PartialEq)]
pub struct Readiness {
    pub user: UserId,
    pub contacts: Vec<ContactState>,
    /// Why nobody knows whether they would wake; `None`: one of their contact methods has shown it.
    pub lacking: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ContactState {
    pub id: ContactId,
    pub channel: Channel,
    pub rings: bool,
    pub sent_at: Option<Timestamp>,
    pub outcome: Option<String>,
    pub reason: Option<String>,
    /// When its owner last said that a test had reached them (of push: when a browser last did by itself).
    pub confirmed_at: Option<Timestamp>,
}

/// What came of a test.
#[derive(Clone, Debug)]
pub struct Tested {
    pub contact: ContactId,
    pub sent_at: Timestamp,
    pub outcome: Outcome,
}

/// Sends the caller a test over one of their own contact methods. Default: the first of their setup, else their devices.
pub async fn test(app: &App, contact: Option<&str>, caller: &Caller) -> Result<Tested> {
    let id = caller.user.clone().ok_or_else(nobody)?;
    let scene = app.engine.scene().await?;
    let user = scene.world.setup.user(&id).ok_or_else(|| Error::NotFound(format!("there is no user `{id}`")))?;
    let contact = find(&scene.world, user, contact)?;
    let (now, digest) = (app.now(), digest(contact.address.as_str()));
    let last = tests(app, Some(&id)).await?.into_iter().find(|test| test.contact == contact.id);
    if let Some(wait) = last.map(|test| after(test.sent_at, PAUSE).duration_since(now)).filter(|wait| wait.is_positive()) {
        return Err(Error::TooMany(u64::try_from(wait.as_secs()).unwrap_or(0).max(1)));
    }
    let token = app.key.sign(CONFIRM, &format!("{id}/{}/{digest}", contact.id), after(now, CONFIRM_LIFE));
    let url = format!("{}/reached/{token}", app.links_base);
    let key = format!("test-{id}-{}-{}", contact.id, now.as_second());
    let outcome = app.delivery.tell(user, contact.clone(), Words::test(Aside::Test, key, url)).await;
    let test = ContactTest {
        user: id,
        contact: contact.id.clone(),
        address_digest: digest,
        sent_at: now,
        outcome: outcome.as_str().to_owned(),
        reason: outcome.reason().map(ToOwned::to_owned),
        confirmed_at: None,
    };
    app.engine.store().write(Put(test)).await?;
    Ok(Tested { contact: contact.id, sent_at: now, outcome })
}

fn find(world: &World, user: &User, wanted: Option<&str>) -> Result<Contact> {
    let mut all = user.contacts();
    all.extend(world.live.push_contact(&user.id));
    let known = all.iter().map(|contact| contact.id.as_str()).collect::<Vec<_>>().join(", ");
    let found = all.into_iter().find(|contact| wanted.is_none_or(|wanted| contact.id.as_str() == wanted));
    found.ok_or_else(|| match wanted {
        Some(PUSH) => Error::NotFound("none of your browsers is registered; do so in the app".to_owned()),
        Some(wanted) => Error::NotFound(format!("you have no contact method `{wanted}`; there are: {known}")),
        None => Error::NotFound("you have no contact method; register this browser, or add one in the setup".to_owned()),
    })
}

/// The caller says that a test has reached them.
pub async fn confirm(app: &App, contact: &str, caller: &Caller) -> Result<()> {
    let id = caller.user.clone().ok_or_else(nobody)?;
    let scene = app.engine.scene().await?;
    let user = scene.world.setup.user(&id).ok_or_else(|| Error::NotFound(format!("there is no user `{id}`")))?;
    let contact = find(&scene.world, user, Some(contact))?;
    confirmed(app, &id, contact.id, digest(contact.address.as_str())).await
}

/// Whose test a link belongs to: the person and the contact method.
pub fn of_link(app: &App, token: &str) -> Option<(UserId, ContactId)> {
    let text = app.key.read_signed(CONFIRM, token, app.now())?;
    let mut parts = text.split('/');
    Some((UserId::from(parts.next()?), ContactId::from(parts.next()?)))
}

/// The same by the link of the test.
pub async fn confirm_link(app: &App, token: &str) -> Result<()> {
    let unknown = || Error::NotFound("this is no link of ours, or it has run out".to_owned());
    let text = app.key.read_signed(CONFIRM, token, app.now()).ok_or_else(unknown)?;
    let [user, contact, digest] = text.split('/').collect::<Vec<_>>()[..] else { return Err(unknown()) };
    confirmed(app, &UserId::from(user), ContactId::from(contact), digest.to_owned()).await
}

async fn confirmed(app: &App, user: &UserId, contact: ContactId, digest: String) -> Result<()> {
    let op = Confirm { user: user.clone(), contact: contact.clone(), digest, at: app.now() };
    match app.engine.store().write(op).await {
        Err(firedog_store::Error::NotFound) => Err(Error::Conflict(format!("no test was sent over `{contact}`; send one first"))),
        done => Ok(done?),
    }
}

/// How everybody can be reached; `user`: one person.
pub async fn of(app: &App, user: Option<&str>) -> Result<Vec<Readiness>> {
    let scene = app.engine.scene().await?;
    let setup = &scene.world.setup;
    if let Some(user) = user.filter(|user| !setup.users.contains(user)) {
        return Err(Error::NotFound(format!("there is no user `{user}`")));
    }
    let only = user.map(UserId::from);
    let tests = tests(app, only.as_ref()).await?;
    let devices = app.engine.store().read(Devices(only)).await?;
    let people = setup.users.iter().filter(|one| user.is_none_or(|user| one.id.as_str() == user));
    Ok(people.map(|user| one(user, &tests, &devices, app.now())).collect())
}

/// Those of them who may be paged and have shown nothing that wakes them.
pub async fn lacking(app: &App) -> Result<Vec<Readiness>> {
    let named = {
        let scene = app.engine.scene().await?;
        named(&scene.world.setup)
    };
    Ok(of(app, None).await?.into_iter().filter(|row| row.lacking.is_some() && named.contains(&row.user)).collect())
}

/// Everybody whom a schedule, a policy or the catch-all names.
fn named(setup: &Setup) -> BTreeSet<UserId> {
    let mut named = BTreeSet::new();
    for schedule in setup.schedules.iter() {
        named.extend(schedule.layers.iter().flat_map(|layer| layer.users.iter().flatten()).cloned());
    }
    let steps = setup.policies.iter().flat_map(|policy| &policy.steps).flat_map(|step| &step.page);
    for target in steps.chain(setup.catch_all.iter().flat_map(|catch_all| &catch_all.page)) {
        match target {
            Target::User(user) => {
                named.insert(user.clone());
            }
            Target::Team(team) => named.extend(setup.team(team).into_iter().flat_map(|team| &team.members).cloned()),
            Target::Schedule(_) => {}
        }
    }
    named
}

fn one(user: &User, tests: &[ContactTest], devices: &[Registered], now: Timestamp) -> Readiness {
    let state = |contact: &Contact| {
        let digest = digest(contact.address.as_str());
        let test = tests.iter().find(|test| test.user == user.id && test.contact == contact.id && test.address_digest == digest);
        ContactState {
            id: contact.id.clone(),
            channel: contact.address.channel(),
            rings: contact.rings,
            sent_at: test.map(|test| test.sent_at),
            outcome: test.map(|test| test.outcome.clone()),
            reason: test.and_then(|test| test.reason.clone()),
            confirmed_at: test.and_then(|test| test.confirmed_at),
        }
    };
    let mut contacts: Vec<ContactState> = user.contacts().iter().map(state).collect();
    let lacking = lacks(&contacts, now);
    let own: Vec<&Registered> = devices.iter().filter(|device| device.user == user.id).collect();
    if let Some(last) = own.iter().max_by_key(|device| device.sent_at) {
        contacts.push(ContactState {
            id: ContactId::from(PUSH),
            channel: Channel::Push,
            rings: false,
            sent_at: last.sent_at,
            outcome: last.outcome.clone(),
            reason: last.reason.clone(),
            confirmed_at: own.iter().filter_map(|device| device.received_at).max(),
        });
    }
    Readiness { user: user.id.clone(), contacts, lacking }
}

fn lacks(contacts: &[ContactState], now: Timestamp) -> Option<String> {
    let mut ringing = contacts.iter().filter(|contact| contact.rings).peekable();
    if ringing.peek().is_none() {
        return Some("no contact method that rings although the phone is silent".to_owned());
    }
    let proven = |contact: &ContactState| contact.confirmed_at.is_some_and(|at| after(at, FRESH) > now);
    if ringing.clone().any(proven) {
        return None;
    }
    let names = ringing.map(|contact| contact.id.as_str()).collect::<Vec<_>>().join(", ");
    Some(format!("`{names}` has not been tested in the last {} days", FRESH.as_hours() / 24))
}

async fn tests(app: &App, user: Option<&UserId>) -> Result<Vec<ContactTest>> {
    Ok(app.engine.store().read(Tests(user.cloned())).await?)
}

struct Tests(Option<UserId>);

impl Op for Tests {
    type Out = Vec<ContactTest>;
    const NAME: &'static str = "contact_tests";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<Self::Out> {
        contact_test::list(tx, self.0.as_ref(), MAX_TESTS).await
    }
}

struct Devices(Option<UserId>);

impl Op for Devices {
    type Out = Vec<Registered>;
    const NAME: &'static str = "devices_all";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<Self::Out> {
        firedog_store::device::list(tx, self.0.as_ref(), MAX_TESTS).await
    }
}

struct Put(ContactTest);

impl Op for Put {
    type Out = ();
    const NAME: &'static str = "contact_test_put";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<()> {
        contact_test::put(tx, &self.0).await
    }
}

struct Confirm {
    user: UserId,
    contact: ContactId,
    digest: String,
    at: Timestamp,
}

impl Op for Confirm {
    type Out = ();
    const NAME: &'static str = "contact_test_confirm";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<()> {
        contact_test::confirm(tx, &self.user, &self.contact, &self.digest, self.at).await
    }
}
