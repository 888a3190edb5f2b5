//! The OpenAPI document: it is committed, and every answer in the stories is held against it.

use jsonschema::Validator;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

pub(crate) struct Document {
    document: Value,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

impl Document {
    pub(crate) fn get() -> &'static Self {
        static DOCUMENT: OnceLock<Document> = OnceLock::new();
        DOCUMENT.get_or_init(|| Self {
            document: serde_json::from_str(&firedog_server::api::openapi_json()).unwrap(),
            validators: Mutex::default(),
        })
    }

    /// # Panics
    /// The answer is not what the document says.
    pub(crate) fn check(&self, method: &str, path: &str, status: u16, body: &Value) {
        let Some(template) = self.template(path) else { panic!("{path} is not in the document") };
        let operation = &self.document["paths"][&template][method.to_ascii_lowercase()];
        if operation.is_null() && matches!(status, 405 | 404) {
            return;
        }
        let responses = &operation["responses"];
        let given = &responses[status.to_string()];
        let (response, media) =
            if given.is_null() { (&responses["default"], "application/problem+json") } else { (given, "application/json") };
        assert!(!given.is_null() || status >= 400, "{method} {template} answers {status}, which the document does not know");
        let schema = &response["content"][media]["schema"];
        assert!(!schema.is_null(), "{method} {template} has no schema for {status}");
        let key = format!("{method} {template} {status}");
        let validator = self.validator(&key, schema);
        let wrong: Vec<String> = validator.iter_errors(body).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(wrong.is_empty(), "{key}: {wrong:#?}\n{body:#}");
    }

    fn validator(&self, key: &str, schema: &Value) -> Arc<Validator> {
        let mut validators = self.validators.lock().unwrap();
        let made = validators.entry(key.to_owned()).or_insert_with(|| {
            let whole = json!({ "allOf": [schema], "components": self.document["components"] });
            Arc::new(jsonschema::draft202012::options().should_validate_formats(true).build(&whole).unwrap())
        });
        made.clone()
    }

    /// The path of the document that a real path fits; literal parts beat parameters.
    fn template(&self, path: &str) -> Option<String> {
        let parts: Vec<&str> = path.split('/').collect();
        let fits = |template: &&String| {
            let wanted: Vec<&str> = template.split('/').collect();
            wanted.len() == parts.len() && wanted.iter().zip(&parts).all(|(want, part)| want.starts_with('{') || want == part)
        };
        let paths = self.document["paths"].as_object().unwrap();
        paths.keys().filter(fits).min_by_key(|template| template.matches('{').count()).cloned()
    }
}

const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");

#[test]
fn the_committed_document_is_that_of_the_code() {
    let document = firedog_server::api::openapi_json() + "\n";
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(COMMITTED, &document).unwrap();
    }
    let committed = std::fs::read_to_string(COMMITTED).unwrap_or_default();
    assert!(
        committed == document,
        "docs/openapi.json is not that of the code; write it with: UPDATE=1 cargo test -p firedog-server --test it document"
    );
}

#[test]
fn every_operation_says_what_it_is_for_and_what_goes_wrong() {
    let document = &Document::get().document;
    assert_eq!(document["openapi"].as_str().map(|version| &version[..3]), Some("3.1"));
    let mut operations = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            operations += 1;
            assert!(operation["summary"].is_string(), "{method} {path} has no summary");
            assert!(operation["responses"]["default"].is_object(), "{method} {path}");
        }
    }
    assert!(operations > 35, "{operations}");
    let problem = &document["components"]["schemas"]["Problem"]["properties"];
    for field in ["type", "title", "status", "detail", "next", "paged"] {
        assert!(problem[field].is_object(), "{field}");
    }
}

#[test]
fn references_lead_somewhere() {
    fn walk(document: &Value, value: &Value) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(to)) = fields.get("$ref") {
                    assert!(document.pointer(to.trim_start_matches('#')).is_some(), "{to}");
                }
                fields.values().for_each(|value| walk(document, value));
            }
            Value::Array(items) => items.iter().for_each(|value| walk(document, value)),
            _ => {}
        }
    }
    walk(&Document::get().document, &Document::get().document);
}
