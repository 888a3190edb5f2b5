//! Whether people can be reached: tests of contact methods, devices, readiness.

use super::call::Call;
use super::failure::Failure;
use super::oncall::or_id;
use super::out::{clean, print_json, say, text};
use super::table::{Table, cell};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

const MAX_ROWS: usize = 10_000;

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  firedog test-me                     over the first of your contact methods
  firedog test-me phone
  firedog test-me phone --reached     say that the test has reached you")]
pub(crate) struct TestMe {
    /// A contact method of yours; `push`: all of your devices
    #[arg(value_name = "CONTACT")]
    contact: Option<String>,
    /// Send nothing: say that the last test has reached you
    #[arg(long, requires = "contact")]
    reached: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  firedog readiness\n  firedog readiness --user ada --json")]
pub(crate) struct Readiness {
    /// One person only
    #[arg(long, value_name = "USER")]
    user: Option<String>,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Device {
    /// List your devices; new ones register themselves in the app
    #[command(after_help = "Example:\n  firedog device list")]
    List,
    /// Send no more pages to a device
    #[command(after_help = "Example:\n  firedog device remove 0199a7c2-5f0e-7c3a-9d2e-3b1f6f1c2a4d")]
    Remove {
        #[arg(value_name = "ID")]
        id: String,
    },
}

pub(crate) async fn test_me(call: &Call, args: TestMe) -> Result<(), Failure> {
    let body = args.contact.as_ref().map_or_else(|| json!({}), |contact| json!({ "contact": contact }));
    if args.reached {
        let answer = call.client.post(&["me", "test", "confirm"], &body).await?;
        return call.done(&or_id(answer, args.contact.as_deref().unwrap_or_default()), "Noted: it reaches you.");
    }
    let tested = call.client.post(&["me", "test"], &body).await?;
    let (contact, outcome) = (text(&tested, "contact"), text(&tested, "outcome"));
    if outcome == "sent" {
        let again = format!("Has it reached you? Open its link, or: firedog test-me {contact} --reached");
        return call.done(&tested, &format!("A test went out over {contact}. {again}"));
    }
    if call.json {
        print_json(&tested)?;
    }
    Err(Failure::failed(format!("the test over {contact} did not go out ({outcome}): {}", clean(text(&tested, "reason")))))
}

pub(crate) async fn readiness(call: &Call, args: Readiness) -> Result<(), Failure> {
    let query: Vec<(&str, &str)> = args.user.iter().map(|user| ("user", user.as_str())).collect();
    let mut answer = call.client.get(&["readiness"], &query).await?;
    let items = answer["items"].take();
    if call.json {
        return print_json(&items);
    }
    let zone = call.zone();
    let mut table = Table::new(&["WHO", "CONTACT", "CHANNEL", "RINGS", "REACHED THEM", "LAST TEST"], 5);
    let mut lacking = Vec::new();
    for item in items.as_array().into_iter().flatten().take(MAX_ROWS) {
        if item["ready"] == false {
            lacking.push(format!("{}: {}", clean(text(item, "user")), clean(text(item, "lacking"))));
        }
        for contact in item["contacts"].as_array().into_iter().flatten() {
            let last = match text(contact, "outcome") {
                "" => "never".to_owned(),
                outcome => format!("{outcome} {}", call.short(contact, "sent_at", &zone)),
            };
            let reached =
                if contact["confirmed_at"].is_null() { "never".to_owned() } else { call.short(contact, "confirmed_at", &zone) };
            let rings = if contact["rings"] == Value::Bool(true) { "yes" } else { "" };
            let [id, channel] = ["id", "channel"].map(|key| cell(text(contact, key)));
            table.row([cell(text(item, "user")), id, channel, cell(rings), cell(reached), cell(last)]);
        }
    }
    call.table(&table, "Nobody has a contact method.")?;
    if !lacking.is_empty() {
        say(&format!("Whether these would wake is not known:\n  {}", lacking.join("\n  ")));
    }
    Ok(())
}

pub(crate) async fn device(call: &Call, verb: Device) -> Result<(), Failure> {
    match verb {
        Device::Remove { id } => {
            let answer = call.client.delete(&["me", "devices", &id]).await?;
            call.done(&or_id(answer, &id), "No more pages go there.")
        }
        Device::List => {
            let items = call.client.list(&["me", "devices"], &[], MAX_ROWS).await?;
            if call.json {
                return print_json(&Value::Array(items));
            }
            let zone = call.zone();
            let mut table = Table::new(&["ID", "NAME", "SERVICE", "LAST SENT", "LAST SHOWN"], 2);
            for item in &items {
                let [id, name, service] = ["id", "name", "service"].map(|key| cell(text(item, key)));
                let told = |key| if item[key].is_null() { cell("never") } else { cell(call.short(item, key, &zone)) };
                table.row([id, name, service, told("sent_at"), told("received_at")]);
            }
            call.table(&table, "You have no device. Open the app on one and register it under Me.")
        }
    }
}
