//! Where user and password come from.

use xtask::testbed::{Fault, FaultKind, RunDir, Vcsim, VcsimOptions, eventually};

use crate::support::{Cluster, Config, LATER, QUIET, SOON, Vcenter, names, specs};

#[tokio::test]
async fn credentials_in_the_file_are_read_in_both_dialects() {
    let cluster = Cluster::get().await;
    let options = VcsimOptions {
        user: r"CORP\admin".into(),
        password: r#"a'b"c\d #;=%"#.into(),
        ..VcsimOptions::default()
    };
    let vcsim = Vcsim::start(options).await.unwrap();
    let config = Config::of(&[&vcsim]);
    for (prefix, text) in [("yaml-", config.yaml()), ("ini-", config.ini())] {
        let vms = vcsim.create_vms(prefix, 2).await.unwrap();
        cluster.register(&specs(&vms)).await;
        let _manager = cluster.manager_with(&config, |options| options.config = text);
        cluster.initialised(&names(&vms), SOON).await;
    }
    assert_eq!(vcsim.requests().await.unwrap().failed_logins, 0);
}

#[tokio::test]
async fn a_secret_that_comes_late_is_used_at_once_and_nobody_logs_in_before() {
    let cluster = Cluster::get().await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    let (user, password) = (vcsim.user().to_owned(), vcsim.password().to_owned());
    let by_server = [("127.0.0.1.username", user.as_str()), ("127.0.0.1.password", &password)];
    let in_triples = [("server_1", "127.0.0.1"), ("username_1", &user), ("password_1", &password)];
    for (secret, data) in [("by-server", by_server.as_slice()), ("in-triples", &in_triples)] {
        cluster.delete_secret(secret).await;
        vcsim.reset_requests().await.unwrap();
        let vms = vcsim.create_vms(&format!("{secret}-"), 2).await.unwrap();
        cluster.register(&specs(&vms)).await;
        let config = Config::with([Vcenter::of(&vcsim).secret("kube-system", secret)]);
        let text = if secret == "in-triples" { config.ini() } else { config.yaml() };
        let _manager = cluster.manager_with(&config, |options| options.config = text);

        let message = cluster.event(&vms[0].name, "InstanceUnknown").await;
        assert!(message.contains(&format!("Secret kube-system/{secret} does not exist")), "{message}");
        assert_eq!(vcsim.requests().await.unwrap().soap("Login"), 0);

        cluster.put_secret(secret, data).await;
        cluster.initialised(&names(&vms), SOON).await;
        let requests = vcsim.requests().await.unwrap();
        assert_eq!((requests.soap("Login"), requests.failed_logins), (1, 0), "{secret}");
    }
}

#[tokio::test]
async fn a_new_password_in_the_secret_needs_no_restart_and_costs_no_failed_login() {
    let cluster = Cluster::get().await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    let data =
        |password| [("127.0.0.1.username", "administrator@vsphere.local"), ("127.0.0.1.password", password)];
    cluster.put_secret("rotated", &data("pass")).await;
    let vms = vcsim.create_vms("rotated-", 2).await.unwrap();
    cluster.register(&specs(&vms)[..1]).await;
    let manager = cluster.manager(&Config::with([Vcenter::of(&vcsim).secret("kube-system", "rotated")]));
    cluster.initialised(&names(&vms)[..1], SOON).await;

    vcsim.set_credentials("administrator@vsphere.local", "changed").await.unwrap();
    cluster.put_secret("rotated", &data("changed")).await;
    manager.wait_for_log("the credentials have changed", SOON).await.unwrap();
    vcsim.terminate_sessions().await.unwrap();
    cluster.register(&specs(&vms)[1..]).await;
    cluster.initialised(&names(&vms), SOON).await;
    assert_eq!(vcsim.requests().await.unwrap().failed_logins, 0);
}

#[tokio::test]
async fn a_wrong_password_is_told_and_tried_twice_only() {
    let cluster = Cluster::get().await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    let vms = vcsim.create_vms("refused-", 1).await.unwrap();
    cluster.register(&specs(&vms)).await;
    let config = Config::with([Vcenter::of(&vcsim).password("s3cr3t-but-wrong")]);
    let manager = cluster.manager_with(&config, |options| options.args.push("--v=4".into()));

    let message = cluster.event(&vms[0].name, "InstanceUnknown").await;
    assert!(message.contains("refuse") && message.contains("administrator@vsphere.local"), "{message}");
    assert!(message.contains(&format!("127.0.0.1:{}", vcsim.port())), "{message}");
    manager.wait_for_log("user or password are wrong", SOON).await.unwrap();
    eventually("the machine is looked for again and again", LATER, async || {
        let looks = manager.logs().matches("looking for machines").count();
        if looks >= 4 { Ok(()) } else { Err(format!("{looks}")) }
    })
    .await
    .unwrap();
    tokio::time::sleep(QUIET).await;
    let requests = vcsim.requests().await.unwrap();
    assert_eq!((requests.soap("Login"), requests.failed_logins), (2, 2));
    assert!(!manager.logs().contains("s3cr3t-but-wrong"));
    let events = cluster.events(&vms[0].name).await;
    assert_eq!(events.len(), 1, "the same trouble is told once: {events:#?}");
    for event in events {
        assert!(!event.message.unwrap().contains("s3cr3t-but-wrong"));
    }
}

#[tokio::test]
async fn a_login_that_fails_for_another_reason_is_tried_until_it_succeeds() {
    let cluster = Cluster::get().await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    vcsim.add_fault(&Fault::new("Login", FaultKind::Status(503)).times(3)).await.unwrap();
    let vms = vcsim.create_vms("busy-", 1).await.unwrap();
    cluster.register(&specs(&vms)).await;
    let _manager = cluster.manager(&Config::of(&[&vcsim]));
    cluster.initialised(&names(&vms), SOON).await;
}

#[tokio::test]
async fn credentials_in_a_directory_are_read() {
    let cluster = Cluster::get().await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    let vms = vcsim.create_vms("mounted-", 1).await.unwrap();
    cluster.register(&specs(&vms)).await;
    let directory = RunDir::new().unwrap();
    directory.write("127.0.0.1.username", vcsim.user()).unwrap();
    directory.write("127.0.0.1.password", format!("{}\n", vcsim.password())).unwrap();
    let text = format!(
        "global:\n  secretsDirectory: {}\nvcenter:\n  vc: {{server: 127.0.0.1, port: {}, caFile: {}}}\n",
        directory.path().display(),
        vcsim.port(),
        vcsim.ca().display()
    );
    let _manager = cluster.manager_with(&Config::of(&[&vcsim]), |options| options.config = text);
    cluster.initialised(&names(&vms), SOON).await;
    assert_eq!(vcsim.requests().await.unwrap().failed_logins, 0);
}
