use super::*;
use crate::id::RunId;
use crate::runbook::Runbook;
use crate::runbook::actions::{Action, Effect};
use serde_json::json;

struct Stage;

impl Surroundings for Stage {
    fn means(&self, action: &Action, _: &Map<String, Value>) -> Result<Effect, String> {
        Ok(action.effect)
    }
    fn consequences(&self, _: &Action, _: &Map<String, Value>, _: &Map<String, Value>) -> Vec<String> {
        Vec::new()
    }
    fn hash(&self, text: &str) -> String {
        text.to_owned()
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

/// A run of one step, and its first call.
fn begin(step: Value) -> (Run, Act) {
    let runbook: Runbook = serde_json::from_value(json!({ "runbook": "one", "steps": [step] })).unwrap();
    let mut run = runbook.start(RunId::from("run"), Map::new(), "ada".to_owned(), at(0));
    let mut acts = run.advance(Input::Tick, &Stage, at(0)).unwrap().acts;
    if let StepState::Confirming { plan, .. } = &run.steps[0].state {
        let input = Input::Confirm { place: "1".to_owned(), hash: plan.hash.clone(), by: "grace".to_owned() };
        acts = run.advance(input, &Stage, at(0)).unwrap().acts;
    }
    let act = acts.pop().expect("it is called");
    (run, act)
}

fn watched() -> (Run, Act) {
    let (mut run, act) = begin(json!({ "do": "Check", "uses": "service.recovered" }));
    let output = json!({ "state": "unverified" }).as_object().unwrap().clone();
    let watch = Watching {
        kind: SequelKind::Watch,
        memo: json!(1),
        until: at(3_600),
        after_ms: 60_000,
        text: "too little traffic".to_owned(),
    };
    let fx = run.advance(outcome(&act, Progress::Watch { output, watch }), &Stage, at(1)).unwrap();
    assert!(fx.ask.is_some(), "the person is told");
    (run, act)
}

fn outcome(act: &Act, progress: Progress) -> Input {
    Input::Outcome { place: act.place.clone(), attempt: act.attempt, progress }
}

fn waiting(memo: Value) -> Progress {
    Progress::Waiting { memo, effect: Effect::Read, after_ms: 60_000, text: "looking".to_owned(), choices: Vec::new() }
}

fn restart() -> (Run, Act) {
    begin(json!({ "do": "Restart", "uses": "service.restart", "with": { "service": "shop" } }))
}

fn cancel(run: &mut Run, seconds: i64) -> Effects {
    run.advance(Input::Cancel { reason: "enough".to_owned(), by: "ada".to_owned() }, &Stage, at(seconds)).unwrap()
}

#[test]
fn what_is_unverified_is_watched_in_nobodys_way() {
    let (mut run, _) = watched();
    assert_eq!((run.state, run.is_open(), run.ended_at), (RunState::Watching, false, Some(at(1))));
    assert_eq!((run.ready_at(), run.watched_until()), (Some(at(61)), Some(at(3_600))));
    assert!(!run.is_interrupting() && run.steps[0].is_over());
    let act = run.advance(Input::Tick, &Stage, at(61)).unwrap().acts.pop().unwrap();
    assert_eq!((&act.call.memo, act.attempt), (&json!(1), 2));
    // Its figures cannot be had: it goes on, and is not told again and again.
    let fx =
        run.advance(outcome(&act, Progress::Failed { reason: "no answer".to_owned(), again: false }), &Stage, at(62)).unwrap();
    assert_eq!(fx.lines.len(), 1);
    let act = run.advance(Input::Tick, &Stage, at(64)).unwrap().acts.pop().unwrap();
    let fx =
        run.advance(outcome(&act, Progress::Failed { reason: "no answer".to_owned(), again: false }), &Stage, at(65)).unwrap();
    assert!(fx.lines.is_empty() && run.state == RunState::Watching);
    let act = run.advance(Input::Tick, &Stage, at(75)).unwrap().acts.pop().unwrap();
    let found = json!({ "state": "recovered", "text": "0 of 9 failed" }).as_object().unwrap().clone();
    let fx = run.advance(outcome(&act, Progress::Done { output: found }), &Stage, at(76)).unwrap();
    assert_eq!(fx.lines[0].text, "recovered: 0 of 9 failed");
    assert_eq!((run.state, run.ready_at(), run.ended_at), (RunState::Done, None, Some(at(1))));
    assert_eq!(run.steps[0].output["state"], "recovered");
}

#[test]
fn a_watch_ends_whatever_happens_and_by_a_person_with_a_reason() {
    let (mut run, _) = watched();
    let skip = |reason: &str| Input::Skip { place: "1".to_owned(), reason: reason.to_owned(), by: "ada".to_owned() };
    assert!(run.advance(skip(" "), &Stage, at(9)).unwrap_err().contains("say why"));
    let fx = run.clone().advance(skip("seen to"), &Stage, at(9)).unwrap();
    assert_eq!((fx.lines[0].text.as_str(), fx.lines[0].by.as_deref()), ("not watched any more: seen to", Some("ada")));
    assert!(run.clone().advance(Input::Retry { place: "1".to_owned(), by: "ada".to_owned() }, &Stage, at(9)).is_err());
    let mut cancelled = run.clone();
    cancel(&mut cancelled, 9);
    assert_eq!((cancelled.state, cancelled.ready_at()), (RunState::Done, None));
    // Nobody who could look is there until long after its end.
    let fx = run.advance(Input::Tick, &Stage, at(3_600 + 901)).unwrap();
    assert!(fx.acts.is_empty() && fx.lines[0].text.contains("nobody was paged"), "{fx:?}");
    assert_eq!((run.state, run.ready_at()), (RunState::Done, None));
}

#[test]
fn whoever_was_told_is_told_how_the_watch_ended() {
    let tell = json!({ "do": "Tell", "uses": "support.tell", "with": { "room": "ff" } });
    let check = json!({ "do": "Check", "uses": "service.recovered" });
    let runbook: Runbook = serde_json::from_value(json!({ "runbook": "two", "steps": [tell, check] })).unwrap();
    let mut run = runbook.start(RunId::from("run"), Map::new(), "ada".to_owned(), at(0));
    let acts = run.advance(Input::Tick, &Stage, at(0)).unwrap().acts;
    let [told, checked] = &acts[..] else { panic!("it is told beside the rest: {acts:?}") };
    run.advance(outcome(told, waiting(json!({ "ts": 1 }))), &Stage, at(1)).unwrap();
    let watch = |kind, until| Watching { kind, memo: json!(1), until: at(until), after_ms: 60_000, text: "it".to_owned() };
    let output = Map::new;
    run.advance(outcome(checked, Progress::Watch { output: output(), watch: watch(SequelKind::Watch, 3_600) }), &Stage, at(2))
        .unwrap();
    assert!(run.is_open(), "they may still answer");
    let told = run.advance(Input::Tick, &Stage, at(61)).unwrap().acts.into_iter().find(|act| act.place == "1").unwrap();
    let tell = Progress::Watch { output: output(), watch: watch(SequelKind::Tell, 7_200) };
    // The watch may end while the call goes on that would be told of its end.
    let mut late = run.clone();
    let looks = late.advance(Input::Tick, &Stage, at(62)).unwrap().acts.pop().unwrap();
    late.advance(outcome(&looks, done_as("recovered")), &Stage, at(63)).unwrap();
    late.advance(outcome(&told, tell.clone()), &Stage, at(64)).unwrap();
    assert_eq!(late.ready_at(), Some(at(64)), "it is told at once, and not an hour after the watch would have ended");
    let fx = run.advance(outcome(&told, tell), &Stage, at(62)).unwrap();
    assert!(fx.ask.is_none() && run.state == RunState::Watching, "{fx:?}");
    assert_eq!(run.watched_until(), Some(at(3_600)));
    // Nothing is looked at for it until the watch is over, however that ends.
    let mut ended = run.clone();
    cancel(&mut ended, 70);
    assert_eq!((ended.state, ended.ready_at()), (RunState::Watching, Some(at(70))));
    let acts = run.advance(Input::Tick, &Stage, at(122)).unwrap().acts;
    assert_eq!(acts.iter().map(|act| act.place.as_str()).collect::<Vec<_>>(), ["2"]);
    run.advance(outcome(&acts[0], done_as("recovered")), &Stage, at(123)).unwrap();
    assert_eq!((run.state, run.ready_at()), (RunState::Watching, Some(at(123))));
    let act = run.advance(Input::Tick, &Stage, at(123)).unwrap().acts.pop().unwrap();
    assert_eq!((act.place.as_str(), &act.call.key, act.call.effect), ("1", &told.call.key, Effect::Keyed));
    run.advance(outcome(&act, done_as("")), &Stage, at(124)).unwrap();
    assert_eq!((run.state, run.ready_at()), (RunState::Done, None));
}

#[test]
fn whoever_was_told_is_told_that_a_run_has_ended_before_its_time() {
    let tell = json!({ "do": "Tell", "uses": "support.tell", "with": { "room": "ff" } });
    let runbook: Runbook = serde_json::from_value(json!({ "runbook": "two", "steps": [tell, { "do": "Look" }] })).unwrap();
    let mut run = runbook.start(RunId::from("run"), Map::new(), "ada".to_owned(), at(0));
    let act = run.advance(Input::Tick, &Stage, at(0)).unwrap().acts.pop().unwrap();
    // Whoever is at it says first where they were told.
    let mut early = run.clone();
    assert!(cancel(&mut early, 1).acts.is_empty());
    let fx = early.advance(outcome(&act, waiting(json!({ "ts": 1 }))), &Stage, at(2)).unwrap();
    assert!(fx.acts.is_empty() && early.ready_at().is_some());
    run.advance(outcome(&act, waiting(json!({ "ts": 1 }))), &Stage, at(1)).unwrap();
    let act = cancel(&mut run, 9).acts.pop().unwrap();
    assert_eq!((act.place.as_str(), &act.call.memo, &act.call.choice), ("1", &json!({ "ts": 1 }), &None));
    run.advance(outcome(&act, done_as("")), &Stage, at(10)).unwrap();
    assert_eq!((run.state, run.ready_at()), (RunState::Cancelled, None));
}

#[test]
fn a_deadline_ends_no_watch_and_its_end_is_told_as_well() {
    let tell = json!({ "do": "Tell", "uses": "support.tell", "with": { "room": "ff" } });
    let steps = json!([tell, { "do": "Check", "uses": "service.recovered" }, { "do": "Look" }]);
    let runbook: Runbook = serde_json::from_value(json!({ "runbook": "two", "steps": steps })).unwrap();
    let mut run = runbook.start(RunId::from("run"), Map::new(), "ada".to_owned(), at(0));
    let acts = run.advance(Input::Tick, &Stage, at(0)).unwrap().acts;
    let [told, checked] = &acts[..] else { panic!("it is told beside the rest: {acts:?}") };
    let hours = |n: i64| at(n * 3_600);
    run.advance(
        outcome(
            told,
            Progress::Waiting {
                memo: json!(1),
                effect: Effect::Keyed,
                after_ms: 300_000,
                text: String::new(),
                choices: Vec::new(),
            },
        ),
        &Stage,
        at(1),
    )
    .unwrap();
    let watch =
        Watching { kind: SequelKind::Watch, memo: json!(1), until: hours(20), after_ms: 19 * 3_600_000, text: "it".to_owned() };
    run.advance(outcome(checked, Progress::Watch { output: Map::new(), watch }), &Stage, at(2)).unwrap();
    let act = run.advance(Input::Tick, &Stage, run.deadline).unwrap().acts.pop().unwrap();
    assert_eq!((run.state, act.place.as_str()), (RunState::Overdue, "1"), "that it was not finished in time");
    let rests = Progress::Waiting {
        memo: json!(2),
        effect: Effect::Keyed,
        after_ms: 20 * 3_600_000,
        text: String::new(),
        choices: Vec::new(),
    };
    run.advance(outcome(&act, rests), &Stage, run.deadline).unwrap();
    let look = run.advance(Input::Tick, &Stage, hours(20)).unwrap().acts.pop().unwrap();
    assert_eq!(look.place, "2");
    run.advance(outcome(&look, done_as("recovered")), &Stage, hours(20)).unwrap();
    let act = run.advance(Input::Tick, &Stage, hours(20)).unwrap().acts.pop().expect("they are told of the watch");
    assert_eq!((act.place.as_str(), &act.call.memo), ("1", &json!(2)));
    run.advance(outcome(&act, done_as("")), &Stage, hours(20)).unwrap();
    assert_eq!((run.state, run.ready_at()), (RunState::Overdue, None));
}

#[test]
fn a_look_that_is_lost_is_taken_up_again() {
    let (mut run, _) = watched();
    let lost = run.advance(Input::Tick, &Stage, at(61)).unwrap().acts.pop().unwrap();
    let act = run.advance(Input::Lost, &Stage, at(62)).unwrap().acts.pop().unwrap();
    assert!(act.call.again && act.call.key == lost.call.key && act.attempt > lost.attempt);
    // Whatever comes of the one that was lost is late.
    run.advance(outcome(&lost, done_as("failing")), &Stage, at(63)).unwrap();
    assert_eq!(run.state, RunState::Watching);
    run.advance(outcome(&act, done_as("recovered")), &Stage, at(64)).unwrap();
    assert_eq!(run.state, RunState::Done);
}

fn done_as(state: &str) -> Progress {
    Progress::Done { output: json!({ "state": state }).as_object().unwrap().clone() }
}

#[test]
fn what_waits_outside_is_taken_back_when_the_run_is_cancelled() {
    let (mut run, act) = restart();
    run.advance(outcome(&act, waiting(json!("queued"))), &Stage, at(1)).unwrap();
    let act = cancel(&mut run, 2).acts.pop().unwrap();
    assert_eq!((act.call.choice.as_deref(), &act.call.memo), (Some(TAKE_BACK), &json!("queued")));
    assert_eq!(run.state, RunState::Cancelled);
    assert!(run.is_interrupting(), "until it is certain");
    // Firedog dies, and looks again.
    let again = run.advance(Input::Lost, &Stage, at(3)).unwrap().acts.pop().unwrap();
    assert_eq!((again.call.choice.as_deref(), again.call.again), (Some(TAKE_BACK), true));
    let fx = run.advance(
        outcome(&again, Progress::Done { output: json!({ "text": "taken out" }).as_object().unwrap().clone() }),
        &Stage,
        at(4),
    );
    assert_eq!(fx.unwrap().lines[0].text, "taken out");
    assert_eq!((run.state, run.ready_at(), run.is_interrupting()), (RunState::Cancelled, None, false));
}

#[test]
fn what_is_being_asked_for_when_the_run_is_cancelled_says_first_what_has_come_of_it() {
    let (mut run, act) = restart();
    assert!(cancel(&mut run, 1).acts.is_empty());
    let mut lost = run.clone();
    let back = run.advance(outcome(&act, waiting(json!("queued"))), &Stage, at(2)).unwrap().acts.pop().unwrap();
    assert_eq!((back.call.choice.as_deref(), &back.call.memo, back.call.again), (Some(TAKE_BACK), &json!("queued"), false));
    // It never says anything: it may have arrived.
    let back = lost.advance(Input::Tick, &Stage, at(120)).unwrap().acts.pop().unwrap();
    assert_eq!((back.call.choice.as_deref(), back.call.again), (Some(TAKE_BACK), true));
}

#[test]
fn skipped_and_done_by_hand_are_taken_back_before_the_run_ends() {
    let skip = Input::Skip { place: "1".to_owned(), reason: "not needed".to_owned(), by: "ada".to_owned() };
    let values = json!({ "restarted": true }).as_object().unwrap().clone();
    let answer = Input::Answer { place: "1".to_owned(), values, by: "ada".to_owned() };
    for input in [skip, answer] {
        let (mut run, act) = restart();
        run.advance(outcome(&act, waiting(json!("queued"))), &Stage, at(1)).unwrap();
        run.advance(input, &Stage, at(2)).unwrap();
        assert!(run.is_open() && run.is_interrupting());
        let retry = run.clone().advance(Input::Retry { place: "1".to_owned(), by: "ada".to_owned() }, &Stage, at(2));
        assert!(retry.unwrap_err().contains("being taken back"));
        let back = run.advance(Input::Tick, &Stage, at(2)).unwrap().acts.pop().unwrap();
        run.advance(outcome(&back, Progress::Done { output: Map::new() }), &Stage, at(3)).unwrap();
        assert_eq!((run.state, run.ready_at()), (RunState::Done, None));
    }
}
