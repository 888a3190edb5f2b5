//! Alerts: what is open, what happened, and doing something about it.

use super::call::{Call, Names, Span};
use super::failure::Failure;
use super::out::{BAD, BOLD, DIM, GOOD, PLAIN, WARN, clean, clean_lines, paint, print, print_json, say, text};
use super::table::{Table, cell, styled, terminal_width};
use super::when;
use anstyle::Style;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

#[derive(Subcommand, Debug)]
pub(crate) enum Alert {
    /// List alerts; without --state, the open ones
    #[command(after_help = "Examples:
  firedog alert list
  firedog alert list --service symxchange-http-server --state all --limit 20
  firedog alert list --state triggered --json")]
    List(List),
    /// Show an alert with its timeline: who was paged, when, how and why
    #[command(after_help = "Example:\n  firedog alert show 0199a7c2-5f0e-7c3a-9d2e-3b1f6f1c2a4d --json")]
    Show {
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Acknowledge: you have it; nobody else is paged
    #[command(
        visible_alias = "acknowledge",
        after_help = "Examples:
  firedog alert ack 0199a7c2-5f0e-7c3a-9d2e-3b1f6f1c2a4d
  firedog --as ada alert ack ID1 ID2"
    )]
    Ack(Ids),
    /// Take an acknowledgement back: nobody has it, and it pages again
    #[command(after_help = "Example:\n  firedog alert unack 0199a7c2-5f0e-7c3a-9d2e-3b1f6f1c2a4d")]
    Unack(Ids),
    /// Give it to somebody else, or to another policy; they are paged at once
    #[command(
        after_help = "Examples:\n  firedog alert reassign ID --to user:grace\n  firedog alert reassign ID --to policy:database"
    )]
    Reassign {
        #[arg(value_name = "ID")]
        id: String,
        /// user:ID, team:ID or policy:ID
        #[arg(long, value_name = "WHOM")]
        to: String,
    },
    /// Page further people to join in; whoever has it keeps it
    #[command(after_help = "Example:\n  firedog alert pull-in ID grace linus --message 'need a database hand'")]
    PullIn {
        #[arg(value_name = "ID")]
        id: String,
        #[arg(required = true, value_name = "USER")]
        users: Vec<String>,
        #[arg(long, value_name = "TEXT", default_value = "")]
        message: String,
    },
    /// List earlier alerts of the same service that look alike
    #[command(after_help = "Example:\n  firedog alert similar 0199a7c2-5f0e-7c3a-9d2e-3b1f6f1c2a4d")]
    Similar {
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Resolve: it is over
    #[command(after_help = "Example:\n  firedog alert resolve 0199a7c2-5f0e-7c3a-9d2e-3b1f6f1c2a4d")]
    Resolve(Ids),
    /// Acknowledge for a while; then it pages again
    #[command(after_help = "Examples:
  firedog alert snooze ID --for 30m
  firedog alert snooze ID --until 'tomorrow 09:00'")]
    Snooze {
        #[arg(value_name = "ID")]
        id: String,
        #[command(flatten)]
        span: Span,
    },
    /// Page the next step of its policy now
    #[command(after_help = "Example:\n  firedog alert escalate 0199a7c2-5f0e-7c3a-9d2e-3b1f6f1c2a4d")]
    Escalate(Ids),
    /// Raise an alert on a service; pages whoever is on call for it
    #[command(after_help = "Examples:
  firedog alert send --service symxchange-http-server 'All requests fail for institution 042'
  firedog alert send --service api 'Disk 91 % full' --urgency low --label host=api-3 --dedup-key disk")]
    Send(Send),
    /// Write a note on its timeline
    #[command(after_help = "Example:\n  firedog alert note ID 'Rolled back to 4.2; watching'")]
    Note {
        #[arg(value_name = "ID")]
        id: String,
        #[arg(value_name = "TEXT")]
        text: String,
    },
}

#[derive(Args, Debug)]
pub(crate) struct List {
    /// Only these states, separated by commas
    #[arg(long, value_enum, value_name = "STATE", value_delimiter = ',', default_value = "open")]
    state: Vec<State>,
    /// Only this service
    #[arg(long, value_name = "ID")]
    service: Option<String>,
    /// Only services of this team
    #[arg(long, value_name = "ID")]
    team: Option<String>,
    /// Only those whose summary, key, source or labels hold this
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum State {
    Triggered,
    Acknowledged,
    Resolved,
    /// triggered and acknowledged
    Open,
    All,
}

#[derive(Args, Debug)]
pub(crate) struct Ids {
    /// One or several alerts
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
}

#[derive(Args, Debug)]
#[command(override_usage = "firedog alert send --service ID SUMMARY [OPTIONS]")]
#[command(group(clap::ArgGroup::new("text").required(true).args(["summary", "summary_flag"])))]
pub(crate) struct Send {
    /// The service that is in trouble
    #[arg(long, value_name = "ID")]
    service: String,
    /// What is wrong, in one line
    #[arg(value_name = "SUMMARY")]
    summary: Option<String>,
    #[arg(long = "summary", value_name = "SUMMARY", hide = true)]
    summary_flag: Option<String>,
    /// Same key, same alert: sending again while it is open only counts
    #[arg(long, value_name = "KEY")]
    dedup_key: Option<String>,
    #[arg(long, value_name = "SEVERITY", value_parser = ["critical", "error", "warning", "info"])]
    severity: Option<String>,
    /// high disturbs at any hour, low waits for waking hours
    #[arg(long, value_name = "URGENCY", value_parser = ["high", "low"])]
    urgency: Option<String>,
    /// A label, such as host=api-3; may be repeated
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,
    /// More to read, kept with the alert
    #[arg(long, value_name = "TEXT")]
    details: Option<String>,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  firedog page pupper 'Login is slow for everybody, please look'
  firedog page user:ada 'Call me back about the restart' --urgency low

A team is paged along its policy; without one, all its members.")]
pub(crate) struct Page {
    /// A team or a user; team:ID or user:ID where both have that name
    #[arg(value_name = "TEAM_OR_USER")]
    to: String,
    /// What they read first
    #[arg(value_name = "MESSAGE")]
    message: String,
    /// high disturbs at any hour, low waits for waking hours
    #[arg(long, value_name = "URGENCY", value_parser = ["high", "low"])]
    urgency: Option<String>,
}

fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE, for example host=api-3".to_owned()),
    }
}

pub(crate) async fn run(call: &Call, verb: Alert) -> Result<(), Failure> {
    match verb {
        Alert::List(args) => list(call, args).await,
        Alert::Show { id } => {
            let alert = call.client.get(&["alerts", &id], &[]).await?;
            if call.json { print_json(&alert) } else { print(&story(call, &alert, &call.names().await)) }
        }
        Alert::Ack(Ids { ids }) => act(call, &ids, "acknowledge", "Acknowledged").await,
        Alert::Resolve(Ids { ids }) => act(call, &ids, "resolve", "Resolved").await,
        Alert::Escalate(Ids { ids }) => act(call, &ids, "escalate", "Escalated").await,
        Alert::Unack(Ids { ids }) => act(call, &ids, "unacknowledge", "Taken back").await,
        Alert::Reassign { id, to } => {
            let alert = call.client.post(&["alerts", &id, "reassign"], &json!({ "to": to })).await?;
            call.done(&alert, &format!("Given to {}: {}", clean(&to), clean(text(&alert, "summary"))))
        }
        Alert::PullIn { id, users, message } => {
            let body = json!({ "users": users, "message": message });
            let paged = call.client.post(&["alerts", &id, "responders"], &body).await?;
            call.done(&paged, &format!("{} is being paged to join in.", clean(&users.join(", "))))
        }
        Alert::Similar { id } => {
            let answer = call.client.get(&["alerts", &id, "similar"], &[]).await?;
            if call.json {
                return print_json(&answer["items"]);
            }
            let zone = call.zone();
            let mut table = Table::new(&["ID", "STATE", "WHEN", "BECAUSE", "SUMMARY"], 4);
            for alert in answer["items"].as_array().into_iter().flatten() {
                let [id, state, because, summary] = ["id", "state", "because", "summary"].map(|key| cell(text(alert, key)));
                table.row([id, state, cell(call.short(alert, "created_at", &zone)), because, summary]);
            }
            call.table(&table, "Nothing alike in the last 90 days.")
        }
        Alert::Snooze { id, span } => {
            let zone = call.zone();
            let period = call.period(None, &span, &zone)?;
            let mut body = json!({});
            period.write(&mut body);
            let alert = call.client.post(&["alerts", &id, "snooze"], &body).await?;
            let until = when::full(period.until, call.now, &zone);
            call.done(&alert, &format!("Snoozed until {until}: {}", clean(text(&alert, "summary"))))
        }
        Alert::Note { id, text: note } => {
            let alert = call.client.post(&["alerts", &id, "notes"], &json!({ "text": note })).await?;
            call.done(&alert, &format!("Noted on: {}", clean(text(&alert, "summary"))))
        }
        Alert::Send(args) => send(call, args).await,
    }
}

async fn list(call: &Call, args: List) -> Result<(), Failure> {
    let states = states(&args.state);
    let mut query = vec![("state", states.as_str())];
    if let Some(team) = &args.team {
        query.push(("team", team));
    }
    if let Some(search) = &args.search {
        query.push(("q", search));
    }
    if let Some(service) = &args.service {
        query.push(("service", service));
    }
    let limit = args.limit as usize;
    // One more than shown, only to know whether there is more to say.
    let mut alerts = call.client.list(&["alerts"], &query, if call.json { limit } else { limit + 1 }).await?;
    if call.json {
        return print_json(&Value::Array(alerts));
    }
    let more = alerts.len() > limit;
    alerts.truncate(limit);
    let mut table = Table::new(&["ID", "STATE", "URGENCY", "SERVICE", "SUMMARY", "SINCE"], 4);
    for alert in &alerts {
        let state = text(alert, "state");
        let since = when::instant(alert, "created_at").map(|at| when::relative(at, call.now)).unwrap_or_default();
        let summary = match alert["count"].as_u64() {
            Some(count) if count > 1 => format!("{} (×{count})", text(alert, "summary")),
            _ => text(alert, "summary").to_owned(),
        };
        let urgency = text(alert, "urgency");
        table.row([
            cell(text(alert, "id")),
            styled(colour(state), state),
            cell(urgency),
            cell(text(alert, "service")),
            cell(summary),
            cell(since),
        ]);
    }
    let open = states == states_of(State::Open).join(",");
    call.table(
        &table,
        if open { "No open alerts. Send one: firedog alert send --service SERVICE 'It is on fire'" } else { "No such alerts." },
    )?;
    if more {
        say(&format!("There are more than {limit}; see them with --limit N."));
    }
    Ok(())
}

fn states(chosen: &[State]) -> String {
    let mut states: Vec<&str> = chosen.iter().flat_map(|state| states_of(*state)).copied().collect();
    states.sort_by_key(|state| states_of(State::All).iter().position(|known| known == state));
    states.dedup();
    states.join(",")
}

fn states_of(state: State) -> &'static [&'static str] {
    match state {
        State::Triggered => &["triggered"],
        State::Acknowledged => &["acknowledged"],
        State::Resolved => &["resolved"],
        State::Open => &["triggered", "acknowledged"],
        State::All => &["triggered", "acknowledged", "resolved"],
    }
}

fn colour(state: &str) -> Style {
    match state {
        "triggered" => BAD,
        "acknowledged" => WARN,
        "resolved" => GOOD,
        _ => PLAIN,
    }
}

/// One id answers one object, several answer an array. All are tried; the first failure is told.
async fn act(call: &Call, ids: &[String], verb: &str, done: &str) -> Result<(), Failure> {
    let mut alerts = Vec::new();
    let mut failed = None;
    for id in ids {
        match call.client.post(&["alerts", id, verb], &json!({})).await {
            Ok(alert) if call.json => alerts.push(alert),
            Ok(alert) => print(&format!("{done}: {}\n", clean(text(&alert, "summary"))))?,
            Err(failure) if ids.len() == 1 => return Err(failure),
            Err(failure) => {
                say(&format!("{id}:\n{}", failure.render().trim_end()));
                failed.get_or_insert(failure.exit);
            }
        }
    }
    if call.json {
        print_json(&if ids.len() == 1 { alerts.remove(0) } else { Value::Array(alerts) })?;
    }
    failed.map_or(Ok(()), |exit| Err(Failure::silent(exit)))
}

async fn send(call: &Call, args: Send) -> Result<(), Failure> {
    let summary = args.summary.or(args.summary_flag).unwrap_or_default();
    let mut body = json!({ "service": args.service, "summary": summary });
    for (key, value) in
        [("dedup_key", args.dedup_key), ("severity", args.severity), ("urgency", args.urgency), ("details", args.details)]
    {
        if let Some(value) = value {
            body[key] = json!(value);
        }
    }
    if !args.labels.is_empty() {
        body["labels"] = args.labels.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
    }
    let alert = call.client.post(&["alerts"], &body).await?;
    raised(call, &alert)
}

pub(crate) async fn page(call: &Call, args: Page) -> Result<(), Failure> {
    let mut body = json!({ "to": args.to, "message": args.message });
    if let Some(urgency) = args.urgency {
        body["urgency"] = json!(urgency);
    }
    let alert = call.client.post(&["pages"], &body).await?;
    raised(call, &alert)
}

fn raised(call: &Call, alert: &Value) -> Result<(), Failure> {
    let id = clean(text(alert, "id"));
    if call.json { print_json(alert) } else { print(&format!("Alert {id}\n")) }?;
    if !call.json {
        say(&format!("See who is paged: firedog alert show {id}"));
    }
    Ok(())
}

/// The whole of one alert, for a person: what, since when, who has it, what comes next, what was.
fn story(call: &Call, alert: &Value, names: &Names) -> String {
    let zone = call.zone();
    let state = text(alert, "state");
    let mut story = format!("{}  {}\n\n", paint(colour(state), state), paint(BOLD, &clean(text(alert, "summary"))));
    let mut facts = Table::new(&["", ""], 1);
    let mut fact = |name: &str, value: String| {
        if !value.is_empty() {
            facts.row([styled(DIM, name), cell(value)]);
        }
    };
    fact("id", text(alert, "id").to_owned());
    fact("service", text(alert, "service").to_owned());
    fact("urgency", format!("{}, severity {}", text(alert, "urgency"), text(alert, "severity")));
    fact("since", call.told(alert, "created_at", &zone));
    fact("triggers", alert["count"].as_u64().filter(|count| *count > 1).map(|count| count.to_string()).unwrap_or_default());
    fact("policy", text(alert, "policy").to_owned());
    fact("acknowledged by", alert["acknowledged_by"].as_str().map(|user| names.full(user)).unwrap_or_default());
    fact("resolved because", text(alert, "resolved_because").replace('_', " "));
    if let Some(at) = when::instant(&alert["next"], "at") {
        fact("next", format!("{}, {}", text(&alert["next"], "kind").replace('_', " "), when::full(at, call.now, &zone)));
    }
    let held = &alert["held"];
    if held.is_object() {
        let why = text(held, "why");
        let because = if why.is_empty() { String::new() } else { format!(" ({why})") };
        fact("held back", format!("by {}{because} until {}", text(held, "by"), call.told(held, "until", &zone)));
    }
    // One that the server made up tells nobody anything.
    fact("dedup key", Some(text(alert, "dedup_key")).filter(|key| !key.starts_with("request:")).unwrap_or_default().to_owned());
    for (name, value) in alert["labels"].as_object().into_iter().flatten() {
        fact("label", format!("{name}={}", value.as_str().unwrap_or_default()));
    }
    for link in alert["links"].as_array().into_iter().flatten() {
        fact("link", format!("{} {}", text(link, "href"), text(link, "text")).trim_end().to_owned());
    }
    // The first line would be the heads; the facts have none.
    story.push_str(facts.render(None).split_once('\n').map_or("", |(_, rest)| rest));
    match &alert["details"] {
        Value::Null => {}
        Value::String(details) => story.push_str(&format!("\n{}\n", clean_lines(details))),
        details => story.push_str(&format!("\n{}\n", clean_lines(&format!("{details:#}")))),
    }
    story.push_str(&format!("\n{}\n", paint(DIM, &format!("Timeline, times in {}", zone.name()))));
    story.push_str(&timeline(call, alert, names));
    story
}

fn timeline(call: &Call, alert: &Value, names: &Names) -> String {
    let zone = call.zone();
    let mut table = Table::new(&["AT", "WHAT", "WHO", "HOW", "WHY"], 4);
    for entry in alert["timeline"].as_array().into_iter().flatten() {
        let at = when::instant(entry, "at").map(|at| when::local(at, call.now, &zone)).unwrap_or_default();
        let kind = text(entry, "kind");
        let outcome = text(entry, "outcome");
        let how = match (text(entry, "contact"), text(entry, "channel")) {
            ("", channel) => channel.to_owned(),
            (contact, "") => contact.to_owned(),
            (contact, channel) => format!("{contact} ({channel})"),
        };
        let how = [how.as_str(), outcome].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
        let who = entry["user"].as_str().map(|user| names.name(user).to_owned()).unwrap_or_default();
        let style = match (kind, outcome) {
            (_, "rejected" | "misconfigured" | "unknown" | "retry_after") | ("skipped" | "catch_all", _) => WARN,
            ("acknowledged" | "resolved", _) => GOOD,
            _ => PLAIN,
        };
        table.row([
            cell(at),
            styled(style, kind.replace('_', " ")),
            cell(who),
            styled(style, how.replace('_', " ")),
            cell(text(entry, "reason")),
        ]);
    }
    table.render(terminal_width())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_widen_and_narrow_without_repetition() {
        assert_eq!(states(&[State::Open]), "triggered,acknowledged");
        assert_eq!(states(&[State::Resolved, State::Triggered, State::Open]), "triggered,acknowledged,resolved");
        assert_eq!(states(&[State::All, State::All]), "triggered,acknowledged,resolved");
    }

    #[test]
    fn labels_need_a_name() {
        assert_eq!(label("host=a=b"), Ok(("host".to_owned(), "a=b".to_owned())));
        assert!(label("host").is_err() && label("=x").is_err());
    }
}
