//! Reference in `api.md`, from the `OpenAPI` document.

use std::{collections::BTreeMap, fmt::Write};

use heartbeat_functions::api::openapi;
use serde_json::{Map, Value, json};

use crate::Part;

/// Base URL of the examples.
const BASE_URL: &str = "http://127.0.0.1:6060";

/// Maximum width of a line of an example, beyond which readers would have to scroll.
const WIDTH_MAX: usize = 80;

/// Operation: one method at one path, or at a few that differ in the format of the response.
struct Operation<'a> {
    method: &'a str,
    paths: Vec<&'a str>,
    descriptions: Vec<&'a Value>,
}

pub(crate) fn reference() -> Part {
    let document: Value = serde_json::from_slice(&openapi::document()).expect("JSON");
    let mut text = String::new();
    for tag in list(&document["tags"]) {
        let _ = writeln!(text, "## {}\n\n{}.\n", capitalize(word(&tag["name"])), word(&tag["description"]));
        for operation in operations(&document, word(&tag["name"])) {
            describe(&mut text, &document, &operation);
        }
    }
    text += "## Objects\n\n";
    for (name, schema) in object(&document["components"]["schemas"]) {
        let schema = &joined(&document, schema);
        if schema["type"] == "object" {
            describe_object(&mut text, &document, name, schema);
        }
    }
    Part { file: "api.md".to_owned(), name: Some("reference"), text }
}

/// Returns the operations with a tag. Paths that differ only in their extension are one operation.
fn operations<'a>(document: &'a Value, tag: &str) -> Vec<Operation<'a>> {
    let mut operations: BTreeMap<(&str, &str), Operation> = BTreeMap::new();
    for (path, methods) in object(&document["paths"]) {
        for (method, description) in object(methods) {
            if description["tags"][0] != tag {
                continue;
            }
            let stem = match path.rsplit_once('.') {
                Some((stem, "svg" | "png" | "json")) => stem,
                _ => path,
            };
            let operation = operations.entry((stem, method)).or_insert_with(|| Operation {
                method,
                paths: Vec::new(),
                descriptions: Vec::new(),
            });
            operation.paths.push(path);
            operation.descriptions.push(description);
        }
    }
    operations.into_values().collect()
}

fn describe(text: &mut String, document: &Value, operation: &Operation) {
    let Operation { method, paths, descriptions } = operation;
    let description = descriptions[0];
    let summary = word(&description["summary"]);
    let title = if paths.len() > 1 { summary.split(", ").next().unwrap_or_default() } else { summary };
    let method = method.to_uppercase();
    let calls: Vec<String> = paths.iter().map(|path| format!("`{method} {path}`")).collect();
    let _ = writeln!(text, "### {title}\n\n{}\n", calls.join("<br>\n"));
    if let Some(about) = description["description"].as_str() {
        let _ = writeln!(text, "{about}\n");
    }
    let _ = writeln!(text, "**Who may:** {}.\n", credentials(description));
    let body = &description["requestBody"]["content"]["application/json"]["schema"];
    if !body.is_null() {
        let _ = writeln!(text, "**Body:** JSON, {}.\n", kind_of_body(document, body));
    }
    describe_parameters(text, document, paths, descriptions);
    describe_responses(text, document, descriptions);
    describe_example(text, document, &method, paths[0], description);
}

/// Names the object of a body, or the objects in a list.
fn kind_of_body(document: &Value, schema: &Value) -> String {
    match reference_name(schema) {
        "" => values(document, schema),
        name => format!("[{name}](#{})", name.to_lowercase()),
    }
}

fn credentials(description: &Value) -> &'static str {
    let schemes: Vec<&String> =
        list(&description["security"]).iter().flat_map(|scheme| object(scheme).keys()).collect();
    match schemes.first().map(|scheme| scheme.as_str()) {
        Some("ownerKey") if schemes.iter().any(|scheme| *scheme == "ownerSession") => {
            "the owner, with the secret key or in a session of `/manage`"
        }
        Some("ownerKey") => "the owner, with the secret key",
        Some("deviceToken") => "a device, with its token",
        Some("editorKey") => "an editor, with its key or with the token of its device",
        None => "anyone",
        Some(other) => panic!("{other} has no words yet"),
    }
}

fn describe_parameters(text: &mut String, document: &Value, paths: &[&str], descriptions: &[&Value]) {
    // Each parameter with the paths that have it, in the order of the last path, which may have one more.
    let mut parameters: Vec<(&Value, Vec<&str>)> = Vec::new();
    for (path, description) in paths.iter().zip(descriptions) {
        for parameter in list(&description["parameters"]) {
            match parameters.iter_mut().find(|(known, _)| known["name"] == parameter["name"]) {
                Some((_, with_it)) => with_it.push(path),
                None => parameters.push((parameter, vec![path])),
            }
        }
    }
    if parameters.is_empty() {
        return;
    }
    *text += "| Parameter | Values | What it is |\n|---|---|---|\n";
    for (parameter, with_it) in parameters {
        let mut about = cell(word(&parameter["description"]));
        if with_it.len() < paths.len() {
            let _ = write!(about, " Only for `{}`.", with_it.join("`, `"));
        }
        let place = if parameter["in"] == "path" { ", in the path" } else { "" };
        let _ = writeln!(
            text,
            "| `{}`{place} | {} | {about} |",
            word(&parameter["name"]),
            values(document, &parameter["schema"])
        );
    }
    *text += "\n";
}

fn describe_responses(text: &mut String, document: &Value, descriptions: &[&Value]) {
    *text += "| Answer | What it means | Headers |\n|---|---|---|\n";
    for (status, response) in object(&descriptions[0]["responses"]) {
        let response = resolve(document, response);
        let mut about = cell(word(&response["description"]));
        let mut types: Vec<String> = Vec::new();
        for description in descriptions {
            let response = resolve(document, &description["responses"][status]);
            for (content_type, content) in response["content"].as_object().into_iter().flatten() {
                let name = reference_name(&content["schema"]);
                let words = match name {
                    // The page describes it once for all responses.
                    "Problem" => continue,
                    "" => format!("`{content_type}`"),
                    name => format!("`{content_type}`, [{name}](#{})", name.to_lowercase()),
                };
                if !types.contains(&words) {
                    types.push(words);
                }
            }
        }
        if !types.is_empty() {
            let _ = write!(about, " ({})", types.join("; "));
        }
        let headers: Vec<String> = response["headers"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, header)| match header["description"].as_str() {
                Some(about) => format!("`{name}`: {}", cell(about)),
                None => format!("`{name}`"),
            })
            .collect();
        let _ = writeln!(text, "| {status} | {about} | {} |", headers.join("<br>"));
    }
    *text += "\n";
}

/// Adds a call of curl and its response, unless that has no body, as with a stream.
fn describe_example(text: &mut String, document: &Value, method: &str, path: &str, description: &Value) {
    let success = ["200", "201"].map(|status| &description["responses"][status]["content"]);
    let Some((content_type, content)) =
        success.iter().find_map(|content| content.as_object()).and_then(|types| types.iter().next())
    else {
        return;
    };
    let mut url = format!("{BASE_URL}{path}");
    for parameter in list(&description["parameters"]) {
        let name = format!("{{{}}}", word(&parameter["name"]));
        url = url.replace(&name, &parameter["example"].to_string());
        // A parameter that may not be missing. One is as many as a route has.
        if parameter["in"] == "query" && parameter["required"] == true {
            let example = example(document, &parameter["schema"]);
            url = format!("'{url}?{}={}'", word(&parameter["name"]), word(&example));
        }
    }
    let mut call = vec![format!("curl {url}")];
    let body = &description["requestBody"]["content"]["application/json"]["schema"];
    // What curl does by itself: it sends GET, or POST with a body.
    let by_itself = if body.is_null() { "GET" } else { "POST" };
    if method != by_itself {
        call = vec![format!("curl -X {method} {url}")];
    }
    match credentials(description) {
        owner if owner.starts_with("the owner") => call.push("-H 'Authorization: YOUR_KEY'".to_owned()),
        "a device, with its token" => call.push("-H 'Authorization: TOKEN'".to_owned()),
        who if who.starts_with("an editor") => call.push("-u TOKEN:".to_owned()),
        _ => {}
    }
    if !body.is_null() {
        call.push(format!("-d '{}'", example(document, body)));
    }
    if content_type.starts_with("image/") {
        let name = path.rsplit('/').next().filter(|name| name.contains('.')).unwrap_or("badge.svg");
        call.push(format!("-o {name}"));
    }
    let line = call.join(" ");
    let call = if line.len() <= WIDTH_MAX { line } else { call.join(" \\\n    ") };
    let _ = writeln!(text, "```sh\n{call}\n```\n");
    let response = match (content_type.as_str(), reference_name(&content["schema"])) {
        (
            _,
            name @ ("DeviceWithKey" | "RegisteredDevice" | "Stats" | "TakenHeartbeat" | "TakenHeartbeats"),
        ) => {
            let object = example_of_object(document, name);
            format!("```json\n{object}\n```\n")
        }
        ("text/plain", _) => format!("```text\n{}\n```\n", word(&content["example"])),
        _ => return,
    };
    let _ = writeln!(text, "{response}");
}

/// Returns the one schema that an object with `allOf` amounts to.
fn joined(document: &Value, schema: &Value) -> Value {
    let Some(parts) = schema["allOf"].as_array() else { return schema.clone() };
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for part in parts.iter().map(|part| inner(document, part)) {
        properties.extend(object(&part["properties"]).clone());
        required.extend_from_slice(list(&part["required"]));
    }
    let description = &schema["description"];
    json!({ "type": "object", "description": description, "properties": properties, "required": required })
}

fn describe_object(text: &mut String, document: &Value, name: &str, schema: &Value) {
    let about = word(&schema["description"]).split("\n\n").next().unwrap_or_default();
    let _ = writeln!(text, "### {name}\n\n{about}\n\n| Member | Type | What it is |\n|---|---|---|");
    for member in members(schema) {
        let property = &schema["properties"][member];
        let optional = !list(&schema["required"]).iter().any(|name| name == member);
        let may = if optional { " May be missing." } else { "" };
        let _ = writeln!(
            text,
            "| `{member}` | {} | {}{may} |",
            values(document, inner(document, property)),
            cell(word(&property["description"]))
        );
    }
    *text += "\n";
}

/// Returns the members of an object: required ones in the order in which they are written, then optional ones.
fn members(schema: &Value) -> Vec<&str> {
    let required: Vec<&str> = list(&schema["required"]).iter().map(word).collect();
    let others =
        object(&schema["properties"]).keys().map(String::as_str).filter(|name| !required.contains(name));
    required.iter().copied().chain(others).collect()
}

/// Describes the values that a schema allows.
fn values(document: &Value, schema: &Value) -> String {
    if let Some(choices) = schema["enum"].as_array() {
        let choices: Vec<String> = choices.iter().map(|choice| format!("`{}`", word(choice))).collect();
        return choices.join(", ");
    }
    let (kind, may_be_null) = match &schema["type"] {
        Value::Array(kinds) => (word(&kinds[0]), kinds.contains(&"null".into())),
        kind => (word(kind), false),
    };
    let kind = match kind {
        "array" => match reference_name(&schema["items"]) {
            "" => "list".to_owned(),
            name if joined(document, &document["components"]["schemas"][name])["type"] == "object" => {
                format!("list of [{name}](#{})", name.to_lowercase())
            }
            _ => format!("list of {}", values(document, inner(document, &schema["items"]))),
        },
        "" => "any".to_owned(),
        kind => kind.to_owned(),
    };
    let range = match (schema["minimum"].as_i64(), schema["maximum"].as_i64()) {
        (Some(least), Some(most)) if least == most => format!(", {least}"),
        (Some(least), Some(most)) => format!(" from {least} to {most}"),
        (Some(least), None) => format!(" from {least} up"),
        _ => String::new(),
    };
    let default = match &schema["default"] {
        Value::Null => String::new(),
        default => format!(", by default {default}"),
    };
    format!("{kind}{range}{default}{}", if may_be_null { ", or null" } else { "" })
}

/// Returns an example of a value.
fn example(document: &Value, schema: &Value) -> Value {
    let schema = inner(document, schema);
    if let Some(example) = [&schema["example"], &schema["examples"][0]].into_iter().find(|it| !it.is_null()) {
        return example.clone();
    }
    match schema["type"].as_str() {
        Some("object") if schema["properties"].is_null() => json!({}),
        Some("object") => {
            let member = |name| (str::to_owned(name), example(document, &schema["properties"][name]));
            Value::Object(members(schema).into_iter().map(member).collect())
        }
        Some("array") => json!([example(document, &schema["items"])]),
        _ => "…".into(),
    }
}

/// Returns an example of an object as text, with its members in the order in which they are written.
fn example_of_object(document: &Value, name: &str) -> String {
    let schema = &document["components"]["schemas"][name];
    let member = |member: &str| {
        let property = &schema["properties"][member];
        let value = match reference_name(&property["items"]) {
            "" => example(document, property).to_string(),
            items => format!("[{}]", example_of_object(document, items)),
        };
        format!("{member:?}: {value}")
    };
    let members: Vec<String> = members(schema).into_iter().map(member).collect();
    let line = format!("{{{}}}", members.join(", "));
    if line.len() <= WIDTH_MAX { line } else { format!("{{\n  {}\n}}", members.join(",\n  ")) }
}

/// Returns the schema, or the one that it refers to.
fn inner<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match reference_name(schema) {
        "" => schema,
        name => &document["components"]["schemas"][name],
    }
}

/// Returns the response, or the one that it refers to.
fn resolve<'a>(document: &'a Value, response: &'a Value) -> &'a Value {
    match reference_name(response) {
        "" => response,
        name => &document["components"]["responses"][name],
    }
}

/// Name in a reference: `Stats` for `{"$ref": "#/components/schemas/Stats"}`.
fn reference_name(value: &Value) -> &str {
    value["$ref"].as_str().and_then(|path| path.rsplit('/').next()).unwrap_or_default()
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn object(value: &Value) -> &Map<String, Value> {
    value.as_object().expect("an object")
}

/// Escapes text for the cell of a table.
fn cell(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}

fn capitalize(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}
