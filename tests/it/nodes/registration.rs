//! Nodes register, and become usable.

use std::collections::BTreeMap;

use xtask::testbed::{Vcsim, VcsimOptions, eventually, guest_uuid};

use crate::support::{Cluster, Config, SOON, addresses, label, names, provider_id, specs};

#[tokio::test]
async fn nodes_are_initialised_with_one_write_each_and_few_questions() {
    let cluster = Cluster::get().await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    let vms = vcsim.create_vms("reg-", 20).await.unwrap();
    let mut nodes = specs(&vms);
    for node in nodes.iter_mut().step_by(2) {
        node.system_uuid = guest_uuid(&node.system_uuid).to_uppercase();
    }
    cluster.register(&nodes).await;
    let _manager = cluster.manager(&Config::of(&[&vcsim]));

    let nodes = cluster.initialised(&names(&vms), SOON).await;
    for (node, vm) in nodes.iter().zip(&vms) {
        assert_eq!(provider_id(node), Some(format!("vsphere://{}", vm.uuid).as_str()));
        for key in ["node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type"] {
            assert_eq!(label(node, key), Some("vsphere-vm.cpu-2.mem-4gb.os-ubuntu"), "{key}");
        }
        let ip = &vm.addresses.as_ref().unwrap()[0];
        let expected =
            [format!("Hostname {}", vm.name), format!("InternalIP {ip}"), format!("ExternalIP {ip}")];
        assert_eq!(addresses(node), expected);
    }
    for vm in &vms {
        assert_eq!(cluster.event(&vm.name, "Synced").await, "Node synced successfully");
    }

    let mut expected: BTreeMap<String, usize> = BTreeMap::from([("create events".to_owned(), vms.len())]);
    for vm in &vms {
        expected.insert(format!("patch nodes {}", vm.name), 1);
        expected.insert(format!("patch nodes/status {}", vm.name), 1);
    }
    let logged = eventually("the audit log has it all", SOON, async || {
        let writes = cluster.writes();
        if writes == expected { Ok(()) } else { Err(format!("{writes:#?}")) }
    });
    logged.await.unwrap();
    let requests = vcsim.requests().await.unwrap();
    assert!(requests.total_without_polls() <= 20, "{:#?}", requests.by_method());
    assert_eq!(requests.soap("Login"), 1);
}
