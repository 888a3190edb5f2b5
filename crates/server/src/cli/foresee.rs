//! What would happen: `simulate` one alert, `prove` all of them.

use super::call::{Call, Names};
use super::failure::{Exit, Failure};
use super::out::{BAD, BOLD, DIM, GOOD, clean, count, paint, print, print_json, say, text};
use super::when;
use clap::{ArgGroup, Args};
use firedog_domain::setup::Zone;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Spans shown per reason: a night shift that nobody covers fills a screen with itself.
const MAX_SPANS: usize = 10;

#[derive(Args, Debug)]
#[command(group(ArgGroup::new("what").required(true).args(["service", "policy"])))]
#[command(after_help = "Examples:
  firedog simulate --service symxchange-http-server
  firedog simulate --service symxchange-http-server --silent ada --at 'sat 03:00'
  firedog simulate --policy pupper --down email --json

Nobody is paged.")]
pub(crate) struct Simulate {
    /// An alert of this service
    #[arg(long, value_name = "ID")]
    service: Option<String>,
    /// Or an alert along this policy
    #[arg(long, value_name = "ID")]
    policy: Option<String>,
    /// When it triggers [default: now]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    at: Option<String>,
    #[arg(long, value_name = "URGENCY", value_parser = ["high", "low"])]
    urgency: Option<String>,
    /// Somebody who cannot be reached at all; may be repeated
    #[arg(long, value_name = "USER")]
    silent: Vec<String>,
    /// A kind of contact method that fails; may be repeated
    #[arg(long, value_name = "CHANNEL", value_parser = ["email", "webhook"])]
    down: Vec<String>,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  firedog prove
  firedog prove --days 365 --within 15m --json

For every minute of the span, for every policy and urgency, and for every single failure (one
person silent, one kind of channel down): is a human reached in time? Exits 10 with any finding.")]
pub(crate) struct Prove {
    /// How many days to look ahead
    #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=3660))]
    days: u32,
    /// In time means within this of the alert
    #[arg(long, value_name = "LENGTH", default_value = "30m", value_parser = length)]
    within: String,
    /// Where the span begins [default: now]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    from: Option<String>,
}

fn length(text: &str) -> Result<String, String> {
    firedog_domain::time::parse_length(text).map(|_| text.to_owned())
}

pub(crate) async fn simulate(call: &Call, args: Simulate) -> Result<(), Failure> {
    let zone = call.zone();
    let at = match &args.at {
        Some(at) => call.instant("at", at, &zone)?,
        None => call.now,
    };
    let mut body = json!({ "at": at.to_string(), "silent": args.silent, "channels_down": args.down });
    for (key, value) in [("service", &args.service), ("policy", &args.policy), ("urgency", &args.urgency)] {
        if let Some(value) = value {
            body[key] = json!(value);
        }
    }
    let mut answer = call.client.ask(&["simulate"], &body).await?;
    let entries = match answer["items"].take() {
        Value::Array(entries) => entries,
        _ => Vec::new(),
    };
    if call.json {
        return print_json(&Value::Array(entries));
    }
    let names = call.names().await;
    let what = args.service.or(args.policy).unwrap_or_default();
    let head = format!("{what}, alert at {}, if nobody acknowledges:", when::full(at, call.now, &zone));
    say(&paint(BOLD, &clean(&head)));
    if !args.silent.is_empty() || !args.down.is_empty() {
        let failed: Vec<String> =
            args.silent.iter().map(|user| names.name(user).to_owned()).chain(args.down.iter().cloned()).collect();
        say(&clean(&format!("Out of reach: {}", failed.join(", "))));
    }
    if entries.is_empty() {
        return print(&format!("{}\n", paint(BAD, "Nobody is paged.")));
    }
    print(&minutes(&entries, &names))
}

/// `+00:05  Grace Hopper  mail  on call in pupper-secondary (step 2)`.
fn minutes(entries: &[Value], names: &Names) -> String {
    let rows: Vec<[String; 4]> = entries
        .iter()
        .map(|entry| {
            let who = entry["user"].as_str().map_or("nobody", |user| names.name(user));
            [
                offset(entry["after_s"].as_i64().unwrap_or(0)),
                clean(who),
                clean(text(entry, "contact")),
                clean(text(entry, "reason")),
            ]
        })
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (who, how) = (width(1), width(2));
    let line = |[after, name, contact, reason]: &[String; 4]| {
        format!("{}  {name:who$}  {contact:how$}  {}\n", paint(BOLD, after), paint(DIM, reason))
    };
    rows.iter().map(line).collect()
}

/// `+01:05` is an hour and five minutes after the alert; seconds only where there are some.
fn offset(after_s: i64) -> String {
    let (hours, minutes, seconds) = (after_s / 3600, after_s / 60 % 60, after_s % 60);
    if seconds == 0 { format!("+{hours:02}:{minutes:02}") } else { format!("+{hours:02}:{minutes:02}:{seconds:02}") }
}

pub(crate) async fn prove(call: &Call, args: Prove) -> Result<(), Failure> {
    let zone = call.zone();
    let mut body = json!({ "days": args.days, "within": args.within });
    if let Some(from) = &args.from {
        body["from"] = json!(call.instant("from", from, &zone)?.to_string());
    }
    let answer = call.client.ask(&["prove"], &body).await?;
    let findings = answer["findings"].as_array().cloned().unwrap_or_default();
    if call.json {
        print_json(&answer)?;
    } else if findings.is_empty() {
        let span = format!("{} until {}", call.told(&answer, "from", &zone), call.told(&answer, "to", &zone));
        print(&format!(
            "{} from {span}: whatever single thing fails, a human is reached within {}.\n",
            paint(GOOD, "Proven"),
            args.within
        ))?;
    } else {
        print(&proof(call, &findings, &zone))?;
        let sum = count(findings.len(), "finding");
        say(&format!(
            "{} in {} days; wanted: a human within {}. Times in {}.",
            paint(BAD, &sum),
            args.days,
            args.within,
            zone.name()
        ));
        say(&format!("See the first one step by step: {}", clean(&rehearsal(&findings[0]))));
    }
    let lacking = answer["lacking"].as_array().cloned().unwrap_or_default();
    if !call.json && !lacking.is_empty() {
        say(&format!("Whether these people would wake is not known (firedog test-me, firedog readiness): {}", names(&lacking)));
    }
    if findings.is_empty() && answer["ok"].as_bool() != Some(false) {
        Ok(())
    } else {
        Err(Failure::silent(Exit::ConditionNotMet))
    }
}

fn names(lacking: &[Value]) -> String {
    let names: Vec<String> = lacking.iter().take(MAX_SPANS).map(|row| clean(text(row, "user"))).collect();
    match lacking.len().saturating_sub(MAX_SPANS) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

/// Findings by policy and urgency, then by what goes wrong, each with the spans in which it would.
fn proof(call: &Call, findings: &[Value], zone: &Zone) -> String {
    let told = |finding: &Value, key| when::instant(finding, key).map(|at| when::local(at, call.now, zone)).unwrap_or_default();
    let mut groups: BTreeMap<String, Vec<(String, Vec<String>)>> = BTreeMap::new();
    for finding in findings {
        let group =
            groups.entry(clean(&format!("{}, {} urgency", text(finding, "policy"), text(finding, "urgency")))).or_default();
        let span = format!("{} until {}", told(finding, "from"), told(finding, "until"));
        let reason = clean(text(finding, "reason"));
        match group.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, spans)) => spans.push(span),
            None => group.push((reason, vec![span])),
        }
    }
    let mut blocks = Vec::new();
    for (head, reasons) in groups {
        let mut block = format!("{}\n", paint(BOLD, &head));
        for (reason, spans) in reasons {
            block.push_str(&format!("  {reason}\n"));
            spans.iter().take(MAX_SPANS).for_each(|span| block.push_str(&format!("    {}\n", paint(DIM, span))));
            if spans.len() > MAX_SPANS {
                block.push_str(&format!("    and {} more; --json has them all\n", count(spans.len() - MAX_SPANS, "span")));
            }
        }
        blocks.push(block);
    }
    blocks.join("\n")
}

/// The command that shows a finding step by step.
fn rehearsal(finding: &Value) -> String {
    let failure = &finding["failure"];
    let option = match text(failure, "kind") {
        "person" => format!(" --silent {}", text(failure, "id")),
        "channel" => format!(" --down {}", text(failure, "id")),
        _ => String::new(),
    };
    let words = ["policy", "urgency", "from"].map(|key| text(finding, key));
    format!("firedog simulate --policy {} --urgency {} --at {}{option}", words[0], words[1], words[2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_hours_and_minutes() {
        for (after_s, text) in [(0, "+00:00"), (300, "+00:05"), (3900, "+01:05"), (90, "+00:01:30"), (90_000, "+25:00")] {
            assert_eq!(offset(after_s), text);
        }
    }

    #[test]
    fn findings_are_grouped_by_what_goes_wrong() {
        let finding = |day: u32, urgency: &str, reason: &str| {
            json!({ "policy": "pupper", "urgency": urgency, "from": format!("2026-01-{day:02}T04:00:00Z"), "until": format!("2026-01-{day:02}T05:00:00Z"),
                "failure": { "kind": "person", "id": "linus" }, "reached_after_s": null, "reason": reason })
        };
        let mut findings: Vec<Value> =
            (1..=13).map(|day| finding(day, "high", "if Linus does not answer, nobody is reached")).collect();
        findings.push(finding(2, "low", "nobody is reached"));
        findings.push(finding(3, "high", "if email is down, it takes 45m"));
        let common = crate::cli::call::Common::default_for_tests();
        let call = Call::new(common, "2026-01-01T00:00:00Z".parse().unwrap()).ok().unwrap();
        insta::assert_snapshot!(anstream::adapter::strip_str(&proof(&call, &findings, &Zone::utc())), @r"
        pupper, high urgency
          if Linus does not answer, nobody is reached
            Thu 1 Jan 04:00 until Thu 1 Jan 05:00
            Fri 2 Jan 04:00 until Fri 2 Jan 05:00
            Sat 3 Jan 04:00 until Sat 3 Jan 05:00
            Sun 4 Jan 04:00 until Sun 4 Jan 05:00
            Mon 5 Jan 04:00 until Mon 5 Jan 05:00
            Tue 6 Jan 04:00 until Tue 6 Jan 05:00
            Wed 7 Jan 04:00 until Wed 7 Jan 05:00
            Thu 8 Jan 04:00 until Thu 8 Jan 05:00
            Fri 9 Jan 04:00 until Fri 9 Jan 05:00
            Sat 10 Jan 04:00 until Sat 10 Jan 05:00
            and 3 spans more; --json has them all
          if email is down, it takes 45m
            Sat 3 Jan 04:00 until Sat 3 Jan 05:00

        pupper, low urgency
          nobody is reached
            Fri 2 Jan 04:00 until Fri 2 Jan 05:00
        ");
        assert_eq!(
            rehearsal(&findings[0]),
            "firedog simulate --policy pupper --urgency high --at 2026-01-01T04:00:00Z --silent linus"
        );
    }

    #[test]
    fn a_simulation_reads_minute_by_minute() {
        let names = Names::of([("ada", "Ada Lovelace"), ("linus", "Linus")]);
        let entry = |after_s: i64, user: &str, contact: &str, reason: &str| json!({ "after_s": after_s, "user": user, "contact": contact, "reason": reason });
        let entries = [
            entry(0, "ada", "mail", "on call in pupper-primary (step 1)"),
            entry(0, "ada", "hook", "on call in pupper-primary (step 1)"),
            entry(300, "linus", "mail", "on call in pupper-secondary (step 2)"),
        ];
        insta::assert_snapshot!(anstream::adapter::strip_str(&minutes(&entries, &names)), @"
        +00:00  Ada Lovelace  mail  on call in pupper-primary (step 1)
        +00:00  Ada Lovelace  hook  on call in pupper-primary (step 1)
        +00:05  Linus         mail  on call in pupper-secondary (step 2)
        ");
    }
}
