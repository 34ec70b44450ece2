//! The rules of Grafana's dashboard linter that say something about dashboards such as these, and some of our own.

use std::collections::BTreeSet;

use observability::dashboards::all;
use observability::panel::{SCHEMA_VERSION, Shape};
use serde_json::Value;

#[test]
fn every_dashboard_is_found_and_cannot_be_changed_by_hand() {
    let mut seen = BTreeSet::new();
    for dashboard in all() {
        assert!(
            seen.insert(dashboard.uid) && seen.insert(dashboard.title),
            "{} is there twice",
            dashboard.uid
        );
        assert!(dashboard.uid.len() <= 40, "Grafana takes at most 40 characters: {}", dashboard.uid);
        assert!(dashboard.description.ends_with('.'), "{}", dashboard.title);
        let json = dashboard.json();
        assert_eq!(json["schemaVersion"], SCHEMA_VERSION);
        assert_eq!(json["editable"], false, "uneditable: what is changed by hand is lost");
        assert_eq!(json["tags"][0], "sharedspaces");
    }
    assert_eq!(all().len(), 7);
}

#[test]
fn every_source_of_data_is_the_variable() {
    for dashboard in all() {
        let json = dashboard.json();
        let variables = json["templating"]["list"].as_array().unwrap();
        let source = &variables[0];
        assert_eq!((&source["type"], &source["query"]), (&"datasource".into(), &"prometheus".into()));
        assert_eq!((&source["name"], &source["label"]), (&"datasource".into(), &"Data source".into()));
        for variable in &variables[1..] {
            assert_eq!(variable["refresh"], 2, "chosen anew when the time changes");
            assert_eq!(variable["datasource"]["uid"], "${datasource}");
        }
        let mut sources = Vec::new();
        find(&json["panels"], "datasource", &mut sources);
        find(&json["annotations"], "datasource", &mut sources);
        assert!(sources.len() > 8, "{}", dashboard.title);
        assert!(sources.iter().all(|source| source["uid"] == "${datasource}"), "{}", dashboard.title);
    }
}

fn find<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(entries) => {
            found.extend(entries.get(key));
            entries.values().for_each(|value| find(value, key, found));
        }
        Value::Array(values) => values.iter().for_each(|value| find(value, key, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Units of Grafana that are used.
const UNITS: [&str; 8] = ["bytes", "ms", "none", "ops", "percentunit", "reqps", "s", "short"];

#[test]
fn every_panel_says_what_it_shows_in_which_unit_and_names_its_curves() {
    for dashboard in all() {
        let mut titles = BTreeSet::new();
        for row in &dashboard.rows {
            assert!(!row.panels.is_empty(), "{}: {}", dashboard.title, row.title);
        }
        for panel in dashboard.panels() {
            let place = format!("{}: {}", dashboard.title, panel.title);
            assert!(!panel.title.is_empty() && titles.insert(panel.title), "{place} is there twice");
            assert!(panel.description.len() > 20 && panel.description.ends_with('.'), "{place}");
            assert!(UNITS.contains(&panel.unit), "{place}: {}", panel.unit);
            assert!(!panel.queries.is_empty() && panel.queries.len() <= 26, "{place}");
            let legends: BTreeSet<_> = panel.queries.iter().map(|query| query.legend).collect();
            assert!(!legends.contains("") && legends.len() == panel.queries.len(), "{place}: {legends:?}");
        }
    }
}

#[test]
fn every_rate_is_over_the_interval_that_grafana_knows_to_be_long_enough() {
    for dashboard in all() {
        for panel in dashboard.panels() {
            for query in &panel.queries {
                let place = format!("{}: {}", dashboard.title, panel.title);
                for (at, _) in query.expr.match_indices('[') {
                    let is_known = ["[$__rate_interval]", "[$__range]"]
                        .iter()
                        .any(|interval| query.expr[at..].starts_with(interval));
                    assert!(is_known, "{place}: {}", query.expr);
                }
                assert!(!query.expr.contains("[$__interval]"), "{place}");
                if dashboard.by_service && !query.expr.contains("sharedspaces_upload_sessions") {
                    assert!(query.expr.contains("=~\"$service\""), "{place} shows what was not chosen");
                }
            }
        }
    }
}

#[test]
fn what_takes_time_leads_to_traces() {
    for dashboard in all() {
        for panel in dashboard.panels() {
            let is_duration = panel.queries.iter().any(|query| query.expr.contains("_bucket"));
            let is_pool = panel.title.starts_with("Waiting for a connection");
            assert_eq!(panel.has_exemplars, is_duration && !is_pool, "{}: {}", dashboard.title, panel.title);
            assert_eq!(panel.shape == Shape::Heatmap, panel.queries[0].legend == "{{le}}", "{}", panel.title);
        }
    }
}

#[test]
fn panels_lie_side_by_side_and_none_covers_another() {
    for dashboard in all() {
        let json = dashboard.json();
        let panels = json["panels"].as_array().unwrap();
        let mut taken = BTreeSet::new();
        let mut ids = BTreeSet::new();
        for panel in panels {
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
            let at = |side: &str| panel["gridPos"][side].as_u64().unwrap();
            assert!(at("x") + at("w") <= 24, "{panel}");
            for x in at("x")..at("x") + at("w") {
                for y in at("y")..at("y") + at("h") {
                    assert!(taken.insert((x, y)), "{}: {} covers another", dashboard.title, panel["title"]);
                }
            }
        }
    }
}
