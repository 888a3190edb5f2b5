//! Commands typed in Slack, as Slack sends them: who it is, what is done, and what is not.

use crate::town::{ADMIN, Answer, SETUP, Town, everywhere, minutes};
use firedog_connectors::slack::{Mrkdwn, command};
use firedog_server::ops::chat as ops;
use firedog_town::slack::{ADA, GRACE, SAM, SIGNING_SECRET, SLACK_TOKEN, Said, Slack, Typed};
use firedog_town::weather::{Condition, Outage, System, Weather};
use firedog_town::{Mailbox, Town as Streets};
use serde_json::{Value, json};
use std::time::Duration;

const BOOK: &str = r#"
runbook: look-after
title: Look after an institution
team: pupper
for: { institution: required, note: optional }
steps:
  - { do: Look at it }
"#;
const ASKS: &str = r#"
runbook: asks
team: pupper
steps:
  - { do: Look at the shop }
  - { do: Is it well?, ask: { well: bool } }
  - { do: What do you see?, ask: { seen: text } }
  - { do: Tell support, uses: page, with: { team: support, message: it is down }, confirm: primary }
  - { do: Whose is it?, ask: { owner: [ours, theirs] } }
"#;
const DOOR: &str = "/chat/slack/chat";

struct Workspace {
    streets: Streets,
}

impl Workspace {
    /// Ada is known by her member id, Grace by her e-mail, Sam to nobody.
    async fn open(town: &Town) -> Self {
        Self::with(town, SETUP).await
    }

    async fn with(town: &Town, setup: &str) -> Self {
        let streets = Streets::start(Weather::new(1, town.now())).await.unwrap();
        streets.weather().set_speed(0);
        let chat = json!({ "id": "chat", "kind": "slack", "url": streets.slack_url(), "secret": SLACK_TOKEN, "signing_secret": SIGNING_SECRET });
        let mute = json!({ "id": "logs", "kind": "elasticsearch", "url": "http://127.0.0.1:9", "index": "i" });
        let more = json!({ "institutions": [{ "id": "inst-1", "code": "1" }, { "id": "inst-2" }], "connections": [chat, mute] });
        let setup = setup.replace("    name: Ada Lovelace\n", &format!("    name: Ada Lovelace\n    slack: {ADA}\n"));
        let files = json!([
            { "name": "setup.yaml", "text": setup }, { "name": "more.json", "text": more.to_string() }, { "name": "book.yaml", "text": BOOK },
            { "name": "asks.yaml", "text": ASKS },
        ]);
        town.post("/setup", json!({ "files": files, "yes": true })).await.is(200);
        Self { streets }
    }

    fn slack(&self) -> &Slack {
        self.streets.slack()
    }

    fn types(&self, user: &str, text: &str, trigger: &str) -> Typed {
        self.slack().types(user, "/ff", text, trigger, &self.streets.slack_url())
    }

    /// Types it, and reads what comes back.
    async fn says(&self, town: &Town, user: &str, text: &str) -> String {
        let trigger = format!("{}.{}", town.app.engine.new_id(), text.len());
        read(&deliver(town, &self.types(user, text, &trigger)).await.is(200))
    }
}

async fn deliver(town: &Town, typed: &Typed) -> Answer {
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("x-slack-request-timestamp", typed.timestamp.as_str()),
        ("x-slack-signature", typed.signature.as_str()),
    ];
    town.call("POST", DOOR, &headers, typed.body.clone()).await
}

fn read(answer: &Answer) -> String {
    let body = answer.json();
    assert_eq!(body["response_type"], "ephemeral");
    body["text"].as_str().unwrap().to_owned()
}

async fn open_runs(town: &Town) -> Vec<Value> {
    town.get("/runs?open=true").await["items"].as_array().unwrap().clone()
}

async fn audited(town: &Town, action: &str) -> Vec<Value> {
    let rows = town.get("/audit?limit=200").await;
    rows["items"].as_array().unwrap().iter().filter(|row| row["action"] == action).cloned().collect()
}

#[tokio::test]
async fn a_run_is_started_and_joined() {
    everywhere(async |town| {
        let chat = Workspace::open(&town).await;
        let begun = chat.says(&town, ADA, "run look-after institution=inst-1 note=\u{201c}it is slow\u{201d}").await;
        let run = open_runs(&town).await.remove(0);
        let id = run["id"].as_str().unwrap();
        assert!(begun.starts_with("Started: ") && begun.contains(&format!("https://firedog.example.org/runs/{id}|")), "{begun}");
        assert_eq!((&run["started_by"], &run["inputs"]["note"]), (&json!("ada"), &json!("it is slow")));
        assert_eq!(run["inputs"]["institution"]["id"], "inst-1");
        // Grace is known by her address, and joins what is open.
        let joined = chat.says(&town, GRACE, "RUN look-after institution=inst-1").await;
        assert!(joined.starts_with("It runs already") && joined.contains(id), "{joined}");
        assert_eq!(open_runs(&town).await.len(), 1);
        let listed = chat.says(&town, ADA, "runs").await;
        assert!(listed.contains(id) && listed.contains("`1`") && listed.contains("1 steps wait"), "{listed}");
        let rows = audited(&town, "chat.run").await;
        assert_eq!(
            (&rows[0]["actor"], &rows[0]["subject"], &rows[0]["detail"]),
            (&json!("user:ada"), &json!(format!("run:{id}")), &json!("in Slack"))
        );
        assert_eq!(audited(&town, "chat.join").await[0]["actor"], "user:grace");
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_says_what_to_write_instead() {
    let town = Town::new().await;
    let chat = Workspace::open(&town).await;
    for (text, expected) in [
        ("run look-aftr institution=inst-1", "did you mean `look-after`?"),
        ("run", "`/ff run RUNBOOK [NAME=VALUE ...]`; there is: asks, look-after"),
        ("run look-after", "has to be told `institution`. look-after takes institution=… [note=…]"),
        ("run look-after inst-1", "`inst-1` is no NAME=VALUE"),
        ("run look-after institution=inst-9", "there is: inst-1, inst-2"),
        ("run look-after institution=inst-1 colour=red", "is not told `colour`"),
        ("page", "`/ff page TEAM MESSAGE`; of teams there is: pupper, support"),
        ("page supprt it is down", "did you mean `support`?"),
        ("page support", "`/ff page TEAM MESSAGE`"),
        ("pgae support x", "write `/ff page`"),
        ("oncall primry", "did you mean `primary`?"),
        ("ack", "`/ff ack ALERT`"),
        ("ack 0190-nothing", "`/ff alerts` lists those that are open"),
        ("<!channel> &amp; <https://evil.example|x>", "there is no command `@channel`"),
        ("show <script>&lt;b&gt;", "there is no alert `script&lt;b&gt;`"),
    ] {
        let told = chat.says(&town, ADA, text).await;
        assert!(told.contains(expected), "{text}: {told}");
        assert!(!told.contains("<!") && !told.contains("<script"), "{told}");
    }
    assert!(open_runs(&town).await.is_empty());
    let help = chat.says(&town, ADA, "").await;
    assert!(help.contains("*ada* here (responder)") && help.contains("`/ff page TEAM MESSAGE`"), "{help}");
    let oncall = chat.says(&town, ADA, "oncall").await;
    assert!(oncall.contains("*primary*: Ada Lovelace until <!date^") && oncall.contains("*secondary*: Grace Hopper"), "{oncall}");
    let team = chat.says(&town, ADA, "oncall pupper").await;
    assert!(team.contains("Ada Lovelace") && team.contains("step 3: Linus Torvalds"), "{team}");
}

#[tokio::test]
async fn a_page_says_who_is_paged_and_then_who_has_it() {
    everywhere(async |town| {
        let chat = Workspace::open(&town).await;
        let told = chat.says(&town, ADA, "page support card 4111111111111111 fails &lt;b&gt;").await;
        assert!(told.starts_with("Paged *support*: ") && told.contains("Being paged: Grace Hopper."), "{told}");
        assert!(!told.contains("4111111111111111"), "{told}");
        assert_eq!(town.sent().await, ["page grace/hook"]);
        let id = town.get("/alerts").await["items"][0]["id"].as_str().unwrap().to_owned();
        assert!(told.contains(&id));
        let shown = chat.says(&town, ADA, &format!("show {id}")).await;
        assert!(shown.contains("nobody has it yet"), "{shown}");
        // By the end of its id, as one types it on a phone.
        let taken = chat.says(&town, GRACE, &format!("ack {}", &id[id.len() - 8..])).await;
        assert!(taken.contains("Grace Hopper has it"), "{taken}");
        assert_eq!(town.get(&format!("/alerts/{id}")).await["acknowledged_by"], "grace");
        let shown = chat.says(&town, ADA, &format!("show <https://firedog.example.org/alerts/{id}>")).await;
        assert!(shown.contains("Grace Hopper has it"), "{shown}");
        let deadline = std::time::Instant::now() + Duration::from_secs(20);
        while chat.slack().responses().is_empty() {
            assert!(std::time::Instant::now() < deadline, "Ada was not told who has it");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(chat.slack().responses()[0].1.starts_with("Grace Hopper has it: "), "{:?}", chat.slack().responses());
        assert_eq!(audited(&town, "chat.page").await[0]["actor"], "user:ada");
        assert_eq!(audited(&town, "chat.ack").await[0]["detail"], "in Slack");
        // `/pd-support` is the same, where the app has such a command.
        let alias = chat.slack().types(ADA, "/pd-support", "and once more", "alias-1", &chat.streets.slack_url());
        assert!(read(&deliver(&town, &alias).await.is(200)).starts_with("Paged *support*: "));
    })
    .await;
}

#[tokio::test]
async fn what_slack_has_not_signed_now_does_nothing() {
    everywhere(async |town| {
        let chat = Workspace::open(&town).await;
        let good = chat.types(ADA, "page support it is down", "trigger-1");
        let wrong = Typed { signature: good.signature.replace(['0', '1', '2'], "3"), ..good.clone() };
        let other = Typed { body: good.body.replace("support", "pupper"), ..good.clone() };
        let late = Slack::signed(&(town.now().as_second() - 301).to_string(), &good.body);
        let early = Slack::signed(&(town.now().as_second() + 301).to_string(), &good.body);
        for bad in [&wrong, &other, &late, &early] {
            deliver(&town, bad).await.is(401);
        }
        town.call("POST", DOOR, &[], good.body.clone()).await.is(401);
        let headers = [("x-slack-request-timestamp", good.timestamp.as_str()), ("x-slack-signature", good.signature.as_str())];
        // Whether there is such a connection, or whether it takes commands, is nobody's business.
        for path in ["/chat/slack/nothing", "/chat/slack/logs"] {
            town.call("POST", path, &headers, good.body.clone()).await.is(401);
        }
        town.call("POST", DOOR, &headers, "x".repeat(300_000)).await.is(413);
        assert!(town.sent().await.is_empty() && town.get("/alerts").await["items"].as_array().unwrap().is_empty());
        // The probe of Slack is answered, and does nothing.
        assert_eq!(town.call("GET", &format!("{DOOR}?ssl_check=1"), &[], "").await.is(200).text, "");
        assert_eq!(town.call("POST", DOOR, &[], "ssl_check=1&token=x").await.is(200).text, "");
        town.call("GET", DOOR, &[], "").await.is(405);
        // Once, and not once more: neither at once nor a while later.
        assert!(read(&deliver(&town, &good).await.is(200)).starts_with("Paged *support*"));
        assert_eq!(town.sent().await, ["page grace/hook"]);
        for _ in 0..2 {
            assert!(read(&deliver(&town, &good).await.is(200)).contains("taken already"));
            town.clock.advance(minutes(2));
        }
        assert!(
            town.sent().await.iter().all(|sent| !sent.starts_with("page grace/hook") || sent.is_empty())
                || town.get("/alerts").await["items"].as_array().unwrap().len() == 1
        );
        assert_eq!(town.get("/alerts").await["items"].as_array().unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn strangers_may_nothing_and_viewers_only_look() {
    everywhere(async |town| {
        let chat = Workspace::open(&town).await;
        for text in ["help", "runs", "page support it is down", "run look-after institution=inst-1"] {
            let told = chat.says(&town, SAM, text).await;
            assert!(told.starts_with("Firedog does not know you") && told.contains(&format!("`slack: {SAM}`")), "{told}");
        }
        // Slack knows nobody of this id.
        assert!(chat.says(&town, "U0NOBODY", "help").await.contains("user_not_found"));
        let viewer = json!({ "role": "viewer" });
        town.api(ADMIN, "PUT", "/users/grace/role", Some(viewer)).await;
        for text in ["page support it is down", "run look-after institution=inst-1", "ack 0190"] {
            let told = chat.says(&town, GRACE, text).await;
            assert!(told.contains("this needs the role responder, and you have viewer"), "{told}");
        }
        assert!(chat.says(&town, GRACE, "runs").await.contains("No run is open."));
        assert!(town.sent().await.is_empty() && open_runs(&town).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn only_the_team_of_a_runbook_starts_it() {
    let town = Town::new().await;
    let chat =
        Workspace::with(&town, &SETUP.replace("members: [ada, grace, linus], policy", "members: [ada, linus], policy")).await;
    let told = chat.says(&town, GRACE, "run look-after institution=inst-1").await;
    assert!(told.contains("belongs to the team pupper"), "{told}");
    assert!(open_runs(&town).await.is_empty());
    assert!(chat.says(&town, ADA, "run look-after institution=inst-1").await.starts_with("Started: "));
}

#[tokio::test]
async fn slack_that_is_silent_holds_up_nobody_whose_member_id_is_known() {
    let town = Town::new().await;
    let chat = Workspace::open(&town).await;
    chat.streets.weather().set(Condition::Outage { of: System::Slack, how: Outage::Hangs });
    let begun = std::time::Instant::now();
    assert!(chat.says(&town, ADA, "page support it is down").await.starts_with("Paged *support*"));
    assert_eq!(town.sent().await, ["page grace/hook"]);
    let told = chat.says(&town, GRACE, "page support it is down as well").await;
    assert!(told.contains("Slack does not answer") && told.contains(&format!("`slack: {GRACE}`")), "{told}");
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert!(town.sent().await.is_empty());
    chat.streets.weather().clear_all();
    chat.streets.weather().set(Condition::Outage { of: System::Slack, how: Outage::Status(503) });
    let told = chat.says(&town, GRACE, "runs").await;
    assert!(told.contains("work meanwhile"), "{told}");
}

#[tokio::test]
async fn what_takes_longer_than_slack_waits_is_told_when_it_is_done() {
    let town = Town::new().await;
    let chat = Workspace::open(&town).await;
    let (connection, _) = ops::door(&town.app, "chat").await.unwrap().unwrap();
    let typed = |text: &str, trigger: &str| command::parse(chat.types(GRACE, text, trigger).body.as_bytes()).unwrap();
    let told = ops::answer(&town.app, connection.clone(), typed("oncall primary", "late-1"), Duration::ZERO).await;
    assert!(told.as_str().contains("It goes on"), "{}", told.as_str());
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while chat.slack().responses().is_empty() {
        assert!(std::time::Instant::now() < deadline, "nobody was told");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (of, text) = chat.slack().responses().remove(0);
    assert!(of == "late-1" && text.contains("Ada Lovelace"), "{of} {text}");
    // An answer goes to Slack only, whatever a signed request names.
    let mut elsewhere = typed("oncall primary", "late-2");
    let other = firedog_town::Inbox::start(None).await.unwrap();
    elsewhere.response_url = Some(other.url());
    ops::answer(&town.app, connection.clone(), elsewhere, Duration::ZERO).await;
    let slack = town.app.connected.slack_of(&connection).unwrap();
    let refused = slack.respond(&other.url(), &Mrkdwn::new().plain("x")).await.unwrap_err();
    assert!(refused.reason().contains("not Slack's"), "{refused:?}");
    assert!(other.received().is_empty());
}

#[tokio::test]
async fn the_check_of_the_connection_says_what_to_enter_at_slack() {
    let town = Town::new().await;
    let _chat = Workspace::open(&town).await;
    let told = town.post("/connections/chat/check", json!({})).await.is(200).json();
    let message = told["message"].as_str().unwrap();
    assert!(message.ends_with("takes commands and buttons at https://firedog.example.org/chat/slack/chat"), "{message}");
    assert_eq!(told["level"], "ok");
    let plan = town.get("/setup/files").await.to_string();
    assert!(!plan.contains(SIGNING_SECRET), "the signing secret is sealed");
}

impl Workspace {
    /// The message to Ada that has these buttons.
    async fn asked(&self, town: &Town, labels: &[&str]) -> Said {
        for _ in 0..500 {
            firedog_server::ops::telling::tell_due(&town.app).await.unwrap();
            let all = self.slack().said();
            if let Some(said) = all.into_iter().rev().find(|said| said.channel == "D0ADA" && said.buttons() == labels) {
                return said;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("Ada was never asked {labels:?}: {:#?}", self.slack().said());
    }

    /// Presses, and reads what that is answered by.
    async fn presses(&self, town: &Town, user: &str, said: &Said, label: &str, trigger: &str) -> String {
        let typed = self.slack().presses(user, said, label, trigger, &self.streets.slack_url()).expect("there is such a button");
        assert_eq!(deliver(town, &typed).await.is(200).text, "", "what is answered here is not shown");
        self.slack().responses().into_iter().rev().find(|(of, _)| of == trigger).expect("it is told what came of it").1
    }

    fn now(&self, said: &Said) -> Said {
        self.slack().said().into_iter().find(|one| one.ts == said.ts).unwrap()
    }
}

#[tokio::test]
async fn what_a_run_asks_is_answered_by_a_button() {
    everywhere(async |town| {
        let chat = Workspace::open(&town).await;
        chat.says(&town, ADA, "run asks").await;
        let run = open_runs(&town).await.remove(0)["id"].as_str().unwrap().to_owned();
        let show = async || town.get(&format!("/runs/{run}")).await;
        let link = format!("https://firedog.example.org/runs/{run}");
        let first = chat.asked(&town, &["Done", "Open"]).await;
        assert!(first.text.contains("Look at the shop") && first.blocks.to_string().contains(&link), "{first:?}");

        // Neither a stranger nor somebody who only looks, nor without a signature.
        assert!(chat.presses(&town, SAM, &first, "Done", "press-1").await.starts_with("Firedog does not know you"));
        town.api(ADMIN, "PUT", "/users/grace/role", Some(json!({ "role": "viewer" }))).await;
        assert!(chat.presses(&town, GRACE, &first, "Done", "press-2").await.contains("pupper"));
        let unsigned = chat.slack().presses(ADA, &first, "Done", "press-3", &chat.streets.slack_url()).unwrap();
        town.call("POST", DOOR, &[], unsigned.body).await.is(401);
        assert_eq!(show().await["steps"][0]["state"], "asking");
        assert_eq!(chat.now(&first).buttons(), ["Done", "Open"], "it is still asked");

        let told = chat.presses(&town, ADA, &first, "Done", "press-4").await;
        assert!(told.contains(&link) && told.ends_with(": Look at the shop: *Done*, by Ada Lovelace."), "{told}");
        let now = chat.now(&first);
        assert_eq!((now.text.as_str(), now.buttons().len()), (told.as_str(), 0));
        assert_eq!((&show().await["steps"][0]["state"], &show().await["steps"][0]["by"]), (&json!("done"), &json!("ada")));

        let second = chat.asked(&town, &["Yes", "No", "Open"]).await;
        chat.presses(&town, ADA, &second, "No", "press-5").await;
        assert_eq!(show().await["steps"][1]["output"]["well"], false);
        // The same press again, and another one under what was said already.
        assert!(chat.presses(&town, ADA, &second, "Yes", "press-5").await.contains("taken already"));
        assert!(chat.presses(&town, ADA, &second, "Yes", "press-6").await.contains("does not wait any more"));
        assert_eq!(show().await["steps"][1]["output"]["well"], false);

        // What a word cannot say is said in the app.
        chat.asked(&town, &["Open"]).await;
        let values = json!({ "values": { "seen": "nothing" } });
        town.post(&format!("/runs/{run}/steps/3/answer"), values).await.is(200);
        let plan = chat.asked(&town, &["Agree", "Decline", "Open"]).await;
        assert!(plan.text.contains("page: message it is down, team support"), "{}", plan.text);
        let confirm = &plan.blocks[1]["elements"][0];
        assert!(confirm["confirm"]["text"]["text"].as_str().unwrap().contains("team support"), "{confirm}");
        let told = chat.presses(&town, ADA, &plan, "Decline", "press-7").await;
        assert!(told.contains("*Decline*"), "{told}");
        town.post(&format!("/runs/{run}/steps/4/retry"), json!({})).await.is(200);
        let late = chat.asked(&town, &["Agree", "Decline", "Open"]).await;
        town.clock.advance(minutes(11));
        chat.streets.weather().set_now(town.now());
        town.app.runs.tick().await.unwrap();
        let again = chat.asked(&town, &["Begin again", "Open"]).await;
        assert!(chat.presses(&town, ADA, &late, "Agree", "press-late").await.contains("does not wait any more"));
        chat.presses(&town, ADA, &again, "Begin again", "press-8").await;
        // The same plan, asked anew: what was asked before is not it.
        let mut plan_before = chat.now(&late);
        plan_before.blocks = late.blocks.clone();
        let plan = chat.asked(&town, &["Agree", "Decline", "Open"]).await;
        assert!(chat.presses(&town, ADA, &plan_before, "Agree", "press-old").await.contains("does not wait any more"));
        chat.presses(&town, ADA, &plan, "Agree", "press-9").await;
        town.app.runs.settled().await;
        assert_eq!(town.sent().await, ["page grace/hook"]);
        let last = chat.asked(&town, &["ours", "theirs", "Open"]).await;
        chat.presses(&town, ADA, &last, "theirs", "press-10").await;
        assert_eq!((&show().await["state"], &show().await["steps"][4]["output"]["owner"]), (&json!("done"), &json!("theirs")));
        let rows = audited(&town, "chat.press").await;
        assert_eq!((rows.len(), &rows[0]["actor"], &rows[0]["detail"]), (6, &json!("user:ada"), &json!("in Slack")));
    })
    .await;
}

#[tokio::test]
async fn a_run_asks_by_mail_while_slack_hangs() {
    let mailbox = Mailbox::start(None).await.unwrap();
    let town = Town::with(&[("FIREDOG_SMTP_URL", &mailbox.smtp_url())]).await;
    let chat = Workspace::open(&town).await;
    chat.streets.weather().set(Condition::Outage { of: System::Slack, how: Outage::Hangs });
    chat.says(&town, ADA, "run look-after institution=inst-1").await;
    let begun = std::time::Instant::now();
    while mailbox.mails().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(10), "the mail waits for Slack");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mail = mailbox.mails().remove(0);
    assert_eq!((mail.to[0].as_str(), mail.subject.contains("(1) waits for you")), ("ada@example.org", true), "{}", mail.subject);
    assert!(chat.slack().said().is_empty());
}

#[tokio::test]
async fn whoever_is_asked_by_many_runs_is_told_of_each_and_which_it_is() {
    let town = Town::new().await;
    let chat = Workspace::open(&town).await;
    for institution in ["inst-1", "inst-2"] {
        chat.says(&town, ADA, &format!("run look-after institution={institution}")).await;
    }
    let asked = || chat.slack().said().into_iter().filter(|said| said.channel == "D0ADA").collect::<Vec<_>>();
    for _ in 0..500 {
        firedog_server::ops::telling::tell_due(&town.app).await.unwrap();
        if asked().len() >= 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut titles: Vec<String> = asked().into_iter().map(|said| said.text.lines().next().unwrap().to_owned()).collect();
    titles.sort();
    assert_eq!(titles, ["*Look after an institution (1) waits for you*", "*Look after an institution (inst-2) waits for you*"]);
    let second = asked().into_iter().find(|said| said.text.contains("(inst-2)")).unwrap();
    let told = chat.presses(&town, ADA, &second, "Done", "press-1").await;
    assert!(told.contains("Look after an institution (inst-2)"), "{told}");
    let left = open_runs(&town).await;
    assert_eq!((left.len(), &left[0]["inputs"]["institution"]["id"]), (1, &json!("inst-1")));
}
