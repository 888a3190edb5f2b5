//! Looking after a server: doctor, audit, tokens, services.

use super::call::{Call, Names};
use super::failure::{Exit, Failure};
use super::oncall::or_id;
use super::out::{BAD, BOLD, DIM, GOOD, WARN, clean, paint, print, print_json, say, text};
use super::table::{Table, cell, styled, terminal_width};
use super::when;
use clap::Subcommand;
use serde_json::{Value, json};

const MAX_ROWS: usize = 20_000;

#[derive(Subcommand, Debug)]
pub(crate) enum Audit {
    /// List what was changed and done, by whom; the newest first
    #[command(after_help = "Example:\n  firedog audit list --limit 20 --json")]
    List {
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
    },
    /// Check that no row of the audit log is missing or changed; exits 10 if one is
    #[command(after_help = "Example:\n  firedog audit verify")]
    Verify,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Token {
    /// Make an API token; its secret is shown once
    #[command(after_help = "Examples:
  firedog token add ci --role admin
  firedog token add ada-laptop --role responder --user ada")]
    Add {
        /// What it is for
        #[arg(value_name = "NAME")]
        name: String,
        /// admin may do everything, manager also invites, responder acts on alerts and overrides, viewer reads
        #[arg(long, value_name = "ROLE", value_parser = ["admin", "manager", "responder", "viewer"])]
        role: String,
        /// The person who acts with it
        #[arg(long, value_name = "USER")]
        user: Option<String>,
    },
    /// List the tokens, without their secrets
    #[command(after_help = "Example:\n  firedog token list")]
    List,
    /// Revoke a token at once
    #[command(visible_alias = "remove", after_help = "Example:\n  firedog token revoke 0199a7c2-5f0e-7c3a-9d2e-3b1f6f1c2a4d")]
    Revoke {
        #[arg(value_name = "ID")]
        id: String,
    },
}

#[derive(Subcommand, Debug)]
pub(crate) enum Service {
    /// Show who owns a service, its policy, and who is on call for it
    #[command(after_help = "Example:\n  firedog service show symxchange-http-server")]
    Show {
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Show what of it was deployed within the last day, and whether a deployment is under way
    #[command(after_help = "Example:\n  firedog service deploys symxchange-http-server")]
    Deploys {
        #[arg(value_name = "ID")]
        id: String,
    },
    /// List the services
    #[command(after_help = "Example:\n  firedog service list")]
    List,
}

/// Exits 10 when something fails, with `strict` also when something is doubtful.
pub(crate) async fn doctor(call: &Call, strict: bool) -> Result<(), Failure> {
    let checks = call.client.list(&["doctor"], &[], MAX_ROWS).await?;
    let with = |level: &str| checks.iter().filter(|check| text(check, "level") == level).count();
    let (failed, warned) = (with("fail"), with("warn"));
    if call.json {
        print_json(&json!(checks))?;
    } else {
        findings(&checks, "check")?;
        say(&match (failed, warned) {
            (0, 0) => format!("All {} checks are fine.", checks.len()),
            (failed, warned) => format!("Of {} checks, {failed} failed and {warned} gave a warning.", checks.len()),
        });
    }
    if failed > 0 || strict && warned > 0 { Err(Failure::silent(Exit::ConditionNotMet)) } else { Ok(()) }
}

/// Findings with their level; `name`: the key under which each says what it is about.
pub(crate) fn findings(checks: &[Value], name: &str) -> Result<(), Failure> {
    let width = checks.iter().map(|check| text(check, name).chars().count()).max().unwrap_or(0);
    let mut lines = String::new();
    for check in checks {
        let style = match text(check, "level") {
            "ok" => GOOD,
            "warn" => WARN,
            _ => BAD,
        };
        let level = paint(style, &format!("{:4}", clean(text(check, "level"))));
        lines.push_str(&format!("{level}  {:width$}  {}\n", clean(text(check, name)), clean(text(check, "message"))));
        if let Some(fix) = check["fix"].as_str().filter(|fix| !fix.is_empty()) {
            lines.push_str(&format!("      {:width$}  {} {}\n", "", paint(BOLD, "fix:"), clean(fix)));
        }
    }
    print(&lines)
}

pub(crate) async fn audit(call: &Call, verb: Audit) -> Result<(), Failure> {
    match verb {
        Audit::List { limit } => {
            let rows = call.client.list(&["audit"], &[], limit as usize).await?;
            if call.json {
                return print_json(&Value::Array(rows));
            }
            let zone = call.zone();
            let mut table = Table::new(&["AT", "WHO", "WHAT", "ON", "DETAIL"], 4);
            for row in &rows {
                let at = when::instant(row, "at").map(|at| when::local(at, call.now, &zone)).unwrap_or_default();
                table.row([
                    cell(at),
                    cell(word(row, "actor")),
                    cell(word(row, "action")),
                    cell(word(row, "subject")),
                    cell(word(row, "detail")),
                ]);
            }
            call.table(&table, "Nothing has been changed or done yet.")?;
            say(&paint(DIM, &format!("Times in {}.", zone.name())));
            Ok(())
        }
        Audit::Verify => {
            let answer = call.client.get(&["audit", "verify"], &[]).await?;
            let sound = answer["ok"].as_bool() == Some(true);
            if call.json {
                print_json(&answer)?;
            } else {
                let verdict = if sound { paint(GOOD, "The audit log is whole.") } else { paint(BAD, "The audit log is broken.") };
                print(&format!("{verdict} {}\n", clean(text(&answer, "message"))))?;
            }
            if sound { Ok(()) } else { Err(Failure::silent(Exit::ConditionNotMet)) }
        }
    }
}

/// A field of an audit row: text as it is, anything else as short JSON.
fn word(row: &Value, key: &str) -> String {
    match &row[key] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

pub(crate) async fn token(call: &Call, verb: Token) -> Result<(), Failure> {
    match verb {
        Token::Add { name, role, user } => {
            let mut body = json!({ "name": name, "role": role });
            if let Some(user) = user {
                body["user"] = json!(user);
            }
            let answer = call.client.post(&["tokens"], &body).await?;
            if call.json {
                return print_json(&answer);
            }
            let secret = answer["token"].as_str().or_else(|| answer["secret"].as_str()).unwrap_or_default();
            say(&format!("Token {} ({role}); keep it now, it is not shown again:", clean(text(&answer, "id"))));
            print(&format!("{}\n", clean(secret)))
        }
        Token::Revoke { id } => {
            let answer = call.client.delete(&["tokens", &id]).await?;
            call.done(&or_id(answer, &id), &format!("Token {id} is revoked."))
        }
        Token::List => {
            let items = call.client.list(&["tokens"], &[], MAX_ROWS).await?;
            if call.json {
                return print_json(&Value::Array(items));
            }
            let mut table = Table::new(&["ID", "NAME", "ROLE", "USER", "CREATED", "LAST USED"], 1);
            for item in &items {
                let told = |key| when::instant(item, key).map(|at| when::relative(at, call.now)).unwrap_or_default();
                let [id, name, role, user] = ["id", "name", "role", "user"].map(|key| cell(text(item, key)));
                table.row([id, name, role, user, cell(told("created_at")), cell(told("last_used_at"))]);
            }
            call.table(&table, "No tokens. Make one: firedog token add NAME --role responder --user USER")
        }
    }
}

pub(crate) async fn service(call: &Call, verb: Service) -> Result<(), Failure> {
    match verb {
        Service::List => {
            let items = call.client.list(&["services"], &[], MAX_ROWS).await?;
            if call.json {
                return print_json(&Value::Array(items));
            }
            let mut table = Table::new(&["ID", "NAME", "TEAM", "POLICY"], 1);
            for item in &items {
                table.row(["id", "name", "team", "policy"].map(|key| cell(text(item, key))));
            }
            call.table(&table, "No services. Write one and apply it: firedog apply DIR")
        }
        Service::Deploys { id } => {
            let found = call.client.get(&["services", &id, "deploys"], &[]).await?;
            if call.json {
                return print_json(&found);
            }
            print(&format!("{}\n", clean(text(&found, "text"))))?;
            let mut table = Table::new(&["WHEN", "WHAT", "OUTCOME", "DETAILS"], 3);
            let zone = call.zone();
            for one in found["each"].as_array().into_iter().flatten() {
                let when = call.short(one, "at", &zone);
                table.row([cell(when), cell(text(one, "name")), cell(text(one, "outcome")), cell(text(one, "detail"))]);
            }
            call.table(&table, "")
        }
        Service::Show { id } => {
            let service = call.client.get(&["services", &id], &[]).await?;
            if call.json { print_json(&service) } else { print(&card(call, &service, &call.names().await)) }
        }
    }
}

fn card(call: &Call, service: &Value, names: &Names) -> String {
    let mut card = format!("{}\n", paint(BOLD, clean(&format!("{}  {}", text(service, "id"), text(service, "name"))).trim_end()));
    let mut fact = |name: &str, value: String| {
        if !value.is_empty() {
            card.push_str(&format!("{}  {}\n", paint(DIM, &format!("{name:12}")), clean(&value)));
        }
    };
    let owner = &service["owner"];
    let list = |value: &Value, word: &dyn Fn(&Value) -> String| {
        value.as_array().into_iter().flatten().map(word).collect::<Vec<_>>().join(", ")
    };
    fact("owner", format!("{} {}", text(service, "team"), text(owner, "name")));
    fact("members", list(&owner["members"], &|user| names.full(user.as_str().unwrap_or_default())));
    fact("policy", text(service, "policy").to_owned());
    fact("urgency", text(service, "urgency").to_owned());
    fact("ack timeout", text(service, "ack_timeout").to_owned());
    fact("integrations", list(&service["integrations"], &|one| format!("{} ({})", text(one, "id"), text(one, "kind"))));
    let lacks = |word: &str| service["lacks"].as_array().into_iter().flatten().any(|one| one == word);
    let people = |key: &str, word: &str, cost: &str| if lacks(word) { cost.to_owned() } else { text(service, key).to_owned() };
    let restart = people("restart", "restart", "not in the catalogue: a person restarts it");
    let second = if service["two_person"] == true { "; needs a second person" } else { "" };
    fact("restart", format!("{restart}{second}"));
    fact("instances", people("instances", "instances", "not in the catalogue: a person looks whether it is well"));
    fact("deploys", people("deploys", "deploys", "not in the catalogue: a person looks what was deployed"));
    let served = &service["serves"];
    let (total, named) = (served["total"].as_u64().unwrap_or(0), served["institutions"].as_array().map_or(0, Vec::len) as u64);
    let codes = list(&served["institutions"], &|one| text(one, "code").to_owned());
    let rest = if total > named { format!(" and {} more", total - named) } else { String::new() };
    fact("serves", if total == 0 { String::new() } else { format!("{total}: {codes}{rest}") });
    let link = |one: &Value| {
        let part =
            |before: &str, key: &str| Some(text(one, key)).filter(|word| !word.is_empty()).map(|word| format!("{before}{word}"));
        let notes = [part("", "environment"), part("of ", "owner"), part("learn: ", "learn")];
        let notes: Vec<String> = notes.into_iter().flatten().collect();
        let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join(", ")) };
        format!("{} {}{notes}", text(one, "name"), text(one, "url"))
    };
    fact("links", list(&service["links"], &link));
    let zone = call.zone();
    let mut table = Table::new(&["STEP", "ON CALL", "SCHEDULE", "UNTIL"], 1);
    for row in service["oncall"].as_array().into_iter().flatten() {
        let who = row["user"].as_str().map_or_else(|| styled(BAD, "Nobody"), |user| cell(names.full(user)));
        table.row([cell(word(row, "step")), who, cell(text(row, "schedule")), cell(call.short(row, "until", &zone))]);
    }
    if !table.is_empty() {
        card.push_str(&format!("\n{}", table.render(terminal_width())));
    }
    card
}
