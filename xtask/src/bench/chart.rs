//! The results as a picture: horizontal bars, in SVG.

use std::fmt::Write;

use super::contestant::Contestant;
use super::results::{Measured, Results, number};
use super::stats::median;
use super::table::{count, megabytes, milliseconds, seconds};

/// Colours that can be read on white and on black: a picture in a README does not know which it is.
const TEXT: &str = "#727c88";
const OURS: &str = "#2f80e8";
const UPSTREAM: &str = "#9aa3ad";
const FLOOR: &str = "#2e9e6b";

const WIDTH: f64 = 760.0;
/// Where the bars begin, and the longest one.
const LEFT: f64 = 140.0;
const LONGEST: f64 = 520.0;
const BAR: f64 = 16.0;
const LINE: f64 = 23.0;
const TITLE: f64 = 30.0;
const GAP: f64 = 18.0;
/// The numbers below a logarithmic scale.
const MARKS: f64 = 14.0;

/// How long a bar is for its value.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Scale {
    /// From nothing to this.
    Linear(f64),
    /// From one power of ten to another number, both as logarithms: each step to the right is ten
    /// times as much.
    Logarithmic(f64, f64),
}

struct Panel {
    title: String,
    /// The unit of the marks on a logarithmic scale; the others have none.
    marks: Option<&'static str>,
    show: fn(f64) -> String,
    bars: Vec<(Contestant, f64)>,
}

/// The picture.
pub(super) fn render(results: &Results) -> String {
    let panels: Vec<Panel> = panels(results).into_iter().filter(|panel| !panel.bars.is_empty()).collect();
    let mut body = String::new();
    let mut top = 8.0;
    for panel in &panels {
        top = panel.draw(&mut body, top) + GAP;
    }
    let height = top.max(GAP);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" font-family=\"system-ui, sans-serif\" font-size=\"13\" \
         fill=\"{TEXT}\" role=\"img\">\n<title>{}</title>\n{body}</svg>\n",
        escaped(&format!("{} nodes become ready", count(number(results.setup.nodes as u64)))),
    )
}

fn panels(results: &Results) -> Vec<Panel> {
    let nodes = count(number(results.setup.nodes as u64));
    let bars = |value: fn(&Measured) -> Option<f64>| -> Vec<(Contestant, f64)> {
        let measured = results.contestants.iter();
        measured.filter_map(|(contestant, measured)| Some((*contestant, value(measured)?))).collect()
    };
    vec![
        Panel {
            title: format!("Until the last of {nodes} new nodes is ready (logarithmic)"),
            marks: Some(" s"),
            show: seconds,
            bars: bars(|measured| measured.median(|run| run.last_s)),
        },
        Panel {
            title: "vCenter requests for that, pages of the inventory apart (logarithmic)".to_owned(),
            marks: Some(""),
            show: count,
            // The floor does not ask.
            bars: bars(|measured| {
                measured.median(|run| number(run.requests.besides_pages)).filter(|requests| *requests > 0.0)
            }),
        },
        Panel {
            title: "Peak memory".to_owned(),
            marks: None,
            show: megabytes,
            bars: bars(|measured| measured.median(|run| number(run.peak_rss))),
        },
        Panel {
            title: "One node joins the idle cluster".to_owned(),
            marks: None,
            show: milliseconds,
            bars: bars(|measured| median(&measured.joins_ms)),
        },
    ]
}

impl Panel {
    /// Draws from `top` on, and returns where it ends.
    fn draw(&self, out: &mut String, top: f64) -> f64 {
        text(out, LEFT, top + 14.0, "start", true, &self.title);
        let scale = self.scale();
        let lines = u32::try_from(self.bars.len()).unwrap_or(u32::MAX);
        let mut bottom = top + TITLE + f64::from(lines) * LINE;
        if let (Some(unit), Scale::Logarithmic(begin, end)) = (self.marks, scale) {
            draw_marks(out, (begin, end), (top + TITLE - 4.0, bottom), unit);
            bottom += MARKS;
        }
        for (at, (contestant, value)) in (0_u32..).zip(&self.bars) {
            let top = top + TITLE + f64::from(at) * LINE;
            let length = scale.length(*value);
            let middle = top + BAR * 0.5 + 4.5;
            text(out, LEFT - 10.0, middle, "end", false, contestant.title());
            let colour = colour(*contestant);
            // Writing into a text cannot fail.
            let _ = writeln!(
                out,
                "<rect x=\"{LEFT}\" y=\"{top:.1}\" width=\"{length:.1}\" height=\"{BAR}\" rx=\"2\" fill=\"{colour}\"/>"
            );
            text(out, LEFT + length + 8.0, middle, "start", false, &(self.show)(*value));
        }
        bottom
    }

    fn scale(&self) -> Scale {
        let values = self.bars.iter().map(|(_, value)| *value);
        if self.marks.is_some() { Scale::logarithmic(values) } else { Scale::linear(values) }
    }
}

/// A line at each power of ten, with its number below.
fn draw_marks(out: &mut String, (begin, end): (f64, f64), (top, bottom): (f64, f64), unit: &str) {
    let mut power = begin;
    while power <= end {
        let x = LEFT + (power - begin) / (end - begin) * LONGEST;
        let _ = writeln!(
            out,
            "<line x1=\"{x:.1}\" y1=\"{top:.1}\" x2=\"{x:.1}\" y2=\"{bottom:.1}\" stroke=\"{TEXT}\" stroke-opacity=\"0.4\"/>"
        );
        let value = 10_f64.powf(power);
        let number = if value < 1.0 { format!("{value}") } else { count(value) };
        text(out, x, bottom + 12.0, "middle", false, &format!("{number}{unit}"));
        power += 1.0;
    }
}

impl Scale {
    fn linear(values: impl Iterator<Item = f64>) -> Self {
        Self::Linear(values.fold(f64::MIN_POSITIVE, f64::max))
    }

    /// It begins at the power of ten below the smallest value. Where all are about the same, a
    /// whole power of ten is the length.
    fn logarithmic(values: impl Iterator<Item = f64>) -> Self {
        let (smallest, largest) = values.fold((f64::MAX, f64::MIN_POSITIVE), |(smallest, largest), value| {
            (smallest.min(value.max(f64::MIN_POSITIVE)), largest.max(value))
        });
        let begin = smallest.log10().floor();
        Self::Logarithmic(begin, largest.log10().max(begin + 1.0))
    }

    fn length(self, value: f64) -> f64 {
        let part = match self {
            Self::Linear(largest) => value / largest,
            Self::Logarithmic(begin, end) => (value.max(f64::MIN_POSITIVE).log10() - begin) / (end - begin),
        };
        // What is there can be seen.
        (part * LONGEST).clamp(2.0, LONGEST)
    }
}

fn colour(contestant: Contestant) -> &'static str {
    match contestant {
        Contestant::Ours => OURS,
        Contestant::Tuned | Contestant::Default => UPSTREAM,
        Contestant::Floor => FLOOR,
    }
}

fn text(out: &mut String, x: f64, y: f64, anchor: &str, bold: bool, content: &str) {
    let weight = if bold { " font-weight=\"600\"" } else { "" };
    let content = escaped(content);
    let _ =
        writeln!(out, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\"{weight}>{content}</text>");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::results::fixtures::results;

    #[test]
    fn every_contestant_has_its_bars() {
        let svg = render(&results());
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
        // Four, three (the floor asks nothing), four, three (nothing joins the floor).
        assert_eq!(svg.matches("<rect ").count(), 14);
        for part in ["Until the last of 1,000", "246 s", "26,800", "35.7 MB", ">304 ms<", "upstream, tuned"] {
            assert!(svg.contains(part), "{part}: {svg}");
        }
    }

    #[test]
    fn bars_stay_in_the_picture() {
        for values in [[5.2, 6.5, 246.0], [0.3, 0.4, 0.5], [15.0, 15.0, 15.0], [1.0, 10.0, 100_000.0]] {
            for scale in [Scale::linear(values.into_iter()), Scale::logarithmic(values.into_iter())] {
                let lengths = values.map(|value| scale.length(value));
                assert!(lengths.iter().all(|length| (2.0..=LONGEST).contains(length)), "{lengths:?}");
                assert!(lengths.is_sorted(), "{scale:?} {lengths:?}");
            }
        }
        // On a scale from 1 to 100, 10 is half the way.
        let logarithmic = Scale::logarithmic([1.0, 10.0, 100.0].into_iter());
        assert!((logarithmic.length(10.0) - LONGEST / 2.0).abs() < 0.1);
        assert!((Scale::linear([1.0, 2.0].into_iter()).length(1.0) - LONGEST / 2.0).abs() < 0.1);
    }

    #[test]
    fn nothing_measured_is_an_empty_picture() {
        let mut results = results();
        results.contestants.clear();
        assert_eq!(render(&results).matches("<rect ").count(), 0);
    }

    #[test]
    fn what_is_markup_is_escaped() {
        assert_eq!(escaped("a < b & c > d"), "a &lt; b &amp; c &gt; d");
    }

    /// As the Web Content Accessibility Guidelines calculate it.
    fn luminance(colour: &str) -> f64 {
        let part = |at: usize| {
            let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
    }

    #[test]
    fn it_can_be_read_in_light_and_dark() {
        let contrast = |a: &str, b: &str| {
            let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
            a.max(b) / a.min(b)
        };
        for background in ["#ffffff", "#0d1117"] {
            assert!(contrast(TEXT, background) > 4.2, "{}", contrast(TEXT, background));
            for bar in [OURS, UPSTREAM, FLOOR] {
                assert!(contrast(bar, background) > 2.5, "{bar}: {}", contrast(bar, background));
            }
        }
    }
}
