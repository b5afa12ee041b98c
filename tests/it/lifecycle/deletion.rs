//! Nodes whose machines are gone.

use std::time::{Duration, Instant};

use serde_json::json;
use xtask::testbed::{NodeSpec, VmSpec};

use super::common::{CONFIRM, LONG, MACHINE, hasty, hasty_with, initialise, machine, vcenter};
use crate::support::{Cluster, Config, Proxy, SOON};

const NEVER_SEEN: &str = "42370000-0000-0000-0000-00000000dead";

/// Another machine of the same name; the simulator would give it the same uuids.
fn successor(name: &str) -> VmSpec {
    let instance_uuid = Some("52370000-0000-0000-0000-00000000dead".into());
    VmSpec { uuid: Some(NEVER_SEEN.into()), instance_uuid, ..VmSpec::named(name) }
}

#[tokio::test]
async fn the_node_of_a_destroyed_machine_is_deleted_once_that_is_confirmed_and_no_other() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("vc0").await;
    let vms = vcsim.create_vms("mortal-", 3).await.unwrap();
    let _manager = hasty(&cluster, &Config::of(&[&vcsim]));
    initialise(&cluster, &vms).await;
    // One whose machine is there, and one that is ready.
    cluster.set_ready("mortal-1", false).await;
    vcsim.delete_vm("mortal-2").await.unwrap();

    vcsim.delete_vm("mortal-0").await.unwrap();
    let silent = Instant::now();
    cluster.set_ready("mortal-0", false).await;
    cluster.deleted("mortal-0", SOON).await;
    assert!(silent.elapsed() >= CONFIRM, "{:?}", silent.elapsed());
    let message = cluster.event("mortal-0", "DeletingNode").await;
    let upstream = "Deleting node mortal-0 because it does not exist in the cloud provider";
    assert!(message.contains(upstream) && message.contains(&vms[0].moref), "{message}");

    tokio::time::sleep(CONFIRM * 2).await;
    assert!(cluster.has("mortal-1").await, "its machine is there");
    assert!(cluster.has("mortal-2").await, "it is ready");
    let deletions: Vec<String> =
        cluster.node_writes().into_keys().filter(|write| write.starts_with("delete")).collect();
    assert_eq!(deletions, ["delete nodes mortal-0"]);

    cluster.set_ready("mortal-2", false).await;
    cluster.deleted("mortal-2", SOON).await;
    assert!(cluster.has("mortal-1").await);
}

#[tokio::test]
async fn a_machine_that_was_destroyed_while_the_manager_was_away_is_known_from_the_annotation() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("vc0").await;
    let vms = vcsim.create_vms("orphan-", 2).await.unwrap();
    let config = Config::of(&[&vcsim]);
    let manager = hasty(&cluster, &config);
    initialise(&cluster, &vms).await;
    manager.stop(SOON).await.unwrap();

    vcsim.delete_vm("orphan-0").await.unwrap();
    cluster.set_ready("orphan-0", false).await;
    // Had it to rely on absence alone, it would take a minute.
    let _manager = hasty_with(&cluster, &config, &["--deletion-absence-window=1m"]);
    cluster.deleted("orphan-0", SOON).await;
    let message = cluster.event("orphan-0", "DeletingNode").await;
    assert!(message.contains(&vms[0].moref), "{message}");
    assert!(cluster.has("orphan-1").await);
}

#[tokio::test]
async fn a_node_of_which_nothing_is_recorded_needs_the_longer_proof() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("vc0").await;
    let vms = vcsim.create_vms("bare-", 2).await.unwrap();
    let config = Config::of(&[&vcsim]);
    let manager = hasty(&cluster, &config);
    initialise(&cluster, &vms).await;
    manager.stop(SOON).await.unwrap();
    cluster.annotate("bare-0", MACHINE, None).await;
    vcsim.delete_vm("bare-0").await.unwrap();
    // As another manager has left it behind.
    let mut older = NodeSpec::new("older", NEVER_SEEN);
    older.provider_id = Some(format!("vsphere://{NEVER_SEEN}"));
    older.taints.clear();
    cluster.register(&[older]).await;
    for name in ["bare-0", "older"] {
        cluster.set_ready(name, false).await;
    }
    let started = Instant::now();
    let _manager = hasty_with(&cluster, &config, &["--deletion-absence-window=3s"]);
    for name in ["bare-0", "older"] {
        cluster.deleted(name, SOON).await;
        assert!(started.elapsed() >= Duration::from_secs(3) + CONFIRM, "{:?}", started.elapsed());
        cluster.event(name, "DeletingNode").await;
    }
    assert!(cluster.has("bare-1").await);
}

#[tokio::test]
async fn a_machine_that_was_made_anew_under_the_same_name_does_not_save_the_old_node() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("vc0").await;
    let vms = vcsim.create_vms("again-", 2).await.unwrap();
    let _manager = hasty(&cluster, &Config::of(&[&vcsim]));
    initialise(&cluster, &vms).await;
    let old = cluster.node("again-0").await.metadata.uid;
    vcsim.delete_vm("again-0").await.unwrap();
    let anew = vcsim.create(&[successor("again-0")]).await.unwrap();
    cluster.set_ready("again-0", false).await;
    cluster.deleted("again-0", SOON).await;
    // What was remembered is still the old machine.
    let message = cluster.event("again-0", "DeletingNode").await;
    assert!(message.contains(&vms[0].moref) && !message.contains(&anew[0].moref), "{message}");

    initialise(&cluster, &anew).await;
    tokio::time::sleep(CONFIRM * 2).await;
    let new = cluster.node("again-0").await;
    assert_ne!(new.metadata.uid, old);
    assert!(machine(&new).contains(&anew[0].moref), "{}", machine(&new));
    assert!(cluster.has("again-1").await);
}

#[tokio::test]
async fn a_node_whose_kubelet_has_moved_to_another_machine_is_told_of_and_kept() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("vc0").await;
    let vms = vcsim.create_vms("heir-", 1).await.unwrap();
    let _manager = hasty(&cluster, &Config::of(&[&vcsim]));
    initialise(&cluster, &vms).await;
    vcsim.delete_vm("heir-0").await.unwrap();
    let anew = vcsim.create(&[successor("heir-0")]).await.unwrap();
    cluster.patch_status("heir-0", json!({"nodeInfo": {"systemUUID": NEVER_SEEN}})).await;
    cluster.set_ready("heir-0", false).await;
    let message = cluster.event("heir-0", "ProviderIDMismatch").await;
    assert!(message.contains(&vms[0].uuid) && message.contains(&anew[0].moref), "{message}");
    tokio::time::sleep(LONG).await;
    assert!(cluster.has("heir-0").await);
}

#[tokio::test]
async fn a_node_that_is_ready_again_at_the_last_moment_is_not_deleted() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("vc0").await;
    let vms = vcsim.create_vms("risen-", 1).await.unwrap();
    let proxy = Proxy::to(cluster.port());
    let kubeconfig = cluster.kubeconfig_via(proxy.port());
    let config = Config::of(&[&vcsim]);
    // Else it would be the look for volumes that fails, and the deletion would wait for that.
    let flags =
        ["--node-monitor-period=300ms", "--deletion-confirm-after=3s", "--out-of-service-taint=false"];
    let manager = cluster.manager_with(&config, |options| {
        options.kubeconfig = kubeconfig;
        options.args.extend(flags.map(str::to_owned));
    });
    initialise(&cluster, &vms).await;
    vcsim.delete_vm("risen-0").await.unwrap();
    cluster.set_ready("risen-0", false).await;
    // Time to see it, but not to be sure. The deletion then does not get through.
    tokio::time::sleep(CONFIRM).await;
    proxy.take_down();
    manager.wait_for_log("the Node could not be written", SOON).await.unwrap();
    cluster.set_ready("risen-0", true).await;
    proxy.bring_up();
    tokio::time::sleep(LONG).await;
    assert!(cluster.has("risen-0").await);
    let deleted = cluster.node_writes().contains_key("delete nodes risen-0");
    assert!(!deleted, "{:?}", cluster.node_writes());

    cluster.set_ready("risen-0", false).await;
    cluster.deleted("risen-0", SOON).await;
}

#[tokio::test]
async fn with_skip_node_deletion_set_the_user_is_told_and_decides() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("vc0").await;
    let vms = vcsim.create_vms("spared-", 1).await.unwrap();
    let flags = ["--node-monitor-period=300ms", "--deletion-confirm-after=1s"];
    let _manager = cluster.manager_with(&Config::of(&[&vcsim]), |options| {
        options.args.extend(flags.map(str::to_owned));
        // Set, to whatever.
        options.env.push(("SKIP_NODE_DELETION".into(), "false".into()));
    });
    initialise(&cluster, &vms).await;
    vcsim.delete_vm("spared-0").await.unwrap();
    cluster.set_ready("spared-0", false).await;
    let message = cluster.event("spared-0", "NodeDeletionSkipped").await;
    assert!(message.contains("kubectl delete node spared-0"), "{message}");
    tokio::time::sleep(CONFIRM * 2).await;
    assert!(cluster.has("spared-0").await);
}
