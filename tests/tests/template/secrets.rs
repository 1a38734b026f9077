//! Who may read which secret.

use std::collections::{BTreeMap, BTreeSet};

use crate::{SOURCE, functions, functions_with_database, reference, resources, template, text};

/// Environment variables that name a secret, each with the parameter that has the name, and the policy that grants access.
const SECRETS: [(&str, &str, &str); 6] = [
    ("DATABASE_SECRET", "DatabaseSecret", "DatabaseAccess"),
    ("MAIL_SECRET", "MailSecret", "MailAccess"),
    ("METRICS_TOKEN_SECRET", "MetricsTokenSecret", "MetricsTokenAccess"),
    ("SECRET_KEY_SECRET", "SecretKeySecret", "SecretKeyAccess"),
    ("WATCHDOG_SECRET", "WatchdogSecret", "WatchdogAccess"),
    ("WEBHOOK_SECRET", "WebhookSecret", "WebhookAccess"),
];

/// Logical ids of the functions that need the secret of this variable.
fn expected_readers(variable: &str) -> BTreeSet<String> {
    let needs = |id: &String| match variable {
        "DATABASE_SECRET" => functions_with_database().contains(id),
        // Routes of the owner compare the key, and so do those that show the owner more than others; codes are hashed under it,
        // and links are signed under it.
        "SECRET_KEY_SECRET" => [
            "History",
            "Home",
            "Links",
            "Manage",
            "Metrics",
            "Minutely",
            "Owner",
            "Pair",
            "PairPage",
            "StatsPage",
        ]
        .contains(&id.as_str()),
        // A channel for mail can be made where mail can be sent.
        "MAIL_SECRET" => ["Manage", "Minutely", "Owner"].contains(&id.as_str()),
        "METRICS_TOKEN_SECRET" => id == "Metrics",
        "WATCHDOG_SECRET" | "WEBHOOK_SECRET" => id == "Minutely",
        _ => false,
    };
    functions().into_keys().filter(needs).collect()
}

#[test]
fn exactly_the_functions_that_need_a_secret_are_told_its_name_and_may_read_it() {
    for (variable, parameter, policy) in SECRETS {
        let (mut told, mut allowed) = (BTreeSet::new(), BTreeSet::new());
        for (id, function) in functions() {
            let name = &function["Environment"]["Variables"][variable];
            if !name.is_null() {
                assert_eq!(reference(name), parameter, "{id}");
                told.insert(id.clone());
            }
            if text(&function["Policies"]).split(' ').any(|word| word == policy) {
                allowed.insert(id);
            }
        }
        assert_eq!(told, expected_readers(variable), "{variable}");
        assert_eq!(allowed, told, "{policy}");
    }
}

#[test]
fn no_variable_of_all_functions_names_a_secret() {
    let shared = text(&template()["Globals"]["Function"]["Environment"]["Variables"]);
    assert!(!shared.contains("SECRET"), "{shared}");
}

#[test]
fn each_policy_grants_the_reading_of_one_secret_alone() {
    let policies = resources(&template(), "AWS::IAM::ManagedPolicy");
    let expected: BTreeMap<&str, &str> =
        SECRETS.into_iter().map(|(_, parameter, policy)| (policy, parameter)).collect();
    assert_eq!(
        policies.keys().map(String::as_str).collect::<Vec<_>>(),
        expected.keys().copied().collect::<Vec<_>>()
    );
    for (id, policy) in &policies {
        let [statement] = policy["PolicyDocument"]["Statement"].as_sequence().expect("statements").as_slice()
        else {
            panic!("{id} has more than one statement")
        };
        assert_eq!(statement["Action"], "secretsmanager:GetSecretValue", "{id}");
        // Secrets Manager adds six characters to the name.
        let secret = format!(":secret:${{{}}}-??????", expected[id.as_str()]);
        assert!(reference(&statement["Resource"]).ends_with(&secret), "{id}");
    }
}

#[test]
fn no_secret_stands_in_the_environment_of_a_function() {
    // CloudFormation puts what it resolves into the configuration of the function.
    assert!(!SOURCE.contains("{{resolve:"));
    for key in [
        "HEARTBEAT_DATABASE_DSN",
        "HEARTBEAT_SECRET_KEY",
        "HEARTBEAT_MAIL_URL",
        "HEARTBEAT_METRICS_TOKEN",
        "HEARTBEAT_WATCHDOG_URL",
        "HEARTBEAT_WEBHOOK_URL",
    ] {
        assert!(!SOURCE.contains(key), "{key}");
    }
}
