//! Integrations: where events come in, their keys, what came in last.

use super::call::Call;
use super::failure::Failure;
use super::out::{clean, clean_lines, print, print_json, say, text};
use super::table::{Table, cell};
use clap::Subcommand;
use serde_json::{Value, json};

const MAX_ROWS: usize = 5_000;

#[derive(Subcommand, Debug)]
pub(crate) enum Integration {
    /// List every integration and when something came in last
    #[command(after_help = "Example:\n  firedog integration list")]
    List,
    /// Add one to a service that was made in the app; prints its key, once
    #[command(after_help = "Example:\n  firedog integration add lamp generic --id scripts")]
    Add {
        #[arg(value_name = "SERVICE")]
        service: String,
        #[arg(value_name = "KIND", value_parser = ["pagerduty", "alertmanager", "grafana", "generic", "heartbeat"])]
        kind: String,
        /// Its id [default: its kind]
        #[arg(long, value_name = "ID")]
        id: Option<String>,
    },
    /// Make another key; the old one is refused from now on
    #[command(after_help = "Example:\n  firedog integration key lamp scripts")]
    Key {
        #[arg(value_name = "SERVICE")]
        service: String,
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Show what came in last, masked, and what was made of it
    #[command(after_help = "Example:\n  firedog integration payloads lamp scripts")]
    Payloads {
        #[arg(value_name = "SERVICE")]
        service: String,
        #[arg(value_name = "ID")]
        id: String,
    },
}

pub(crate) async fn integration(call: &Call, verb: Integration) -> Result<(), Failure> {
    let zone = call.zone();
    match verb {
        Integration::List => {
            let items = call.client.list(&["integrations"], &[], MAX_ROWS).await?;
            if call.json {
                return print_json(&Value::Array(items));
            }
            let mut table = Table::new(&["SERVICE", "ID", "KIND", "LAST", "STANDS IN", "ADDRESS"], 5);
            for item in &items {
                let [service, id, kind, origin, url] =
                    ["service", "id", "kind", "origin", "url"].map(|key| cell(text(item, key)));
                let last = if item["last_at"].is_null() { cell("never") } else { cell(call.short(item, "last_at", &zone)) };
                table.row([service, id, kind, last, origin, url]);
            }
            call.table(&table, "No service has an integration.")
        }
        Integration::Add { service, kind, id } => {
            let body = json!({ "kind": kind, "id": id });
            keyed(call, &call.client.post(&["services", &service, "integrations"], &body).await?)
        }
        Integration::Key { service, id } => {
            keyed(call, &call.client.post(&["services", &service, "integrations", &id, "key"], &json!({})).await?)
        }
        Integration::Payloads { service, id } => {
            let answer = call.client.get(&["services", &service, "integrations", &id, "payloads"], &[]).await?;
            if call.json {
                return print_json(&answer["items"]);
            }
            let items = answer["items"].as_array().cloned().unwrap_or_default();
            if items.is_empty() {
                say("Nothing has come in since this server has started.");
            }
            for item in items.iter().rev() {
                let what = match item["events"].as_u64() {
                    Some(n) => format!("{n} events"),
                    None => format!("refused: {}", clean(text(item, "refused"))),
                };
                print(&format!("{}  {what}\n{}\n\n", call.told(item, "at", &zone), clean_lines(text(item, "body"))))?;
            }
            Ok(())
        }
    }
}

fn keyed(call: &Call, made: &Value) -> Result<(), Failure> {
    if call.json {
        return print_json(made);
    }
    say("Its key, shown this once, and where its events go:");
    print(&format!("{}\n{}\n", clean(text(made, "key")), clean(text(made, "url"))))
}
