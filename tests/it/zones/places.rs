//! Where the tags are, and which of them counts.

use k8s_openapi::api::core::v1::Node;
use xtask::testbed::{Object, Vcsim, VcsimOptions, VmSpec};

use super::common::{DATACENTER, REGION, ZONE, attentive, config, on_host, place, vcenter};
use crate::support::{Cluster, QUIET, SOON, is_tainted, names, specs};

#[tokio::test]
async fn the_nearest_of_host_cluster_and_datacenter_tells_zone_and_region_in_both_spellings() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("vc0").await;
    vcsim.tag(REGION, "of-datacenter", DATACENTER).await.unwrap();
    vcsim.tag(ZONE, "of-datacenter", DATACENTER).await.unwrap();
    vcsim.tag(ZONE, "of-cluster", Object::Named("ClusterComputeResource", "DC0_C0")).await.unwrap();
    vcsim.tag(ZONE, "of-host", Object::Named("HostSystem", "DC0_C0_H1")).await.unwrap();
    let specified = [on_host("a", "DC0_C1_H0"), on_host("b", "DC0_C0_H0"), on_host("c", "DC0_C0_H1")];
    let vms = vcsim.create(&specified).await.unwrap();
    let _manager = cluster.manager(&config(&[&vcsim]));
    cluster.register(&specs(&vms)).await;
    let nodes = cluster.initialised(&names(&vms), SOON).await;
    for (node, zone) in nodes.iter().zip(["of-datacenter", "of-cluster", "of-host"]) {
        assert_eq!(place(node), (Some("of-datacenter"), Some(zone)));
    }
    for name in names(&vms) {
        let events = cluster.events(name).await;
        assert!(events.iter().all(|event| event.type_.as_deref() == Some("Normal")), "{events:#?}");
    }
}

#[tokio::test]
async fn where_host_cluster_and_datacenter_tell_nothing_the_pool_does_and_then_machine_and_folders() {
    let cluster = Cluster::get().await;
    // One cluster: all their pools have the same name.
    let one = VcsimOptions { seed: "pools".into(), ..VcsimOptions::default() };
    let (pools, folders) = (Vcsim::start(one).await.unwrap(), vcenter("folders").await);
    let pool = Object::Named("ResourcePool", "Resources");
    pools.tag(REGION, "of-pool", pool).await.unwrap();
    pools.tag(ZONE, "of-pool", pool).await.unwrap();
    let folder = Object::Named("Folder", "vm");
    for vcsim in [&pools, &folders] {
        vcsim.tag(REGION, "of-folder", folder).await.unwrap();
        vcsim.tag(ZONE, "of-folder", folder).await.unwrap();
    }
    let mut vms = pools.create(&[on_host("pooled", "DC0_C0_H0")]).await.unwrap();
    vms.extend(folders.create(&[VmSpec::named("own"), VmSpec::named("filed")]).await.unwrap());
    folders.tag(ZONE, "its-own", Object::Moref("VirtualMachine", &vms[1].moref)).await.unwrap();
    let _manager = cluster.manager(&config(&[&pools, &folders]));
    cluster.register(&specs(&vms)).await;
    let nodes = cluster.initialised(&names(&vms), SOON).await;
    assert_eq!(place(&nodes[0]), (Some("of-pool"), Some("of-pool")));
    assert_eq!(place(&nodes[1]), (Some("of-folder"), Some("its-own")));
    assert_eq!(place(&nodes[2]), (Some("of-folder"), Some("of-folder")));
}

#[tokio::test]
async fn a_node_without_zone_is_initialised_and_told_of_and_labelled_once_there_is_a_tag() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("vc0").await;
    vcsim.tag(REGION, "r", DATACENTER).await.unwrap();
    let vms = vcsim.create(&[on_host("placeless", "DC0_C0_H0")]).await.unwrap();
    let _manager = attentive(&cluster, &config(&[&vcsim]), &[]);
    cluster.register(&specs(&vms)).await;
    let nodes = cluster.initialised(&["placeless"], SOON).await;
    assert_eq!(place(&nodes[0]), (Some("r"), None));
    let message = cluster.event("placeless", "MissingZone").await;
    assert!(message.contains("\"k8s-zone\"") && message.contains("DC0_C0_H0"), "{message}");
    assert!(!message.contains("\"k8s-region\""), "{message}");

    vcsim.tag(ZONE, "late", Object::Named("ClusterComputeResource", "DC0_C0")).await.unwrap();
    let labelled = |node: &Node| place(node) == (Some("r"), Some("late"));
    cluster.node_when("the label is there", "placeless", labelled).await;
}

#[tokio::test]
async fn with_strict_zones_a_node_waits_for_its_tags() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("vc0").await;
    let vms = vcsim.create(&[on_host("strict", "DC0_C0_H0")]).await.unwrap();
    let _manager = attentive(&cluster, &config(&[&vcsim]), &["--strict-zones"]);
    cluster.register(&specs(&vms)).await;
    let message = cluster.event("strict", "MissingZone").await;
    assert!(message.contains("\"k8s-region\" and \"k8s-zone\""), "{message}");
    tokio::time::sleep(QUIET).await;
    assert!(is_tainted(&cluster.node("strict").await));

    vcsim.tag(REGION, "r", DATACENTER).await.unwrap();
    vcsim.tag(ZONE, "z", DATACENTER).await.unwrap();
    let nodes = cluster.initialised(&["strict"], SOON).await;
    assert_eq!(place(&nodes[0]), (Some("r"), Some("z")));
}

#[tokio::test]
async fn a_tag_that_cannot_be_a_label_is_told_and_is_none() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("vc0").await;
    vcsim.tag(REGION, "r", DATACENTER).await.unwrap();
    vcsim.tag(ZONE, "Rack 3, left", DATACENTER).await.unwrap();
    let vms = vcsim.create_vms("spelled-", 1).await.unwrap();
    let _manager = cluster.manager(&config(&[&vcsim]));
    cluster.register(&specs(&vms)).await;
    let nodes = cluster.initialised(&["spelled-0"], SOON).await;
    assert_eq!(place(&nodes[0]), (Some("r"), None));
    let message = cluster.event("spelled-0", "MissingZone").await;
    assert!(message.contains("\"Rack 3, left\"") && message.contains("rename the tag"), "{message}");
}

#[tokio::test]
async fn a_zone_that_a_node_has_is_never_changed() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("vc0").await;
    vcsim.tag(REGION, "r", DATACENTER).await.unwrap();
    vcsim.tag(ZONE, "one", Object::Named("ClusterComputeResource", "DC0_C0")).await.unwrap();
    vcsim.tag(ZONE, "two", Object::Named("ClusterComputeResource", "DC0_C1")).await.unwrap();
    let vms =
        vcsim.create(&[on_host("settled", "DC0_C0_H0"), on_host("witness", "DC0_C0_H0")]).await.unwrap();
    let manager = attentive(&cluster, &config(&[&vcsim]), &[]);
    cluster.register(&specs(&vms)[..1]).await;
    let nodes = cluster.initialised(&["settled"], SOON).await;
    assert_eq!(place(&nodes[0]), (Some("r"), Some("one")));

    // Another tag, and another host; whoever comes now is somewhere else.
    vcsim.tag(ZONE, "other", Object::Named("HostSystem", "DC0_C0_H0")).await.unwrap();
    tokio::time::sleep(QUIET).await;
    cluster.register(&specs(&vms)[1..]).await;
    let nodes = cluster.initialised(&["witness"], SOON).await;
    assert_eq!(place(&nodes[0]), (Some("r"), Some("other")));
    vcsim.relocate("settled", "DC0_C1_H0").await.unwrap();
    tokio::time::sleep(QUIET).await;
    assert_eq!(place(&cluster.node("settled").await), (Some("r"), Some("one")));
    // Nor by a manager that never knew it otherwise.
    manager.stop(SOON).await.unwrap();
    let _manager = attentive(&cluster, &config(&[&vcsim]), &[]);
    tokio::time::sleep(QUIET).await;
    assert_eq!(place(&cluster.node("settled").await), (Some("r"), Some("one")));
}
