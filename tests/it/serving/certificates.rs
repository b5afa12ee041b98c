//! The server's certificate.

use std::path::Path;

use xtask::testbed::{RunDir, Vcsim, VcsimOptions, eventually};

use super::common::{Serving, builder, get};
use crate::support::{Cluster, Config, LATER};

/// Writes a certificate that nobody but itself has signed, and its key; returns the certificate.
fn write_pair(directory: &Path) -> reqwest::Certificate {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    // The key first: whoever reads in between finds no pair.
    std::fs::write(directory.join("tls.key"), made.signing_key.serialize_pem()).unwrap();
    std::fs::write(directory.join("tls.crt"), made.cert.pem()).unwrap();
    reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap()
}

#[tokio::test]
async fn certificates_are_rotated_without_a_restart() {
    let cluster = Cluster::get().await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    let run = RunDir::new().unwrap();
    let first = write_pair(run.path());
    let serving = Serving::start(&cluster, &Config::of(&[&vcsim]), |options| {
        for (flag, file) in [("--tls-cert-file", "tls.crt"), ("--tls-private-key-file", "tls.key")] {
            options.args.push(format!("{flag}={}", run.path().join(file).display()));
        }
        options.args.push("--tls-min-version=VersionTLS13".to_owned());
    })
    .await;
    let trusting =
        |certificate: &reqwest::Certificate| builder().tls_certs_only([certificate.clone()]).build().unwrap();
    assert_eq!(get(&trusting(&first), serving.port, "/healthz", None).await.unwrap().status, 200);

    let second = write_pair(run.path());
    eventually("the new certificate is served", LATER, async || {
        get(&trusting(&second), serving.port, "/healthz", None).await
    })
    .await
    .unwrap();
    assert!(get(&trusting(&first), serving.port, "/healthz", None).await.is_err());

    // Half a pair is not used.
    let key = std::fs::read(run.path().join("tls.key")).unwrap();
    std::fs::write(run.path().join("tls.key"), &key[..key.len() / 2]).unwrap();
    serving.wait_for_log("the server's new certificate is not used", LATER).await.unwrap();
    assert_eq!(get(&trusting(&second), serving.port, "/healthz", None).await.unwrap().status, 200);
}
