//! Requests to vCenters, sessions, and how current what is known of them is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prometheus::{DEFAULT_BUCKETS, GaugeVec, HistogramVec, IntCounterVec, IntGaugeVec};

use super::Registry;

/// Seconds. Most answers take milliseconds; a long poll is held for 15 s, and given up soon after.
const BOUNDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0];

/// How an HTTP exchange with vCenter ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestOutcome {
    /// Answered.
    Ok,
    /// vCenter refused: HTTP 500, as every SOAP fault has it.
    Fault,
    /// Another status than those of success, as of a proxy in between.
    Status,
    /// No answer in time.
    Timeout,
    /// No connection, or it broke.
    Unreachable,
    /// The certificate is not trusted.
    Tls,
}

impl RequestOutcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Fault => "fault",
            Self::Status => "status",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::Tls => "tls",
        }
    }
}

/// Which of vCenter's two doors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// For everything but tags.
    Soap,
    /// For tags.
    Rest,
}

impl Api {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Soap => "soap",
            Self::Rest => "rest",
        }
    }
}

/// How a login ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginOutcome {
    /// There is a session.
    Accepted,
    /// User or password are wrong, or the account is locked.
    Refused,
    /// vCenter could not be asked.
    Failed,
}

impl LoginOutcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// The metrics of all vCenters.
#[derive(Clone, Debug)]
pub struct Vcenters {
    requests: IntCounterVec,
    durations: HistogramVec,
    upstream_durations: HistogramVec,
    upstream_errors: IntCounterVec,
    logins: IntCounterVec,
    sessions: IntGaugeVec,
    up: IntGaugeVec,
    machines: IntGaugeVec,
    ages: GaugeVec,
    polled: Arc<Mutex<BTreeMap<String, Instant>>>,
}

impl Default for Vcenters {
    fn default() -> Self {
        Self::new(&mut Registry::default())
    }
}

impl Vcenters {
    pub(super) fn new(registry: &mut Registry) -> Self {
        Self {
            requests: registry.counters(
                "vsphere_cloud_vcenter_requests_total",
                &["vcenter", "method", "outcome"],
                "HTTP exchanges with a vCenter, repetitions included. Outcomes: ok, fault (vCenter refused), \
                 status (another HTTP status), timeout, unreachable, tls.",
            ),
            durations: registry.histograms(
                "vsphere_cloud_vcenter_request_duration_seconds",
                &["vcenter", "method"],
                "How long exchanges with a vCenter took, whatever their outcome. WaitForUpdatesEx is a long \
                 poll and takes up to 15 s by intention.",
                BOUNDS,
            ),
            upstream_durations: registry.histograms(
                "cloudprovider_vsphere_api_request_duration_seconds",
                &["request"],
                "Latency of requests to vCenters, under the name that upstream declares.",
                DEFAULT_BUCKETS,
            ),
            upstream_errors: registry.counters(
                "cloudprovider_vsphere_api_request_errors",
                &["request"],
                "Requests to vCenters that failed, under the name that upstream declares.",
            ),
            logins: registry.counters(
                "vsphere_cloud_vcenter_logins_total",
                &["vcenter", "api", "outcome"],
                "Logins that were tried, by api (soap, rest) and outcome: accepted, refused (user, password \
                 or a locked account), failed (vCenter could not be asked).",
            ),
            sessions: registry.gauges(
                "vsphere_cloud_vcenter_sessions",
                &["vcenter", "api"],
                "Sessions held in a vCenter now.",
            ),
            up: registry.gauges(
                "vsphere_cloud_vcenter_up",
                &["vcenter"],
                "1 if the vCenter can be asked, 0 if not.",
            ),
            machines: registry.gauges(
                "vsphere_cloud_inventory_machines",
                &["vcenter"],
                "Virtual machines of this cluster that are watched.",
            ),
            ages: registry.seconds(
                "vsphere_cloud_inventory_poll_age_seconds",
                &["vcenter"],
                "Seconds since the vCenter last answered the long poll for changes; up to 15 s when nothing \
                 happens. Absent until the first answer.",
            ),
            polled: Arc::default(),
        }
    }

    /// The metrics of one vCenter, by its address: `vc.example.org:443`.
    pub fn of(&self, vcenter: &str) -> Vcenter {
        Vcenter { id: vcenter.into(), all: self.clone() }
    }

    /// This vCenter is not configured any longer: what it is like now is told no more.
    pub fn retire(&self, vcenter: &str) {
        self.polled().remove(vcenter);
        // They are absent if nothing ever happened.
        let _ = self.up.remove_label_values(&[vcenter]);
        let _ = self.machines.remove_label_values(&[vcenter]);
        let _ = self.ages.remove_label_values(&[vcenter]);
        for api in [Api::Soap, Api::Rest] {
            let _ = self.sessions.remove_label_values(&[vcenter, api.as_str()]);
        }
    }

    /// Brings up to date what depends on the time.
    pub(super) fn refresh(&self, now: Instant) {
        for (vcenter, at) in &*self.polled() {
            let age = now.saturating_duration_since(*at).as_secs_f64();
            self.ages.with_label_values(&[vcenter.as_str()]).set(age);
        }
    }

    fn polled(&self) -> MutexGuard<'_, BTreeMap<String, Instant>> {
        self.polled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The metrics of one vCenter; its default counts for nobody.
#[derive(Clone, Debug)]
pub struct Vcenter {
    id: Arc<str>,
    all: Vcenters,
}

impl Default for Vcenter {
    fn default() -> Self {
        Vcenters::default().of("")
    }
}

impl Vcenter {
    /// An exchange is over. `method` is one of the names in our source, never one from outside.
    pub fn exchanged(&self, method: &'static str, outcome: RequestOutcome, took: Duration) {
        let all = &self.all;
        let seconds = took.as_secs_f64();
        all.requests.with_label_values(&[&*self.id, method, outcome.as_str()]).inc();
        all.durations.with_label_values(&[&*self.id, method]).observe(seconds);
        all.upstream_durations.with_label_values(&[method]).observe(seconds);
        if outcome != RequestOutcome::Ok {
            all.upstream_errors.with_label_values(&[method]).inc();
        }
    }

    /// A login was tried.
    pub fn login(&self, api: Api, outcome: LoginOutcome) {
        self.all.logins.with_label_values(&[&*self.id, api.as_str(), outcome.as_str()]).inc();
        if outcome == LoginOutcome::Accepted {
            self.set_session(api, true);
        }
    }

    /// Whether there is a session now.
    pub fn set_session(&self, api: Api, there: bool) {
        self.all.sessions.with_label_values(&[&*self.id, api.as_str()]).set(there.into());
    }

    /// Whether it can be asked now.
    pub fn set_up(&self, up: bool) {
        self.all.up.with_label_values(&[&*self.id]).set(up.into());
    }

    /// The long poll was answered, and so many machines are known now.
    ///
    /// That says also that vCenter is up and that there is a session, should another user of the same
    /// vCenter have [retired](Vcenters::retire) it meanwhile.
    pub fn polled(&self, machines: usize) {
        self.set_up(true);
        self.set_session(Api::Soap, true);
        self.all.machines.with_label_values(&[&*self.id]).set(i64::try_from(machines).unwrap_or(i64::MAX));
        self.all.polled().insert((*self.id).to_owned(), Instant::now());
    }
}
