//! People: letting them sign in, their roles, their shifts.

use super::call::{Call, Span};
use super::failure::Failure;
use super::oncall::or_id;
use super::out::{clean, print, print_json, say, text};
use super::table::{Table, cell};
use super::when;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

const MAX_ROWS: usize = 5_000;

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

#[derive(Subcommand, Debug)]
pub(crate) enum Leave {
    /// Say that you, or somebody whose team you manage, are away
    #[command(after_help = "Examples:
  firedog leave add --for 2h --why dentist
  firedog leave add --user ada --from 'mon 00:00' --until '2026-12-31'")]
    Add {
        /// Who [default: yourself]
        #[arg(long, value_name = "USER")]
        user: Option<String>,
        /// From when [default: now]
        #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
        from: Option<String>,
        #[command(flatten)]
        span: Span,
        /// Told to whoever looks
        #[arg(long, value_name = "TEXT", default_value = "")]
        why: String,
    },
    /// List who is away, now and later
    #[command(after_help = "Example:\n  firedog leave list")]
    List,
    /// Say that somebody is back
    #[command(after_help = "Example:\n  firedog leave end 0199a7c2-5f0e-7c3a-9d2e-3b1f6f1c2a4d")]
    End {
        #[arg(value_name = "ID")]
        id: String,
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

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  firedog help-me 'two fires at once'\n  firedog help-me --team pupper --as ada")]
pub(crate) struct HelpMe {
    /// What for
    #[arg(value_name = "MESSAGE", default_value = "")]
    message: String,
    /// Whose policy [default: the first of your teams that has one]
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,
}

pub(crate) async fn help_me(call: &Call, args: HelpMe) -> Result<(), Failure> {
    let mut body = json!({ "message": args.message });
    if let Some(team) = &args.team {
        body["team"] = json!(team);
    }
    let asked = call.client.post(&["help"], &body).await?;
    let paged: Vec<&str> = asked["paged"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    call.done(&asked, &format!("{} is being paged; you stay on.", paged.join(", ")))
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

pub(crate) async fn leave(call: &Call, verb: Leave) -> Result<(), Failure> {
    let zone = call.zone();
    match verb {
        Leave::Add { user, from, span, why } => {
            let mut body = json!({ "why": why });
            call.period(from.as_deref(), &span, &zone)?.write(&mut body);
            if let Some(user) = user {
                body["user"] = json!(user);
            }
            let made = call.client.post(&["leave"], &body).await?;
            if !call.json {
                for shift in made["shifts"].as_array().into_iter().flatten().filter(|shift| shift["alone"] == true) {
                    let (from, until) = (call.told(shift, "from", &zone), call.told(shift, "until", &zone));
                    say(&format!("Nobody else is on {} for some of {from} to {until}.", clean(text(shift, "schedule"))));
                }
            }
            let until = call.told(&made, "to", &zone);
            let (user, id) = (text(&made, "user"), text(&made, "id"));
            call.done(&made, &format!("{user} is away until {until}. Back earlier: firedog leave end {id}"))
        }
        Leave::End { id } => {
            let answer = call.client.delete(&["leave", &id]).await?;
            call.done(&or_id(answer, &id), &format!("Leave {id} is over."))
        }
        Leave::List => {
            let items = call.client.list(&["leave"], &[], MAX_ROWS).await?;
            if call.json {
                return print_json(&Value::Array(items));
            }
            let mut table = Table::new(&["ID", "WHO", "FROM", "UNTIL", "WHY"], 4);
            for item in &items {
                let [id, user, why] = ["id", "user", "why"].map(|key| cell(text(item, key)));
                table.row([id, user, cell(call.short(item, "from", &zone)), cell(call.short(item, "to", &zone)), why]);
            }
            call.table(&table, "Nobody is away.")
        }
    }
}
