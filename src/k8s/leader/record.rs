//! What a Lease says, as client-go reads and writes it.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::LeaseSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

/// The part of a Lease that leader election is about. Its times are for people: clocks differ, so
/// no decision looks at them except for whether they have changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// Who leads; empty is nobody.
    pub(super) holder: String,
    /// How long after a change it may be believed; whole seconds.
    pub(super) duration: Duration,
    pub(super) acquired: Option<Timestamp>,
    pub(super) renewed: Option<Timestamp>,
    /// How often the holder has changed.
    pub(super) transitions: i32,
}

impl Record {
    pub(super) fn of(spec: Option<&LeaseSpec>) -> Self {
        let Some(spec) = spec else { return Self::default() };
        let seconds = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        Self {
            holder: spec.holder_identity.clone().unwrap_or_default(),
            duration: Duration::from_secs(seconds.unwrap_or_default()),
            acquired: spec.acquire_time.as_ref().map(|time| time.0),
            renewed: spec.renew_time.as_ref().map(|time| time.0),
            transitions: spec.lease_transitions.unwrap_or_default(),
        }
    }

    pub(super) fn to_spec(&self) -> LeaseSpec {
        LeaseSpec {
            // Present also when nobody holds it, as in client-go.
            holder_identity: Some(self.holder.clone()),
            lease_duration_seconds: Some(i32::try_from(self.duration.as_secs()).unwrap_or(i32::MAX)),
            acquire_time: self.acquired.map(MicroTime),
            renew_time: self.renewed.map(MicroTime),
            lease_transitions: Some(self.transitions),
            ..LeaseSpec::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn it_is_what_client_go_writes_and_reads() {
        let wire = json!({
            "holderIdentity": "host_1b4e28ba-2fa1-11d2-883f-0016d3cca427", "leaseDurationSeconds": 15,
            "acquireTime": "2026-11-21T03:08:39.123456Z", "renewTime": "2026-11-21T03:09:00.000000Z",
            "leaseTransitions": 3,
        });
        let spec: LeaseSpec = serde_json::from_value(wire.clone()).unwrap();
        let record = Record::of(Some(&spec));
        assert_eq!((record.duration, record.transitions), (Duration::from_secs(15), 3));
        assert_eq!(serde_json::to_value(record.to_spec()).unwrap(), wire);
    }

    #[test]
    fn a_lease_may_say_nothing() {
        assert_eq!(Record::of(None), Record::default());
        assert_eq!(Record::of(Some(&LeaseSpec::default())), Record::default());
        let negative = LeaseSpec { lease_duration_seconds: Some(-5), ..LeaseSpec::default() };
        assert_eq!(Record::of(Some(&negative)).duration, Duration::ZERO);
    }
}
