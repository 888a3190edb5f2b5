//! The connections of the setup as clients, made once and kept until their configuration changes.

use super::mounted;
use crate::secret::{Key, Secret};
use firedog_connectors::blackbox::Blackbox;
use firedog_connectors::call::{Auth, CallError, Site};
use firedog_connectors::elasticsearch::{Fields, Logs};
use firedog_connectors::jenkins::Jenkins;
use firedog_connectors::kubernetes::Kubernetes;
use firedog_connectors::marathon::Marathon;
use firedog_connectors::mesos::Mesos;
use firedog_connectors::portal::Portal;
use firedog_connectors::prometheus::Prometheus;
use firedog_connectors::slack::Slack;
use firedog_domain::id::ConnectionId;
use firedog_domain::setup::catalogue::template;
use firedog_domain::setup::{Connection, ConnectionKind, Setup};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Places that one probe asks at once; nobody has more networks.
const MAX_VANTAGES: usize = 10;

/// What the sealed secret of a connection is bound to.
pub fn place(id: &ConnectionId) -> String {
    format!("connection/{id}")
}

/// What its sealed signing secret is bound to.
pub fn signing_place(id: &ConnectionId) -> String {
    format!("connection/{id}/signing")
}

#[derive(Clone)]
pub enum Client {
    Logs(Arc<Logs>),
    Slack(Arc<Slack>),
    Prometheus(Arc<Prometheus>),
    Jenkins(Arc<Jenkins>),
    Marathon(Arc<Marathon>),
    Mesos(Arc<Mesos>),
    Kubernetes(Arc<Kubernetes>),
    Blackbox(Arc<Blackbox>),
    Portal(Arc<Portal>),
}

/// By id, with the configuration and the mounted secret that it was made of.
type Made = Mutex<HashMap<ConnectionId, (Connection, Option<Secret>, Client)>>;

pub struct Connected {
    key: Key,
    secrets_dir: Option<PathBuf>,
    made: Arc<Made>,
    /// The one that was asked for last, to say whose it is if it does not work.
    last: Mutex<Option<ConnectionId>>,
}

impl Connected {
    /// `secrets_dir`: where mounted secrets are.
    pub fn new(key: Key, secrets_dir: Option<PathBuf>) -> Self {
        Self { key, secrets_dir, made: Arc::default(), last: Mutex::default() }
    }

    /// The same connections, for one caller who remembers which of them it has asked.
    pub fn handle(&self) -> Self {
        Self { key: self.key.clone(), secrets_dir: self.secrets_dir.clone(), made: self.made.clone(), last: Mutex::default() }
    }

    /// The connection that was asked for last through this handle.
    pub fn last(&self) -> Option<ConnectionId> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn logs(&self, setup: &Setup) -> Result<Arc<Logs>, CallError> {
        match self.of(setup, ConnectionKind::Elasticsearch)? {
            Client::Logs(client) => Ok(client),
            _ => Err(missing(ConnectionKind::Elasticsearch)),
        }
    }

    pub fn slack_of(&self, connection: &Connection) -> Result<Arc<Slack>, CallError> {
        match self.client(connection)? {
            Client::Slack(client) => Ok(client),
            _ => Err(missing(ConnectionKind::Slack)),
        }
    }

    pub fn slack(&self, setup: &Setup) -> Result<Arc<Slack>, CallError> {
        match self.of(setup, ConnectionKind::Slack)? {
            Client::Slack(client) => Ok(client),
            _ => Err(missing(ConnectionKind::Slack)),
        }
    }

    pub fn prometheus(&self, setup: &Setup) -> Result<Arc<Prometheus>, CallError> {
        match self.of(setup, ConnectionKind::Prometheus)? {
            Client::Prometheus(client) => Ok(client),
            _ => Err(missing(ConnectionKind::Prometheus)),
        }
    }

    pub fn mesos(&self, setup: &Setup) -> Result<Arc<Mesos>, CallError> {
        match self.of(setup, ConnectionKind::Mesos)? {
            Client::Mesos(client) => Ok(client),
            _ => Err(missing(ConnectionKind::Mesos)),
        }
    }

    pub fn jenkins(&self, setup: &Setup, id: &ConnectionId) -> Result<Arc<Jenkins>, CallError> {
        match self.named(setup, id)? {
            Client::Jenkins(client) => Ok(client),
            _ => Err(missing(ConnectionKind::Jenkins)),
        }
    }

    pub fn marathon(&self, setup: &Setup, id: &ConnectionId) -> Result<Arc<Marathon>, CallError> {
        match self.named(setup, id)? {
            Client::Marathon(client) => Ok(client),
            _ => Err(missing(ConnectionKind::Marathon)),
        }
    }

    pub fn kubernetes(&self, setup: &Setup, id: &ConnectionId) -> Result<Arc<Kubernetes>, CallError> {
        match self.named(setup, id)? {
            Client::Kubernetes(client) => Ok(client),
            _ => Err(missing(ConnectionKind::Kubernetes)),
        }
    }

    /// Everybody who looks from elsewhere, by the name of the place.
    pub fn vantages(&self, setup: &Setup) -> Vec<(ConnectionId, Result<Arc<Blackbox>, CallError>)> {
        let all = setup.connections.iter().filter(|connection| connection.kind == ConnectionKind::Blackbox);
        let one = |connection: &Connection| match self.client(connection) {
            Ok(Client::Blackbox(client)) => Ok(client),
            Ok(_) => Err(missing(ConnectionKind::Blackbox)),
            Err(error) => Err(error),
        };
        all.take(MAX_VANTAGES).map(|connection| (connection.id.clone(), one(connection))).collect()
    }

    pub fn portal(&self, setup: &Setup, id: &ConnectionId) -> Result<Arc<Portal>, CallError> {
        match self.named(setup, id)? {
            Client::Portal(client) => Ok(client),
            _ => Err(missing(ConnectionKind::Http)),
        }
    }

    fn of(&self, setup: &Setup, kind: ConnectionKind) -> Result<Client, CallError> {
        self.client(setup.connection(kind).ok_or_else(|| missing(kind))?)
    }

    fn named(&self, setup: &Setup, id: &ConnectionId) -> Result<Client, CallError> {
        let gone = || CallError::Misconfigured { reason: format!("there is no connection `{id}` any more") };
        self.client(setup.connections.get(id.as_str()).ok_or_else(gone)?)
    }

    /// With what commands of a connection are signed. `None`: it takes none, or the secret cannot be read.
    pub fn signing_secret(&self, connection: &Connection) -> Option<Secret> {
        let sealed = connection.signing_secret.as_ref()?;
        let unsealed = self.key.unseal(&signing_place(&connection.id), sealed);
        unsealed.inspect_err(|_| tracing::error!(connection = %connection.id, "its signing secret was sealed with another key; apply the setup again")).ok()
    }

    /// The client of a connection.
    ///
    /// # Errors
    /// Its configuration cannot be used, in words.
    pub fn client(&self, connection: &Connection) -> Result<Client, CallError> {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection.id.clone());
        let mounted = match &connection.mounted_secret {
            Some(name) => {
                let read = mounted::read(self.secrets_dir.as_deref(), name);
                Some(read.map_err(|reason| CallError::Misconfigured { reason })?)
            }
            None => None,
        };
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, secret, client)) = made.get(&connection.id)
            && known == connection
            && *secret == mounted
        {
            return Ok(client.clone());
        }
        let client = self.make(connection, mounted.clone())?;
        made.insert(connection.id.clone(), (connection.clone(), mounted, client.clone()));
        Ok(client)
    }

    /// The secrets of all connections, in the clear. What cannot be unsealed or read is known to nobody.
    pub fn secrets(&self, setup: &Setup) -> Vec<String> {
        let of = |connection: &Connection| {
            let sealed = connection.secret.as_ref().and_then(|sealed| self.key.unseal(&place(&connection.id), sealed).ok());
            let mounted = connection.mounted_secret.as_ref();
            let mounted = mounted.and_then(|name| mounted::read(self.secrets_dir.as_deref(), name).ok());
            [sealed, mounted, self.signing_secret(connection)].into_iter().flatten().map(|secret| secret.expose().to_owned())
        };
        setup.connections.iter().flat_map(of).collect()
    }

    fn make(&self, connection: &Connection, mounted: Option<Secret>) -> Result<Client, CallError> {
        let misconfigured = |reason: String| CallError::Misconfigured { reason };
        let secret = match &connection.secret {
            Some(sealed) => {
                let unsealed = self.key.unseal(&place(&connection.id), sealed);
                Some(
                    unsealed
                        .map_err(|_| misconfigured("its secret was sealed with another key; apply the setup again".to_owned()))?,
                )
            }
            None => mounted,
        };
        let auth = match (&connection.user, secret) {
            (Some(user), Some(password)) => Auth::Basic { user: user.clone(), password: password.expose().to_owned() },
            (None, Some(token)) => Auth::Bearer(token.expose().to_owned()),
            (Some(_), None) => return Err(misconfigured("it has a user and no secret".to_owned())),
            (None, None) => Auth::None,
        };
        let site = Site::new(&connection.url, &auth, connection.authority.as_deref())?;
        match connection.kind {
            ConnectionKind::Elasticsearch => {
                let index = connection.index.as_deref().unwrap_or_default();
                Ok(Client::Logs(Arc::new(Logs::new(site, index, fields(connection))?)))
            }
            ConnectionKind::Slack => Ok(Client::Slack(Arc::new(Slack::new(site)))),
            ConnectionKind::Prometheus => Ok(Client::Prometheus(Arc::new(Prometheus::new(site)))),
            ConnectionKind::Jenkins => Ok(Client::Jenkins(Arc::new(Jenkins::new(site)))),
            ConnectionKind::Marathon => Ok(Client::Marathon(Arc::new(Marathon::new(site)))),
            ConnectionKind::Mesos => Ok(Client::Mesos(Arc::new(Mesos::new(site)))),
            ConnectionKind::Kubernetes => Ok(Client::Kubernetes(Arc::new(Kubernetes::new(site)))),
            ConnectionKind::Blackbox => Ok(Client::Blackbox(Arc::new(Blackbox::new(site, connection.module.as_deref())))),
            ConnectionKind::Http => {
                let body = template(connection.body.as_deref().unwrap_or_default()).map_err(misconfigured)?;
                let number_at = connection.number_at.as_deref().unwrap_or_default();
                let (url_at, key_header) = (connection.url_at.as_deref(), connection.key_header.as_deref());
                Ok(Client::Portal(Arc::new(Portal::new(site, body, number_at, url_at, key_header))))
            }
        }
    }
}

fn missing(kind: ConnectionKind) -> CallError {
    CallError::Misconfigured { reason: format!("there is no connection of kind {}", kind.as_str()) }
}

/// The names of fields, with those of the shipped example where a connection names none at all.
fn fields(connection: &Connection) -> Fields {
    let named = |name: &str| connection.fields.get(name).cloned();
    if connection.fields.is_empty() {
        let common = |name: &str| Some(name.to_owned());
        return Fields {
            institution: common("institution.id"),
            service: common("service.name"),
            kind: common("interaction.kind"),
            outcome: common("interaction.outcome"),
            error_type: common("error.type"),
            error_message: common("error.message"),
            stack: None,
            request_id: common("request.id"),
            ..Fields::of_time("@timestamp")
        };
    }
    Fields {
        institution: named("institution"),
        service: named("service"),
        kind: named("kind"),
        outcome: named("outcome"),
        error_type: named("error_type"),
        error_message: named("error_message"),
        stack: named("stack"),
        request_id: named("request_id"),
        ..Fields::of_time(&named("time").unwrap_or_else(|| "@timestamp".to_owned()))
    }
}
