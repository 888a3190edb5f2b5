//! Signing in at an identity provider: OpenID Connect Core 1.0, the authorisation code flow with PKCE (RFC 7636), discovery, and ID tokens
//! that are signed with a key of the provider's JWKS.

use crate::http::client;
use crate::targets::Targets;
use crate::webhook::TIMEOUT;
use jiff::Timestamp;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use reqwest::{Client, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use url::Url;

/// Documents of a provider have some kilobytes.
const MAX_ANSWER_BYTES: usize = 256 << 10;
/// How long discovery and keys are believed. A token with a key that is not known makes them be read again at once.
const FRESH: Duration = Duration::from_secs(600);
/// The provider's clock may be off by so much, in seconds.
const LEEWAY_S: i64 = 120;
/// Signatures that are taken. `none` and shared secrets are not among them.
const ALGORITHMS: [Algorithm; 6] =
    [Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::ES256, Algorithm::ES384];

/// What an operator sets.
#[derive(Clone)]
pub struct Settings {
    /// Without a slash at its end: `/.well-known/openid-configuration` is put behind it.
    pub issuer: String,
    pub client_id: String,
    /// `None`: a public client; PKCE protects the code.
    pub client_secret: Option<String>,
    /// Claim that lists somebody's groups.
    pub groups_claim: String,
    /// Asked for beside `openid email profile`.
    pub scopes: Vec<String>,
}

/// A provider, with what it said of itself last.
pub struct Provider {
    settings: Settings,
    client: Client,
    known: Mutex<Option<(Instant, Known)>>,
}

#[derive(Clone)]
struct Known {
    discovery: Discovery,
    keys: JwkSet,
}

#[derive(Clone, Deserialize)]
struct Discovery {
    issuer: String,
    authorization_endpoint: Url,
    token_endpoint: Url,
    jwks_uri: Url,
    userinfo_endpoint: Option<Url>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
}

/// What is known of somebody who has signed in there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Unique at this issuer, for ever; nothing else is.
    pub subject: String,
    /// Only if the provider does not say that it has not looked.
    pub email: Option<String>,
    pub name: Option<String>,
    pub groups: Vec<String>,
}

/// A request that leads to the provider: what to remember of it is in here.
#[derive(Clone, Debug)]
pub struct Leave<'a> {
    pub redirect: &'a str,
    pub state: &'a str,
    pub nonce: &'a str,
    /// S256 of the verifier.
    pub challenge: &'a str,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
    access_token: Option<String>,
}

type Said = serde_json::Map<String, serde_json::Value>;

impl Provider {
    /// # Errors
    /// In words, which setting is wrong.
    pub fn new(settings: Settings) -> Result<Self, String> {
        // An operator names it, so it may be inside.
        let targets = Targets { admin: true, allowed: [].into() };
        targets.check_url(&settings.issuer)?;
        Ok(Self { client: client(targets, TIMEOUT, None)?, settings, known: Mutex::default() })
    }

    /// Where a browser goes to sign in.
    pub async fn authorize_url(&self, leave: &Leave<'_>) -> Result<String, String> {
        let known = self.known(false).await?;
        let mut url = known.discovery.authorization_endpoint;
        let scope = ["openid", "email", "profile"].into_iter().chain(self.settings.scopes.iter().map(String::as_str));
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", leave.redirect)
            .append_pair("scope", &scope.collect::<Vec<_>>().join(" "))
            .append_pair("state", leave.state)
            .append_pair("nonce", leave.nonce)
            .append_pair("code_challenge", leave.challenge)
            .append_pair("code_challenge_method", "S256");
        Ok(url.into())
    }

    /// Changes the code that a browser came back with for what the provider says of its owner.
    pub async fn exchange(
        &self,
        code: &str,
        redirect: &str,
        verifier: &str,
        nonce: &str,
        now: Timestamp,
    ) -> Result<Claims, String> {
        let known = self.known(false).await?;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect),
            ("code_verifier", verifier),
            ("client_id", &self.settings.client_id),
        ];
        let mut request = self.client.post(known.discovery.token_endpoint.clone());
        if let Some(secret) = &self.settings.client_secret {
            // Basic is what the standard makes the default; some providers take the form only.
            let methods = &known.discovery.token_endpoint_auth_methods_supported;
            if methods.is_empty() || methods.iter().any(|method| method == "client_secret_basic") {
                request = request.basic_auth(encoded(&self.settings.client_id), Some(encoded(secret)));
            } else {
                form.push(("client_secret", secret));
            }
        }
        let answer = request.form(&form).send().await.map_err(|error| format!("the token endpoint: {}", error.without_url()))?;
        let tokens: Tokens = read(answer, "the token endpoint").await?;
        let said = match self.verify(&tokens.id_token, &known, nonce, now) {
            // Providers change their keys now and then.
            Err(Bad::Key) => {
                let newest = self.known(true).await?;
                self.verify(&tokens.id_token, &newest, nonce, now)
            }
            done => done,
        };
        let mut said = said.map_err(|bad| bad.to_string())?;
        // A provider that keeps to the letter says the rest there only (Core, 5.4).
        let complete = said.contains_key("email") && said.contains_key(&self.settings.groups_claim);
        if let (false, Some(url), Some(token)) = (complete, &known.discovery.userinfo_endpoint, &tokens.access_token) {
            let answer = self.client.get(url.clone()).bearer_auth(token).send().await;
            let more: Said = read(answer.map_err(|error| format!("userinfo: {}", error.without_url()))?, "userinfo").await?;
            // Core, 5.3.2: of somebody else it says nothing.
            if more.get("sub") == said.get("sub") {
                more.into_iter().for_each(|(name, value)| {
                    said.entry(name).or_insert(value);
                });
            }
        }
        self.claims(&said, &known.discovery.issuer)
    }

    fn claims(&self, said: &Said, issuer: &str) -> Result<Claims, String> {
        let text = |name: &str| said.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
        let subject = text("sub").filter(|sub| !sub.is_empty() && sub.len() <= 255).ok_or("the token names nobody")?;
        let verified = said.get("email_verified").is_none_or(|said| said == true || said == "true");
        let groups = match said.get(&self.settings.groups_claim) {
            Some(serde_json::Value::Array(items)) => items.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect(),
            Some(serde_json::Value::String(one)) => vec![one.clone()],
            _ => Vec::new(),
        };
        let subject = format!("{issuer}|{subject}");
        Ok(Claims { subject, email: text("email").filter(|_| verified), name: text("name"), groups })
    }

    fn verify(&self, token: &str, known: &Known, nonce: &str, now: Timestamp) -> Result<Said, Bad> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| Bad::Token("cannot be read"))?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(Bad::Token("is signed in a way that is not taken"));
        }
        let fits = |key: &&jsonwebtoken::jwk::Jwk| header.kid.as_ref().is_none_or(|kid| key.common.key_id.as_ref() == Some(kid));
        let key = known.keys.keys.iter().find(fits).ok_or(Bad::Key)?;
        let key = DecodingKey::from_jwk(key).map_err(|_| Bad::Key)?;
        let mut validation = Validation::new(header.alg);
        validation.set_issuer(&[&known.discovery.issuer]);
        validation.set_audience(&[&self.settings.client_id]);
        validation.set_required_spec_claims(&["iss", "aud", "exp", "sub"]);
        // Against our own clock, below.
        validation.validate_exp = false;
        let decoded = jsonwebtoken::decode::<Said>(token, &key, &validation);
        let claims = decoded.map_err(|_| Bad::Token("is not for us, or not signed by its issuer"))?.claims;
        let number = |name: &str| claims.get(name).and_then(serde_json::Value::as_i64);
        let text = |name: &str| claims.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
        if number("exp").is_none_or(|exp| exp + LEEWAY_S <= now.as_second()) {
            return Err(Bad::Token("has run out; are the clocks right?"));
        }
        if text("nonce").as_deref() != Some(nonce) {
            return Err(Bad::Token("answers another request"));
        }
        if claims.get("aud").is_some_and(serde_json::Value::is_array)
            && text("azp").is_some_and(|azp| azp != self.settings.client_id)
        {
            return Err(Bad::Token("was made for another client"));
        }
        Ok(claims)
    }

    async fn known(&self, newest: bool) -> Result<Known, String> {
        let kept = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, known)) = kept.filter(|(since, _)| !newest && since.elapsed() < FRESH) {
            return Ok(known);
        }
        let url = format!("{}/.well-known/openid-configuration", self.settings.issuer);
        let discovery: Discovery = self.get(&url, "discovery").await?;
        // Core, 3.1.3.7: the issuer is the one that was asked, to the letter.
        if discovery.issuer.trim_end_matches('/') != self.settings.issuer {
            return Err(format!("the provider calls itself {}; set FIREDOG_OIDC_ISSUER to that", discovery.issuer));
        }
        let keys = self.get(discovery.jwks_uri.as_str(), "its keys").await?;
        let known = Known { discovery, keys };
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), known.clone()));
        Ok(known)
    }

    async fn get<T: DeserializeOwned>(&self, url: &str, what: &str) -> Result<T, String> {
        let answer = self.client.get(url).send().await.map_err(|error| format!("{what}: {}", error.without_url()))?;
        read(answer, what).await
    }
}

/// As a part of the user name or password of HTTP Basic (RFC 6749, 2.3.1).
fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

async fn read<T: DeserializeOwned>(mut answer: Response, what: &str) -> Result<T, String> {
    let status = answer.status();
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| format!("{what}: {}", error.without_url()))? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ANSWER_BYTES {
            return Err(format!("{what}: the answer is too large"));
        }
    }
    if !status.is_success() {
        let said: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        let said = said["error"].as_str().unwrap_or_default();
        return Err(format!("{what}: HTTP {status} {}", crate::bounds::cut(&crate::bounds::one_line(said), 100)));
    }
    serde_json::from_slice(&body).map_err(|error| format!("{what}: {error}"))
}

/// Why an ID token is not believed.
#[derive(Debug, thiserror::Error)]
enum Bad {
    #[error("the token is signed with a key that the provider does not publish")]
    Key,
    #[error("the token {0}")]
    Token(&'static str),
}
