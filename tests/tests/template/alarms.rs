//! What the owner is told of.

use std::collections::BTreeSet;

use crate::{resources, template, text};

#[test]
fn every_alarm_tells_the_topic() {
    let alarms = resources(&template(), "AWS::CloudWatch::Alarm");
    assert!(!alarms.is_empty());
    for (id, alarm) in alarms {
        assert_eq!(text(&alarm["AlarmActions"]), "HasTopic AlarmTopic AWS::NoValue", "{id}");
    }
}

#[test]
fn an_alarm_watches_the_cost_of_both_apis() {
    let template = template();
    let alarm = &template["Resources"]["Cost"]["Properties"];
    let metrics = alarm["Metrics"].as_sequence().expect("metrics");
    let expression = text(metrics.iter().find_map(|it| it.get("Expression")).expect("an expression"));
    let mut watched = BTreeSet::new();
    for metric in metrics.iter().filter(|it| !it["MetricStat"].is_null()) {
        let id = metric["Id"].as_str().expect("an id");
        assert!(expression.contains(&format!("FILL({id}, 0)")), "{id} in {expression}");
        assert_eq!((&metric["ReturnData"], &metric["MetricStat"]["Period"]), (&false.into(), &3600.into()));
        let metric = &metric["MetricStat"]["Metric"];
        watched.insert((text(&metric["MetricName"]), text(&metric["Dimensions"][0]["Value"])));
    }
    let expected = [("Count", "HttpApi"), ("MessageCount", "SocketApi")];
    assert_eq!(watched, BTreeSet::from(expected.map(|(name, api)| (name.to_owned(), api.to_owned()))));
}
