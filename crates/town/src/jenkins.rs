//! Jenkins with two jobs in the folder `ops` that restart a service, one on Marathon and one on Kubernetes, and really do.
//!
//! Facts: Jenkins' and Stapler's source of 2026. Its root has a context path, and the addresses in its answers name a host
//! that does not exist, as they do behind a proxy.

use crate::desk::{Ask, Desk, answer, find, json_answer, with_header};
use crate::weather::chance::mix;
use crate::weather::{Builds, Condition, Sky, Weather};
use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

mod build;
mod job;
mod tree;
mod views;

pub use build::JenkinsTimes;
use build::Phase;
pub(crate) use build::{Book, act};
pub use job::{Job, Meant};

/// The account with an API token.
pub const JENKINS_USER: &str = "firedog";
/// May build and cancel. 34 characters, as Jenkins makes them.
pub const JENKINS_TOKEN: &str = "11aa22bb33cc44dd55ee66ff7700889911";
/// The same account's password: with it, a POST needs a crumb and the session that the crumb was made for.
pub const JENKINS_PASSWORD: &str = "correct horse battery staple";
/// An account that may only look.
pub const JENKINS_VIEWER: &str = "viewer";
pub const JENKINS_VIEWER_TOKEN: &str = "11ffeeddccbbaa00998877665544332211";

/// The context path.
pub(crate) const CONTEXT: &str = "jenkins";
/// What answers call Jenkins; no such host exists.
const ELSEWHERE: &str = "https://jenkins.invalid/jenkins";

/// A build that somebody asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// With its folders.
    pub job: String,
    /// The queue item's id.
    pub item: u64,
    /// `None` while it is in the queue.
    pub number: Option<u32>,
    pub parameters: Vec<(String, String)>,
    pub queued: Timestamp,
    pub is_cancelled: bool,
    /// `None` until it is known.
    pub result: Option<&'static str>,
}

impl Weather {
    /// For builds that are queued from now on.
    pub fn set_jenkins_times(&self, times: JenkinsTimes) {
        self.change(|sky| sky.jenkins.times = times);
    }

    /// Makes the jobs declare a parameter for the caller's key of a run, or none.
    pub fn set_run_key(&self, name: Option<&str>) {
        self.change(|sky| sky.jenkins.run_key = name.map(str::to_owned));
    }

    /// Everything that was ever asked of Jenkins, oldest first.
    pub fn builds(&self) -> Vec<Asked> {
        let sky = self.look();
        let asked = |build: &build::Build| Asked {
            job: sky.jenkins.jobs[build.job].full_name("/"),
            item: build.queue_id,
            number: build.started.map(|(_, number)| number),
            parameters: build.parameters.clone(),
            queued: build.queued,
            is_cancelled: build.cancelled.is_some(),
            result: build.result(&sky),
        };
        sky.jenkins.builds.iter().map(asked).collect()
    }

    /// Items that left the queue are forgotten, sessions and crumbs are void; builds and waiting items stay.
    pub fn restart_jenkins(&self) {
        self.change(|sky| {
            sky.jenkins.session += 1;
            let left = |build: &&mut build::Build| build.started.is_some() || build.cancelled.is_some();
            sky.jenkins.builds.iter_mut().filter(left).for_each(|build| build.forgotten = true);
        });
    }
}

pub(crate) struct Jenkins {
    pub(crate) weather: Weather,
}

/// Who asks.
enum Caller {
    Anonymous,
    Viewer,
    /// May build. By API token, which needs no crumb, or by password.
    Builder {
        by_token: bool,
    },
    Wrong,
}

impl Desk for Jenkins {
    fn answer(&self, ask: &Ask) -> Response {
        // Held over the whole answer: what is read and what is done belong to one moment.
        let mut sky = self.weather.look();
        let response = respond(&mut sky, ask);
        let session = sky.jenkins.session;
        let response = with_header(response, "x-jenkins", "2.516");
        with_header(response, "x-jenkins-session", &format!("{:08x}", mix(&[session]) as u32))
    }

    fn refusal(&self, status: StatusCode, retry_after_s: Option<u32>) -> Response {
        let text = match status.as_u16() {
            503 => "<html><body>Please wait while Jenkins is getting ready to work ...</body></html>".to_owned(),
            other => format!("<html><body>HTTP ERROR {other}</body></html>"),
        };
        let response = answer(status.as_u16(), "text/html;charset=utf-8", text);
        retry_after_s.map_or(response, |_| answer(429, "text/html", "<html><body>Too many requests</body></html>"))
    }
}

fn respond(sky: &mut Sky, ask: &Ask) -> Response {
    let caller = caller(ask);
    let segments = ask.segments();
    let Some((&CONTEXT, path)) = segments.split_first() else { return not_found() };
    match caller {
        Caller::Wrong => return answer(401, "text/html;charset=utf-8", "<html><body>Invalid password/token</body></html>"),
        Caller::Anonymous => return forbidden("anonymous", "hudson.model.Hudson.Read"),
        Caller::Builder { by_token: false } if ask.is_post() && !crumb_is_valid(sky, ask) => {
            return answer(
                403,
                "text/html;charset=utf-8",
                "<html><body>No valid crumb was included in the request</body></html>",
            );
        }
        Caller::Viewer if ask.is_post() => return forbidden(JENKINS_VIEWER, "hudson.model.Item.Build"),
        _ => {}
    }
    match path {
        ["api", "json"] => picked(
            ask,
            &json!({"_class": "hudson.model.Hudson", "mode": "NORMAL", "nodeDescription": "the Jenkins controller",
            "quietingDown": refuses(sky), "jobs": inside(sky, &[])}),
        ),
        ["whoAmI", "api", "json"] | ["me", "api", "json"] => {
            let name = if matches!(caller, Caller::Viewer) { JENKINS_VIEWER } else { JENKINS_USER };
            json_answer(
                200,
                &json!({"_class": "hudson.security.WhoAmI", "name": name, "authenticated": true, "anonymous": false, "authorities": ["authenticated"]}),
            )
        }
        ["crumbIssuer", "api", "json"] => issue_crumb(sky, ask),
        ["queue", rest @ ..] => queue(sky, ask, rest),
        _ => {
            let found = sky.jenkins.jobs.iter().enumerate().find_map(|(index, job)| Some((index, job.rest(path)?)));
            match found {
                Some((job, rest)) => one_job(sky, ask, job, rest),
                None => folder(sky, ask, path),
            }
        }
    }
}

const FOLDER_CLASS: &str = "com.cloudbees.hudson.plugins.folder.Folder";

fn folder(sky: &Sky, ask: &Ask, path: &[&str]) -> Response {
    let [path @ .., "api", "json"] = path else { return not_found() };
    let folders: Vec<&str> =
        path.chunks(2).filter_map(|part| if let ["job", name] = part { Some(*name) } else { None }).collect();
    let jobs = inside(sky, &folders);
    match folders.last() {
        Some(name) if folders.len() * 2 == path.len() && !jobs.is_empty() => {
            picked(ask, &json!({"_class": FOLDER_CLASS, "name": name, "jobs": jobs}))
        }
        _ => not_found(),
    }
}

/// What stands in a folder.
fn inside(sky: &Sky, folder: &[&str]) -> Vec<Value> {
    let mut found: Vec<(&str, bool)> = sky.jenkins.jobs.iter().filter_map(|job| job.under(folder)).collect();
    found.dedup();
    let address = |name: &str| folder.iter().copied().chain([name]).map(|part| format!("job/{part}/")).collect::<String>();
    let shown = |(name, is_folder): (&str, bool)| {
        let class = if is_folder { FOLDER_CLASS } else { views::JOB_CLASS };
        json!({"_class": class, "name": name, "url": format!("{ELSEWHERE}/{}", address(name))})
    };
    found.into_iter().map(shown).collect()
}

fn caller(ask: &Ask) -> Caller {
    let Some(header) = ask.header("authorization") else { return Caller::Anonymous };
    let decoded = header.strip_prefix("Basic ").and_then(|text| BASE64_STANDARD.decode(text).ok());
    let text = decoded.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    match text.split_once(':') {
        Some((JENKINS_USER, JENKINS_TOKEN)) => Caller::Builder { by_token: true },
        Some((JENKINS_USER, JENKINS_PASSWORD)) => Caller::Builder { by_token: false },
        Some((JENKINS_VIEWER, JENKINS_VIEWER_TOKEN)) => Caller::Viewer,
        _ => Caller::Wrong,
    }
}

/// A crumb is made for one session, which the cookie names, of one run of Jenkins.
fn crumb(sky: &Sky, session: &str) -> String {
    let digest = Sha256::digest(format!("{JENKINS_USER};{session};salt-{}", sky.jenkins.session));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn session_of(ask: &Ask) -> Option<&str> {
    ask.header("cookie")?.split(';').find_map(|part| part.trim().strip_prefix("JSESSIONID="))
}

fn crumb_is_valid(sky: &Sky, ask: &Ask) -> bool {
    let form = ask.query_and_form();
    let given = ask.header("jenkins-crumb").or_else(|| find(&form, "Jenkins-Crumb"));
    session_of(ask).zip(given).is_some_and(|(session, given)| given == crumb(sky, session))
}

fn issue_crumb(sky: &Sky, ask: &Ask) -> Response {
    let new = format!("node{:x}", mix(&[sky.now.as_millisecond() as u64, sky.jenkins.session]));
    let session = session_of(ask).unwrap_or(&new);
    let body = json!({"_class": "hudson.security.csrf.DefaultCrumbIssuer", "crumb": crumb(sky, session), "crumbRequestField": "Jenkins-Crumb"});
    with_header(json_answer(200, &body), "set-cookie", &format!("JSESSIONID={session}; Path=/{CONTEXT}; HttpOnly"))
}

fn queue(sky: &mut Sky, ask: &Ask, rest: &[&str]) -> Response {
    match rest {
        ["api", "json"] => {
            let waits = |phase| matches!(phase, Phase::Quiet | Phase::Blocked | Phase::Busy);
            let items: Vec<Value> =
                sky.jenkins.builds.iter().filter(|build| waits(build.phase(sky))).map(|build| views::item(sky, build)).collect();
            picked(ask, &json!({"_class": "hudson.model.Queue", "items": items}))
        }
        ["item", id, "api", "json"] => {
            let found =
                sky.jenkins.builds.iter().find(|build| id.parse() == Ok(build.queue_id)).filter(|build| build.has_item(sky));
            found.map_or_else(not_found, |build| picked(ask, &views::item(sky, build)))
        }
        ["cancelItem"] if ask.is_post() => {
            let now = sky.now;
            let form = ask.query_and_form();
            let id = find(&form, "id").and_then(|id| id.parse::<u64>().ok());
            match sky.jenkins.builds.iter_mut().find(|build| Some(build.queue_id) == id) {
                Some(build) if build.started.is_none() && build.cancelled.is_none() => {
                    build.cancelled = Some(now);
                    answer(204, "text/plain", "")
                }
                _ => not_found(),
            }
        }
        ["cancelItem"] => only_post(),
        _ => not_found(),
    }
}

fn one_job(sky: &mut Sky, ask: &Ask, job: usize, rest: &[&str]) -> Response {
    match rest {
        ["api", "json"] => picked(ask, &views::job(sky, job)),
        ["buildWithParameters"] if ask.is_post() => build_with_parameters(sky, ask, job),
        ["buildWithParameters" | "build"] if !ask.is_post() => only_post(),
        ["build"] => form_build(sky, ask, job),
        [number, rest @ ..] => {
            let found = sky.jenkins.builds.iter().position(|build| build.job == job && views::is_called(sky, build, number));
            match found {
                Some(index) => one_build(sky, ask, index, rest),
                None => not_found(),
            }
        }
        [] => answer(200, "text/html;charset=utf-8", "<html><title>job</title></html>"),
    }
}

fn one_build(sky: &mut Sky, ask: &Ask, index: usize, rest: &[&str]) -> Response {
    let build = &sky.jenkins.builds[index];
    match rest {
        ["api", "json"] => picked(ask, &views::build(sky, build)),
        ["logText", "progressiveText"] => views::progressive(sky, build, ask.query("start").and_then(|start| start.parse().ok())),
        ["consoleText"] => {
            let text: String = build.console(sky).iter().map(|line| format!("{line}\r\n")).collect();
            answer(200, "text/plain;charset=utf-8", text)
        }
        ["stop" | "term" | "kill"] if ask.is_post() => {
            if matches!(build.phase(sky), Phase::Running) {
                let now = sky.now;
                sky.jenkins.builds[index].aborted = Some(now);
            }
            with_header(answer(302, "text/html", ""), "location", &format!("{ELSEWHERE}/job/ops/"))
        }
        ["stop" | "term" | "kill"] => only_post(),
        _ => not_found(),
    }
}

fn refuses(sky: &Sky) -> bool {
    sky.conditions().any(|condition| *condition == Condition::Builds(Builds::AreRefused))
}

fn build_with_parameters(sky: &mut Sky, ask: &Ask, job: usize) -> Response {
    let given = ask.query_and_form();
    // A number without a unit is milliseconds, cut to whole seconds.
    let no_quiet = find(&given, "delay").is_some_and(|delay| {
        let seconds = delay.strip_suffix("secs").or_else(|| delay.strip_suffix("sec")).and_then(|text| text.parse::<u64>().ok());
        seconds.or_else(|| delay.parse::<u64>().ok().map(|ms| ms / 1_000)) == Some(0)
    });
    enqueue(sky, ask, job, &given, no_quiet)
}

/// `POST build` takes parameters in a form's `json` field; there an unknown name is an error.
fn form_build(sky: &mut Sky, ask: &Ask, job: usize) -> Response {
    let form = ask.query_and_form();
    let sent = find(&form, "json").and_then(|text| serde_json::from_str::<Value>(text).ok());
    let parameters = sent.as_ref().and_then(|sent| sent["parameter"].as_array()).cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let given: Vec<_> = parameters.iter().map(|one| (text(&one["name"]), text(&one["value"]))).collect();
    let defined = sky.jenkins.jobs[job].definitions(sky);
    if given.iter().any(|(name, _)| !defined.iter().any(|(found, ..)| found == name)) {
        return oops("No such parameter definition");
    }
    enqueue(sky, ask, job, &given, false)
}

fn enqueue(sky: &mut Sky, ask: &Ask, job: usize, given: &[(String, String)], no_quiet: bool) -> Response {
    let mut parameters = Vec::new();
    // Only defined names are read; the others are dropped in silence.
    for (name, kind, default) in sky.jenkins.jobs[job].definitions(sky) {
        let values: Vec<_> = given.iter().filter(|(found, _)| *found == name).map(|(_, value)| value.clone()).collect();
        let value = match (kind, &values[..]) {
            (_, [_, _, ..]) => return oops("Illegal number of parameter values"),
            (_, []) => default,
            (views::BOOLEAN, [value]) => value.eq_ignore_ascii_case("true").to_string(),
            (views::CHOICE, [value]) if !views::ENVIRONMENTS.contains(&value.as_str()) => {
                return oops(&format!("Illegal choice for parameter {name}: {value}"));
            }
            (_, [value]) => value.clone(),
        };
        parameters.push((name, value));
    }
    if refuses(sky) {
        // The job's page: nothing was queued, although a client that follows ends with 200.
        return with_header(answer(302, "text/html", ""), "location", ".");
    }
    let now = sky.now;
    let user = if matches!(caller(ask), Caller::Builder { .. }) { JENKINS_USER } else { JENKINS_VIEWER };
    let (id, is_new) = sky.jenkins.queue(job, parameters, user, now, no_quiet);
    with_header(answer(if is_new { 201 } else { 303 }, "text/plain", ""), "location", &format!("{ELSEWHERE}/queue/item/{id}/"))
}

fn picked(ask: &Ask, value: &Value) -> Response {
    match ask.query("tree") {
        Some(tree) => json_answer(200, &tree::pick(value, tree)),
        None => json_answer(200, value),
    }
}

fn not_found() -> Response {
    answer(404, "text/html;charset=utf-8", "<html><body>HTTP ERROR 404 Not Found</body></html>")
}

fn only_post() -> Response {
    with_header(answer(405, "text/html;charset=utf-8", "<html><body>POST is required</body></html>"), "allow", "POST")
}

fn forbidden(who: &str, right: &str) -> Response {
    let page = format!(
        "<html><head><meta http-equiv='refresh' content='1;url=/{CONTEXT}/login'/></head><body>{who} is missing the permission</body></html>"
    );
    let response = with_header(answer(403, "text/html;charset=utf-8", page), "x-you-are-authenticated-as", who);
    with_header(response, "x-required-permission", right)
}

fn oops(why: &str) -> Response {
    answer(
        500,
        "text/html;charset=utf-8",
        format!("<html><title>Oops</title><body>java.lang.IllegalArgumentException: {why}</body></html>"),
    )
}

#[cfg(test)]
mod tests;
