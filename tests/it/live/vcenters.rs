//! vCenters that are added, and removed.

use super::common::{Notices, vcenter, watchful};
use crate::support::{Cluster, Config, QUIET, SOON, Vcenter, names, provider_id, specs};
use xtask::testbed::eventually;

#[tokio::test]
async fn a_vcenter_that_is_added_serves_its_nodes_and_one_that_is_removed_is_left() {
    let cluster = Cluster::get().await;
    let (first, second) = (vcenter("added-a").await, vcenter("added-b").await);
    let (here, there) =
        (first.create_vms("here-", 1).await.unwrap(), second.create_vms("there-", 1).await.unwrap());
    cluster.register(&specs(&here)).await;
    cluster.register(&specs(&there)).await;
    let notices = Notices::of(&cluster).await;
    let manager = watchful(&cluster, &Config::of(&[&first]));
    cluster.initialised(&names(&here), SOON).await;
    cluster.event(&there[0].name, "InstanceNotFound").await;

    manager.write_config(&Config::of(&[&second, &first]).yaml()).unwrap();
    cluster.initialised(&names(&there), SOON).await;
    notices.wait("ConfigurationChanged").await;
    assert_eq!(first.requests().await.unwrap().soap("Login"), 1, "the one that stays keeps its session");

    manager.write_config(&Config::of(&[&second]).yaml()).unwrap();
    eventually("the session of the one that is removed ends", SOON, async || {
        let sessions = first.sessions().await?.len();
        anyhow::ensure!(sessions == 0, "{sessions}");
        anyhow::Ok(())
    })
    .await
    .unwrap();
    // Its nodes are as they were: nothing is known of them, and nothing is done to them.
    cluster.set_ready(&here[0].name, false).await;
    tokio::time::sleep(QUIET).await;
    let node = cluster.node(&here[0].name).await;
    assert!(provider_id(&node).is_some());
    let taints = node.spec.and_then(|spec| spec.taints).unwrap_or_default();
    assert!(!taints.iter().any(|taint| taint.key.contains("cloudprovider")), "{taints:?}");
    assert_eq!(second.requests().await.unwrap().soap("Login"), 1);
}

#[tokio::test]
async fn a_vcenter_that_does_not_answer_is_not_taken_until_it_does() {
    let cluster = Cluster::get().await;
    let (first, second) = (vcenter("absent-a").await, vcenter("absent-b").await);
    let (here, there) =
        (first.create_vms("with-", 2).await.unwrap(), second.create_vms("late-", 1).await.unwrap());
    cluster.register(&specs(&here)[..1]).await;
    let notices = Notices::of(&cluster).await;
    let manager = watchful(&cluster, &Config::of(&[&first]));
    cluster.initialised(&names(&here)[..1], SOON).await;

    let wrong = Config::with([Vcenter::of(&first), Vcenter::of(&second).password("wrong")]);
    manager.write_config(&wrong.yaml()).unwrap();
    let message = notices.wait("ConfigurationRefused").await;
    assert!(
        message.contains("refuses the login") && message.contains(&second.port().to_string()),
        "{message}"
    );
    cluster.register(&specs(&here)[1..]).await;
    cluster.initialised(&names(&here), SOON).await;
    assert_eq!(second.requests().await.unwrap().failed_logins, 1, "it is not tried again and again");

    // One that could be used is left again, when another one beside it cannot.
    let third = vcenter("absent-c").await;
    let half =
        Config::with([Vcenter::of(&first), Vcenter::of(&third), Vcenter::of(&second).password("worse")]);
    manager.write_config(&half.yaml()).unwrap();
    eventually("it was tried", SOON, async || {
        let tried = third.requests().await?.soap("Login");
        anyhow::ensure!(tried >= 1 && second.requests().await?.failed_logins >= 2, "{tried}");
        anyhow::Ok(())
    })
    .await
    .unwrap();
    eventually("no session is left behind", SOON, async || {
        let sessions = third.sessions().await?.len();
        anyhow::ensure!(sessions == 0, "{sessions}");
        anyhow::Ok(())
    })
    .await
    .unwrap();

    cluster.register(&specs(&there)).await;
    manager.write_config(&Config::of(&[&first, &second]).yaml()).unwrap();
    cluster.initialised(&names(&there), SOON).await;
    assert_eq!(first.requests().await.unwrap().soap("Login"), 1);
}
