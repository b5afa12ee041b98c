//! A vCenter, or a network, that does not work as it should.

use std::time::{Duration, Instant};

use vsphere_cloud::vsphere::types::CreatePropertyCollector;
use vsphere_cloud::vsphere::{Error, Session};
use xtask::testbed::{Fault, FaultKind};

use super::common::{ask, session, vcsim};

type Expected = fn(&Error) -> bool;

/// A call that must not be repeated.
async fn create(session: &Session) -> Result<(), Error> {
    let connection = session.connect().await?;
    let collector = &connection.content().property_collector;
    connection.call(&CreatePropertyCollector { collector }).await.map(drop)
}

#[tokio::test]
async fn calls_that_may_be_repeated_survive_two_failures() {
    let vcsim = vcsim().await;
    let session = session(&vcsim);
    session.connect().await.unwrap();
    let kinds = [
        FaultKind::Status(503),
        FaultKind::Status(502),
        FaultKind::Reset,
        FaultKind::Truncate,
        FaultKind::Malformed,
    ];
    for kind in kinds {
        let before = vcsim.requests().await.unwrap();
        vcsim.add_fault(&Fault::new("FindAllByUuid", kind.clone()).times(2)).await.unwrap();
        let started = Instant::now();
        ask(&session).await.unwrap_or_else(|error| panic!("{kind:?}: {error}"));
        assert!(started.elapsed() < Duration::from_secs(3), "{kind:?} took {:?}", started.elapsed());
        let made = vcsim.requests().await.unwrap().since(&before);
        assert_eq!((made.soap("FindAllByUuid"), made.soap("Login")), (3, 0), "{kind:?}");
    }
}

#[tokio::test]
async fn failures_that_last_are_told_by_their_kind() {
    let vcsim = vcsim().await;
    let session = session(&vcsim);
    session.connect().await.unwrap();
    let cases: [(FaultKind, Expected, u64); 6] = [
        (FaultKind::Status(503), |e| matches!(e, Error::Status { status: 503, .. }), 3),
        (FaultKind::Status(403), |e| matches!(e, Error::Status { status: 403, .. }), 1),
        (FaultKind::Reset, |e| matches!(e, Error::Unreachable(_)), 3),
        (FaultKind::Truncate, |e| matches!(e, Error::Unreachable(_)), 3),
        (FaultKind::Malformed, |e| matches!(e, Error::Decode { .. }), 3),
        (FaultKind::Soap("NoPermission".into()), |e| matches!(e, Error::Fault { .. }), 1),
    ];
    for (kind, expected, tries) in cases {
        let before = vcsim.requests().await.unwrap();
        let rule = vcsim.add_fault(&Fault::new("FindAllByUuid", kind.clone())).await.unwrap();
        let error = ask(&session).await.unwrap_err();
        assert!(expected(&error), "{kind:?}: {error:?}");
        let made = vcsim.requests().await.unwrap().since(&before);
        assert_eq!((made.soap("FindAllByUuid"), made.soap("Login")), (tries, 0), "{kind:?}");
        vcsim.remove_fault(&rule).await.unwrap();
    }
    ask(&session).await.unwrap();
}

#[tokio::test]
async fn calls_that_must_not_be_repeated_are_not() {
    let vcsim = vcsim().await;
    let session = session(&vcsim);
    session.connect().await.unwrap();
    for kind in [FaultKind::Status(503), FaultKind::Reset, FaultKind::Truncate, FaultKind::Malformed] {
        let before = vcsim.requests().await.unwrap();
        let rule = vcsim.add_fault(&Fault::new("CreatePropertyCollector", kind.clone())).await.unwrap();
        let error = create(&session).await.unwrap_err();
        assert!(error.is_transient(), "{kind:?}: {error:?}");
        let made = vcsim.requests().await.unwrap().since(&before);
        assert_eq!(made.soap("CreatePropertyCollector"), 1, "{kind:?}");
        vcsim.remove_fault(&rule).await.unwrap();
    }
    create(&session).await.unwrap();
}

#[tokio::test]
async fn a_login_whose_answer_is_lost_is_made_again_when_it_is_needed() {
    let vcsim = vcsim().await;
    let session = session(&vcsim);
    vcsim.add_fault(&Fault::new("Login", FaultKind::Reset).after_processing().times(1)).await.unwrap();
    assert!(ask(&session).await.unwrap_err().is_transient());
    ask(&session).await.unwrap();
    let requests = vcsim.requests().await.unwrap();
    assert_eq!((requests.soap("Login"), requests.failed_logins), (2, 0));
}

#[tokio::test]
async fn an_answer_that_trickles_is_given_up_and_asked_for_again() {
    let vcsim = vcsim().await;
    let session = session(&vcsim);
    session.connect().await.unwrap();
    let slow = FaultKind::SlowBody { bytes_per_second: 20 };
    vcsim.add_fault(&Fault::new("FindAllByUuid", slow.clone()).times(1)).await.unwrap();
    vcsim.add_fault(&Fault::new("CreatePropertyCollector", slow)).await.unwrap();
    let started = Instant::now();
    let (asked, created) = tokio::join!(async { (ask(&session).await, started.elapsed()) }, async {
        (create(&session).await, started.elapsed())
    },);
    asked.0.unwrap();
    assert!(asked.1 < Duration::from_secs(6), "{:?}", asked.1);
    let error = created.0.unwrap_err();
    assert!(matches!(error, Error::Timeout { method: "CreatePropertyCollector", .. }), "{error:?}");
    assert!(created.1 < Duration::from_secs(8), "{:?}", created.1);
}

#[tokio::test]
async fn a_hang_costs_at_most_four_seconds_after_it_ends() {
    let vcsim = vcsim().await;
    let session = session(&vcsim);
    session.connect().await.unwrap();
    vcsim.add_fault(&Fault::new("*", FaultKind::Hang).lasting(Duration::from_secs(3))).await.unwrap();
    let started = Instant::now();
    ask(&session).await.unwrap();
    let took = started.elapsed();
    println!("a call into a hang of 3 s: {took:?}");
    assert!(took < Duration::from_secs(7), "{took:?}");
}

#[tokio::test]
async fn a_hang_without_end_is_told_in_time() {
    let vcsim = vcsim().await;
    let session = session(&vcsim);
    session.connect().await.unwrap();
    vcsim.add_fault(&Fault::new("*", FaultKind::Hang)).await.unwrap();
    let started = Instant::now();
    let (asked, created) = tokio::join!(ask(&session), create(&session));
    assert!(matches!(asked, Err(Error::Timeout { method: "FindAllByUuid", .. })), "{asked:?}");
    assert!(matches!(created, Err(Error::Timeout { method: "CreatePropertyCollector", .. })), "{created:?}");
    let took = started.elapsed();
    println!("a call into an endless hang: {took:?}");
    assert!(took < Duration::from_secs(11), "{took:?}");
    // The last thing a process does must not be kept waiting either.
    let started = Instant::now();
    session.close().await;
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
}
