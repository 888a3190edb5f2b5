//! Whose certificates we believe: the machine's, since a company's own mail server and chat have
//! certificates of its own authority. A machine without any (a bare container) gets Mozilla's list
//! from the binary; failing to start there would be worse.

use lettre::transport::smtp::client::CertificateStore;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

fn of_machine() -> Vec<CertificateDer<'static>> {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "a certificate authority of this machine cannot be read");
    }
    found.certs
}

/// For HTTP. Of the process's crypto provider, which the caller has installed.
pub(crate) fn client_config() -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(of_machine());
    if added == 0 {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let provider = rustls::crypto::CryptoProvider::get_default().ok_or("no TLS provider is installed in this process")?;
    let config = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
    Ok(config.map_err(|error| format!("TLS cannot be set up: {error}"))?.with_root_certificates(roots).with_no_client_auth())
}

/// The same for SMTP.
pub(crate) fn certificate_store() -> CertificateStore {
    if of_machine().is_empty() { CertificateStore::WebpkiRoots } else { CertificateStore::Default }
}

/// Whether a certificate was not believed, somewhere among the causes. Trying again does not help;
/// somebody has to mend the certificate, or tell this machine of its authority.
pub(crate) fn is_untrusted(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if matches!(error.downcast_ref(), Some(rustls::Error::InvalidCertificate(_))) {
            return true;
        }
        // An I/O error that wraps another does not name it as its source, but the other's source.
        cause = match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    false
}
