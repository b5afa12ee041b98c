//! The times to recover as a picture: for each fault a bar of each contestant.

use super::fault::Fault;
use super::results::{Record, Results};
use super::table::after;
use crate::bench::contestant::Contestant;
use crate::bench::figures::number;
use crate::bench::svg::{self, Anchor, Scale, text};

/// Where the bars begin, and the longest one.
const LEFT: f64 = 240.0;
const LONGEST: f64 = 320.0;
const BAR: f64 = 12.0;
/// From one bar to the next of the same fault, and between two faults.
const LINE: f64 = 14.0;
const GAP: f64 = 8.0;
const TITLE: f64 = 52.0;
/// The numbers below the scale.
const MARKS: f64 = 24.0;
/// What is faster looks as if it took so long: a tenth of a second is nobody's outage.
const SHORTEST: f64 = 0.1;

/// The picture.
pub(super) fn render(results: &Results) -> String {
    let contestants: Vec<(Contestant, &Record)> =
        results.contestants.iter().map(|(contestant, record)| (*contestant, record)).collect();
    let met = |fault: &Fault| contestants.iter().any(|(_, record)| record.outcomes.contains_key(fault));
    let faults: Vec<Fault> = Fault::ALL.into_iter().filter(met).collect();
    let give_up = number(results.setup.give_up_s).max(1.0);
    let scale = Scale::logarithmic([SHORTEST, give_up].into_iter());
    let mut body = String::new();
    let title = "Seconds from the end of a fault until all is right again (logarithmic)";
    svg::heading(&mut body, 10.0, 22.0, title);
    legend(&mut body, &contestants);

    let mut bars = String::new();
    let mut top = TITLE;
    for fault in faults {
        let begin = top;
        for (contestant, record) in &contestants {
            if let Some(outcome) = record.outcomes.get(&fault) {
                let length = scale.length(outcome.recovered_s.unwrap_or(give_up).max(SHORTEST), LONGEST);
                svg::bar(&mut bars, (LEFT, top), (length, BAR), contestant.colour());
                let said = format!(
                    "{}{}",
                    after(outcome.recovered_s, &results.setup),
                    wrong(outcome.wrong_actions())
                );
                text(&mut bars, LEFT + length + 8.0, top + BAR * 0.5 + 4.5, Anchor::Start, &said);
            }
            top += LINE;
        }
        text(&mut bars, LEFT - 10.0, (begin + top) * 0.5 + 3.5, Anchor::End, fault.title());
        top += GAP;
    }
    if let Scale::Logarithmic(begin, end) = scale {
        let ends = (TITLE - 4.0, top - GAP + 4.0);
        svg::powers_of_ten(&mut body, (begin, end), (LEFT, LONGEST), ends, " s");
    }
    body.push_str(&bars);
    svg::picture("Recovery after faults", top + MARKS, &body)
}

fn legend(out: &mut String, contestants: &[(Contestant, &Record)]) {
    let mut x = 10.0;
    for (contestant, _) in contestants {
        svg::bar(out, (x, 33.0), (BAR, BAR), contestant.colour());
        text(out, x + 18.0, 43.5, Anchor::Start, contestant.title());
        x += 140.0;
    }
    let wrong = "wrong: nodes deleted or marked as shut down though their VM runs";
    text(out, x, 43.5, Anchor::Start, wrong);
}

fn wrong(times: usize) -> String {
    match times {
        0 => String::new(),
        some => format!(", {some} wrong"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::results::fixtures::results;
    use super::*;

    #[test]
    fn every_fault_has_a_bar_of_each() {
        let svg = render(&results());
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
        // Three faults of two contestants, and the legend.
        assert_eq!(svg.matches("<rect ").count(), 8);
        for part in [
            ">not within 180 s<",
            ">61.2 s, 3 wrong<",
            ">before its end<",
            ">accepts and hangs for 20 s<",
            ">100 s<",
        ] {
            assert!(svg.contains(part), "{part}: {svg}");
        }
    }

    #[test]
    fn who_did_not_recover_has_the_longest_bar() {
        let svg = render(&results());
        assert!(svg.contains(&format!("width=\"{LONGEST:.1}\"")), "{svg}");
        assert!(svg.contains("width=\"2.0\""), "{svg}");
    }

    #[test]
    fn nothing_measured_is_an_empty_picture() {
        let mut results = results();
        results.contestants.clear();
        assert_eq!(render(&results).matches("<rect ").count(), 0);
    }
}
