//! What came of the steps, as a table.

use std::time::Duration;

use super::super::table::{Column, render, seconds};

/// Something that happened in time.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    pub(super) step: usize,
    /// What was done.
    pub(super) done: String,
    /// What Kubernetes showed.
    pub(super) shown: String,
    pub(super) took: Duration,
}

/// One row for each outcome.
pub(super) fn table(outcomes: &[Outcome], width: usize) -> Vec<String> {
    let columns = [
        Column { right: true, ..Column::new("#", 1) },
        Column::new("WHAT HAPPENED", 20),
        Column::new("WHAT KUBERNETES SHOWED", 20),
        Column { right: true, ..Column::new("TIME", 6) },
    ];
    let rows: Vec<Vec<String>> = outcomes
        .iter()
        .map(|Outcome { step, done, shown, took }| {
            vec![step.to_string(), done.clone(), shown.clone(), span(*took)]
        })
        .collect();
    render(&columns, &rows, width)
}

/// Milliseconds, or seconds if there are many.
pub(super) fn span(duration: Duration) -> String {
    if duration < Duration::from_secs(1) { format!("{} ms", duration.as_millis()) } else { seconds(duration) }
}

/// The lines of a long text, no longer than `width` unless a word is.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_times_are_milliseconds() {
        assert_eq!(span(Duration::from_micros(34_900)), "34 ms");
        assert_eq!(span(Duration::from_millis(3042)), "3.04 s");
    }

    #[test]
    fn long_texts_are_wrapped_between_words() {
        assert_eq!(wrap("the VM of this Node is gone", 10), ["the VM of", "this Node", "is gone"]);
        assert_eq!(wrap("aaaaaaaaaaaa b", 5), ["aaaaaaaaaaaa", "b"]);
        assert!(wrap("", 5).is_empty());
    }

    #[test]
    fn each_outcome_is_a_row() {
        let outcome = Outcome {
            step: 1,
            done: "another address".into(),
            shown: "status.addresses".into(),
            took: Duration::from_millis(7),
        };
        let lines = table(&[outcome], 80);
        assert_eq!(lines.len(), 3);
        assert!(lines[2].starts_with("1  another address ") && lines[2].ends_with("  7 ms"), "{lines:#?}");
    }
}
