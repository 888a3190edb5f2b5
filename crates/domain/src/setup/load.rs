//! From setup files to a [`Setup`], or to every mistake in them at once.
//!
//! What the files say wins over what could be guessed: unknown keys, empty values and references to what does
//! not exist are mistakes. Times without offset are local to their schedule's zone (overrides), to their
//! `timezone` or UTC (maintenance), or UTC (silences); a local time that a clock change skips means the first
//! instant after it, one that comes twice its first occurrence.

mod calendar;
mod people;
mod problems;
mod reader;
mod runbooks;
mod services;
mod values;
mod yaml;

pub use problems::Span;
pub use services::key_hash;
pub(in crate::setup) use values::is_reference;

use super::diagnostic::{Diagnostic, Level};
use super::schema::keys;
use super::warnings::{Warning, warnings};
use super::{Setup, Slug};
use jiff::Timestamp;
use problems::Problems;
use reader::Reader;
use std::collections::BTreeMap;

/// One setup file.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SourceFile {
    /// As people know it: its path in the setup directory.
    pub name: String,
    pub text: String,
}

/// What the files may refer to outside of themselves. The caller decides what it gives.
pub trait Outside {
    /// An environment variable, for `${NAME}`.
    fn env(&self, name: &str) -> Option<String>;
    /// The text of a file, for `key_file` and `secret_file`; `relative_to` is the name of the setup file that says it.
    fn read(&self, path: &str, relative_to: &str) -> Result<String, String>;
}

/// Gives nothing: for setups that come over the network.
pub struct NoOutside;

impl Outside for NoOutside {
    fn env(&self, _: &str) -> Option<String> {
        None
    }
    fn read(&self, _: &str, _: &str) -> Result<String, String> {
        Err("files cannot be read from here; write `key_sha256` or the value itself".to_owned())
    }
}

pub struct Loaded {
    /// `None` when there is any error.
    pub setup: Option<Setup>,
    /// In the order of the files.
    pub diagnostics: Vec<Diagnostic>,
    pub spans: Spans,
}

impl Loaded {
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }
    pub fn has_warnings(&self) -> bool {
        self.diagnostics.iter().any(|d| d.level == Level::Warning)
    }
}

/// Where the id of each object stands: by kind (`user`, `policy`, …) and id.
pub type Spans = BTreeMap<(&'static str, String), Span>;

/// All files together. A setup of 50,000 people has about that size; more is a wrong directory.
pub const MAX_SETUP_BYTES: usize = 8 << 20;
/// Files of one setup.
pub const MAX_FILES: usize = 1_000;
/// Entries of one list at the top of the files.
const MAX_OBJECTS: usize = 50_000;

/// The ids of the runbooks that have a document of their own in a file; `None` if something else stands in it as well, or nothing
/// that can be read.
pub fn runbooks_in(text: &str) -> Option<Vec<String>> {
    let (mut nodes_left, mut problems) = (yaml::MAX_NODES, Problems::new(vec![String::new()]));
    let reading = yaml::read(0, text, &mut nodes_left, &mut problems);
    let id = |node: &yaml::Node| Some(node.get("runbook")?.scalar().unwrap_or_default().to_owned());
    let ids: Vec<String> =
        reading.documents.iter().filter(|node| !matches!(node.value, yaml::Value::Null)).map(id).collect::<Option<_>>()?;
    (!ids.is_empty()).then_some(ids)
}

/// Reads all files together. Their order does not matter, except for the order of `routes`.
pub fn load(files: &[SourceFile], outside: &dyn Outside) -> Loaded {
    let mut problems = Problems::new(files.iter().map(|file| file.name.clone()).collect());
    let refused = |problems: Problems| Loaded { setup: None, diagnostics: problems.finish(), spans: Spans::new() };
    let bytes: usize = files.iter().map(|file| file.text.len()).sum();
    if bytes > MAX_SETUP_BYTES || files.len() > MAX_FILES {
        let found = format!("{} files with {bytes} bytes", files.len());
        problems.error("too_large", Span::default(), format!("this is no setup: {found}")).help = Some(format!(
            "a setup may have {MAX_FILES} files and {MAX_SETUP_BYTES} bytes; name a directory with setup files only"
        ));
        return refused(problems);
    }
    let mut nodes_left = yaml::MAX_NODES;
    let (mut documents, mut broken) = (Vec::new(), Vec::new());
    for (number, file) in files.iter().enumerate() {
        let reading = yaml::read(number, &file.text, &mut nodes_left, &mut problems);
        documents.extend(reading.documents);
        if reading.broken {
            broken.push(file.text.as_str());
        }
    }
    documents.retain(|node| !matches!(node.value, yaml::Value::Null));
    if documents.is_empty() && !problems.any() {
        problems.error("empty", Span::default(), "there is no setup here").help =
            Some("write YAML files with `teams:`, `users:`, `policies:` and `services:`; `examples/pupper` shows how".to_owned());
        return refused(problems);
    }
    let mut reader = Reader::new(files, outside, problems, broken);
    // A runbook or a table has a file of its own: it reads like one entry of the list.
    let documents: Vec<yaml::Node> = documents.into_iter().map(runbooks::wrap).collect();
    let roots: Vec<_> = documents.iter().filter_map(|node| reader.object(node, &keys::SETUP)).collect();
    reader.index(&roots);
    let setup = read_setup(&mut reader, &roots);
    people::refuse_circles(&mut reader, &setup);
    services::refuse_drivers(&mut reader, &roots, &setup);
    runbooks::refuse_vendors(&mut reader, &roots, &setup);
    runbooks::refuse_mistakes(&mut reader, &roots, &setup);
    let (problems, spans) = reader.finish();
    let setup = if problems.any() { None } else { Some(setup) };
    Loaded { setup, diagnostics: problems.finish(), spans }
}

/// [`load`], and if there is no error, what is allowed but probably not meant.
pub fn check(files: &[SourceFile], outside: &dyn Outside, now: Timestamp) -> Loaded {
    let mut loaded = load(files, outside);
    if let Some(setup) = &loaded.setup {
        let place = |warning: Warning| {
            let span = loaded.spans.get(&(warning.subject.kind, warning.subject.id.clone())).copied();
            let file = span.and_then(|span| files.get(span.file)).map(|file| file.name.clone()).unwrap_or_default();
            let message = warning.message;
            let plain = problems::diagnostic(Level::Warning, warning.code, file, span.unwrap_or_default(), message);
            Diagnostic { help: warning.help, ..plain }
        };
        loaded.diagnostics.extend(warnings(setup, now).into_iter().map(place));
    }
    loaded
}

fn read_setup(reader: &mut Reader, roots: &[reader::Fields]) -> Setup {
    let mut setup = Setup::default();
    /// Puts one object into its list. Duplicates have been reported with the index.
    fn put<T: Slug>(list: &mut super::Named<T>, item: T) {
        list.insert(item);
    }
    for root in roots {
        for item in reader.objects(root.get("teams"), &keys::TEAM, MAX_OBJECTS) {
            put(&mut setup.teams, people::team(reader, &item));
        }
        for item in reader.objects(root.get("users"), &keys::USER, MAX_OBJECTS) {
            put(&mut setup.users, people::user(reader, &item));
        }
        for item in reader.objects(root.get("schedules"), &keys::SCHEDULE, MAX_OBJECTS) {
            put(&mut setup.schedules, calendar::schedule(reader, &item));
        }
        for item in reader.objects(root.get("policies"), &keys::POLICY, MAX_OBJECTS) {
            put(&mut setup.policies, people::policy(reader, &item));
        }
        for item in reader.objects(root.get("services"), &keys::SERVICE, MAX_OBJECTS) {
            put(&mut setup.services, services::service(reader, &item));
        }
        for item in reader.objects(root.get("routes"), &keys::ROUTE, services::MAX_ROUTES) {
            setup.routes.push(services::route(reader, &item));
        }
        for item in reader.objects(root.get("silences"), &keys::SILENCE, MAX_OBJECTS) {
            put(&mut setup.silences, services::silence(reader, &item));
        }
        for item in reader.objects(root.get("maintenance"), &keys::MAINTENANCE, MAX_OBJECTS) {
            put(&mut setup.maintenance, calendar::maintenance(reader, &item));
        }
        for item in reader.objects(root.get("vendors"), &keys::VENDOR, MAX_OBJECTS) {
            put(&mut setup.vendors, runbooks::vendor(reader, &item));
        }
        for item in reader.objects(root.get("institutions"), &keys::INSTITUTION, MAX_OBJECTS) {
            put(&mut setup.institutions, runbooks::institution(reader, &item));
        }
        for item in reader.objects(root.get("runbooks"), &keys::RUNBOOK, MAX_OBJECTS) {
            put(&mut setup.runbooks, runbooks::runbook(reader, &item));
        }
        for item in reader.objects(root.get("connections"), &keys::CONNECTION, MAX_OBJECTS) {
            let connection = runbooks::connection(reader, &item, &setup);
            put(&mut setup.connections, connection);
        }
        for item in reader.objects(root.get("tables"), &keys::TABLE, MAX_OBJECTS) {
            put(&mut setup.tables, runbooks::table(reader, &item));
        }
        if let Some(field) = root.get("catch_all") {
            people::catch_all(reader, field, &mut setup);
        }
    }
    setup
}
