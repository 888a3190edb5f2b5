//! Objects of the setup one by one, for whoever edits them in the app. What stands in files is changed there: the app shows what to
//! write instead.

use super::setup::{self, Applied, Wish};
use super::starter::slug;
use super::{Error, Result, rights};
use crate::app::App;
use crate::auth::{Caller, Role, hex};
use crate::secret::{Secret, random};
use firedog_domain::id::TeamId;
use firedog_domain::setup::export::export;
use firedog_domain::setup::load::{NoOutside, SourceFile, check as check_files};
use firedog_domain::setup::{IntegrationKind, Setup};
use serde_json::{Map, Value, json};

/// The kinds that are edited one by one, and the lists that they stand in. Routes have an order that only the whole has.
const KINDS: [(&str, &str); 5] =
    [("team", "teams"), ("user", "users"), ("schedule", "schedules"), ("policy", "policies"), ("service", "services")];
/// The one that stands alone; its id is its kind.
const CATCH_ALL: &str = "catch_all";
/// What mistakes in objects of the app are told of.
const APP_FILE: &str = "(made in the app)";

/// An object of the setup.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    pub kind: &'static str,
    pub id: String,
    /// It was made in the app and can be changed here; else it stands in files.
    pub own: bool,
    /// As it is written in files, without keys and secrets.
    pub value: Value,
}

fn kind_of(kind: &str) -> Result<&'static str> {
    let known = KINDS.iter().map(|(kind, _)| *kind).chain([CATCH_ALL]);
    known.clone().find(|one| *one == kind).ok_or_else(|| {
        Error::Invalid(format!("`{kind}` is no kind of object; there are {}", known.collect::<Vec<_>>().join(", ")))
    })
}

fn list_of(kind: &str) -> Option<&'static str> {
    KINDS.iter().find(|(one, _)| *one == kind).map(|(_, list)| *list)
}

fn name(kind: &str, id: &str) -> String {
    format!("{kind}:{id}")
}

/// The objects that were made in the app.
pub(super) async fn owned(app: &App) -> Result<Vec<String>> {
    Ok(setup::head(app).await?.map(|stored| stored.app).unwrap_or_default())
}

/// Those of them that files do not have.
pub(super) fn not_in(owned: &[String], files: &Setup) -> Vec<String> {
    let whole = as_json(files);
    owned.iter().filter(|name| name.split_once(':').is_some_and(|(kind, id)| find(&whole, kind, id).is_none())).cloned().collect()
}

fn as_json(setup: &Setup) -> Value {
    serde_json::to_value(setup).expect("a setup has text keys only")
}

fn find<'a>(whole: &'a Value, kind: &str, id: &str) -> Option<&'a Value> {
    match list_of(kind) {
        Some(list) => whole[list].as_array()?.iter().find(|one| one["id"] == id),
        None => Some(&whole[CATCH_ALL]).filter(|one| !one.is_null()),
    }
}

/// These objects as a file, to be read beside others.
pub(super) async fn file(app: &App, names: &[String]) -> Result<Option<SourceFile>> {
    let scene = app.engine.scene().await?;
    let whole = as_json(&scene.world.setup);
    let mut file = Map::new();
    for (kind, id) in names.iter().filter_map(|name| name.split_once(':')) {
        let Some(object) = find(&whole, kind, id) else { continue };
        put_into(&mut file, kind, id, object.clone());
    }
    Ok((!file.is_empty()).then(|| SourceFile { name: APP_FILE.to_owned(), text: Value::Object(file).to_string() }))
}

fn put_into(file: &mut Map<String, Value>, kind: &str, id: &str, object: Value) {
    let Some(list) = list_of(kind) else {
        file.insert(CATCH_ALL.to_owned(), object);
        return;
    };
    let items = file.entry(list).or_insert_with(|| json!([]));
    let Some(items) = items.as_array_mut() else { return };
    match items.iter_mut().find(|one| one["id"] == id) {
        Some(there) => *there = object,
        None => items.push(object),
    }
}

fn take_from(file: &mut Map<String, Value>, kind: &str, id: &str) -> Option<Value> {
    let Some(list) = list_of(kind) else { return file.remove(CATCH_ALL).filter(|one| !one.is_null()) };
    let items = file.get_mut(list)?.as_array_mut()?;
    let at = items.iter().position(|one| one["id"] == id)?;
    Some(items.remove(at))
}

pub async fn list(app: &App, kind: Option<&str>, caller: &Caller) -> Result<Vec<Object>> {
    let wanted = kind.map(kind_of).transpose()?;
    let owned = owned(app).await?;
    let scene = app.engine.scene().await?;
    let whole = as_json(&scene.world.setup);
    let mut all = Vec::new();
    for kind in KINDS.iter().map(|(kind, _)| *kind).chain([CATCH_ALL]).filter(|kind| wanted.is_none_or(|wanted| wanted == *kind))
    {
        let items: Vec<&Value> = match list_of(kind) {
            Some(list) => whole[list].as_array().into_iter().flatten().collect(),
            None => find(&whole, kind, kind).into_iter().collect(),
        };
        for item in items {
            let id = item["id"].as_str().unwrap_or(kind).to_owned();
            all.push(Object { kind, own: owned.contains(&name(kind, &id)), value: shown(kind, &id, item, caller), id });
        }
    }
    Ok(all)
}

/// Without what nobody is to read: keys, secrets, and the addresses of other people.
fn shown(kind: &str, id: &str, item: &Value, caller: &Caller) -> Value {
    let mut item = item.clone();
    let each = |item: &mut Value, list: &str, key: &str| {
        for one in item[list].as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
            one.remove(key);
        }
    };
    each(&mut item, "integrations", "key_sha256");
    each(&mut item, "contact", "secret");
    let own = caller.user.as_ref().is_some_and(|user| user.as_str() == id);
    if kind == "user"
        && caller.role != Role::Admin
        && !own
        && let Some(item) = item.as_object_mut()
    {
        ["contact", "email", "rules"].iter().for_each(|key| {
            item.remove(*key);
        });
    }
    item
}

/// An administrator anything; a manager what belongs to a team of theirs; everybody their own entry.
fn may_edit(setup: &Setup, kind: &str, id: &str, objects: &[Option<&Value>], caller: &Caller) -> Result<()> {
    if caller.role == Role::Admin {
        return Ok(());
    }
    let own = kind == "user" && caller.user.as_ref().is_some_and(|user| user.as_str() == id);
    if own && objects.iter().all(Option::is_some) {
        return Ok(());
    }
    let of_team = |object: &&Value| {
        let team = if kind == "team" { Some(id) } else { object["team"].as_str() };
        team.is_some_and(|team| rights::in_team(setup, caller, Some(&TeamId::from(team))))
    };
    let teams_own = matches!(kind, "team" | "schedule" | "policy" | "service");
    if caller.role >= Role::Manager && teams_own && objects.iter().flatten().all(of_team) {
        return Ok(());
    }
    Err(Error::NotAllowed(format!("the {kind} {id} is changed by an administrator, or by a manager of its team")))
}

fn in_files(kind: &str, id: &str) -> Error {
    Error::Conflict(format!(
        "the {kind} {id} stands in the setup files and is changed there; ask for a proposal to see what to write"
    ))
}

/// Makes an object, or changes one that was made in the app.
pub async fn put(app: &App, kind: &str, id: &str, value: Value, wish: Wish, caller: &Caller) -> Result<Applied> {
    let kind = kind_of(kind)?;
    let mut own = owned(app).await?;
    let (setup, warnings) = {
        let scene = app.engine.scene().await?;
        let setup = &scene.world.setup;
        let mut whole = as_object(as_json(setup))?;
        let before = take_from(&mut whole, kind, id);
        if before.is_some() && !own.contains(&name(kind, id)) {
            return Err(in_files(kind, id));
        }
        let value = written(kind, id, value, before.as_ref())?;
        may_edit(setup, kind, id, &[before.as_ref(), Some(&value)], caller)?;
        checked(app, whole, kind, id, value)?
    };
    if !own.contains(&name(kind, id)) {
        own.push(name(kind, id));
        own.sort();
    }
    setup::put(app, setup, own, warnings, wish, &caller.actor()).await
}

fn as_object(value: Value) -> Result<Map<String, Value>> {
    match value {
        Value::Object(map) => Ok(map),
        _ => Err(Error::Invalid("an object is wanted".to_owned())),
    }
}

/// With its id, and with the keys and secrets that the app has never shown.
fn written(kind: &str, id: &str, value: Value, before: Option<&Value>) -> Result<Value> {
    let mut object = as_object(value)?;
    if kind != CATCH_ALL {
        match object.get("id").map(|given| given == id) {
            Some(false) => return Err(Error::Invalid("an object keeps its id; make a new one and remove this one".to_owned())),
            _ => object.insert("id".to_owned(), json!(id)),
        };
    }
    object.retain(|_, value| !value.is_null());
    for (list, keys) in [("integrations", &["key", "key_file", "key_sha256"][..]), ("contact", &["secret", "secret_file"][..])] {
        let kept = keys.last().map_or("", |key| if *key == "secret_file" { "secret" } else { key });
        for one in object.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut) {
            let was = before.and_then(|before| before[list].as_array()?.iter().find(|old| old["id"] == one["id"])?.get(kept));
            match was {
                Some(was) if !keys.iter().any(|key| one.contains_key(*key)) => {
                    one.insert(kept.to_owned(), was.clone());
                }
                _ => one.retain(|_, value| !value.is_null()),
            }
        }
    }
    Ok(Value::Object(object))
}

type Checked = (Setup, Vec<firedog_domain::setup::diagnostic::Diagnostic>);

/// The whole with one object in it, if it has no mistakes.
fn checked(app: &App, rest: Map<String, Value>, kind: &str, id: &str, value: Value) -> Result<Checked> {
    let mut alone = Map::new();
    put_into(&mut alone, kind, id, value);
    let pretty = serde_json::to_string_pretty(&alone).map_err(|error| Error::Broken(error.to_string()))?;
    whole(
        app,
        vec![
            SourceFile { name: name(kind, id), text: pretty },
            SourceFile { name: "(everything else)".to_owned(), text: Value::Object(without_empty(rest)).to_string() },
        ],
    )
}

fn without_empty(mut file: Map<String, Value>) -> Map<String, Value> {
    file.retain(|_, value| !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty()));
    file
}

fn whole(app: &App, files: Vec<SourceFile>) -> Result<Checked> {
    let loaded = check_files(&files, &NoOutside, app.now());
    match loaded.setup {
        Some(setup) => Ok((setup, loaded.diagnostics)),
        None => Err(Error::Mistakes(loaded.diagnostics)),
    }
}

/// Removes an object that was made in the app, if nothing else refers to it.
pub async fn remove(app: &App, kind: &str, id: &str, wish: Wish, caller: &Caller) -> Result<Applied> {
    let kind = kind_of(kind)?;
    let mut own = owned(app).await?;
    let (setup, warnings) = {
        let scene = app.engine.scene().await?;
        let mut rest = as_object(as_json(&scene.world.setup))?;
        let before = take_from(&mut rest, kind, id).ok_or_else(|| Error::NotFound(format!("there is no {kind} `{id}`")))?;
        if !own.contains(&name(kind, id)) {
            return Err(in_files(kind, id));
        }
        may_edit(&scene.world.setup, kind, id, &[Some(&before), None], caller)?;
        whole(app, vec![SourceFile { name: APP_FILE.to_owned(), text: Value::Object(without_empty(rest)).to_string() }])?
    };
    own.retain(|one| *one != name(kind, id));
    setup::put(app, setup, own, warnings, wish, &caller.actor()).await
}

/// What to change in the files, for an object that stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// As a unified diff.
    pub diff: String,
    /// The object as it would be written.
    pub text: String,
}

pub async fn propose(app: &App, kind: &str, id: &str, value: Value, caller: &Caller) -> Result<Proposal> {
    let kind = kind_of(kind)?;
    let scene = app.engine.scene().await?;
    let mut rest = as_object(as_json(&scene.world.setup))?;
    let before = take_from(&mut rest, kind, id);
    let value = written(kind, id, value, before.as_ref())?;
    checked(app, rest, kind, id, value.clone())?;
    let text = |object: Option<&Value>| -> String {
        let Some(object) = object else { return String::new() };
        let mut alone = Map::new();
        put_into(&mut alone, kind, id, shown(kind, id, object, caller));
        // Without references that could be missing: this is for reading only.
        let Ok(part) = serde_json::from_value::<Setup>(Value::Object(alone.clone())) else {
            return serde_json::to_string_pretty(&alone).unwrap_or_default();
        };
        export(&part).into_iter().map(|file| file.text).collect()
    };
    let (old, new) = (text(before.as_ref()), text(Some(&value)));
    let diff =
        similar::TextDiff::from_lines(&old, &new).unified_diff().context_radius(3).header("in force", "proposed").to_string();
    Ok(Proposal { diff, text: new })
}

/// Adds the objects of a file as the app's own.
pub(super) async fn add(app: &App, file: Value, caller: &Caller) -> Result<()> {
    let mut own = owned(app).await?;
    let (setup, warnings) = {
        let scene = app.engine.scene().await?;
        let rest = without_empty(as_object(as_json(&scene.world.setup))?);
        for (kind, list) in KINDS {
            own.extend(file[list].as_array().into_iter().flatten().filter_map(|one| Some(name(kind, one["id"].as_str()?))));
        }
        if !file[CATCH_ALL].is_null() {
            own.push(name(CATCH_ALL, CATCH_ALL));
        }
        let mut files = vec![SourceFile { name: "new.yaml".to_owned(), text: file.to_string() }];
        if !rest.is_empty() {
            files.push(SourceFile { name: "(everything else)".to_owned(), text: Value::Object(rest).to_string() });
        }
        whole(app, files)?
    };
    own.sort();
    own.dedup();
    let wish = Wish { expect_version: Some(app.engine.scene().await?.world.version), ..Wish::default() };
    setup::put(app, setup, own, warnings, wish, &caller.actor()).await.map(|_| ())
}

/// Every integration: its service, its id, its kind, and whether it was made in the app.
pub async fn integrations(app: &App) -> Result<Vec<(String, String, IntegrationKind, bool)>> {
    let owned = owned(app).await?;
    let scene = app.engine.scene().await?;
    let of = |service: &firedog_domain::setup::Service| {
        let own = owned.contains(&name("service", service.id.as_str()));
        let row = |one: &firedog_domain::setup::Integration| (service.id.to_string(), one.id.clone(), one.kind, own);
        service.integrations.iter().map(row).collect::<Vec<_>>()
    };
    Ok(scene.world.setup.services.iter().flat_map(of).collect())
}

/// An integration and its key, which is shown once.
#[derive(Clone, Debug)]
pub struct Keyed {
    pub id: String,
    pub kind: IntegrationKind,
    pub key: Secret,
}

/// As PagerDuty's own: 32 letters and digits.
pub(super) fn new_key() -> Result<Secret> {
    Ok(Secret::new(hex(&random::<16>().map_err(|error| Error::Broken(error.to_string()))?)))
}

/// Adds an integration to a service that was made in the app.
pub async fn add_integration(app: &App, service: &str, kind: &str, id: Option<&str>, caller: &Caller) -> Result<Keyed> {
    let id = id.map_or_else(|| slug(kind), str::to_owned);
    let key = new_key()?;
    let entry = json!({ "id": id, "kind": kind, "key": key.expose() });
    change_integrations(app, service, caller, |items| {
        if items.iter().any(|one| one["id"] == id) {
            return Err(Error::Conflict(format!("the service has an integration `{id}` already; name another id")));
        }
        items.push(entry.clone());
        Ok(())
    })
    .await?;
    keyed(app, service, &id, key).await
}

/// Gives an integration another key; the old one is refused from now on.
pub async fn rotate(app: &App, service: &str, id: &str, caller: &Caller) -> Result<Keyed> {
    let key = new_key()?;
    change_integrations(app, service, caller, |items| {
        let one = items.iter_mut().find(|one| one["id"] == id).and_then(Value::as_object_mut);
        let one = one.ok_or_else(|| Error::NotFound(format!("the service has no integration `{id}`")))?;
        one.remove("key_sha256");
        one.insert("key".to_owned(), json!(key.expose()));
        Ok(())
    })
    .await?;
    keyed(app, service, id, key).await
}

async fn keyed(app: &App, service: &str, id: &str, key: Secret) -> Result<Keyed> {
    let scene = app.engine.scene().await?;
    let service = scene.world.setup.services.get(service);
    let kind = service.and_then(|service| service.integrations.iter().find(|one| one.id == id)).map(|one| one.kind);
    let kind = kind.ok_or_else(|| Error::Conflict("somebody else has changed the service meanwhile".to_owned()))?;
    Ok(Keyed { id: id.to_owned(), kind, key })
}

async fn change_integrations(
    app: &App,
    service: &str,
    caller: &Caller,
    change: impl FnOnce(&mut Vec<Value>) -> Result<()>,
) -> Result<()> {
    let (mut value, version) = {
        let scene = app.engine.scene().await?;
        let whole = as_json(&scene.world.setup);
        let found = find(&whole, "service", service).cloned();
        (found.ok_or_else(|| Error::NotFound(format!("there is no service `{service}`")))?, scene.world.version)
    };
    let items = value.as_object_mut().map(|value| value.entry("integrations").or_insert_with(|| json!([])));
    let items = items.and_then(Value::as_array_mut).ok_or_else(|| Error::Broken("a service is an object".to_owned()))?;
    change(items)?;
    let wish = Wish { expect_version: Some(version), yes: true, ..Wish::default() };
    put(app, "service", service, value, wish, caller).await.map(|_| ())
}
