//! The configuration file itself: good, bad, and half written.

use std::fs;
use std::time::Duration;

use super::common::{Notices, vcenter, watchful};
use crate::support::{Cluster, Config, SOON, addresses, names, specs};

#[tokio::test]
async fn a_rule_that_changes_takes_effect_without_a_login() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("rules").await;
    let vms = vcsim.create_vms("rules-", 2).await.unwrap();
    cluster.register(&specs(&vms)).await;
    let notices = Notices::of(&cluster).await;
    let config = Config::of(&[&vcsim]);
    let manager = watchful(&cluster, &config);
    let before = cluster.initialised(&names(&vms), SOON).await;
    assert!(addresses(&before[0]).iter().any(|entry| entry.starts_with("ExternalIP")), "{before:?}");
    let made = vcsim.requests().await.unwrap();

    let only_internal = config
        .clone()
        .nodes("internalNetworkSubnetCidr", "0.0.0.0/0")
        .nodes("externalNetworkSubnetCidr", "192.0.2.0/24");
    manager.write_config(&only_internal.yaml()).unwrap();
    for vm in &vms {
        let internal = |entries: Vec<String>| {
            entries.iter().any(|entry| entry.starts_with("InternalIP"))
                && !entries.iter().any(|entry| entry.starts_with("ExternalIP"))
        };
        cluster.node_when("there is no external address", &vm.name, |node| internal(addresses(node))).await;
    }
    notices.wait("ConfigurationChanged").await;
    let more = vcsim.requests().await.unwrap().since(&made);
    assert_eq!((more.soap("Login"), more.soap("FindAllByUuid")), (0, 0), "nothing is asked again: {more:?}");
    assert_eq!(vcsim.sessions().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_bad_file_is_refused_and_told_and_the_last_good_one_stays_in_use() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("bad").await;
    let vms = vcsim.create_vms("bad-", 2).await.unwrap();
    cluster.register(&specs(&vms)[..1]).await;
    let notices = Notices::of(&cluster).await;
    let config = Config::of(&[&vcsim]);
    let manager = watchful(&cluster, &config);
    cluster.initialised(&names(&vms)[..1], SOON).await;

    let bad = config.yaml().replace("port:", "port: nonsense #");
    manager.write_config(&bad).unwrap();
    let message = notices.wait("ConfigurationRefused").await;
    assert!(
        message.contains("vsphere.conf:4: ") && message.contains("a number from 1 to 65535"),
        "{message}"
    );
    cluster.register(&specs(&vms)[1..]).await;
    cluster.initialised(&names(&vms), SOON).await;

    fs::remove_file(manager.config_path()).unwrap();
    manager.wait_for_log("no such file", SOON).await.unwrap();
    manager.write_config(&config.yaml()).unwrap();
    notices.wait("ConfigurationChanged").await;
    assert_eq!(vcsim.requests().await.unwrap().soap("Login"), 1);
}

#[tokio::test]
async fn a_file_that_is_being_written_is_waited_for() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("half").await;
    let vms = vcsim.create_vms("half-", 1).await.unwrap();
    cluster.register(&specs(&vms)).await;
    let notices = Notices::of(&cluster).await;
    let config = Config::of(&[&vcsim]);
    // Much longer than the writing takes, also on a busy machine.
    let manager =
        cluster.manager_with(&config, |options| options.args.push("--config-poll-period=1500ms".into()));
    cluster.initialised(&names(&vms), SOON).await;

    // In place, with a pause in the middle of a word.
    let text = config.nodes("internalNetworkSubnetCidr", "0.0.0.0/0").yaml();
    let half = text.find("assword").unwrap();
    fs::write(manager.config_path(), &text[..half]).unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    fs::write(manager.config_path(), &text).unwrap();
    notices.wait("ConfigurationChanged").await;
    let refused = notices.all("ConfigurationRefused").await;
    assert!(refused.is_empty(), "{refused:?}");
}

#[tokio::test]
async fn a_mistake_in_a_section_about_nsx_is_told_and_costs_no_node() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("feature").await;
    let vms = vcsim.create_vms("feature-", 1).await.unwrap();
    cluster.register(&specs(&vms)).await;
    let notices = Notices::of(&cluster).await;
    let text = format!("{}nsxt:\n  host: nsx.example.org\n", Config::of(&[&vcsim]).yaml());
    let _manager = cluster.manager_with(&Config::of(&[&vcsim]), |options| options.config = text);
    let message = notices.wait("FeatureDisabled").await;
    assert!(message.contains("nsxt") && message.contains("vsphere.conf"), "{message}");
    cluster.initialised(&names(&vms), SOON).await;
}
