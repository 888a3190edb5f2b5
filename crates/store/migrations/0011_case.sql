-- Tickets at vendors, with our clock on them.
CREATE TABLE vendor_case (
    id TEXT NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL,
    vendor TEXT NOT NULL,
    -- Empty: of none.
    institution TEXT NOT NULL,
    -- As the vendor calls it. Empty: not known yet.
    number TEXT NOT NULL,
    run_id TEXT,
    alert_id TEXT,
    -- When people are to be told that it has to be chased (or the end of a lease); none: they have been.
    tell_at BIGINT,
    opened_at BIGINT NOT NULL,
    closed_at BIGINT,
    body TEXT NOT NULL
);
-- Whoever opens the same one a second time joins it. One ticket for several institutions is a case for each of them.
CREATE UNIQUE INDEX vendor_case_same ON vendor_case (vendor, institution, number) WHERE closed_at IS NULL AND number <> '';
CREATE INDEX vendor_case_tell ON vendor_case (tell_at) WHERE tell_at IS NOT NULL;
CREATE INDEX vendor_case_opened ON vendor_case (opened_at, id);
CREATE INDEX vendor_case_alert ON vendor_case (alert_id) WHERE alert_id IS NOT NULL;
CREATE INDEX vendor_case_run ON vendor_case (run_id) WHERE run_id IS NOT NULL;
CREATE INDEX vendor_case_closed ON vendor_case (closed_at) WHERE closed_at IS NOT NULL;
