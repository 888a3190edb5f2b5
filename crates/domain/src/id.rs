//! Identifiers. Setup objects are named by the slug their author wrote; everything that happens at
//! run time is named by a UUIDv7 that the caller makes.

use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }
        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )+};
}

ids! {
    TeamId, UserId, ScheduleId, PolicyId, ServiceId,
    /// A contact method's slug, unique within its user.
    ContactId,
    /// `service/integration`: an integration's slug is unique within its service only.
    IntegrationId,
    /// A silence, from a file (its slug) or live (a UUID).
    SilenceId,
    /// A maintenance window, from a file (its slug) or live (a UUID).
    MaintenanceId,
    /// A schedule override, from a file (`schedule#N`) or live (a UUID).
    OverrideId,
    LeaveId,
    CoverId,
    /// A browser that its owner has registered for push messages.
    DeviceId,
    AlertId,
    RunbookId, TableId, InstitutionId, ConnectionId, VendorId,
    /// One execution of a runbook.
    RunId,
    /// A vendor case, as we name it; the vendor's own number is no id.
    CaseId,
    /// `ALERT.N`: the N-th page of an alert. Derived, so that a decision run twice names it the same.
    PageId,
    /// `ALERT.N.K`: the K-th notification of a page; also the idempotency key that providers see.
    NotificationId,
}

impl IntegrationId {
    pub fn new(service: &ServiceId, slug: &str) -> Self {
        Self(format!("{service}/{slug}"))
    }

    /// The slug within the service.
    pub fn slug(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }
}
