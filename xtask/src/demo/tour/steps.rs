//! The steps of the tour.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use kube::ResourceExt;

use super::super::fleet::{Fleet, Member, STATUS, UNINITIALIZED, ZONE, addresses, has_taint};
use super::super::zones;
use super::CONFIRM_AFTER;
use super::facts::recorded_folder;
use super::report::span;
use super::stage::Stage;
use crate::testbed::{Nic, NodeSpec, Object, Power, VmSpec, create_node, guest_uuid};

const SHUTDOWN: &str = "node.cloudprovider.kubernetes.io/shutdown";
/// For so long nothing may be written that is not to be written.
const QUIET: Duration = Duration::from_secs(2);
/// A tag that can be no label: it has a space in it.
const BAD_TAG: &str = "rack 4";

/// All steps; returns a node that is there in the end, and its VM.
pub(super) async fn walk(stage: &mut Stage<'_>, fleet: &Fleet) -> Result<(String, String)> {
    // With few nodes one of them sees more than one step; the one that goes is the last in every case.
    let member = |number: usize| {
        let count = fleet.members.len().max(1);
        fleet.members.get(number % count).map(|member| (member, number % count)).context("no nodes")
    };
    let first = member(0)?.0;
    address(stage, &first.node, &first.vm.name).await?;
    power(stage, member(1)?.0).await?;
    let (moved, number) = member(2)?;
    vmotion(stage, moved, &zones::host_of(number + 1)).await?;
    folder(stage, moved).await?;
    destroy(stage, member(3)?.0).await?;
    let (node, vm) = ("node-new", "vm-new");
    join(stage, node, vm).await?;
    sessions(stage, node, vm).await?;
    wrong_tag(stage).await?;
    Ok((node.to_owned(), vm.to_owned()))
}

async fn address(stage: &mut Stage<'_>, node: &str, vm: &str) -> Result<()> {
    let ip = "10.99.0.1";
    stage.step(format!("{vm}'s guest gets the address {ip}"));
    readdress(stage, node, vm, ip).await
}

async fn readdress(stage: &mut Stage<'_>, node: &str, vm: &str, ip: &str) -> Result<()> {
    let nic = Nic { addresses: vec![ip.to_owned()], ..Nic::default() };
    let since = Instant::now();
    stage.vcsim.patch_vm(vm, &VmSpec { nics: Some(vec![nic]), ..VmSpec::default() }).await?;
    let expected = format!("{node}: status.addresses is {ip}");
    let wanted = |node: &_| {
        let now = addresses(node);
        if now == [ip] { Ok(()) } else { Err(format!("addresses {now:?}")) }
    };
    stage.node_shows(&expected, node, since, wanted).await.map(drop)
}

async fn power(stage: &mut Stage<'_>, member: &Member) -> Result<()> {
    let (node, vm) = (&member.node, &member.vm.name);
    stage.step(format!("{vm} is powered off, {node} is NotReady"));
    stage.vcsim.power(vm, Power::PoweredOff).await?;
    let since = stage.set_ready(node, false).await?;
    let expected = format!("{node}: taint shutdown");
    let wanted = |node: &_| {
        if has_taint(node, SHUTDOWN) { Ok(()) } else { Err("no such taint".to_owned()) }
    };
    stage.node_shows(&expected, node, since, wanted).await?;

    stage.then(format!("{vm} is powered on, {node} is Ready"));
    stage.vcsim.power(vm, Power::PoweredOn).await?;
    let since = stage.set_ready(node, true).await?;
    let expected = format!("{node}: the taint is gone");
    let wanted = |node: &_| {
        if has_taint(node, SHUTDOWN) { Err("the taint is still there".to_owned()) } else { Ok(()) }
    };
    stage.node_shows(&expected, node, since, wanted).await.map(drop)
}

async fn vmotion(stage: &mut Stage<'_>, member: &Member, host: &str) -> Result<()> {
    let (name, vm) = (&member.node, &member.vm.name);
    stage.step(format!("vMotion: {vm} to {host} (another zone)"));
    let before = stage.nodes.get(name).await?;
    let since = Instant::now();
    stage.vcsim.relocate(vm, host).await?;
    tokio::time::sleep(QUIET).await;
    let took = since.elapsed();
    let after = stage.nodes.get(name).await?;
    if after.resource_version() != before.resource_version() {
        return stage.fail(&format!("{name} was written to, although nothing of it has changed"));
    }
    let zone = after.labels().get(ZONE).cloned().unwrap_or_default();
    stage.note(format!("{name}: nothing written, zone={zone} stays"), took);
    Ok(())
}

async fn folder(stage: &mut Stage<'_>, member: &Member) -> Result<()> {
    let (name, vm, folder) = (&member.node, &member.vm.name, "workers");
    let before = recorded_folder(&stage.nodes.get(name).await?);
    stage.then(format!("{vm} is moved to the folder {folder}"));
    let since = Instant::now();
    stage.vcsim.move_to(vm, folder, None).await?;
    let expected = format!("{name}: the record of its VM follows");
    let wanted = |node: &_| match recorded_folder(node) {
        now if now.is_some() && now != before => Ok(()),
        now => Err(format!("folder {now:?}")),
    };
    let node = stage.node_shows(&expected, name, since, wanted).await?;
    let (from, to) = (before.unwrap_or_default(), recorded_folder(&node).unwrap_or_default());
    stage.say(&format!("folder {from} → {to}; the proof of a deletion rests on it"));
    Ok(())
}

async fn destroy(stage: &mut Stage<'_>, member: &Member) -> Result<()> {
    let (name, vm) = (&member.node, &member.vm.name);
    stage.step(format!("{vm} is destroyed, {name} is NotReady"));
    stage.vcsim.delete_vm(vm).await?;
    let since = stage.set_ready(name, false).await?;
    let expected = format!("{name}: proved, confirmed after {} s, gone", CONFIRM_AFTER.as_secs());
    let nodes = stage.nodes.clone();
    let ((), took) = stage
        .wait(&expected, since, async || match nodes.get_opt(name).await {
            Ok(None) => Ok(()),
            Ok(Some(_)) => Err("the Node is still there".to_owned()),
            Err(error) => Err(error.to_string()),
        })
        .await?;
    if took < CONFIRM_AFTER {
        return stage.fail(&format!("{name} was deleted after {} already, unconfirmed", span(took)));
    }
    stage.note(expected, took);
    let (event, _) = stage.event(name, "DeletingNode", since).await?;
    stage.say(&format!("Event DeletingNode: {event}"));
    Ok(())
}

async fn join(stage: &mut Stage<'_>, node: &str, vm: &str) -> Result<()> {
    stage.step(format!("{vm} is made, {node} registers"));
    let since = new_node(stage, node, vm, zones::host_of(0)).await?;
    let expected = format!("{node}: initialised, the taint is gone");
    let found = stage.node_shows(&expected, node, since, initialised).await?;
    let id = found.spec.as_ref().and_then(|spec| spec.provider_id.as_deref()).unwrap_or_default();
    let zone = found.labels().get(ZONE).map_or("-", String::as_str);
    stage.say(&format!("{id}  {}  zone={zone}", addresses(&found).join(" ")));
    Ok(())
}

async fn sessions(stage: &mut Stage<'_>, node: &str, vm: &str) -> Result<()> {
    let ip = "10.99.0.2";
    stage.step(format!("all sessions end, {vm} gets {ip}"));
    let before = stage.vcsim.requests().await?;
    stage.vcsim.terminate_sessions().await?;
    readdress(stage, node, vm, ip).await?;
    let logins = stage.vcsim.requests().await?.since(&before).soap("Login");
    if logins != 1 {
        return stage.fail(&format!("one login is enough, but there were {logins}"));
    }
    stage.say("with one login; nothing was lost");
    Ok(())
}

async fn wrong_tag(stage: &mut Stage<'_>) -> Result<()> {
    let (node, vm, host) = ("node-tag", "vm-tag", zones::untagged_host());
    stage.step(format!("{node} joins; its host's tag is {BAD_TAG:?}"));
    stage.vcsim.tag(zones::ZONE_CATEGORY, BAD_TAG, Object::Named("HostSystem", &host)).await?;
    let since = new_node(stage, node, vm, host).await?;
    let expected = format!("{node}: initialised without a zone");
    let found = stage.node_shows(&expected, node, since, initialised).await?;
    let (event, took) = stage.event(node, "MissingZone", since).await?;
    stage.note(format!("{node}: an Event says why"), took);
    stage.say(&format!("Event MissingZone: {event}"));
    match found.labels().get(ZONE) {
        Some(zone) => stage.fail(&format!("{node} has the zone {zone}, which nothing says")),
        None => Ok(()),
    }
}

fn initialised(node: &k8s_openapi::api::core::v1::Node) -> Result<(), String> {
    if has_taint(node, UNINITIALIZED) { Err("the taint is still there".to_owned()) } else { Ok(()) }
}

/// Makes a VM, and registers its Node; returns the time of the latter.
async fn new_node(stage: &Stage<'_>, node: &str, vm: &str, host: String) -> Result<Instant> {
    let spec = VmSpec { host_name: Some(node.to_owned()), host: Some(host), ..VmSpec::named(vm) };
    let made = stage.vcsim.create(&[spec]).await?;
    let made = made.first().context("the simulator made no VM")?;
    let spec = NodeSpec {
        addresses: vec![("Hostname".to_owned(), node.to_owned())],
        status_bytes: STATUS,
        ..NodeSpec::new(node, guest_uuid(&made.uuid))
    };
    let since = Instant::now();
    create_node(&stage.nodes, &spec).await?;
    Ok(since)
}
