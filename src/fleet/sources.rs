//! Where the credentials of a vCenter come from, as a stream of what is there now.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt};
use kube::Client;

use crate::config::{CredentialSource, Credentials, Vcenter};
use crate::k8s::watch_secret;

/// How often a directory is read. A mounted Secret is replaced by swapping a symlink, which file
/// notifications do not follow.
const DIRECTORY_PERIOD: Duration = Duration::from_secs(2);

type Data = BTreeMap<String, Vec<u8>>;

/// What there is, or why there is nothing that can be used; again whenever it changes.
pub(super) type Offers = BoxStream<'static, Result<Credentials, String>>;

/// Follows the credentials of one vCenter; reading never fails for good.
pub(super) fn follow(vcenter: &Vcenter, client: &Client) -> Offers {
    let server = vcenter.server.clone();
    match &vcenter.credentials {
        CredentialSource::Inline { user, password } => {
            let credentials = Credentials::Login { user: user.clone(), password: password.clone() };
            stream::once(std::future::ready(Ok(credentials))).boxed()
        }
        CredentialSource::Secret(secret) => {
            let origin = format!("Secret {secret}");
            watch_secret(client.clone(), &secret.namespace, &secret.name)
                .map(move |data| {
                    let data = data.ok_or_else(|| format!("{origin} does not exist"))?;
                    find(&data, &server, &origin)
                })
                .boxed()
        }
        CredentialSource::Directory(directory) => {
            let origin = format!("directory {}", directory.display());
            contents(directory.clone())
                .map(move |data| {
                    let data = data.map_err(|error| format!("{origin}: {error}"))?;
                    find(&data, &server, &origin)
                })
                .boxed()
        }
    }
}

fn find(data: &Data, server: &str, origin: &str) -> Result<Credentials, String> {
    let found = Credentials::find(data, server, origin).map_err(|error| error.to_string())?;
    for warning in found.warnings {
        tracing::warn!("{warning}");
    }
    Ok(found.credentials)
}

/// The content of a directory, and again whenever it changed. After the first look only what two
/// looks agree on counts: in between, files are being written.
fn contents(directory: PathBuf) -> impl futures::Stream<Item = Result<Data, String>> + Send {
    struct Seen {
        last: Result<Data, String>,
        given: Result<Data, String>,
    }
    stream::unfold((directory, None::<Seen>), |(directory, seen)| async move {
        let Some(mut seen) = seen else {
            let first = read(&directory).await;
            let seen = Seen { last: first.clone(), given: first.clone() };
            return Some((first, (directory, Some(seen))));
        };
        loop {
            tokio::time::sleep(DIRECTORY_PERIOD).await;
            let now = read(&directory).await;
            let agreed = now == seen.last;
            seen.last.clone_from(&now);
            if agreed && now != seen.given {
                seen.given.clone_from(&now);
                return Some((now, (directory, Some(seen))));
            }
        }
    })
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

    #[tokio::test]
    async fn a_mounted_secret_that_kubelet_swaps_is_noticed() {
        let mount = tempfile::tempdir().unwrap();
        let version = |name: &str, password: &str| {
            std::fs::create_dir(mount.path().join(name)).unwrap();
            std::fs::write(mount.path().join(name).join("vc.password"), password).unwrap();
            // As kubelet does it: a new link beside the old one takes its place.
            std::os::unix::fs::symlink(name, mount.path().join("..data_tmp")).unwrap();
            std::fs::rename(mount.path().join("..data_tmp"), mount.path().join("..data")).unwrap();
        };
        version("..2026_1", "old");
        std::os::unix::fs::symlink("..data/vc.password", mount.path().join("vc.password")).unwrap();
        let mut contents = Box::pin(contents(mount.path().to_owned()));
        let password = |data: Result<Data, String>| data.unwrap()["vc.password"].clone();
        assert_eq!(password(contents.next().await.unwrap()), b"old");
        version("..2026_2", "new");
        assert_eq!(password(contents.next().await.unwrap()), b"new");
    }

    #[tokio::test]
    async fn what_is_being_written_is_waited_out() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
        file("vc.password", "old");
        let mut contents = Box::pin(contents(directory.path().to_owned()));
        let content = |data: Result<Data, String>| data.unwrap()["vc.password"].clone();
        assert_eq!(content(contents.next().await.unwrap()), b"old");
        file("vc.password", "ne");
        let next = tokio::spawn(async move { contents.next().await });
        tokio::time::sleep(DIRECTORY_PERIOD + DIRECTORY_PERIOD / 2).await;
        file("vc.password", "new");
        assert_eq!(content(next.await.unwrap().unwrap()), b"new");
    }
}
