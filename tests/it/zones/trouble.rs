//! A tagging service that does not work as it should.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Node;
use xtask::testbed::{Fault, FaultKind, VcsimOptions};

use super::common::{attentive, config, place, tagged};
use crate::support::{Cluster, LATER, SOON, names, specs};

/// Nodes are initialised in spite of this trouble, and get their labels when it is over.
async fn endured(method: &str, kind: FaultKind) {
    let cluster = Cluster::get().await;
    let vcsim = tagged(VcsimOptions::default()).await;
    let rule = vcsim.add_fault(&Fault::new(method, kind)).await.unwrap();
    let vms = vcsim.create_vms("patient-", 3).await.unwrap();
    let _manager = attentive(&cluster, &config(&[&vcsim]), &[]);
    let started = Instant::now();
    cluster.register(&specs(&vms)).await;
    for node in cluster.initialised(&names(&vms), SOON).await {
        assert_eq!(place(&node), (None, None));
    }
    assert!(started.elapsed() < Duration::from_secs(6), "{:?}", started.elapsed());
    let message = cluster.event("patient-0", "MissingZone").await;
    assert!(message.contains("tags cannot be read"), "{message}");
    let hits = vcsim.faults().await.unwrap()[0]["hits"].as_u64();
    assert!(hits.unwrap() > 0);

    vcsim.remove_fault(&rule).await.unwrap();
    let labelled = |node: &Node| place(node) == (Some("r"), Some("z"));
    for vm in &vms {
        // Whoever waits for an answer when the trouble ends waits on for a while.
        cluster.node_within(LATER, "the labels are there", &vm.name, labelled).await;
    }
    assert_eq!(vcsim.requests().await.unwrap().soap("Login"), 1);
}

#[tokio::test]
async fn a_tagging_service_that_refuses_costs_no_node() {
    endured("POST /api/cis/tagging/tag-association", FaultKind::Status(403)).await;
}

#[tokio::test]
async fn a_tagging_service_that_fails_costs_no_node() {
    endured("POST /api/session", FaultKind::Status(500)).await;
}

#[tokio::test]
async fn a_tagging_service_that_hangs_costs_no_node() {
    endured("POST /api/cis/tagging/tag-association", FaultKind::Hang).await;
}
