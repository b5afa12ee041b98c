//! The floor: a client that knows every answer already, and only sends the writes.
//!
//! Nothing that initialises nodes through the API server can be faster with as many writers. It
//! stands on the same client stack as the product, and is a process of its own, so that its memory
//! and CPU time can be compared too.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Event;
use kube::api::{Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde_json::Value;

use super::answers::Answer;
use super::node::Node;
use super::say;

/// Nodes being written to at the same time, as in the product.
const WRITERS: usize = 32;

/// Flags of the floor: those of a manager.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The answers, in JSON
    #[arg(long)]
    cloud_config: PathBuf,
    /// How to reach the API server
    #[arg(long)]
    kubeconfig: PathBuf,
}

/// Writes everything, and stays until it is told to end.
pub async fn run(options: Options) -> Result<()> {
    crate::init();
    let begin = Instant::now();
    let answers = read(&options.cloud_config)?;
    let count = answers.len();
    write_all(client(&options.kubeconfig).await?, answers).await?;
    say(&format!("{count} nodes in {:.2} s", begin.elapsed().as_secs_f64()));
    // What it used can be read as long as it is there.
    std::future::pending().await
}

fn read(path: &Path) -> Result<Vec<Answer>> {
    let context = || format!("cannot read the answers in {}", path.display());
    let text = std::fs::read(path).with_context(context)?;
    serde_json::from_slice(&text).with_context(context)
}

async fn client(kubeconfig: &Path) -> Result<Client> {
    let context = || format!("cannot make a client of {}", kubeconfig.display());
    let kubeconfig = Kubeconfig::read_from(kubeconfig).with_context(context)?;
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await.with_context(context)?;
    Client::try_from(config).with_context(context)
}

async fn write_all(client: Client, answers: Vec<Answer>) -> Result<()> {
    let answers = Arc::new(answers);
    let next = Arc::new(AtomicUsize::new(0));
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..WRITERS {
        let (client, answers, next) = (client.clone(), Arc::clone(&answers), Arc::clone(&next));
        writers.spawn(async move {
            let nodes = Api::all(client.clone());
            let events = Api::namespaced(client, "default");
            while let Some(answer) = answers.get(next.fetch_add(1, Ordering::Relaxed)) {
                write(&nodes, &events, answer).await.with_context(|| format!("node {}", answer.node))?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(writer) = writers.join_next().await {
        writer.context("a writer panicked")??;
    }
    Ok(())
}

/// One node, as the product does it: the status first, one write after the other.
async fn write(nodes: &Api<Node>, events: &Api<Event>, answer: &Answer) -> Result<()> {
    let parameters = PatchParams::default();
    nodes.patch_status(&answer.node, &parameters, &json_patch(answer.status_patch())?).await?;
    nodes.patch(&answer.node, &parameters, &json_patch(answer.metadata_patch())?).await?;
    let event = serde_json::from_value(answer.event(&now())).context("the Event is wrong")?;
    events.create(&PostParams::default(), &event).await?;
    Ok(())
}

fn json_patch(operations: Value) -> Result<Patch<()>> {
    Ok(Patch::Json(serde_json::from_value(operations).context("the patch is wrong")?))
}

fn now() -> String {
    let second = jiff::Timestamp::now().as_second();
    jiff::Timestamp::from_second(second).unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_writes_are_what_the_client_takes() {
        let answer: Answer = serde_json::from_value(serde_json::json!({
            "node": "a", "uid": "u", "provider_id": "vsphere://x", "address": "10.0.0.1", "instance_type": "t",
            "zone": "z", "region": "r",
        }))
        .unwrap();
        json_patch(answer.status_patch()).unwrap();
        json_patch(answer.metadata_patch()).unwrap();
        let event: Event = serde_json::from_value(answer.event(&now())).unwrap();
        assert_eq!(event.involved_object.name.as_deref(), Some("a"));
    }
}
