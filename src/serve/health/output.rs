//! What is answered: the format of all of Kubernetes' components, with the reasons in it.

use std::fmt::Write as _;

use super::{Group, Outcome, Query};

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The HTTP status: 200 or 500.
    pub status: u16,
    /// Text, for people and for kubelet's Events.
    pub body: String,
}

/// The answer about a whole group; `known` are the names in it, `results` of those not excluded.
pub(super) fn report(group: Group, known: &[String], results: &[(String, Outcome)], query: &Query) -> Report {
    let failed = results.iter().any(|(_, outcome)| outcome.is_err());
    if !failed && !query.verbose {
        return Report { status: 200, body: "ok".to_owned() };
    }
    let mut body = String::new();
    for name in known {
        let _ = match results.iter().find(|(made, _)| made == name).map(|(_, outcome)| outcome) {
            None => writeln!(body, "[+]{name} excluded: ok"),
            Some(Ok(note)) if note.is_empty() => writeln!(body, "[+]{name} ok"),
            Some(Ok(note)) => writeln!(body, "[+]{name} ok: {}", one_line(note)),
            Some(Err(reason)) => writeln!(body, "[-]{name} failed: {}", one_line(reason)),
        };
    }
    let unknown: Vec<String> =
        query.exclude.iter().filter(|name| !known.contains(name)).map(|name| format!("{name:?}")).collect();
    if !unknown.is_empty() {
        let names = unknown.join(",");
        let _ = writeln!(body, "warn: some health checks cannot be excluded: no matches for {names}");
    }
    let name = group.as_str();
    let (status, verdict) = if failed { (500, "failed") } else { (200, "passed") };
    let _ = writeln!(body, "{name} check {verdict}");
    Report { status, body }
}

/// The answer about a single check.
pub(super) fn single(outcome: &Outcome) -> Report {
    match outcome {
        Ok(_) => Report { status: 200, body: "ok".to_owned() },
        Err(reason) => Report { status: 500, body: format!("internal server error: {reason}\n") },
    }
}

/// Each check has one line.
fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(results: &[(&str, Result<&str, &str>)], query: &str) -> Report {
        let query = Query::parse(query);
        let known: Vec<String> = results.iter().map(|(name, _)| (*name).to_owned()).collect();
        let results: Vec<(String, Outcome)> = results
            .iter()
            .filter(|(name, _)| !query.excludes(name))
            .map(|(name, outcome)| ((*name).to_owned(), outcome.map(str::to_owned).map_err(str::to_owned)))
            .collect();
        report(Group::Readyz, &known, &results, &query)
    }

    #[test]
    fn the_format_is_that_of_kubernetes() {
        let good: &[(&str, Result<&str, &str>)] = &[("ping", Ok("")), ("vcenters", Ok("east: up"))];
        let bad: &[(&str, Result<&str, &str>)] = &[("ping", Ok("")), ("vcenters", Err("east:\nunreachable"))];
        for (results, query, status, body) in [
            (good, "", 200, "ok"),
            (good, "verbose", 200, "[+]ping ok\n[+]vcenters ok: east: up\nreadyz check passed\n"),
            (bad, "", 500, "[+]ping ok\n[-]vcenters failed: east: unreachable\nreadyz check failed\n"),
            (bad, "exclude=vcenters", 200, "ok"),
            (
                bad,
                "verbose&exclude=vcenters",
                200,
                "[+]ping ok\n[+]vcenters excluded: ok\nreadyz check passed\n",
            ),
            (
                good,
                "verbose&exclude=x&exclude=y",
                200,
                "[+]ping ok\n[+]vcenters ok: east: up\nwarn: some health checks cannot be excluded: no \
                 matches for \"x\",\"y\"\nreadyz check passed\n",
            ),
        ] {
            assert_eq!(answer(results, query), Report { status, body: body.to_owned() }, "{query}");
        }
    }

    #[test]
    fn a_single_check_says_ok_or_why_not() {
        assert_eq!(single(&Ok("note".to_owned())).body, "ok");
        let failed = Report { status: 500, body: "internal server error: it hangs\n".to_owned() };
        assert_eq!(single(&Err("it hangs".to_owned())), failed);
    }
}
