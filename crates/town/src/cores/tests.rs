use super::*;
use crate::Town;
use crate::town::eventually;
use crate::weather::{Cause, SpellId};
use jiff::Timestamp;
use std::error::Error;

async fn town() -> Town {
    let weather = Weather::new(14, Timestamp::from_second(1_772_467_200).unwrap());
    weather.set_speed(0);
    Town::start(weather).await.unwrap()
}

fn core(town: &Town, fault: CoreFault, percent: u8) -> SpellId {
    town.weather().set(Condition::Core { institution: "inst-1".to_owned(), fault, percent })
}

fn client(town: &Town) -> reqwest::Client {
    drop(crate::client());
    let trusted = reqwest::Certificate::from_der(&town.core_certificate()).unwrap();
    let builder = reqwest::Client::builder().no_proxy().tls_certs_only([trusted]);
    builder.connect_timeout(Duration::from_millis(400)).timeout(Duration::from_millis(1_500)).build().unwrap()
}

/// The directory of a core's services over TLS.
fn directory(town: &Town, institution: &str) -> String {
    format!("https://{}/SymXchange", town.core_addr(institution).unwrap())
}

fn causes(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut next: Option<&dyn Error> = Some(error);
    while let Some(found) = next {
        text += &format!("{found}; ");
        next = found.source();
    }
    text
}

async fn operation(town: &Town) -> (u16, String) {
    let request = client(town).post(directory(town, "inst-1")).header("content-type", "text/xml").body("<soap:Envelope/>");
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn a_well_core_answers_over_tls_and_over_plain_http() {
    let town = town().await;
    assert_eq!(client(&town).get(directory(&town, "inst-1")).send().await.unwrap().status(), 200);
    let plain = directory(&town, "inst-1").replace("https", "http");
    assert_eq!(client(&town).get(plain).send().await.unwrap().status(), 200);
    let (status, text) = operation(&town).await;
    assert_eq!(status, 200);
    assert!(text.contains("statusCode=\"0\""));
}

#[tokio::test]
async fn an_expired_certificate_is_seen_as_expired() {
    let town = town().await;
    core(&town, CoreFault::ExpiredCertificate, 100);
    let error = client(&town).get(directory(&town, "inst-1")).send().await.unwrap_err();
    assert!(causes(&error).to_lowercase().contains("expired"), "{}", causes(&error));
    assert_eq!(client(&town).get(directory(&town, "inst-2")).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn it_refuses_resets_and_hangs_and_comes_back_on_the_same_port() {
    let town = town().await;
    let well = async || client(&town).get(directory(&town, "inst-1")).send().await.is_ok();
    let spell = core(&town, CoreFault::Refuses, 100);
    eventually(async || {
        let error = client(&town).get(directory(&town, "inst-1")).send().await;
        error.is_err_and(|error| causes(&error).contains("refused"))
    })
    .await;
    town.weather().clear(spell);
    eventually(well).await;
    let spell = core(&town, CoreFault::Reset, 100);
    let error = client(&town).get(directory(&town, "inst-1")).send().await.unwrap_err();
    assert!(causes(&error).contains("reset"), "{}", causes(&error));
    town.weather().clear(spell);
    let spell = core(&town, CoreFault::ReadTimeout, 100);
    let error = client(&town).get(directory(&town, "inst-1").replace("https", "http")).send().await.unwrap_err();
    assert!(error.is_timeout() && !error.is_connect(), "{}", causes(&error));
    town.weather().clear(spell);
    assert!(well().await);
}

#[tokio::test]
async fn a_host_that_is_down_lets_connections_to_all_its_cores_time_out() {
    let town = town().await;
    let all = town.weather().institutions();
    let spell = town.weather().set(Condition::HostDown { host: all[0].host.clone() });
    let others: Vec<_> = all.iter().filter(|found| found.host == all[0].host).collect();
    assert_eq!(others.len(), 2);
    for found in others {
        eventually(async || {
            let error = client(&town).get(directory(&town, &found.id)).send().await;
            error.is_err_and(|error| error.is_connect() && error.is_timeout())
        })
        .await;
    }
    assert_eq!(client(&town).get(directory(&town, "inst-2")).send().await.unwrap().status(), 200);
    town.weather().clear(spell);
    eventually(async || client(&town).get(directory(&town, "inst-1")).send().await.is_ok()).await;
}

#[tokio::test]
async fn a_changed_password_and_a_release_mismatch_are_faults_while_the_directory_looks_well() {
    let town = town().await;
    let spell = core(&town, CoreFault::ChangedPassword, 100);
    assert_eq!(client(&town).get(directory(&town, "inst-1")).send().await.unwrap().status(), 200);
    let (status, text) = operation(&town).await;
    assert_eq!(status, 500);
    assert!(text.contains("FailedAuthentication"));
    town.weather().clear(spell);
    let spell = core(&town, CoreFault::SoapFault, 100);
    assert!(operation(&town).await.1.contains("Unmarshalling Error"));
    town.weather().clear(spell);
    core(&town, CoreFault::Http(503), 100);
    assert_eq!(operation(&town).await.0, 503);
}

#[tokio::test]
async fn a_share_of_the_calls_fails_and_our_own_trouble_leaves_the_cores_well() {
    let town = town().await;
    let spell = core(&town, CoreFault::Http(500), 50);
    let mut failed = 0;
    for _ in 0..20 {
        failed += usize::from(operation(&town).await.0 == 500);
    }
    assert!((3..=17).contains(&failed), "{failed}");
    town.weather().clear(spell);
    let weather = town.weather();
    let began = weather.now();
    weather.set(Condition::PoolExhausted { service: crate::weather::Service::HTTP, percent: 100, restart_heals: true });
    weather.advance(Duration::from_secs(300));
    assert!(weather.failures("inst-1", began, weather.now()).iter().any(|(cause, _)| *cause == Cause::PoolTimeout));
    assert_eq!(client(&town).get(directory(&town, "inst-1")).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_connection_is_held_before_and_after_the_core_has_read() {
    for when in [When::Before, When::After] {
        let town = town().await;
        let holds = town.weather().holds();
        holds.hold(1, when, None);
        let request = client(&town).get(directory(&town, "inst-1")).timeout(Duration::from_secs(20));
        let asking = tokio::spawn(async move { request.send().await.map(|answer| answer.status().as_u16()) });
        let held = holds.held().await;
        assert_eq!(
            (held.asked.system, held.asked.method.as_str(), held.asked.path.as_str()),
            (System::Core, "CONNECT", "/inst-1")
        );
        assert!(!asking.is_finished());
        assert!(holds.release(crate::hold::Release::Drop));
        assert!(asking.await.unwrap().is_err(), "its answer never comes");
        assert_eq!(client(&town).get(directory(&town, "inst-1")).send().await.unwrap().status(), 200);
    }
}
