//! Where the credentials of a vCenter come from, as a feed that tells of their changes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use tokio::sync::watch;
use tracing::{info, warn};

use crate::config::{CredentialSource, Credentials, Vcenter};
use crate::k8s::watch_secret;
use crate::vsphere::CredentialFeed;

/// How often a directory is read. A mounted Secret is replaced by swapping a symlink, which file
/// notifications do not follow; kubelet itself takes a minute or more to swap it.
const DIRECTORY_PERIOD: Duration = Duration::from_secs(10);

type Data = BTreeMap<String, Vec<u8>>;
type Sender = watch::Sender<Result<Arc<Credentials>, String>>;

/// Follows the credentials of one vCenter.
pub(super) fn feed(vcenter: &Vcenter, client: &kube::Client) -> CredentialFeed {
    match &vcenter.credentials {
        CredentialSource::Inline { user, password } => {
            let credentials = Credentials::Login { user: user.clone(), password: password.clone() };
            watch::channel(Ok(Arc::new(credentials))).1
        }
        CredentialSource::Secret(secret) => {
            let origin = format!("Secret {secret}");
            let (sender, feed) = watch::channel(Err(format!("{origin} has not been read yet")));
            let server = vcenter.server.clone();
            let mut changes = watch_secret(client.clone(), &secret.namespace, &secret.name).boxed();
            tokio::spawn(async move {
                while let Some(data) = changes.next().await {
                    let data = data.ok_or_else(|| format!("{origin} does not exist"));
                    offer(&sender, data, &server, &origin);
                }
            });
            feed
        }
        CredentialSource::Directory(directory) => {
            let origin = format!("directory {}", directory.display());
            let (sender, feed) = watch::channel(Err(format!("{origin} has not been read yet")));
            let (server, directory) = (vcenter.server.clone(), directory.clone());
            tokio::spawn(async move {
                let mut before = None;
                loop {
                    let data = read(&directory).await.map_err(|error| format!("{origin}: {error}"));
                    if before.as_ref() != Some(&data) {
                        offer(&sender, data.clone(), &server, &origin);
                        before = Some(data);
                    }
                    tokio::time::sleep(DIRECTORY_PERIOD).await;
                }
            });
            feed
        }
    }
}

/// Passes credentials on if they are new. Bad ones never replace good ones.
fn offer(sender: &Sender, data: Result<Data, String>, server: &str, origin: &str) {
    let found =
        data.and_then(|data| Credentials::find(&data, server, origin).map_err(|error| error.to_string()));
    let offered = match found {
        Ok(found) => {
            for warning in found.warnings {
                warn!("{warning}");
            }
            Ok(found.credentials)
        }
        Err(error) => Err(error),
    };
    sender.send_if_modified(|current| match (&*current, offered) {
        (Ok(old), Ok(new)) if **old == new => false,
        (Ok(_), Err(error)) => {
            warn!(%error, "the credentials cannot be read; the last good ones stay in use");
            false
        }
        (Err(old), Err(new)) if *old == new => false,
        (_, Err(error)) => {
            warn!(%error, "no credentials");
            *current = Err(error);
            true
        }
        (old, Ok(new)) => {
            if old.is_ok() {
                info!(origin, account = new.account(), "the credentials have changed");
            }
            *current = Ok(Arc::new(new));
            true
        }
    });
}

/// The files of a directory by name; those that kubelet hides (`..data`) are left out.
async fn read(directory: &Path) -> Result<Data, String> {
    let describe = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    let mut entries = tokio::fs::read_dir(directory).await.map_err(|error| error.to_string())?;
    let mut data = Data::new();
    while let Some(entry) = entries.next_entry().await.map_err(|error| error.to_string())? {
        let path: PathBuf = entry.path();
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name.starts_with('.') || path.is_dir() {
            continue;
        }
        data.insert(name, tokio::fs::read(&path).await.map_err(|error| describe(&path, error))?);
    }
    Ok(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(user: &str, password: &str) -> Data {
        BTreeMap::from([("vc.username".to_owned(), user.into()), ("vc.password".to_owned(), password.into())])
    }

    #[test]
    fn only_good_and_new_credentials_are_passed_on() {
        let (sender, mut feed) = watch::channel(Err("not read yet".to_owned()));
        offer(&sender, Err("gone".into()), "vc", "Secret a/b");
        assert!(feed.borrow_and_update().is_err());
        offer(&sender, Ok(data("u", "p")), "vc", "Secret a/b");
        assert!(feed.has_changed().unwrap());
        let first = feed.borrow_and_update().clone().unwrap();
        for unchanged in [Ok(data("u", "p")), Ok(Data::new()), Err("gone".to_owned())] {
            offer(&sender, unchanged, "vc", "Secret a/b");
            assert!(!feed.has_changed().unwrap());
        }
        assert!(Arc::ptr_eq(&first, feed.borrow().as_ref().unwrap()));
        offer(&sender, Ok(data("u", "q")), "vc", "Secret a/b");
        assert!(feed.has_changed().unwrap());
    }

    #[tokio::test]
    async fn a_directory_is_read_without_what_kubelet_hides() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("..2026")).unwrap();
        std::fs::write(directory.path().join("vc.username"), "u").unwrap();
        assert_eq!(
            read(directory.path()).await.unwrap(),
            BTreeMap::from([("vc.username".into(), b"u".into())])
        );
        assert!(read(&directory.path().join("none")).await.is_err());
    }
}
