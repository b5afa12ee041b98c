//! What the manager says of itself while things go wrong around it.

use xtask::testbed::{Fault, FaultKind, Signal, Vcsim, VcsimOptions, eventually};

use super::common::{Serving, free_port};
use crate::support::{Cluster, Config, Proxy, SOON, Vcenter, names, specs};

#[tokio::test]
async fn a_leader_without_any_vcenter_lives_but_is_not_ready() {
    let cluster = Cluster::get().await;
    let east = Vcsim::start(VcsimOptions { seed: "east".into(), ..VcsimOptions::default() }).await.unwrap();
    let west = Vcsim::start(VcsimOptions { seed: "west".into(), ..VcsimOptions::default() }).await.unwrap();
    let proxies = [&east, &west].map(|vcsim| Proxy::to(vcsim.port()));
    let via = |vcsim: &Vcsim, proxy: &Proxy, id: &str| Vcenter {
        id: id.to_owned(),
        port: proxy.port(),
        ..Vcenter::of(vcsim)
    };
    let config = Config::with([via(&east, &proxies[0], "east"), via(&west, &proxies[1], "west")]);
    let serving = Serving::start(&cluster, &config, |_| ()).await;
    let endpoint = |proxy: &Proxy| format!("(127.0.0.1:{})", proxy.port());
    let told = |east: &str, west: &str| {
        let (east_at, west_at) = (endpoint(&proxies[0]), endpoint(&proxies[1]));
        format!("east {east_at}: {east}; west {west_at}: {west}\n")
    };
    let verbose = "/readyz?verbose";
    serving
        .get_when("both are up", verbose, None, |answer| {
            answer.status == 200 && answer.body.contains(&format!("[+]vcenters ok: {}", told("up", "up")))
        })
        .await;

    proxies[1].take_down();
    serving
        .get_when("one is enough", verbose, None, |answer| {
            answer.status == 200 && answer.body.contains(&told("up", "cannot be reached"))
        })
        .await;
    proxies[0].take_down();
    let down = serving.get_when("none is left", "/readyz", None, |answer| answer.status == 500).await;
    let expected = format!("[-]vcenters failed: {}", told("cannot be reached", "cannot be reached"));
    assert!(down.body.contains(&expected) && down.body.ends_with("readyz check failed\n"), "{}", down.body);
    for path in ["/livez", "/healthz", "/readyz?exclude=vcenters"] {
        let answer = serving.get(path, None).await;
        assert!(answer.status == 200 && answer.body == "ok", "{path}: {answer:?}");
    }
    proxies[0].bring_up();
    serving.get_when("it is ready again", "/readyz", None, |answer| answer.status == 200).await;
}

#[tokio::test]
async fn a_refused_login_is_told_without_the_user() {
    let cluster = Cluster::get().await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    let config = Config::with([Vcenter::of(&vcsim).password("wrong")]);
    let serving = Serving::start(&cluster, &config, |_| ()).await;
    let answer = serving
        .get_when("the refusal is told", "/readyz", None, |answer| {
            answer.status == 500 && answer.body.contains("refuses the login")
        })
        .await;
    assert!(!answer.body.contains(vcsim.user()), "{}", answer.body);
}

#[tokio::test]
async fn who_is_stopping_is_not_ready_but_answers() {
    let cluster = Cluster::get().await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    let vms = vcsim.create_vms("ending-", 1).await.unwrap();
    cluster.register(&specs(&vms)).await;
    let serving = Serving::start(&cluster, &Config::of(&[&vcsim]), |_| ()).await;
    cluster.initialised(&names(&vms), SOON).await;
    // So that the end takes a moment.
    vcsim.add_fault(&Fault::new("Logout", FaultKind::Hang)).await.unwrap();
    serving.signal(Signal::TERM).unwrap();
    let answer =
        serving.get_when("it says that it ends", "/readyz", None, |answer| answer.status == 500).await;
    assert!(answer.body.contains("[-]shutdown failed: the process is shutting down\n"), "{}", answer.body);
    assert_eq!(serving.get("/livez", None).await.status, 200);
    assert_eq!(serving.wait(SOON).await.unwrap().code(), Some(0), "{}", serving.logs());
}

#[tokio::test]
async fn a_standby_is_ready_and_a_leader_tells_of_its_lease() {
    let cluster = Cluster::get().await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    let config = Config::of(&[&vcsim]);
    let leader = Serving::start(&cluster, &config, |_| ()).await;
    leader.get_when("it leads", "/readyz?verbose", None, |answer| answer.body.contains(": up\n")).await;
    let standby = Serving::start(&cluster, &config, |_| ()).await;
    let answer = standby.get("/readyz?verbose", None).await;
    assert!(answer.status == 200 && answer.body.contains("[+]vcenters ok: standing by\n"), "{answer:?}");
    for serving in [&leader, &standby] {
        let answer = serving.get("/healthz?verbose", None).await;
        assert!(answer.status == 200 && answer.body.contains("[+]leaderElection ok\n"), "{answer:?}");
    }
    leader.stop(SOON).await.unwrap();
    standby.get_when("it takes over", "/readyz?verbose", None, |answer| answer.body.contains(": up\n")).await;
}

#[tokio::test]
async fn a_port_that_is_taken_is_told_and_port_0_is_no_server() {
    let cluster = Cluster::get().await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    let config = Config::of(&[&vcsim]);
    let taken = std::net::TcpListener::bind(("127.0.0.1", free_port())).unwrap();
    let manager = cluster.manager_with(&config, |options| {
        options.secure_port = Some(taken.local_addr().unwrap().port());
    });
    assert_eq!(manager.wait(SOON).await.unwrap().code(), Some(1));
    assert!(manager.logs().contains("the port is in use"), "{}", manager.logs());
    assert_eq!(vcsim.requests().await.unwrap().total, 0, "nothing was begun");

    let silent = cluster.manager(&config);
    silent.wait_for_log("logged in", SOON).await.unwrap();
    eventually("it listens nowhere", SOON, async || {
        let sockets = listening(silent.pid())?;
        anyhow::ensure!(sockets.is_empty(), "{sockets:?}");
        Ok(())
    })
    .await
    .unwrap();
}

/// The TCP sockets on which a process listens, as lines of `/proc/net/tcp`.
fn listening(pid: u32) -> anyhow::Result<Vec<String>> {
    let mut inodes = Vec::new();
    for entry in std::fs::read_dir(format!("/proc/{pid}/fd"))? {
        let target = std::fs::read_link(entry?.path()).unwrap_or_default();
        let inode = target.to_str().and_then(|text| text.strip_prefix("socket:[")?.strip_suffix(']'));
        inodes.extend(inode.map(str::to_owned));
    }
    let mut found = Vec::new();
    for table in ["tcp", "tcp6"] {
        let text = std::fs::read_to_string(format!("/proc/{pid}/net/{table}"))?;
        // State 0A is LISTEN; the inode is the tenth column.
        found.extend(text.lines().filter_map(|line| {
            let columns: Vec<&str> = line.split_whitespace().collect();
            let listens = columns.get(3) == Some(&"0A");
            let ours = columns.get(9).is_some_and(|inode| inodes.iter().any(|own| own == inode));
            (listens && ours).then(|| line.to_owned())
        }));
    }
    Ok(found)
}
