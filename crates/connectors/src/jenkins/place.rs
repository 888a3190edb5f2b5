//! Finding a build again: by the caller's own parameter, or by the item it came of.

use super::{Action, Jenkins, path, text_of};
use crate::call::CallError;
use serde::Deserialize;

const QUEUE: &str = "items[id,task[name],actions[parameters[name,value]]]";
/// Jenkins itself lists no more builds than a hundred.
const BUILDS: &str = "builds[number,actions[parameters[name,value]]]{0,100}";
const BUILDS_BY_ITEM: &str = "builds[number,queueId]{0,100}";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The item's id.
    Queued(u64),
    /// The build's number.
    Build(u64),
}

#[derive(Deserialize)]
struct Queue {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    id: u64,
    task: Option<Task>,
    actions: Option<Vec<Option<Action>>>,
}

#[derive(Deserialize)]
struct Task {
    name: Option<String>,
}

#[derive(Deserialize)]
struct Builds {
    builds: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    number: u64,
    #[serde(rename = "queueId")]
    item: Option<u64>,
    actions: Option<Vec<Option<Action>>>,
}

impl Jenkins {
    /// In the queue and among the newest hundred builds, by the value of a parameter. One that is just leaving the queue is in
    /// neither for a moment: that nothing was found is certain only some seconds later.
    pub async fn find(&self, name: &str, parameter: &str, value: &str) -> Result<Option<Place>, CallError> {
        let page = path(name, &["api", "json"])?;
        // In this order, so that an item which leaves meanwhile is found behind.
        let Queue { items } = self.read(&["queue", "api", "json"], QUEUE).await?;
        let own = name.rsplit('/').next();
        // The task may be hidden from us.
        let is_own = |item: &Item| item.task.as_ref().and_then(|task| task.name.as_deref()).is_none_or(|name| Some(name) == own);
        if let Some(item) = items.iter().find(|item| is_own(item) && has(&item.actions, parameter, value)) {
            return Ok(Some(Place::Queued(item.id)));
        }
        let Builds { builds } = self.read(&page, BUILDS).await?;
        Ok(builds.iter().find(|build| has(&build.actions, parameter, value)).map(|build| Place::Build(build.number)))
    }

    /// The build that came of a queue item, once the item is gone; among the newest hundred.
    pub async fn build_of(&self, name: &str, item: u64) -> Result<Option<u64>, CallError> {
        let Builds { builds } = self.read(&path(name, &["api", "json"])?, BUILDS_BY_ITEM).await?;
        Ok(builds.iter().find(|build| build.item == Some(item)).map(|build| build.number))
    }
}

fn has(actions: &Option<Vec<Option<Action>>>, name: &str, value: &str) -> bool {
    let given = actions.iter().flatten().flatten().filter_map(|action| action.parameters.as_ref()).flatten();
    given.filter(|given| given.name.as_deref() == Some(name)).any(|given| text_of(&given.value).as_deref() == Some(value))
}
