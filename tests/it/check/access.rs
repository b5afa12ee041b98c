//! The way to vCenter: certificate, credentials, datacenters, tags, privileges.

use std::time::Duration;

use xtask::testbed::{NodeSpec, Object, Vcsim, VcsimOptions};

use super::common::{check, left_nothing, run};
use crate::support::{Cluster, Config, Vcenter, specs};

async fn vcenter(seed: &str) -> Vcsim {
    Vcsim::start(VcsimOptions { seed: seed.into(), ..VcsimOptions::default() }).await.unwrap()
}

#[tokio::test]
async fn a_certificate_nobody_trusts_comes_with_the_thumbprint_to_paste() {
    let vcsim = vcenter("check-tls").await;
    let strange = Vcenter::of(&vcsim).trusting(None);
    let refused = run(&Config::with([strange.clone()]).yaml(), None, &["--output=json"]).await;
    let failure = refused.only_failure("certificate");
    assert!(failure.contains("the certificate is refused"), "{failure}");
    assert_eq!(vcsim.requests().await.unwrap().soap("Login"), 0, "nothing is told to a stranger");

    let pasted = failure.split("`thumbprint: ").nth(1).unwrap().split('`').next().unwrap();
    let trusting =
        run(&Config::with([strange.trusting(Some(pasted))]).yaml(), None, &["--output=json"]).await;
    assert_eq!(trusting.code, Some(0), "{}", trusting.stdout);
    let told = trusting.of("certificate", "ok").join("\n");
    assert!(told.contains("accepted by its thumbprint, valid until "), "{told}");
    assert_eq!(trusting.of("vcenter", "ok").len(), 2, "login and datacenters: {}", trusting.stdout);
}

#[tokio::test]
async fn a_vcenter_that_is_not_there_and_one_that_expects_another_password() {
    let vcsim = vcenter("check-login").await;
    let mut absent = Vcenter::of(&vcsim);
    absent.port = 1;
    let refused = run(&Config::with([absent]).yaml(), None, &["--output=json"]).await;
    let failure = refused.only_failure("certificate");
    assert!(failure.contains("127.0.0.1:1 | cannot connect"), "{failure}");

    let wrong = Vcenter::of(&vcsim).password("hunter2");
    let refused = run(&Config::with([wrong]).yaml(), None, &["--output=json"]).await;
    let failure = refused.only_failure("vcenter");
    assert!(failure.contains("refuses the login of \"administrator@vsphere.local\""), "{failure}");
    assert_eq!(vcsim.requests().await.unwrap().failed_logins, 1, "an account is not to be locked by a check");
}

#[tokio::test]
async fn a_vcenter_that_cannot_be_asked_leaves_nodes_in_doubt() {
    let cluster = Cluster::get().await;
    let (vcsim, closed) = (vcenter("check-doubt").await, vcenter("check-closed").await);
    let vms = vcsim.create_vms("sure-", 1).await.unwrap();
    cluster.register(&specs(&vms)).await;
    cluster.register(&[NodeSpec::new("doubt", "4237aaaa-5c1c-0b7d-6f2e-0123456789ab")]).await;
    // So that there is time for a second try, if there were one.
    vcsim.set_latency(Duration::from_millis(100)).await.unwrap();
    let config = Config::with([Vcenter::of(&vcsim), Vcenter::of(&closed).password("hunter2")]);
    let checked = check(&config.yaml(), &cluster).await;
    assert!(checked.only_failure("vcenter").contains("refuses the login"), "{}", checked.stdout);
    assert_eq!(closed.requests().await.unwrap().failed_logins, 1);
    let warning = checked.of("nodes", "warn").pop().unwrap();
    let away = format!("Not asked: vCenter vc-{}", closed.port());
    assert!(warning.starts_with("doubt | ") && warning.contains(&away), "{warning}");
    assert!(checked.of("nodes", "ok")[0].contains("1 of 2 are all right"), "{}", checked.stdout);
    left_nothing(&vcsim, &cluster).await;
}

#[tokio::test]
async fn secrets_are_read_or_told_to_be_missing() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("check-secret").await;
    cluster.delete_secret("checked").await;
    let config = Config::with([Vcenter::of(&vcsim).secret("kube-system", "checked")]).yaml();
    let failure = check(&config, &cluster).await.only_failure("credentials");
    assert!(failure.contains("Secret kube-system/checked does not exist"), "{failure}");
    assert!(failure.contains("kubectl -n kube-system create secret generic checked"), "{failure}");
    assert_eq!(vcsim.requests().await.unwrap().soap("Login"), 0);

    let data = [("127.0.0.1.username", vcsim.user()), ("127.0.0.1.password", "pass"), ("strange", "hunter2")];
    cluster.put_secret("checked", &data).await;
    let found = check(&config, &cluster).await;
    assert_eq!(found.code, Some(0), "{}", found.stdout);
    assert!(found.of("credentials", "warn")[0].contains("key `strange`"), "{}", found.stdout);
    assert!(found.of("credentials", "ok")[0].contains("from Secret kube-system/checked"));

    let blind = run(&config, None, &["--output=json"]).await;
    assert_eq!(blind.code, Some(0), "{}", blind.stdout);
    assert!(blind.of("credentials", "warn")[0].contains("give --kubeconfig"), "{}", blind.stdout);
    assert_eq!(run(&config, None, &["--strict"]).await.code, Some(1));
    left_nothing(&vcsim, &cluster).await;
}

#[tokio::test]
async fn datacenters_and_tag_categories_that_do_not_exist_are_told_with_those_that_do() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("check-names").await;
    let config = Config::with([Vcenter::of(&vcsim).datacenters(&["DC0", "DC9"])]);
    let failure = check(&config.yaml(), &cluster).await.only_failure("vcenter");
    assert!(failure.contains("\"DC9\" does not exist") && failure.contains("there are: DC0"), "{failure}");

    vcsim.tag("k8s-region", "r", Object::Named("Datacenter", "DC0")).await.unwrap();
    let config = Config::of(&[&vcsim]).labels("k8s-region", "k8s-Zone").yaml();
    let missing = check(&config, &cluster).await;
    let failure = missing.only_failure("zones");
    assert!(failure.contains("no tag category \"k8s-Zone\"; there are: k8s-region"), "{failure}");
    assert!(missing.of("zones", "ok")[0].contains("category \"k8s-region\", one tag per object"));

    vcsim.tag("k8s-zone", "z", Object::Named("Datacenter", "DC0")).await.unwrap();
    let failure = check(&config, &cluster).await.only_failure("zones");
    assert!(failure.contains("write \"k8s-zone\""), "{failure}");
    left_nothing(&vcsim, &cluster).await;
}

#[tokio::test]
async fn privileges_are_told_where_they_are_missing() {
    let cluster = Cluster::get().await;
    let vcsim = vcenter("check-rights").await;
    let vms = vcsim.create_vms("right-", 2).await.unwrap();
    cluster.register(&specs(&vms)).await;
    let config = Config::of(&[&vcsim]).yaml();
    let well = check(&config, &cluster).await;
    assert_eq!(well.code, Some(0), "{}", well.stdout);
    assert!(well.of("privileges", "ok")[0].contains("System.View and System.Read on all"), "{}", well.stdout);

    vcsim.set_missing_privileges("ClusterComputeResource", "DC0_C0", &["System.Read"]).await.unwrap();
    let warned = check(&config, &cluster).await;
    assert_eq!(warned.code, Some(0), "{}", warned.stdout);
    let warning = warned.of("privileges", "warn").pop().unwrap();
    assert!(warning.contains("System.Read is missing on ClusterComputeResource \"DC0_C0\""), "{warning}");
    assert!(warning.contains("Read-only role"), "{warning}");

    vcsim.set_missing_privileges("VirtualMachine", "right-1", &["System.Read"]).await.unwrap();
    let failure = check(&config, &cluster).await.only_failure("privileges");
    assert!(failure.contains("VirtualMachine \"right-1\""), "{failure}");
    left_nothing(&vcsim, &cluster).await;
}
