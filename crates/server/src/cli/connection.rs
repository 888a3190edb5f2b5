//! Connections: the outside systems of runbooks, and whether they work.

use super::admin::findings;
use super::call::Call;
use super::failure::{Exit, Failure};
use super::out::{print_json, text};
use super::table::{Table, cell};
use clap::Subcommand;
use futures_util::future::try_join_all;
use serde_json::{Value, json};

const MAX_ROWS: usize = 500;

#[derive(Subcommand, Debug)]
pub(crate) enum Connection {
    /// List the outside systems that are connected, and what uses them
    #[command(after_help = "Example:\n  firedog connection list")]
    List,
    /// Ask connections who they are, and whether they know us; exits 10 if one fails
    #[command(after_help = "Examples:\n  firedog connection check\n  firedog connection check logs --json")]
    Check {
        /// One only
        #[arg(value_name = "ID")]
        id: Option<String>,
    },
}

pub(crate) async fn connection(call: &Call, verb: Connection) -> Result<(), Failure> {
    let all = async || call.client.list(&["connections"], &[], MAX_ROWS).await;
    match verb {
        Connection::List => {
            let items = all().await?;
            if call.json {
                return print_json(&Value::Array(items));
            }
            let mut table = Table::new(&["ID", "KIND", "WHERE", "OWNER", "ACTIONS", "SERVICES"], 4);
            for item in &items {
                let port = item["port"].as_u64().map(|port| format!(":{port}")).unwrap_or_default();
                let actions: Vec<&str> = item["actions"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                table.row([
                    cell(text(item, "id")),
                    cell(text(item, "kind")),
                    cell(format!("{}{port}", text(item, "host"))),
                    cell(text(item, "owner")),
                    cell(actions.join(", ")),
                    cell(item["services_total"].to_string()),
                ]);
            }
            call.table(&table, "Nothing is connected: people do what runbooks ask. Write `connections:` in the setup.")
        }
        Connection::Check { id } => {
            let ids = match id {
                Some(id) => vec![id],
                None => all().await?.iter().map(|one| text(one, "id").to_owned()).collect(),
            };
            let nothing = json!({});
            let asked: Vec<[&str; 3]> = ids.iter().map(|id| ["connections", id.as_str(), "check"]).collect();
            let found = try_join_all(asked.iter().map(|path| call.client.post(path, &nothing))).await?;
            if call.json {
                print_json(&json!(found))?;
            } else {
                findings(&found, "id")?;
            }
            if found.iter().any(|one| text(one, "level") == "fail") {
                Err(Failure::silent(Exit::ConditionNotMet))
            } else {
                Ok(())
            }
        }
    }
}
