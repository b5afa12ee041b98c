//! vCenter behind a proxy of the network.

use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use vsphere_cloud::config::Tls;
use vsphere_cloud::vsphere::Session;
use xtask::testbed::Vcsim;

use super::common::{ask, credentials, vcenter_at, vcsim};

/// A proxy that knows CONNECT; its port, and how often it was asked.
async fn proxy() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                let mut client = BufReader::new(stream);
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") {
                    assert!(client.read_line(&mut head).await.unwrap() > 0);
                }
                let target = head.strip_prefix("CONNECT ").unwrap().split(' ').next().unwrap();
                let mut server = TcpStream::connect(target).await.unwrap();
                client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
                let _ = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    (port, asked)
}

/// Runs [`one_call`] in a process of its own: the environment is read there.
async fn in_a_process(vcsim: &Vcsim, environment: &[(&str, String)]) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "client::proxy::one_call", "--ignored", "--nocapture"]);
    for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    command.env("TEST_VCENTER_PORT", vcsim.port().to_string()).env("TEST_VCENTER_CA", vcsim.ca());
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

#[tokio::test]
#[ignore = "runs as a process of the other tests here"]
async fn one_call() {
    let port = std::env::var("TEST_VCENTER_PORT").unwrap().parse().unwrap();
    let ca = std::env::var_os("TEST_VCENTER_CA").unwrap().into();
    let feed = tokio::sync::watch::channel(credentials("administrator@vsphere.local", "pass")).1;
    let session =
        Session::new(&vcenter_at(port, Tls { ca_files: vec![ca], ..Tls::default() }), feed).unwrap();
    ask(&session).await.unwrap();
}

#[tokio::test]
async fn the_proxy_of_the_environment_is_used() {
    let vcsim = vcsim().await;
    let (port, asked) = proxy().await;
    let proxy = format!("http://127.0.0.1:{port}");
    let cases: [(&[(&str, String)], bool); 5] = [
        (&[("HTTPS_PROXY", proxy.clone())], true),
        (&[("https_proxy", proxy.clone())], true),
        (&[("HTTPS_PROXY", proxy.clone()), ("NO_PROXY", "10.0.0.0/8,127.0.0.1".into())], false),
        (&[("HTTPS_PROXY", proxy.clone()), ("NO_PROXY", "127.0.0.0/8".into())], false),
        (&[("HTTP_PROXY", proxy.clone())], false),
    ];
    for (environment, through) in cases {
        let before = asked.load(Ordering::Relaxed);
        let output = in_a_process(&vcsim, environment).await;
        assert!(output.status.success(), "{environment:?}: {}", String::from_utf8_lossy(&output.stdout));
        assert_eq!(asked.load(Ordering::Relaxed) > before, through, "{environment:?}");
    }
    assert_eq!(vcsim.requests().await.unwrap().soap("Login"), 5);
}

#[tokio::test]
async fn a_proxy_that_is_away_is_named() {
    let vcsim = vcsim().await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let output = in_a_process(&vcsim, &[("HTTPS_PROXY", format!("http://127.0.0.1:{closed}"))]).await;
    assert!(!output.status.success());
    assert_eq!(vcsim.requests().await.unwrap().total, 0, "it must not be gone around");
    let told =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    let told = told.lines().find(|line| line.contains("Unreachable")).unwrap();
    println!("{told}");
    assert!(told.contains("through the proxy"), "{told}");
}
