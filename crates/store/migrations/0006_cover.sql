-- Requests to be covered: somebody asks others to take a shift.
CREATE TABLE cover (
    id TEXT NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL,
    state TEXT NOT NULL,
    until_at BIGINT NOT NULL,
    -- When people are to be told of it; none: they have been.
    ready_at BIGINT,
    created_at BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX cover_until ON cover (until_at);
CREATE INDEX cover_ready ON cover (ready_at) WHERE ready_at IS NOT NULL;
