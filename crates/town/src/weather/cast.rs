//! Who is in a town: the programs that talk to the cores, whom they serve, and the jobs that restart them.

use super::{Institution, MAX_INSTITUTIONS, Platform};
use crate::jenkins::Job;

/// What one town can hold.
pub const MAX_SERVICES: usize = 50;

/// One of the programs that talk to the cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Service {
    index: u8,
    name: &'static str,
}

impl Service {
    pub const HTTP: Self = Self { index: 0, name: "symxchange-http-server" };
    pub const RPC: Self = Self { index: 1, name: "symxchange-rpc-server" };
    /// Those of a town of which nobody says anything else.
    pub const USUAL: [Self; 2] = [Self::HTTP, Self::RPC];

    pub fn name(self) -> &'static str {
        self.name
    }

    pub(crate) fn index(self) -> usize {
        usize::from(self.index)
    }
}

/// Who is there.
pub struct Cast {
    pub(super) services: Vec<(Service, Platform)>,
    pub(super) institutions: Vec<Institution>,
    pub(super) jobs: Vec<Job>,
}

impl Cast {
    /// Two servers on Marathon, `institutions` invented institutions (1 to [`MAX_INSTITUTIONS`]), and a job per platform.
    pub fn usual(institutions: usize) -> Self {
        let services = Service::USUAL.map(|service| (service, Platform::Marathon));
        Self { services: services.to_vec(), institutions: Institution::invented(institutions), jobs: Job::usual() }
    }

    /// Others: at most [`MAX_SERVICES`] and [`MAX_INSTITUTIONS`], further ones are left out. The names of services stay in
    /// memory as long as the program runs.
    pub fn of(services: Vec<(String, Platform)>, institutions: Vec<Institution>, jobs: Vec<Job>) -> Self {
        let numbered = services.into_iter().take(MAX_SERVICES).zip(0..);
        let services = numbered.map(|((name, platform), index)| (Service { index, name: name.leak() }, platform)).collect();
        Self { services, institutions: institutions.into_iter().take(MAX_INSTITUTIONS).collect(), jobs }
    }
}
