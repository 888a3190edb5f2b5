//! "Ours or theirs?" against the town: logs, probes and the decision, through the API, in many weathers.

use crate::town::{SETUP, Town, everywhere};
use firedog_town::Town as Streets;
use firedog_town::search::{SEARCH_PASSWORD, SEARCH_USER};
use firedog_town::weather::{Condition, CoreFault, PLANTED, Service, Weather};
use serde_json::{Value, json};
use std::time::Duration;

const BOOK: &str = r#"
runbook: ours-or-theirs
for: { institution: required }
steps:
  - { do: Find the root error, uses: logs.root_error, with: { last: 15m } }
  - { do: See who else fails, uses: logs.blast_radius, with: { last: 15m } }
  - { do: Probe the core, uses: net.probe, with: { target: "${institution.core_endpoint}" } }
  - { do: Decide, uses: decide, with: { table: ours-or-theirs } }
"#;

/// As many institutions as make "everybody else" mean something, few enough for a port each.
const INSTITUTIONS: usize = 16;

async fn streets(town: &Town) -> Streets {
    let streets = Streets::start(Weather::new(INSTITUTIONS, town.now())).await.unwrap();
    streets.weather().set_speed(0);
    let authority = pem(&streets.core_certificate());
    let institutions: Vec<Value> = streets
        .weather()
        .institutions()
        .into_iter()
        .map(|one| {
            let core = streets.core_addr(&one.id).unwrap();
            json!({ "id": one.id, "name": one.name, "host": one.host, "authority": authority,
                "core_endpoint": format!("https://localhost:{}/SymXchange", core.port()) })
        })
        .collect();
    let vantage =
        |name: &str, module: &str| json!({ "id": name, "kind": "blackbox", "url": streets.vantage_url(name), "module": module });
    let connections = json!([vantage("branch", "tcp_connect"), vantage("cloud", "http_2xx"), {
        "id": "logs", "kind": "elasticsearch", "url": streets.search_url(), "user": SEARCH_USER, "secret": SEARCH_PASSWORD,
        "index": "interaction-*",
        "fields": { "time": "@timestamp", "institution": "institution.id", "service": "service.name", "kind": "interaction.kind",
            "outcome": "interaction.outcome", "error_type": "error.type", "error_message": "error.message", "stack": "error.stack_trace" },
    }]);
    let more = json!({ "institutions": institutions, "connections": connections }).to_string();
    let files = json!([
        { "name": "setup.yaml", "text": SETUP }, { "name": "more.json", "text": more }, { "name": "book.yaml", "text": BOOK },
    ]);
    town.post("/setup", json!({ "files": files, "yes": true })).await.is(200);
    streets
}

fn pem(der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

/// A run of it in this weather, to its end.
async fn told(town: &Town, institution: &str) -> Value {
    let body = json!({ "runbook": "ours-or-theirs", "inputs": { "institution": institution } });
    let begun = town.post("/runs", body).await.is(201).json();
    let id = begun["id"].as_str().unwrap();
    town.app.runs.settled().await;
    let run = town.get(&format!("/runs/{id}")).await;
    assert_eq!(run["state"], "done", "{run:#}");
    run
}

fn output(run: &Value, place: usize) -> &Value {
    &run["steps"][place - 1]["output"]
}

#[tokio::test]
async fn every_weather_is_told_for_what_it_is() {
    let town = Town::new().await;
    let streets = streets(&town).await;
    let sky = streets.weather();
    let core = |fault| Condition::Core { institution: "inst-5".to_owned(), fault, percent: 100 };
    let host = sky.institutions().into_iter().find(|one| one.id == "inst-5").unwrap().host;
    let pool = |percent| Condition::PoolExhausted { service: Service::HTTP, percent, restart_heals: true };
    let way = |vantage: &str, open| Condition::Way { vantage: vantage.to_owned(), institution: "inst-5".to_owned(), open };
    let both = vec![pool(95), Condition::PoolExhausted { service: Service::RPC, percent: 95, restart_heals: true }];
    let weathers: Vec<(&str, Vec<Condition>, &str, &str)> = vec![
        ("refused", vec![core(CoreFault::Refuses)], "connection_refused", "vendor vendor_case"),
        ("refused here only", vec![core(CoreFault::Refuses), way("branch", true)], "connection_refused", "network network_team"),
        (
            "no way from here",
            vec![core(CoreFault::ConnectTimeout), way("cloud", true)],
            "connect_timeout",
            "network network_team",
        ),
        ("no way from anywhere", vec![core(CoreFault::ConnectTimeout)], "connect_timeout", "vendor vendor_case"),
        (
            "one vantage was never let in",
            vec![core(CoreFault::Http(503)), way("branch", false), way("cloud", false)],
            "http_5xx",
            "vendor vendor_case",
        ),
        ("slow", vec![core(CoreFault::ReadTimeout)], "read_timeout", "vendor vendor_case"),
        ("expired certificate", vec![core(CoreFault::ExpiredCertificate)], "tls", "unclear ask_human"),
        ("changed password", vec![core(CoreFault::ChangedPassword)], "authentication", "institution tell_institution"),
        ("5xx", vec![core(CoreFault::Http(503))], "http_5xx", "vendor vendor_case"),
        ("release mismatch", vec![core(CoreFault::SoapFault)], "soap_fault", "ours ask_human"),
        ("shared host", vec![Condition::HostDown { host }], "connect_timeout", "vendor vendor_case"),
        ("our pool", both.clone(), "pool_exhausted", "ours restart"),
        ("our names", vec![Condition::WrongDns { percent: 95 }], "name_resolution", "ours ask_human"),
        ("wrappers", vec![core(CoreFault::Refuses), Condition::WrappedErrors], "connection_refused", "vendor vendor_case"),
        ("wrapped pool", both.into_iter().chain([Condition::WrappedErrors]).collect(), "pool_exhausted", "ours restart"),
        (
            "late logs",
            vec![core(CoreFault::Refuses), Condition::LogsLate { by: Duration::from_secs(1_200) }],
            "",
            "unclear ask_human",
        ),
        (
            "mixed",
            vec![
                Condition::Core { institution: "inst-5".to_owned(), fault: CoreFault::Refuses, percent: 45 },
                Condition::Core { institution: "inst-5".to_owned(), fault: CoreFault::ReadTimeout, percent: 55 },
            ],
            "unclear",
            "unclear ask_human",
        ),
        ("nothing is wrong", vec![], "", "unclear"),
        (
            "hardly any traffic",
            vec![core(CoreFault::Refuses), Condition::Traffic { institution: "inst-5".to_owned(), per_minute: 0 }],
            "",
            "unclear ask_human",
        ),
    ];
    let mut wrong = Vec::new();
    for (name, conditions, root, decision) in weathers {
        sky.clear_all();
        conditions.into_iter().for_each(|condition| {
            sky.set(condition);
        });
        // Long enough for the weather to fill what is looked at.
        town.clock.advance(crate::town::minutes(60));
        sky.set_now(town.now());
        let run = told(&town, "inst-5").await;
        let made = output(&run, 4);
        let found = format!("{} {}", made["owner"].as_str().unwrap(), made["remedy"].as_str().unwrap());
        if !found.starts_with(decision) || (!root.is_empty() && output(&run, 1)["root"] != root) {
            wrong.push(format!("{name}: {found} instead of {decision}, {root}: {made}\n{}", output(&run, 2)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn renamed_fields_are_unclear_and_never_a_zero() {
    let town = Town::new().await;
    let streets = streets(&town).await;
    streets.weather().set(Condition::FieldsRenamed { names: vec![("institution.id".to_owned(), "tenant.id".to_owned())] });
    town.clock.advance(crate::town::minutes(60));
    streets.weather().set_now(town.now());
    let run = told(&town, "inst-5").await;
    let made = output(&run, 4);
    assert_eq!((&made["owner"], &made["remedy"]), (&json!("unclear"), &json!("ask_human")), "{run:#}");
    assert_eq!(output(&run, 1)["late"], true, "{run:#}");
}

#[tokio::test]
async fn customer_data_reaches_nothing_that_is_kept() {
    everywhere(async |town| {
        let streets = streets(&town).await;
        streets.weather().set(Condition::CustomerData);
        streets.weather().set(Condition::Core { institution: "inst-5".to_owned(), fault: CoreFault::Refuses, percent: 100 });
        town.clock.advance(crate::town::minutes(60));
        streets.weather().set_now(town.now());
        let run = told(&town, "inst-5").await;
        let id = run["id"].as_str().unwrap();
        let kept =
            format!("{run}{}{}", town.get(&format!("/runs/{id}/log")).await, town.get(&format!("/audit?subject=run:{id}")).await);
        assert!(output(&run, 1)["failed"].as_u64().unwrap() > 0);
        for planted in PLANTED {
            assert!(!kept.contains(planted), "{planted} is in what is kept");
        }
    })
    .await;
}

/// Who looks from elsewhere is told, whoever cannot be asked counts for nothing, and the doctor knows them.
#[tokio::test]
async fn ways_from_elsewhere_are_told_and_who_cannot_be_asked_counts_for_nothing() {
    let town = Town::new().await;
    let streets = streets(&town).await;
    let sky = streets.weather();
    for name in ["branch", "cloud"] {
        let check = town.post(&format!("/connections/{name}/check"), json!({})).await.is(200).json();
        assert_eq!((&check["level"], &check["message"]), (&json!("ok"), &json!("blackbox exporter 0.23.0")), "{check:#}");
    }
    let rows = town.get("/connections").await;
    assert!(
        rows["items"].as_array().unwrap().iter().any(|row| row["id"] == "cloud" && row["actions"] == json!(["net.probe"])),
        "{rows:#}"
    );
    let probe = async || {
        town.clock.advance(crate::town::minutes(60));
        sky.set_now(town.now());
        let run = told(&town, "inst-5").await;
        (output(&run, 3).clone(), output(&run, 4).clone())
    };
    let (seen, _) = probe().await;
    assert_eq!((&seen["ok"], &seen["split"]), (&json!(true), &json!(false)), "{seen:#}");
    assert!(seen["elsewhere"]["branch"].as_str().unwrap().starts_with("connects in "), "{seen:#}");
    sky.set(Condition::Core { institution: "inst-5".to_owned(), fault: CoreFault::Refuses, percent: 100 });
    sky.set(Condition::Way { vantage: "cloud".to_owned(), institution: "inst-5".to_owned(), open: true });
    let (seen, made) = probe().await;
    assert_eq!((&seen["split"], &seen["elsewhere"]["branch"]), (&json!(true), &json!("does not connect")), "{seen:#}");
    assert!(seen["text"].as_str().unwrap().contains("; elsewhere: branch does not connect, cloud connects in "), "{seen:#}");
    assert_eq!((&made["row"], &made["evidence"]["split"]), (&json!("split"), &json!(true)), "{made:#}");
    sky.set(Condition::Outage { of: firedog_town::weather::System::Vantage, how: firedog_town::weather::Outage::Status(502) });
    let (seen, made) = probe().await;
    assert_eq!(seen["split"], false, "{seen:#}");
    assert!(seen["text"].as_str().unwrap().contains("cloud could not be asked (HTTP 502"), "{seen:#}");
    assert_eq!((&made["owner"], &made["row"]), (&json!("vendor"), &json!("way")), "{made:#}");
}
