//! The jobs, what they declare, and which service a build of one restarts.

use super::build::Build;
use super::views::{BOOLEAN, CHOICE, ENVIRONMENTS, STRING};
use crate::weather::{Platform, Service, Sky};

/// Values of parameters, and the service that is meant by them.
pub type Meant = (Vec<(String, String)>, String);

/// A job that restarts services.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its folders, and its own name.
    path: Vec<String>,
    pub(super) platform: Platform,
    /// `(name, type, default)` of each parameter.
    parameters: Vec<(String, &'static str, String)>,
    /// By which values of which parameters a service is meant. `None`: `SERVICE` names it, and it is restarted in production.
    meant: Option<Vec<Meant>>,
}

impl Job {
    /// One per platform, in one folder.
    pub(crate) fn usual() -> Vec<Self> {
        let all = [("restart-on-marathon", Platform::Marathon), ("restart-on-kubernetes", Platform::Kubernetes)];
        let parameters = vec![
            ("SERVICE".to_owned(), STRING, String::new()),
            ("ENV".to_owned(), CHOICE, ENVIRONMENTS[0].to_owned()),
            ("DRY_RUN".to_owned(), BOOLEAN, "false".to_owned()),
        ];
        let job = |(name, platform): (&str, Platform)| Self {
            path: vec!["ops".to_owned(), name.to_owned()],
            platform,
            parameters: parameters.clone(),
            meant: None,
        };
        all.map(job).to_vec()
    }

    /// `name` with its folders, `ops/restart`. It declares texts only. A build restarts the first service all of whose values it has.
    pub fn of(name: &str, platform: Platform, declared: Vec<String>, meant: Vec<Meant>) -> Self {
        let path = name.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        let parameters = declared.into_iter().map(|name| (name, STRING, String::new())).collect();
        Self { path, platform, parameters, meant: Some(meant) }
    }

    pub(super) fn name(&self) -> &str {
        self.path.last().map_or("", String::as_str)
    }

    /// With its folders, parted by `between`.
    pub(super) fn full_name(&self, between: &str) -> String {
        self.path.join(between)
    }

    /// In addresses, without a slash at either end.
    pub(super) fn address(&self) -> String {
        self.path.iter().map(|part| format!("job/{part}")).collect::<Vec<_>>().join("/")
    }

    /// What follows its own address in that of something of it.
    pub(super) fn rest<'a, 'b>(&self, path: &'a [&'b str]) -> Option<&'a [&'b str]> {
        self.path.iter().try_fold(path, |path, part| match path {
            ["job", found, rest @ ..] if found == part => Some(rest),
            _ => None,
        })
    }

    /// Its name, or the folder's that leads to it, under `folder`; whether it is a folder.
    pub(super) fn under(&self, folder: &[&str]) -> Option<(&str, bool)> {
        let inside = self.path.len() > folder.len() && self.path.iter().zip(folder).all(|(own, other)| own == other);
        inside.then(|| (self.path[folder.len()].as_str(), self.path.len() > folder.len() + 1))
    }

    pub(super) fn definitions(&self, sky: &Sky) -> Vec<(String, &'static str, String)> {
        let key = sky.jenkins.run_key.clone().map(|name| (name, STRING, String::new()));
        self.parameters.iter().cloned().chain(key).collect()
    }

    pub(super) fn service(&self, sky: &Sky, build: &Build) -> Option<Service> {
        let Some(meant) = &self.meant else { return sky.service(build.parameter("SERVICE")) };
        let is_meant = |values: &[(String, String)]| values.iter().all(|(name, value)| build.parameter(name) == value);
        meant.iter().find(|(values, _)| is_meant(values)).and_then(|(_, name)| sky.service(name))
    }

    /// Why a build does nothing although it succeeds.
    pub(super) fn idle(&self, build: &Build) -> Option<&'static str> {
        match self.meant {
            Some(_) => None,
            None if build.parameter("DRY_RUN").eq_ignore_ascii_case("true") => Some("dry run: nothing was restarted"),
            None if build.parameter("ENV") != "production" => Some("restarted in staging"),
            None => None,
        }
    }
}
