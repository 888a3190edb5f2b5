use super::*;
use crate::weather::{Outage, System};
use crate::{Town, client};
use jiff::Timestamp;

async fn town() -> Town {
    let weather = Weather::new(1, Timestamp::from_second(1_772_467_200).unwrap());
    weather.set_speed(0);
    Town::start(weather).await.unwrap()
}

fn seconds(town: &Town, seconds: u64) {
    town.weather().advance(Duration::from_secs(seconds));
}

async fn post(town: &Town, method: &str, body: Value) -> Value {
    let answer =
        client().post(format!("{}/{method}", town.slack_url())).bearer_auth(SLACK_TOKEN).json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 200, "failures come with 200 as well");
    answer.json().await.unwrap()
}

async fn get(town: &Town, method: &str, query: &[(&str, &str)]) -> Value {
    let answer =
        client().get(format!("{}/{method}", town.slack_url())).bearer_auth(SLACK_TOKEN).query(query).send().await.unwrap();
    answer.json().await.unwrap()
}

fn card(text: &str) -> Value {
    json!([{"type": "section", "text": {"type": "mrkdwn", "text": text}}])
}

#[tokio::test]
async fn what_was_posted_can_be_read_and_updated() {
    let town = town().await;
    let metadata = json!({"event_type": "ff_alert", "event_payload": {"key": "run-1"}});
    let posted = post(
        &town,
        "chat.postMessage",
        json!({"channel": SUPPORT_CHANNEL, "text": "one", "blocks": card("one"), "metadata": metadata}),
    )
    .await;
    assert_eq!((posted["ok"].as_bool(), posted["channel"].as_str()), (Some(true), Some(SUPPORT_CHANNEL)));
    let ts = posted["ts"].as_str().unwrap();
    let second = post(&town, "chat.postMessage", json!({"channel": SUPPORT_CHANNEL, "text": "two"})).await;
    assert!(micros(second["ts"].as_str().unwrap()) > micros(ts), "ts rises within one moment");
    let history = get(&town, "conversations.history", &[("channel", SUPPORT_CHANNEL), ("include_all_metadata", "true")]).await;
    assert_eq!(
        (&history["messages"][0]["text"], &history["messages"][1]["metadata"]),
        (&json!("two"), &metadata),
        "newest first"
    );

    let only_text = post(&town, "chat.update", json!({"channel": SUPPORT_CHANNEL, "ts": ts, "text": "new"})).await;
    assert_eq!(
        (only_text["ok"].as_bool(), &only_text["message"]["blocks"]),
        (Some(true), &card("one")),
        "the blocks, and so what one sees, stay"
    );
    post(&town, "chat.update", json!({"channel": SUPPORT_CHANNEL, "ts": ts, "text": "new", "blocks": card("new")})).await;
    let said = town.slack().said();
    assert_eq!((said[0].text.as_str(), &said[0].blocks, said[0].updates, said.len()), ("new", &card("new"), 2, 2));
    let unknown = post(&town, "chat.update", json!({"channel": SUPPORT_CHANNEL, "ts": "1.000001", "text": "x"})).await;
    assert_eq!(unknown["error"], "message_not_found");
    let theirs = town.slack().say(SAM, SUPPORT_CHANNEL, None, "mine");
    assert_eq!(
        post(&town, "chat.update", json!({"channel": SUPPORT_CHANNEL, "ts": theirs, "text": "x"})).await["error"],
        "cant_update_message"
    );
}

#[tokio::test]
async fn support_answers_in_the_thread_after_a_while_or_never() {
    let town = town().await;
    town.slack().answers(SUPPORT_GROUP, SAM, Duration::from_secs(90), Reply::Thread("On it".to_owned()));
    let call = json!({"channel": SUPPORT_CHANNEL, "text": format!("<!subteam^{SUPPORT_GROUP}|@support-ff> inst-1 is failing")});
    let ts = post(&town, "chat.postMessage", call.clone()).await["ts"].as_str().unwrap().to_owned();
    let replies = async |ts: &str| {
        get(&town, "conversations.replies", &[("channel", SUPPORT_CHANNEL), ("ts", ts)]).await["messages"]
            .as_array()
            .unwrap()
            .clone()
    };
    seconds(&town, 89);
    assert_eq!(replies(&ts).await.len(), 1);
    seconds(&town, 1);
    let thread = replies(&ts).await;
    assert_eq!(
        (thread[1]["user"].as_str(), thread[1]["text"].as_str(), thread[1]["thread_ts"].as_str()),
        (Some(SAM), Some("On it"), Some(ts.as_str()))
    );
    let history = get(&town, "conversations.history", &[("channel", SUPPORT_CHANNEL)]).await;
    assert_eq!(
        (history["messages"].as_array().unwrap().len(), &history["messages"][0]["reply_count"]),
        (1, &json!(1)),
        "a reply is not in the history"
    );
    town.slack().answers(SUPPORT_GROUP, SAM, Duration::from_secs(5), Reply::Reaction("eyes".to_owned()));
    let ts = post(&town, "chat.postMessage", call.clone()).await["ts"].as_str().unwrap().to_owned();
    seconds(&town, 5);
    assert_eq!(replies(&ts).await[0]["reactions"], json!([{"name": "eyes", "users": [SAM], "count": 1}]));
    town.slack().never_answers(SUPPORT_GROUP);
    let ts = post(&town, "chat.postMessage", call).await["ts"].as_str().unwrap().to_owned();
    seconds(&town, 86_400);
    assert_eq!(replies(&ts).await.len(), 1);
    assert_eq!(
        get(&town, "conversations.replies", &[("channel", SUPPORT_CHANNEL), ("ts", "1.000000")]).await["error"],
        "thread_not_found"
    );
}

#[tokio::test]
async fn channels_are_as_visible_as_they_are_to_a_bot() {
    let town = town().await;
    let say = async |channel: &str| post(&town, "chat.postMessage", json!({"channel": channel, "text": "hello"})).await;
    assert_eq!(say(PRIVATE_CHANNEL).await["error"], "channel_not_found");
    assert_eq!(say(ARCHIVED_CHANNEL).await["error"], "is_archived");
    assert_eq!(say(WAR_ROOM).await["ok"], true, "a public channel takes it without a member");
    assert_eq!(get(&town, "conversations.history", &[("channel", WAR_ROOM)]).await["error"], "not_in_channel");
    assert_eq!(post(&town, "chat.postMessage", json!({"channel": ALERTS_CHANNEL})).await["error"], "no_text");
    let list = get(&town, "conversations.list", &[("exclude_archived", "true")]).await;
    assert_eq!(list["channels"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn reading_methods_take_no_json_and_writing_ones_take_forms() {
    let town = town().await;
    let form = [("channel", ALERTS_CHANNEL), ("text", "a"), ("blocks", r#"[{"type":"divider"}]"#)];
    let request = client().post(format!("{}/chat.postMessage", town.slack_url())).bearer_auth(SLACK_TOKEN).form(&form);
    let posted: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(posted["message"]["blocks"], json!([{"type": "divider"}]));
    assert_eq!(post(&town, "conversations.history", json!({"channel": ALERTS_CHANNEL})).await["error"], "channel_not_found");
    let page =
        get(&town, "conversations.history", &[("channel", ALERTS_CHANNEL), ("oldest", posted["ts"].as_str().unwrap())]).await;
    assert_eq!(page["messages"], json!([]), "the bound itself is left out");
    let page = get(
        &town,
        "conversations.history",
        &[("channel", ALERTS_CHANNEL), ("oldest", posted["ts"].as_str().unwrap()), ("inclusive", "true")],
    )
    .await;
    assert_eq!(page["messages"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn history_is_paged() {
    let town = town().await;
    for number in 0..5 {
        post(&town, "chat.postMessage", json!({"channel": ALERTS_CHANNEL, "text": number.to_string()})).await;
    }
    let (mut texts, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = get(&town, "conversations.history", &[("channel", ALERTS_CHANNEL), ("limit", "2"), ("cursor", &cursor)]).await;
        texts.extend(page["messages"].as_array().unwrap().iter().map(|message| message["text"].as_str().unwrap().to_owned()));
        cursor = page["response_metadata"]["next_cursor"].as_str().unwrap().to_owned();
        assert_eq!(page["has_more"], !cursor.is_empty());
        if cursor.is_empty() {
            break;
        }
    }
    assert_eq!(texts, ["4", "3", "2", "1", "0"]);
    assert_eq!(
        get(&town, "conversations.history", &[("channel", ALERTS_CHANNEL), ("cursor", "x")]).await["error"],
        "invalid_cursor"
    );
}

#[tokio::test]
async fn people_and_groups() {
    let town = town().await;
    assert_eq!(get(&town, "auth.test", &[]).await["user_id"], BOT_USER);
    assert_eq!(get(&town, "users.lookupByEmail", &[("email", "ADA@example.org")]).await["user"]["id"], ADA);
    assert_eq!(get(&town, "users.lookupByEmail", &[("email", "nobody@example.org")]).await["error"], "users_not_found");
    let groups = get(&town, "usergroups.list", &[("include_users", "true")]).await;
    assert_eq!((&groups["usergroups"][0]["handle"], &groups["usergroups"][0]["users"]), (&json!("support-ff"), &json!([SAM])));
    let set = async |users: &str| post(&town, "usergroups.users.update", json!({"usergroup": TEAM_GROUP, "users": users})).await;
    assert_eq!(set("").await["error"], "no_users_provided");
    assert_eq!(set("U0NOBODY").await["error"], "invalid_users");
    assert_eq!(set(GRACE).await["ok"], true);
    assert_eq!(
        get(&town, "usergroups.users.list", &[("usergroup", TEAM_GROUP)]).await["users"],
        json!([GRACE]),
        "the list replaces the old one"
    );
    assert_eq!(get(&town, "users.list", &[]).await["members"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn reactions_are_added_once() {
    let town = town().await;
    let ts = town.slack().say(ADA, ALERTS_CHANNEL, None, "look");
    let add =
        async |name: &str| post(&town, "reactions.add", json!({"channel": ALERTS_CHANNEL, "timestamp": ts, "name": name})).await;
    assert_eq!(add("eyes").await["ok"], true);
    assert_eq!(add("eyes").await["error"], "already_reacted");
    assert_eq!(add(":eyes:").await["error"], "invalid_name");
    assert!(town.slack().react(GRACE, ALERTS_CHANNEL, &ts, "eyes"));
    let found = get(&town, "reactions.get", &[("channel", ALERTS_CHANNEL), ("timestamp", &ts)]).await;
    assert_eq!(found["message"]["reactions"][0]["users"], json!([BOT_USER, GRACE]));
}

#[tokio::test]
async fn cards_beyond_the_limits_are_refused_with_the_place() {
    let town = town().await;
    let send = async |blocks: Value| {
        post(&town, "chat.postMessage", json!({"channel": ALERTS_CHANNEL, "text": "t", "blocks": blocks})).await
    };
    let long = send(card(&"x".repeat(3_001))).await;
    assert_eq!(
        (long["error"].as_str(), long["response_metadata"]["messages"][0].as_str()),
        (Some("invalid_blocks"), Some("[ERROR] must be less than 3001 characters [json-pointer:/blocks/0/text/text]"))
    );
    assert_eq!(send(json!(vec![json!({"type": "divider"}); 51])).await["error"], "invalid_blocks");
    assert_eq!(send(json!([{"type": "confetti"}])).await["error"], "invalid_blocks");
    assert_eq!(send(json!({"type": "divider"})).await["error"], "invalid_blocks_format");
    let button = |text: usize| json!([{"type": "actions", "elements": [{"type": "button", "text": {"type": "plain_text", "text": "x".repeat(text)}}]}]);
    assert_eq!((&send(button(76)).await["error"], &send(button(75)).await["ok"]), (&json!("invalid_blocks"), &json!(true)));
}

#[tokio::test]
async fn strangers_limits_and_outages() {
    let town = town().await;
    let url = format!("{}/auth.test", town.slack_url());
    let error =
        async |request: reqwest::RequestBuilder| request.send().await.unwrap().json::<Value>().await.unwrap()["error"].clone();
    assert_eq!(error(client().post(&url)).await, "not_authed");
    assert_eq!(error(client().post(&url).bearer_auth("xoxb-other")).await, "invalid_auth");
    assert_eq!(get(&town, "files.upload", &[]).await["error"], "unknown_method");
    town.slack().fail_next("chat.postMessage", "missing_scope", 1);
    let hello = json!({"channel": ALERTS_CHANNEL, "text": "hello"});
    assert_eq!(post(&town, "chat.postMessage", hello.clone()).await["needed"], "chat:write");

    town.slack().limit_posts(Some(2));
    let raw = async || {
        client().post(format!("{}/chat.postMessage", town.slack_url())).bearer_auth(SLACK_TOKEN).json(&hello).send().await
    };
    for _ in 0..2 {
        assert_eq!(raw().await.unwrap().status(), 200);
    }
    let busy = raw().await.unwrap();
    assert_eq!((busy.status().as_u16(), busy.headers()["retry-after"].to_str().unwrap()), (429, "1"));
    assert_eq!(busy.json::<Value>().await.unwrap(), json!({"ok": false, "error": "ratelimited"}));
    seconds(&town, 10);
    town.weather().fail_next(System::Slack, Outage::LosesAnswer, 1);
    assert!(raw().await.is_err());
    assert_eq!(town.slack().said().len(), 3, "it was posted all the same");
    town.weather().set(crate::weather::Condition::Outage { of: System::Slack, how: Outage::Refuses });
    crate::town::eventually(async || raw().await.is_err_and(|error| error.is_connect())).await;
}
