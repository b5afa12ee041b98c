//! The reference of all metrics, for people.

use std::fmt::Write as _;

use super::{Description, Metrics};

/// `docs/metrics.md`, made of what the code says of its metrics.
pub fn reference() -> String {
    let mut page = String::from(
        "# Metrics\n\n\
         <!-- Generated: UPDATE_DOCS=1 cargo test --lib metrics::reference -->\n\n\
         `https://<host>:10258/metrics` tells these in Prometheus' text format to everybody who may `get` \
         the non-resource URL `/metrics`. No label names a node or a machine, so their number does not grow \
         with the cluster.\n",
    );
    let mut current = "";
    for Description { page: path, name, kind, labels, help } in Metrics::default().descriptions() {
        if path != current {
            let _ = write!(page, "\n## {path}\n\n| name | type | labels | meaning |\n|---|---|---|---|\n");
            current = path;
        }
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        let _ = writeln!(page, "| `{name}` | {} | {} | {help} |", kind.as_str(), labels.join(", "));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_is_what_the_code_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md");
        let expected = reference();
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/docs")).unwrap();
            std::fs::write(path, &expected).unwrap();
        }
        let found = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            found == expected,
            "docs/metrics.md is not what the code says; make it anew:\n\
             UPDATE_DOCS=1 cargo test --lib metrics::reference"
        );
    }

    #[test]
    fn every_metric_says_what_it_means_and_keeps_to_the_conventions() {
        for Description { name, kind, labels, help, .. } in Metrics::default().descriptions() {
            assert!(help.ends_with('.') && !help.contains("  ") && !help.contains('|'), "{name}: {help}");
            assert!(labels.iter().all(|label| !label.contains("node")), "{name}: labels must be few");
            // Upstream declares one counter without the ending.
            if name != "cloudprovider_vsphere_api_request_errors" {
                assert_eq!(name.ends_with("_total"), kind == crate::metrics::Kind::Counter, "{name}");
            }
        }
    }
}
