//! Questions that deciding asks of a setup.

use super::*;

impl Setup {
    /// The connection of a kind that there is one of at most.
    pub fn connection(&self, kind: ConnectionKind) -> Option<&Connection> {
        self.connections.iter().find(|connection| connection.kind == kind)
    }

    /// A decision table of the setup, or the shipped one.
    pub fn table(&self, id: &str) -> Option<Table> {
        let shipped = || (id == crate::diagnosis::table::SHIPPED).then(crate::diagnosis::table::shipped);
        self.tables.get(id).cloned().or_else(shipped)
    }

    pub fn vendor(&self, id: &VendorId) -> Option<&Vendor> {
        self.vendors.get(id.as_str())
    }
    /// As a run of it begins: with the steps of the runbooks that it names.
    pub fn runbook(&self, id: &str) -> Option<Runbook> {
        Some(self.runbooks.get(id)?.expanded(&|inner| self.runbooks.get(inner.as_str()).cloned()))
    }

    pub fn team(&self, id: &TeamId) -> Option<&Team> {
        self.teams.get(id.as_str())
    }
    pub fn user(&self, id: &UserId) -> Option<&User> {
        self.users.get(id.as_str())
    }
    pub fn schedule(&self, id: &ScheduleId) -> Option<&Schedule> {
        self.schedules.get(id.as_str())
    }
    pub fn policy(&self, id: &PolicyId) -> Option<&Policy> {
        self.policies.get(id.as_str())
    }
    pub fn service(&self, id: &ServiceId) -> Option<&Service> {
        self.services.get(id.as_str())
    }

    /// The service an integration belongs to, and the integration.
    pub fn integration(&self, id: &IntegrationId) -> Option<(&Service, &Integration)> {
        let (service, slug) = id.as_str().rsplit_once('/')?;
        let service = self.services.get(service)?;
        service.integrations.iter().find(|i| i.id == slug).map(|i| (service, i))
    }

    /// The policy that a service's alerts run: its own, else its team's.
    pub fn policy_of(&self, service: &Service) -> Option<&Policy> {
        let own = service.policy.as_ref();
        own.or_else(|| self.team(&service.team)?.policy.as_ref()).and_then(|id| self.policy(id))
    }
}

impl User {
    /// Their contact methods; without any, their e-mail address.
    pub fn contacts(&self) -> Vec<Contact> {
        if !self.contact.is_empty() {
            return self.contact.clone();
        }
        let by_mail = |email: &String| Contact {
            id: ContactId::from("email"),
            address: Address::Email(email.clone()),
            secret: None,
            content: Content::Full,
            rings: false,
        };
        self.email.iter().map(by_mail).collect()
    }

    /// Their notification rules for an urgency, with the defaults filled in.
    pub fn rules_for(&self, urgency: Urgency) -> Vec<Rule> {
        let own = match urgency {
            Urgency::High => &self.rules.high,
            Urgency::Low => &self.rules.low,
        };
        if let Some(rules) = own {
            return rules.clone();
        }
        let all = self.contacts();
        let count = if urgency == Urgency::High { all.len() } else { 1 };
        all.into_iter().take(count).map(|c| Rule { via: c.id, after: SignedDuration::ZERO }).collect()
    }

    /// What people call them.
    pub fn display_name(&self) -> &str {
        if self.name.is_empty() { self.id.as_str() } else { &self.name }
    }
}
