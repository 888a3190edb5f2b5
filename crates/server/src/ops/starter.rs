//! The first pieces of a setup, for whoever has no files yet: a team of one with a schedule and a policy, and a first service.
//! What comes out is edited in the app; `firedog export` writes it as files, and once they are applied it lives in them.

use super::{Error, Result, objects};
use crate::app::App;
use crate::auth::Caller;
use crate::ops::objects::Keyed;
use firedog_domain::id::UserId;
use firedog_domain::setup::IntegrationKind;
use serde_json::{Value, json};

/// Longest name of a person, a team or a service, in characters.
const MAX_NAME: usize = 100;

/// A first person and their team.
#[derive(Clone, Debug)]
pub struct Beginning {
    pub name: String,
    pub email: String,
    pub team: String,
    /// IANA name.
    pub timezone: String,
}

/// Makes the first person, on call for their own team around the clock. Only where there is nobody yet.
pub async fn begin(app: &App, beginning: &Beginning) -> Result<UserId> {
    if !app.engine.scene().await?.world.setup.users.is_empty() {
        return Err(Error::Conflict("there are people already; choose who you are".to_owned()));
    }
    let (name, team) = (clean(&beginning.name, "your name")?, clean(&beginning.team, "the team's name")?);
    let (user, team_id) = (slug(&name), slug(&team));
    let schedule = format!("{team_id}-primary");
    let file = json!({
        "teams": [{ "id": team_id, "name": team, "members": [user], "policy": team_id }],
        "users": [{ "id": user, "name": name, "email": beginning.email.trim(), "timezone": beginning.timezone.trim() }],
        "schedules": [{
            "id": schedule, "name": format!("{team}, primary"), "team": team_id, "timezone": beginning.timezone.trim(),
            "layers": [{ "id": "weekly", "users": [user], "start": "2026-01-05T09:00", "every": "1w" }],
        }],
        "policies": [{ "id": team_id, "name": team, "team": team_id, "repeat": 2, "steps": [{ "page": [{ "schedule": schedule }], "wait": "5m" }] }],
        "catch_all": { "page": [{ "user": user }], "every": "30m" },
    });
    add(app, file, &Caller::token("first run", crate::auth::Role::Admin)).await?;
    Ok(UserId(user))
}

/// A new service of a team with an integration for each common kind of sender.
pub async fn add_service(app: &App, name: &str, team: &str, caller: &Caller) -> Result<(String, Vec<Keyed>)> {
    let scene = app.engine.scene().await?;
    if !scene.world.setup.teams.contains(team) {
        return Err(Error::NotFound(format!("there is no team `{team}`")));
    }
    let name = clean(name, "the service's name")?;
    let id = slug(&name);
    if scene.world.setup.services.contains(&id) {
        return Err(Error::Conflict(format!("there is a service `{id}` already")));
    }
    let mut entrances = Vec::new();
    for (id, kind) in [
        ("events", IntegrationKind::Pagerduty),
        ("prometheus", IntegrationKind::Alertmanager),
        ("generic", IntegrationKind::Generic),
    ] {
        entrances.push(Keyed { id: id.to_owned(), kind, key: objects::new_key()? });
    }
    let integrations: Vec<Value> =
        entrances.iter().map(|e| json!({ "id": e.id, "kind": e.kind, "key": e.key.expose() })).collect();
    add(app, json!({ "services": [{ "id": id, "name": name, "team": team, "integrations": integrations }] }), caller).await?;
    Ok((id, entrances))
}

/// Adds objects to the setup as it is; they are the app's.
async fn add(app: &App, file: Value, caller: &Caller) -> Result<()> {
    objects::add(app, file, caller).await
}

pub(super) fn clean(text: &str, what: &str) -> Result<String> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let length = text.chars().count();
    if !(1..=MAX_NAME).contains(&length) || text.chars().any(char::is_control) || slug(&text).is_empty() {
        return Err(Error::Invalid(format!("{what} needs 1 to {MAX_NAME} characters, some of them letters or digits")));
    }
    Ok(text)
}

/// `Ada Lovelace` is `ada-lovelace`.
pub(super) fn slug(name: &str) -> String {
    let mut slug = String::new();
    for c in name.to_lowercase().chars() {
        match c {
            'a'..='z' | '0'..='9' => slug.push(c),
            'ä' | 'á' | 'à' | 'â' | 'å' | 'ã' => slug.push('a'),
            'ö' | 'ó' | 'ò' | 'ô' | 'ø' | 'õ' => slug.push('o'),
            'ü' | 'ú' | 'ù' | 'û' => slug.push('u'),
            'é' | 'è' | 'ê' | 'ë' => slug.push('e'),
            'í' | 'ì' | 'î' | 'ï' => slug.push('i'),
            'ß' => slug.push_str("ss"),
            'ñ' => slug.push('n'),
            'ç' => slug.push('c'),
            _ if !slug.is_empty() && !slug.ends_with('-') => slug.push('-'),
            _ => {}
        }
    }
    let slug: String = slug.chars().take(40).collect();
    slug.trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_slugs() {
        for (name, expected) in [("Ada Lovelace", "ada-lovelace"), ("  Ünal & Sons ", "unal-sons"), ("---", ""), ("日本", "")]
        {
            assert_eq!(slug(name), expected, "{name}");
        }
        assert!(clean("日本", "it").is_err());
        assert_eq!(clean(" a  b ", "it").unwrap(), "a b");
    }
}
