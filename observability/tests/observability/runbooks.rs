//! Every alert has its page, and its page begins with a command that can be run.

use std::collections::BTreeSet;

use observability::rule::alerts;

use crate::names::emitted;
use crate::query::Names;
use crate::root;

const DIR: &str = "docs/runbooks";

#[test]
fn every_alert_has_its_page_and_every_page_its_alert() {
    let names: BTreeSet<String> = alerts().iter().map(|alert| format!("{}.md", alert.name)).collect();
    let pages: BTreeSet<String> = std::fs::read_dir(root().join(DIR))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(names, pages);
    for alert in alerts() {
        assert!(alert.runbook_url().ends_with(&format!("/{DIR}/{}.md", alert.name)));
        assert!(!alert.summary.ends_with('.') && !alert.summary.is_empty(), "{}", alert.name);
    }
}

#[test]
fn the_first_command_of_every_page_asks_for_what_there_is() {
    let emitted = emitted();
    for alert in alerts() {
        let page = std::fs::read_to_string(root().join(DIR).join(format!("{}.md", alert.name))).unwrap();
        for heading in [format!("# {}\n", alert.name).as_str(), "## Where to look\n", "## What to do\n"] {
            assert!(page.contains(heading), "{}: {heading}", alert.name);
        }
        let command = observability::rule::first_command(&page).unwrap_or_else(|| panic!("{}", alert.name));
        let asked = command
            .strip_prefix("promtool query instant \"$PROMETHEUS_URL\" '")
            .and_then(|rest| rest.strip_suffix('\''))
            .unwrap_or_else(|| panic!("{}: {command}", alert.name));
        emitted.check(asked, &mut Names::new()).unwrap_or_else(|error| panic!("{}: {error}", alert.name));
    }
}
