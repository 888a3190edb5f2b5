-- What a person has besides their entry in the setup: how they prove who they are, and the role they were given.
CREATE TABLE account (
    user_id TEXT NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL,
    role TEXT,
    -- A PHC string (argon2id).
    password TEXT,
    password_at BIGINT,
    created_at BIGINT NOT NULL
);

CREATE TABLE session (
    id TEXT NOT NULL PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    user_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT,
    agent TEXT NOT NULL,
    address TEXT NOT NULL
);
CREATE INDEX session_of_user ON session (user_id, expires_at);
CREATE INDEX session_expires ON session (expires_at);

-- Links that let somebody set a password once. Without a user: the first run, whose link makes an administrator.
CREATE TABLE invite (
    id TEXT NOT NULL PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    user_id TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    created_by TEXT NOT NULL
);
CREATE INDEX invite_expires ON invite (expires_at);

-- Failed sign-ins, by account and by address.
CREATE TABLE throttle (
    key TEXT NOT NULL PRIMARY KEY,
    failures BIGINT NOT NULL,
    last_at BIGINT NOT NULL
) {CLUSTERED};
CREATE INDEX throttle_last ON throttle (last_at);
