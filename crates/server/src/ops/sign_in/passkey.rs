//! Passkeys (WebAuthn Level 2): a credential that a browser or a phone keeps, bound to this address. Only ES256, which every
//! authenticator has, and no attestation: whose key it is, whoever is signed in says.

use super::{OneAccount, Origin, Result, SignedIn, Start, new_session, nobody, row_of};
use crate::app::App;
use crate::auth::{Caller, digest};
use crate::ops::{Error, record};
use crate::secret::random;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use firedog_domain::id::UserId;
use firedog_store::audit::{self, Record};
use firedog_store::passkey::{self, Passkey};
use firedog_store::{Op, Tx};
use jiff::{SignedDuration, Timestamp};
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// How long a challenge may be answered.
const CHALLENGE_LIFE: SignedDuration = SignedDuration::from_mins(5);
/// Passkeys of one person.
const MAX_PASSKEYS: usize = 20;
const MAX_NAME: usize = 60;
/// Credential ids have 16 to 1,023 bytes.
const MAX_ID: usize = 1_364;
/// A P-256 key as SubjectPublicKeyInfo is this and an uncompressed point.
const SPKI_P256: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03,
    0x01, 0x07, 0x03, 0x42, 0x00,
];
/// Flags of authenticator data: somebody was there, and has shown that it is they.
const PRESENT: u8 = 1;
const VERIFIED: u8 = 4;

/// Whom a browser deals with: the host that passkeys are bound to, and where its page comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    pub id: String,
    pub origin: String,
}

/// The party of a request: the public URL's, or this machine by its name while somebody tries things out.
pub fn party(app: &App, host: Option<&str>) -> Party {
    let own = url::Url::parse(&app.links_base).ok();
    let local =
        host.and_then(|host| url::Url::parse(&format!("http://{host}")).ok()).filter(|url| url.host_str() == Some("localhost"));
    let url = local.or(own);
    Party {
        id: url.as_ref().and_then(|url| url.host_str()).unwrap_or_default().to_owned(),
        origin: url.map(|url| url.origin().ascii_serialization()).unwrap_or_default(),
    }
}

/// What a browser signs next; it is taken once.
pub async fn challenge(app: &App) -> Result<String> {
    let fresh = random::<32>().map_err(|error| Error::Broken(error.to_string()))?;
    let challenge = URL_SAFE_NO_PAD.encode(fresh);
    let now = app.now();
    let expires = firedog_domain::time::after(now, CHALLENGE_LIFE);
    app.engine.store().write(Ask { hash: digest(&challenge), now, expires }).await?;
    Ok(challenge)
}

/// A credential that a browser has made.
#[derive(Clone, Debug)]
pub struct Registration {
    pub name: String,
    pub id: String,
    /// SubjectPublicKeyInfo, in base64url.
    pub public_key: String,
    pub client_data: String,
    pub authenticator_data: String,
}

/// An answer to a challenge.
#[derive(Clone, Debug)]
pub struct Assertion {
    pub id: String,
    pub client_data: String,
    pub authenticator_data: String,
    pub signature: String,
}

pub async fn list(app: &App, caller: &Caller) -> Result<Vec<Passkey>> {
    let user = caller.user.clone().ok_or_else(nobody)?;
    Ok(app.engine.store().read(OfUser(user)).await?)
}

pub async fn register(app: &App, given: Registration, party: &Party, caller: &Caller) -> Result<Passkey> {
    let user = caller.user.clone().ok_or_else(nobody)?;
    let name = given.name.trim().to_owned();
    if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(Error::Invalid(format!("a passkey has a name of 1 to {MAX_NAME} characters")));
    }
    let wrong = |what: &str| Error::Invalid(format!("this passkey cannot be taken: {what}"));
    if given.id.is_empty() || given.id.len() > MAX_ID || decode(&given.id).is_none() {
        return Err(wrong("its id is none"));
    }
    let key = decode(&given.public_key).ok_or_else(|| wrong("its key cannot be read"))?;
    let point = key.strip_prefix(&SPKI_P256).filter(|point| point.len() == 65 && point[0] == 4);
    let point = point.ok_or_else(|| wrong("only ES256 keys are taken"))?;
    let challenge = client_data(&given.client_data, "webauthn.create", party).map_err(wrong)?;
    let data = decode(&given.authenticator_data).ok_or_else(|| wrong("its data cannot be read"))?;
    let count = authenticator(&data, party).map_err(wrong)?;
    if list(app, caller).await?.len() >= MAX_PASSKEYS {
        return Err(Error::Conflict(format!("you have {MAX_PASSKEYS} passkeys; remove one that you no longer use")));
    }
    let now = app.now();
    let made = Passkey {
        id: given.id,
        user,
        name,
        public_key: URL_SAFE_NO_PAD.encode(point),
        sign_count: count,
        created_at: now,
        last_used_at: None,
    };
    let row = record::of(app, caller, "passkey.add", format!("passkey:{}", made.name));
    match app.engine.store().write(Add { key: made.clone(), challenge: digest(&challenge), row, now }).await {
        Err(firedog_store::Error::NotFound) => Err(Error::Conflict("it took too long; try again".to_owned())),
        Err(firedog_store::Error::Conflict) => Err(Error::Conflict("this passkey is registered already".to_owned())),
        done => Ok(done.map(|()| made)?),
    }
}

pub async fn remove(app: &App, id: &str, caller: &Caller) -> Result<()> {
    let user = caller.user.clone().ok_or_else(nobody)?;
    let row = record::of(app, caller, "passkey.remove", format!("user:{user}"));
    match app.engine.store().write(Remove { user, id: id.to_owned(), row }).await {
        Err(firedog_store::Error::NotFound) => Err(Error::NotFound("you have no such passkey".to_owned())),
        done => Ok(done?),
    }
}

/// Signs somebody in by what their passkey has signed.
pub async fn enter(app: &App, given: &Assertion, party: &Party, origin: &Origin) -> Result<SignedIn> {
    // One answer for everything: it tells nobody which passkeys there are.
    let refused = |why: &str| {
        tracing::debug!(why, "a passkey was refused");
        Error::NotAllowed("this passkey opens nothing here; sign in another way and register it again".to_owned())
    };
    let challenge = client_data(&given.client_data, "webauthn.get", party).map_err(refused)?;
    if given.id.len() > MAX_ID {
        return Err(refused("its id is none"));
    }
    let key = app.engine.store().read(OneKey(given.id.clone())).await?.ok_or_else(|| refused("nobody has it"))?;
    let data = decode(&given.authenticator_data).ok_or_else(|| refused("its data cannot be read"))?;
    let count = authenticator(&data, party).map_err(refused)?;
    let client = decode(&given.client_data).ok_or_else(|| refused("its data cannot be read"))?;
    let signature = decode(&given.signature).ok_or_else(|| refused("its signature cannot be read"))?;
    let point = decode(&key.public_key).ok_or_else(|| Error::Broken("a stored passkey cannot be read".to_owned()))?;
    let signed = [data.as_slice(), &Sha256::digest(&client)].concat();
    if UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &point).verify(&signed, &signature).is_err() {
        return Err(refused("its signature is wrong"));
    }
    // One that counts and has not moved on was copied (6.1.1).
    if (count != 0 || key.sign_count != 0) && count <= key.sign_count {
        tracing::warn!(user = %key.user, passkey = key.name, "a passkey has counted backwards: somebody may have copied it");
        return Err(refused("it has counted backwards"));
    }
    if app.engine.scene().await?.world.setup.user(&key.user).is_none() {
        return Err(refused("its owner has left"));
    }
    let signed_in = new_session(app, &key.user, origin)?;
    let mut row = row_of(app, &key.user, "session.start", format!("session:{}", signed_in.session.id));
    row.detail = Some(format!("with the passkey {}, from {}", key.name, origin.address));
    let used = Used { id: key.id, before: key.sign_count, after: count, challenge: digest(&challenge), now: app.now() };
    match app.engine.store().write(used).await {
        Ok(()) => {}
        Err(firedog_store::Error::NotFound | firedog_store::Error::Conflict) => return Err(refused("it was answered before")),
        Err(error) => return Err(error.into()),
    }
    app.engine.store().write(Start { session: signed_in.session.clone(), forget: None, row }).await?;
    Ok(signed_in)
}

/// Whether somebody could sign in without a password.
pub async fn has_any(app: &App, user: &UserId) -> Result<bool> {
    let account = app.engine.store().read(OneAccount(user.clone())).await?;
    let by_provider = account.is_some_and(|account| account.subject.is_some());
    Ok(by_provider || !app.engine.store().read(OfUser(user.clone())).await?.is_empty())
}

fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()
}

#[derive(Deserialize)]
struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(default, rename = "crossOrigin")]
    cross_origin: bool,
}

/// The challenge that a browser has answered, if it did so on a page of ours.
fn client_data(text: &str, kind: &str, party: &Party) -> std::result::Result<String, &'static str> {
    let bytes = decode(text).filter(|bytes| bytes.len() <= 4_096).ok_or("the browser's data cannot be read")?;
    let data: ClientData = serde_json::from_slice(&bytes).map_err(|_| "the browser's data cannot be read")?;
    if data.kind != kind {
        return Err("it is for something else");
    }
    if data.origin != party.origin || data.cross_origin {
        return Err("it was made on another site; open Firedog at its public URL");
    }
    Ok(data.challenge)
}

/// The authenticator's count, if it was made for us and has asked who is there.
fn authenticator(data: &[u8], party: &Party) -> std::result::Result<i64, &'static str> {
    let (site, rest) = data.split_at_checked(32).ok_or("the authenticator's data is too short")?;
    let [flags, a, b, c, d, ..] = *rest else { return Err("the authenticator's data is too short") };
    if site != Sha256::digest(party.id.as_bytes()).as_slice() {
        return Err("it is bound to another address");
    }
    if flags & PRESENT == 0 || flags & VERIFIED == 0 {
        return Err("the authenticator has not asked who is there");
    }
    Ok(i64::from(u32::from_be_bytes([a, b, c, d])))
}

struct Ask {
    hash: String,
    now: Timestamp,
    expires: Timestamp,
}

impl Op for Ask {
    type Out = ();
    const NAME: &'static str = "passkey_ask";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<()> {
        passkey::ask(tx, &self.hash, self.now, self.expires).await
    }
}

struct OfUser(UserId);

impl Op for OfUser {
    type Out = Vec<Passkey>;
    const NAME: &'static str = "passkey_list";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<Self::Out> {
        passkey::of_user(tx, &self.0, 2 * MAX_PASSKEYS as u32).await
    }
}

struct OneKey(String);

impl Op for OneKey {
    type Out = Option<Passkey>;
    const NAME: &'static str = "passkey_get";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<Self::Out> {
        passkey::get(tx, &self.0).await
    }
}

struct Add {
    key: Passkey,
    challenge: String,
    row: Record,
    now: Timestamp,
}

impl Op for Add {
    type Out = ();
    const NAME: &'static str = "passkey_add";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<()> {
        passkey::answer(tx, &self.challenge, self.now).await?;
        passkey::insert(tx, &self.key).await?;
        audit::append_many(tx, std::slice::from_ref(&self.row)).await
    }
}

struct Remove {
    user: UserId,
    id: String,
    row: Record,
}

impl Op for Remove {
    type Out = ();
    const NAME: &'static str = "passkey_remove";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<()> {
        passkey::remove(tx, &self.user, &self.id).await?;
        audit::append_many(tx, std::slice::from_ref(&self.row)).await
    }
}

struct Used {
    id: String,
    before: i64,
    after: i64,
    challenge: String,
    now: Timestamp,
}

impl Op for Used {
    type Out = ();
    const NAME: &'static str = "passkey_used";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<()> {
        passkey::answer(tx, &self.challenge, self.now).await?;
        passkey::used(tx, &self.id, self.before, self.after, self.now).await
    }
}
