//! Words of fixed sets, for the schemas: the types themselves live in crates that know nothing of OpenAPI.

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($word:ident),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(utoipa::ToSchema)]
        #[allow(dead_code, reason = "a schema only")]
        #[schema(rename_all = "snake_case")]
        pub enum $name { $($word),+ }
    )+};
}

words! {
    State { Triggered, Acknowledged, Resolved }
    /// High disturbs at any hour; low waits for waking hours.
    Urgency { High, Low }
    Severity { Critical, Error, Warning, Info }
    Channel { Email, Webhook, Push }
    /// What happened.
    EntryKind {
        Triggered, Paged, Notified, Skipped, Held, Released, Acknowledged, Unacknowledged, AckExpired, Snoozed, SnoozeEnded,
        Escalated, Reassigned, CatchAll, Resolved, Note, Event,
    }
    /// What the engine does next about an alert.
    NextKind { Page, Release, AckExpires, SnoozeEnds }
    /// What resolved an alert.
    Resolved { Source, Person, SourceQuiet }
    CoverState { Open, Taken, Cancelled }
    CaseState { Open, Closed }
    FailureKind { None, Person, Channel }
    RunState { Running, Done, Overdue, Cancelled, Joined, Watching }
    /// What goes on after a step.
    SequelKind { Watch, Tell, TakeBack }
    StepState { Pending, Asking, Confirming, Doing, Waiting, Done, Skipped }
    /// Why a person is asked.
    Why { Instruction, NotConnected, Failed, Uncertain, Unknown, NotConfirmed }
    /// What happened in a run.
    LineKind { Started, Begun, Progress, Done, Skipped, Failed, Uncertain, Asked, Answered, Confirmed, Declined, Retried, Joined, Ended }
    AskedKind { Text, Number, Bool, Words }
    Effect { Read, Idempotent, Keyed, Unsafe }
    /// What the catalogue does not say of a service.
    Lack { Restart, Instances, Deploys, Key, Links }
    /// Of a finding in a setup.
    Level { Error, Warning }
}
