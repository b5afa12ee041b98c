//! The file, and the environment over it.

use super::{Finding, Severity, Topic};
use crate::config::{self, Config, ConfigError, CredentialSource, Loaded, Problem};

const TOPIC: Topic = Topic::Configuration;

/// What is wrong or strange, in the order of the file; one line that all is well otherwise.
pub(super) fn findings(file: &str, loaded: &Result<Loaded, ConfigError>) -> Vec<Finding> {
    let loaded = match loaded {
        Ok(loaded) => loaded,
        Err(ConfigError::Unreadable { file, reason, .. }) => {
            return vec![TOPIC.finding(Severity::Failure, file, reason, None)];
        }
        Err(ConfigError::Invalid(problems)) => {
            return problems.iter().map(|problem| of_problem(Severity::Failure, problem)).collect();
        }
    };
    let mut findings = Vec::new();
    // Features that stay off because of a mistake are among these, with the consequence.
    for warning in &loaded.warnings {
        let severity = match warning.severity {
            config::Severity::Warning => Severity::Warning,
            config::Severity::Note => Severity::Note,
        };
        findings.push(of_problem(severity, &warning.problem));
    }
    findings.push(TOPIC.ok(file, summary(&loaded.config)));
    findings
}

fn of_problem(severity: Severity, problem: &Problem) -> Finding {
    let subject = match problem.line {
        Some(line) => format!("{}:{line}", problem.file),
        None => problem.file.clone(),
    };
    let message = match &problem.key {
        Some(key) => format!("{key}: {}", problem.message),
        None => problem.message.clone(),
    };
    TOPIC.finding(severity, subject, message, None)
}

fn summary(config: &Config) -> String {
    let vcenters: Vec<String> = config
        .vcenters
        .iter()
        .map(|vcenter| {
            let source = match &vcenter.credentials {
                CredentialSource::Inline { .. } => "the file or the environment".to_owned(),
                CredentialSource::Secret(secret) => format!("Secret {secret}"),
                CredentialSource::Directory(directory) => format!("directory {}", directory.display()),
            };
            format!(
                "vCenter {} at {}:{}, credentials from {source}",
                vcenter.id, vcenter.server, vcenter.port
            )
        })
        .collect();
    vcenters.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, Options};

    fn check(text: &str) -> Vec<(Severity, String, String)> {
        let loaded = config::load(text, "vsphere.conf", Options::default(), &Environment::default());
        let findings = findings("vsphere.conf", &loaded);
        findings.into_iter().map(|f| (f.severity, f.subject, f.message)).collect()
    }

    #[test]
    fn mistakes_are_told_with_their_lines_and_all_at_once() {
        let found = check(
            "vcenter:\n  a:\n    server: vc\n    port: eight\n  b:\n    server: vc2\n    port: 99999\n",
        );
        assert!(found.len() > 1 && found.iter().all(|(severity, ..)| *severity == Severity::Failure));
        for line in ["vsphere.conf:4", "vsphere.conf:7"] {
            let told = found.iter().any(|(_, subject, message)| subject == line && message.contains("port"));
            assert!(told, "{line}: {found:?}");
        }
    }

    #[test]
    fn warnings_do_not_hide_that_the_file_can_be_used() {
        let text = "[Global]\nuser = u\npassword = hunter2\n[VirtualCenter \"vc\"]\nfoo = bar\n";
        let found = check(text);
        assert_eq!(found[0].0, Severity::Warning);
        assert_eq!(found[0].1, "vsphere.conf:5");
        let last = found.last().unwrap();
        assert_eq!((last.0, last.2.contains("vCenter vc at vc:443")), (Severity::Ok, true), "{last:?}");
        assert!(!format!("{found:?}").contains("hunter2"));
    }

    #[test]
    fn a_feature_that_is_off_is_told_once() {
        let text = "global:\n  user: u\n  password: p\nvcenter:\n  vc:\n    server: vc\nloadBalancer:\n  \
                    ipPoolName: pool\n  size: HUGE\n";
        let found = check(text);
        let size: Vec<_> = found.iter().filter(|(.., message)| message.contains("HUGE")).collect();
        assert_eq!((size.len(), size[0].0, size[0].1.as_str()), (1, Severity::Warning, "vsphere.conf:9"));
        assert!(size[0].2.contains("there are no load balancers until this is corrected"), "{size:?}");
    }
}
