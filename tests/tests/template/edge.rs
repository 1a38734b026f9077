//! What CloudFront caches.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Method;
use heartbeat_functions::{
    api::openapi,
    routes::{Audience, ROUTES, Route},
};
use serde_yaml_ng::Value;

use crate::{reference, resources, template, texts};

/// `CachingDisabled` and `AllViewerExceptHostHeader`, policies that CloudFront itself provides.
const CACHING_DISABLED: &str = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad";
const ALL_VIEWER_EXCEPT_HOST_HEADER: &str = "b689b0a8-53d0-40ab-baf2-68738e2966ac";

/// A year in seconds, the longest time for which assets ask to be kept.
const YEAR: u64 = 31_536_000;

fn distribution() -> Value {
    template()["Resources"]["Distribution"]["Properties"]["DistributionConfig"].clone()
}

/// Returns the behavior for a path: the first one whose pattern fits, or else the default one.
fn behavior(path: &str) -> Value {
    let distribution = distribution();
    let behaviors = distribution["CacheBehaviors"].as_sequence().expect("behaviors");
    let fits = |behavior: &&Value| match behavior["PathPattern"].as_str().expect("a pattern") {
        pattern if pattern.ends_with('*') => path.starts_with(pattern.trim_end_matches('*')),
        pattern => path == pattern,
    };
    behaviors.iter().find(fits).unwrap_or(&distribution["DefaultCacheBehavior"]).clone()
}

/// Whether the edge may keep what this route answers, since anybody may read it. A health check must reach what it checks.
fn is_cacheable(route: &Route) -> bool {
    // The owner sees more of the history.
    let is_for_anybody = !["absences", "health", "history"].contains(&route.name);
    route.audience == Audience::Public && *route.methods == [Method::GET] && is_for_anybody
}

fn cache_policies() -> BTreeMap<String, Value> {
    let policies = resources(&template(), "AWS::CloudFront::CachePolicy");
    policies.into_iter().map(|(id, policy)| (id, policy["CachePolicyConfig"].clone())).collect()
}

/// Returns the query parameters in the key of a cache policy.
fn query_parameters(policy: &str) -> BTreeSet<String> {
    let policies = cache_policies();
    let queries = &policies[policy]["ParametersInCacheKeyAndForwardedToOrigin"]["QueryStringsConfig"];
    assert_eq!(queries["QueryStringBehavior"], "whitelist", "{policy}");
    texts(&queries["QueryStrings"]).into_iter().map(str::to_owned).collect()
}

#[test]
fn what_anybody_may_read_is_cached_and_nothing_else() {
    let policies = cache_policies();
    for route in ROUTES {
        for path in route.paths {
            let behavior = behavior(path);
            assert_eq!(behavior["TargetOriginId"], "http", "{path}");
            // As everywhere, the function itself answers 405.
            assert_eq!(texts(&behavior["AllowedMethods"]).len(), 7, "{path}");
            assert!(behavior["CachedMethods"].is_null(), "GET and HEAD by default: {path}");
            if is_cacheable(route) {
                assert!(policies.contains_key(reference(&behavior["CachePolicyId"])), "{path}");
            } else {
                // All headers are passed on, Authorization included.
                assert_eq!(behavior["CachePolicyId"], CACHING_DISABLED, "{path}");
                assert_eq!(behavior["OriginRequestPolicyId"], ALL_VIEWER_EXCEPT_HOST_HEADER, "{path}");
            }
        }
    }
}

#[test]
fn the_stream_is_no_path_of_the_http_api() {
    let behavior = behavior("/api/stats/ws");
    assert_eq!(
        (&behavior["TargetOriginId"], &behavior["CachePolicyId"]),
        (&"stream".into(), &CACHING_DISABLED.into())
    );
}

#[test]
fn nothing_that_a_viewer_sends_gets_past_the_cache_sooner() {
    for (id, policy) in cache_policies() {
        let max_age = if id == "AssetCache" { YEAR } else { 1 };
        let ages = ["MinTTL", "DefaultTTL", "MaxTTL"].map(|name| policy[name].as_u64());
        // Pages and badges say `no-cache`, which counts as the shortest time.
        assert_eq!(ages, [Some(1), Some(1), Some(max_age)], "{id}");
        let key = &policy["ParametersInCacheKeyAndForwardedToOrigin"];
        assert_eq!(key["CookiesConfig"]["CookieBehavior"], "none", "{id}");
        assert_eq!(key["HeadersConfig"]["HeaderBehavior"], "none", "{id}");
        assert_ne!(key["QueryStringsConfig"]["QueryStringBehavior"], "all", "{id}");
        // Which makes CloudFront send one of few values of Accept-Encoding.
        for name in ["EnableAcceptEncodingBrotli", "EnableAcceptEncodingGzip"] {
            assert_eq!(key[name], true, "{id}: {name}");
        }
    }
}

/// Query parameters of the paths that begin with one of `starts`, all of which have this cache policy.
fn described_parameters(starts: &[&str], policy: &str) -> BTreeSet<String> {
    let document: serde_json::Value = serde_json::from_slice(&openapi::document()).expect("JSON");
    let mut described = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().expect("paths") {
        if starts.iter().any(|start| path.starts_with(start)) {
            assert_eq!(reference(&behavior(path)["CachePolicyId"]), policy, "{path}");
            let parameters = operations["get"]["parameters"].as_array().expect("parameters");
            described.extend(parameters.iter().map(|it| it["name"].as_str().expect("a name").to_owned()));
        }
    }
    described
}

#[test]
fn every_parameter_of_an_image_reaches_its_function() {
    assert_eq!(query_parameters("BadgeCache"), described_parameters(&["/badge/"], "BadgeCache"));
    let pictures = described_parameters(&["/heatmap.", "/card."], "PictureCache");
    assert_eq!(query_parameters("PictureCache"), pictures);
}

#[test]
fn every_field_of_the_badge_builder_reaches_its_function() {
    let form = include_str!("../../../functions/templates/badge_builder.html");
    let mut fields: BTreeSet<String> = ["labelColor", "color"].map(str::to_owned).into();
    let names = form.split(" name=\"").skip(1).filter_map(|rest| rest.split('"').next());
    // The names of the fields for colors come from the program.
    fields.extend(names.filter(|name| !name.contains('{')).map(str::to_owned));
    assert_eq!(query_parameters("BadgeBuilderCache"), fields);
    assert_eq!(reference(&behavior("/badges")["CachePolicyId"]), "BadgeBuilderCache");
}

#[test]
fn assets_are_told_apart_by_their_version() {
    for path in ["/assets/heartbeat.js", "/embed.js", "/favicon.ico"] {
        assert_eq!(reference(&behavior(path)["CachePolicyId"]), "AssetCache", "{path}");
    }
    assert_eq!(query_parameters("AssetCache"), BTreeSet::from(["v".to_owned()]));
}

#[test]
fn an_outage_ends_at_the_edge_when_it_ends() {
    let distribution = distribution();
    let responses = distribution["CustomErrorResponses"].as_sequence().expect("responses");
    let ages = responses.iter().map(|it| (it["ErrorCode"].as_u64(), it["ErrorCachingMinTTL"].as_u64()));
    let expected = [404, 500, 502, 503, 504].map(|code| (Some(code), Some(1)));
    assert_eq!(ages.collect::<Vec<_>>(), expected);
}
