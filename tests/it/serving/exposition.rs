//! Reads Prometheus' text format 0.0.4, strictly.

use std::collections::{BTreeMap, BTreeSet};

/// The samples of a page, each by name and labels as written.
#[derive(Debug)]
pub(super) struct Exposition {
    samples: BTreeMap<String, f64>,
    pub(super) families: BTreeMap<String, String>,
}

impl Exposition {
    /// Panics with the line that is wrong.
    pub(super) fn read(text: &str) -> Self {
        let (mut samples, mut families) = (BTreeMap::new(), BTreeMap::<String, String>::new());
        let mut current = String::new();
        assert!(text.ends_with('\n'), "the last line has an end");
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').unwrap_or_else(|| panic!("{line}"));
                assert!(!help.is_empty() && is_name(name), "{line}");
                name.clone_into(&mut current);
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap_or_else(|| panic!("{line}"));
                assert!(["counter", "gauge", "histogram"].contains(&kind) && name == current, "{line}");
                assert!(families.insert(name.to_owned(), kind.to_owned()).is_none(), "twice: {line}");
            } else {
                let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
                let value: f64 = value.parse().unwrap_or_else(|_| panic!("{line}"));
                let (name, labels) = series.split_once('{').map_or((series, ""), |(name, rest)| {
                    (name, rest.strip_suffix('}').unwrap_or_else(|| panic!("{line}")))
                });
                check_labels(labels, line);
                let kind = &families[&current];
                let of_histogram = ["_bucket", "_sum", "_count"]
                    .iter()
                    .any(|ending| name.strip_suffix(ending) == Some(current.as_str()));
                assert!(is_name(name), "{line}");
                assert!(if kind == "histogram" { of_histogram } else { name == current }, "{line}");
                assert!(kind == "gauge" || value >= 0.0, "{line}");
                assert!(samples.insert(series.to_owned(), value).is_none(), "twice: {line}");
            }
        }
        let this = Self { samples, families };
        this.check_histograms();
        this
    }

    /// The value of a series, written as on the page.
    pub(super) fn value(&self, series: &str) -> Option<f64> {
        self.samples.get(series).copied()
    }

    /// The series of a family with this in their labels, and their values.
    pub(super) fn with<'a>(&'a self, name: &'a str, label: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
        let wanted = move |series: &str| {
            series.strip_prefix(name).is_some_and(|labels| labels.starts_with('{') && labels.contains(label))
        };
        self.samples
            .iter()
            .map(|(series, value)| (series.as_str(), *value))
            .filter(move |(series, _)| wanted(series))
    }

    /// The value of a label in a series.
    pub(super) fn label<'a>(series: &'a str, name: &str) -> &'a str {
        let (_, rest) = series.split_once(&format!("{name}=\"")).unwrap_or_else(|| panic!("{series}"));
        rest.split('"').next().unwrap()
    }

    /// Every label value there is.
    pub(super) fn label_values(&self) -> BTreeSet<&str> {
        self.samples.keys().flat_map(|series| series.split('"').skip(1).step_by(2)).collect()
    }

    /// Buckets grow, and the last one is the count.
    fn check_histograms(&self) {
        for (name, _) in self.families.iter().filter(|(_, kind)| *kind == "histogram") {
            for (series, count) in self.samples.iter().filter(|(series, _)| {
                let rest = series.strip_prefix(name.as_str()).and_then(|rest| rest.strip_prefix("_count"));
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('{'))
            }) {
                let labels = series[name.len() + "_count".len()..].trim_matches(['{', '}']);
                let prefix = if labels.is_empty() { String::new() } else { format!("{labels},") };
                let last = format!("{name}_bucket{{{prefix}le=\"+Inf\"}}");
                assert_eq!(self.value(&last), Some(*count), "{last}");
            }
        }
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn check_labels(labels: &str, line: &str) {
    let mut rest = labels;
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
        assert!(is_name(name), "{line}");
        let (_, after) = after.split_once('"').unwrap_or_else(|| panic!("{line}"));
        rest = after.strip_prefix(',').unwrap_or_else(|| {
            assert!(after.is_empty(), "{line}");
            after
        });
    }
}
