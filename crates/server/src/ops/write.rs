//! Writing runbooks: a text is checked together with the setup in force, and nothing of it is kept.

use super::setup::as_kept;
use super::{Error, Result, run};
use crate::app::App;
use firedog_domain::runbook::Runbook;
use firedog_domain::setup::Named;
use firedog_domain::setup::diagnostic::Diagnostic;
use firedog_domain::setup::export;
use firedog_domain::setup::load::{NoOutside, SourceFile, check as check_files, runbooks_in};
use firedog_domain::setup::plan::{Change, plan};

/// Longest text of one runbook, in bytes: a hundred times the longest of the examples.
pub const MAX_TEXT_BYTES: usize = 256 << 10;
/// Mistakes that are told; whoever has more mends these first.
const MAX_DIAGNOSTICS: usize = 100;
/// What the files of the setup in force are called; no file of a runbook stands in such a folder.
const IN_FORCE: &str = "(in force)/";

/// What is found in the text of one runbook.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What its file would be called.
    pub name: String,
    pub diagnostics: Vec<Diagnostic>,
    /// As it would be read; only if there is no mistake.
    pub runbook: Option<Runbook>,
    /// There is one of its id in force.
    pub replaces: bool,
    /// What would change against that one, field by field.
    pub changes: Vec<String>,
}

/// A runbook in force as a file: its name and text.
pub async fn file(app: &App, id: &str) -> Result<SourceFile> {
    let runbook = run::runbook(app, id).await?;
    Ok(SourceFile { name: format!("{id}.yaml"), text: export::runbook(&runbook) })
}

pub async fn check(app: &App, text: &str) -> Result<Draft> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(Error::Invalid(format!("a runbook has at most {MAX_TEXT_BYTES} bytes")));
    }
    let ids = runbooks_in(text).filter(|ids| ids.len() == 1);
    let Some(id) = ids.and_then(|ids| ids.into_iter().next()) else { return Ok(no_runbook(app, text)) };
    let scene = app.engine.scene().await?;
    let before = &scene.world.setup;
    let slug = !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    let name = if slug { format!("{id}.yaml") } else { "runbook.yaml".to_owned() };
    // The one in force gives way to the text.
    let mut beside = before.clone();
    beside.runbooks = beside.runbooks.iter().filter(|one| one.id.as_str() != id).cloned().collect::<Named<Runbook>>();
    let beside = export::export(&beside);
    let mut files = vec![SourceFile { name: name.clone(), text: text.to_owned() }];
    files.extend(beside.into_iter().map(|file| SourceFile { name: format!("{IN_FORCE}{}", file.name), text: file.text }));
    let loaded = check_files(&files, &NoOutside, app.now());
    let diagnostics = loaded.diagnostics.into_iter().filter(|one| one.file == name).take(MAX_DIAGNOSTICS).collect();
    let replaces = before.runbooks.contains(&id);
    let Some(after) = loaded.setup else { return Ok(Draft { name, diagnostics, runbook: None, replaces, changes: Vec::new() }) };
    let after = as_kept(&after)?;
    let own = |change: &Change| change.kind == "runbook" && change.id == id;
    let changes = plan(before, &after).changed.into_iter().find(own).map(|change| change.detail).unwrap_or_default();
    Ok(Draft { name, diagnostics, runbook: after.runbooks.get(&id).cloned(), replaces, changes })
}

/// What is wrong with a text that is not one runbook; where it cannot be read at all, that is told alone.
fn no_runbook(app: &App, text: &str) -> Draft {
    let name = "runbook.yaml".to_owned();
    let file = SourceFile { name: name.clone(), text: text.to_owned() };
    let mut diagnostics = check_files(&[file], &NoOutside, app.now()).diagnostics;
    diagnostics.retain(|one| matches!(one.code, "yaml" | "too_large"));
    diagnostics.truncate(MAX_DIAGNOSTICS);
    if diagnostics.is_empty() {
        diagnostics.push(Diagnostic {
            level: firedog_domain::setup::diagnostic::Level::Error,
            code: "no_runbook",
            file: name.clone(),
            line: 1,
            column: 1,
            length: 0,
            message: "this is not the file of one runbook".to_owned(),
            help: Some("begin with `runbook: ID`; one runbook in a file".to_owned()),
        });
    }
    Draft { name, diagnostics, runbook: None, replaces: false, changes: Vec::new() }
}
