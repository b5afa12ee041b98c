//! The file, and the environment over it.

use super::{Finding, Severity, Topic};
use crate::config::{self, Config, ConfigError, CredentialSource, FeatureName, Loaded, Problem};

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
    let disabled = disabled(&loaded.config);
    for warning in &loaded.warnings {
        // What disables a feature is told once, with the feature.
        if disabled.iter().any(|(_, problems)| problems.contains(&warning.problem)) {
            continue;
        }
        let severity = match warning.severity {
            config::Severity::Warning => Severity::Warning,
            config::Severity::Note => Severity::Note,
        };
        findings.push(of_problem(severity, &warning.problem));
    }
    for (feature, problems) in disabled {
        for problem in problems {
            let mut finding = of_problem(Severity::Warning, problem);
            finding.message = format!("{} is not used: {}", feature.as_str(), finding.message);
            findings.push(finding);
        }
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

/// Features that are wanted and stay off.
fn disabled(config: &Config) -> Vec<(FeatureName, &[Problem])> {
    let all = [
        (FeatureName::Nsxt, config.nsxt.problems()),
        (FeatureName::LoadBalancer, config.load_balancer.problems()),
        (FeatureName::Route, config.route.problems()),
    ];
    all.into_iter().filter(|(_, problems)| !problems.is_empty()).collect()
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
            format!("vCenter {} at {}:{}, credentials from {source}", vcenter.id, vcenter.server, vcenter.port)
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
        let found = check("vcenter:\n  a:\n    server: vc\n    port: eight\n  b:\n    port: 99999\n");
        assert!(found.len() > 1 && found.iter().all(|(severity, ..)| *severity == Severity::Failure));
        assert_eq!(found[0].1, "vsphere.conf:4");
        assert!(found[0].2.contains("port"), "{found:?}");
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
        let about: Vec<_> = found.iter().filter(|(.., message)| message.contains("is not used")).collect();
        assert!(!about.is_empty(), "{found:?}");
        let size = found.iter().filter(|(.., message)| message.contains("HUGE")).count();
        assert!(size <= 1, "{found:?}");
    }
}
