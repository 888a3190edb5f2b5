//! Connections to PostgreSQL.

use crate::error::{Error, Result};
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};
use tokio_postgres::{Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

/// For one host; with several each gets as long.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Waiting for a free connection; callers have their own patience, this bounds the queue.
const WAIT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an unanswered packet may stay so before the connection counts as dead.
const DEAD_AFTER: Duration = Duration::from_secs(10);

/// A pool that connects when first used.
pub(super) fn pool(url: &str, size: usize) -> Result<Pool> {
    let (url, root_file) = root_certificate(url);
    let mut config: Config = url.parse().map_err(|e: tokio_postgres::Error| {
        let why = std::error::Error::source(&e).map(ToString::to_string).unwrap_or_default();
        Error::Broken(format!("the PostgreSQL address is not understood: {why}; write postgres://user@host:5432/database"))
    })?;
    config.application_name("firedog").tcp_user_timeout(DEAD_AFTER).keepalives_idle(DEAD_AFTER);
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    // Of several hosts only one takes writes.
    if config.get_hosts().len() > 1 && config.get_target_session_attrs() == TargetSessionAttrs::Any {
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    let recycle = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    // `prefer` without verification protects from nobody, and with it breaks self-signed defaults: it means no TLS.
    let manager = if matches!(config.get_ssl_mode(), SslMode::Require) {
        Manager::from_config(config, MakeRustlsConnect::new(tls(root_file.as_deref())?), recycle)
    } else {
        Manager::from_config(config, NoTls, recycle)
    };
    Pool::builder(manager)
        .max_size(size)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(WAIT_TIMEOUT))
        .create_timeout(Some(CONNECT_TIMEOUT * 4))
        .build()
        .map_err(|e| Error::Broken(format!("cannot make a pool of connections: {e}")))
}

/// Takes `sslrootcert=FILE` (libpq's name; unknown to tokio-postgres) out of the address.
fn root_certificate(url: &str) -> (String, Option<String>) {
    let Some((start, query)) = url.split_once('?') else { return (url.to_owned(), None) };
    let (mine, rest): (Vec<&str>, Vec<&str>) = query.split('&').partition(|p| p.starts_with("sslrootcert="));
    let file = mine.first().and_then(|p| p.strip_prefix("sslrootcert=")).map(str::to_owned);
    (format!("{start}?{}", rest.join("&")), file)
}

/// Verifies the server by the given roots, else by those that browsers know.
fn tls(root_file: Option<&str>) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    match root_file {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(file) => {
            let bad = |e: &dyn std::fmt::Display| Error::Broken(format!("sslrootcert {file}: {e}"));
            for certificate in CertificateDer::pem_file_iter(file).map_err(|e| bad(&e))? {
                roots.add(certificate.map_err(|e| bad(&e))?).map_err(|e| bad(&e))?;
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|e| Error::Broken(format!("TLS: {e}")))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_certificate_is_taken_out_of_the_address() {
        let (url, file) = root_certificate("postgres://h/d?sslmode=require&sslrootcert=/ca.pem&connect_timeout=2");
        assert_eq!((url.as_str(), file.as_deref()), ("postgres://h/d?sslmode=require&connect_timeout=2", Some("/ca.pem")));
        assert_eq!(root_certificate("postgres://h/d"), ("postgres://h/d".to_owned(), None));
    }

    #[tokio::test]
    async fn addresses() {
        assert!(pool("postgres://a@h1:5432,h2:5433/d?sslmode=require", 1).is_ok());
        assert!(pool("postgres://h/d?nonsense=1", 1).is_err());
        assert!(pool("postgres://h/d?sslmode=require&sslrootcert=/does/not/exist", 1).is_err());
    }
}
