//! Who is on call: now, over a range, and instead of whom.

use super::call::{Call, Names, Span};
use super::failure::Failure;
use super::out::{BAD, BOLD, DIM, paint, print, print_json, say, text};
use super::table::{Table, cell, styled, terminal_width};
use super::when;
use clap::{Args, Subcommand};
use firedog_domain::setup::Zone;
use firedog_domain::time::length_text;
use serde_json::{Value, json};

/// Rows that a person or a script may ask for; a year of hourly turns.
const MAX_ROWS: usize = 20_000;

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  firedog oncall
  firedog oncall --service symxchange-http-server
  firedog oncall --schedule pupper-primary --at 'fri 22:00'")]
pub(crate) struct Oncall {
    /// Only this schedule
    #[arg(long, value_name = "ID")]
    schedule: Option<String>,
    /// Whom an alert of this service would page, step by step
    #[arg(long, value_name = "ID", conflicts_with = "schedule")]
    service: Option<String>,
    /// Then instead of now
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    at: Option<String>,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Schedule {
    /// Show who is on call over a range, gaps included
    #[command(after_help = "Examples:
  firedog schedule show pupper-primary
  firedog schedule show pupper-primary --from today --to +4w
  firedog schedule show pupper-primary --from 2026-01-05T00:00Z --to 2026-02-05T00:00Z --json")]
    Show {
        #[arg(value_name = "ID")]
        id: String,
        /// Start of the range [default: now]
        #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
        from: Option<String>,
        /// End of the range (exclusive) [default: 2 weeks after its start]
        #[arg(long, value_name = "TIME", visible_alias = "until", allow_hyphen_values = true)]
        to: Option<String>,
    },
    /// List the schedules
    #[command(after_help = "Example:\n  firedog schedule list --json")]
    List,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Override {
    /// Put somebody else on call for a span
    #[command(after_help = "Examples:
  firedog override add pupper-primary --user grace --from 'tomorrow 09:00' --for 8h
  firedog override add pupper-primary --user linus --add --from now --until 'fri 17:00'
  firedog override add pupper-primary --remove ada --from 2026-02-01T09:00 --to 2026-02-02T09:00

Without --add, --user replaces everyone on the schedule for the span.
Times without an offset are in the schedule's zone.")]
    Add(Add),
    /// End an override, or remove one that has not begun
    #[command(visible_alias = "end", after_help = "Example:\n  firedog override remove 0199a7c2-5f0e-7c3a-9d2e-3b1f6f1c2a4d")]
    Remove {
        #[arg(value_name = "ID")]
        id: String,
    },
    /// List overrides that have not ended, from files and made here
    #[command(after_help = "Example:\n  firedog override list --schedule pupper-primary")]
    List {
        /// Only this schedule
        #[arg(long, value_name = "ID")]
        schedule: Option<String>,
    },
}

#[derive(Args, Debug)]
#[command(
    override_usage = "firedog override add SCHEDULE (--user USER [--add] | --remove USER) [--from TIME] (--until TIME | --for LENGTH)"
)]
#[command(group(clap::ArgGroup::new("which").required(true).args(["schedule", "schedule_flag"])))]
#[command(group(clap::ArgGroup::new("change").required(true).args(["user", "remove"])))]
pub(crate) struct Add {
    /// The schedule
    #[arg(value_name = "SCHEDULE")]
    schedule: Option<String>,
    #[arg(long = "schedule", value_name = "SCHEDULE", hide = true)]
    schedule_flag: Option<String>,
    /// Who is on call instead of everyone
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Add the user to whoever is on call
    #[arg(long, requires = "user", conflicts_with = "remove")]
    add: bool,
    /// Take this user off
    #[arg(long, value_name = "USER")]
    remove: Option<String>,
    /// When it begins [default: now]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    from: Option<String>,
    #[command(flatten)]
    span: Span,
}

pub(crate) async fn oncall(call: &Call, args: Oncall) -> Result<(), Failure> {
    let zone = match (&args.schedule, &args.at) {
        (Some(schedule), Some(at)) if !when::is_absolute(at) || !call.json => call.zone_of(schedule).await?,
        (Some(schedule), None) if !call.json => call.zone_of(schedule).await?,
        _ => call.zone(),
    };
    let at = args.at.as_deref().map(|at| call.instant("at", at, &zone)).transpose()?.map(|at| at.to_string());
    let query: Vec<(&str, &str)> = [("schedule", &args.schedule), ("service", &args.service), ("at", &at)]
        .into_iter()
        .filter_map(|(name, value)| value.as_deref().map(|value| (name, value)))
        .collect();
    let rows = call.client.list(&["oncall"], &query, MAX_ROWS).await?;
    if call.json {
        return print_json(&Value::Array(rows));
    }
    let names = call.names().await;
    let mut table = Table::new(&["STEP", "SCHEDULE", "ON CALL", "UNTIL"], 2);
    for row in &rows {
        let step = row["step"].as_u64().map(|step| step.to_string()).unwrap_or_default();
        let until = if row["until"].is_null() { String::new() } else { call.short(row, "until", &zone) };
        table.row([cell(step), cell(text(row, "schedule")), person(row, &names), cell(until)]);
    }
    call.table(&table, "Nobody is on call: there is no schedule. Write one and apply it: firedog apply DIR")?;
    if !table.is_empty() {
        say(&paint(DIM, &format!("Times in {}.", zone.name())));
    }
    Ok(())
}

/// A gap is a value, and the worst one.
fn person(row: &Value, names: &Names) -> super::table::Cell {
    match row["user"].as_str() {
        Some(user) => styled(BOLD, names.full(user)),
        None => styled(BAD, "Nobody"),
    }
}

pub(crate) async fn schedule(call: &Call, verb: Schedule) -> Result<(), Failure> {
    match verb {
        Schedule::List => list_schedules(call).await,
        Schedule::Show { id, from, to } => {
            let zone = call.zone_of(&id).await?;
            let from = match from {
                Some(from) => call.instant("from", &from, &zone)?,
                // Nobody asked for the seconds.
                None => when::whole_minute(call.now),
            };
            let to = match to {
                Some(to) => call.instant("to", &to, &zone)?,
                None => firedog_domain::time::after(from, jiff::SignedDuration::from_hours(14 * 24)),
            };
            if to <= from {
                return Err(Failure::usage("--to must be after --from"));
            }
            let range = [("from", from.to_string()), ("to", to.to_string())];
            let query: Vec<(&str, &str)> = range.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let rows = call.client.list(&["schedules", &id, "shifts"], &query, MAX_ROWS).await?;
            if call.json { print_json(&Value::Array(rows)) } else { show(call, &rows, &zone).await }
        }
    }
}

async fn show(call: &Call, rows: &[Value], zone: &Zone) -> Result<(), Failure> {
    let names = call.names().await;
    let mut table = Table::new(&["FROM", "UNTIL", "LENGTH", "ON CALL"], 3);
    let mut gaps = 0;
    for row in rows {
        let (Some(from), Some(until)) = (when::instant(row, "from"), when::instant(row, "until")) else { continue };
        gaps += usize::from(row["user"].is_null());
        let length = cell(length_text(until.duration_since(from)));
        table.row([
            cell(when::local(from, call.now, zone)),
            cell(when::local(until, call.now, zone)),
            length,
            person(row, &names),
        ]);
    }
    print(&table.render(terminal_width()))?;
    let gaps = match gaps {
        0 => String::new(),
        1 => " Nobody is on call in 1 gap.".to_owned(),
        n => format!(" Nobody is on call in {n} gaps."),
    };
    say(&paint(DIM, &format!("Times in {}.{gaps}", zone.name())));
    Ok(())
}

async fn list_schedules(call: &Call) -> Result<(), Failure> {
    let items = call.client.list(&["schedules"], &[], MAX_ROWS).await?;
    if call.json {
        return print_json(&Value::Array(items));
    }
    let mut table = Table::new(&["ID", "NAME", "TEAM", "ZONE"], 1);
    for item in &items {
        table.row(["id", "name", "team", "timezone"].map(|key| cell(text(item, key))));
    }
    call.table(&table, "No schedules. Write one and apply it: firedog apply DIR")
}

pub(crate) async fn overrides(call: &Call, verb: Override) -> Result<(), Failure> {
    match verb {
        Override::Add(args) => add(call, args).await,
        Override::Remove { id } => {
            let answer = call.client.delete(&["overrides", &id]).await?;
            call.done(&or_id(answer, &id), &format!("Override {id} has ended."))
        }
        Override::List { schedule } => list_overrides(call, schedule).await,
    }
}

async fn add(call: &Call, args: Add) -> Result<(), Failure> {
    let schedule = args.schedule.or(args.schedule_flag).unwrap_or_default();
    let zone = call.zone_of(&schedule).await?;
    let period = call.period(args.from.as_deref(), &args.span, &zone)?;
    let mut body = json!({ "schedule": schedule });
    period.write(&mut body);
    let (key, user) =
        if let Some(user) = &args.user { ("user", user) } else { ("remove", args.remove.as_ref().unwrap_or(&schedule)) };
    body[key] = json!(user);
    if args.add {
        body["add"] = json!(true);
    }
    let answer = call.client.post(&["overrides"], &body).await?;
    let what = match (args.add, args.user.is_some()) {
        (true, _) => "is added to",
        (false, true) => "alone is on",
        (false, false) => "is off",
    };
    let until = when::full(period.until, call.now, &zone);
    call.done(&answer, &format!("{user} {what} {schedule} until {until}. Undo: firedog override remove {}", text(&answer, "id")))
}

async fn list_overrides(call: &Call, schedule: Option<String>) -> Result<(), Failure> {
    let query: Vec<(&str, &str)> = schedule.as_deref().map(|id| ("schedule", id)).into_iter().collect();
    let mut items = call.client.list(&["overrides"], &query, MAX_ROWS).await?;
    if let Some(schedule) = &schedule {
        items.retain(|item| text(item, "schedule") == schedule);
    }
    if call.json {
        return print_json(&Value::Array(items));
    }
    let zone = match &schedule {
        Some(schedule) => call.zone_of(schedule).await?,
        None => call.zone(),
    };
    let mut table = Table::new(&["ID", "SCHEDULE", "CHANGE", "FROM", "UNTIL"], 2);
    for item in &items {
        let change = match (item["user"].as_str(), item["add"].as_bool(), item["remove"].as_str()) {
            (Some(user), Some(true), _) => format!("adds {user}"),
            (Some(user), _, _) => format!("{user} instead of everyone"),
            (None, _, Some(user)) => format!("without {user}"),
            (None, _, None) => String::new(),
        };
        let times = [call.short(item, "from", &zone), call.short(item, "to", &zone)].map(cell);
        let [from, until] = times;
        table.row([cell(text(item, "id")), cell(text(item, "schedule")), cell(change), from, until]);
    }
    call.table(&table, "No overrides. Add one: firedog override add SCHEDULE --user USER --from TIME --until TIME")?;
    if !table.is_empty() {
        say(&paint(DIM, &format!("Times in {}.", zone.name())));
    }
    Ok(())
}

/// What a DELETE answered, or that the thing with this id is gone.
pub(crate) fn or_id(answer: Value, id: &str) -> Value {
    if answer.is_object() { answer } else { json!({ "id": id, "ended": true }) }
}
