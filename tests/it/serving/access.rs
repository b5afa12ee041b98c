//! Who may read what.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use xtask::testbed::{RunDir, Vcsim, VcsimOptions};

use super::common::{Serving, account, builder, delegating, get, permit};
use crate::support::{Cluster, Config, SOON};

#[tokio::test]
async fn metrics_are_for_those_whom_the_api_server_permits() {
    let cluster = Cluster::get().await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    let kubeconfig = delegating(&cluster).await;
    let serving =
        Serving::start(&cluster, &Config::of(&[&vcsim]), |options| options.kubeconfig = kubeconfig).await;
    let permitted = account(&cluster, "prometheus").await;
    permit(&cluster, "prometheus", "/metrics").await;
    let other = account(&cluster, "somebody").await;
    for (path, token, status, part) in [
        ("/healthz", None, 200, "ok"),
        ("/livez", None, 200, "ok"),
        ("/healthz/ping", None, 401, "Authorization: Bearer"),
        ("/metrics", None, 401, "Authorization: Bearer"),
        ("/metrics", Some("garbage"), 401, "the token is not valid"),
        (
            "/metrics",
            Some(other.as_str()),
            403,
            r#"User \"system:serviceaccount:kube-system:somebody\" cannot get path \"/metrics\""#,
        ),
        ("/metrics", Some(permitted.as_str()), 200, "process_resident_memory_bytes"),
        ("/configz", Some(permitted.as_str()), 403, "cannot get path"),
        ("/configz", Some("testbed-admin"), 200, "\"server\": \"127.0.0.1\""),
        ("/", Some("testbed-admin"), 200, "\"/readyz/vcenters\""),
        ("/debug/pprof/heap", Some("testbed-admin"), 404, "no profiles"),
    ] {
        let answer = serving.get(path, token).await;
        assert!(answer.status == status && answer.body.contains(part), "{path} {token:?}: {answer:?}");
    }
    let configz = serving.get("/configz", Some("testbed-admin")).await.body;
    assert!(!configz.contains(vcsim.password()), "{configz}");
    for secret in [permitted.as_str(), other.as_str(), "garbage"] {
        assert!(!serving.logs().contains(secret), "{}", serving.logs());
    }
}

#[tokio::test]
async fn with_upstreams_rights_health_is_for_everybody_and_the_rest_for_administrators_with_certificates() {
    let cluster = Cluster::get().await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    let run = RunDir::new().unwrap();
    let authority = Authority::new();
    let ca = run.write("clients.pem", authority.0.pem()).unwrap();
    let serving = Serving::start(&cluster, &Config::of(&[&vcsim]), |options| {
        options.args.push(format!("--client-ca-file={}", ca.display()));
    })
    .await;
    for path in ["/healthz", "/livez", "/readyz"] {
        serving.get_when("health is told", path, None, |answer| answer.status == 200).await;
    }
    for _ in 0..3 {
        let answer = serving.get("/metrics", Some("testbed-admin")).await;
        assert!(answer.status == 401 && answer.body.contains("tokenreviews"), "{answer:?}");
        let answer = serving.get("/metrics", None).await;
        assert!(answer.status == 401 && answer.body.contains("subjectaccessreviews"), "{answer:?}");
    }
    let logs = serving.logs();
    for right in ["create tokenreviews", "create subjectaccessreviews"] {
        assert_eq!(logs.matches(right).count(), 1, "{logs}");
    }

    let client = |identity: &str| {
        let identity = reqwest::Identity::from_pem(identity.as_bytes()).unwrap();
        builder().tls_danger_accept_invalid_certs(true).identity(identity).build().unwrap()
    };
    let admin = client(&authority.issue("admin", "system:masters"));
    let answer = get(&admin, serving.port, "/metrics", None).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    let user = client(&authority.issue("jane", "developers"));
    let answer = get(&user, serving.port, "/metrics", None).await.unwrap();
    assert!(answer.status == 403 && answer.body.contains("subjectaccessreviews"), "{answer:?}");
    let stranger = client(&Authority::new().issue("admin", "system:masters"));
    let answer = get(&stranger, serving.port, "/metrics", None).await.unwrap();
    assert!(answer.status == 401 && answer.body.contains("not signed by an authority"), "{answer:?}");
}

#[tokio::test]
async fn paths_can_be_opened_to_everybody() {
    let cluster = Cluster::get().await;
    let vcsim = Vcsim::start(VcsimOptions::default()).await.unwrap();
    let serving = Serving::start(&cluster, &Config::of(&[&vcsim]), |options| {
        options.args.push("--authorization-always-allow-paths=/healthz,/healthz/*,/metrics".to_owned());
    })
    .await;
    for (path, status) in [("/healthz/ping", 200), ("/metrics", 200), ("/metrics/slis", 401), ("/livez", 401)]
    {
        assert_eq!(serving.get(path, None).await.status, status, "{path}");
    }
    serving.stop(SOON).await.unwrap();
}

/// Who signs the certificates of users.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A certificate and its key.
    fn issue(&self, user: &str, group: &str) -> String {
        let mut params = CertificateParams::default();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.distinguished_name.push(DnType::CommonName, user);
        params.distinguished_name.push(DnType::OrganizationName, group);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        certificate.pem() + &key.serialize_pem()
    }
}
