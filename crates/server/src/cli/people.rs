//! People: letting them sign in, their roles, their shifts.

use super::call::Call;
use super::failure::Failure;
use super::out::{clean, print, print_json, say, text};
use super::table::{Table, cell};
use super::when;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

#[derive(Subcommand, Debug)]
pub(crate) enum User {
    /// Make a link with which somebody sets a password; it works once
    #[command(after_help = "Example:\n  firedog user invite ada")]
    Invite {
        #[arg(value_name = "USER")]
        user: String,
    },
    /// Show somebody's role, or give them another one
    #[command(after_help = "Examples:\n  firedog user role ada\n  firedog user role ada --set manager")]
    Role {
        #[arg(value_name = "USER")]
        user: String,
        /// admin may do everything; manager, responder and viewer act in their own teams only
        #[arg(long, value_name = "ROLE", value_parser = ["admin", "manager", "responder", "viewer"])]
        set: Option<String>,
    },
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  firedog shifts\n  firedog shifts --user ada --days 90 --json")]
pub(crate) struct Shifts {
    /// Somebody else's
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// How far ahead
    #[arg(long, value_name = "DAYS", default_value_t = 60, value_parser = clap::value_parser!(i64).range(1..=366))]
    days: i64,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  firedog takeover pupper-primary
  firedog takeover pupper-primary --until '18:00'
  firedog takeover pupper-primary --as grace")]
pub(crate) struct Takeover {
    #[arg(value_name = "SCHEDULE")]
    schedule: String,
    /// Until when [default: the end of the present shift]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    until: Option<String>,
}

pub(crate) async fn user(call: &Call, verb: User) -> Result<(), Failure> {
    match verb {
        User::Invite { user } => {
            let made = call.client.ask(&["invites"], &json!({ "user": user })).await?;
            if call.json {
                return print_json(&made);
            }
            let until = call.told(&made, "expires_at", &call.zone());
            say(&format!("Give this link to {}; it works once, until {until}:", clean(&user)));
            print(&format!("{}\n", clean(text(&made, "url"))))
        }
        User::Role { user, set: Some(role) } => {
            let answer = call.client.put(&["users", &user, "role"], &json!({ "role": role })).await?;
            call.done(&answer, &format!("{user} is {role} from now on."))
        }
        User::Role { user, set: None } => {
            let answer = call.client.get(&["users", &user, "role"], &[]).await?;
            if call.json { print_json(&answer) } else { print(&format!("{}\n", clean(text(&answer, "role")))) }
        }
    }
}

pub(crate) async fn shifts(call: &Call, args: Shifts) -> Result<(), Failure> {
    let days = args.days.to_string();
    let mut query = vec![("days", days.as_str())];
    if let Some(user) = &args.user {
        query.push(("user", user));
    }
    let mut answer = call.client.get(&["me", "shifts"], &query).await?;
    let items = answer["items"].take();
    if call.json {
        return print_json(&items);
    }
    let zone = call.zone();
    let mut table = Table::new(&["FROM", "UNTIL", "SCHEDULE", "WITH"], 2);
    for item in items.as_array().into_iter().flatten() {
        let told = |key| when::instant(item, key).map(|at| when::local(at, call.now, &zone)).unwrap_or_default();
        let with: Vec<&str> = item["with"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        table.row([cell(told("from")), cell(told("until")), cell(text(item, "schedule")), cell(with.join(", "))]);
    }
    call.table(&table, "No shifts in that time.")
}

pub(crate) async fn takeover(call: &Call, args: Takeover) -> Result<(), Failure> {
    let zone = call.zone_of(&args.schedule).await?;
    let mut body = json!({});
    if let Some(until) = &args.until {
        body["until"] = json!(call.instant("--until", until, &zone)?.to_string());
    }
    let answer = call.client.post(&["schedules", &args.schedule, "take-over"], &body).await?;
    let until = call.told(&answer, "to", &zone);
    call.done(
        &answer,
        &format!("You are on {} until {until}. Undo: firedog override remove {}", args.schedule, text(&answer, "id")),
    )
}
