//! Functions, their events, and what they may do.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use heartbeat_core::config::KEYS;
use heartbeat_functions::routes::{ROUTES, Route};
use heartbeat_tests::lambda::EVENT_FUNCTIONS;
use serde_yaml_ng::Value;

use crate::{functions, logical_id, reference, resources, template, text};

/// Route keys of the WebSocket API, with the logical ids of their functions: `$connect`, `StreamConnect`.
fn websocket_routes() -> Vec<(String, String)> {
    let route = |name: &str| Some((format!("${}", name.strip_prefix("stream_")?), logical_id(name)));
    EVENT_FUNCTIONS.into_iter().filter_map(route).collect()
}

#[test]
fn every_function_of_the_program_is_deployed_and_no_other() {
    let routes = ROUTES.iter().map(Route::function);
    let mut expected: Vec<String> = routes.chain(EVENT_FUNCTIONS).map(logical_id).collect();
    expected.sort();
    expected.dedup();
    assert_eq!(functions().into_keys().collect::<Vec<_>>(), expected);
}

#[test]
fn every_route_has_its_paths_with_any_method() {
    let functions = functions();
    let mut expected: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for route in ROUTES {
        expected.entry(logical_id(route.function())).or_default().extend(route.paths);
    }
    for (id, expected) in expected {
        let events = functions[&id]["Events"].as_mapping().expect("events");
        let mut paths = BTreeSet::new();
        for event in events.values().filter(|event| !event["Properties"]["Path"].is_null()) {
            assert_eq!((&event["Type"], &event["Properties"]["Method"]), (&"HttpApi".into(), &"ANY".into()));
            assert_eq!(reference(&event["Properties"]["ApiId"]), "HttpApi");
            paths.insert(event["Properties"]["Path"].as_str().expect("text"));
        }
        assert_eq!(paths, expected, "{id}");
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
        let names = ROUTES.iter().map(Route::function).chain(EVENT_FUNCTIONS);
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
            ["Minutely", "Pusher", "StreamConnect", "StreamDefault"].contains(&id.as_str()),
        );
        let granted =
            (policies.contains("execute-api:ManageConnections"), policies.contains("lambda:InvokeFunction"));
        assert_eq!(granted, expected, "{id}");
        assert!(!policies.split(' ').any(|word| word == "*" || word.ends_with(":*")), "{id}: {policies}");
    }
}

#[test]
fn beats_have_rate_limits_that_no_visitor_uses_up() {
    let template = template();
    let limits =
        template["Resources"]["HttpApi"]["Properties"]["RouteSettings"].as_mapping().expect("limits");
    let limited: BTreeSet<String> = limits.keys().map(text).collect();
    let beats = ROUTES.iter().filter(|route| ["beat", "wakatime_heartbeats"].contains(&route.name));
    let expected = beats.flat_map(|route| route.paths).map(|path| format!("ANY {path}"));
    assert_eq!(limited, expected.collect::<BTreeSet<_>>());
    for (key, limit) in limits {
        let rates = ["ThrottlingBurstLimit", "ThrottlingRateLimit"].map(|name| limit[name].as_u64());
        assert!(rates.into_iter().all(|rate| rate > Some(0)), "{key:?}");
    }
}

#[test]
fn the_number_of_viewers_is_limited_where_they_are_registered() {
    for (id, function) in functions() {
        let limit = &function["Environment"]["Variables"]["HEARTBEAT_MAX_VIEWERS"];
        let registers = ["StreamConnect", "StreamDefault"].contains(&id.as_str());
        let keys_clients = !function["Environment"]["Variables"]["CLIENT_IP_KEY"].is_null();
        assert_eq!(keys_clients, registers, "{id}");
        assert_eq!((!limit.is_null()).then(|| reference(limit)), registers.then_some("MaxViewers"), "{id}");
    }
}

#[test]
fn every_caller_of_the_pusher_knows_its_name() {
    let functions = functions();
    let name = reference(&functions["Pusher"]["FunctionName"]);
    for id in ["Minutely", "Pusher", "StreamConnect", "StreamDefault"] {
        assert_eq!(reference(&functions[id]["Environment"]["Variables"]["PUSHER_FUNCTION"]), name, "{id}");
    }
}

#[test]
fn one_schedule_alone_wakes_the_database() {
    let mut schedules = Vec::new();
    for (id, function) in functions() {
        let Some(events) = function["Events"].as_mapping() else { continue };
        let timed = events.values().filter(|event| event["Type"] != "HttpApi");
        schedules.extend(timed.map(|it| (id.clone(), text(&it["Properties"]["ScheduleExpression"]))));
    }
    let rate = "RunsJobsEachMinute rate(1 minute) rate(${JobsEveryMinutes} minutes)";
    assert_eq!(schedules, [("Minutely".to_owned(), rate.to_owned())]);
    let template = template();
    let minutes = &template["Parameters"]["JobsEveryMinutes"];
    // Ten minutes without an evaluation of alerts are an outage.
    let allowed = minutes["AllowedValues"].as_sequence().expect("values").iter().map(Value::as_u64);
    assert_eq!(allowed.collect::<Vec<_>>(), [1, 5].map(Some));
    assert_eq!(minutes["Default"], 1);
}

#[test]
fn notifications_lead_to_where_the_pages_are() {
    let template = template();
    let url = |value: &Value| text(value).replace("HasLiveUrl LiveUrl ", "");
    let minutely = &functions()["Minutely"]["Environment"]["Variables"]["HEARTBEAT_LIVE_URL"];
    assert!(text(minutely).starts_with("HasLiveUrl LiveUrl "), "{minutely:?}");
    assert_eq!(url(minutely), url(&template["Outputs"]["Url"]["Value"]));
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
