//! Looking across: load and fairness, calendar feeds.

use super::call::Call;
use super::failure::Failure;
use super::out::{BOLD, clean, paint, print, print_json, say, text};
use super::table::{Table, cell};
use clap::Args;
use serde_json::{Value, json};

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  firedog report\n  firedog report --days 90 --team pupper --json")]
pub(crate) struct Report {
    /// How far back
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(i64).range(1..=366))]
    days: i64,
    /// Of this team's services and schedules only
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  firedog calendar\n  firedog calendar --schedule pupper-primary")]
pub(crate) struct Calendar {
    /// Everybody's shifts on it [default: your own, on every schedule]
    #[arg(long, value_name = "SCHEDULE")]
    schedule: Option<String>,
}

fn hours(value: &Value) -> String {
    format!("{} h", value.as_i64().unwrap_or(0) / 3_600)
}

pub(crate) async fn report(call: &Call, args: Report) -> Result<(), Failure> {
    let from = call.now.checked_sub(jiff::SignedDuration::from_hours(24 * args.days)).unwrap_or(call.now).to_string();
    let mut query = vec![("from", from.as_str())];
    if let Some(team) = &args.team {
        query.push(("team", team));
    }
    let answer = call.client.get(&["report"], &query).await?;
    if call.json {
        return print_json(&answer);
    }
    let number = |row: &Value, key: &str| cell(row[key].to_string());
    let rows = |key: &str| answer[key].as_array().cloned().unwrap_or_default();
    let mut people = Table::new(&["WHO", "INTERRUPTIONS", "AT NIGHT", "TAKEN", "ON CALL", "NIGHTS, WEEKENDS"], 0);
    for row in rows("people") {
        let [interruptions, nights, taken] = ["interruptions", "nights", "acknowledged"].map(|key| number(&row, key));
        people.row([
            cell(text(&row, "user")),
            interruptions,
            nights,
            taken,
            cell(hours(&row["oncall_s"])),
            cell(hours(&row["unsocial_s"])),
        ]);
    }
    call.table(&people, "Nobody was on call, and nobody was interrupted.")?;
    let noise = rows("noise");
    if !noise.is_empty() {
        print(&format!("\n{}\n", paint(BOLD, "Candidates for noise")))?;
        let mut table = Table::new(&["SERVICE", "ALERTS", "INTERRUPTIONS", "TAKEN BY NOBODY", "BRIEF", "WHAT"], 5);
        for row in noise {
            let [alerts, interruptions, ignored, brief] =
                ["alerts", "interruptions", "ignored", "brief"].map(|key| number(&row, key));
            table.row([cell(text(&row, "service")), alerts, interruptions, ignored, brief, cell(text(&row, "summary"))]);
        }
        call.table(&table, "")?;
    }
    if answer["truncated"] == true {
        say("There were more alerts than are looked at; these are the newest.");
    }
    Ok(())
}

pub(crate) async fn calendar(call: &Call, args: Calendar) -> Result<(), Failure> {
    let body = args.schedule.as_ref().map_or_else(|| json!({}), |schedule| json!({ "schedule": schedule }));
    let made = call.client.post(&["me", "calendar"], &body).await?;
    if call.json {
        return print_json(&made);
    }
    say("Whoever has this address can read the shifts; subscribe to it in a calendar program:");
    print(&format!("{}\n", clean(text(&made, "url"))))
}
