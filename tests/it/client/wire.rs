//! What vCenter gets to see.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::watch;
use vsphere_cloud::config::{Tls, Vcenter};
use vsphere_cloud::vsphere::inventory::{Inventory, Query};
use vsphere_cloud::vsphere::{Error, Session};
use xtask::testbed::{Vcsim, VcsimOptions, eventually};

use super::common::{ask, by_name, credentials, feed, join, moref, vcenter_at, vcsim};
use super::front::{Authority, Front, Intercept, Seen};

fn to(front: &Front) -> Vcenter {
    vcenter_at(front.port, Tls { insecure: true, ..Tls::default() })
}

/// An answer, and what becomes of it.
type Case = (Intercept, fn(&Error) -> bool);

fn actions(seen: &[Seen]) -> Vec<String> {
    let action = |seen: &Seen| seen.header("soapaction").map(|action| format!("{} {action}", seen.method()));
    seen.iter().filter_map(action).collect()
}

#[tokio::test]
async fn the_newest_version_that_both_know_is_spoken() {
    let identity = Authority::new("ca").issue(&["127.0.0.1"]);
    for (server, spoken) in
        [("7.0.3.0", "7.0.3.0"), ("8.0.3.0", "8.0.3.0"), ("9.0.0.0", "9.0.0.0"), ("9.1.0.0", "9.0.0.0")]
    {
        let options = VcsimOptions { api_version: Some(server.into()), ..VcsimOptions::default() };
        let vcsim = Vcsim::start(options).await.unwrap();
        let front = Front::of(&vcsim, &identity, |_| None).await;
        ask(&Session::new(&to(&front), feed(&vcsim)).unwrap()).await.unwrap();
        let spoken = |method: &str| format!("{method} urn:vim25/{spoken}");
        assert_eq!(
            actions(&front.seen()),
            ["RetrieveServiceContent urn:vim25/6.5".to_owned(), spoken("Login"), spoken("FindAllByUuid")],
            "a server of {server}"
        );
    }
}

#[tokio::test]
async fn a_proxy_that_hides_the_versions_is_no_hindrance() {
    let vcsim = vcsim().await;
    let identity = Authority::new("ca").issue(&["127.0.0.1"]);
    let hide = |seen: &Seen| seen.head.starts_with("GET ").then(|| (404, "<html>".to_owned()));
    let front = Front::of(&vcsim, &identity, hide).await;
    ask(&Session::new(&to(&front), feed(&vcsim)).unwrap()).await.unwrap();
    assert!(actions(&front.seen()).contains(&"Login urn:vim25/8.0.3.0".to_owned()), "{:?}", front.seen());
}

#[tokio::test]
async fn requests_look_like_this() {
    let vcsim = vcsim().await;
    let identity = Authority::new("ca").issue(&["127.0.0.1"]);
    let front = Front::of(&vcsim, &identity, |_| None).await;
    let session = Session::new(&to(&front), feed(&vcsim)).unwrap();
    ask(&session).await.unwrap();
    session.close().await;
    let seen = front.seen();
    let text: Vec<String> = seen.iter().map(|seen| format!("{}{}", seen.head, seen.body)).collect();
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    let cookie = seen.last().unwrap().header("cookie").unwrap().to_owned();
    let text = text.join("\n\n").replace(&cookie, "vmware_soap_session=...");
    let text = text.replace(&front.port.to_string(), "PORT").replace(env!("CARGO_PKG_VERSION"), "VERSION");
    settings.bind(|| insta::assert_snapshot!("requests", text));
}

/// Every message that an inventory sends, ids aside.
#[tokio::test]
async fn an_inventory_says_this() {
    let vcsim = vcsim().await;
    let vms = vcsim.create_vms("node-", 10).await.unwrap();
    let identity = Authority::new("ca").issue(&["127.0.0.1"]);
    let front = Front::of(&vcsim, &identity, |_| None).await;
    let vcenter = Vcenter { datacenters: vec!["DC0".into()], ..to(&front) };
    let inventory = Inventory::start(&vcenter, None, feed(&vcsim)).unwrap();
    join(&inventory, &vms[..3]).await;
    inventory.join(vec![moref(&vms[4])]).await.unwrap();
    inventory
        .find(vec![Query { ips: vec!["10.255.255.1".parse().unwrap()], ..by_name("nobody") }])
        .await
        .unwrap();
    inventory.watch_arrivals();
    inventory.leave(vec![moref(&vms[4])]);
    let said = |method: &str| front.seen().iter().filter(|seen| seen.method() == method).count();
    eventually("all is said", Duration::from_secs(5), async || {
        match (said("CreateFilter"), said("ModifyListView")) {
            (4, 2) => Ok(()),
            counts => Err(format!("{counts:?}")),
        }
    })
    .await
    .unwrap();
    inventory.close().await;
    let mut messages: BTreeSet<String> = BTreeSet::new();
    for seen in front.seen() {
        let body = seen.body.split("<soapenv:Body>").nth(1).map_or(seen.head.lines().next(), Some).unwrap();
        let body = body.replace("</soapenv:Body></soapenv:Envelope>", "");
        messages.insert(redacted(&body));
    }
    insta::assert_snapshot!("inventory", messages.into_iter().collect::<Vec<_>>().join("\n"));
}

/// Takes out what differs from run to run.
fn redacted(body: &str) -> String {
    let mut text = String::new();
    let mut rest = body;
    while let Some(at) = rest.find("session[") {
        text.push_str(&rest[..at]);
        text.push_str("session[...]");
        rest = &rest[at..];
        rest = &rest[rest.find('<').unwrap_or(rest.len())..];
    }
    text + rest
}

#[tokio::test]
async fn an_esxi_host_is_refused_before_it_learns_the_password() {
    const CONTENT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>
<RetrieveServiceContentResponse xmlns="urn:vim25"><returnval><rootFolder type="Folder">ha-folder-root</rootFolder>
<propertyCollector type="PropertyCollector">ha-property-collector</propertyCollector>
<viewManager type="ViewManager">ViewManager</viewManager><about><name>VMware ESXi</name>
<fullName>VMware ESXi 8.0.3 build-24022510</fullName><apiType>HostAgent</apiType><apiVersion>8.0.3.0</apiVersion></about>
<sessionManager type="SessionManager">ha-sessionmgr</sessionManager><searchIndex type="SearchIndex">ha-searchindex</searchIndex>
</returnval></RetrieveServiceContentResponse></soapenv:Body></soapenv:Envelope>"#;
    let identity = Authority::new("ca").issue(&["127.0.0.1"]);
    let front =
        Front::start(None, &identity, rustls::DEFAULT_VERSIONS, |_| Some((200, CONTENT.into()))).await;
    let session = Session::new(&to(&front), watch::channel(credentials("root", "pass")).1).unwrap();
    let error = ask(&session).await.unwrap_err();
    assert_eq!(
        error,
        Error::Configuration(format!(
            "127.0.0.1:{} is no vCenter but \"HostAgent\" (VMware ESXi 8.0.3 build-24022510)",
            front.port
        ))
    );
    assert!(front.seen().iter().all(|seen| seen.method() == "RetrieveServiceContent"), "{:?}", front.seen());
}

#[tokio::test]
async fn what_is_no_vcenter_at_all_is_told_as_what_it_is() {
    let identity = Authority::new("ca").issue(&["127.0.0.1"]);
    let cases: [Case; 4] = [
        (|_| Some((200, "<html><body>Welcome".into())), |error| matches!(error, Error::Decode { .. })),
        (|_| Some((200, String::new())), |error| matches!(error, Error::Decode { .. })),
        (|_| Some((302, String::new())), |error| matches!(error, Error::Status { status: 302, .. })),
        (|_| Some((500, "<html>".into())), |error| matches!(error, Error::Status { status: 500, .. })),
    ];
    for (intercept, expected) in cases {
        let front = Front::start(None, &identity, rustls::DEFAULT_VERSIONS, intercept).await;
        let session = Session::new(&to(&front), watch::channel(credentials("u", "p")).1).unwrap();
        let error = ask(&session).await.unwrap_err();
        assert!(expected(&error), "{error:?}");
        assert!(!error.to_string().contains("Welcome"), "{error}");
    }
}
