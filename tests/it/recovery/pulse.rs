//! What the manager says of itself, asked twice a second.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::LATER;

/// Between two questions.
const PERIOD: Duration = Duration::from_millis(500);

/// What was asked and answered when.
#[derive(Debug, Clone)]
pub(super) struct Beat {
    pub(super) at: Instant,
    /// When the answer was there.
    pub(super) until: Instant,
    /// The status of `/livez`, or why there is none.
    pub(super) live: Result<u16, String>,
    /// That of `/readyz`, with the text of its check of the vCenters.
    pub(super) ready: Result<(u16, String), String>,
}

/// Asks until it is dropped.
pub(super) struct Pulse {
    beats: Arc<Mutex<Vec<Beat>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Pulse {
    /// Of the manager that serves at this port, from its first answer on.
    pub(super) fn of(port: u16) -> Self {
        xtask::init();
        let builder = reqwest::Client::builder().no_proxy().timeout(LATER);
        let client = builder.tls_danger_accept_invalid_certs(true).build().unwrap();
        let beats = Arc::<Mutex<Vec<Beat>>>::default();
        let log = Arc::clone(&beats);
        let task = tokio::spawn(async move {
            while get(&client, port, "/livez").await.is_err() {
                tokio::time::sleep(PERIOD).await;
            }
            loop {
                let at = Instant::now();
                let live = get(&client, port, "/livez").await.map(|(status, _)| status);
                let ready = get(&client, port, "/readyz?verbose").await.map(|(status, body)| {
                    let told = body.lines().find(|line| line.contains("vcenters")).unwrap_or_default();
                    (status, told.to_owned())
                });
                log.lock().unwrap().push(Beat { at, until: Instant::now(), live, ready });
                tokio::time::sleep(PERIOD.saturating_sub(at.elapsed())).await;
            }
        });
        Self { beats, task }
    }

    /// The latest answer of `/readyz`.
    pub(super) fn last(&self) -> Option<Result<(u16, String), String>> {
        self.beats.lock().unwrap().last().map(|beat| beat.ready.clone())
    }

    /// Fails if `/livez` was ever anything but green.
    pub(super) fn was_always_alive(&self) {
        let beats = self.beats.lock().unwrap();
        let dead: Vec<&Beat> = beats.iter().filter(|beat| beat.live != Ok(200)).collect();
        assert!(dead.is_empty(), "{} of {}, such as {:?}", dead.len(), beats.len(), dead[0]);
    }

    /// What was answered since then.
    pub(super) fn since(&self, start: Instant) -> Vec<Beat> {
        self.beats.lock().unwrap().iter().filter(|beat| beat.at >= start).cloned().collect()
    }
}

async fn get(client: &reqwest::Client, port: u16, path: &str) -> Result<(u16, String), String> {
    let answer = client.get(format!("https://127.0.0.1:{port}{path}")).send().await;
    let answer = answer.map_err(|error| format!("{error:?}"))?;
    let status = answer.status().as_u16();
    Ok((status, answer.text().await.map_err(|error| format!("{error:?}"))?))
}
