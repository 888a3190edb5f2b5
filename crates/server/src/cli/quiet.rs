//! Keeping alerts from paging for a while: silences and maintenance.

use super::call::{Call, Span};
use super::failure::Failure;
use super::oncall::or_id;
use super::out::{DIM, paint, print_json, say, text};
use super::table::{Table, cell};
use super::when;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// Silences that a person may want to see at once.
const MAX_ROWS: usize = 20_000;

#[derive(Subcommand, Debug)]
pub(crate) enum Silence {
    /// Keep matching alerts from paging until a time
    #[command(after_help = "Examples:
  firedog silence add --service api --for 2h --why 'ticket 42'
  firedog silence add --match alertname=Noisy --match 'host=~api-.*' --until 'mon 09:00'

All matchers must match: name=value, name!=value, name=~regex, name!~regex.")]
    Add(AddSilence),
    /// List silences that have not ended, from files and made here
    #[command(after_help = "Example:\n  firedog silence list --json")]
    List,
    /// End a silence now
    #[command(visible_alias = "remove", after_help = "Example:\n  firedog silence end 0199a7c2-5f0e-7c3a-9d2e-3b1f6f1c2a4d")]
    End {
        #[arg(value_name = "ID")]
        id: String,
    },
}

#[derive(Args, Debug)]
#[command(
    override_usage = "firedog silence add [--service ID] [--match MATCHER]... [--from TIME] (--until TIME | --for LENGTH) [--why TEXT]"
)]
#[command(group(clap::ArgGroup::new("what").required(true).multiple(true).args(["service", "matchers"])))]
pub(crate) struct AddSilence {
    /// Only alerts of this service
    #[arg(long, value_name = "ID")]
    service: Option<String>,
    /// Only alerts with this label; may be repeated
    #[arg(long = "match", value_name = "MATCHER", value_parser = matcher)]
    matchers: Vec<String>,
    /// When it begins [default: now]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    from: Option<String>,
    #[command(flatten)]
    span: Span,
    /// Why, for whoever wonders
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    why: String,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Maintenance {
    /// Plan a maintenance window: alerts of the services do not page in it
    #[command(after_help = "Examples:
  firedog maintenance add api login --from 'sat 22:00' --for 4h --why 'core upgrade'
  firedog maintenance add api --until '17:00'

Windows that recur belong into the setup files.")]
    Add(AddMaintenance),
    /// List windows that have not ended, from files and made here
    #[command(after_help = "Example:\n  firedog maintenance list --json")]
    List,
    /// End a window now
    #[command(visible_alias = "remove", after_help = "Example:\n  firedog maintenance end 0199a7c2-5f0e-7c3a-9d2e-3b1f6f1c2a4d")]
    End {
        #[arg(value_name = "ID")]
        id: String,
    },
}

#[derive(Args, Debug)]
#[command(override_usage = "firedog maintenance add SERVICE... [--from TIME] (--until TIME | --for LENGTH) [--why TEXT]")]
#[command(group(clap::ArgGroup::new("which").required(true).multiple(true).args(["services", "service_flags"])))]
pub(crate) struct AddMaintenance {
    /// The services under maintenance
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
    #[arg(long = "service", value_name = "SERVICE", hide = true)]
    service_flags: Vec<String>,
    /// When it begins [default: now]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    from: Option<String>,
    #[command(flatten)]
    span: Span,
    /// Why, for whoever wonders
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    why: String,
}

/// The exact grammar is the server's; this catches what is no matcher at all.
fn matcher(text: &str) -> Result<String, String> {
    match text.find(['=', '!']) {
        Some(at) if at > 0 => Ok(text.to_owned()),
        _ => Err("write name=value, name!=value, name=~regex or name!~regex".to_owned()),
    }
}

pub(crate) async fn silence(call: &Call, verb: Silence) -> Result<(), Failure> {
    match verb {
        Silence::Add(args) => {
            let zone = call.zone();
            let period = call.period(args.from.as_deref(), &args.span, &zone)?;
            let mut body = json!({ "matchers": args.matchers, "why": args.why });
            period.write(&mut body);
            if let Some(service) = args.service {
                body["service"] = json!(service);
            }
            let answer = call.client.post(&["silences"], &body).await?;
            let told = when::full(period.until, call.now, &zone);
            call.done(&answer, &format!("Silent until {told}. End it: firedog silence end {}", text(&answer, "id")))
        }
        Silence::End { id } => {
            let answer = call.client.delete(&["silences", &id]).await?;
            call.done(&or_id(answer, &id), &format!("Silence {id} has ended."))
        }
        Silence::List => {
            let items = call.client.list(&["silences"], &[], MAX_ROWS).await?;
            if call.json {
                return print_json(&Value::Array(items));
            }
            let zone = call.zone();
            let mut table = Table::new(&["ID", "SERVICE", "MATCHERS", "FROM", "UNTIL", "BY", "WHY"], 6);
            for item in &items {
                table.row([
                    cell(text(item, "id")),
                    cell(text(item, "service")),
                    cell(words(item, "matchers")),
                    cell(begun(call, item)),
                    cell(call.short(item, "until", &zone)),
                    cell(text(item, "created_by")),
                    cell(text(item, "why")),
                ]);
            }
            call.table(&table, "No silences. Add one: firedog silence add --service SERVICE --for 1h --why REASON")?;
            name_zone(&table, zone.name());
            Ok(())
        }
    }
}

/// A list of texts on one line.
fn words(item: &Value, key: &str) -> String {
    item[key].as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}

/// Only what lies ahead needs its beginning told.
fn begun(call: &Call, item: &Value) -> String {
    match when::instant(item, "from") {
        Some(from) if from > call.now => call.short(item, "from", &call.zone()),
        _ => String::new(),
    }
}

pub(crate) async fn maintenance(call: &Call, verb: Maintenance) -> Result<(), Failure> {
    match verb {
        Maintenance::Add(args) => {
            let zone = call.zone();
            let period = call.period(args.from.as_deref(), &args.span, &zone)?;
            let services = [args.services, args.service_flags].concat();
            let mut body = json!({ "services": services, "why": args.why });
            period.write(&mut body);
            let answer = call.client.post(&["maintenance"], &body).await?;
            let told = when::full(period.until, call.now, &zone);
            call.done(&answer, &format!("Maintenance until {told}. End it: firedog maintenance end {}", text(&answer, "id")))
        }
        Maintenance::End { id } => {
            let answer = call.client.delete(&["maintenance", &id]).await?;
            call.done(&or_id(answer, &id), &format!("Maintenance {id} has ended."))
        }
        Maintenance::List => {
            let items = call.client.list(&["maintenance"], &[], MAX_ROWS).await?;
            if call.json {
                return print_json(&Value::Array(items));
            }
            let zone = call.zone();
            let mut table = Table::new(&["ID", "SERVICES", "WHEN", "WHY"], 3);
            for item in &items {
                let span = match item["every"].as_str() {
                    Some(every) => {
                        format!("every {every} {}-{} {}", text(item, "from"), text(item, "to"), text(item, "timezone"))
                    }
                    None => format!("{} until {}", call.short(item, "from", &zone), call.short(item, "to", &zone)),
                };
                table.row([cell(text(item, "id")), cell(words(item, "services")), cell(span), cell(text(item, "why"))]);
            }
            call.table(&table, "No maintenance. Plan one: firedog maintenance add SERVICE --from TIME --for LENGTH")?;
            name_zone(&table, zone.name());
            Ok(())
        }
    }
}

fn name_zone(table: &Table, zone: &str) {
    if !table.is_empty() {
        say(&paint(DIM, &format!("Times in {zone}.")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_matcher_is_a_usage_error() {
        assert!(matcher("alertname=Noisy").is_ok() && matcher("a!~b").is_ok());
        assert!(matcher("alertname").is_err() && matcher("=x").is_err());
    }
}
