//! Many machines that are gone at once.

use super::common::{CONFIRM, CONFIRMED, hasty_with, initialise, vcenter};
use crate::support::{Cluster, Config, SOON, names};

#[tokio::test]
async fn when_half_of_all_machines_are_gone_no_node_is_deleted_that_nobody_has_confirmed() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("vc0").await;
    let vms = vcsim.create_vms("crowd-", 10).await.unwrap();
    let _manager = hasty_with(&cluster, &Config::of(&[&vcsim]), &["--deletion-breaker-fraction=0.1"]);
    initialise(&cluster, &vms).await;
    let (gone, left) = vms.split_at(5);
    for vm in gone {
        vcsim.delete_vm(&vm.moref).await.unwrap();
    }
    futures::future::join_all(names(gone).into_iter().map(|name| cluster.set_ready(name, false))).await;
    for name in names(gone) {
        let message = cluster.event(name, "NodeDeletionHeld").await;
        let advice = format!("kubectl annotate node {name} {CONFIRMED}=true");
        assert!(message.contains("5 of 10 Nodes") && message.contains(&advice), "{message}");
    }
    cluster.annotate("crowd-3", CONFIRMED, Some("true")).await;
    cluster.deleted("crowd-3", SOON).await;
    tokio::time::sleep(CONFIRM * 2).await;
    for name in names(left).into_iter().chain(["crowd-0", "crowd-1", "crowd-2", "crowd-4"]) {
        assert!(cluster.has(name).await, "{name}");
    }
    let deletions = cluster.node_writes().keys().filter(|write| write.starts_with("delete")).count();
    assert_eq!(deletions, 1);
}

#[tokio::test]
async fn nodes_that_are_held_are_deleted_when_the_proof_has_held_for_long() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("vc0").await;
    let vms = vcsim.create_vms("patient-", 4).await.unwrap();
    let flags = ["--deletion-breaker-fraction=0.1", "--deletion-breaker-hold=4s"];
    let _manager = hasty_with(&cluster, &Config::of(&[&vcsim]), &flags);
    initialise(&cluster, &vms).await;
    for name in ["patient-0", "patient-1"] {
        vcsim.delete_vm(name).await.unwrap();
    }
    for name in ["patient-0", "patient-1"] {
        cluster.set_ready(name, false).await;
    }
    for name in ["patient-0", "patient-1"] {
        cluster.event(name, "NodeDeletionHeld").await;
        cluster.deleted(name, SOON).await;
    }
    assert!(cluster.has("patient-2").await && cluster.has("patient-3").await);
}
