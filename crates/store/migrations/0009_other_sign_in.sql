-- Signing in without a password: who somebody is at the identity provider, the teams that its groups give them, and passkeys.
ALTER TABLE account ADD COLUMN subject TEXT;
ALTER TABLE account ADD COLUMN teams TEXT NOT NULL DEFAULT '[]';
CREATE UNIQUE INDEX account_subject ON account (subject) WHERE subject IS NOT NULL;

CREATE TABLE passkey (
    -- The credential's id, in base64url.
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL,
    name TEXT NOT NULL,
    -- An uncompressed P-256 point, in base64url.
    public_key TEXT NOT NULL,
    sign_count BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT
);
CREATE INDEX passkey_of_user ON passkey (user_id);

-- Challenges that have been given out and not been answered: each is answered once.
CREATE TABLE challenge (
    hash TEXT NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
) {CLUSTERED};
CREATE INDEX challenge_expires ON challenge (expires_at);
