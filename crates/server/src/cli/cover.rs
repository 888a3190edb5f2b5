//! Asking to be covered, and answering.

use super::call::{Call, Span};
use super::failure::Failure;
use super::oncall::or_id;
use super::out::{clean, print_json, say, text};
use super::table::{Table, cell};
use clap::Subcommand;
use serde_json::{Value, json};

const MAX_ROWS: usize = 2_000;

#[derive(Subcommand, Debug)]
pub(crate) enum Cover {
    /// Ask others to take a shift of yours, or to swap one
    #[command(after_help = "Examples:
  firedog cover ask pupper-primary --from 'tomorrow 14:00' --for 4h --note dentist
  firedog cover ask pupper-primary --from 'sat 09:00' --for 24h --ask grace --return-from 'sun 09:00' --return-until 'mon 09:00'")]
    Ask {
        #[arg(value_name = "SCHEDULE")]
        schedule: String,
        /// Whose shift [default: your own]
        #[arg(long, value_name = "USER")]
        user: Option<String>,
        /// From when [default: now]
        #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
        from: Option<String>,
        #[command(flatten)]
        span: Span,
        /// Told to those who are asked
        #[arg(long, value_name = "TEXT", default_value = "")]
        note: String,
        /// Ask only them [default: everybody who could]
        #[arg(long, value_name = "USER")]
        ask: Vec<String>,
        /// A swap: you take their shift from then
        #[arg(long, value_name = "TIME", requires_all = ["return_until", "ask"])]
        return_from: Option<String>,
        /// until then
        #[arg(long, value_name = "TIME", requires = "return_from")]
        return_until: Option<String>,
    },
    /// List requests and who could take them
    #[command(after_help = "Example:\n  firedog cover list")]
    List,
    /// Take somebody's shift, or a part of it
    #[command(after_help = "Examples:\n  firedog cover accept ID\n  firedog cover accept ID --until 16:00")]
    Accept {
        #[arg(value_name = "ID")]
        id: String,
        /// Only from then
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        /// Only until then
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
    },
    /// Say no
    #[command(after_help = "Example:\n  firedog cover decline ID")]
    Decline {
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Take a request back
    #[command(after_help = "Example:\n  firedog cover cancel ID")]
    Cancel {
        #[arg(value_name = "ID")]
        id: String,
    },
}

fn names(value: &Value) -> String {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}

pub(crate) async fn cover(call: &Call, verb: Cover) -> Result<(), Failure> {
    let zone = call.zone();
    match verb {
        Cover::Ask { schedule, user, from, span, note, ask, return_from, return_until } => {
            let zone = call.zone_of(&schedule).await?;
            let mut body = json!({ "schedule": schedule, "note": note, "ask": ask });
            call.period(from.as_deref(), &span, &zone)?.write(&mut body);
            if let Some(user) = user {
                body["user"] = json!(user);
            }
            if let (Some(from), Some(until)) = (return_from, return_until) {
                let instant = |name, text: &str| call.instant(name, text, &zone).map(|at| at.to_string());
                body["in_return"] =
                    json!({ "from": instant("--return-from", &from)?, "until": instant("--return-until", &until)? });
            }
            let made = call.client.post(&["covers"], &body).await?;
            let (asked, id) = (names(&made["eligible"]), text(&made, "id"));
            call.done(&made, &format!("{} asked; the first yes takes it. Take it back: firedog cover cancel {id}", clean(&asked)))
        }
        Cover::Accept { id, from, until } => {
            let mut body = json!({});
            for (key, given) in [("from", from), ("until", until)] {
                if let Some(given) = given {
                    body[key] = json!(call.instant(key, &given, &zone)?.to_string());
                }
            }
            let taken = call.client.post(&["covers", &id, "accept"], &body).await?;
            let (from, until) = (call.told(&taken, "from", &zone), call.told(&taken, "until", &zone));
            call.done(&taken, &format!("You are on {} from {from} until {until}.", clean(text(&taken, "schedule"))))
        }
        Cover::Decline { id } => {
            let answer = call.client.post(&["covers", &id, "decline"], &json!({})).await?;
            let left = names(&answer["eligible"]);
            let left = if left.is_empty() { "nobody else is left to ask".to_owned() } else { format!("still asked: {left}") };
            call.done(&answer, &format!("You have said no; {}.", clean(&left)))
        }
        Cover::Cancel { id } => {
            let answer = call.client.delete(&["covers", &id]).await?;
            call.done(&or_id(answer, &id), "The request is taken back.")
        }
        Cover::List => {
            let items = call.client.list(&["covers"], &[], MAX_ROWS).await?;
            if call.json {
                return print_json(&Value::Array(items));
            }
            let mut table = Table::new(&["ID", "WHO", "SCHEDULE", "FROM", "UNTIL", "STATE", "COULD TAKE IT"], 6);
            for item in &items {
                let state = match text(item, "taken_by") {
                    "" => text(item, "state").to_owned(),
                    taker => format!("taken by {taker}"),
                };
                let [id, user, schedule] = ["id", "user", "schedule"].map(|key| cell(text(item, key)));
                let [from, until] = ["from", "until"].map(|key| cell(call.short(item, key, &zone)));
                table.row([id, user, schedule, from, until, cell(state), cell(names(&item["eligible"]))]);
            }
            call.table(&table, "Nobody asks to be covered.")?;
            if items.iter().any(|item| item["state"] == "open") {
                say("Take one: firedog cover accept ID");
            }
            Ok(())
        }
    }
}
