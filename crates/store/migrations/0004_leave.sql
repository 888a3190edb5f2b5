-- When somebody is away: for that time every schedule goes without them.
CREATE TABLE leave_live (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL,
    from_at BIGINT NOT NULL,
    until_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    ended_at BIGINT,
    body TEXT NOT NULL
);
CREATE INDEX leave_live_until ON leave_live (until_at);
