-- What the outcome of a message leads to depends on the other messages of its page, and an alert may have made many pages.
CREATE INDEX notification_page ON notification (alert_id, page);
DROP INDEX notification_alert;
