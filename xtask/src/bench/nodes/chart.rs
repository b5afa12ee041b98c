//! The results as a picture: horizontal bars, in SVG.

use super::results::{Measured, Results};
use crate::bench::contestant::Contestant;
use crate::bench::figures::{count, megabytes, milliseconds, number, seconds};
use crate::bench::stats::median;
use crate::bench::svg::{self, Anchor, Scale, text};

/// Where the bars begin, and the longest one.
const LEFT: f64 = 140.0;
const LONGEST: f64 = 520.0;
const BAR: f64 = 16.0;
const LINE: f64 = 23.0;
const TITLE: f64 = 30.0;
const GAP: f64 = 18.0;
/// The numbers below a logarithmic scale.
const MARKS: f64 = 14.0;

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
    let title = format!("{} nodes become ready", count(number(results.setup.nodes as u64)));
    svg::picture(&title, top.max(GAP), &body)
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
        svg::heading(out, LEFT, top + 14.0, &self.title);
        let scale = self.scale();
        let lines = u32::try_from(self.bars.len()).unwrap_or(u32::MAX);
        let mut bottom = top + TITLE + f64::from(lines) * LINE;
        if let (Some(unit), Scale::Logarithmic(begin, end)) = (self.marks, scale) {
            svg::powers_of_ten(out, (begin, end), (LEFT, LONGEST), (top + TITLE - 4.0, bottom), unit);
            bottom += MARKS;
        }
        for (at, (contestant, value)) in (0_u32..).zip(&self.bars) {
            let top = top + TITLE + f64::from(at) * LINE;
            let length = scale.length(*value, LONGEST);
            let middle = top + BAR * 0.5 + 4.5;
            text(out, LEFT - 10.0, middle, Anchor::End, contestant.title());
            svg::bar(out, (LEFT, top), (length, BAR), contestant.colour());
            text(out, LEFT + length + 8.0, middle, Anchor::Start, &(self.show)(*value));
        }
        bottom
    }

    fn scale(&self) -> Scale {
        let values = self.bars.iter().map(|(_, value)| *value);
        if self.marks.is_some() { Scale::logarithmic(values) } else { Scale::linear(values) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::nodes::results::fixtures::results;

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
    fn nothing_measured_is_an_empty_picture() {
        let mut results = results();
        results.contestants.clear();
        assert_eq!(render(&results).matches("<rect ").count(), 0);
    }
}
