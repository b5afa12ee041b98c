//! One vCenter: the login, its version, its datacenters. One login serves everything.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::{Finding, Sessions, Severity, Topic};
use crate::config::{Credentials, Labels, Vcenter};
use crate::fleet::zone_options;
use crate::vsphere::inventory::{Health, Inventory};
use crate::vsphere::types::About;
use crate::vsphere::{Endpoint, Error, Session};

const TOPIC: Topic = Topic::Vcenter;

/// How long the datacenters may take to be read.
const READING: Duration = Duration::from_secs(20);

/// Longer than any check takes: tags are read once.
const NEVER: Duration = Duration::from_hours(24);

/// The oldest version that its vendor still looked after when this was written.
const OLDEST_SUPPORTED: (u32, u32) = (7, 0);
/// The newest version that this program has been written for.
const NEWEST_KNOWN: (u32, u32) = (9, 0);

/// What came of looking at one vCenter.
#[derive(Debug, Default)]
pub(super) struct Entered {
    pub(super) findings: Vec<Finding>,
    /// To ask it more; absent if the login failed.
    pub(super) inventory: Option<Inventory>,
    /// `about.instanceUuid`
    pub(super) uuid: Option<String>,
    /// Whether machines can be looked for: login and datacenters are right.
    pub(super) usable: bool,
}

/// Logs in and looks around. The session stays, for whoever closes `sessions`.
pub(super) async fn enter(
    vcenter: &Vcenter,
    labels: &Labels,
    credentials: Credentials,
    sessions: &Sessions,
) -> Entered {
    let subject = Endpoint::new(vcenter).to_string();
    let account = credentials.account();
    let (sender, feed) = watch::channel(Ok(Arc::new(credentials)));
    let session = match Session::new(vcenter, feed) {
        Ok(session) => session,
        Err(error) => return refused(&subject, &error),
    };
    let inventory = Inventory::over(session.clone(), vcenter, zone_options(labels, NEVER));
    sessions.add(&inventory);
    // The inventory logs in too, by itself: both wait for the same login.
    let connection = match session.connect().await {
        Ok(connection) => connection,
        Err(error) => {
            // Otherwise it would try again, and a wrong password too often locks the account.
            inventory.close().await;
            return refused(&subject, &error);
        }
    };
    let about = &connection.content().about;
    let mut entered = Entered { uuid: about.instance_uuid.clone(), ..Entered::default() };
    let message = format!(
        "login of {account} as {}; {}, API {}, instanceUuid {}",
        connection.user(),
        about.full_name,
        about.api_version,
        about.instance_uuid.as_deref().unwrap_or("unknown")
    );
    entered.findings.push(TOPIC.ok(&subject, message));
    entered.findings.extend(version(&subject, about));

    let (findings, usable) = datacenters(&subject, vcenter, &inventory).await;
    entered.findings.extend(findings);
    entered.inventory = Some(inventory);
    entered.usable = usable;
    // The credentials do not change, but their sender must live for as long as they are used.
    tokio::spawn(async move { sender.closed().await });
    entered
}

fn refused(subject: &str, error: &Error) -> Entered {
    Entered { findings: vec![login_failed(subject, error)], ..Entered::default() }
}

fn login_failed(subject: &str, error: &Error) -> Finding {
    match error {
        Error::InvalidLogin { user } | Error::LoginOnHold { user } => TOPIC.fail(
            subject,
            format!("vCenter refuses the login of {user:?}: user or password are wrong, or the account is locked"),
            "correct them where they come from; the user's name needs its domain, as in k8s@vsphere.local. SSO \
             locks accounts after a few wrong passwords: it was tried once",
        ),
        Error::TicketRefused { account } => TOPIC.fail(
            subject,
            format!("vCenter refuses the ticket of the {account}"),
            "see that the session manager serves this vCenter",
        ),
        other => TOPIC.finding(Severity::Failure, subject, other.to_string(), None),
    }
}

fn version(subject: &str, about: &About) -> Option<Finding> {
    let mut parts = about.api_version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let version = (parts.next()?, parts.next().unwrap_or(0));
    let api = &about.api_version;
    if version < OLDEST_SUPPORTED {
        let message = format!("API {api} is older than vSphere 7.0, which nobody looks after any longer");
        return Some(TOPIC.warn(subject, message, "update vCenter"));
    }
    let newer =
        format!("API {api} is newer than what this program knows; it speaks the newest version it knows");
    (version > NEWEST_KNOWN).then(|| TOPIC.note(subject, newer))
}

/// Waits until the inventory has found the datacenters of the configuration.
async fn datacenters(subject: &str, vcenter: &Vcenter, inventory: &Inventory) -> (Vec<Finding>, bool) {
    let mut health = inventory.health();
    let settled = health.wait_for(|health| *health != Health::Connecting);
    let settled = tokio::time::timeout(READING, settled).await;
    let error = match settled {
        Ok(Ok(health)) => match &*health {
            Health::Down(error) => error.clone(),
            Health::Up | Health::Connecting => {
                let message = if vcenter.datacenters.is_empty() {
                    "VMs are looked for in all datacenters".to_owned()
                } else {
                    format!("VMs are looked for in datacenters {}", vcenter.datacenters.join(", "))
                };
                return (vec![TOPIC.ok(subject, message)], true);
            }
        },
        Ok(Err(_)) => Error::Unreachable("the inventory has ended".to_owned()),
        Err(_) => Error::Timeout { method: "RetrievePropertiesEx", seconds: READING.as_secs() },
    };
    let fix = matches!(error, Error::Configuration(_)).then(|| {
        "name those in `datacenters` that are there, or give the account the Read-only role on them"
            .to_owned()
    });
    (vec![TOPIC.finding(Severity::Failure, subject, error.to_string(), fix)], false)
}

/// vCenters that are configured more than once.
pub(super) fn twins<'a>(known: impl Iterator<Item = (&'a str, Option<&'a str>)>) -> Vec<Finding> {
    let mut seen: Vec<(&str, &str)> = Vec::new();
    let mut findings = Vec::new();
    for (id, uuid) in known {
        let Some(uuid) = uuid else { continue };
        match seen.iter().find(|(_, other)| *other == uuid) {
            Some((other, _)) => findings.push(TOPIC.fail(
                id,
                format!("is the same vCenter as {other} (instanceUuid {uuid}): every VM is found twice"),
                "remove one of the two",
            )),
            None => seen.push((id, uuid)),
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_judged() {
        for (api, expected) in [
            ("6.7.3", Some(Severity::Warning)),
            ("7.0.0.0", None),
            ("8.0.3.0", None),
            ("9.0.0.0", None),
            ("9.1.0.0", Some(Severity::Note)),
            ("12.0", Some(Severity::Note)),
        ] {
            let about = About { api_version: api.to_owned(), ..About::default() };
            assert_eq!(version("vc", &about).map(|finding| finding.severity), expected, "{api}");
        }
    }

    #[test]
    fn a_vcenter_under_two_names_is_noticed() {
        let twice = twins([("a", Some("u1")), ("b", None), ("c", Some("u1")), ("d", Some("u2"))].into_iter());
        assert_eq!(twice.len(), 1);
        assert_eq!(twice[0].subject, "c");
        assert!(twice[0].message.contains("same vCenter as a"));
    }

    #[test]
    fn a_refused_login_names_the_user_and_what_to_do() {
        let finding = login_failed("vc:443", &Error::InvalidLogin { user: "u@x".into() });
        assert_eq!(finding.severity, Severity::Failure);
        assert!(finding.message.contains("\"u@x\"") && finding.fix.unwrap().contains("domain"));
    }
}
