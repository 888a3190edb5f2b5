//! Runbooks from their text to the end of a run.

use super::actions::{Action, Effect};
use super::fixture::{Fixture, play};
use super::run::*;
use super::sequel::SequelKind;
use super::*;
use crate::setup::Setup;
use crate::setup::load::{NoOutside, SourceFile, load};
use proptest::prelude::*;
use serde_json::json;
use std::cell::RefCell;
use std::collections::BTreeSet;

const SETUP: &str = r#"
teams: [ { id: pupper, members: [ada] }, { id: support, members: [ada] } ]
users: [ { id: ada, email: ada@example.org } ]
services: [ { id: symxchange-http-server, team: pupper }, { id: symxchange-rpc-server, team: pupper } ]
institutions: [ { id: inst-123, name: Example Credit Union, core_endpoint: "https://core.example.org:8443/SymXchange" } ]
"#;

const CORE: &str = r#"
runbook: core-api-down-for-institution
title: All core-API requests fail for one institution
for: { institution: required }
steps:
  - do: Tell support what we know so far
    uses: support.tell
    with: { room: support-ff, answer_within: 10m, otherwise: page support }
  - do: Find the root error in the institution's interaction logs
    uses: logs.root_error
    with: { last: 15m }
  - do: Probe the core
    uses: net.probe
    with: { target: "${institution.core_endpoint}" }
  - do: Whose side is it?
    as: decision
    ask: { owner: [ours, vendor], remedy: [restart, vendor_case] }
  - do: Open a vendor case with the evidence
    when: decision.remedy == 'vendor_case'
    uses: vendor.case
  - do: Restart both servers
    when: decision.remedy == 'restart'
    each: [symxchange-http-server, symxchange-rpc-server]
    steps:
      - do: Restart the server
        uses: service.restart
        with: { service: "${item}" }
  - do: Look from two places
    parallel:
      - do: Look at the requests
        uses: service.recovered
      - do: Ask support
        ask: { well: bool }
        as: heard
"#;

fn setup_of(runbook: &str) -> Result<Setup, Vec<String>> {
    let files = [("setup.yaml", SETUP), ("core.yaml", runbook)]
        .map(|(name, text)| SourceFile { name: name.to_owned(), text: text.to_owned() });
    let loaded = load(&files, &NoOutside);
    let words = |d: &crate::setup::diagnostic::Diagnostic| format!("{}:{}: {}", d.line, d.column, d.message);
    loaded.setup.ok_or_else(|| loaded.diagnostics.iter().map(words).collect())
}

fn core() -> Runbook {
    setup_of(CORE).unwrap().runbooks.iter().next().unwrap().clone()
}

/// What is connected, and what each call of it is.
#[derive(Default)]
struct World {
    connected: BTreeSet<&'static str>,
    class: Option<Effect>,
}

impl Surroundings for World {
    fn means(&self, action: &Action, _: &Map<String, Value>) -> Result<Effect, String> {
        let fine = self.connected.contains(action.name) || action.by_hand.is_none();
        if fine { Ok(self.class.unwrap_or(action.effect)) } else { Err("nothing is connected".to_owned()) }
    }
    fn consequences(&self, action: &Action, _: &Map<String, Value>, _: &Map<String, Value>) -> Vec<String> {
        if action.destructive { vec!["interrupts 61 healthy institutions".to_owned()] } else { Vec::new() }
    }
    fn hash(&self, text: &str) -> String {
        format!("{:x}", text.bytes().fold(0_u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte))))
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

struct Play {
    run: Run,
    world: World,
    now: i64,
    acts: Vec<Act>,
    lines: Vec<String>,
}

impl Play {
    fn new(runbook: &Runbook, world: World) -> Self {
        let inputs = json!({ "institution": { "id": "inst-123", "core_endpoint": "https://core.example.org:8443/SymXchange" } });
        let run = runbook.start(RunId::from("run"), inputs.as_object().unwrap().clone(), "ada".to_owned(), at(0));
        let mut play = Self { run, world, now: 0, acts: Vec::new(), lines: Vec::new() };
        play.input(Input::Tick).unwrap();
        play
    }
    fn input(&mut self, input: Input) -> Result<(), String> {
        let fx = self.run.advance(input, &self.world, at(self.now))?;
        self.acts = fx.acts;
        self.lines.extend(fx.lines.iter().map(|line| format!("{} {:?} {}", line.place, line.kind, line.text)));
        Ok(())
    }
    fn step(&self, place: &str) -> usize {
        self.run.steps.iter().position(|step| step.place == place).unwrap()
    }
    fn state(&self, place: &str) -> &StepState {
        &self.run.steps[self.step(place)].state
    }
    fn answer(&mut self, place: &str, values: Value) -> Result<(), String> {
        self.input(Input::Answer { place: place.to_owned(), values: values.as_object().unwrap().clone(), by: "ada".to_owned() })
    }
    fn outcome(&mut self, progress: Progress) -> Result<(), String> {
        let act = self.acts.pop().expect("something is being done");
        self.input(Input::Outcome { place: act.place, attempt: act.attempt, progress })
    }
    fn why(&self, place: &str) -> Why {
        match self.state(place) {
            StepState::Asking { why, .. } => *why,
            other => panic!("step {place} is {other:?}"),
        }
    }
}

fn done(output: Value) -> Progress {
    Progress::Done { output: output.as_object().unwrap().clone() }
}

#[test]
fn a_runbook_of_a_file_of_its_own_is_read_and_written_again() {
    let setup = setup_of(CORE).unwrap();
    assert_eq!(setup.runbooks.len(), 1);
    let files = crate::setup::export::export(&setup);
    let again = load(&files, &NoOutside);
    assert_eq!(again.diagnostics, []);
    assert_eq!(again.setup.unwrap(), setup);
    let kept: Setup = serde_json::from_value(serde_json::to_value(&setup).unwrap()).unwrap();
    assert_eq!(kept, setup);
}

#[test]
fn every_mistake_is_told_where_it_stands() {
    let wrong = r#"
runbook: wrong
for: { institution: sometimes }
steps:
  - do: Probe
    uses: net.prob
  - do: Probe
    uses: net.probe
    with: { target: "${institution.endpoint}", tries: 3 }
  - do: Restart
    uses: service.restart
    with: { service: symxchange-http }
    when: decision.remedy == 'restart'
  - do: Wait
    uses: wait
    with: { for: soon }
  - do: Elsewhere
    uses: net.probe
    as: other
    with: { target: "https://intranet.example.org:22" }
  - do: Text
    uses: support.tell
    with: { text: "for ${institution.name}" }
  - do: Loop
    when: "[1, 2].exists(n, n > 1)"
  - do: ""
    uses: page
"#;
    insta::assert_snapshot!(setup_of(wrong).unwrap_err().join("\n"), @r#"
    3:1: `institution` is `required` or `optional`, not `sometimes`
    6:11: there is no action `net.prob`
    9:21: there is no `endpoint` in `institution`; there is: code, core_endpoint, host, id, name, room, vendor
    9:55: `net.probe` takes no `tries`
    12:22: service `symxchange-http` does not exist; there is: symxchange-http-server, symxchange-rpc-server
    13:11: there is no `decision`; there is: alert, institution, probe
    16:18: `soon` is not a length of time; write for example 90s, 5m, 1h30m, 2d or 1w
    20:21: `https://intranet.example.org:22` is no address of the catalogue; there is: https://core.example.org:8443/SymXchange
    23:19: a reference stands alone and names one value: `"${institution.core_endpoint}"`
    25:12: loops (`all`, `exists`, `map`, `filter`) cannot stand here: use a decision table
    26:9: a step says in a sentence what it does
    27:11: `page` has to be told `team`: Who is paged.
    27:11: `page` has to be told `message`: What they read.
    "#);
}

#[test]
fn with_nothing_connected_people_do_all_of_it() {
    let mut play = Play::new(&core(), World::default());
    assert_eq!(play.why("1"), Why::NotConnected);
    assert_eq!(play.answer("1", json!({})), Err("`told` has to be answered (yes or no)".to_owned()));
    assert_eq!(play.answer("1", json!({ "told": "yes" })), Err("`told` is yes or no".to_owned()));
    assert_eq!(play.answer("2", json!({ "failed": 1 })), Err("step 2 does not wait for an answer".to_owned()));
    play.answer("1", json!({ "told": true, "answered": true, "note": "in #support-ff" })).unwrap();
    assert_eq!(
        play.answer("2", json!({ "root": "sunspots", "failed": 3 })).unwrap_err().split(',').next(),
        Some("`root` is one of connection_refused")
    );
    play.answer("2", json!({ "root": "pool_exhausted", "failed": 214 })).unwrap();
    play.answer("3", json!({ "ok": true })).unwrap();
    play.answer("4", json!({ "owner": "ours", "remedy": "restart" })).unwrap();
    assert!(matches!(play.state("5"), StepState::Skipped { .. }));
    assert_eq!(play.run.steps[play.step("6.1.1")].item, Some(json!("symxchange-http-server")));
    play.answer("6.1.1", json!({ "restarted": true })).unwrap();
    play.answer("6.2.1", json!({ "restarted": true })).unwrap();
    // Both wait at once, and are answered in either order.
    play.answer("7.2", json!({ "well": true })).unwrap();
    assert!(play.run.is_open());
    play.answer("7.1", json!({ "state": "recovered" })).unwrap();
    assert_eq!((play.run.state, play.run.ready_at()), (RunState::Done, None));
    assert!(play.acts.is_empty());
}

#[test]
fn whoever_tells_support_by_hand_starts_its_clock_and_holds_up_nobody() {
    let mut play = Play::new(&core(), World::default());
    play.answer("1", json!({ "told": true, "note": "in #support-ff" })).unwrap();
    let act = play.acts.pop().expect("its clock is looked after");
    assert_eq!(
        (act.action.as_str(), act.call.effect, &act.call.memo["note"]),
        ("support.tell", Effect::Keyed, &json!("in #support-ff"))
    );
    assert_eq!(act.call.memo[super::advance::TOLD_AT], json!(at(0)));
    assert!(matches!(play.state("2"), StepState::Asking { .. }), "{:?}", play.state("2"));
    // Where nobody is to be paged, or where they have not been told, there is no clock.
    for (book, values) in [("", json!({ "told": true })), (", with: { otherwise: page support }", json!({ "told": false }))] {
        let text = format!("runbook: r\nsteps: [ {{ do: Tell, uses: support.tell{book} }} ]");
        let runbook = setup_of(&text).unwrap().runbooks.iter().next().unwrap().clone();
        let mut play = Play::new(&runbook, World::default());
        play.answer("1", values).unwrap();
        assert_eq!(play.run.state, RunState::Done);
    }
}

#[test]
fn a_confirmation_is_for_exactly_one_plan() {
    let runbook =
        setup_of("runbook: r\nsteps: [ { do: Restart, uses: service.restart, with: { service: symxchange-http-server } } ]")
            .unwrap();
    let runbook = runbook.runbooks.iter().next().unwrap().clone();
    let world = || World { connected: ["service.restart"].into(), class: None };
    let mut play = Play::new(&runbook, world());
    let StepState::Confirming { plan, until } = play.state("1").clone() else { panic!("{:?}", play.state("1")) };
    assert_eq!(plan.lines, ["service.restart: service symxchange-http-server", "interrupts 61 healthy institutions"]);
    assert_eq!(until, at(600));
    let confirm = |hash: &str| Input::Confirm { place: "1".to_owned(), hash: hash.to_owned(), by: "ada".to_owned() };
    assert!(play.input(confirm("other")).is_err());
    play.now = 600;
    assert!(play.input(confirm(&plan.hash)).unwrap_err().contains("too late"));
    play.input(Input::Tick).unwrap();
    assert_eq!((play.why("1"), play.acts.len()), (Why::NotConfirmed, 0));

    let mut play = Play::new(&runbook, world());
    play.input(confirm(&plan.hash)).unwrap();
    assert_eq!(play.acts.len(), 1);
    assert!(play.input(confirm(&plan.hash)).is_err(), "twice");

    let mut two = runbook.clone();
    two.steps[0].confirm = Some(Confirm::TwoPerson);
    let mut play = Play::new(&two, world());
    let StepState::Confirming { plan, .. } = play.state("1").clone() else { panic!("{:?}", play.state("1")) };
    assert!(play.input(confirm(&plan.hash)).unwrap_err().contains("somebody else"));
    play.input(Input::Confirm { place: "1".to_owned(), hash: plan.hash, by: "grace".to_owned() }).unwrap();
    assert_eq!(play.acts.len(), 1);
}

/// One step, through a crash between the call and its record.
fn crashed(class: Effect) -> Play {
    let runbook = setup_of(
        "runbook: r\nsteps: [ { do: Look, uses: net.probe, with: { target: \"https://core.example.org:8443/SymXchange\" } } ]",
    )
    .unwrap();
    let mut play =
        Play::new(runbook.runbooks.iter().next().unwrap(), World { connected: ["net.probe"].into(), class: Some(class) });
    assert_eq!((play.acts.len(), play.acts[0].call.again), (1, false));
    play.now = LEASE_S;
    play.input(Input::Tick).unwrap();
    play
}

const LEASE_S: i64 = 90;

#[test]
fn what_a_crash_means_depends_on_the_effect() {
    for class in [Effect::Read, Effect::Idempotent, Effect::Keyed] {
        let mut play = crashed(class);
        assert_eq!((play.acts.len(), play.acts[0].call.again, play.acts[0].attempt), (1, true, 2), "{class:?}");
        assert_eq!(play.acts[0].call.key, "run/1/1", "the same intent");
        // Whoever was lost comes back with an old attempt.
        play.input(Input::Outcome { place: "1".to_owned(), attempt: 1, progress: done(json!({ "ok": false })) }).unwrap();
        assert!(play.run.is_open());
        play.input(Input::Outcome { place: "1".to_owned(), attempt: 2, progress: done(json!({ "ok": true })) }).unwrap();
        assert_eq!(play.run.steps[0].output["ok"], json!(true));
    }
    let mut play = crashed(Effect::Unsafe);
    assert_eq!((play.acts.len(), play.why("1")), (0, Why::Uncertain));
    // Begun again by a person, it is another intent.
    play.input(Input::Retry { place: "1".to_owned(), by: "ada".to_owned() }).unwrap();
    assert_eq!(play.acts[0].call.key, "run/1/2");
}

#[test]
fn what_failed_is_tried_again_and_then_asked() {
    let mut play = crashed(Effect::Keyed);
    let failed = || Progress::Failed { reason: "refused".to_owned(), again: true };
    for pause in [2, 10, 30] {
        play.outcome(failed()).unwrap();
        assert!(play.acts.is_empty());
        play.now += pause;
        play.input(Input::Tick).unwrap();
        assert!(play.acts[0].call.again, "the call before the crash may have arrived");
    }
    play.outcome(failed()).unwrap();
    assert_eq!(play.why("1"), Why::Uncertain);

    let mut play = crashed(Effect::Read);
    play.outcome(Progress::Failed { reason: "no such index".to_owned(), again: false }).unwrap();
    assert_eq!(play.why("1"), Why::Failed);
    assert!(play.input(Input::Skip { place: "1".to_owned(), reason: " ".to_owned(), by: "ada".to_owned() }).is_err());
    play.input(Input::Skip { place: "1".to_owned(), reason: "looked myself".to_owned(), by: "ada".to_owned() }).unwrap();
    assert_eq!(play.run.state, RunState::Done);
}

#[test]
fn waiting_is_looked_at_until_it_takes_too_long() {
    let mut play = crashed(Effect::Read);
    let waits = || Progress::Waiting {
        memo: json!({ "queue": 7 }),
        effect: Effect::Read,
        after_ms: 3_000,
        text: "in the queue".to_owned(),
        choices: Vec::new(),
    };
    play.outcome(waits()).unwrap();
    assert_eq!(play.run.ready_at(), Some(at(LEASE_S + 3)));
    play.now += 3;
    play.input(Input::Tick).unwrap();
    assert_eq!((play.acts[0].call.memo.clone(), play.acts[0].call.again), (json!({ "queue": 7 }), false));
    play.outcome(waits()).unwrap();
    let told = play.lines.iter().filter(|line| line.contains("in the queue")).count();
    assert_eq!(told, 1, "{:?}", play.lines);
    play.now += 120;
    play.input(Input::Tick).unwrap();
    assert_eq!(play.why("1"), Why::Failed);
}

#[test]
fn a_person_can_choose_what_goes_on() {
    let mut play = crashed(Effect::Keyed);
    let cancel = Choice { id: "cancel".to_owned(), text: "Take it out of the queue".to_owned() };
    play.outcome(Progress::Waiting {
        memo: json!({ "queue": 7 }),
        effect: Effect::Idempotent,
        after_ms: 3_000,
        text: "in the queue for 5 minutes".to_owned(),
        choices: vec![cancel],
    })
    .unwrap();
    assert_eq!(play.run.open_asks().count(), 1);
    let choose = |choice: &str| Input::Choose { place: "1".to_owned(), choice: choice.to_owned(), by: "ada".to_owned() };
    assert!(play.input(choose("burn")).unwrap_err().contains("there is cancel"));
    play.input(choose("cancel")).unwrap();
    assert_eq!(play.acts[0].call.choice.as_deref(), Some("cancel"));
    assert_eq!((play.acts[0].call.effect, play.run.open_asks().count()), (Effect::Idempotent, 0));
    assert!(play.input(choose("cancel")).is_err());
}

#[test]
fn a_case_that_the_vendor_has_got_is_one_though_the_run_has_ended_meanwhile() {
    let text = "runbook: r\nfor: { institution: required }\nsteps:\n  - { do: Case, uses: vendor.case }";
    let case = |play: &Play| {
        let setup = Setup::default();
        crate::case::Case::of_step("c".into(), &play.run, "1", &setup, at(9)).is_some()
    };
    let sent = Progress::Waiting {
        memo: json!({ crate::case::SENT: at(5) }),
        effect: Effect::Read,
        after_ms: 1_000,
        text: "written to them".to_owned(),
        choices: Vec::new(),
    };
    for (progress, is_one) in [
        (done(json!({ "number": "CS-1" })), true),
        (sent, true),
        (Progress::Uncertain { reason: "no answer".to_owned() }, false),
        (Progress::Failed { reason: "refused".to_owned(), again: true }, false),
    ] {
        let runbook = setup_of(text).unwrap();
        let world = World { connected: ["vendor.case"].into(), class: Some(Effect::Unsafe) };
        let mut play = Play::new(runbook.runbooks.iter().next().unwrap(), world);
        let acts = play.acts.clone();
        play.input(Input::Cancel { reason: "it works again".to_owned(), by: "ada".to_owned() }).unwrap();
        assert!(!case(&play));
        play.acts = acts;
        play.outcome(progress).unwrap();
        assert_eq!((play.run.state, case(&play)), (RunState::Cancelled, is_one), "{:?}", play.lines);
        assert_eq!((play.run.ready_at(), play.acts.len()), (None, 0), "nothing follows from it");
        assert!(play.lines.len() > 3, "{:?}", play.lines);
    }
}

#[test]
fn a_run_does_not_join_another_while_it_does_what_would_be_done_twice() {
    let text = |uses: &str| format!("runbook: r\nfor: {{ institution: required }}\nsteps:\n  - {{ do: It, uses: {uses} }}");
    let restart = "service.restart, with: { service: symxchange-http-server }";
    for (uses, may) in [("vendor.case", false), (restart, false), ("support.tell, with: { room: ff }", true)] {
        let runbook = setup_of(&text(uses)).unwrap();
        let world = World { connected: ["vendor.case", "service.restart", "support.tell"].into(), class: Some(Effect::Keyed) };
        let mut play = Play::new(runbook.runbooks.iter().next().unwrap(), world);
        if let StepState::Confirming { plan, .. } = &play.run.steps[0].state {
            let hash = plan.hash.clone();
            play.input(Input::Confirm { place: "1".to_owned(), hash, by: "ada".to_owned() }).unwrap();
        }
        assert!(matches!(play.run.steps[0].state, StepState::Doing { .. }));
        let joined = play.input(Input::GoOnIn(RunId::from("fleet")));
        assert_eq!((joined.is_ok(), play.run.is_open()), (may, !may), "{uses}: {joined:?}");
    }
}

#[test]
fn of_two_that_ask_at_once_the_second_is_told_when_the_first_is_over() {
    let text = "runbook: r\nsteps:\n  - do: Both\n    parallel:\n      - { do: First, ask: { a: bool } }\n      - { do: Second, ask: { b: bool } }";
    let runbook = setup_of(text).unwrap();
    let runbook = runbook.runbooks.iter().next().unwrap();
    let world = World::default();
    let mut run = runbook.start(RunId::from("run"), Map::new(), "ada".to_owned(), at(0));
    assert_eq!(run.advance(Input::Tick, &world, at(0)).unwrap().ask.as_deref(), Some("First"));
    let answer = |place: &str, name: &str| Input::Answer {
        place: place.to_owned(),
        values: json!({ name: true }).as_object().unwrap().clone(),
        by: "ada".to_owned(),
    };
    let mut other = run.clone();
    assert_eq!(other.advance(answer("1.2", "b"), &world, at(1)).unwrap().ask, None, "of the first they know");
    assert_eq!(run.advance(answer("1.1", "a"), &world, at(1)).unwrap().ask.as_deref(), Some("Second"));
    assert_eq!(run.advance(answer("1.2", "b"), &world, at(2)).unwrap().ask, None);
    assert_eq!(run.state, RunState::Done);
}

#[test]
fn a_condition_that_cannot_be_told_asks() {
    let text = "runbook: r\nsteps:\n  - { do: Look, uses: net.probe, with: { target: \"https://core.example.org:8443/SymXchange\" } }\n  - { do: Case, uses: vendor.case, when: probe.ok }";
    let runbook = setup_of(text).unwrap();
    let mut play = Play::new(runbook.runbooks.iter().next().unwrap(), World::default());
    play.input(Input::Skip { place: "1".to_owned(), reason: "no way in".to_owned(), by: "ada".to_owned() }).unwrap();
    assert_eq!(play.why("2"), Why::Unknown);
}

#[test]
fn a_run_ends_at_its_deadline_and_when_it_is_cancelled() {
    let mut play = Play::new(&core(), World::default());
    play.now = 8 * 3_600;
    assert_eq!(play.run.ready_at(), Some(at(play.now)));
    play.input(Input::Tick).unwrap();
    assert_eq!(play.run.state, RunState::Overdue);
    assert!(play.answer("1", json!({ "told": true })).unwrap_err().contains("over"));

    let mut play = crashed(Effect::Keyed);
    play.input(Input::Cancel { reason: "false alarm".to_owned(), by: "ada".to_owned() }).unwrap();
    assert_eq!(play.run.reason, "false alarm; still under way outside: 1 Look");
    play.input(Input::Outcome { place: "1".to_owned(), attempt: 2, progress: done(json!({})) }).unwrap();
    assert_eq!(play.run.state, RunState::Cancelled);
}

#[test]
fn a_runbook_can_be_done_within_another_one() {
    let inner = "runbook: both\nsteps:\n  - { do: Ask, ask: { ok: bool }, as: asked }\n  - do: Each\n    each: [http, rpc]\n    steps:\n      - { do: Restart, uses: wait, with: { for: 5s } }\n";
    let outer =
        "runbook: outer\nsteps:\n  - { do: Both, runbook: both }\n  - { do: Never, runbook: both, when: asked.ok == false }\n";
    let files = [("setup.yaml", SETUP), ("a.yaml", inner), ("b.yaml", outer)]
        .map(|(name, text)| SourceFile { name: name.to_owned(), text: text.to_owned() });
    let loaded = load(&files, &NoOutside);
    let setup = loaded.setup.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
    let mut play = Play::new(&setup.runbook("outer").unwrap(), World::default());
    play.answer("1.1.1", json!({ "ok": true })).unwrap();
    assert_eq!(play.run.at("1.1.2.1.1").map(|at| play.run.steps[at].item.clone()), Some(Some(json!("http"))));
    for _ in 0..2 {
        play.outcome(done(json!({}))).unwrap();
    }
    assert_eq!(play.run.state, RunState::Done);
    assert!(
        matches!(play.run.steps.last().unwrap().state, StepState::Skipped { .. }),
        "its condition is that of all of its steps"
    );

    let says = |book: &str, text: &str| {
        let mistakes = setup_of(&format!("runbook: a\nsteps:\n  - {{ do: It, runbook: {book} }}\n")).unwrap_err();
        assert!(mistakes.iter().any(|mistake| mistake.contains(text)), "{mistakes:?}");
    };
    says("a", "within itself");
    says("nothing", "nothing");
}

#[test]
fn fixtures_tell_the_way() {
    let fixture = |remedy: &str, path: &[&str]| Fixture {
        name: remedy.to_owned(),
        inputs: json!({ "institution": { "id": "inst-123", "core_endpoint": "https://core" } }).as_object().unwrap().clone(),
        outputs: serde_json::from_value(json!({
            "support": { "told": true }, "causes": { "root": "pool_exhausted", "failed": 3 }, "probe": { "ok": true },
            "decision": { "owner": "ours", "remedy": remedy }, "case": { "number": "7" }, "restart": { "restarted": true },
            "recovered": { "state": "recovered" }, "heard": { "well": true },
        }))
        .unwrap(),
        path: path.iter().map(|step| (*step).to_owned()).collect(),
    };
    let begin = ["1 support.tell", "2 logs.root_error", "3 net.probe", "4 ask"];
    let end = ["7.1 service.recovered", "7.2 ask"];
    let restart = ["6.1.1 service.restart", "6.2.1 service.restart"];
    let way = |middle: &[&'static str]| begin.iter().chain(middle).chain(&end).copied().collect::<Vec<_>>();
    assert_eq!(play(&core(), &fixture("restart", &way(&restart))), Ok(()));
    assert_eq!(play(&core(), &fixture("vendor_case", &way(&["5 vendor.case"]))), Ok(()));
    let wrong = play(&core(), &fixture("vendor_case", &way(&restart))).unwrap_err();
    assert_eq!(wrong, "after 4 steps `6.1.1 service.restart` was expected, and `5 vendor.case` came");
}

proptest! {
    /// Whatever happens: an open run always has somebody or some time to wait for, nothing is called without its intent, and of one
    /// intent that is unsafe there is one call.
    #[test]
    fn a_run_never_hangs(seed in proptest::collection::vec((0_u8..9, 0_usize..9, 0_i64..700), 1..80), class in 0_usize..4) {
        let class = [Effect::Read, Effect::Idempotent, Effect::Keyed, Effect::Unsafe][class];
        let connected = ["logs.root_error", "service.restart", "vendor.case", "service.recovered"].into();
        let mut play = Play::new(&core(), World { connected, class: Some(class) });
        let calls: RefCell<BTreeSet<String>> = RefCell::default();
        let mut open: Vec<Act> = play.acts.clone();
        for (what, which, pass) in seed {
            play.now += pass;
            let step = which % play.run.steps.len();
            let place = play.run.steps[step].place.clone();
            let by = || "ada".to_owned();
            let values = json!({ "told": true, "root": "tls", "failed": 1, "ok": true, "owner": "ours", "remedy": "restart", "number": "1",
                "restarted": true, "state": "recovered", "well": true });
            let asked: BTreeSet<String> = play.run.steps[step].questions().into_iter().map(|q| q.name).collect();
            let values: Map<String, Value> = values.as_object().unwrap().clone().into_iter().filter(|(name, _)| asked.contains(name)).collect();
            let watch = Watching { kind: SequelKind::Watch, memo: json!(which), until: at(play.now + 600), after_ms: 1_000, text: String::new() };
            let progress = |n: usize| match n % 7 {
                4 => Progress::Watch { output: Map::new(), watch: watch.clone() },
                5 => Progress::Watch { output: Map::new(), watch: Watching { kind: SequelKind::Tell, ..watch.clone() } },
                0 => Progress::Done { output: Map::new() },
                1 => Progress::Waiting { memo: json!(n), effect: class, after_ms: 1_000, text: String::new(), choices: Vec::new() },
                2 => Progress::Failed { reason: "x".to_owned(), again: true },
                3 => Progress::Uncertain { reason: "x".to_owned() },
                _ => Progress::NotConnected { reason: "x".to_owned() },
            };
            let hash = match &play.run.steps[step].state { StepState::Confirming { plan, .. } => plan.hash.clone(), _ => String::new() };
            let input = match what {
                0 | 1 => Input::Tick,
                2 => Input::Answer { place, values, by: by() },
                3 => Input::Confirm { place, hash, by: by() },
                4 => Input::Decline { place, reason: "no".to_owned(), by: by() },
                5 => Input::Skip { place, reason: "no".to_owned(), by: by() },
                6 => Input::Retry { place, by: by() },
                _ => match open.pop() {
                    Some(act) => Input::Outcome { place: act.place, attempt: act.attempt, progress: progress(which) },
                    None => Input::Tick,
                },
            };
            let _ = play.input(input);
            for act in &play.acts {
                let step = &play.run.steps[play.step(&act.place)];
                let doing = matches!(&step.state, StepState::Doing { call, .. } if *call == act.call);
                let after = step.going().is_some_and(|going| going.call == act.call && going.calling == Some(act.attempt));
                prop_assert!(doing || after, "called without intent");
                if act.call.choice.is_some() {
                    // It takes back, and asks for nothing.
                    continue;
                }
                let first = calls.borrow_mut().insert(format!("{} {}", act.call.key, act.call.memo));
                prop_assert!(first || act.call.effect != Effect::Unsafe || !act.call.again && act.call.memo != Value::Null, "an unsafe call was repeated: {act:?}");
            }
            open.append(&mut play.acts);
            prop_assert!(play.run.sequels().next().is_none() || play.run.ready_at().is_some(), "nobody looks at what goes on");
            if play.run.is_open() {
                prop_assert!(play.run.ready_at().is_some());
                let waits = |s: &RunStep| !matches!(s.state, StepState::Pending) && !s.is_over();
                prop_assert!(play.run.is_taking_back() || play.run.steps.iter().any(waits), "nothing and nobody is waited for");
            }
        }
    }
}
