//! One login per vCenter, whatever happens to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, join_all};
use tokio::sync::watch;
use vsphere_cloud::vsphere::inventory::{Health, Inventory};
use vsphere_cloud::vsphere::types::{FilterSpec, PropertySpec, RetrievePropertiesEx};
use vsphere_cloud::vsphere::{Error, MoRef, Session, Tags};
use xtask::testbed::{Fault, FaultKind, Vcsim, VcsimOptions, eventually};

use super::common::{ask, by_name, change, credentials, down, feed, inventory, session, up, vcenter, vcsim};

#[tokio::test]
async fn many_calls_share_one_login() {
    let vcsim = vcsim().await;
    vcsim.set_latency(Duration::from_millis(20)).await.unwrap();
    let session = session(&vcsim);
    let answers = join_all((0..50).map(|_| ask(&session))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(vcsim.requests().await.unwrap().soap("Login"), 1);
    let sessions = vcsim.sessions().await.unwrap();
    assert_eq!(sessions.len(), 1, "{sessions:?}");
    assert!(sessions[0].user_agent.starts_with("vsphere-cloud/"), "{sessions:?}");
}

#[tokio::test]
async fn a_session_that_ends_under_load_costs_one_login_and_no_call() {
    let vcsim = vcsim().await;
    vcsim.set_latency(Duration::from_millis(5)).await.unwrap();
    let session = session(&vcsim);
    let done = Arc::new(AtomicUsize::new(0));
    let workers: Vec<_> = (0..8)
        .map(|_| {
            let (session, done) = (session.clone(), done.clone());
            tokio::spawn(async move {
                for _ in 0..50 {
                    ask(&session).await?;
                    done.fetch_add(1, Ordering::Relaxed);
                }
                Ok::<(), Error>(())
            })
        })
        .collect();
    eventually("the load is under way", Duration::from_secs(10), async || {
        let done = done.load(Ordering::Relaxed);
        if done > 80 { Ok(()) } else { Err(done) }
    })
    .await
    .unwrap();
    vcsim.terminate_sessions().await.unwrap();
    let left = 400 - done.load(Ordering::Relaxed);
    assert!(left > 50, "the session ended too late for this test: {left} calls left");
    for worker in workers {
        worker.await.unwrap().unwrap();
    }
    let requests = vcsim.requests().await.unwrap();
    assert_eq!((requests.soap("Login"), requests.failed_logins), (2, 0), "{requests:?}");
}

#[tokio::test]
async fn a_lost_session_is_seen_in_properties_that_cannot_be_read() {
    const NAME: &[PropertySpec] = &[PropertySpec { kind: "Folder", paths: &["name"] }];
    let vcsim = vcsim().await;
    let session = session(&vcsim);
    let read = async || {
        let collector = &MoRef::new("PropertyCollector", "propertyCollector");
        let spec = FilterSpec::of_objects([MoRef::new("Folder", "group-d1")], NAME);
        let page = session
            .call(&RetrievePropertiesEx { collector, spec, max_objects: 10, skip_missing: true })
            .await
            .unwrap();
        page.objects[0].properties[0].1.text.clone()
    };
    assert_eq!(read().await, "Datacenters");
    vcsim.terminate_sessions().await.unwrap();
    assert_eq!(read().await, "Datacenters");
    assert_eq!(vcsim.requests().await.unwrap().soap("Login"), 2);
}

#[tokio::test]
async fn closing_ends_the_session_for_good() {
    let vcsim = vcsim().await;
    let session = session(&vcsim);
    session.close().await;
    assert_eq!(vcsim.requests().await.unwrap().total, 0, "there was nothing to end");

    let inventory = inventory(&vcsim);
    up(&inventory).await;
    eventually("the long poll runs", Duration::from_secs(10), async || {
        let requests = vcsim.requests().await.unwrap();
        if requests.soap("WaitForUpdatesEx") > 0 { Ok(()) } else { Err(format!("{requests:?}")) }
    })
    .await
    .unwrap();
    inventory.close().await;
    assert!(vcsim.sessions().await.unwrap().is_empty());
    // The task behind it notices at once that the session is gone; it must not log in again.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(vcsim.sessions().await.unwrap().is_empty());
    assert_eq!(vcsim.requests().await.unwrap().soap("Login"), 1);
    assert!(inventory.find(Vec::new()).await.is_err());
}

#[tokio::test]
async fn a_login_that_nobody_waits_for_any_longer_leaves_no_session_behind() {
    let vcsim = vcsim().await;
    // For about a second there is a session of which nobody has been told yet.
    for (method, bytes_per_second) in [("Login", 1_000), ("POST /api/session", 40)] {
        let slow = Fault::new(method, FaultKind::SlowBody { bytes_per_second });
        vcsim.add_fault(&slow).await.unwrap();
    }
    let session = session(&vcsim);
    let mut tags = Tags::new(session.clone());
    let logging_in: [BoxFuture<'_, ()>; 2] = [
        async { ask(&session).await.map(drop).unwrap() }.boxed(),
        async { tags.categories().await.map(drop).unwrap() }.boxed(),
    ];
    for (so_many, login) in (1..).zip(logging_in) {
        let begun = eventually("the session is there", Duration::from_secs(10), async || {
            let there = vcsim.sessions().await.unwrap().len();
            if there == so_many { Ok(()) } else { Err(there) }
        });
        tokio::select! {
            () = login => panic!("it was told of its session too early for this test"),
            begun = begun => begun.unwrap(),
        }
    }
    tokio::join!(session.close(), tags.close());
    assert!(vcsim.sessions().await.unwrap().is_empty(), "{:?}", vcsim.sessions().await);
}

#[tokio::test]
async fn a_wrong_password_is_tried_twice_and_a_new_one_at_once() {
    let vcsim = vcsim().await;
    let (sender, receiver) = watch::channel(credentials(vcsim.user(), "wrong"));
    let session = Session::new(&vcenter(&vcsim), receiver.clone()).unwrap();
    for _ in 0..2 {
        let user = vcsim.user().to_owned();
        assert_eq!(ask(&session).await.unwrap_err(), Error::InvalidLogin { user });
    }
    for _ in 0..3 {
        let error = ask(&session).await.unwrap_err();
        assert_eq!(error, Error::LoginOnHold { user: vcsim.user().to_owned() });
    }
    assert_eq!(vcsim.requests().await.unwrap().failed_logins, 2);

    let inventory = Inventory::start(&vcenter(&vcsim), None, receiver).unwrap();
    let error = down(&inventory, |error| matches!(error, Error::LoginOnHold { .. })).await;
    assert!(
        error.to_string().contains("every five minutes, or at once when the credentials change"),
        "{error}"
    );
    tokio::time::sleep(Duration::from_secs(4)).await;
    let requests = vcsim.requests().await.unwrap();
    assert_eq!(requests.failed_logins, 4, "two of the session, two of the inventory: {requests:?}");

    change(&sender, credentials(vcsim.user(), vcsim.password()));
    let took = up(&inventory).await;
    assert!(took < Duration::from_secs(3), "{took:?}");
    ask(&session).await.unwrap();
}

#[tokio::test]
async fn those_who_wait_for_a_login_share_its_refusal() {
    let vcsim = vcsim().await;
    vcsim.set_latency(Duration::from_millis(50)).await.unwrap();
    let wrong = watch::channel(credentials(vcsim.user(), "wrong")).1;
    let session = Session::new(&vcenter(&vcsim), wrong).unwrap();
    let answers = join_all((0..20).map(|_| ask(&session))).await;
    assert!(answers.iter().all(|answer| matches!(answer, Err(Error::InvalidLogin { .. }))), "{answers:?}");
    let requests = vcsim.requests().await.unwrap();
    assert_eq!((requests.soap("Login"), requests.failed_logins), (1, 1));
}

#[tokio::test]
async fn nobody_logs_in_without_credentials() {
    let vcsim = vcsim().await;
    let (sender, receiver) = watch::channel(Err("Secret a/b does not exist".to_owned()));
    let session = Session::new(&vcenter(&vcsim), receiver.clone()).unwrap();
    let inventory = Inventory::start(&vcenter(&vcsim), None, receiver).unwrap();
    let expected = Error::NoCredentials("Secret a/b does not exist".to_owned());
    assert_eq!(ask(&session).await.unwrap_err(), expected);
    assert_eq!(down(&inventory, |_| true).await, expected);
    for (user, password) in [("", "pass"), (vcsim.user(), ""), ("", "")] {
        change(&sender, credentials(user, password));
        let error = ask(&session).await.unwrap_err();
        assert!(matches!(error, Error::NoCredentials(_)), "{user:?} {password:?}: {error:?}");
    }
    assert_eq!(vcsim.requests().await.unwrap().total, 0);

    change(&sender, credentials(vcsim.user(), vcsim.password()));
    let took = up(&inventory).await;
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[tokio::test]
async fn passwords_may_have_any_character_that_xml_can_carry() {
    let password = "<p&a>\"s'\u{20ac}\t \r\n]]> ";
    let vcsim =
        Vcsim::start(VcsimOptions { password: password.into(), ..VcsimOptions::default() }).await.unwrap();
    ask(&session(&vcsim)).await.unwrap();

    let other = watch::channel(credentials(vcsim.user(), "a\u{1}b")).1;
    let before = vcsim.requests().await.unwrap();
    let error = ask(&Session::new(&vcenter(&vcsim), other).unwrap()).await.unwrap_err();
    assert!(matches!(error, Error::NoCredentials(_)), "{error:?}");
    assert!(error.to_string().contains("control character"), "{error}");
    assert_eq!(vcsim.requests().await.unwrap().since(&before).soap("Login"), 0);
}

#[tokio::test]
async fn new_credentials_do_not_disturb_a_session() {
    let vcsim = vcsim().await;
    let inventory = Inventory::start(&vcenter(&vcsim), None, feed(&vcsim)).unwrap();
    up(&inventory).await;
    vcsim.set_credentials(vcsim.user(), "rotated").await.unwrap();
    inventory.find(vec![by_name("nobody")]).await.unwrap();
    assert_eq!(*inventory.health().borrow(), Health::Up);
    assert_eq!(vcsim.requests().await.unwrap().soap("Login"), 1);
}
