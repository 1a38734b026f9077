//! Consistency of the SAM template and of the manifests for Kubernetes with the program: mistakes that linters accept, and
//! a deployment would not.
//!
//! - [`functions`]: functions, their events, and what they may do
//! - [`secrets`]: who may read which secret
//! - [`shares`]: shares of the database's connections
//! - [`edge`]: what CloudFront caches
//! - [`alarms`]: what the owner is told of
//! - [`kubernetes`]: manifests for Kubernetes

mod alarms;
mod edge;
mod functions;
mod kubernetes;
mod secrets;
mod shares;

use std::collections::BTreeMap;

use heartbeat_functions::routes::{ROUTES, Route};
use heartbeat_tests::lambda::EVENT_FUNCTIONS;
use serde_yaml_ng::Value;

/// The template as it is written.
const SOURCE: &str = include_str!("../../../infra/template.yaml");

fn template() -> Value {
    serde_yaml_ng::from_str(SOURCE).expect("YAML")
}

/// Properties of the resources of a type, by their logical ids.
fn resources(template: &Value, kind: &str) -> BTreeMap<String, Value> {
    let all = template["Resources"].as_mapping().expect("resources");
    let matching = all.iter().filter(|(_, resource)| resource["Type"] == kind);
    matching
        .map(|(id, resource)| (id.as_str().expect("an id").to_owned(), resource["Properties"].clone()))
        .collect()
}

fn functions() -> BTreeMap<String, Value> {
    resources(&template(), "AWS::Serverless::Function")
}

/// Logical id of a function: `StreamConnect` for `stream_connect`.
fn logical_id(name: &str) -> String {
    let words = name.split('_').map(|word| word[..1].to_uppercase() + &word[1..]);
    words.collect()
}

/// Logical ids of the functions that use the database: some routes, and whatever answers other events.
fn functions_with_database() -> Vec<String> {
    let routes = ROUTES.iter().filter(|route| route.needs_database).map(Route::function);
    let mut ids: Vec<String> = routes.chain(EVENT_FUNCTIONS).map(logical_id).collect();
    ids.sort();
    ids.dedup();
    ids
}

/// Text of a value and of everything below it, intrinsic functions of CloudFormation included.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Sequence(items) => items.iter().map(text).collect::<Vec<_>>().join(" "),
        Value::Mapping(members) => {
            members.iter().map(|(name, value)| text(name) + " " + &text(value)).collect::<Vec<_>>().join(" ")
        }
        Value::Tagged(tagged) => text(&tagged.value),
        Value::Bool(_) | Value::Number(_) | Value::Null => String::new(),
    }
}

/// Argument of `!Ref` or `!Sub`.
fn reference(value: &Value) -> &str {
    match value {
        Value::Tagged(tagged) if tagged.tag == "!Ref" || tagged.tag == "!Sub" => {
            tagged.value.as_str().expect("text")
        }
        _ => panic!("{value:?} refers to nothing"),
    }
}

/// Items of a sequence of texts.
fn texts(value: &Value) -> Vec<&str> {
    let items = value.as_sequence().expect("a sequence");
    items.iter().map(|item| item.as_str().expect("text")).collect()
}
