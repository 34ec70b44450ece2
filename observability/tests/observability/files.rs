//! What is checked in is what the code makes.

use std::collections::BTreeSet;

use observability::{COMPONENT, files};

use crate::root;

#[test]
fn the_component_is_what_the_package_writes_and_nothing_else() {
    let component = root().join(COMPONENT);
    let made = files();
    for (path, text) in &made {
        let found = std::fs::read_to_string(component.join(path)).unwrap_or_default();
        assert!(found == *text, "{path} is not what is made; run `cargo run -p observability -- write`");
    }
    let mut found = BTreeSet::new();
    for dir in ["", "dashboards/"] {
        for entry in std::fs::read_dir(component.join(dir)).unwrap().flatten() {
            if entry.path().is_file() {
                found.insert(format!("{dir}{}", entry.file_name().to_string_lossy()));
            }
        }
    }
    assert_eq!(found, made.into_keys().collect());
}

#[test]
fn two_runs_write_the_same_bytes() {
    assert_eq!(files(), files());
}
