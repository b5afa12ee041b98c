//! Which Lease, who we are, and how long things last.

use std::time::Duration;

use super::decide::JITTER;

/// What an [`Elector`](super::Elector) has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The Lease's namespace.
    pub namespace: String,
    /// The Lease's name.
    pub name: String,
    /// What we put into it; no two candidates have the same.
    pub identity: String,
    /// How long a standby waits after the last change that it saw before it takes the lease.
    pub lease_duration: Duration,
    /// How long a leader leads without a renewal.
    pub renew_deadline: Duration,
    /// The pause between renewals, and at least that between tries to become the leader.
    pub retry_period: Duration,
}

/// Settings with which two could lead at the same time, or nobody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A time is zero.
    #[error("the {0} must be greater than zero")]
    Zero(&'static str),
    /// A leader would not notice in time that it leads no more.
    #[error("the lease duration ({lease:?}) must be greater than the renew deadline ({deadline:?})")]
    LeaseTooShort {
        /// The lease duration.
        lease: Duration,
        /// The renew deadline.
        deadline: Duration,
    },
    /// A leader would give up before it tried.
    #[error(
        "the renew deadline ({deadline:?}) must be greater than {JITTER} times the retry period ({retry:?})"
    )]
    DeadlineTooShort {
        /// The renew deadline.
        deadline: Duration,
        /// The retry period.
        retry: Duration,
    },
    /// There is no Lease without a name.
    #[error("the {0} of the Lease must not be empty")]
    Empty(&'static str),
}

impl Settings {
    /// Whether they make sense; the same that client-go asks of them.
    pub fn check(&self) -> Result<(), SettingsError> {
        let Self { namespace, name, lease_duration, renew_deadline, retry_period, .. } = self;
        for (time, what) in [
            (lease_duration, "lease duration"),
            (renew_deadline, "renew deadline"),
            (retry_period, "retry period"),
        ] {
            if time.is_zero() {
                return Err(SettingsError::Zero(what));
            }
        }
        if lease_duration <= renew_deadline {
            return Err(SettingsError::LeaseTooShort { lease: *lease_duration, deadline: *renew_deadline });
        }
        if *renew_deadline <= retry_period.mul_f64(JITTER) {
            return Err(SettingsError::DeadlineTooShort { deadline: *renew_deadline, retry: *retry_period });
        }
        for (text, what) in [(namespace, "namespace"), (name, "name")] {
            if text.is_empty() {
                return Err(SettingsError::Empty(what));
            }
        }
        Ok(())
    }

    /// No request about the lease takes longer, so that a leader has two tries before its deadline.
    pub(super) fn request_deadline(&self) -> Duration {
        self.renew_deadline / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_cannot_work_are_refused() {
        let ok = |lease, deadline, retry| Settings {
            namespace: "kube-system".into(),
            name: "cloud-controller-manager".into(),
            identity: "a".into(),
            lease_duration: Duration::from_millis(lease),
            renew_deadline: Duration::from_millis(deadline),
            retry_period: Duration::from_millis(retry),
        };
        for (lease, deadline, retry, wanted) in [
            (15_000, 10_000, 2_000, None),
            (3_000, 2_000, 500, None),
            (0, 10_000, 2_000, Some("the lease duration must be greater than zero")),
            (15_000, 0, 2_000, Some("the renew deadline must be greater than zero")),
            (15_000, 10_000, 0, Some("the retry period must be greater than zero")),
            (10_000, 10_000, 2_000, Some("(10s) must be greater than the renew deadline (10s)")),
            (15_000, 2_400, 2_000, Some("(2.4s) must be greater than 1.2 times the retry period (2s)")),
            (15_000, 2_401, 2_000, None),
        ] {
            let outcome = ok(lease, deadline, retry).check().map_err(|error| error.to_string());
            match wanted {
                None => assert_eq!(outcome, Ok(()), "{lease} {deadline} {retry}"),
                Some(text) => assert!(outcome.as_ref().is_err_and(|e| e.contains(text)), "{outcome:?}"),
            }
        }
        assert!(Settings { name: String::new(), ..ok(15, 10, 2) }.check().is_err());
    }
}
