-- Times are unix microseconds. Ids are UUIDv7 or the setup's slugs. JSON stands in TEXT.
-- Fragments that differ between the engines: {BYTES}, {CLUSTERED} (the primary key is the table).

-- Which setup and which live data are in force.
CREATE TABLE head (
    name TEXT NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL
);
INSERT INTO head (name, version) VALUES ('setup', 0), ('live', 0);

CREATE TABLE meta (
    key TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE setup (
    version BIGINT NOT NULL PRIMARY KEY,
    created_at BIGINT NOT NULL,
    author TEXT NOT NULL,
    body TEXT NOT NULL,
    digest TEXT NOT NULL
);

CREATE TABLE override_live (
    id TEXT NOT NULL PRIMARY KEY,
    schedule TEXT NOT NULL,
    from_at BIGINT NOT NULL,
    until_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    ended_at BIGINT,
    body TEXT NOT NULL
);
CREATE INDEX override_live_until ON override_live (until_at);

CREATE TABLE silence (
    id TEXT NOT NULL PRIMARY KEY,
    from_at BIGINT NOT NULL,
    until_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    ended_at BIGINT,
    body TEXT NOT NULL
);
CREATE INDEX silence_until ON silence (until_at);

CREATE TABLE maintenance (
    id TEXT NOT NULL PRIMARY KEY,
    until_at BIGINT,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    ended_at BIGINT,
    body TEXT NOT NULL
);
CREATE INDEX maintenance_until ON maintenance (until_at);

CREATE TABLE alert (
    id TEXT NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL,
    service TEXT,
    integration TEXT,
    dedup_key TEXT NOT NULL,
    open BOOLEAN NOT NULL,
    state TEXT NOT NULL,
    urgency TEXT NOT NULL,
    severity TEXT NOT NULL,
    summary TEXT NOT NULL,
    source TEXT,
    labels TEXT NOT NULL,
    count BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    acknowledged_by TEXT,
    resolved_at BIGINT,
    resolved_because TEXT,
    policy TEXT NOT NULL,
    setup_version BIGINT NOT NULL,
    pass BIGINT NOT NULL,
    step BIGINT NOT NULL,
    next_at BIGINT,
    next_kind TEXT,
    quiet_at BIGINT,
    started_at BIGINT,
    pages BIGINT NOT NULL,
    follows TEXT,
    -- Due time, or the end of the lease once claimed; the claims' only condition.
    ready_at BIGINT
);
CREATE UNIQUE INDEX alert_open_key ON alert (service, dedup_key) WHERE open;
CREATE INDEX alert_open_integration ON alert (integration, dedup_key) WHERE open;
CREATE INDEX alert_open_created ON alert (created_at, id) WHERE open;
CREATE INDEX alert_open_follows ON alert (follows) WHERE open AND follows IS NOT NULL;
CREATE INDEX alert_closed_key ON alert (service, dedup_key, resolved_at) WHERE NOT open;
CREATE INDEX alert_created ON alert (created_at, id);
CREATE INDEX alert_service ON alert (service, created_at, id);
CREATE INDEX alert_ready ON alert (urgency, ready_at) WHERE ready_at IS NOT NULL;
-- What the auditor must never find: empty unless something is wrong.
CREATE INDEX alert_stray ON alert (id) WHERE open AND (state = 'triggered' AND next_at IS NULL
    OR ready_at IS NULL AND (next_at IS NOT NULL OR quiet_at IS NOT NULL));

CREATE TABLE event (
    alert_id TEXT NOT NULL,
    id TEXT NOT NULL,
    at BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (alert_id, id)
);

CREATE TABLE timeline (
    alert_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    key TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (alert_id, at, key)
) {CLUSTERED};

CREATE TABLE notification (
    id TEXT NOT NULL PRIMARY KEY,
    alert_id TEXT NOT NULL,
    page BIGINT NOT NULL,
    user_id TEXT NOT NULL,
    contact TEXT NOT NULL,
    channel TEXT NOT NULL,
    kind TEXT NOT NULL,
    urgency TEXT NOT NULL,
    -- 0 pages of high urgency, 1 other pages, 2 news about pages.
    rank BIGINT NOT NULL,
    state TEXT NOT NULL,
    ready_at BIGINT,
    attempt BIGINT NOT NULL,
    fence BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    reason TEXT NOT NULL
);
CREATE INDEX notification_ready ON notification (rank, ready_at) WHERE ready_at IS NOT NULL;
CREATE INDEX notification_alert ON notification (alert_id);

CREATE TABLE heartbeat (
    integration TEXT NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL,
    state TEXT NOT NULL,
    last_at BIGINT,
    started_at BIGINT,
    ready_at BIGINT
);
CREATE INDEX heartbeat_ready ON heartbeat (ready_at) WHERE ready_at IS NOT NULL;

CREATE TABLE token (
    id TEXT NOT NULL PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    user_id TEXT,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT,
    revoked_at BIGINT
);

CREATE TABLE audit (
    id TEXT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    before_json TEXT,
    after_json TEXT,
    detail TEXT
);
CREATE INDEX audit_at ON audit (at, id);
CREATE INDEX audit_subject ON audit (subject, at, id);

CREATE TABLE idempotency (
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    at BIGINT NOT NULL,
    request TEXT NOT NULL,
    status BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (scope, key)
) {CLUSTERED};
CREATE INDEX idempotency_at ON idempotency (at);

CREATE TABLE quarantine (
    id TEXT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    integration TEXT,
    reason TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX quarantine_at ON quarantine (at, id);

CREATE TABLE node (
    id TEXT NOT NULL PRIMARY KEY,
    address TEXT NOT NULL,
    release TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
);
