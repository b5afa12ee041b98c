//! Whom the client trusts.

use std::path::PathBuf;
use std::time::Duration;

use tokio::net::TcpListener;
use vsphere_cloud::config::{Thumbprint, Tls};
use vsphere_cloud::vsphere::inventory::Inventory;
use vsphere_cloud::vsphere::{Error, Session};
use xtask::testbed::{Vcsim, VcsimOptions};

use super::common::{ask, by_name, down, feed, up, vcenter_at, vcsim};
use super::front::{Authority, Front, Identity};

fn thumbprint(text: &str) -> Thumbprint {
    let bytes: Vec<u8> = text.split(':').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
    match bytes.len() {
        20 => Thumbprint::Sha1(bytes.try_into().unwrap()),
        _ => Thumbprint::Sha256(bytes.try_into().unwrap()),
    }
}

fn trusting(files: &[PathBuf]) -> Tls {
    Tls { ca_files: files.to_vec(), ..Tls::default() }
}

async fn try_at(port: u16, vcsim: &Vcsim, tls: Tls) -> Result<(), Error> {
    ask(&Session::new(&vcenter_at(port, tls), feed(vcsim))?).await.map(drop)
}

async fn attempt(vcsim: &Vcsim, tls: Tls) -> Result<(), Error> {
    try_at(vcsim.port(), vcsim, tls).await
}

fn refusal(outcome: Result<(), Error>) -> String {
    match outcome {
        Err(Error::Tls(why)) => why,
        other => panic!("expected a TLS error, not {other:?}"),
    }
}

#[tokio::test]
async fn a_certificate_of_a_configured_authority_is_trusted() {
    let vcsim = vcsim().await;
    let other = Authority::new("other");
    attempt(&vcsim, trusting(&[vcsim.ca().to_owned()])).await.unwrap();
    attempt(&vcsim, trusting(&[other.file(), vcsim.ca().to_owned()])).await.unwrap();
    let bundle = tempfile::NamedTempFile::new().unwrap();
    let text = format!("# both\n{}\n{}", other.pem(), std::fs::read_to_string(vcsim.ca()).unwrap());
    std::fs::write(bundle.path(), text).unwrap();
    attempt(&vcsim, trusting(&[bundle.path().to_owned()])).await.unwrap();
}

#[tokio::test]
async fn an_unknown_authority_is_refused_with_the_thumbprint_to_set() {
    let vcsim = vcsim().await;
    for tls in [trusting(&[Authority::new("other").file()]), Tls::default()] {
        let why = refusal(attempt(&vcsim, tls.clone()).await);
        assert!(
            why.starts_with(&format!("127.0.0.1:{}: the certificate is refused: ", vcsim.port())),
            "{why}"
        );
        assert!(why.contains(&format!("its SHA-256 thumbprint is {} -", vcsim.sha256())), "{why}");
        assert!(why.contains("set caFile") && why.contains("set thumbprint"), "{why}");
        // Pasted as it stands there, it works.
        let pasted = why.split("thumbprint is ").nth(1).unwrap().split(' ').next().unwrap();
        attempt(&vcsim, Tls { thumbprint: Some(thumbprint(pasted)), ..tls }).await.unwrap();
    }
    assert_eq!(vcsim.requests().await.unwrap().soap("Login"), 2, "nothing is told to a stranger");
}

#[tokio::test]
async fn a_thumbprint_counts_where_authority_or_name_fail_and_only_there() {
    let vcsim = vcsim().await;
    let pinned = |pin: &str| Tls { thumbprint: Some(thumbprint(pin)), ..Tls::default() };
    attempt(&vcsim, pinned(vcsim.sha1())).await.unwrap();
    attempt(&vcsim, pinned(vcsim.sha256())).await.unwrap();
    let (wrong_1, wrong_256) = (["AB"; 20].join(":"), ["AB"; 32].join(":"));
    for wrong in [&wrong_1, &wrong_256] {
        let why = refusal(attempt(&vcsim, pinned(wrong)).await);
        assert!(why.contains("it does not match the configured thumbprint either"), "{why}");
        let trusted = Tls { thumbprint: Some(thumbprint(wrong)), ..trusting(&[vcsim.ca().to_owned()]) };
        attempt(&vcsim, trusted).await.unwrap();
    }

    let renewed = vcsim.renew_certificate(false, &["vc.example.com"]).await.unwrap();
    let trusted = trusting(&[vcsim.ca().to_owned()]);
    let why = refusal(attempt(&vcsim, trusted.clone()).await);
    assert!(why.contains("vc.example.com") && why.contains("not valid for name"), "{why}");
    attempt(&vcsim, Tls { thumbprint: Some(thumbprint(&renewed.sha256)), ..trusted }).await.unwrap();
}

#[tokio::test]
async fn insecure_trusts_everybody() {
    let vcsim = vcsim().await;
    attempt(&vcsim, Tls { insecure: true, ..Tls::default() }).await.unwrap();
    vcsim.renew_certificate(true, &["vc.example.com"]).await.unwrap();
    attempt(&vcsim, Tls { insecure: true, ..Tls::default() }).await.unwrap();
}

#[tokio::test]
async fn a_self_signed_certificate_that_says_it_is_an_authority_can_be_pinned() {
    let vcsim = vcsim().await;
    let identity = Identity::self_signed_authority();
    let front = Front::of(&vcsim, &identity, |_| None).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), identity.certificate.pem()).unwrap();
    // As an authority it cannot be trusted, the error says what can be done.
    let why = refusal(try_at(front.port, &vcsim, trusting(&[file.path().to_owned()])).await);
    let pasted = why.split("thumbprint is ").nth(1).unwrap().split(' ').next().unwrap();
    try_at(front.port, &vcsim, Tls { thumbprint: Some(thumbprint(pasted)), ..Tls::default() }).await.unwrap();
}

#[tokio::test]
async fn servers_of_either_tls_version_are_spoken_to() {
    let vcsim = vcsim().await;
    let authority = Authority::new("ca");
    let identity = authority.issue(&["127.0.0.1"]);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let front = Front::start(Some(vcsim.url().to_owned()), &identity, &[version], |_| None).await;
        try_at(front.port, &vcsim, trusting(&[authority.file()]))
            .await
            .unwrap_or_else(|e| panic!("{version:?}: {e}"));
        // The signature is checked under a pin too.
        let pin = refusal(try_at(front.port, &vcsim, Tls::default()).await);
        let pasted = pin.split("thumbprint is ").nth(1).unwrap().split(' ').next().unwrap();
        try_at(front.port, &vcsim, Tls { thumbprint: Some(thumbprint(pasted)), ..Tls::default() })
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_pin_does_not_follow_a_new_certificate() {
    let vcsim = vcsim().await;
    let pinned = Tls { thumbprint: Some(thumbprint(vcsim.sha256())), ..Tls::default() };
    let inventory = Inventory::start(&vcenter_at(vcsim.port(), pinned), None, feed(&vcsim)).unwrap();
    up(&inventory).await;
    inventory.find(vec![by_name("nobody")]).await.unwrap();
    let renewed = vcsim.renew_certificate(false, &[]).await.unwrap();
    let before = vcsim.requests().await.unwrap();
    let error = down(&inventory, |error| matches!(error, Error::Tls(_))).await;
    assert!(error.to_string().contains(&renewed.sha256), "{error}");
    assert!(!error.is_transient());
    assert_eq!(vcsim.requests().await.unwrap().since(&before).total, 0, "nothing is told to a stranger");
}

#[tokio::test]
async fn a_certificate_that_is_set_right_is_noticed_soon() {
    let vcsim = vcsim().await;
    let old_ca = tempfile::NamedTempFile::new().unwrap();
    std::fs::copy(vcsim.ca(), old_ca.path()).unwrap();
    let trusted = trusting(&[old_ca.path().to_owned()]);
    vcsim.renew_certificate(false, &["vc.example.com"]).await.unwrap();
    let inventory = Inventory::start(&vcenter_at(vcsim.port(), trusted), None, feed(&vcsim)).unwrap();
    down(&inventory, |error| matches!(error, Error::Tls(_))).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    vcsim.renew_certificate(false, &[]).await.unwrap();
    let took = up(&inventory).await;
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[tokio::test]
async fn an_ipv6_address_is_a_server_too() {
    let options = VcsimOptions { args: vec!["--listen=[::1]:0".into()], ..VcsimOptions::default() };
    let vcsim = Vcsim::start(options).await.unwrap();
    let mut vcenter = vcenter_at(vcsim.port(), trusting(&[vcsim.ca().to_owned()]));
    vcenter.server = "::1".into();
    let session = Session::new(&vcenter, feed(&vcsim)).unwrap();
    ask(&session).await.unwrap();
    assert_eq!(session.endpoint().to_string(), format!("[::1]:{}", vcsim.port()));
}

#[tokio::test]
async fn ca_files_that_are_none_are_told_at_the_start() {
    xtask::init();
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let cases = [
        (directory.path().join("absent.pem"), "absent.pem"),
        (file("empty.pem", ""), "no certificate"),
        (file("key.pem", &key), "no certificate"),
        (file("cut.pem", &Authority::new("x").pem()[..200]), "cut.pem"),
        (
            file("odd.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            "not usable as a CA",
        ),
    ];
    for (path, expected) in cases {
        let feed = tokio::sync::watch::channel(Err("none".to_owned())).1;
        let why =
            refusal(Session::new(&vcenter_at(1, trusting(std::slice::from_ref(&path))), feed).map(drop));
        assert!(why.contains(&path.display().to_string()) && why.contains(expected), "{why}");
    }
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_told_apart_from_one_that_is_not_there() {
    let vcsim = vcsim().await;
    let control: u16 = vcsim.control_url().rsplit(':').next().unwrap().parse().unwrap();
    let why = refusal(try_at(control, &vcsim, Tls { insecure: true, ..Tls::default() }).await);
    assert!(why.contains("TLS failed"), "{why}");

    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let error = try_at(closed, &vcsim, Tls { insecure: true, ..Tls::default() }).await.unwrap_err();
    assert!(matches!(&error, Error::Unreachable(why) if why.contains("cannot connect")), "{error:?}");

    // One that accepts connections and says nothing.
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = mute.local_addr().unwrap().port();
    let started = std::time::Instant::now();
    let error = try_at(port, &vcsim, Tls { insecure: true, ..Tls::default() }).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(4));
}
