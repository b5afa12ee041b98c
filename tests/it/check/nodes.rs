//! What is told of Nodes.

use xtask::testbed::{Nic, NodeSpec, Object, Power, Vcsim, VcsimOptions, VmSpec};

use super::common::{check, left_nothing, run};
use crate::support::{Cluster, Config, SOON, names, specs};

async fn vcenter(seed: &str) -> Vcsim {
    Vcsim::start(VcsimOptions { seed: seed.into(), ..VcsimOptions::default() }).await.unwrap()
}

#[tokio::test]
async fn when_all_is_well_little_is_told_and_everything_if_wanted() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("check-well").await;
    vcsim.tag("k8s-region", "r", Object::Named("Datacenter", "DC0")).await.unwrap();
    vcsim.tag("k8s-zone", "z", Object::Named("ClusterComputeResource", "DC0_C0")).await.unwrap();
    let vms = vcsim.create_vms("well-", 30).await.unwrap();
    cluster.register(&specs(&vms)).await;
    let config = Config::of(&[&vcsim]).labels("k8s-region", "k8s-zone").yaml();

    vcsim.reset_requests().await.unwrap();
    let well = check(&config, &cluster).await;
    assert_eq!((well.code, well.stderr.as_str()), (Some(0), ""), "{}", well.stdout);
    assert_eq!(well.json()["summary"]["result"], "ok", "{}", well.stdout);
    let told = well.of("nodes", "ok");
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("30 of 30 are all right: 0 initialised, 30 that"), "{told:?}");
    let requests = vcsim.requests().await.unwrap();
    assert_eq!((requests.soap("Login"), requests.rest("POST /api/session")), (1, 1));
    let few = requests.total_without_polls();
    assert!(few <= 26, "{:#?}", requests.by_method());
    left_nothing(&vcsim, &cluster).await;

    let verbose = run(&config, Some(&cluster.kubeconfig()), &["-v"]).await;
    let line = verbose.stdout.lines().find(|line| line.contains(" well-7 ")).unwrap();
    for part in [
        "(well-7) in vCenter 127.0.0.1",
        "found by systemUUID",
        &format!("InternalIP {}", vms[7].addresses.as_ref().unwrap()[0]),
        "region r from Datacenter \"DC0\"",
        "zone z from ClusterComputeResource \"DC0_C0\"",
        "would write providerID vsphere://",
        "label topology.kubernetes.io/zone=z",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }

    cluster.register(&specs(&vcsim.create_vms("more-", 270).await.unwrap())).await;
    vcsim.reset_requests().await.unwrap();
    let many = check(&config, &cluster).await;
    assert!(many.of("nodes", "ok")[0].contains("300 of 300 are all right"), "{}", many.stdout);
    let requests = vcsim.requests().await.unwrap();
    assert!(requests.total_without_polls() <= few + 1, "one more page: {:#?}", requests.by_method());
}

#[tokio::test]
async fn nodes_with_a_problem_have_a_line_each() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("check-nodes").await;
    let vms = vcsim.create_vms("fine-", 3).await.unwrap();
    let nics = Nic {
        network: Some("VM Network".into()),
        addresses: vec!["10.1.0.9".into(), "10.1.0.10".into(), "fe80::1".into()],
        ..Nic::default()
    };
    vcsim.patch_vm("fine-0", &VmSpec { nics: Some(vec![nics]), ..VmSpec::default() }).await.unwrap();
    let silent = VmSpec { tools: Some("none".into()), ..VmSpec::named("silent") };
    let twins =
        ["twin-a", "twin-b"].map(|name| VmSpec { host_name: Some("twin".into()), ..VmSpec::named(name) });
    let told =
        ["told-a", "told-b"].map(|name| VmSpec { host_name: Some("told".into()), ..VmSpec::named(name) });
    let odd = vcsim.create(&[vec![silent], twins.to_vec(), told.to_vec()].concat()).await.unwrap();
    let mut nodes = specs(&vms);
    nodes[2].taints.clear();
    nodes[2].provider_id = Some(format!("vsphere://{}", vms[2].uuid));
    cluster.register(&nodes).await;
    let nowhere = "4237aaaa-5c1c-0b7d-6f2e-0123456789ab";
    cluster
        .register(&[
            NodeSpec::new("silent", &odd[0].uuid),
            NodeSpec::new("twin", nowhere),
            NodeSpec {
                // Which of the two it is, its kubelet's address tells.
                provided_node_ip: odd[4].addresses.as_ref().map(|all| all[0].clone()),
                ..NodeSpec::new("told", "")
            },
            NodeSpec::new("lost", "4237bbbb-5c1c-0b7d-6f2e-0123456789ab"),
        ])
        .await;
    vcsim.power("fine-2", Power::PoweredOff).await.unwrap();

    let config = Config::of(&[&vcsim]).nodes("excludeInternalNetworkSubnetCidr", "10.1.0.9/32");
    let config = config.nodes("excludeExternalNetworkSubnetCidr", "10.1.0.9/32").yaml();
    let verbose = run(&config, Some(&cluster.kubeconfig()), &["--verbose"]).await;
    let line = verbose.stdout.lines().find(|line| line.contains(" fine-0 ")).unwrap();
    for part in [
        "InternalIP 10.1.0.10",
        "10.1.0.9 on \"VM Network\": excluded from internal by 10.1.0.9/32",
        "fe80::1",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }

    let line = verbose.stdout.lines().find(|line| line.contains(" told ")).unwrap();
    assert!(line.contains("(told-b)"), "{line}");

    let checked = check(&config, &cluster).await;
    assert_eq!(checked.code, Some(1), "{}", checked.stdout);
    let failures = checked.of("nodes", "fail");
    assert_eq!(failures.len(), 3, "{failures:#?}");
    let about = |name: &str| failures.iter().find(|text| text.starts_with(&format!("{name} | "))).unwrap();
    assert!(about("silent").contains("VMware Tools do not run"), "{failures:#?}");
    assert!(about("silent").contains("NoAddresses"), "{failures:#?}");
    for part in ["2 machines match", "(twin-a)", "(twin-b)", "by DNS name", "no VM has the Node's systemUUID"]
    {
        assert!(about("twin").contains(part), "{part}: {failures:#?}");
    }
    assert!(about("lost").contains("no virtual machine with uuid 4237bbbb"), "{failures:#?}");
    let warnings = checked.of("nodes", "warn");
    assert!(warnings[0].starts_with("fine-2 | ") && warnings[0].contains("switched off"), "{warnings:?}");
    let told = checked.of("nodes", "ok");
    assert!(told[0].contains("3 of 7 are all right"), "{told:?}");
    left_nothing(&vcsim, &cluster).await;
}

#[tokio::test]
async fn beside_a_manager_at_work_its_nodes_are_told_to_be_initialised() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("check-beside").await;
    let vms = vcsim.create_vms("beside-", 2).await.unwrap();
    cluster.register(&specs(&vms)).await;
    let config = Config::of(&[&vcsim]);
    let _manager = cluster.manager(&config);
    cluster.initialised(&names(&vms), SOON).await;
    let checked = check(&config.yaml(), &cluster).await;
    assert_eq!(checked.code, Some(0), "{}", checked.stdout);
    let told = checked.of("nodes", "ok");
    assert!(told[0].contains("2 of 2 are all right: 2 initialised, 0 that"), "{told:?}");
    assert_eq!(vcsim.sessions().await.unwrap().len(), 1, "the manager's");
}
