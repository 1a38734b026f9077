//! Consistency of the SAM template with the program: mistakes that linters accept, and a deployment would not.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use heartbeat_core::config::KEYS;
use heartbeat_functions::routes::ROUTES;
use heartbeat_tests::lambda::EVENT_FUNCTIONS;
use serde_yaml_ng::Value;

/// Route keys of the WebSocket API, with the logical ids of their functions: `$connect`, `StreamConnect`.
fn websocket_routes() -> Vec<(String, String)> {
    let route = |name: &str| Some((format!("${}", name.strip_prefix("stream_")?), logical_id(name)));
    EVENT_FUNCTIONS.into_iter().filter_map(route).collect()
}

fn template() -> Value {
    serde_yaml_ng::from_str(include_str!("../../infra/template.yaml")).expect("YAML")
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

#[test]
fn every_function_of_the_program_is_deployed_and_no_other() {
    let routes = ROUTES.iter().map(|route| route.name);
    let mut expected: Vec<String> = routes.chain(EVENT_FUNCTIONS).map(logical_id).collect();
    expected.sort();
    assert_eq!(functions().into_keys().collect::<Vec<_>>(), expected);
}

#[test]
fn every_route_has_its_paths_with_any_method() {
    let functions = functions();
    for route in ROUTES {
        let events = functions[&logical_id(route.name)]["Events"].as_mapping().expect("events");
        let mut paths = Vec::new();
        for event in events.values().filter(|event| !event["Properties"]["Path"].is_null()) {
            assert_eq!((&event["Type"], &event["Properties"]["Method"]), (&"HttpApi".into(), &"ANY".into()));
            assert_eq!(reference(&event["Properties"]["ApiId"]), "HttpApi");
            paths.push(event["Properties"]["Path"].as_str().expect("text").to_owned());
        }
        assert_eq!(paths, route.paths, "{}", route.name);
    }
    let rest = &functions["Home"]["Events"]["Rest"]["Properties"];
    assert!(
        rest["Path"].is_null() && rest["Method"].is_null(),
        "the default route has neither path nor method"
    );
}

#[test]
fn every_event_of_a_websocket_reaches_its_function() {
    let template = template();
    assert_eq!(template["Resources"]["SocketApi"]["Properties"]["ProtocolType"], "WEBSOCKET");
    let routes = resources(&template, "AWS::ApiGatewayV2::Route");
    let integrations = resources(&template, "AWS::ApiGatewayV2::Integration");
    let permissions = resources(&template, "AWS::Lambda::Permission");
    let expected = websocket_routes();
    assert_eq!((routes.len(), expected.len()), (3, 3));
    for (key, function) in &expected {
        let route = routes.values().find(|route| route["RouteKey"] == key.as_str()).expect(key);
        let target = reference(&route["Target"]).trim_start_matches("integrations/${").trim_end_matches('}');
        let integration = &integrations[target];
        assert_eq!(integration["IntegrationType"], "AWS_PROXY");
        assert!(
            reference(&integration["IntegrationUri"]).contains(&format!("${{{function}.Arn}}/invocations"))
        );
        let permission = permissions
            .values()
            .find(|permission| reference(&permission["FunctionName"]) == *function)
            .expect(function);
        assert!(
            reference(&permission["SourceArn"]).ends_with(&format!(":${{SocketApi}}/live/{key}")),
            "{key}"
        );
    }
}

#[test]
fn functions_get_only_known_configuration_keys() {
    let template = template();
    let shared = text(&template["Globals"]["Function"]["Environment"]["Variables"]);
    let known =
        |name: &str| name == "HEARTBEAT_HOME" || KEYS.iter().any(|key| key.environment_name() == name);
    for (id, function) in functions() {
        let own = text(&function["Environment"]["Variables"]);
        for name in (shared.clone() + " " + &own).split(' ').filter(|word| word.starts_with("HEARTBEAT_")) {
            assert!(known(name), "{id} is given {name}");
        }
    }
}

/// Source files below `functions/src` that contain `text`.
fn sources_with(text: &str) -> BTreeSet<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions/src");
    let (mut found, mut open) = (BTreeSet::new(), vec![root.clone()]);
    while let Some(path) = open.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(&path).expect("a folder");
            open.extend(entries.map(|entry| entry.expect("an entry").path()));
        } else if fs::read_to_string(&path).expect("a source file").contains(text) {
            found.insert(path.strip_prefix(&root).expect("a path below the root").to_owned());
        }
    }
    found
}

#[test]
fn exactly_the_functions_that_call_aws_get_its_variables() {
    for (variable, constructor) in [
        ("PUSHER_FUNCTION", "PusherStarter::from_environment"),
        ("AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI", "ApiGateway::from_environment"),
    ] {
        let given = |id: &String| text(&functions()[id]["Environment"]["Variables"]).contains(variable);
        let names = ROUTES.iter().map(|route| route.name).chain(EVENT_FUNCTIONS);
        // No route calls AWS, so every caller is the file of an event function.
        let expected: BTreeSet<PathBuf> = names
            .filter(|name| given(&logical_id(name)))
            .map(|name| format!("lambda/{name}.rs").into())
            .collect();
        assert!(!expected.is_empty(), "{variable}");
        assert_eq!(sources_with(constructor), expected, "{variable}");
    }
}

#[test]
fn permissions_are_no_wider_than_needed() {
    for (id, function) in functions() {
        let policies = text(&function["Policies"]);
        let expected = (
            ["Pusher", "StreamDefault"].contains(&id.as_str()),
            ["Pusher", "StreamConnect", "StreamDefault"].contains(&id.as_str()),
        );
        let granted =
            (policies.contains("execute-api:ManageConnections"), policies.contains("lambda:InvokeFunction"));
        assert_eq!(granted, expected, "{id}");
        assert!(!policies.split(' ').any(|word| word == "*" || word.ends_with(":*")), "{id}: {policies}");
        let knows_key = text(&function["Environment"]["Variables"]).contains("HEARTBEAT_SECRET_KEY");
        assert_eq!(knows_key, id.starts_with("Devices"), "{id}");
    }
}

#[test]
fn secrets_come_from_secrets_manager() {
    let template = include_str!("../../infra/template.yaml");
    for name in ["HEARTBEAT_DATABASE_DSN", "HEARTBEAT_SECRET_KEY", "HEARTBEAT_WEBHOOK_URL"] {
        for line in template.lines().filter(|line| line.contains(name)) {
            assert!(line.contains("\"{{resolve:secretsmanager:${"), "{line}");
        }
    }
}

#[test]
fn there_is_one_pusher_at_a_time_with_a_safety_net() {
    let functions = functions();
    let pusher = &functions["Pusher"];
    assert_eq!(pusher["ReservedConcurrentExecutions"], 1);
    assert_eq!(pusher["Events"]["Minute"]["Properties"]["ScheduleExpression"], "rate(1 minute)");
    // The name by which other functions invoke it.
    let name = reference(&pusher["FunctionName"]);
    for id in ["Pusher", "StreamConnect", "StreamDefault"] {
        assert_eq!(reference(&functions[id]["Environment"]["Variables"]["PUSHER_FUNCTION"]), name, "{id}");
    }
}

#[test]
fn functions_run_on_arm_unless_configured_otherwise() {
    let template = template();
    assert_eq!(template["Parameters"]["Architecture"]["Default"], "arm64");
    assert_eq!(template["Globals"]["Function"]["Runtime"], "provided.al2023");
    for (id, function) in functions() {
        assert_eq!(template["Resources"][&id]["Metadata"]["BuildMethod"], "makefile", "{id}");
        assert!(function["Runtime"].is_null() && function["Architectures"].is_null(), "{id}");
    }
}
