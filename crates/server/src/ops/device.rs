//! Browsers that take push messages: registering them, and looking after them.

use super::sign_in::nobody;
use super::{Error, Result, record};
use crate::app::App;
use crate::auth::Caller;
use crate::deliver::{RECEIPT, Words};
use firedog_connectors::Aside;
use firedog_domain::id::{ContactId, DeviceId, UserId};
use firedog_domain::setup::{Address, Contact, Content, Device, PUSH};
use firedog_domain::suppression::{Awake, waking};
use firedog_domain::time::after;
use firedog_store::audit::{self, Record};
use firedog_store::device::{self, Registered};
use firedog_store::{Op, Tx};
use jiff::{SignedDuration, Timestamp};

/// Devices of one person: a phone, a tablet, some browsers; more are forgotten ones.
pub const MAX_DEVICES: usize = 10;
/// A device is tested this often.
pub const TEST_EVERY: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Tests sent at one look.
const BATCH: u32 = 20;
/// Longest name of a device, endpoint and keys, in bytes.
const MAX_NAME: usize = 100;
const MAX_ENDPOINT: usize = 2_000;
const MAX_KEY: usize = 200;

/// What a browser gives when it subscribes, and what its owner calls it.
#[derive(Clone, Debug)]
pub struct Subscription {
    pub name: String,
    pub endpoint: String,
    pub p256dh: String,
    pub auth: String,
}

pub async fn list(app: &App, caller: &Caller) -> Result<Vec<Registered>> {
    let user = caller.user.clone().ok_or_else(nobody)?;
    of_user(app, &user).await
}

pub(super) async fn of_user(app: &App, user: &UserId) -> Result<Vec<Registered>> {
    Ok(app.engine.store().read(List { user: user.clone() }).await?)
}

/// Registers the caller's browser; registering it again replaces it.
pub async fn register(app: &App, subscription: Subscription, caller: &Caller) -> Result<Registered> {
    let user = caller.user.clone().ok_or_else(nobody)?;
    if app.engine.scene().await?.world.setup.user(&user).is_none() {
        return Err(Error::NotFound(format!("there is no user `{user}`")));
    }
    let Subscription { name, endpoint, p256dh, auth } = subscription;
    let name = name.trim().to_owned();
    if name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(Error::Invalid(format!("give the device a name of at most {MAX_NAME} bytes, for example `phone`")));
    }
    if endpoint.len() > MAX_ENDPOINT || p256dh.len() > MAX_KEY || auth.len() > MAX_KEY {
        return Err(Error::Invalid("this is no subscription of a browser".to_owned()));
    }
    let device = Device { id: DeviceId(app.engine.new_id()), endpoint, p256dh, auth };
    app.delivery.check_device(&device).map_err(Error::Invalid)?;
    let known = of_user(app, &user).await?;
    if known.iter().filter(|other| other.device.endpoint != device.endpoint).count() >= MAX_DEVICES {
        return Err(Error::Conflict(format!("you have {MAX_DEVICES} devices; remove one that you no longer use")));
    }
    let now = app.now();
    let item = Registered {
        device,
        user,
        name: name.clone(),
        created_at: now,
        sent_at: None,
        outcome: None,
        reason: None,
        received_at: None,
        ready_at: after(now, TEST_EVERY),
    };
    let mut row = record::of(app, caller, "device.add", format!("device:{}", item.device.id));
    row.after = Some(serde_json::json!({ "name": name }).to_string());
    app.engine.store().write(Put { item: item.clone(), row }).await?;
    Ok(item)
}

pub async fn remove(app: &App, id: &str, caller: &Caller) -> Result<()> {
    let gone = || Error::NotFound(format!("you have no device {id}"));
    let known = list(app, caller).await?.into_iter().find(|item| item.device.id.as_str() == id).ok_or_else(gone)?;
    let mut row = record::of(app, caller, "device.remove", format!("device:{id}"));
    row.before = Some(serde_json::json!({ "name": known.name }).to_string());
    match app.engine.store().write(Remove { id: known.device.id, row }).await {
        Err(firedog_store::Error::NotFound) => Err(gone()),
        done => Ok(done?),
    }
}

/// A browser says that it has shown a message.
pub async fn received(app: &App, token: &str) -> Result<()> {
    let unknown = || Error::NotFound("this is no link of ours, or it has run out".to_owned());
    let id = app.key.read_signed(RECEIPT, token, app.now()).ok_or_else(unknown)?;
    match app.engine.store().write(Received { id: DeviceId(id), at: app.now() }).await {
        Err(firedog_store::Error::NotFound) => Err(unknown()),
        done => Ok(done?),
    }
}

/// The contact method `push` of one device.
fn contact(device: &Device) -> Contact {
    let address = Address::Push([device.clone()].into());
    Contact { id: ContactId::from(PUSH), address, secret: None, content: Content::Full, rings: false }
}

/// Sends each device that is due a message, once a week and in its owner's waking hours: whoever asks how they are reached sees when
/// it last worked. Answers how many.
pub async fn test_due(app: &App) -> Result<usize> {
    let now = app.now();
    let due = app.engine.store().write(Claim { now, next: after(now, TEST_EVERY) }).await?;
    let scene = app.engine.scene().await?;
    let mut tested = 0;
    for item in due {
        let id = item.device.id.clone();
        let Some(user) = scene.world.setup.user(&item.user) else {
            app.engine.store().write(Forget(id)).await?;
            continue;
        };
        if let Awake::At { from } = waking(user, None, now) {
            app.engine.store().write(TestAt { id, at: from }).await?;
            continue;
        }
        let words = Words::test(Aside::Routine, format!("check-{}-{}", id, now.as_second()), app.links_base.clone());
        app.delivery.tell(user, contact(&item.device), words).await;
        tested += 1;
    }
    Ok(tested)
}

struct List {
    user: UserId,
}

impl Op for List {
    type Out = Vec<Registered>;
    const NAME: &'static str = "device_list";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<Self::Out> {
        device::list(tx, Some(&self.user), 2 * MAX_DEVICES as u32).await
    }
}

struct Put {
    item: Registered,
    row: Record,
}

impl Op for Put {
    type Out = ();
    const NAME: &'static str = "device_put";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<()> {
        device::put(tx, &self.item).await?;
        audit::append_many(tx, std::slice::from_ref(&self.row)).await
    }
}

struct Remove {
    id: DeviceId,
    row: Record,
}

impl Op for Remove {
    type Out = ();
    const NAME: &'static str = "device_remove";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<()> {
        device::remove(tx, &self.id).await?;
        audit::append_many(tx, std::slice::from_ref(&self.row)).await
    }
}

struct Forget(DeviceId);

impl Op for Forget {
    type Out = ();
    const NAME: &'static str = "device_forget";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<()> {
        device::remove(tx, &self.0).await
    }
}

struct Received {
    id: DeviceId,
    at: Timestamp,
}

impl Op for Received {
    type Out = ();
    const NAME: &'static str = "device_received";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<()> {
        device::received(tx, &self.id, self.at).await
    }
}

struct Claim {
    now: Timestamp,
    next: Timestamp,
}

impl Op for Claim {
    type Out = Vec<Registered>;
    const NAME: &'static str = "device_claim_tests";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<Self::Out> {
        device::claim_tests(tx, self.now, self.next, BATCH).await
    }
}

struct TestAt {
    id: DeviceId,
    at: Timestamp,
}

impl Op for TestAt {
    type Out = ();
    const NAME: &'static str = "device_test_at";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<()> {
        device::test_at(tx, &self.id, self.at).await
    }
}
