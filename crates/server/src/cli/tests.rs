use super::*;
use clap::CommandFactory;

#[test]
fn the_arguments_are_sound() {
    Cli::command().debug_assert();
}

/// Every verb and group of verbs, with its path: `firedog alert list`.
fn verbs(command: &clap::Command, path: &str, found: &mut Vec<(String, clap::Command)>) {
    for verb in command.get_subcommands() {
        let path = format!("{path} {}", verb.get_name());
        verbs(verb, &path, found);
        found.push((path, verb.clone()));
    }
}

#[test]
fn every_verb_shows_an_example_of_itself() {
    let mut found = Vec::new();
    verbs(&Cli::command(), "firedog", &mut found);
    assert!(found.len() > 30, "{}", found.len());
    for (path, mut verb) in found {
        let help = verb.render_help().to_string();
        assert!(help.contains(&format!("  {path}")) || help.contains("firedog --as"), "{path} has no example:\n{help}");
        assert!(verb.get_about().is_some(), "{path} does not say what it does");
    }
}

#[test]
fn the_help_is_short_and_names_the_exit_codes() {
    let help = Cli::command().term_width(100).render_help().to_string();
    let verbs: Vec<&str> = help.lines().skip_while(|line| *line != "Commands:").take_while(|line| !line.is_empty()).collect();
    insta::assert_snapshot!(verbs.join("\n"), @r"
    Commands:
      serve        Run the server
      demo         Run an outage from beginning to end, on this machine only
      town         Run doubles of outside systems, for rehearsals of your runbooks
      drill        Rehearse an outage on your own setup, with doubles of everything outside
      check        Find every mistake in setup files
      apply        Make setup files the server's setup
      export       Write the server's setup as files
      schema       Print the JSON Schema of setup files, for editors
      oncall       Show who is on call
      schedule     Show schedules over time
      override     Change who is on call for a span
      simulate     Show who would be paged, when, how and why
      prove        Prove that a human is reached, whatever single thing fails
      alert        See alerts, and do something about them
      page         Page a team or a person
      silence      Keep alerts from paging for a while
      maintenance  Plan maintenance windows
      service      See services and their owners
      integration  See where events come in, their keys, and what came in last
      connection   See the outside systems of runbooks, and whether they work
      doctor       Look for what is wrong with a server
      audit        See what was changed and done, by whom
      token        Make and revoke API tokens
      user         Let people sign in, and give them roles
      shifts       See when you are on call
      help-me      Page the next step of your team's policy; you stay on
      leave        Say who is away; schedules go without them
      runbook      See runbooks, and try them out
      run          Run runbooks, and do what they ask
      case         Keep cases at vendors, with a clock on each
      report       See whom pages have interrupted, when, and what is noise
      calendar     Make the address of a calendar feed of shifts
      cover        Ask others to take a shift of yours, or to swap one
      test-me      Page yourself over one of your contact methods, as a test
      readiness    See how people can be reached, and who has shown nothing that wakes them
      device       See and remove the browsers that take your pages
      takeover     Take a schedule over from whoever is on now
      backup       Copy the server's database to a file, while it runs
      restore      Put a backup back, while no server runs
      version      Print the version
      help         Print this message or the help of the given subcommand(s)
    ");
    assert!(help.contains("Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 not allowed, 5 server unreachable, 6 conflict,\n10 condition not met"));
}

#[test]
fn the_help_of_serve_names_every_setting() {
    let help = Cli::command().find_subcommand_mut("serve").unwrap().render_help().to_string();
    for (setting, _) in crate::config::SETTINGS {
        assert!(help.contains(&format!("FIREDOG_{}", setting.to_ascii_uppercase())), "{setting}");
    }
}

fn parse(line: &str) -> Result<Cli, clap::error::ErrorKind> {
    Cli::try_parse_from(std::iter::once("firedog").chain(line.split_whitespace())).map_err(|e| e.kind())
}

#[test]
fn what_the_contract_names_is_understood() {
    for line in [
        "serve --setup DIR --config FILE",
        "drill DIR --wrong pool --service S --institution I --runbook R --connected --support-silent --alone --within 10m --listen 127.0.0.1:0 --json",
        "town --setup DIR --through rollout --no-key --speed 10 --institutions 12 --vantages --json",
        "check DIR --strict --json",
        "apply DIR --dry-run --yes",
        "export DIR",
        "oncall --schedule ID --at now-1h",
        "oncall --service ID --at -1h",
        "schedule show ID --from T --to T",
        "override add ID --user U --from T --to T",
        "override add --schedule ID --remove U --from T --until T",
        "override remove ID",
        "simulate --service ID --at T --silent A --silent B",
        "prove --days 90 --within 30m",
        "alert list --state triggered,resolved --service ID --limit 1000",
        "alert show ID --json",
        "--as ada alert ack ID",
        "alert ack ID --as ada --server http://h --token t",
        "alert resolve A B C",
        "alert snooze ID --for 1h",
        "alert escalate ID",
        "alert send --service ID WORDS --label a=b",
        "alert send --service ID --summary WORDS",
        "page TEAM MESSAGE",
        "silence add --service ID --for 1h",
        "silence add --match a=b --until T",
        "silence list",
        "silence end ID",
        "backup FILE",
        "restore FILE",
        "doctor",
        "audit verify",
    ] {
        assert!(parse(line).is_ok(), "{line}: {:?}", parse(line).err());
    }
}

#[test]
fn what_makes_no_sense_is_a_usage_error() {
    use clap::error::ErrorKind as Kind;
    for (line, kind) in [
        ("simulate", Kind::MissingRequiredArgument),
        ("silence add --for 1h", Kind::MissingRequiredArgument),
        ("silence add --service ID", Kind::MissingRequiredArgument),
        ("silence add --service ID --for 1h --until T", Kind::ArgumentConflict),
        ("override add ID --from T --to T", Kind::MissingRequiredArgument),
        ("override add ID --user A --remove B --to T", Kind::ArgumentConflict),
        ("override add ID --remove A --add --to T", Kind::ArgumentConflict),
        ("alert send --service ID", Kind::MissingRequiredArgument),
        ("alert list --limit 0", Kind::ValueValidation),
        ("alert list --state open,closed", Kind::InvalidValue),
        ("prove --within soon", Kind::ValueValidation),
        ("drill", Kind::MissingRequiredArgument),
        ("drill DIR --wrong rain", Kind::InvalidValue),
        ("drill DIR --within soon", Kind::ValueValidation),
        ("town --institutions 0", Kind::ValueValidation),
        ("town --through hope", Kind::InvalidValue),
        ("oncall --timezone Mars/Base", Kind::ValueValidation),
    ] {
        assert_eq!(parse(line).err(), Some(kind), "{line}");
    }
}
