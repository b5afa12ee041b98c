//! A certificate that is replaced where a thumbprint is trusted.

use xtask::testbed::{Vcsim, VcsimOptions, eventually};

use super::common::{free_port, serve};
use super::pulse::Pulse;
use crate::support::{Cluster, Config, SOON, Vcenter, names, specs};

#[tokio::test]
async fn an_old_thumbprint_keeps_a_new_certificate_out_until_the_configuration_names_it() {
    let cluster = Cluster::get().await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    let vms = vcsim.create_vms("pinned-", 2).await.unwrap();
    let nodes = specs(&vms);
    let trusting = |sha256: &str| Config::with([Vcenter::of(&vcsim).trusting(Some(sha256))]);
    let port = free_port();
    let manager = cluster.manager_with(&trusting(vcsim.sha256()), |options| {
        options.args.push("--config-poll-period=200ms".to_owned());
        serve(options, port);
    });
    let pulse = Pulse::of(port);
    cluster.register(&nodes[..1]).await;
    cluster.initialised(&names(&vms)[..1], SOON).await;

    let before = vcsim.requests().await.unwrap();
    let renewed = vcsim.renew_certificate(false, &[]).await.unwrap();
    cluster.register(&nodes[1..]).await;
    eventually("the node is told why", SOON, async || {
        let events = cluster.events("pinned-1").await;
        let told: Vec<String> = events.into_iter().filter_map(|event| event.message).collect();
        let why = told.iter().find(|told| told.contains(&renewed.sha256) && told.contains("does not match"));
        why.map(drop).ok_or_else(|| format!("{told:?}"))
    })
    .await
    .unwrap();
    says(&pulse, 500, "its certificate is not trusted").await;
    assert_eq!(vcsim.requests().await.unwrap().since(&before).total, 0, "nothing is told to a stranger");

    manager.write_config(&trusting(&renewed.sha256).yaml()).unwrap();
    cluster.initialised(&names(&vms), SOON).await;
    says(&pulse, 200, "up").await;
    let made = vcsim.requests().await.unwrap().since(&before);
    assert_eq!(made.soap("Login"), 0, "the session is the first one: {made:?}");
    pulse.was_always_alive();
    manager.check().unwrap();
}

/// Waits until the manager says this of its vCenters.
async fn says(pulse: &Pulse, status: u16, text: &str) {
    eventually("readiness is as it should be", SOON, async || {
        let last = pulse.last();
        match &last {
            Some(Ok((is, told))) if *is == status && told.contains(text) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await
    .unwrap();
}
