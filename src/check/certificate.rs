//! Whether a vCenter can be reached, and whether its certificate is trusted.

use jiff::Timestamp;

use super::{Finding, Topic};
use crate::config::{Tls, Vcenter};
use crate::vsphere::{Endpoint, Error, Presented, presented};

const TOPIC: Topic = Topic::Certificate;

/// A certificate is renewed before so many days are left.
const DAYS_BEFORE_END: i64 = 30;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Looks; the second value is whether a login can be tried.
pub(super) async fn check(vcenter: &Vcenter, now: Timestamp) -> (Vec<Finding>, bool) {
    let subject = Endpoint::new(vcenter).to_string();
    match presented(vcenter).await {
        Ok(seen) => judge(&subject, &seen, &vcenter.tls, now),
        Err(error) => (vec![unreachable(&subject, &error)], false),
    }
}

fn unreachable(subject: &str, error: &Error) -> Finding {
    let text = error.to_string();
    let what = text.strip_prefix(&format!("{subject}: ")).unwrap_or(&text).to_owned();
    let fix = match error {
        Error::Tls(_) => {
            "see whether this is vCenter's HTTPS port, and whether something on the way ends TLS"
        }
        _ => {
            "see that `server` and `port` are right, that the name resolves from here, and that no firewall or \
             proxy is between"
        }
    };
    TOPIC.fail(subject, what, fix)
}

fn judge(subject: &str, seen: &Presented, tls: &Tls, now: Timestamp) -> (Vec<Finding>, bool) {
    let advice = format!(
        "after comparing it with vCenter's own, set `thumbprint: {}`; or set `caFile` to the CA that signed it",
        seen.sha256
    );
    let mut findings = Vec::new();
    let trusted = match (&seen.chain, seen.pinned) {
        (chain, _) if tls.insecure => {
            let would = match chain {
                Ok(()) => "it could be: CA and name are right".to_owned(),
                Err(why) => format!("it would be refused: {why}"),
            };
            let message = format!(
                "the certificate is not checked (insecureFlag); {would}. Anybody can read the password"
            );
            let fix = match chain {
                Ok(()) => "remove insecureFlag".to_owned(),
                Err(_) => format!("remove insecureFlag; {advice}"),
            };
            findings.push(TOPIC.warn(subject, message, fix));
            true
        }
        (Ok(()), Some(false)) => {
            let message =
                format!("trusted by its CA, but it is not the one of the thumbprint{}", until(seen));
            let fix =
                format!("set `thumbprint: {}`, or remove thumbprint, which has no effect here", seen.sha256);
            findings.push(TOPIC.warn(subject, message, fix));
            true
        }
        (Ok(()), _) => {
            let by = if tls.ca_files.is_empty() { "the system's CAs" } else { "caFile" };
            findings.push(TOPIC.ok(subject, format!("reached; certificate trusted by {by}{}", until(seen))));
            true
        }
        (Err(_), Some(true)) => {
            let message = format!("reached; certificate accepted by its thumbprint{}", until(seen));
            findings.push(TOPIC.ok(subject, message));
            true
        }
        (Err(why), pinned) => {
            let pin = if pinned.is_some() { ", and it does not have the configured thumbprint" } else { "" };
            let message = format!(
                "the certificate is refused: {why}{pin}. Its SHA-256 thumbprint is {}, SHA-1 {}",
                seen.sha256, seen.sha1
            );
            findings.push(TOPIC.fail(subject, message, advice));
            false
        }
    };
    if trusted {
        findings.extend(expiry(subject, seen, now));
    }
    (findings, trusted)
}

fn until(seen: &Presented) -> String {
    end(seen).map(|end| format!(", valid until {}", end.strftime("%F"))).unwrap_or_default()
}

fn end(seen: &Presented) -> Option<Timestamp> {
    Timestamp::from_second(i64::try_from(seen.not_after?).ok()?).ok()
}

fn expiry(subject: &str, seen: &Presented, now: Timestamp) -> Option<Finding> {
    let end = end(seen)?;
    let days = (end.as_second() - now.as_second()).div_euclid(DAY);
    let renew = "renew vCenter's machine certificate; where `thumbprint` is used, change it at the same time";
    let date = end.strftime("%F");
    if days < 0 {
        return Some(TOPIC.warn(subject, format!("the certificate has expired on {date}"), renew));
    }
    let message = format!("the certificate expires in {days} days, on {date}");
    (days < DAYS_BEFORE_END).then(|| TOPIC.warn(subject, message, renew))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Severity, worst};
    use crate::config::Thumbprint;

    fn now() -> Timestamp {
        "2026-01-01T12:00:00Z".parse().unwrap()
    }

    fn seen(days: i64, chain: Result<(), &str>, pinned: Option<bool>) -> Presented {
        Presented {
            sha256: Thumbprint::Sha256([0xab; 32]),
            sha1: Thumbprint::Sha1([0xcd; 20]),
            not_after: u64::try_from(now().as_second() + days * DAY).ok(),
            chain: chain.map_err(str::to_owned),
            pinned,
        }
    }

    /// What it is, what is seen, what is configured; whether a login can be tried, how bad it is, parts of
    /// what is told.
    type Case<'a> = (&'a str, Presented, &'a Tls, bool, Severity, &'a [&'a str]);

    #[test]
    fn certificates_are_judged() {
        let strict = Tls::default();
        let insecure = Tls { insecure: true, ..Tls::default() };
        let cases: &[Case<'_>] = &[
            ("all well", seen(90, Ok(()), None), &strict, true, Severity::Ok, &["until 2026-04-01"]),
            ("soon", seen(29, Ok(()), None), &strict, true, Severity::Warning, &["in 29 days"]),
            ("not so soon", seen(30, Ok(()), None), &strict, true, Severity::Ok, &[]),
            (
                "by thumbprint",
                seen(90, Err("who?"), Some(true)),
                &strict,
                true,
                Severity::Ok,
                &["thumbprint"],
            ),
            (
                "past",
                seen(-1, Err("expired"), Some(true)),
                &strict,
                true,
                Severity::Warning,
                &["has expired"],
            ),
            ("old thumbprint", seen(90, Ok(()), Some(false)), &strict, true, Severity::Warning, &["AB:AB"]),
            (
                "unknown",
                seen(90, Err("UnknownIssuer"), None),
                &strict,
                false,
                Severity::Failure,
                &["UnknownIssuer", "thumbprint: AB:AB", "caFile"],
            ),
            ("neither", seen(90, Err("x"), Some(false)), &strict, false, Severity::Failure, &["configured"]),
            (
                "insecure",
                seen(90, Err("x"), None),
                &insecure,
                true,
                Severity::Warning,
                &["insecureFlag", "AB:AB"],
            ),
            ("needlessly", seen(90, Ok(()), None), &insecure, true, Severity::Warning, &["it could be"]),
        ];
        for (what, seen, tls, trusted, severity, parts) in cases {
            let (findings, usable) = judge("vc:443", seen, tls, now());
            assert_eq!((usable, worst(&findings)), (*trusted, *severity), "{what}: {findings:?}");
            let text = format!("{findings:?}");
            assert!(parts.iter().all(|part| text.contains(part)), "{what}: {text}");
        }
    }
}
