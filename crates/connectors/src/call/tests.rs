use super::script::{Script, ok, reply};
use super::*;
use jiff::SignedDuration;
use serde_json::{Value, json};

const SECRET: &str = "tok3n-s3cret";

fn bearer() -> Auth {
    Auth::Bearer(SECRET.to_owned())
}

async fn outcome(answer: &str) -> Result<Answer, CallError> {
    let script = Script::of([answer]).await;
    script.site_as(&bearer()).get(&["x"]).query("q", "who-asks").send().await
}

#[tokio::test]
async fn requests_carry_path_query_body_and_who_asks() {
    let script = Script::of(vec![ok("{}"); 5]).await;
    let site = Site::new(&format!("{}/prefix/", script.url), &bearer(), None).unwrap();
    site.get(&["a b", "c/d?e#f%2e", ""]).query("q", "1 & 2").header("X-Opaque-Id", "inc-1").send().await.unwrap();
    site.post_json(&["p"], &json!({ "n": 1 })).send().await.unwrap();
    site.post_form(&[], &[("a", "1"), ("a", "ü&")]).send().await.unwrap();
    site.patch(&["p"], &json!({ "spec": null })).send().await.unwrap();
    site.raw(Method::DELETE, &["p"], "", Vec::new()).send().await.unwrap();
    let requests = script.requests();
    let lines: Vec<_> = requests.iter().map(|r| (r.method.as_str(), r.path.as_str(), r.body.as_str())).collect();
    assert_eq!(
        lines,
        [
            ("GET", "/prefix/a%20b/c%2Fd%3Fe%23f%252e/?q=1+%26+2", ""),
            ("POST", "/prefix/p", r#"{"n":1}"#),
            ("POST", "/prefix", "a=1&a=%C3%BC%26"),
            ("PATCH", "/prefix/p", r#"{"spec":null}"#),
            ("DELETE", "/prefix/p", ""),
        ]
    );
    let kinds: Vec<_> = requests.iter().map(|r| r.header("content-type")).collect();
    let form = "application/x-www-form-urlencoded";
    assert_eq!(kinds, [None, Some("application/json"), Some(form), Some("application/merge-patch+json"), None]);
    assert!(requests.iter().all(|r| r.header("authorization") == Some("Bearer tok3n-s3cret")));
    assert_eq!(requests[0].header("x-opaque-id"), Some("inc-1"));
    assert_eq!((requests[0].pair("q").as_deref(), requests[1].json()), (Some("1 & 2"), json!({ "n": 1 })));
    assert_eq!(requests[2].pairs()[1], ("a".to_owned(), "ü&".to_owned()));
}

#[tokio::test]
async fn every_kind_of_auth_is_sent() {
    let own = Auth::Header { name: "X-API-Key".to_owned(), value: " k3y ".to_owned() };
    let basic = Auth::Basic { user: "ann".to_owned(), password: "pa:ss".to_owned() };
    for (auth, name, value) in [
        (Auth::None, "authorization", None),
        (own, "x-api-key", Some("k3y")),
        (basic, "authorization", Some("Basic YW5uOnBhOnNz")),
    ] {
        let script = Script::of([ok("{}")]).await;
        script.site_as(&auth).get(&[]).send().await.unwrap();
        assert_eq!(script.requests()[0].header(name), value, "{auth:?}");
    }
}

#[tokio::test]
async fn statuses_say_what_to_do_next() {
    for (status, kind) in [
        ("400 Bad Request", "rejected"),
        ("401 Unauthorized", "misconfigured"),
        ("403 Forbidden", "misconfigured"),
        ("404 Not Found", "missing"),
        ("405 Method Not Allowed", "rejected"),
        ("408 Request Timeout", "retry"),
        ("409 Conflict", "conflict"),
        ("410 Gone", "missing"),
        ("412 Precondition Failed", "conflict"),
        ("422 Unprocessable Entity", "rejected"),
        ("429 Too Many Requests", "retry"),
        ("500 Internal Server Error", "unknown"),
        ("502 Bad Gateway", "unknown"),
        ("503 Service Unavailable", "retry"),
        ("504 Gateway Timeout", "unknown"),
    ] {
        let error = outcome(&reply(status, "application/json", r#"{"message":"because"}"#)).await.unwrap_err();
        assert_eq!((error.as_str(), error.reason()), (kind, format!("HTTP {status}: because").as_str()));
        let page = outcome(&reply(status, "text/html", "<html>secret page")).await.unwrap_err();
        assert_eq!((page.as_str(), page.reason()), (kind, format!("HTTP {status}").as_str()));
    }
    for status in ["200 OK", "201 Created", "202 Accepted"] {
        assert!(outcome(&reply(status, "application/json", "{}")).await.unwrap().status.is_success());
    }
}

#[tokio::test]
async fn a_call_may_take_a_status_as_its_answer() {
    let found = "HTTP/1.1 302 Found\r\nLocation: /job/1/\r\nContent-Length: 0\r\n\r\n".to_owned();
    let script = Script::of([found, reply("404 Not Found", "text/html", "<p>gone")]).await;
    let site = script.site();
    let stopped = site.raw(Method::POST, &["stop"], "", Vec::new()).takes(&[302]).send().await.unwrap();
    assert_eq!((stopped.status.as_u16(), stopped.header("location")), (302, Some("/job/1/")));
    assert_eq!(site.get(&[]).takes(&[404]).send().await.unwrap().text(), "<p>gone");
}

#[tokio::test]
async fn waits_are_read_in_both_forms_and_bounded() {
    let answer = |more: &str| format!("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n{more}\r\n");
    let date = "Date: Fri, 02 Jan 2026 03:04:05 GMT\r\n";
    for (headers, expected) in [
        ("Retry-After: 7\r\n".to_owned(), Some(7)),
        ("Retry-After: 999999\r\n".to_owned(), Some(900)),
        (format!("{date}Retry-After: Fri, 02 Jan 2026 03:05:05 GMT\r\n"), Some(60)),
        ("Retry-After: Fri, 02 Jan 2026 03:05:05 GMT\r\n".to_owned(), None),
        ("Retry-After: soon\r\n".to_owned(), None),
        (String::new(), None),
    ] {
        let Err(CallError::Retry { after, .. }) = outcome(&answer(&headers)).await else { panic!("{headers}") };
        assert_eq!(after, expected.map(SignedDuration::from_secs), "{headers}");
    }
}

#[tokio::test]
async fn hostile_answers_are_told_apart() {
    for (answer, kind) in script::hostile() {
        let result = outcome(&answer).await.and_then(|answer| answer.json::<std::collections::BTreeMap<String, Value>>());
        let error = result.expect_err(&answer);
        let start: String = answer.chars().take(120).collect();
        assert_eq!(error.as_str(), kind, "{start}: {error}");
        assert!(!error.reason().contains(SECRET) && !error.reason().contains('\n'), "{error}");
    }
}

#[tokio::test]
async fn what_cannot_be_understood_of_a_write_may_have_been_done() {
    let broken = "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{";
    let large = ok("x".repeat(5_000));
    for answer in [broken.to_owned(), large, "nonsense\r\n\r\n".to_owned()] {
        let script = Script::of([answer.clone()]).await;
        let error = script.site().post_json(&[], &json!({})).max_body(4_096).send().await.unwrap_err();
        assert_eq!(error.as_str(), "unknown", "{answer}");
    }
    let script = Script::of([ok("[1]"), ok("[1]")]).await;
    let site = script.site();
    let wrote = site.post_json(&[], &json!({})).send().await.unwrap();
    assert_eq!(wrote.json::<String>().unwrap_err().as_str(), "unknown");
    let searched = site.post_json(&[], &json!({})).reads().send().await.unwrap();
    assert_eq!(searched.json::<String>().unwrap_err().as_str(), "misconfigured");
}

#[tokio::test]
async fn bodies_are_bounded_even_without_a_length() {
    let endless =
        format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{}", " ".repeat(100_000));
    let script = Script::of([endless]).await;
    let error = script.site().get(&[]).max_body(10_000).send().await.unwrap_err();
    assert_eq!(error, CallError::rejected("the answer is larger than 10 KiB; ask for less"));
}

#[tokio::test]
async fn reasons_never_repeat_secrets_or_what_was_asked() {
    let echo = format!(r#"{{"message":"{SECRET} asked for who-asks at /x?q=who-asks"}}"#);
    let error = outcome(&reply("400 Bad Request", "application/json", &echo)).await.unwrap_err();
    assert_eq!(error.reason(), "HTTP 400 Bad Request: **** asked for **** at /x?****");
    // Nobody listens: the client's own words would have the address.
    let script = Script::of(Vec::<String>::new()).await;
    tokio::task::yield_now().await;
    let error = script.site_as(&bearer()).get(&["x"]).query("q", "who-asks").send().await.unwrap_err();
    assert!(matches!(&error, CallError::Retry { after: None, reason } if !reason.contains("who-asks")), "{error:?}");
    let shown = format!("{:?} {:?}", bearer(), script.site_as(&bearer()));
    assert!(!shown.contains(SECRET), "{shown}");
}

#[tokio::test]
async fn no_answer_in_time_may_have_been_done() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let site = Site::new(&format!("http://{}", listener.local_addr().unwrap()), &Auth::None, None).unwrap();
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        assert!(tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 512]).await.unwrap() > 0);
        // The request is here; from now on only the clock moves.
        tokio::time::pause();
        stream
    };
    let call = site.post_json(&[], &json!({})).timeout(Duration::from_secs(3_600)).send();
    let begun = tokio::time::Instant::now();
    let (result, _stream) = tokio::join!(call, server);
    assert!(matches!(result, Err(CallError::Unknown { .. })), "{result:?}");
    assert!((119..125).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn five_at_once() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let site = Site::new(&format!("http://{}", listener.local_addr().unwrap()), &Auth::None, None).unwrap();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..AT_ONE_SITE {
        let site = site.clone();
        calls.spawn(async move { site.get(&[]).send().await.map(drop) });
    }
    let mut streams = Vec::new();
    for _ in 0..AT_ONE_SITE {
        streams.push(listener.accept().await.unwrap());
    }
    tokio::time::pause();
    let sixth = site.get(&[]).send().await.unwrap_err();
    assert!(matches!(&sixth, CallError::Retry { after: Some(_), reason } if reason.contains("5 calls")), "{sixth:?}");
    calls.abort_all();
}

#[test]
fn connections_that_cannot_work_are_refused() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    for (url, auth, authority) in [
        ("nonsense", Auth::None, None),
        ("ftp://a.example", Auth::None, None),
        ("http://169.254.169.254/", Auth::None, None),
        ("http://ann:hunter2@a.example", Auth::None, None),
        ("http://a.example/?x=1", Auth::None, None),
        ("http://a.example/#x", Auth::None, None),
        ("http://a.example", Auth::Bearer("a\nb".to_owned()), None),
        ("http://a.example", Auth::Basic { user: "a:b".to_owned(), password: String::new() }, None),
        ("http://a.example", Auth::Header { name: "Host".to_owned(), value: "x".to_owned() }, None),
        ("http://a.example", Auth::Header { name: "a b".to_owned(), value: "x".to_owned() }, None),
        ("http://a.example", Auth::None, Some("no certificate")),
        ("http://a.example", Auth::None, Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")),
    ] {
        let error = Site::new(url, &auth, authority).map(|_| ()).unwrap_err();
        assert_eq!(error.as_str(), "misconfigured", "{url} {auth:?}");
        assert!(!error.reason().contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn paths_cannot_lead_elsewhere() {
    let script = Script::of(Vec::<String>::new()).await;
    let site = script.site();
    for path in [&["a", "..", "b"][..], &["."], &["a", "", "b"], &[".\t."], &["a\n"], &[&"x".repeat(9_000)]] {
        let error = site.get(path).send().await.unwrap_err();
        assert_eq!(error.as_str(), "rejected", "{path:?}");
    }
    assert_eq!(site.get(&[]).query("q", &"x".repeat(9_000)).send().await.unwrap_err().as_str(), "rejected");
    assert_eq!(site.get(&[]).header("X-A", "a\r\nb").send().await.unwrap_err().as_str(), "rejected");
    assert!(script.requests().is_empty());
}

#[tokio::test]
async fn an_authority_of_ones_own_is_believed_and_nobody_else() {
    use rustls::pki_types::pem::PemObject;
    let pem = include_str!("../probe/testdata/good.pem");
    let key = include_bytes!("../probe/testdata/key.pem");
    let own = include_str!("../probe/testdata/authority.pem");
    let _ = rustls::crypto::ring::default_provider().install_default();
    for (authority, believed) in [(None, false), (Some(own), true)] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let server = tokio::task::spawn_blocking(move || {
            let certificate = rustls::pki_types::CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
            let key = rustls::pki_types::PrivateKeyDer::from_pem_slice(key).unwrap();
            let config = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
            let (mut stream, _) = listener.accept().unwrap();
            let mut connection = rustls::ServerConnection::new(config.into()).unwrap();
            let mut tls = rustls::Stream::new(&mut connection, &mut stream);
            std::io::Read::read(&mut tls, &mut [0; 1024]).and_then(|_| std::io::Write::write_all(&mut tls, ok("{}").as_bytes()))
        });
        let result = Site::new(&url, &Auth::None, authority).unwrap().get(&[]).send().await;
        server.await.unwrap().ok();
        match result {
            Ok(_) => assert!(believed),
            Err(error) => assert!(!believed && error.as_str() == "misconfigured", "{error:?}"),
        }
    }
}

#[tokio::test]
async fn no_tls_where_there_should_be_some_is_for_somebody_to_mend() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let site = Site::new(&format!("https://localhost:{}", listener.local_addr().unwrap().port()), &Auth::None, None).unwrap();
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    };
    let (result, ()) = tokio::join!(site.get(&[]).send(), server);
    assert_eq!(result.unwrap_err().as_str(), "misconfigured");
}
