//! Where the steps take place: they are announced, waited for and timed.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, Node};
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams};

use super::super::{REDRAW, World};
use super::facts::readiness;
use super::report::{Outcome, span, wrap};
use crate::terminal::Terminal;
use crate::testbed::Vcsim;

/// How often Kubernetes is looked at: it is the error of the times.
const LOOK: Duration = Duration::from_millis(5);
const INDENT: &str = "   ";

/// Everything that a step needs.
pub(super) struct Stage<'a> {
    world: &'a World<'a>,
    pub(super) vcsim: &'a Vcsim,
    pub(super) nodes: Api<Node>,
    events: Api<Event>,
    patience: Duration,
    terminal: &'a mut Terminal,
    step: usize,
    doing: String,
    outcomes: Vec<Outcome>,
}

impl<'a> Stage<'a> {
    pub(super) fn new(
        world: &'a World<'a>,
        client: kube::Client,
        patience: Duration,
        terminal: &'a mut Terminal,
    ) -> Self {
        Self {
            world,
            vcsim: world.vcsim,
            nodes: Api::all(client.clone()),
            events: Api::namespaced(client, "default"),
            patience,
            terminal,
            step: 0,
            doing: String::new(),
            outcomes: Vec::new(),
        }
    }

    pub(super) fn into_outcomes(self) -> Vec<Outcome> {
        self.outcomes
    }

    /// Takes what is only shown while waiting off the screen.
    pub(super) fn clear(&mut self) {
        self.terminal.draw(Vec::new());
    }

    /// Announces the next step.
    pub(super) fn step(&mut self, doing: impl Into<String>) {
        self.step += 1;
        self.doing = doing.into();
        self.terminal.line(&format!("\n{}. {}", self.step, self.doing));
    }

    /// Announces what is done next in the same step.
    pub(super) fn then(&mut self, doing: impl Into<String>) {
        self.doing = doing.into();
        self.terminal.line(&format!("{INDENT}{}", self.doing));
    }

    /// Says more, in as many lines as it takes.
    pub(super) fn say(&mut self, text: &str) {
        let width = self.terminal.width().clamp(40, 120) - INDENT.len() - 2;
        for line in wrap(text, width) {
            self.terminal.line(&format!("{INDENT}  {line}"));
        }
    }

    /// Notes what Kubernetes showed, and after what time.
    pub(super) fn note(&mut self, shown: impl Into<String>, took: Duration) {
        let shown = shown.into();
        self.terminal.line(&format!("{INDENT}→ {shown}   {}", span(took)));
        self.outcomes.push(Outcome { step: self.step, done: self.doing.clone(), shown, took });
    }

    /// An error that says in which step.
    pub(super) fn fail<T>(&self, what: &str) -> Result<T> {
        bail!(
            "the tour ends at step {} ({}): {what}; the end of the manager's log:\n{}",
            self.step,
            self.doing,
            self.world.manager.tail(20).join("\n")
        )
    }

    /// Waits for what the step is to bring about; what `look` returns as an error is what it saw.
    pub(super) async fn wait<T>(
        &mut self,
        expected: &str,
        since: Instant,
        mut look: impl AsyncFnMut() -> Result<T, String>,
    ) -> Result<(T, Duration)> {
        let end = Instant::now() + self.patience;
        let mut drawn: Option<Instant> = None;
        loop {
            let left = end.saturating_duration_since(Instant::now()).max(LOOK);
            let looked = tokio::time::timeout(left, look()).await;
            let seen = match looked.unwrap_or_else(|_| Err("no answer from the API server".to_owned())) {
                Ok(found) => {
                    self.clear();
                    return Ok((found, since.elapsed()));
                }
                Err(seen) => seen,
            };
            if Instant::now() >= end {
                self.clear();
                return self.fail(&format!(
                    "expected {expected} within {}, but seen last: {seen}",
                    span(self.patience)
                ));
            }
            if drawn.is_none_or(|at| at.elapsed() >= REDRAW) {
                drawn = Some(Instant::now());
                self.world.check()?;
                self.terminal.draw(vec![format!("{INDENT}… {expected}   {}", span(since.elapsed()))]);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until a Node is as expected, and notes it.
    pub(super) async fn node_shows(
        &mut self,
        expected: &str,
        name: &str,
        since: Instant,
        wanted: impl Fn(&Node) -> Result<(), String>,
    ) -> Result<Node> {
        let nodes = self.nodes.clone();
        let (node, took) = self
            .wait(expected, since, async || {
                let node = nodes.get(name).await.map_err(|error| error.to_string())?;
                wanted(&node).map(|()| node)
            })
            .await?;
        self.note(expected, took);
        Ok(node)
    }

    /// Waits for an Event of a Node: its message, and after what time it was there.
    pub(super) async fn event(
        &mut self,
        name: &str,
        reason: &str,
        since: Instant,
    ) -> Result<(String, Duration)> {
        let events = self.events.clone();
        let of_node =
            ListParams::default().fields(&format!("involvedObject.kind=Node,involvedObject.name={name}"));
        let expected = format!("the Event {reason} of {name}");
        self.wait(&expected, since, async || {
            let events = events.list(&of_node).await.map_err(|error| error.to_string())?;
            let reasons: Vec<&str> = events.iter().filter_map(|event| event.reason.as_deref()).collect();
            let found = events.iter().find(|event| event.reason.as_deref() == Some(reason));
            found.and_then(|event| event.message.clone()).ok_or_else(|| format!("only {reasons:?}"))
        })
        .await
    }

    /// Writes the Ready condition, in place of kube-controller-manager and the kubelet.
    pub(super) async fn set_ready(&self, name: &str, ready: bool) -> Result<Instant> {
        let since = Instant::now();
        let patch = Patch::Strategic(readiness(ready, Timestamp::now()));
        self.nodes.patch_status(name, &PatchParams::default(), &patch).await?;
        Ok(since)
    }
}
