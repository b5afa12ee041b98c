//! What the benches' pictures have in common: colours, scales, and pieces of SVG.

use std::fmt::Write;

use super::figures::count;

/// Colours that can be read on white and on black: a picture in a README does not know which it is.
pub(super) const TEXT: &str = "#727c88";
pub(super) const OURS: &str = "#2f80e8";
pub(super) const UPSTREAM: &str = "#9aa3ad";
pub(super) const FLOOR: &str = "#2e9e6b";

/// Of every picture.
pub(super) const WIDTH: f64 = 760.0;

/// Where a text stands from its point.
#[derive(Debug, Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// How long a bar is for its value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scale {
    /// From nothing to this.
    Linear(f64),
    /// From one power of ten to another number, both as logarithms: each step to the right is ten
    /// times as much.
    Logarithmic(f64, f64),
}

impl Scale {
    pub(super) fn linear(values: impl Iterator<Item = f64>) -> Self {
        Self::Linear(values.fold(f64::MIN_POSITIVE, f64::max))
    }

    /// It begins at the power of ten below the smallest value. Where all are about the same, a
    /// whole power of ten is the length.
    pub(super) fn logarithmic(values: impl Iterator<Item = f64>) -> Self {
        let (smallest, largest) = values.fold((f64::MAX, f64::MIN_POSITIVE), |(smallest, largest), value| {
            (smallest.min(value.max(f64::MIN_POSITIVE)), largest.max(value))
        });
        let begin = smallest.log10().floor();
        Self::Logarithmic(begin, largest.log10().max(begin + 1.0))
    }

    /// Of at most `longest`; what is there can be seen.
    pub(super) fn length(self, value: f64, longest: f64) -> f64 {
        let part = match self {
            Self::Linear(largest) => value / largest,
            Self::Logarithmic(begin, end) => (value.max(f64::MIN_POSITIVE).log10() - begin) / (end - begin),
        };
        (part * longest).clamp(2.0, longest)
    }
}

/// A whole picture of this height.
pub(super) fn picture(title: &str, height: f64, body: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" font-family=\"system-ui, sans-serif\" font-size=\"13\" \
         fill=\"{TEXT}\" role=\"img\">\n<title>{}</title>\n{body}</svg>\n",
        escaped(title),
    )
}

/// A text; writing into a text cannot fail.
pub(super) fn text(out: &mut String, x: f64, y: f64, anchor: Anchor, content: &str) {
    write_text(out, (x, y), anchor, "", content);
}

/// The heading of a part of the picture.
pub(super) fn heading(out: &mut String, x: f64, y: f64, content: &str) {
    write_text(out, (x, y), Anchor::Start, " font-weight=\"600\"", content);
}

fn write_text(out: &mut String, (x, y): (f64, f64), anchor: Anchor, more: &str, content: &str) {
    let anchor = match anchor {
        Anchor::Start => "start",
        Anchor::Middle => "middle",
        Anchor::End => "end",
    };
    let content = escaped(content);
    let _ = writeln!(out, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\"{more}>{content}</text>");
}

/// A bar to the right.
pub(super) fn bar(out: &mut String, (x, y): (f64, f64), (length, height): (f64, f64), colour: &str) {
    let _ = writeln!(
        out,
        "<rect x=\"{x}\" y=\"{y:.1}\" width=\"{length:.1}\" height=\"{height}\" rx=\"2\" fill=\"{colour}\"/>"
    );
}

/// A thin line of a grid.
pub(super) fn line(out: &mut String, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
    let _ = writeln!(
        out,
        "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{TEXT}\" stroke-opacity=\"0.4\"/>"
    );
}

/// A line at each power of ten of a logarithmic scale, with its number below.
pub(super) fn powers_of_ten(
    out: &mut String,
    (begin, end): (f64, f64),
    (left, longest): (f64, f64),
    (top, bottom): (f64, f64),
    unit: &str,
) {
    let mut power = begin;
    while power <= end {
        let x = left + (power - begin) / (end - begin) * longest;
        line(out, (x, top), (x, bottom));
        let value = 10_f64.powf(power);
        let number = if value < 1.0 { format!("{value}") } else { count(value) };
        text(out, x, bottom + 12.0, Anchor::Middle, &format!("{number}{unit}"));
        power += 1.0;
    }
}

/// A curve through these points.
pub(super) fn curve(out: &mut String, points: impl Iterator<Item = (f64, f64)>, colour: &str) {
    let points: Vec<String> = points.map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let points = points.join(" ");
    let _ = writeln!(
        out,
        "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\" stroke-linejoin=\"round\"/>"
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: f64 = 520.0;

    #[test]
    fn bars_stay_in_the_picture() {
        for values in [[5.2, 6.5, 246.0], [0.3, 0.4, 0.5], [15.0, 15.0, 15.0], [1.0, 10.0, 100_000.0]] {
            for scale in [Scale::linear(values.into_iter()), Scale::logarithmic(values.into_iter())] {
                let lengths = values.map(|value| scale.length(value, LONGEST));
                assert!(lengths.iter().all(|length| (2.0..=LONGEST).contains(length)), "{lengths:?}");
                assert!(lengths.is_sorted(), "{scale:?} {lengths:?}");
            }
        }
        // On a scale from 1 to 100, 10 is half the way.
        let logarithmic = Scale::logarithmic([1.0, 10.0, 100.0].into_iter());
        assert!((logarithmic.length(10.0, LONGEST) - LONGEST / 2.0).abs() < 0.1);
        assert!((Scale::linear([1.0, 2.0].into_iter()).length(1.0, LONGEST) - LONGEST / 2.0).abs() < 0.1);
    }

    #[test]
    fn what_is_markup_is_escaped() {
        assert_eq!(escaped("a < b & c > d"), "a &lt; b &amp; c &gt; d");
        let mut out = String::new();
        curve(&mut out, [(1.0, 2.0), (3.04, 4.0)].into_iter(), OURS);
        assert!(out.contains("points=\"1.0,2.0 3.0,4.0\""), "{out}");
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
