//! The limits of Block Kit that a card can run into.

use super::Wrong;
use serde_json::Value;

const MAX_BLOCKS: usize = 50;
const TYPES: [&str; 9] = ["actions", "context", "divider", "file", "header", "image", "input", "rich_text", "section"];

pub(super) fn check(blocks: &Value) -> Result<(), Wrong> {
    let all = match blocks {
        Value::Null => return Ok(()),
        Value::Array(all) => all,
        _ => return Err(Wrong::Error("invalid_blocks_format")),
    };
    if all.len() > MAX_BLOCKS {
        return Err(Wrong::Blocks(format!("no more than {MAX_BLOCKS} items allowed [json-pointer:/blocks]")));
    }
    all.iter().enumerate().try_for_each(|(index, block)| one(block, index))
}

fn one(block: &Value, index: usize) -> Result<(), Wrong> {
    let too_long = |value: &Value, most: usize, at: &str| match value.as_str() {
        Some(text) if text.chars().count() > most => {
            Err(Wrong::Blocks(format!("must be less than {} characters [json-pointer:/blocks/{index}/{at}]", most + 1)))
        }
        _ => Ok(()),
    };
    let too_many = |value: &Value, most: usize, at: &str| match value.as_array() {
        Some(all) if all.len() > most => {
            Err(Wrong::Blocks(format!("no more than {most} items allowed [json-pointer:/blocks/{index}/{at}]")))
        }
        _ => Ok(()),
    };
    let kind = block["type"].as_str().unwrap_or_default();
    if !TYPES.contains(&kind) {
        return Err(Wrong::Blocks(format!("unsupported type: {kind} [json-pointer:/blocks/{index}/type]")));
    }
    too_long(&block["block_id"], 255, "block_id")?;
    too_long(&block["text"]["text"], if kind == "header" { 150 } else { 3_000 }, "text/text")?;
    too_many(&block["fields"], 10, "fields")?;
    too_many(&block["elements"], if kind == "context" { 10 } else { 25 }, "elements")?;
    for field in block["fields"].as_array().into_iter().flatten() {
        too_long(&field["text"], 2_000, "fields/text")?;
    }
    for element in block["elements"].as_array().into_iter().flatten().filter(|element| element["type"] == "button") {
        too_long(&element["text"]["text"], 75, "elements/text")?;
        too_long(&element["value"], 2_000, "elements/value")?;
        too_long(&element["url"], 3_000, "elements/url")?;
    }
    Ok(())
}
