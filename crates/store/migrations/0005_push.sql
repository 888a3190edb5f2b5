-- Browsers that take push messages, and how that has gone.
CREATE TABLE device (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL,
    name TEXT NOT NULL,
    endpoint TEXT NOT NULL UNIQUE,
    p256dh TEXT NOT NULL,
    auth TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- The last message, and what the push service made of it.
    sent_at BIGINT,
    outcome TEXT,
    reason TEXT,
    -- When the browser last said that it had shown one.
    received_at BIGINT,
    -- The next test of its own.
    ready_at BIGINT NOT NULL
);
CREATE INDEX device_of_user ON device (user_id);
CREATE INDEX device_ready ON device (ready_at);

-- How the last test of a contact method went. It speaks for that address only.
CREATE TABLE contact_test (
    user_id TEXT NOT NULL,
    contact_id TEXT NOT NULL,
    address_digest TEXT NOT NULL,
    sent_at BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT,
    -- When the person last said that such a message had reached them.
    confirmed_at BIGINT,
    PRIMARY KEY (user_id, contact_id)
) {CLUSTERED};
