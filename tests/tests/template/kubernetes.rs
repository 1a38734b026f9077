//! Manifests for Kubernetes. `infra/scripts/check-kubernetes` holds them against its schemas.

use std::{collections::BTreeSet, fs, path::PathBuf};

use heartbeat_core::config::KEYS;
use heartbeat_functions::routes::{ROUTES, Route};
use serde_yaml_ng::Value;

use crate::texts;

/// Label by which everything finds the servers.
const LABEL: &str = "app.kubernetes.io/name";

/// Seconds within which a server stops, see `SHUTDOWN_TIMEOUT` in `local-server/src/run.rs`, and two for the kubelet.
const STOP_SECONDS: u64 = 10;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../infra/kubernetes")
}

fn manifest(name: &str) -> Value {
    let text = fs::read_to_string(folder().join(name)).expect("a manifest");
    serde_yaml_ng::from_str(&text).expect("YAML")
}

/// Template of the servers' pods.
fn pod() -> Value {
    manifest("deployment.yaml")["spec"]["template"].clone()
}

fn container() -> Value {
    pod()["spec"]["containers"][0].clone()
}

/// Route that a probe requests.
fn probed(probe: &str) -> &'static Route {
    let container = container();
    let request = &container[probe]["httpGet"];
    assert_eq!(request["port"], "http", "{probe}");
    let path = request["path"].as_str().expect("a path");
    ROUTES.iter().find(|route| route.paths == [path]).expect(path)
}

/// Settings, in the order of their names, that come from the map of settings.
fn settings() -> Vec<String> {
    let kustomization = manifest("kustomization.yaml");
    let literals = texts(&kustomization["configMapGenerator"][0]["literals"]);
    literals.iter().map(|literal| literal.split('=').next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn the_kustomization_lists_every_manifest() {
    let kustomization = manifest("kustomization.yaml");
    let listed: BTreeSet<String> =
        texts(&kustomization["resources"]).into_iter().map(str::to_owned).collect();
    let files = fs::read_dir(folder()).expect("a folder");
    let names = files.map(|file| file.expect("a file").file_name().into_string().expect("a name"));
    assert_eq!(listed, names.filter(|name| name != "kustomization.yaml").collect::<BTreeSet<_>>());
}

#[test]
fn everything_finds_the_servers() {
    let kustomization = manifest("kustomization.yaml");
    let deployment = manifest("deployment.yaml");
    let spec = &deployment["spec"];
    let label = spec["template"]["metadata"]["labels"][LABEL].as_str().expect("a label");
    for selector in [
        &kustomization["labels"][0]["pairs"],
        &spec["selector"]["matchLabels"],
        &spec["template"]["spec"]["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"],
        &manifest("service.yaml")["spec"]["selector"],
        &manifest("disruption-budget.yaml")["spec"]["selector"]["matchLabels"],
    ] {
        assert_eq!(selector[LABEL], label);
    }
    assert_eq!(
        container()["envFrom"][0]["configMapRef"]["name"],
        kustomization["configMapGenerator"][0]["name"]
    );
    assert_eq!(container()["image"], kustomization["images"][0]["name"]);
    assert_eq!(manifest("service.yaml")["spec"]["ports"][0]["targetPort"], container()["ports"][0]["name"]);
}

#[test]
fn the_image_is_of_this_version() {
    assert_eq!(manifest("kustomization.yaml")["images"][0]["newTag"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn settings_are_known_and_secrets_come_from_the_secret() {
    for name in settings() {
        let key = KEYS.iter().find(|key| key.environment_name() == name).expect(&name);
        assert!(!key.secret, "{name}");
    }
    for variable in container()["env"].as_sequence().expect("variables") {
        let name = variable["name"].as_str().expect("a name");
        let key = KEYS.iter().find(|key| key.environment_name() == name).expect(name);
        assert!(key.secret, "{name}");
        let reference = &variable["valueFrom"]["secretKeyRef"];
        assert_eq!(reference["name"], "heartbeat", "{name}");
        assert_eq!(reference["key"], key.name.replace(['.', '_'], "-"), "{name}");
    }
}

#[test]
fn an_outage_of_the_database_ends_no_server() {
    assert!(probed("readinessProbe").needs_database);
    assert!(!probed("livenessProbe").needs_database);
}

#[test]
fn an_update_takes_no_server_away_before_another_is_ready() {
    let deployment = manifest("deployment.yaml");
    let rolling = &deployment["spec"]["strategy"]["rollingUpdate"];
    assert_eq!((&rolling["maxSurge"], &rolling["maxUnavailable"]), (&1.into(), &0.into()));
    let replicas = deployment["spec"]["replicas"].as_u64();
    let kept = manifest("disruption-budget.yaml")["spec"]["minAvailable"].as_u64();
    assert!(kept > Some(0) && kept < replicas, "{kept:?} of {replicas:?}");
    let announced = container()["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64().expect("a number");
    let granted = pod()["spec"]["terminationGracePeriodSeconds"].as_u64().expect("a number");
    assert!(granted >= announced + STOP_SECONDS, "{granted}, {announced}");
}

#[test]
fn servers_run_with_no_rights_that_they_do_not_need() {
    assert_eq!(pod()["spec"]["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod()["spec"]["automountServiceAccountToken"], false);
    let context = container()["securityContext"].clone();
    assert_eq!(context["allowPrivilegeEscalation"], false);
    assert_eq!(context["readOnlyRootFilesystem"], true);
    assert_eq!(texts(&context["capabilities"]["drop"]), ["ALL"]);
}
