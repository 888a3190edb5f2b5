//! Real sockets on loopback, with certificates of an authority that only these tests believe.

use super::*;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const AUTHORITY: &str = include_str!("testdata/authority.pem");
const KEY: &[u8] = include_bytes!("testdata/key.pem");
const GOOD: &[u8] = include_bytes!("testdata/good.pem");
const EXPIRED: &[u8] = include_bytes!("testdata/expired.pem");
const FUTURE: &[u8] = include_bytes!("testdata/future.pem");
const ELSEWHERE: &[u8] = include_bytes!("testdata/elsewhere.pem");

fn at() -> Timestamp {
    "2026-01-02T03:04:05Z".parse().unwrap()
}

fn prober(authority: Option<&str>) -> Prober {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Prober::new("rack 7", authority).unwrap()
}

async fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// Answers one request in the clear.
async fn serve(listener: TcpListener, answer: &'static str) -> String {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut request = vec![0; 2_048];
    let n = stream.read(&mut request).await.unwrap();
    stream.write_all(answer.as_bytes()).await.unwrap();
    String::from_utf8_lossy(&request[..n]).into_owned()
}

/// Answers one request over TLS, if the client goes on.
async fn serve_tls(listener: TcpListener, certificate: &'static [u8]) {
    let chain = vec![CertificateDer::from_pem_slice(certificate).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
    let config = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    if let Ok(mut stream) = tokio_rustls::TlsAcceptor::from(Arc::new(config)).accept(stream).await {
        // The client may only have wanted the handshake.
        let _ = stream.read(&mut [0; 2_048]).await;
        let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
    }
}

async fn over_tls(certificate: &'static [u8], authority: Option<&str>, at: Timestamp) -> Probed {
    let (listener, port) = listener().await;
    let target: Target = format!("https://localhost:{port}/health").parse().unwrap();
    let prober = prober(authority);
    tokio::join!(prober.probe(&target, at), serve_tls(listener, certificate)).0.unwrap()
}

#[tokio::test]
async fn a_page_over_tls_passes_every_stage() {
    let probed = over_tls(GOOD, Some(AUTHORITY), at()).await;
    assert_eq!((probed.failure(), probed.vantage.as_str()), (None, "rack 7"));
    assert_eq!(probed.http.unwrap().found, Some(Page { status: 204 }));
    let certificate = probed.tls.unwrap().found.unwrap();
    assert_eq!(
        (certificate.names.as_slice(), certificate.chain, certificate.name_matches),
        (&["localhost".to_owned()][..], 1, true)
    );
    assert_eq!(certificate.not_after, "2099-12-31T00:00:00Z".parse().unwrap());
    assert!(probed.tcp.found.unwrap().ip().is_loopback() && !probed.dns.found.unwrap().is_empty());
}

#[tokio::test]
async fn a_certificate_that_is_not_believed_is_still_seen() {
    let later: Timestamp = "2100-01-01T00:00:00Z".parse().unwrap();
    for (certificate, authority, at, failure, not_after, name_matches) in [
        (EXPIRED, Some(AUTHORITY), at(), Failure::Expired, "2021-01-02T03:04:05Z", true),
        (EXPIRED, None, at(), Failure::Expired, "2021-01-02T03:04:05Z", true),
        (GOOD, Some(AUTHORITY), later, Failure::Expired, "2099-12-31T00:00:00Z", true),
        (FUTURE, Some(AUTHORITY), at(), Failure::NotYetValid, "2099-12-31T00:00:00Z", true),
        (ELSEWHERE, Some(AUTHORITY), at(), Failure::WrongName, "2099-12-31T00:00:00Z", false),
        (GOOD, None, at(), Failure::UnknownIssuer, "2099-12-31T00:00:00Z", true),
    ] {
        let probed = over_tls(certificate, authority, at).await;
        assert_eq!(probed.failure(), Some(("tls", failure)));
        let found = probed.tls.unwrap().found.unwrap();
        assert_eq!((found.not_after, found.name_matches), (not_after.parse().unwrap(), name_matches), "{failure:?}");
        assert_eq!(probed.http.unwrap().verdict, Verdict::NotTried, "nothing is sent over it");
    }
}

#[tokio::test]
async fn statuses_are_as_expected_or_not() {
    for (answer, failure, status) in [
        ("HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n", None, Some(302)),
        ("HTTP/1.1 503 Service Unavailable\r\n\r\n", Some(("http", Failure::UnexpectedStatus)), Some(503)),
        ("SSH-2.0-OpenSSH_9.6\r\n", Some(("http", Failure::NoHttp)), None),
        ("", Some(("http", Failure::NoHttp)), None),
    ] {
        let (listener, port) = listener().await;
        let target: Target = format!("http://127.0.0.1:{port}/a?key=s3cret").parse().unwrap();
        let prober = prober(None);
        let (probed, request) = tokio::join!(prober.probe(&target, at()), serve(listener, answer));
        let probed = probed.unwrap();
        assert_eq!((probed.failure(), probed.http.unwrap().found.map(|page| page.status)), (failure, status), "{answer}");
        assert!(request.starts_with(&format!("GET /a?key=s3cret HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n")), "{request}");
        assert_eq!(probed.target, format!("http://127.0.0.1:{port}/a"));
    }
    let (listener, port) = listener().await;
    let target = format!("http://127.0.0.1:{port}/").parse::<Target>().unwrap().expecting(401..=401);
    let prober = prober(None);
    let (probed, _) = tokio::join!(prober.probe(&target, at()), serve(listener, "HTTP/1.1 401 Unauthorized\r\n\r\n"));
    assert_eq!(probed.unwrap().failure(), None);
}

#[tokio::test]
async fn a_closed_port_a_missing_name_and_a_forbidden_address() {
    let (listener, port) = listener().await;
    drop(listener);
    let prober = prober(None);
    let probe = async |target: &str| prober.probe(&target.parse().unwrap(), at()).await.unwrap();
    let closed = probe(&format!("https://127.0.0.1:{port}/")).await;
    assert_eq!((closed.failure(), closed.tls, closed.http), (Some(("tcp", Failure::Refused)), None, None));
    let missing = probe("tcp://does-not-exist.invalid:1").await;
    let (stage, failure) = missing.failure().unwrap();
    assert!(
        stage == "dns" && matches!(failure, Failure::NoSuchName | Failure::ResolverFailed | Failure::TimedOut),
        "{failure:?}"
    );
    for target in ["tcp://169.254.169.254:80", "tls://[fe80::1]:443", "dns://169.254.169.254"] {
        let forbidden = probe(target).await;
        assert_eq!(
            (forbidden.failure(), forbidden.tcp.verdict),
            (Some(("dns", Failure::Forbidden)), Verdict::NotTried),
            "{target}"
        );
    }
    assert_eq!(probe("dns://localhost").await.failure(), None);
}

#[tokio::test]
async fn who_does_not_speak_tls_or_says_nothing() {
    let (plain, port) = listener().await;
    let prober = prober(None);
    let target: Target = format!("tls://localhost:{port}").parse().unwrap();
    let (probed, _) = tokio::join!(prober.probe(&target, at()), serve(plain, "HTTP/1.1 400 Bad Request\r\n\r\n"));
    let probed = probed.unwrap();
    assert_eq!((probed.failure(), probed.tls.unwrap().found), (Some(("tls", Failure::NoTls)), None));
    let (silent, port) = listener().await;
    let target: Target = format!("tls://localhost:{port}").parse().unwrap();
    let server = async {
        let (mut stream, _) = silent.accept().await.unwrap();
        assert!(stream.read(&mut [0; 16]).await.unwrap() > 0, "the client's hello");
        // From here only the clock moves.
        tokio::time::pause();
        stream
    };
    let (probed, _stream) = tokio::join!(prober.probe(&target, at()), server);
    let probed = probed.unwrap();
    assert_eq!(probed.failure(), Some(("tls", Failure::TimedOut)));
    assert!((5_000..6_000).contains(&probed.tls.unwrap().ms));
}

#[tokio::test]
async fn a_server_that_wants_our_certificate_is_told_apart_from_one_that_is_not_believed() {
    let (listener, port) = listener().await;
    let prober = prober(Some(AUTHORITY));
    let target: Target = format!("https://localhost:{port}/").parse().unwrap();
    let server = async {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(AUTHORITY.as_bytes()).unwrap()).unwrap();
        let clients = rustls::server::WebPkiClientVerifier::builder(roots.into()).build().unwrap();
        let chain = vec![CertificateDer::from_pem_slice(GOOD).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
        let config = rustls::ServerConfig::builder().with_client_cert_verifier(clients).with_single_cert(chain, key).unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        assert!(tokio_rustls::TlsAcceptor::from(Arc::new(config)).accept(stream).await.is_err());
    };
    let (probed, ()) = tokio::join!(prober.probe(&target, at()), server);
    let probed = probed.unwrap();
    // In TLS 1.3 the client is done before the server says no.
    assert!(matches!(probed.failure(), Some(("tls", Failure::NoTls) | ("http", Failure::NoHttp))), "{probed:?}");
    assert!(probed.tls.unwrap().found.unwrap().name_matches);
}

#[test]
fn targets_are_written_as_addresses() {
    for (text, shown) in [
        ("https://a.example/x?y=1#z", "https://a.example/x"),
        ("tcp://a.example:5432", "tcp://a.example:5432"),
        ("tls://a.example", "tls://a.example:443"),
        ("tls://[::1]:636", "tls://[::1]:636"),
        ("dns://a.example", "dns://a.example"),
    ] {
        assert_eq!(text.parse::<Target>().unwrap().to_string(), shown);
    }
    for bad in [
        "",
        "a.example",
        "tcp://a.example",
        "dns://a.example:53",
        "ftp://a.example",
        "https://u:p@a.example",
        "http://169.254.169.254/",
    ] {
        assert!(bad.parse::<Target>().is_err(), "{bad}");
    }
}

#[test]
fn a_place_alone_is_tried_over_tcp() {
    for (text, place, address) in [
        ("core.example.org:8443", "core.example.org:8443", None),
        (" 10.0.0.7:23 ", "10.0.0.7:23", None),
        ("[::1]:8443", "[::1]:8443", None),
        ("https://core.example.org/x?secret=1", "core.example.org:443", Some("https://core.example.org/x")),
        ("tls://core.example.org", "core.example.org:443", None),
    ] {
        let target: Target = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!((target.place().as_deref(), target.address().as_deref()), (Some(place), address), "{text}");
    }
    assert!(matches!("core.example.org:8443".parse(), Ok(Target::Tcp { port: 8443, .. })));
    assert_eq!("dns://core.example.org".parse::<Target>().unwrap().place(), None);
    for wrong in [
        "core.example.org",
        "core.example.org:",
        "core:99999",
        "user@core:1",
        ":1",
        "a/b:1",
        "core:1:2",
        "javascript:1",
        "core:x",
    ] {
        let found = wrong.parse::<Target>();
        assert!(found.is_err() || wrong == "javascript:1", "{wrong}: {found:?}");
    }
}
