//! The results over time as a picture: memory, requests, latency.

use super::results::Results;
use super::windows::{self, Window};
use crate::bench::figures::{count, megabytes, milliseconds, number};
use crate::bench::svg::{self, Anchor, Scale, text};

const LEFT: f64 = 80.0;
const LENGTH: f64 = 660.0;
const HEIGHT: f64 = 90.0;
const TITLE: f64 = 30.0;
/// The times below a panel, and what follows.
const GAP: f64 = 36.0;

/// What a curve shows of a window.
type Value = fn(&Window) -> Option<f64>;

/// Curves over the same time, each with its colour.
struct Panel {
    title: &'static str,
    show: fn(f64) -> String,
    /// For values of which a few are a hundred times the others.
    logarithmic: bool,
    curves: Vec<(&'static str, Value)>,
}

/// The picture.
pub(super) fn render(results: &Results) -> String {
    let windows = windows::of(results);
    let panels = [
        Panel {
            title: "Resident memory",
            show: megabytes,
            logarithmic: false,
            curves: vec![(svg::OURS, |window| Some(window.rss))],
        },
        Panel {
            title: "vCenter requests a minute, pages and long polls apart",
            show: count,
            logarithmic: false,
            curves: vec![(svg::OURS, |window| Some(window.per_minute))],
        },
        Panel {
            title: "A changed guest address on the Node: median (blue) and p99 (grey), logarithmic",
            show: milliseconds,
            logarithmic: true,
            curves: vec![(svg::UPSTREAM, |window| window.p99_ms), (svg::OURS, |window| window.p50_ms)],
        },
    ];
    let mut body = String::new();
    let mut top = 8.0;
    for panel in &panels {
        top = panel.draw(&mut body, top, &windows) + GAP;
    }
    let nodes = count(number(results.setup.nodes as u64));
    svg::picture(&format!("{nodes} nodes under churn"), top, &body)
}

impl Panel {
    /// Draws from `top` on, and returns where it ends.
    fn draw(&self, out: &mut String, top: f64, windows: &[Window]) -> f64 {
        svg::heading(out, LEFT, top + 14.0, self.title);
        let bottom = top + TITLE + HEIGHT;
        let scale = self.scale(windows);
        let height = |value: f64| bottom - scale.length(value, HEIGHT);
        let latest = windows.last().map_or(1.0, |window| window.at_min);
        for value in marks(scale) {
            let y = if value > 0.0 { height(value) } else { bottom };
            svg::line(out, (LEFT, y), (LEFT + LENGTH, y));
            text(out, LEFT - 8.0, y + 4.5, Anchor::End, &(self.show)(value));
        }
        text(out, LEFT, bottom + 16.0, Anchor::Start, "0 min");
        text(out, LEFT + LENGTH, bottom + 16.0, Anchor::End, &format!("{latest:.0} min"));
        for (colour, curve) in &self.curves {
            let points = windows.iter().filter_map(|window| {
                let value = curve(window)?;
                Some((LEFT + window.at_min / latest * LENGTH, height(value)))
            });
            svg::curve(out, points, colour);
        }
        bottom
    }

    /// Both ends are round numbers.
    fn scale(&self, windows: &[Window]) -> Scale {
        let values: Vec<f64> =
            self.curves.iter().flat_map(|(_, curve)| windows.iter().filter_map(curve)).collect();
        let highest = values.iter().copied().fold(0.0, f64::max);
        match Scale::logarithmic(values.into_iter()) {
            Scale::Logarithmic(begin, end) if self.logarithmic && highest > 0.0 => {
                Scale::Logarithmic(begin, end.ceil())
            }
            _ => Scale::Linear(round_up(highest)),
        }
    }
}

/// The values with a line of their own.
fn marks(scale: Scale) -> Vec<f64> {
    match scale {
        Scale::Linear(highest) => vec![0.0, highest / 2.0, highest],
        Scale::Logarithmic(begin, end) => {
            let powers = std::iter::successors(Some(begin), |power| Some(power + 1.0));
            powers.take_while(|power| *power <= end).map(|power| 10_f64.powf(power)).collect()
        }
    }
}

/// To a number that is easy to read: 1, 2 or 5 and zeros.
fn round_up(value: f64) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0];
    steps.into_iter().map(|step| step * power).find(|round| *round >= value).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::super::results::fixtures::results;
    use super::*;

    #[test]
    fn there_are_three_panels() {
        let svg = render(&results());
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
        assert_eq!(svg.matches("<polyline ").count(), 4);
        for part in ["50.0 MB", ">200<", ">10 ms<", ">100 ms<", ">10 min<", "1,000 nodes under churn"] {
            assert!(svg.contains(part), "{part}: {svg}");
        }
    }

    #[test]
    fn scales_end_at_round_numbers() {
        let rounded = [0.0, 0.3, 1.0, 1.1, 37.0, 51.0, 120.0].map(round_up);
        for (found, expected) in rounded.into_iter().zip([1.0, 0.5, 1.0, 2.0, 50.0, 100.0, 200.0]) {
            assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        }
    }

    #[test]
    fn marks_are_round_numbers() {
        assert_eq!(marks(Scale::Linear(50.0)), [0.0, 25.0, 50.0]);
        assert_eq!(marks(Scale::Logarithmic(0.0, 2.0)), [1.0, 10.0, 100.0]);
    }

    #[test]
    fn nothing_measured_is_an_empty_picture() {
        let mut results = results();
        results.samples.clear();
        assert!(!render(&results).contains("NaN"));
    }
}
