//! Against recorded answers, and against servers that answer something else.

use super::*;
use crate::call::Auth;
use crate::call::script::{Script, hostile, ok, reply};
use jiff::SignedDuration;

const ME: &str = include_str!("testdata/auth-test.json");
const POSTED: &str = include_str!("testdata/posted.json");
const HISTORY: &str = include_str!("testdata/history.json");
const EMPTY: &str = r#"{"ok":true,"messages":[],"has_more":false,"response_metadata":{"next_cursor":""}}"#;
const FIRST: &str = include_str!("testdata/replies-1.json");
const SECOND: &str = include_str!("testdata/replies-2.json");

async fn slack(answers: &[&str]) -> (Script, Slack) {
    let script = Script::of(answers.iter().map(ok)).await;
    let slack = Slack::new(script.site_as(&Auth::Bearer("xoxb-s3cret".to_owned())));
    (script, slack)
}

fn hello() -> Message {
    Message::of(Mrkdwn::new().plain("hello"))
}

fn ts(text: &str) -> Ts {
    text.parse().unwrap()
}

fn since() -> Timestamp {
    "2026-01-02T03:04:00Z".parse().unwrap()
}

fn posted() -> Posted {
    Posted { channel: "C1".to_owned(), ts: ts("1767323045.000100") }
}

#[tokio::test]
async fn posts_carry_their_key_and_threads_their_parent() {
    let (script, slack) = slack(&[POSTED, POSTED]).await;
    assert_eq!(slack.post("C1", None, &hello(), "alert-1.post").await.unwrap(), posted());
    slack.post("C2", Some(&posted().ts), &hello(), "alert-1.reply").await.unwrap();
    let requests = script.requests();
    assert_eq!((requests[0].method.as_str(), requests[0].path.as_str()), ("POST", "/chat.postMessage"));
    assert_eq!(requests[0].header("content-type"), Some("application/json; charset=utf-8"));
    assert_eq!(requests[0].header("authorization"), Some("Bearer xoxb-s3cret"));
    let metadata = json!({ "event_type": "firedog_message", "event_payload": { "key": "alert-1.post" } });
    assert_eq!(
        requests[0].json(),
        json!({ "channel": "C1", "text": "hello", "unfurl_links": false, "unfurl_media": false, "metadata": metadata })
    );
    assert_eq!(requests[1].json()["thread_ts"], "1767323045.000100");
}

#[tokio::test]
async fn cards_have_blocks_and_updates_clear_them() {
    let (script, slack) = slack(&[POSTED, POSTED, POSTED]).await;
    let button =
        |action: &str, style, press| Button { action: action.to_owned(), label: "Do it".to_owned(), style, press, sure: None };
    let card = Message {
        header: Some("SEV1 <x>\ncard 4111111111111111".to_owned()),
        text: Mrkdwn::new().plain("a <b>"),
        buttons: vec![
            button("ack", Style::Primary, Press::Tell("01J:7".to_owned())),
            button("open", Style::Plain, Press::Open("https://f.example/a".to_owned())),
        ],
    };
    slack.post("C1", None, &card, "k").await.unwrap();
    slack.update(&posted(), &card, "k").await.unwrap();
    slack.update(&posted(), &hello(), "k").await.unwrap();
    let requests = script.requests();
    let text = |text: &str| json!({ "type": "plain_text", "text": text });
    let blocks = json!([
        { "type": "header", "text": text("SEV1 <x> card ****1111") },
        { "type": "section", "text": { "type": "mrkdwn", "text": "a &lt;b&gt;" } },
        { "type": "actions", "elements": [
            { "type": "button", "action_id": "ack", "style": "primary", "text": text("Do it"), "value": "01J:7" },
            { "type": "button", "action_id": "open", "text": text("Do it"), "url": "https://f.example/a" } ] },
    ]);
    assert_eq!(requests[0].json()["blocks"], blocks);
    assert_eq!((requests[1].path.as_str(), &requests[1].json()["ts"]), ("/chat.update", &json!("1767323045.000100")));
    assert_eq!((&requests[1].json()["blocks"], &requests[2].json()["blocks"]), (&blocks, &json!([])));
}

#[tokio::test]
async fn what_cannot_be_a_message_is_not_sent() {
    let (script, slack) = slack(&[]).await;
    let long = Button {
        action: "a".to_owned(),
        label: "x".to_owned(),
        style: Style::Plain,
        press: Press::Tell("x".repeat(2_001)),
        sure: None,
    };
    let many = vec![Button { press: Press::Tell(String::new()), ..long.clone() }; 6];
    for (channel, message, key) in [
        ("", hello(), "k"),
        ("C1", hello(), ""),
        ("C1", hello(), &*"k".repeat(201)),
        ("C1", Message::of(Mrkdwn::new().plain(" \n")), "k"),
        ("C1", Message { buttons: vec![long], ..hello() }, "k"),
        ("C1", Message { buttons: many, ..hello() }, "k"),
    ] {
        assert_eq!(slack.post(channel, None, &message, key).await.unwrap_err().as_str(), "rejected");
    }
    assert!(script.requests().is_empty());
}

#[tokio::test]
async fn a_message_is_found_again_by_its_key_and_posted_once() {
    let (script, slack_after_crash) = slack(&[ME, HISTORY]).await;
    assert_eq!(slack_after_crash.post_once("C1", None, &hello(), "alert-1.post", since()).await.unwrap(), posted());
    let asked = &script.requests()[1];
    assert!(asked.path.starts_with("/conversations.history?"), "{}", asked.path);
    let pair = |name: &str| asked.pair(name).unwrap_or_default();
    assert_eq!(
        (pair("channel"), pair("oldest"), pair("include_all_metadata")),
        ("C1".into(), "1767322920.000000".into(), "true".into())
    );
    assert_eq!(script.requests().len(), 2, "it was not posted again");
    let (script, not_there) = slack(&[ME, HISTORY, POSTED]).await;
    not_there.post_once("C1", None, &hello(), "alert-2.post", since()).await.unwrap();
    assert_eq!(script.requests()[2].path, "/chat.postMessage");
    let (script, in_thread) = slack(&[ME, EMPTY]).await;
    assert_eq!(in_thread.find("C1", Some(&posted().ts), "k", since()).await.unwrap(), None);
    assert_eq!(script.requests()[1].pair("ts").as_deref(), Some("1767323045.000100"));
}

#[tokio::test]
async fn who_cannot_look_through_everything_does_not_post_again() {
    let endless = r#"{"ok":true,"messages":[],"has_more":true,"response_metadata":{"next_cursor":"x"}}"#;
    let (script, busy) = slack(&[ME, endless, endless, endless, endless, endless]).await;
    assert_eq!(busy.post_once("C1", None, &hello(), "k", since()).await.unwrap_err().as_str(), "unknown");
    assert_eq!((script.requests().len(), script.requests()[2].pair("cursor").as_deref()), (6, Some("x")));
    let (_, lost) = slack(&[ME, r#"{"ok":true,"messages":[],"has_more":true}"#]).await;
    assert_eq!(lost.find("C1", None, "k", since()).await.unwrap_err().as_str(), "unknown");
}

#[tokio::test]
async fn replies_are_read_over_pages_without_the_parent() {
    let (script, slack) = slack(&[FIRST, SECOND]).await;
    let found = slack.replies("C1", &posted().ts, &ts("1767323046.000000")).await.unwrap();
    let lines: Vec<_> = found.replies.iter().map(|r| (r.user.as_deref(), r.by_app, r.text.as_str())).collect();
    assert_eq!(
        lines,
        [(Some("U1"), false, "@UBOT acct #****5678 is <stuck>"), (None, true, "deployed"), (Some("U2"), false, "fixed")]
    );
    assert!(!found.more);
    let cursor = script.requests()[1].pair("cursor");
    assert_eq!(cursor.as_deref(), Some("bmV4dF90czoxNzY3MzIzMDUw"));
    let (_, later) = self::slack(&[SECOND]).await;
    assert_eq!(later.replies("C1", &posted().ts, &ts("1767323060.000300")).await.unwrap().replies.len(), 1);
}

#[tokio::test]
async fn members_of_a_group() {
    let (script, slack) = slack(&[r#"{"ok":true,"users":["U1","W2"]}"#, r#"{"ok":true,"users":["U1","<!channel>"]}"#]).await;
    assert_eq!(slack.group_members("S1").await.unwrap(), ["U1", "W2"]);
    assert_eq!(script.requests()[0].path, "/usergroups.users.list?usergroup=S1");
    assert_eq!(slack.group_members("S1").await.unwrap_err().as_str(), "misconfigured");
    let many = json!({ "ok": true, "users": vec!["U1"; 1_001] }).to_string();
    assert_eq!(self::slack(&[&many]).await.1.group_members("S1").await.unwrap_err().as_str(), "rejected");
}

#[tokio::test]
async fn checks_tell_who_we_are_and_which_right_is_missing() {
    let scoped = ok(ME).replace("Connection: close", "X-OAuth-Scopes: chat:write, channels:history\r\nConnection: close");
    let script = Script::of([scoped, ok(r#"{"ok":false,"error":"invalid_auth"}"#)]).await;
    let slack = Slack::new(script.site());
    let found = slack.check().await.unwrap();
    assert_eq!((found.system.as_str(), found.identity.as_deref()), ("Slack", Some("firedog in Bank")));
    assert_eq!(found.notes, ["the app lacks the scope `usergroups:read`; add it and install the app again"]);
    assert_eq!(slack.check().await.unwrap_err(), CallError::misconfigured("auth.test: invalid_auth"));
}

#[tokio::test]
async fn failures_with_status_200_say_what_to_do() {
    for (error, kind) in [
        ("invalid_auth", "misconfigured"),
        ("not_in_channel", "misconfigured"),
        ("restricted_action_read_only_channel", "misconfigured"),
        ("channel_not_found", "missing"),
        ("message_not_found", "missing"),
        ("cant_update_message", "conflict"),
        ("is_archived", "conflict"),
        ("rate_limited", "retry"),
        ("internal_error", "unknown"),
        ("", "unknown"),
        ("msg_too_long", "rejected"),
        ("something_new", "rejected"),
    ] {
        let (_, slack) = slack(&[&format!(r#"{{"ok":false,"error":"{error}"}}"#)]).await;
        assert_eq!(slack.post("C1", None, &hello(), "k").await.unwrap_err().as_str(), kind, "{error}");
    }
    let (_, slack) = slack(&[include_str!("testdata/invalid-blocks.json")]).await;
    let error = slack.post("C1", None, &hello(), "k").await.unwrap_err();
    assert_eq!(error.reason(), "chat.postMessage: invalid_blocks; [ERROR] must be more than 0 items [json-pointer:/blocks]");
    let (_, slack) = self::slack(&[include_str!("testdata/missing-scope.json")]).await;
    let error = slack.post("C1", None, &hello(), "k").await.unwrap_err();
    assert_eq!(error, CallError::misconfigured("chat.postMessage: missing_scope (needs the scope chat:write)"));
}

#[tokio::test]
async fn who_was_told_to_wait_does_not_ask_meanwhile() {
    let limited = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 30\r\nContent-Type: application/json\r\nContent-Length: 34\r\nConnection: close\r\n\r\n{\"ok\":false,\"error\":\"ratelimited\"}";
    let script = Script::of([limited.to_owned(), ok(POSTED)]).await;
    let slack = Slack::new(script.site());
    let Err(CallError::Retry { after, reason }) = slack.post("C1", None, &hello(), "k").await else { panic!() };
    assert_eq!((after, reason.as_str()), (Some(SignedDuration::from_secs(30)), "HTTP 429 Too Many Requests: ratelimited"));
    assert_eq!(slack.post("C1", None, &hello(), "k").await.unwrap_err().as_str(), "retry");
    assert_eq!(script.requests().len(), 1, "the second was not sent");
    slack.post("C2", None, &hello(), "k").await.unwrap();
}

#[tokio::test]
async fn a_chat_that_is_down_is_for_later_and_a_lost_answer_may_have_been_done() {
    let script = Script::of(Vec::<String>::new()).await;
    tokio::task::yield_now().await;
    let down = Slack::new(script.site());
    assert_eq!(down.post("C1", None, &hello(), "k").await.unwrap_err().as_str(), "retry");
    for (answer, kind) in [
        (reply("503 Service Unavailable", "text/html", "<html>"), "retry"),
        (reply("500 Internal Server Error", "text/html", "<html>"), "unknown"),
        (String::new(), "unknown"),
        (ok(r#"{"ok":true}"#), "unknown"),
        (ok(r#"{"ok":true,"channel":"C1","ts":"yesterday"}"#), "unknown"),
    ] {
        let slack = Slack::new(Script::of([answer.clone()]).await.site());
        assert_eq!(slack.post("C1", None, &hello(), "k").await.unwrap_err().as_str(), kind, "{answer}");
    }
}

#[tokio::test]
async fn hostile_servers_give_an_error() {
    for (answer, kind) in hostile() {
        let slack = Slack::new(Script::of([answer.clone(), answer.clone(), answer.clone()]).await.site());
        let start: String = answer.chars().take(120).collect();
        assert_eq!(slack.check().await.unwrap_err().as_str(), kind, "{start}");
        assert_eq!(slack.group_members("S1").await.unwrap_err().as_str(), kind, "{start}");
        assert_eq!(slack.replies("C1", &posted().ts, &posted().ts).await.unwrap_err().as_str(), kind, "{start}");
    }
}

#[tokio::test]
async fn people_are_known_by_their_address_and_remembered() {
    let member = |more: &str| {
        format!(r#"{{"ok":true,"user":{{"id":"U1","team_id":"T1","profile":{{"email":"ada@example.org"}}{more}}}}}"#)
    };
    let answers = [ME.to_owned(), member("")];
    let (script, slack) = slack(&answers.each_ref().map(String::as_str)).await;
    assert_eq!(slack.email_of("U1").await.unwrap().as_deref(), Some("ada@example.org"));
    assert_eq!(slack.email_of("U1").await.unwrap().as_deref(), Some("ada@example.org"));
    assert_eq!(script.requests().len(), 2);
    // Nobody of another workspace is one of ours, whatever address is written there.
    for more in [r#","deleted":true"#, r#","is_bot":true"#, r#","is_stranger":true"#, r#","team_id":"T2""#] {
        let told = member(more).replacen(r#""team_id":"T1","#, if more.contains("T2") { "" } else { r#""team_id":"T1","# }, 1);
        let (_script, slack) = self::slack(&[ME, &told]).await;
        assert_eq!(slack.email_of("U1").await.unwrap(), None, "{told}");
    }
    let (_script, slack) = self::slack(&[ME, r#"{"ok":false,"error":"missing_scope","needed":"users:read"}"#]).await;
    let error = slack.email_of("U1").await.unwrap_err();
    assert!(error.reason().contains("users:read"), "{error:?}");
}

#[tokio::test]
async fn what_was_said_twice_is_left_once_and_never_what_somebody_answered() {
    let copy = |ts: &str, bot: &str, key: &str, replies: u32| {
        json!({ "ts": ts, "bot_id": bot, "text": "x", "reply_count": replies,
            "metadata": { "event_type": "firedog_message", "event_payload": { "key": key } } })
    };
    // Newest first: ours, the late one of the same key, another app's, another key's.
    let history = json!({ "ok": true, "has_more": false, "messages": [
        copy("1767323050.000400", "B1", "k", 0), copy("1767323049.000300", "B1", "k", 2), copy("1767323048.000200", "BX", "k", 0),
        copy("1767323047.000100", "B1", "other", 0), copy("1767323045.000100", "B1", "k", 0),
    ] })
    .to_string();
    let gone = r#"{"ok":false,"error":"message_not_found"}"#;
    let (script, slack) = slack(&[ME, &history, gone, gone]).await;
    let copy_of = |text: &str| Posted { channel: "C1".to_owned(), ts: ts(text) };
    let kept = slack.keep_one(copy_of("1767323050.000400"), None, "k", since()).await.unwrap();
    assert_eq!(kept, copy_of("1767323049.000300"), "where somebody has answered, it goes on");
    let requests = script.requests();
    assert_eq!((requests.len(), requests[2].path.as_str()), (4, "/chat.delete"));
    assert_eq!(requests[2].json(), json!({ "channel": "C1", "ts": "1767323045.000100" }));
    assert_eq!(requests[3].json(), json!({ "channel": "C1", "ts": "1767323050.000400" }));
    // Answered under both: nothing is taken away, and it goes on where it is.
    let both = json!({ "ok": true, "has_more": false, "messages": [
        copy("1767323050.000400", "B1", "k", 1), copy("1767323049.000300", "B1", "k", 2),
    ] });
    let (script, slack) = self::slack(&[ME, &both.to_string()]).await;
    let mine = copy_of("1767323050.000400");
    assert_eq!(slack.keep_one(mine.clone(), None, "k", since()).await.unwrap(), mine);
    assert_eq!(script.requests().len(), 2);
    // What we have found out stands under ours, and they have answered under the other: they are read.
    let by = |mut copy: Value, users: &[&str]| {
        copy["reply_users"] = json!(users);
        copy
    };
    let (ours, theirs) =
        (by(copy("1767323050.000400", "B1", "k", 3), &["UBOT"]), by(copy("1767323049.000300", "B1", "k", 1), &["UBOT", "U7"]));
    let history = json!({ "ok": true, "has_more": false, "messages": [ours, theirs] }).to_string();
    let (_, slack) = self::slack(&[ME, &history]).await;
    assert_eq!(slack.keep_one(mine.clone(), None, "k", since()).await.unwrap(), copy_of("1767323049.000300"));
    // Answered under none: the oldest.
    let none = json!({ "ok": true, "has_more": false, "messages": [
        copy("1767323050.000400", "B1", "k", 0), copy("1767323045.000100", "B1", "k", 0),
    ] });
    let (_, slack) = self::slack(&[ME, &none.to_string(), gone]).await;
    assert_eq!(slack.keep_one(mine, None, "k", since()).await.unwrap(), posted());
    // Where there is one, nothing is taken away.
    let alone = json!({ "ok": true, "has_more": false, "messages": [copy("1767323045.000100", "B1", "k", 0)] }).to_string();
    let (script, slack) = self::slack(&[ME, &alone]).await;
    assert_eq!(slack.keep_one(posted(), None, "k", since()).await.unwrap(), posted());
    assert_eq!(script.requests().len(), 2);
}
