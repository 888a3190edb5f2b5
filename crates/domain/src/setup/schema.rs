//! JSON Schema of the setup files, for editors that complete and check while typing.

pub mod keys;

use keys::{Object, Shape};
use serde_json::{Map, Value, json};

/// Draft 2020-12. It accepts what [`super::load`] accepts, as far as a schema can say it: references, zones
/// and expressions are checked by `firedog check` only.
pub fn json_schema() -> Value {
    let mut definitions = Map::new();
    for object in keys::OBJECTS {
        definitions.insert(name(object), describe(object));
    }
    let mut root = describe(&keys::SETUP);
    // A file of its own is a runbook or a table; what it then is says all of its keys.
    let of = |object: &Object| json!({ "$ref": format!("#/$defs/{}", name(object)) });
    root["if"] = json!({ "required": ["runbook"] });
    root["then"] = of(&keys::RUNBOOK);
    root["else"] = json!({ "if": { "required": ["table"] }, "then": of(&keys::TABLE), "else": of(&keys::SETUP) });
    if let Some(root) = root.as_object_mut() {
        root.remove("additionalProperties");
    }
    root["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    root["title"] = json!("Firedog setup");
    root["$defs"] = Value::Object(definitions);
    root
}

fn name(object: &Object) -> String {
    object.what.replace(' ', "_")
}

fn describe(object: &Object) -> Value {
    let mut properties = Map::new();
    for key in object.keys {
        let mut shape = schema_of(&key.shape);
        if let Some(what) = what(&key.shape) {
            shape["x-shape"] = json!(what);
        }
        shape["description"] = json!(key.about);
        let example: Value = serde_json::from_str(key.example).expect("the examples of the keys are JSON; a test reads them all");
        shape["examples"] = json!([example]);
        properties.insert(key.name.to_owned(), shape);
    }
    let required: Vec<&str> = object.keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    let mut schema = json!({
        "type": "object",
        "description": object.about,
        "properties": properties,
        "required": required,
        "additionalProperties": false,
        // The order in which people write them; JSON objects have none.
        "x-order": object.keys.iter().map(|key| key.name).collect::<Vec<_>>(),
    });
    if !object.exactly_one.is_empty() {
        schema["oneOf"] = object.exactly_one.iter().map(|key| json!({ "required": [key] })).collect();
    }
    schema
}

/// What a text means, for forms: JSON Schema has no word for it.
fn what(shape: &Shape) -> Option<String> {
    Some(match shape {
        Shape::Ref(kind) => format!("ref:{kind}"),
        Shape::List(of) | Shape::OneOrMore(of) => format!("list:{}", what(of)?),
        Shape::Any([one, many]) if what(many).is_some_and(|many| many.starts_with("list:")) => format!("some:{}", what(one)?),
        Shape::Map(object) => format!("map:{}", name(object)),
        Shape::Slug => "slug".to_owned(),
        Shape::Length => "length".to_owned(),
        Shape::Every => "every".to_owned(),
        Shape::Zone => "zone".to_owned(),
        Shape::LocalTime => "local".to_owned(),
        Shape::Clock => "clock".to_owned(),
        Shape::Bool => "bool".to_owned(),
        Shape::Count(..) => "count".to_owned(),
        Shape::OneOf(_) => "word".to_owned(),
        Shape::Email | Shape::Url | Shape::Text | Shape::Days => "text".to_owned(),
        _ => return None,
    })
}

fn schema_of(shape: &Shape) -> Value {
    let pattern = |pattern: &str| json!({ "type": "string", "pattern": pattern });
    match shape {
        Shape::Slug | Shape::Ref(_) => pattern("^[a-z0-9][a-z0-9._-]{0,63}$"),
        Shape::Email => pattern(r"^([^@\s]+@[^@\s]+|\$\{[A-Za-z_][A-Za-z0-9_]*\})$"),
        Shape::Url => pattern(r"^(https?://\S+|\$\{[A-Za-z_][A-Za-z0-9_]*\})$"),
        Shape::Length => pattern("^([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$"),
        Shape::Every => pattern("^[1-9][0-9]*(h|d|w|mo)$"),
        Shape::LocalTime => pattern("^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?)?$"),
        Shape::Instant => {
            pattern("^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?([Zz]|[+-][0-9]{2}:[0-9]{2})?)?$")
        }
        Shape::Clock => pattern("^[0-9]{2}:[0-9]{2}(:[0-9]{2})?$"),
        Shape::ClockOrInstant => json!({ "anyOf": [schema_of(&Shape::Clock), schema_of(&Shape::Instant)] }),
        Shape::Days => json!({ "anyOf": [
            pattern("^(daily|all|(mon|tue|wed|thu|fri|sat|sun)([-,] ?(mon|tue|wed|thu|fri|sat|sun))*)$"),
            { "type": "array", "minItems": 1, "items": { "enum": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] } },
        ] }),
        Shape::Sha256 => pattern("^[0-9A-Fa-f]{64}$"),
        Shape::Zone | Shape::Cel | Shape::Matcher => json!({ "type": "string", "minLength": 1 }),
        // Numbers and truth values are taken as they are written.
        Shape::Text => json!({ "type": ["string", "number", "boolean"] }),
        Shape::Texts => json!({ "type": "object", "additionalProperties": { "type": ["string", "number", "boolean"] } }),
        Shape::Questions => json!({ "type": "object", "additionalProperties": { "anyOf": [
            { "enum": ["text", "number", "bool"] },
            { "type": "array", "minItems": 1, "items": { "type": ["string", "number", "boolean"] } },
        ] } }),
        Shape::Items => json!({ "anyOf": [
            pattern(r"^\$\{[a-z0-9_.-]+\}$"),
            { "type": "array", "minItems": 1, "items": { "type": ["string", "number", "boolean"] } },
        ] }),
        Shape::Bool => json!({ "type": "boolean" }),
        Shape::Count(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Shape::OneOf(words) => json!({ "enum": words }),
        Shape::List(of) => json!({ "type": "array", "items": schema_of(of) }),
        Shape::OneOrMore(of) => json!({ "type": "array", "minItems": 1, "items": schema_of(of) }),
        Shape::Map(object) => json!({ "$ref": format!("#/$defs/{}", name(object)) }),
        Shape::Any(shapes) => json!({ "anyOf": shapes.iter().map(schema_of).collect::<Vec<_>>() }),
    }
}
