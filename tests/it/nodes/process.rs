//! The program: its arguments, how it starts, how it ends.

use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::{Duration, Instant};

use kube::api::ListParams;
use xtask::testbed::{
    Fault, FaultKind, Lifeline, NodeSpec, Process, RunDir, Vcsim, VcsimOptions, eventually,
};

use crate::support::{
    Cluster, Config, LATER, QUIET, SOON, addresses, is_tainted, label, names, product, specs,
};

/// Runs it with these arguments to its own end; returns the exit code and all that it printed.
async fn run(args: &[&str]) -> (Option<i32>, String) {
    let run = RunDir::new().unwrap();
    let mut command = Command::new(product());
    command.args(args).env_remove("KUBERNETES_SERVICE_HOST").env_remove("KUBERNETES_SERVICE_PORT");
    let process = Process::spawn("product", command, run.path(), Lifeline::Watchdog).unwrap();
    let status = process.wait(SOON).await.unwrap();
    (status.code(), process.logs())
}

/// Runs it with a configuration file of this content and no cluster.
async fn run_with_config(config: &str) -> (Option<i32>, String) {
    let dir = RunDir::new().unwrap();
    let path = dir.write("vsphere.conf", config).unwrap();
    run(&["ccm", "--cloud-config", path.to_str().unwrap(), "--kubeconfig", "/nowhere/kubeconfig"]).await
}

const CONFIG: &str = "vcenter: {vc1: {server: vc.example.org, user: u, password: p}}";

#[tokio::test]
async fn under_upstreams_name_it_runs_with_upstreams_arguments() {
    let cluster = Cluster::get().await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    let vms = vcsim.create_vms("dropin-", 2).await.unwrap();
    cluster.register(&specs(&vms)).await;
    let dir = RunDir::new().unwrap();
    let name = dir.path().join("vsphere-cloud-controller-manager");
    symlink(product(), &name).unwrap();
    let _manager = cluster.manager_with(&Config::of(&[&vcsim]), |options| {
        options.binary = name;
        options.subcommand.clear();
        options.alone = false;
        options.args = vec!["--cloud-provider=vsphere".into(), "--v=2".into()];
    });
    cluster.initialised(&names(&vms), SOON).await;
    assert!(cluster.lease().await.unwrap().holder_identity.is_some_and(|holder| holder.contains('_')));
}

#[tokio::test]
async fn it_tells_its_version_as_upstream_does() {
    let (code, output) = run(&["ccm", "--version"]).await;
    assert_eq!(code, Some(0), "{output}");
    let version = output.trim().strip_prefix("vsphere-cloud-controller-manager v").unwrap();
    assert!(version.starts_with(|c: char| c.is_ascii_digit()), "{output}");
}

#[tokio::test]
async fn mistakes_on_the_command_line_are_told_with_a_hint() {
    for (args, hint) in [
        (["--cloud-config=f", "--cloud-provider=vsphere-paravirtual"], "not to a Supervisor"),
        (["--cloud-config=f", "--leader-elect-lease-duration=1s"], "must be greater than the renew deadline"),
        (["--leader-elect", "false"], "--leader-elect=false"),
    ] {
        let (code, output) = run(&[&["ccm"], args.as_slice()].concat()).await;
        assert_eq!(code, Some(2), "{output}");
        assert!(output.contains(hint), "{output}");
    }
}

#[tokio::test]
async fn flags_without_effect_are_told_once_and_controllers_can_be_switched_off() {
    let cluster = Cluster::get().await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    let vms = vcsim.create_vms("idle-", 1).await.unwrap();
    cluster.register(&specs(&vms)).await;
    let manager = cluster.manager_with(&Config::of(&[&vcsim]), |options| {
        options.args =
            ["--cluster-cidr=10.0.0.0/8", "--feature-gates=WatchLst=true", "--controllers=*,-cloud-node"]
                .map(str::to_owned)
                .into();
    });
    manager.wait_for_log("without effect: --cluster-cidr (routes", SOON).await.unwrap();
    manager.wait_for_log("did you mean WatchList?", SOON).await.unwrap();
    manager
        .wait_for_log("not implemented yet: service-lb-controller, node-route-controller", SOON)
        .await
        .unwrap();
    tokio::time::sleep(QUIET).await;
    assert!(is_tainted(&cluster.node("idle-0").await));
    assert_eq!(manager.stop(SOON).await.unwrap().code(), Some(0));

    let options =
        ["--controllers=cloud-node", "--kube-api-qps=50", "--kube-api-burst=5", "--min-resync-period=1h"];
    let _manager = cluster
        .manager_with(&Config::of(&[&vcsim]), |manager| manager.args = options.map(str::to_owned).into());
    cluster.initialised(&["idle-0"], SOON).await;
}

#[tokio::test]
async fn when_it_is_stopped_it_logs_out_everywhere() {
    let cluster = Cluster::get().await;
    let east = Vcsim::start(VcsimOptions { seed: "east".into(), ..VcsimOptions::default() }).await.unwrap();
    let west = Vcsim::start(VcsimOptions { seed: "west".into(), ..VcsimOptions::default() }).await.unwrap();
    let mut vms = east.create_vms("east-", 1).await.unwrap();
    vms.extend(west.create_vms("west-", 1).await.unwrap());
    cluster.register(&specs(&vms)).await;
    let manager = cluster.manager(&Config::of(&[&east, &west]));
    cluster.initialised(&names(&vms), SOON).await;
    for vcsim in [&east, &west] {
        assert_eq!(vcsim.sessions().await.unwrap().len(), 1);
    }
    let status = manager.stop(SOON).await.unwrap();
    assert_eq!(status.code(), Some(0), "{}", manager.logs());
    for vcsim in [&east, &west] {
        assert_eq!(vcsim.sessions().await.unwrap().len(), 0);
    }
}

#[tokio::test]
async fn it_can_be_stopped_while_a_vcenter_hangs() {
    let cluster = Cluster::get().await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    let vms = vcsim.create_vms("hung-", 2).await.unwrap();
    let nodes = specs(&vms);
    let manager = cluster.manager(&Config::of(&[&vcsim]));
    cluster.register(&nodes[..1]).await;
    cluster.initialised(&["hung-0"], SOON).await;
    vcsim.add_fault(&Fault::new("*", FaultKind::Hang).running()).await.unwrap();
    cluster.register(&nodes[1..]).await;
    let asked = Instant::now();
    let status = manager.stop(LATER).await.unwrap();
    assert_eq!(status.code(), Some(0), "{}", manager.logs());
    assert!(asked.elapsed() < Duration::from_secs(6), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn what_one_that_was_killed_left_undone_the_next_one_does() {
    let cluster = Cluster::get().await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    let vms = vcsim.create_vms("crash-", 60).await.unwrap();
    let mut manager = cluster.manager(&Config::of(&[&vcsim]));
    let crashes = async {
        for wanted in [1, 15, 30, 45] {
            eventually("some are initialised", LATER, async || {
                let nodes = cluster.nodes().list(&ListParams::default()).await?;
                let done = nodes.iter().filter(|node| !is_tainted(node)).count();
                anyhow::ensure!(done >= wanted, "{done}");
                Ok(())
            })
            .await
            .unwrap();
            manager.kill().unwrap();
            manager = cluster.manager(&Config::of(&[&vcsim]));
        }
    };
    let nodes = specs(&vms);
    tokio::join!(cluster.register(&nodes), crashes);
    for (node, vm) in cluster.initialised(&names(&vms), LATER).await.iter().zip(&vms) {
        let ip = &vm.addresses.as_ref().unwrap()[0];
        let expected =
            [format!("Hostname {}", vm.name), format!("InternalIP {ip}"), format!("ExternalIP {ip}")];
        assert_eq!(addresses(node), expected);
        assert!(label(node, "node.kubernetes.io/instance-type").is_some());
    }
}

#[tokio::test]
async fn two_at_once_do_not_fight() {
    let cluster = Cluster::get().await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    let vms = vcsim.create_vms("double-", 20).await.unwrap();
    let _managers = [(); 2].map(|()| cluster.manager(&Config::of(&[&vcsim])));
    cluster.register(&specs(&vms)).await;
    cluster.initialised(&names(&vms), SOON).await;
    // Whoever was slower may still have to learn it.
    tokio::time::sleep(QUIET).await;
    let before = cluster.node_writes();
    let accepted = before.keys().filter(|write| write.split(' ').count() == 3).count();
    assert_eq!(accepted, 2 * vms.len(), "{before:#?}");
    tokio::time::sleep(QUIET).await;
    assert_eq!(cluster.node_writes(), before);
}

#[tokio::test]
async fn additional_labels_are_set_and_one_at_a_time_is_enough() {
    let cluster = Cluster::get().await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    let vms = vcsim.create_vms("slow-", 30).await.unwrap();
    let mut nodes = specs(&vms);
    nodes[0].labels.push(("example.org/team".into(), "own".into()));
    cluster.register(&nodes).await;
    // One that waits for its machine must not keep the others waiting.
    cluster.register(&[NodeSpec::new("lost", "4237aaaa-5c1c-0b7d-6f2e-0123456789ab")]).await;
    let _manager = cluster.manager_with(&Config::of(&[&vcsim]), |options| {
        let labels = "--node-labels=example.org/team=a,rack=r-1,node.kubernetes.io/own=no";
        options.args = vec!["--concurrent-node-syncs=1".into(), labels.into()];
    });
    let nodes = cluster.initialised(&names(&vms), SOON).await;
    for (number, node) in nodes.iter().enumerate() {
        assert_eq!(label(node, "rack"), Some("r-1"));
        assert_eq!(label(node, "example.org/team"), Some(if number == 0 { "own" } else { "a" }));
        assert_eq!(label(node, "node.kubernetes.io/own"), None);
    }
}

#[tokio::test]
async fn mistakes_in_the_configuration_are_told_with_their_place_and_without_passwords() {
    let wrong_port =
        "vcenter:\n  vc1:\n    server: vc.example.org\n    user: u\n    password: s3cr3t\n    port: many\n";
    let (code, output) = run_with_config(wrong_port).await;
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains("vsphere.conf:6: vcenter.vc1.port"), "{output}");
    assert!(!output.contains("s3cr3t"), "{output}");

    let open_quote =
        "vcenter:\n  vc1:\n    server: vc.example.org\n    user: u\n    password: \"s3cr3t\n    port: 443\n";
    let (code, output) = run_with_config(open_quote).await;
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains("vsphere.conf:"), "{output}");
    assert!(!output.contains("s3cr3t"), "{output}");

    let ini = "[VirtualCenter \"vc1\"]\nserver = vc.example.org\nuser = u\npassword = s3cr3t\nport = many\n";
    let (code, output) = run_with_config(ini).await;
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains("vsphere.conf:5: [VirtualCenter \"vc1\"] port"), "{output}");
    assert!(!output.contains("s3cr3t"), "{output}");
}

#[tokio::test]
async fn unknown_keys_are_warned_of_and_refused_when_strict() {
    let config = "vcenter:\n  vc1: {server: vc.example.org, user: u, password: p}\nnodes:\n  internalNetworkSubnetCdr: 10.0.0.0/8\n";
    let (code, output) = run_with_config(config).await;
    assert_eq!(code, Some(1), "{output}");
    assert!(
        output.contains("WARN") && output.contains("did you mean `internalNetworkSubnetCidr`?"),
        "{output}"
    );
    assert!(output.contains("--kubeconfig /nowhere/kubeconfig"), "{output}");

    let dir = RunDir::new().unwrap();
    let path = dir.write("vsphere.conf", config).unwrap();
    let (code, output) = run(&["ccm", "--strict-config", "--cloud-config", path.to_str().unwrap()]).await;
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains("vsphere.conf:4: nodes.internalNetworkSubnetCdr"), "{output}");
}

#[tokio::test]
async fn what_is_missing_at_the_start_is_told() {
    let (code, output) = run(&["ccm"]).await;
    assert_eq!(code, Some(2), "{output}");
    assert!(output.contains("--cloud-config"), "{output}");

    let (code, output) = run(&["ccm", "--cloud-config=/nowhere/vsphere.conf"]).await;
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains("/nowhere/vsphere.conf: there is no such file"), "{output}");

    let (code, output) = run_with_config(CONFIG).await;
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains("--kubeconfig /nowhere/kubeconfig"), "{output}");

    let dir = RunDir::new().unwrap();
    let config = dir.write("vsphere.conf", CONFIG).unwrap();
    let kubeconfig = dir.write("kubeconfig", "not: [a kubeconfig").unwrap();
    let (config, kubeconfig) = (config.to_str().unwrap(), kubeconfig.to_str().unwrap());
    let (code, output) = run(&["ccm", "--cloud-config", config, "--kubeconfig", kubeconfig]).await;
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains(&format!("--kubeconfig {kubeconfig}")), "{output}");

    let (code, output) = run(&["ccm", "--cloud-config", config]).await;
    assert_eq!(code, Some(1), "{output}");
    assert!(
        output.contains("this is no pod of a cluster (give --kubeconfig to run outside of one)"),
        "{output}"
    );
}

#[tokio::test]
async fn it_can_be_stopped_while_the_api_server_is_away() {
    let dir = RunDir::new().unwrap();
    let config = dir.write("vsphere.conf", CONFIG).unwrap();
    let nobody = r#"{"clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": ""}}], "current-context": "c"}"#;
    let kubeconfig = dir.write("kubeconfig", nobody).unwrap();
    for (election, said) in
        [("false", "the watch on Nodes was interrupted"), ("true", "the lease cannot be had")]
    {
        let mut command = Command::new(product());
        command.arg("ccm").arg("--cloud-config").arg(&config).arg("--kubeconfig").arg(&kubeconfig);
        command.args([&format!("--leader-elect={election}"), "--secure-port=0"]);
        let process = Process::spawn("product", command, dir.path(), Lifeline::Watchdog).unwrap();
        process.wait_for_log(said, SOON).await.unwrap();
        let asked = Instant::now();
        let status = process.stop(LATER).await.unwrap();
        assert_eq!(status.code(), Some(0), "{}", process.logs());
        assert!(asked.elapsed() < Duration::from_secs(2), "{:?}\n{}", asked.elapsed(), process.logs());
    }
}

#[tokio::test]
async fn it_can_be_stopped_while_a_login_hangs() {
    let cluster = Cluster::get().await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    vcsim.add_fault(&Fault::new("Login", FaultKind::Hang)).await.unwrap();
    let manager = cluster.manager(&Config::of(&[&vcsim]));
    eventually("the login hangs", SOON, async || match vcsim.requests().await?.soap("Login") {
        0 => Err(anyhow::anyhow!("nobody logs in")),
        _ => Ok(()),
    })
    .await
    .unwrap();
    let asked = Instant::now();
    let status = manager.stop(LATER).await.unwrap();
    assert_eq!(status.code(), Some(0), "{}", manager.logs());
    assert!(asked.elapsed() < Duration::from_secs(6), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn logs_are_json_if_wished() {
    let cluster = Cluster::get().await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    let vms = vcsim.create_vms("json-", 1).await.unwrap();
    cluster.register(&specs(&vms)).await;
    let manager = cluster.manager_with(&Config::of(&[&vcsim]), |options| {
        options.args = vec!["--logging-format=json".into(), "--v=6".into()];
    });
    cluster.initialised(&names(&vms), SOON).await;
    manager.stop(SOON).await.unwrap();
    for line in manager.logs().lines() {
        let entry: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(entry["level"].is_string(), "{line}");
    }
    assert!(!manager.logs().contains(r#""password":"#), "{}", manager.logs());
}
