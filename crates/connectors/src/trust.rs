//! Whose certificates we believe: the machine's, since a company's own mail server and chat have
//! certificates of its own authority. A machine without any (a bare container) gets Mozilla's list
//! from the binary; failing to start there would be worse.

use lettre::transport::smtp::client::CertificateStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;

fn of_machine() -> Vec<CertificateDer<'static>> {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "a certificate authority of this machine cannot be read");
    }
    found.certs
}

/// Most certificates in one extra file; a company has a handful of authorities.
const MAX_EXTRA: usize = 64;

/// The machine's authorities, and those in `extra` (PEM) beside them.
///
/// # Errors
/// In words, what is wrong with `extra`.
pub(crate) fn roots(extra: Option<&str>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(of_machine());
    if added == 0 {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let Some(extra) = extra else { return Ok(roots) };
    let mut count = 0;
    for certificate in CertificateDer::pem_slice_iter(extra.as_bytes()).take(MAX_EXTRA) {
        let certificate = certificate.map_err(|error| format!("the certificate authority cannot be read: {error}"))?;
        roots.add(certificate).map_err(|error| format!("the certificate authority cannot be used: {error}"))?;
        count += 1;
    }
    if count == 0 { Err("the certificate authority has no `BEGIN CERTIFICATE`".to_owned()) } else { Ok(roots) }
}

/// The process's, which the caller has installed.
pub(crate) fn provider() -> Result<Arc<CryptoProvider>, String> {
    CryptoProvider::get_default().cloned().ok_or_else(|| "no TLS provider is installed in this process".to_owned())
}

/// For HTTP.
pub(crate) fn client_config(extra: Option<&str>) -> Result<ClientConfig, String> {
    let config = ClientConfig::builder_with_provider(provider()?).with_safe_default_protocol_versions();
    let config = config.map_err(|error| format!("TLS cannot be set up: {error}"))?;
    Ok(config.with_root_certificates(roots(extra)?).with_no_client_auth())
}

/// The same for SMTP.
pub(crate) fn certificate_store() -> CertificateStore {
    if of_machine().is_empty() { CertificateStore::WebpkiRoots } else { CertificateStore::Default }
}

/// Whether a certificate was not believed, somewhere among the causes. Trying again does not help;
/// somebody has to mend the certificate, or tell this machine of its authority.
pub(crate) fn is_untrusted(error: &(dyn std::error::Error + 'static)) -> bool {
    matches!(tls_error(error), Some(rustls::Error::InvalidCertificate(_)))
}

/// Whether the two sides will never agree on TLS: there is none, it is too old, or a certificate of ours is wanted.
pub(crate) fn is_no_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    use rustls::{AlertDescription as Alert, Error};
    let for_good = [
        Alert::HandshakeFailure,
        Alert::BadCertificate,
        Alert::CertificateUnknown,
        Alert::UnknownCA,
        Alert::AccessDenied,
        Alert::ProtocolVersion,
        Alert::InsufficientSecurity,
        Alert::UnrecognisedName,
        Alert::CertificateRequired,
    ];
    match tls_error(error) {
        Some(Error::InvalidMessage(_) | Error::PeerIncompatible(_)) => true,
        Some(Error::AlertReceived(alert)) => for_good.contains(alert),
        _ => false,
    }
}

fn tls_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // An I/O error that wraps another does not name it as its source, but the other's source.
        cause = match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}
