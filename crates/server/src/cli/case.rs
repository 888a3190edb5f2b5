//! Vendor cases: tickets at third parties, with our clock on them.

use super::call::Call;
use super::failure::Failure;
use super::out::{BAD, BOLD, GOOD, clean, paint, print, print_json, say, text};
use super::table::{Table, cell};
use super::when;
use clap::Subcommand;
use serde_json::{Value, json};

#[derive(Subcommand, Debug)]
pub(crate) enum Case {
    /// List cases, newest first, and when each has to be chased
    #[command(after_help = "Examples:\n  firedog case list\n  firedog case list --all --institution inst-123")]
    List {
        /// Those that are closed as well
        #[arg(long)]
        all: bool,
        #[arg(long, value_name = "INSTITUTION")]
        institution: Option<String>,
        #[arg(long, value_name = "VENDOR")]
        vendor: Option<String>,
        #[arg(long, value_name = "ALERT")]
        alert: Option<String>,
    },
    /// Show a case, and how often it was chased
    #[command(after_help = "Example:\n  firedog case show ID")]
    Show {
        #[arg(value_name = "CASE")]
        id: String,
    },
    /// Keep a case that was opened at a vendor
    #[command(after_help = "Examples:\n  firedog case open --run RUN --number CS-4711\n  \
        firedog case open --vendor jsource --institution inst-123 --number CS-4711 --url https://support.example.org/cases/4711\n\n\
        What is not said is taken from the run, then from the alert. The answer to a run's step opens its case by itself.")]
    Open {
        /// With whom [default: the institution's]
        #[arg(long, value_name = "VENDOR")]
        vendor: Option<String>,
        #[arg(long, value_name = "INSTITUTION")]
        institution: Option<String>,
        #[arg(long, value_name = "RUN")]
        run: Option<String>,
        #[arg(long, value_name = "ALERT")]
        alert: Option<String>,
        /// Whoever is on call for it is told when the case has to be chased
        #[arg(long, value_name = "SERVICE")]
        service: Option<String>,
        /// As the vendor calls it
        #[arg(long, value_name = "TEXT", default_value = "")]
        number: String,
        /// Where it is
        #[arg(long, value_name = "URL", default_value = "")]
        url: String,
    },
    /// Say that the vendor was asked again; the clock begins anew
    #[command(after_help = "Example:\n  firedog case chase ID --note 'called them; they restart the core at 16:00'")]
    Chase {
        #[arg(value_name = "CASE")]
        id: String,
        /// What was asked, and what they answered
        #[arg(long, value_name = "TEXT")]
        note: String,
    },
    /// Close a case
    #[command(after_help = "Example:\n  firedog case close ID --why 'their disk was full; requests succeed again'")]
    Close {
        #[arg(value_name = "CASE")]
        id: String,
        /// How it ended
        #[arg(long, value_name = "TEXT")]
        why: String,
    },
    /// Say the number that the vendor gave a case
    #[command(after_help = "Example:\n  firedog case number ID CS-4711 --url https://support.example.org/cases/4711")]
    Number {
        #[arg(value_name = "CASE")]
        id: String,
        /// As the vendor calls it
        #[arg(value_name = "NUMBER")]
        number: String,
        /// Where it is [default: as it was]
        #[arg(long, value_name = "URL", default_value = "")]
        url: String,
    },
}

pub(crate) async fn case(call: &Call, verb: Case) -> Result<(), Failure> {
    match verb {
        Case::List { all, institution, vendor, alert } => {
            let mut query = vec![("limit", "500")];
            if !all {
                query.push(("open", "true"));
            }
            for (name, value) in [("institution", &institution), ("vendor", &vendor), ("alert", &alert)] {
                query.extend(value.as_deref().map(|value| (name, value)));
            }
            let answer = call.client.get(&["cases"], &query).await?;
            let items = answer["items"].as_array().cloned().unwrap_or_default();
            if call.json {
                return print_json(&Value::Array(items));
            }
            let mut table = Table::new(&["ID", "VENDOR", "NUMBER", "INSTITUTION", "ANSWER", "OPENED", "BY"], 4);
            let zone = call.zone();
            for item in &items {
                let [id, vendor, number, institution, by] =
                    ["id", "vendor", "number", "institution", "opened_by"].map(|key| cell(text(item, key)));
                table.row([
                    id,
                    vendor,
                    number,
                    institution,
                    cell(due(call, item)),
                    cell(call.short(item, "opened_at", &zone)),
                    by,
                ]);
            }
            call.table(
                &table,
                if all {
                    "No case was ever opened."
                } else {
                    "No case is open. Keep one: firedog case open --run RUN --number NUMBER"
                },
            )
        }
        Case::Show { id } => {
            let found = call.client.get(&["cases", &id], &[]).await?;
            if call.json { print_json(&found) } else { show(call, &found) }
        }
        Case::Open { vendor, institution, run, alert, service, number, url } => {
            let body = json!({ "vendor": vendor, "institution": institution, "run": run, "alert": alert, "service": service,
                "number": number, "url": url });
            let answer = call.client.post(&["cases"], &body).await?;
            call.done(&answer, &next(call, &answer))
        }
        Case::Chase { id, note } => {
            let answer = call.client.post(&["cases", &id, "chase"], &json!({ "note": note })).await?;
            call.done(&answer, &next(call, &answer))
        }
        Case::Close { id, why } => {
            let answer = call.client.post(&["cases", &id, "close"], &json!({ "reason": why })).await?;
            call.done(&answer, "The case is closed.")
        }
        Case::Number { id, number, url } => {
            let answer = call.client.post(&["cases", &id, "number"], &json!({ "number": number, "url": url })).await?;
            call.done(&answer, &next(call, &answer))
        }
    }
}

/// `due in 2 h`, `overdue, 10 min ago`, `closed`.
fn due(call: &Call, case: &Value) -> String {
    match when::instant(case, "next_chase_at") {
        None => "closed".to_owned(),
        Some(at) if at <= call.now => format!("overdue, {}", when::relative(at, call.now)),
        Some(at) => format!("due {}", when::relative(at, call.now)),
    }
}

fn next(call: &Call, case: &Value) -> String {
    let number = if text(case, "number").is_empty() { "without a number yet" } else { text(case, "number") };
    let (vendor, id) = (clean(text(case, "vendor")), text(case, "id"));
    format!("Case {} at {vendor}; an answer is {}. Chase it: firedog case chase {id} --note …", clean(number), due(call, case))
}

fn show(call: &Call, case: &Value) -> Result<(), Failure> {
    let zone = call.zone();
    let open = text(case, "state") == "open";
    let number = if text(case, "number").is_empty() { "no number yet" } else { text(case, "number") };
    let late = due(call, case).starts_with("overdue");
    let state = paint(if late { BAD } else { GOOD }, &due(call, case));
    print(&format!("{}  {state}\n", paint(BOLD, &format!("{} {}", clean(text(case, "vendor")), clean(number)))))?;
    for (key, name) in [
        ("institution", "institution"),
        ("url", "address"),
        ("alert", "alert"),
        ("run", "run"),
        ("service", "service"),
        ("team", "team"),
    ] {
        if !text(case, key).is_empty() {
            print(&format!("  {name:<12} {}\n", clean(text(case, key))))?;
        }
    }
    let line = |at: &Value, key: &str, by: &str, said: &str| {
        let said = if said.is_empty() { String::new() } else { format!(": {said}") };
        print(&format!("  {}  {}{}\n", call.short(at, key, &zone), clean(by), clean(&said)))
    };
    line(case, "opened_at", &format!("opened by {}", text(case, "opened_by")), "")?;
    for chase in case["chases"].as_array().into_iter().flatten() {
        line(chase, "at", &format!("chased by {}", text(chase, "by")), text(chase, "note"))?;
    }
    if open {
        say(&format!("  Chase it: firedog case chase {} --note …", text(case, "id")));
    } else {
        line(case, "closed_at", &format!("closed by {}", text(case, "closed_by")), text(case, "reason"))?;
    }
    Ok(())
}
