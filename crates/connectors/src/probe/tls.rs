//! TLS: a verifier that keeps what was shown and then judges it as every other connection of ours does.

use super::TLS_TIMEOUT;
use super::stage::{Certificate, Failure, Stage};
use crate::http::causes;
use crate::trust;
use jiff::Timestamp;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// Most certificates of a chain that are looked at; real ones have two to four.
const MAX_CHAIN: usize = 10;
/// Most names of one certificate that are listed.
const MAX_NAMES: usize = 50;

#[derive(Debug)]
struct Recorder {
    judge: Arc<WebPkiServerVerifier>,
    at: UnixTime,
    seen: Mutex<Option<(Certificate, Result<(), Error>)>>,
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let judged = self.judge.verify_server_cert(leaf, chain, name, ocsp, self.at);
        if let Some(certificate) = look_at(leaf, chain, name) {
            let verdict = judged.as_ref().map(|_| ()).map_err(Clone::clone);
            *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some((certificate, verdict));
        }
        judged
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.supported_verify_schemes()
    }
}

/// The stream only if the certificate is believed.
pub(super) async fn shake(
    roots: Arc<RootCertStore>,
    stream: TcpStream,
    host: &str,
    at: Timestamp,
) -> (Stage<Certificate>, Option<TlsStream<TcpStream>>) {
    let begun = Instant::now();
    let failed = |failure, reason: &str, found| (Stage::failed(begun, failure, reason, found), None);
    let name = host.trim_matches(['[', ']']).to_owned();
    let Ok(name) = ServerName::try_from(name) else {
        return failed(Failure::NoTls, "the host's name cannot be in a certificate", None);
    };
    let (recorder, config) = match setup(roots, at) {
        Ok(made) => made,
        Err(reason) => return failed(Failure::NoTls, &reason, None),
    };
    let shaken = timeout(TLS_TIMEOUT, TlsConnector::from(Arc::new(config)).connect(name, stream)).await;
    let seen = recorder.seen.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (shaken, seen) {
        (Ok(Ok(stream)), Some((certificate, _))) => (Stage::found(begun, certificate), Some(stream)),
        (Ok(Ok(_)), None) => failed(Failure::Untrusted, "the certificate cannot be read", None),
        (Ok(Err(_)), Some((certificate, Err(error)))) => {
            let (failure, reason) = judge(&certificate, &error, at);
            failed(failure, &reason, Some(certificate))
        }
        (Ok(Err(error)), None) if trust::is_untrusted(&error) => failed(Failure::Untrusted, &causes(&error), None),
        // Believed, and broken off after that: by the server, perhaps since it wants a certificate of ours.
        (Ok(Err(error)), seen) => failed(Failure::NoTls, &causes(&error), seen.map(|(certificate, _)| certificate)),
        (Err(_), seen) => {
            failed(Failure::TimedOut, "the handshake was not done in time", seen.map(|(certificate, _)| certificate))
        }
    }
}

fn setup(roots: Arc<RootCertStore>, at: Timestamp) -> Result<(Arc<Recorder>, ClientConfig), String> {
    let provider = trust::provider()?;
    let judge = WebPkiServerVerifier::builder_with_provider(roots, provider.clone()).build();
    let judge = judge.map_err(|error| format!("TLS cannot be set up: {error}"))?;
    let at = UnixTime::since_unix_epoch(Duration::from_secs(at.as_second().try_into().unwrap_or(0)));
    let recorder = Arc::new(Recorder { judge, at, seen: Mutex::default() });
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| format!("TLS cannot be set up: {error}"))?;
    // Dangerous would be a verifier that does not ask webpki; this one does.
    let mut config = config.dangerous().with_custom_certificate_verifier(recorder.clone()).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((recorder, config))
}

/// The first thing that somebody would have to mend. Dates come first: a certificate that has run out is often all that is wrong.
fn judge(certificate: &Certificate, error: &Error, at: Timestamp) -> (Failure, String) {
    let expired = |at: Timestamp| (Failure::Expired, format!("the certificate has run out on {at}"));
    let untrusted = || (Failure::Untrusted, causes(error));
    match error {
        _ if certificate.not_after < at => expired(certificate.not_after),
        _ if certificate.not_before > at => {
            (Failure::NotYetValid, format!("the certificate is valid from {} on", certificate.not_before))
        }
        _ if !certificate.name_matches => (Failure::WrongName, format!("the certificate is made for {}", made_for(certificate))),
        Error::InvalidCertificate(wrong) => match wrong {
            CertificateError::UnknownIssuer => {
                (Failure::UnknownIssuer, "nobody whom we believe has signed the certificate".to_owned())
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                (Failure::Expired, format!("a certificate of the chain has run out on {}", certificate.chain_not_after))
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                (Failure::NotYetValid, "a certificate of the chain is not valid yet".to_owned())
            }
            _ => untrusted(),
        },
        _ => untrusted(),
    }
}

fn made_for(certificate: &Certificate) -> String {
    if certificate.names.is_empty() {
        "no name".to_owned()
    } else {
        certificate.names[..certificate.names.len().min(3)].join(", ")
    }
}

/// `None`: it cannot be read at all.
fn look_at(leaf: &CertificateDer<'_>, chain: &[CertificateDer<'_>], name: &ServerName<'_>) -> Option<Certificate> {
    let read = x509_cert::Certificate::from_der(leaf).ok()?;
    let validity = read.tbs_certificate.validity;
    let end = |time: x509_cert::time::Time| Timestamp::from_second(time.to_unix_duration().as_secs().try_into().ok()?).ok();
    let ends = chain
        .iter()
        .take(MAX_CHAIN)
        .filter_map(|one| end(x509_cert::Certificate::from_der(one).ok()?.tbs_certificate.validity.not_after));
    let not_after = end(validity.not_after)?;
    let name_matches = ParsedCertificate::try_from(leaf).is_ok_and(|parsed| verify_server_name(&parsed, name).is_ok());
    Some(Certificate {
        names: names(&read),
        not_before: end(validity.not_before)?,
        not_after,
        chain_not_after: ends.fold(not_after, Timestamp::min),
        chain: 1 + chain.len(),
        name_matches,
    })
}

fn names(certificate: &x509_cert::Certificate) -> Vec<String> {
    let Ok(Some((_, SubjectAltName(names)))) = certificate.tbs_certificate.get::<SubjectAltName>() else { return Vec::new() };
    let listed = names.iter().filter_map(|name| match name {
        GeneralName::DnsName(name) => Some(crate::bounds::cut(&crate::bounds::one_line(name.as_str()), 255)),
        GeneralName::IpAddress(bytes) => match bytes.as_bytes() {
            [a, b, c, d] => Some(std::net::Ipv4Addr::new(*a, *b, *c, *d).to_string()),
            bytes => <[u8; 16]>::try_from(bytes).ok().map(|bytes| std::net::Ipv6Addr::from(bytes).to_string()),
        },
        _ => None,
    });
    listed.take(MAX_NAMES).collect()
}
