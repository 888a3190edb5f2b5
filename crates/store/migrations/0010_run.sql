-- Executions of runbooks, and what happened in them.
CREATE TABLE run (
    id TEXT NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL,
    runbook TEXT NOT NULL,
    state TEXT NOT NULL,
    -- One open run per subject: whoever starts it a second time joins it.
    subject TEXT NOT NULL,
    alert_id TEXT,
    -- When to look at it next (or the end of a lease); none: it is over.
    ready_at BIGINT,
    -- When people are to be told that it waits for them; none: they have been.
    tell_at BIGINT,
    started_at BIGINT NOT NULL,
    ended_at BIGINT,
    body TEXT NOT NULL
);
CREATE UNIQUE INDEX run_open ON run (subject) WHERE ended_at IS NULL;
CREATE INDEX run_ready ON run (ready_at) WHERE ready_at IS NOT NULL;
CREATE INDEX run_tell ON run (tell_at) WHERE tell_at IS NOT NULL;
CREATE INDEX run_started ON run (started_at, id);
CREATE INDEX run_alert ON run (alert_id) WHERE alert_id IS NOT NULL;
CREATE INDEX run_ended ON run (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE run_line (
    run_id TEXT NOT NULL,
    -- Grows within a run, with gaps: what has been read up to a number is never added to below it.
    seq BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (run_id, seq)
) {CLUSTERED};

-- Alerts of a run beside the one that began it.
CREATE TABLE run_member (
    alert_id TEXT NOT NULL,
    run_id TEXT NOT NULL,
    PRIMARY KEY (alert_id, run_id)
) {CLUSTERED};
CREATE INDEX run_member_run ON run_member (run_id);

-- Who may interrupt a service now: one step of one run. Whether it still does stands in that run.
CREATE TABLE hold (
    service_id TEXT NOT NULL PRIMARY KEY,
    run_id TEXT NOT NULL,
    place TEXT NOT NULL,
    -- The step's key: beginning it once more is another holder.
    call_key TEXT NOT NULL
) {CLUSTERED};
