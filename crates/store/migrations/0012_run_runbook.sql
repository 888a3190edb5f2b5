-- When each runbook was last run.
CREATE INDEX run_runbook ON run (runbook, started_at);
