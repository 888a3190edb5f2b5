//! A message: its text, and buttons under it.

use super::Mrkdwn;
use crate::bounds::{cut, one_line};
use crate::call::CallError;
use serde_json::{Value, json};

/// Buttons in one row that a phone still shows.
pub const MAX_BUTTONS: usize = 5;
/// Block Kit's own limits.
const MAX_HEADER: usize = 150;
const MAX_LABEL: usize = 75;
const MAX_ACTION: usize = 255;
const MAX_VALUE: usize = 2_000;
const MAX_URL: usize = 3_000;
const MAX_TITLE: usize = 100;
const MAX_SURE: usize = 300;
const MAX_CHOICE: usize = 30;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// In large letters above the text.
    pub header: Option<String>,
    /// Also what a notification shows.
    pub text: Mrkdwn,
    pub buttons: Vec<Button>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Button {
    /// What comes back when it is pressed; unique in the message.
    pub action: String,
    pub label: String,
    pub style: Style,
    pub press: Press,
    /// What is asked before it counts, so that a thumb does nothing by mistake.
    pub sure: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    #[default]
    Plain,
    Primary,
    Danger,
}

/// What a button does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Press {
    /// Tells us; whoever presses is asked for their rights again.
    Tell(String),
    /// Opens a page.
    Open(String),
}

impl Message {
    pub fn of(text: Mrkdwn) -> Self {
        Self { text, ..Self::default() }
    }

    /// `None`: a text alone needs none.
    pub(super) fn blocks(&self) -> Result<Option<Value>, CallError> {
        if self.text.is_empty() {
            return Err(CallError::rejected("a message without words"));
        }
        if self.header.is_none() && self.buttons.is_empty() {
            return Ok(None);
        }
        let mut blocks = Vec::new();
        if let Some(header) = self.header.as_deref().map(one_line).filter(|header| !header.is_empty()) {
            let header = cut(&crate::mask::text(&header), MAX_HEADER);
            blocks.push(json!({ "type": "header", "text": { "type": "plain_text", "text": header } }));
        }
        blocks.push(json!({ "type": "section", "text": { "type": "mrkdwn", "text": self.text.as_str() } }));
        if self.buttons.len() > MAX_BUTTONS {
            return Err(CallError::rejected(format!("more than {MAX_BUTTONS} buttons")));
        }
        if !self.buttons.is_empty() {
            let elements = self.buttons.iter().map(Button::element).collect::<Result<Vec<_>, _>>()?;
            blocks.push(json!({ "type": "actions", "elements": elements }));
        }
        Ok(Some(Value::Array(blocks)))
    }
}

impl Button {
    fn element(&self) -> Result<Value, CallError> {
        let label = cut(&one_line(&self.label), MAX_LABEL);
        let (name, content, most) = match &self.press {
            Press::Tell(value) => ("value", value, MAX_VALUE),
            Press::Open(url) => ("url", url, MAX_URL),
        };
        if label.is_empty() || self.action.is_empty() || self.action.len() > MAX_ACTION || content.chars().count() > most {
            return Err(CallError::rejected("a button has no label, or what it carries is too long"));
        }
        let mut element = json!({ "type": "button", "action_id": self.action, "text": { "type": "plain_text", "text": label } });
        element[name] = json!(content);
        if let Some(sure) = &self.sure {
            let text = |text: &str, most: usize| json!({ "type": "plain_text", "text": cut(&one_line(text), most) });
            element["confirm"] = json!({
                "title": text("Are you sure?", MAX_TITLE), "text": text(sure, MAX_SURE), "confirm": text(&label, MAX_CHOICE),
                "deny": text("Back", MAX_CHOICE),
            });
        }
        match self.style {
            Style::Plain => {}
            Style::Primary => element["style"] = json!("primary"),
            Style::Danger => element["style"] = json!("danger"),
        }
        Ok(element)
    }
}
