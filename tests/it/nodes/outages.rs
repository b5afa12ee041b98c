//! vCenters and API servers that are away for a while.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Node;
use kube::api::{DeleteParams, ListParams};
use tokio::net::TcpStream;
use xtask::testbed::{Fault, FaultKind, Nic, Vcsim, VcsimOptions, VmSpec, eventually};

use crate::support::{Cluster, Config, LATER, Proxy, SOON, addresses, is_tainted, names, provider_id, specs};

async fn vcenter(seed: &str) -> Vcsim {
    Vcsim::start(VcsimOptions { seed: seed.into(), ..VcsimOptions::default() }).await.unwrap()
}

#[tokio::test]
async fn nodes_are_found_in_whichever_vcenter_they_are() {
    let cluster = Cluster::get().await;
    let (east, west) = (vcenter("east").await, vcenter("west").await);
    let mut vms = east.create_vms("east-", 10).await.unwrap();
    vms.extend(west.create_vms("west-", 10).await.unwrap());
    let _manager = cluster.manager(&Config::of(&[&east, &west]));
    cluster.register(&specs(&vms)).await;
    let nodes = cluster.initialised(&names(&vms), SOON).await;
    for (node, vm) in nodes.iter().zip(&vms) {
        assert_eq!(provider_id(node), Some(format!("vsphere://{}", vm.uuid).as_str()));
    }
}

#[tokio::test]
async fn a_vcenter_that_is_down_holds_up_its_own_nodes_only() {
    let cluster = Cluster::get().await;
    let (east, west) = (vcenter("east").await, vcenter("west").await);
    let easterners = east.create_vms("east-", 5).await.unwrap();
    let westerners = west.create_vms("west-", 5).await.unwrap();
    cluster.register(&specs(&easterners)).await;
    cluster.register(&specs(&westerners)).await;
    let address = ("127.0.0.1", west.port());
    let meanwhile = async {
        eventually("the vCenter is down", SOON, async || match TcpStream::connect(address).await {
            Ok(_) => Err("it accepts connections"),
            Err(_) => Ok(()),
        })
        .await
        .unwrap();
        let started = Instant::now();
        let manager = cluster.manager(&Config::of(&[&east, &west]));
        cluster.initialised(&names(&easterners), SOON).await;
        assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());

        for vm in &westerners {
            let message = cluster.event(&vm.name, "InstanceUnknown").await;
            assert!(message.contains(&format!("127.0.0.1:{}", west.port())), "{message}");
            assert!(message.to_lowercase().contains("refused"), "{message}");
        }
        manager
    };
    let (down, _manager) = tokio::join!(west.restart(Duration::from_secs(6)), meanwhile);
    down.unwrap();
    cluster.initialised(&names(&westerners), SOON).await;
    for vm in &westerners {
        let events = cluster.events(&vm.name).await;
        let told = events.iter().filter(|event| event.reason.as_deref() == Some("InstanceUnknown")).count();
        assert_eq!(told, 1, "{events:#?}");
    }
}

#[tokio::test]
async fn sessions_that_end_while_nodes_register_cost_no_node() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("vc0").await;
    vcsim.set_latency(Duration::from_millis(20)).await.unwrap();
    let vms = vcsim.create_vms("evicted-", 50).await.unwrap();
    let _manager = cluster.manager(&Config::of(&[&vcsim]));
    for nodes in specs(&vms).chunks(10) {
        cluster.register(nodes).await;
        vcsim.terminate_sessions().await.unwrap();
    }
    cluster.initialised(&names(&vms), SOON).await;
    assert_eq!(vcsim.requests().await.unwrap().failed_logins, 0);
}

#[tokio::test]
async fn a_vcenter_that_stalls_for_three_seconds_costs_no_node() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("vc0").await;
    let vms = vcsim.create_vms("stalled-", 50).await.unwrap();
    let nodes = specs(&vms);
    let _manager = cluster.manager(&Config::of(&[&vcsim]));
    cluster.register(&nodes[..10]).await;
    cluster.initialised(&names(&vms[..10]), SOON).await;

    let stall = Fault::new("*", FaultKind::Hang).running().lasting(Duration::from_secs(3));
    vcsim.add_fault(&stall).await.unwrap();
    let stalled = Instant::now();
    cluster.register(&nodes[10..]).await;
    cluster.initialised(&names(&vms), LATER).await;
    assert!(stalled.elapsed() < Duration::from_secs(12), "{:?}", stalled.elapsed());
}

#[tokio::test]
async fn what_happened_while_the_api_server_was_away_is_made_up_for() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("vc0").await;
    let vms = vcsim.create_vms("away-", 15).await.unwrap();
    let nodes = specs(&vms);
    let proxy = Proxy::to(cluster.port());
    let kubeconfig = cluster.kubeconfig_via(proxy.port());
    let manager = cluster.manager_with(&Config::of(&[&vcsim]), |options| options.kubeconfig = kubeconfig);
    cluster.register(&nodes[..5]).await;
    cluster.initialised(&names(&vms[..5]), SOON).await;

    proxy.take_down();
    cluster.register(&nodes[5..]).await;
    cluster.nodes().delete(&vms[0].name, &DeleteParams::default()).await.unwrap();
    cluster.register(&nodes[..1]).await;
    manager.wait_for_log("the watch on Nodes was interrupted", SOON).await.unwrap();
    proxy.bring_up();
    cluster.initialised(&names(&vms), SOON).await;
}

#[tokio::test]
async fn connections_to_the_api_server_that_break_in_the_middle_cost_no_node() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("vc0").await;
    let vms = vcsim.create_vms("torn-", 60).await.unwrap();
    let proxy = Proxy::to(cluster.port());
    let kubeconfig = cluster.kubeconfig_via(proxy.port());
    let _manager = cluster.manager_with(&Config::of(&[&vcsim]), |options| options.kubeconfig = kubeconfig);
    let tear = async {
        for wanted in [1, 10, 20, 30, 40] {
            eventually("some are initialised", LATER, async || {
                let nodes = cluster.nodes().list(&ListParams::default()).await?;
                let done = nodes.iter().filter(|node| !is_tainted(node)).count();
                anyhow::ensure!(done >= wanted, "{done}");
                Ok(())
            })
            .await
            .unwrap();
            proxy.cut();
        }
    };
    let nodes = specs(&vms);
    tokio::join!(cluster.register(&nodes), tear);
    for node in cluster.initialised(&names(&vms), LATER).await {
        assert_eq!(addresses(&node).len(), 3);
    }
}

#[tokio::test]
async fn an_address_that_changed_while_vcenter_was_away_arrives_when_it_is_back() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("vc0").await;
    let vms = vcsim.create_vms("later-", 3).await.unwrap();
    cluster.register(&specs(&vms)).await;
    let manager = cluster.manager(&Config::of(&[&vcsim]));
    cluster.initialised(&names(&vms), SOON).await;
    let meanwhile = async {
        manager.wait_for_log("vCenter cannot be asked", SOON).await.unwrap();
        let nic = Nic { addresses: vec!["10.77.0.1".into()], ..Nic::default() };
        vcsim.patch_vm("later-1", &VmSpec { nics: Some(vec![nic]), ..VmSpec::default() }).await.unwrap();
    };
    let (down, ()) = tokio::join!(vcsim.restart(Duration::from_secs(2)), meanwhile);
    down.unwrap();
    let arrived = |node: &Node| addresses(node).contains(&"InternalIP 10.77.0.1".to_owned());
    cluster.node_when("the new address is there", "later-1", arrived).await;
    for vm in &vms {
        let events = cluster.events(&vm.name).await;
        assert!(events.iter().all(|event| event.type_.as_deref() == Some("Normal")), "{events:#?}");
    }
}

#[tokio::test]
async fn an_api_server_that_is_away_at_the_start_is_waited_for() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("vc0").await;
    let vms = vcsim.create_vms("first-", 3).await.unwrap();
    cluster.register(&specs(&vms)).await;
    let proxy = Proxy::to(cluster.port());
    proxy.take_down();
    let kubeconfig = cluster.kubeconfig_via(proxy.port());
    let manager = cluster.manager_with(&Config::of(&[&vcsim]), |options| options.kubeconfig = kubeconfig);
    manager.wait_for_log("the watch on Nodes was interrupted", SOON).await.unwrap();
    proxy.bring_up();
    cluster.initialised(&names(&vms), SOON).await;
}
