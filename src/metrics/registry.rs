//! Makes metrics, and remembers what each of them means.

use prometheus::{GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, TextEncoder};

/// What can be done with a metric's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Counts of observations by size.
    Histogram,
}

impl Kind {
    /// As Prometheus calls it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// What one metric means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Under this path it is served.
    pub page: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What can be done with its values.
    pub kind: Kind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

/// The metrics of one page. Clones share the metrics.
#[derive(Clone, Debug)]
pub(super) struct Registry {
    page: &'static str,
    values: prometheus::Registry,
    descriptions: Vec<Description>,
}

impl Default for Registry {
    fn default() -> Self {
        Self::new("")
    }
}

// Names are constants of this crate: a wrong or doubled one would fail the first test that makes a
// set of metrics, not a user.
#[expect(clippy::expect_used, reason = "see above")]
impl Registry {
    pub(super) fn new(page: &'static str) -> Self {
        Self { page, values: prometheus::Registry::new(), descriptions: Vec::new() }
    }

    pub(super) fn descriptions(&self) -> &[Description] {
        &self.descriptions
    }

    /// All values, in the text format 0.0.4, by name.
    pub(super) fn text(&self) -> String {
        // Can fail only on metrics without values, which are not gathered.
        TextEncoder::new().encode_to_string(&self.values.gather()).unwrap_or_default()
    }

    pub(super) fn counters(
        &mut self,
        name: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> IntCounterVec {
        self.describe(Kind::Counter, name, labels, help);
        let made = IntCounterVec::new(Opts::new(name, help), labels).expect("the name is legal");
        self.values.register(Box::new(made.clone())).expect("the name is new");
        made
    }

    pub(super) fn gauges(
        &mut self,
        name: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> IntGaugeVec {
        self.describe(Kind::Gauge, name, labels, help);
        let made = IntGaugeVec::new(Opts::new(name, help), labels).expect("the name is legal");
        self.values.register(Box::new(made.clone())).expect("the name is new");
        made
    }

    /// Gauges of seconds, which have fractions.
    pub(super) fn seconds(
        &mut self,
        name: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> GaugeVec {
        self.describe(Kind::Gauge, name, labels, help);
        let made = GaugeVec::new(Opts::new(name, help), labels).expect("the name is legal");
        self.values.register(Box::new(made.clone())).expect("the name is new");
        made
    }

    /// A counter of seconds, which have fractions.
    pub(super) fn seconds_counter(&mut self, name: &'static str, help: &'static str) -> prometheus::Counter {
        self.describe(Kind::Counter, name, &[], help);
        let made = prometheus::Counter::new(name, help).expect("the name is legal");
        self.values.register(Box::new(made.clone())).expect("the name is new");
        made
    }

    /// Histograms with these upper bounds of buckets.
    pub(super) fn histograms(
        &mut self,
        name: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
        bounds: &[f64],
    ) -> HistogramVec {
        self.describe(Kind::Histogram, name, labels, help);
        let options = HistogramOpts::new(name, help).buckets(bounds.to_vec());
        let made = HistogramVec::new(options, labels).expect("the name is legal");
        self.values.register(Box::new(made.clone())).expect("the name is new");
        made
    }

    fn describe(
        &mut self,
        kind: Kind,
        name: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
    ) {
        self.descriptions.push(Description { page: self.page, name, kind, labels, help });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_served_as_it_is_described() {
        let mut registry = Registry::new("/x");
        registry.counters("a_total", &["kind"], "How many.").with_label_values(&["b\"c"]).inc();
        registry
            .histograms("b_seconds", &[], "How long.", &[0.5])
            .with_label_values(&[] as &[&str])
            .observe(0.4);
        let text = registry.text();
        assert!(
            text.starts_with(
                "# HELP a_total How many.\n# TYPE a_total counter\na_total{kind=\"b\\\"c\"} 1\n"
            )
        );
        assert!(text.contains("b_seconds_bucket{le=\"0.5\"} 1\nb_seconds_bucket{le=\"+Inf\"} 1\n"), "{text}");
        let names: Vec<_> = registry.descriptions().iter().map(|d| (d.name, d.kind.as_str())).collect();
        assert_eq!(names, [("a_total", "counter"), ("b_seconds", "histogram")]);
    }
}
