//! Findings as text and as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::check::{Finding, Severity, worst};

/// Longer subjects do not push all messages to the right.
const WIDEST_SUBJECT: usize = 32;

/// Whether there are colours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    coloured: bool,
}

impl Style {
    /// Colours for a terminal, unless `NO_COLOR` is set (<https://no-color.org>).
    pub(super) fn of_terminal(terminal: bool) -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { coloured: terminal && !unwanted }
    }

    fn severity(self, severity: Severity) -> String {
        let word = format!("{:4}", severity.as_str().to_uppercase());
        let colour = match severity {
            Severity::Ok => 32,
            Severity::Note => 36,
            Severity::Warning => 33,
            Severity::Failure => 31,
        };
        if self.coloured { format!("\u{1b}[{colour}m{word}\u{1b}[0m") } else { word }
    }
}

/// A line for each finding, below its topic; what to do stands below that.
pub(super) fn text(findings: &[Finding], style: Style) -> String {
    let mut text = String::new();
    let mut topic = None;
    for finding in findings {
        if topic != Some(finding.topic) {
            let gap = if topic.is_none() { "" } else { "\n" };
            let _ = writeln!(text, "{gap}{}", finding.topic.as_str());
            topic = Some(finding.topic);
        }
        let same = findings.iter().filter(|other| other.topic == finding.topic);
        let widest = same.map(|other| other.subject.chars().count()).max().unwrap_or(0).min(WIDEST_SUBJECT);
        let (severity, subject) = (style.severity(finding.severity), one_line(&finding.subject));
        let _ = writeln!(text, "  {severity}  {subject:widest$}  {}", one_line(&finding.message));
        if let Some(fix) = &finding.fix {
            let _ = writeln!(text, "        {:widest$}  -> {}", "", one_line(fix));
        }
    }
    let counts: Vec<String> = Severity::ALL
        .iter()
        .rev()
        .map(|severity| format!("{} {}", count(findings, *severity), severity.as_str()))
        .collect();
    let verdict = match worst(findings) {
        Severity::Failure => "a manager would not work, or not for all Nodes",
        Severity::Warning => "a manager would work; see the warnings",
        Severity::Ok | Severity::Note => "nothing is wrong",
    };
    let _ = writeln!(text, "\n{}: {verdict}", counts.join(", "));
    text
}

/// Names and answers from elsewhere must not make lines of their own, nor steer a terminal.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn count(findings: &[Finding], severity: Severity) -> usize {
    findings.iter().filter(|finding| finding.severity == severity).count()
}

/// `{"findings": [{"severity", "topic", "subject", "message", "fix"}], "summary": {"ok", "note", "warn",
/// "fail", "result"}}`; `result` is the worst severity.
pub(super) fn json(findings: &[Finding]) -> String {
    let list: Vec<Value> = findings
        .iter()
        .map(|finding| {
            json!({
                "severity": finding.severity.as_str(), "topic": finding.topic.as_str(),
                "subject": finding.subject, "message": finding.message, "fix": finding.fix,
            })
        })
        .collect();
    let mut summary: serde_json::Map<String, Value> = Severity::ALL
        .iter()
        .map(|severity| (severity.as_str().to_owned(), json!(count(findings, *severity))))
        .collect();
    summary.insert("result".to_owned(), json!(worst(findings).as_str()));
    format!("{:#}\n", json!({"findings": list, "summary": summary}))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Topic;

    fn findings() -> Vec<Finding> {
        let finding = |severity, topic, subject: &str, message: &str, fix: Option<&str>| Finding {
            severity,
            topic,
            subject: subject.to_owned(),
            message: message.to_owned(),
            fix: fix.map(str::to_owned),
        };
        vec![
            finding(Severity::Ok, Topic::Vcenter, "vc:443", "login", None),
            finding(Severity::Warning, Topic::Nodes, "n", "off\u{1b}[2J\nx", Some("switch it on")),
            finding(Severity::Failure, Topic::Nodes, "node-10", "no VM", None),
        ]
    }

    #[test]
    fn text_is_aligned_and_grouped() {
        let expected = "vcenter\n  OK    vc:443  login\n\nnodes\n  WARN  n        off [2J x\n                 \
                        -> switch it on\n  FAIL  node-10  no VM\n\n1 fail, 1 warn, 0 note, 1 ok: a manager would \
                        not work, or not for all Nodes\n";
        assert_eq!(text(&findings(), Style { coloured: false }), expected);
        assert!(text(&findings(), Style { coloured: true }).contains("\u{1b}[31mFAIL\u{1b}[0m"));
    }

    #[test]
    fn json_has_stable_names() {
        let value: Value = serde_json::from_str(&json(&findings())).unwrap();
        assert_eq!(value["summary"], json!({"ok": 1, "note": 0, "warn": 1, "fail": 1, "result": "fail"}));
        let expected = json!({
            "severity": "fail", "topic": "nodes", "subject": "node-10", "message": "no VM", "fix": null,
        });
        assert_eq!(value["findings"][2], expected);
    }
}
