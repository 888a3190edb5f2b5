-- Views of the inbox that somebody keeps, under names of their own.
CREATE TABLE saved_filter (
    user_id TEXT NOT NULL,
    name TEXT NOT NULL,
    query TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, name)
) {CLUSTERED};
