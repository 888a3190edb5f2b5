//! Views of the inbox that somebody keeps.

use super::sign_in::nobody;
use super::{Error, Result};
use crate::app::App;
use crate::auth::Caller;
use firedog_domain::id::UserId;
use firedog_store::saved_filter::{self, SavedFilter};
use firedog_store::{Op, Tx};

/// Views of one person.
const MAX: usize = 50;
const MAX_NAME: usize = 60;
const MAX_QUERY: usize = 500;

pub async fn list(app: &App, caller: &Caller) -> Result<Vec<SavedFilter>> {
    let user = caller.user.clone().ok_or_else(nobody)?;
    Ok(app.engine.store().read(List(user)).await?)
}

pub async fn put(app: &App, name: &str, query: &str, caller: &Caller) -> Result<SavedFilter> {
    let user = caller.user.clone().ok_or_else(nobody)?;
    let name = name.trim().to_owned();
    if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(Error::Invalid(format!("a name has 1 to {MAX_NAME} characters")));
    }
    if query.len() > MAX_QUERY || query.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(Error::Invalid(format!("a query is what stands after `?` in the address, {MAX_QUERY} bytes at the most")));
    }
    let known = list(app, caller).await?;
    if known.len() >= MAX && known.iter().all(|one| one.name != name) {
        return Err(Error::Conflict(format!("you keep {MAX} views; remove one")));
    }
    let filter = SavedFilter { name, query: query.to_owned(), created_at: app.now() };
    app.engine.store().write(Put { user, filter: filter.clone() }).await?;
    Ok(filter)
}

pub async fn remove(app: &App, name: &str, caller: &Caller) -> Result<()> {
    let user = caller.user.clone().ok_or_else(nobody)?;
    match app.engine.store().write(Remove { user, name: name.to_owned() }).await {
        Err(firedog_store::Error::NotFound) => Err(Error::NotFound(format!("you keep no view `{name}`"))),
        done => Ok(done?),
    }
}

struct List(UserId);

impl Op for List {
    type Out = Vec<SavedFilter>;
    const NAME: &'static str = "saved_filter_list";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<Self::Out> {
        saved_filter::list(tx, &self.0, 2 * MAX as u32).await
    }
}

struct Put {
    user: UserId,
    filter: SavedFilter,
}

impl Op for Put {
    type Out = ();
    const NAME: &'static str = "saved_filter_put";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<()> {
        saved_filter::put(tx, &self.user, &self.filter).await
    }
}

struct Remove {
    user: UserId,
    name: String,
}

impl Op for Remove {
    type Out = ();
    const NAME: &'static str = "saved_filter_remove";
    async fn run(&self, tx: &mut dyn Tx) -> firedog_store::Result<()> {
        saved_filter::remove(tx, &self.user, &self.name).await
    }
}
