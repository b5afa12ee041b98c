//! Passwords that change: first here, first there, and wrongly.

use std::time::{Duration, Instant};

use super::common::{Notices, vcenter, watchful};
use crate::support::{Cluster, Config, QUIET, SOON, Vcenter, names, specs};
use xtask::testbed::{RunDir, Vcsim};

const USER: &str = "administrator@vsphere.local";

fn data(password: &str) -> [(&'static str, &str); 2] {
    [("127.0.0.1.username", USER), ("127.0.0.1.password", password)]
}

async fn failed(vcsim: &Vcsim) -> u64 {
    vcsim.requests().await.unwrap().failed_logins
}

#[tokio::test]
async fn a_password_that_changes_in_vcenter_first_costs_two_failed_logins_and_no_restart() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("race").await;
    cluster.put_secret("race", &data("pass")).await;
    let vms = vcsim.create_vms("race-", 2).await.unwrap();
    cluster.register(&specs(&vms)[..1]).await;
    let config = Config::with([Vcenter::of(&vcsim).secret("kube-system", "race")]).labels("region", "zone");
    let manager = watchful(&cluster, &config);
    cluster.initialised(&names(&vms)[..1], SOON).await;

    vcsim.set_credentials(USER, "n3w-s3cret").await.unwrap();
    vcsim.terminate_sessions().await.unwrap();
    manager.wait_for_log("refuses the login", SOON).await.unwrap();
    cluster.register(&specs(&vms)[1..]).await;
    tokio::time::sleep(QUIET).await;
    assert!(failed(&vcsim).await <= 2, "SOAP and REST together");

    let changed = Instant::now();
    cluster.put_secret("race", &data("n3w-s3cret")).await;
    cluster.initialised(&names(&vms), Duration::from_secs(5)).await;
    assert!(changed.elapsed() < Duration::from_secs(5), "{:?}", changed.elapsed());
    assert!(failed(&vcsim).await <= 2);
}

#[tokio::test]
async fn a_password_that_changes_in_the_secret_first_is_used_when_vcenter_knows_it() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("early").await;
    cluster.put_secret("early", &data("pass")).await;
    let vms = vcsim.create_vms("early-", 2).await.unwrap();
    cluster.register(&specs(&vms)[..1]).await;
    let notices = Notices::of(&cluster).await;
    let manager = watchful(&cluster, &Config::with([Vcenter::of(&vcsim).secret("kube-system", "early")]));
    cluster.initialised(&names(&vms)[..1], SOON).await;

    cluster.put_secret("early", &data("n3w-s3cret")).await;
    let message = notices.wait("CredentialsRefused").await;
    assert!(message.contains(USER) && !message.contains("n3w-s3cret"), "{message}");
    assert_eq!(failed(&vcsim).await, 1, "tried once, beside the session that works");
    cluster.register(&specs(&vms)[1..]).await;
    cluster.initialised(&names(&vms), SOON).await;

    vcsim.set_credentials(USER, "n3w-s3cret").await.unwrap();
    vcsim.terminate_sessions().await.unwrap();
    manager.wait_for_log("the credentials have changed", SOON).await.unwrap();
    let late = vcsim.create_vms("later-", 1).await.unwrap();
    cluster.register(&specs(&late)).await;
    cluster.initialised(&names(&late), SOON).await;
    assert!(failed(&vcsim).await <= 3, "one new, at most two old");
}

#[tokio::test]
async fn a_password_in_the_file_changes_like_one_in_a_secret() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("inline").await;
    let vms = vcsim.create_vms("inline-", 2).await.unwrap();
    cluster.register(&specs(&vms)[..1]).await;
    let notices = Notices::of(&cluster).await;
    let manager = watchful(&cluster, &Config::of(&[&vcsim]));
    cluster.initialised(&names(&vms)[..1], SOON).await;

    let changed = Config::with([Vcenter::of(&vcsim).password("n3w-s3cret")]);
    manager.write_config(&changed.yaml()).unwrap();
    let message = notices.wait("ConfigurationRefused").await;
    assert!(message.contains("refuses the login") && !message.contains("n3w-s3cret"), "{message}");
    assert_eq!(failed(&vcsim).await, 1);

    vcsim.set_credentials(USER, "n3w-s3cret").await.unwrap();
    let again = format!("{}# and now vCenter knows it\n", changed.yaml());
    manager.write_config(&again).unwrap();
    notices.wait("ConfigurationChanged").await;
    vcsim.terminate_sessions().await.unwrap();
    cluster.register(&specs(&vms)[1..]).await;
    cluster.initialised(&names(&vms), SOON).await;
    assert_eq!(failed(&vcsim).await, 1, "the old password was never tried again");
}

#[tokio::test]
async fn files_in_a_directory_are_followed_also_when_they_are_written_one_by_one() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("files").await;
    let vms = vcsim.create_vms("files-", 2).await.unwrap();
    cluster.register(&specs(&vms)[..1]).await;
    let directory = RunDir::new().unwrap();
    directory.write("127.0.0.1.username", USER).unwrap();
    directory.write("127.0.0.1.password", "pass").unwrap();
    let base = Config::of(&[&vcsim]).yaml();
    let text: String = base
        .lines()
        .filter(|line| !line.contains("user:") && !line.contains("password:"))
        .fold(format!("global:\n  secretsDirectory: {}\n", directory.path().display()), |text, line| {
            text + line + "\n"
        });
    let manager = cluster.manager_with(&Config::of(&[&vcsim]), |options| options.config = text);
    cluster.initialised(&names(&vms)[..1], SOON).await;

    vcsim.set_credentials("other@vsphere.local", "n3w-s3cret").await.unwrap();
    directory.write("127.0.0.1.username", "other@vsphere.local").unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    directory.write("127.0.0.1.password", "n3w-s3cret").unwrap();
    manager.wait_for_log("the credentials have changed", SOON).await.unwrap();
    vcsim.terminate_sessions().await.unwrap();
    cluster.register(&specs(&vms)[1..]).await;
    cluster.initialised(&names(&vms), SOON).await;
    assert_eq!(failed(&vcsim).await, 0);
}
