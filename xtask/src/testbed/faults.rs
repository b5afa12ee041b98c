//! Faults that the simulated vCenter is told to have.

use std::time::Duration;

use serde_json::{Value, json};

/// How a request fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// An HTTP status without a useful body.
    Status(u16),
    /// The connection is reset.
    Reset,
    /// No answer, ever; not even when the fault is over.
    Hang,
    /// The answer trickles.
    SlowBody {
        /// At this pace.
        bytes_per_second: u32,
    },
    /// The connection is closed in the middle of the answer.
    Truncate,
    /// Broken XML or JSON with status 200.
    Malformed,
    /// A SOAP fault of this type, such as `NoPermission`.
    Soap(String),
}

/// A rule for requests to fail.
#[derive(Debug, Clone)]
pub struct Fault {
    method: String,
    kind: FaultKind,
    times: Option<u32>,
    skip: u32,
    lasting: Option<Duration>,
    after_processing: bool,
    running: bool,
    containing: String,
}

impl Fault {
    /// Requests of `method` (a SOAP method, `GET /path`, or `*`) fail, until the rule is removed.
    pub fn new(method: impl Into<String>, kind: FaultKind) -> Self {
        Self {
            method: method.into(),
            kind,
            times: None,
            skip: 0,
            lasting: None,
            after_processing: false,
            running: false,
            containing: String::new(),
        }
    }

    /// Only requests with this text in their body fail, such as the id of an object.
    #[must_use]
    pub fn containing(mut self, text: impl Into<String>) -> Self {
        self.containing = text.into();
        self
    }

    /// Only so many requests fail.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// The first few are let through.
    #[must_use]
    pub fn skip(mut self, skip: u32) -> Self {
        self.skip = skip;
        self
    }

    /// The rule ends by itself.
    #[must_use]
    pub fn lasting(mut self, duration: Duration) -> Self {
        self.lasting = Some(duration);
        self
    }

    /// The call is carried out, only the answer is lost.
    #[must_use]
    pub fn after_processing(mut self) -> Self {
        self.after_processing = true;
        self
    }

    /// Requests that are waiting already (long polls) fail too.
    #[must_use]
    pub fn running(mut self) -> Self {
        self.running = true;
        self
    }

    pub(super) fn rule(&self) -> Value {
        let mut rule = json!({"method": self.method, "kind": self.kind.name()});
        let mut set = |key: &str, value: Value| rule[key] = value;
        match &self.kind {
            FaultKind::Status(status) => set("status", json!(status)),
            FaultKind::SlowBody { bytes_per_second } => set("bytesPerSecond", json!(bytes_per_second)),
            FaultKind::Soap(fault) => set("fault", json!(fault)),
            FaultKind::Reset | FaultKind::Hang | FaultKind::Truncate | FaultKind::Malformed => {}
        }
        if let Some(times) = self.times {
            set("count", json!(times));
        }
        if let Some(lasting) = self.lasting {
            set("forMs", json!(milliseconds(lasting)));
        }
        if self.skip > 0 {
            set("skip", json!(self.skip));
        }
        if self.after_processing {
            set("afterProcessing", json!(true));
        }
        if self.running {
            set("running", json!(true));
        }
        if !self.containing.is_empty() {
            set("containing", json!(self.containing));
        }
        rule
    }
}

impl FaultKind {
    fn name(&self) -> &'static str {
        match self {
            Self::Status(_) => "status",
            Self::Reset => "reset",
            Self::Hang => "hang",
            Self::SlowBody { .. } => "slowBody",
            Self::Truncate => "truncate",
            Self::Malformed => "malformed",
            Self::Soap(_) => "soapFault",
        }
    }
}

pub(super) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_what_the_control_port_reads() {
        let plain = Fault::new("*", FaultKind::Reset);
        assert_eq!(plain.rule(), json!({"method": "*", "kind": "reset"}));
        let full = Fault::new("FindAllByUuid", FaultKind::Soap("NoPermission".into()))
            .times(2)
            .skip(1)
            .lasting(Duration::from_secs(20))
            .after_processing()
            .running();
        assert_eq!(
            full.rule(),
            json!({
                "method": "FindAllByUuid", "kind": "soapFault", "fault": "NoPermission", "count": 2, "skip": 1,
                "forMs": 20000, "afterProcessing": true, "running": true,
            })
        );
        let slow = Fault::new("*", FaultKind::SlowBody { bytes_per_second: 10 });
        assert_eq!(slow.rule()["bytesPerSecond"], 10);
        assert_eq!(Fault::new("*", FaultKind::Status(503)).rule()["status"], 503);
    }
}
