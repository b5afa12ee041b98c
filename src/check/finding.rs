//! What a check found.

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is about.
    pub topic: Topic,
    /// What exactly: a file and line, a vCenter, an object in it, a Node.
    pub subject: String,
    /// What is the case. It never holds a secret.
    pub message: String,
    /// What to do, if there is something.
    pub fix: Option<String>,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// As it should be.
    Ok,
    /// Worth knowing.
    Note,
    /// A manager works, but something is probably not as it was meant.
    Warning,
    /// A manager could not do what it is for.
    Failure,
}

impl Severity {
    /// All of them, best first.
    pub const ALL: [Self; 4] = [Self::Ok, Self::Note, Self::Warning, Self::Failure];

    /// In words: `ok`, `note`, `warn`, `fail`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "warn",
            Self::Failure => "fail",
        }
    }
}

/// What a finding is about, in the order of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// `vsphere.conf` and the environment.
    Configuration,
    /// The API server.
    Kubernetes,
    /// Where user and password come from.
    Credentials,
    /// Reaching a vCenter, and its certificate.
    Certificate,
    /// The login, the version, the datacenters.
    Vcenter,
    /// Tags for zones and regions.
    Zones,
    /// What the account may do.
    Privileges,
    /// The Nodes and their machines.
    Nodes,
}

impl Topic {
    /// In one word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Kubernetes => "kubernetes",
            Self::Credentials => "credentials",
            Self::Certificate => "certificate",
            Self::Vcenter => "vcenter",
            Self::Zones => "zones",
            Self::Privileges => "privileges",
            Self::Nodes => "nodes",
        }
    }
}

impl Topic {
    /// All is well with this.
    pub(super) fn ok(self, subject: impl Into<String>, message: impl Into<String>) -> Finding {
        self.finding(Severity::Ok, subject, message, None)
    }

    /// This is worth knowing.
    pub(super) fn note(self, subject: impl Into<String>, message: impl Into<String>) -> Finding {
        self.finding(Severity::Note, subject, message, None)
    }

    /// This is probably not as it was meant.
    pub(super) fn warn(
        self,
        subject: impl Into<String>,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Finding {
        self.finding(Severity::Warning, subject, message, Some(fix.into()))
    }

    /// So it cannot work.
    pub(super) fn fail(
        self,
        subject: impl Into<String>,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Finding {
        self.finding(Severity::Failure, subject, message, Some(fix.into()))
    }

    pub(super) fn finding(
        self,
        severity: Severity,
        subject: impl Into<String>,
        message: impl Into<String>,
        fix: Option<String>,
    ) -> Finding {
        let fix = fix.filter(|fix| !fix.is_empty());
        Finding { severity, topic: self, subject: subject.into(), message: message.into(), fix }
    }
}

/// The worst of some findings.
pub fn worst(findings: &[Finding]) -> Severity {
    findings.iter().map(|finding| finding.severity).max().unwrap_or(Severity::Ok)
}
