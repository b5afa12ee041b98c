//! What zones cost a vCenter, and by which way they are read.

use std::time::Duration;

use xtask::testbed::{VcsimOptions, eventually};

use super::common::{attentive, config, place, tagged};
use crate::support::{Cluster, LATER, QUIET, SOON, Vcenter, names, specs};

fn serving(root: &str) -> VcsimOptions {
    VcsimOptions { seed: root.into(), tag_api: vec![root.into()], ..VcsimOptions::default() }
}

#[tokio::test]
async fn tags_are_read_by_whichever_way_a_vcenter_serves_them_and_it_is_remembered() {
    let cluster = Cluster::get().await;
    let (old, new) = (tagged(serving("rest")).await, tagged(serving("api")).await);
    let mut vms = old.create_vms("old-", 2).await.unwrap();
    vms.extend(new.create_vms("new-", 2).await.unwrap());
    let manager = attentive(&cluster, &config(&[&old, &new]), &[]);
    cluster.register(&specs(&vms)).await;
    for node in cluster.initialised(&names(&vms), SOON).await {
        assert_eq!(place(&node), (Some("r"), Some("z")));
    }
    // A new login goes there at once.
    for vcsim in [&old, &new] {
        vcsim.terminate_sessions().await.unwrap();
    }
    for (vcsim, path) in [(&old, "POST /rest/com/vmware/cis/session"), (&new, "POST /api/session")] {
        eventually("there is a new REST session", LATER, async || {
            let requests = vcsim.requests().await?;
            anyhow::ensure!(requests.rest(path) >= 2, "{:?}", requests.rest);
            Ok(())
        })
        .await
        .unwrap();
    }
    manager.stop(SOON).await.unwrap();
    let (old, new) = (old.requests().await.unwrap(), new.requests().await.unwrap());
    assert_eq!(old.rest(" /api/"), 1, "{:?}", old.rest);
    assert_eq!(new.rest(" /rest/"), 0, "{:?}", new.rest);
    for requests in [old, new] {
        assert_eq!(requests.failed_logins, 0);
    }
}

#[tokio::test]
async fn a_hundred_nodes_cost_one_login_and_one_reading_of_tags() {
    let cluster = Cluster::get().await;
    let vcsim = tagged(VcsimOptions::default()).await;
    let vms = vcsim.create_vms("many-", 100).await.unwrap();
    cluster.register(&specs(&vms)).await;
    let _manager = cluster.manager(&config(&[&vcsim]));
    for node in cluster.initialised(&names(&vms), LATER).await {
        assert_eq!(place(&node), (Some("r"), Some("z")));
    }
    let requests = vcsim.requests().await.unwrap();
    assert_eq!(requests.rest("POST /api/session"), 1, "{:?}", requests.rest);
    assert_eq!(requests.rest("tag-association"), 1, "{:?}", requests.rest);
    assert_eq!(requests.rest("tagging/tag/"), 2, "{:?}", requests.rest);
    assert_eq!(requests.rest("tagging/category/"), 2, "{:?}", requests.rest);
    let pages = requests.soap("RetrievePropertiesEx") + requests.soap("ContinueRetrievePropertiesEx");
    let others = requests.total_without_polls() - pages;
    assert!(others <= 20 && pages <= 20, "{others} and {pages}: {:?}", requests.by_method());
}

#[tokio::test]
async fn a_session_that_has_ended_is_replaced_once() {
    let cluster = Cluster::get().await;
    let vcsim = tagged(VcsimOptions::default()).await;
    let vms = vcsim.create_vms("expired-", 3).await.unwrap();
    let _manager = attentive(&cluster, &config(&[&vcsim]), &[]);
    cluster.register(&specs(&vms)).await;
    cluster.initialised(&names(&vms), SOON).await;
    vcsim.terminate_sessions().await.unwrap();
    let before = vcsim.requests().await.unwrap();
    eventually("tags are read again and again", LATER, async || {
        let since = vcsim.requests().await?.since(&before);
        anyhow::ensure!(since.rest("tag-association") >= 4, "{:?}", since.rest);
        Ok(())
    })
    .await
    .unwrap();
    let since = vcsim.requests().await.unwrap().since(&before);
    assert_eq!((since.rest("session"), since.failed_logins), (1, 0), "{:?}", since.rest);
}

#[tokio::test]
async fn a_wrong_password_costs_two_failed_logins_however_many_services_need_it() {
    let cluster = Cluster::get().await;
    let (refusing, changing) = (
        tagged(VcsimOptions { seed: "refusing".into(), ..VcsimOptions::default() }).await,
        tagged(VcsimOptions { seed: "changing".into(), ..VcsimOptions::default() }).await,
    );
    let vms = changing.create_vms("changing-", 2).await.unwrap();
    let wrong = Vcenter::of(&refusing).password("wrong");
    let config = crate::support::Config::with([wrong, Vcenter::of(&changing)])
        .labels(super::common::REGION, super::common::ZONE);
    let _manager = attentive(&cluster, &config, &[]);
    cluster.register(&specs(&vms)).await;
    cluster.initialised(&names(&vms), SOON).await;
    changing.set_credentials(changing.user(), "changed").await.unwrap();
    changing.terminate_sessions().await.unwrap();
    eventually("somebody is refused", SOON, async || {
        let failed = changing.requests().await?.failed_logins;
        anyhow::ensure!(failed > 0, "{failed}");
        Ok(())
    })
    .await
    .unwrap();
    tokio::time::sleep(QUIET + Duration::from_secs(2)).await;
    for vcsim in [refusing, changing] {
        let requests = vcsim.requests().await.unwrap();
        assert!(requests.failed_logins <= 2, "{:?}", requests.by_method());
    }
}
