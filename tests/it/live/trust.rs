//! CA files whose content changes.

use std::fs;

use super::common::{Notices, vcenter, watchful};
use crate::support::{Cluster, Config, LATER, SOON, Vcenter, names, specs};
use xtask::testbed::{RunDir, eventually};

#[tokio::test]
async fn another_authority_in_the_same_file_is_trusted_without_a_login() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("authority").await;
    let vms = vcsim.create_vms("trust-", 2).await.unwrap();
    cluster.register(&specs(&vms)[..1]).await;
    let notices = Notices::of(&cluster).await;
    let directory = RunDir::new().unwrap();
    let ca = directory.write("ca.crt", fs::read_to_string(vcsim.ca()).unwrap()).unwrap();
    let trusting = Vcenter { ca: ca.display().to_string(), ..Vcenter::of(&vcsim) };
    let manager = watchful(&cluster, &Config::with([trusting]));
    cluster.initialised(&names(&vms)[..1], SOON).await;

    // Refused while only the old one is trusted …
    let renewed = vcsim.renew_certificate(true, &[]).await.unwrap();
    manager.wait_for_log("the certificate is refused", LATER).await.unwrap();
    // … and a file that is no certificate changes nothing.
    fs::write(&ca, "no certificate").unwrap();
    let message = notices.wait("ConfigurationRefused").await;
    assert!(message.contains("ca.crt") && message.contains("BEGIN CERTIFICATE"), "{message}");

    fs::write(&ca, fs::read_to_string(&renewed.ca).unwrap()).unwrap();
    notices.wait("ConfigurationChanged").await;
    cluster.register(&specs(&vms)[1..]).await;
    cluster.initialised(&names(&vms), SOON).await;
    eventually("the session is the first one", SOON, async || {
        let requests = vcsim.requests().await?;
        anyhow::ensure!(requests.soap("Login") == 1, "{:?}", requests.soap("Login"));
        anyhow::Ok(())
    })
    .await
    .unwrap();
}
