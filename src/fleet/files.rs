//! The configuration file and the CA files it names, as they are now.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use ring::digest::{SHA256, digest};

use crate::config::Config;

/// What the CA files of a configuration contain, by digest; `None` for one that cannot be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Trust(BTreeMap<PathBuf, Option<[u8; 32]>>);

impl Trust {
    /// Reads the CA files that a configuration names.
    pub(super) fn read(config: &Config) -> Self {
        let files = config.vcenters.iter().flat_map(|vcenter| &vcenter.tls.ca_files);
        Self(
            files.map(|path| (path.clone(), std::fs::read(path).ok().map(|content| sum(&content)))).collect(),
        )
    }

    /// Whether both say the same of these files.
    pub(super) fn agrees(&self, other: &Self, files: &[PathBuf]) -> bool {
        files.iter().all(|path| self.0.get(path) == other.0.get(path))
    }

    #[cfg(test)]
    pub(super) fn of<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(files.into_iter().map(|(path, text)| (path.into(), Some(sum(text.as_bytes())))).collect())
    }
}

fn sum(content: &[u8]) -> [u8; 32] {
    let mut sum = [0; 32];
    sum.copy_from_slice(digest(&SHA256, content).as_ref());
    sum
}

type Load = dyn Fn(&Path) -> Result<Config, String> + Send + Sync;

/// Where the configuration comes from.
pub struct Source {
    path: PathBuf,
    load: Box<Load>,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("path", &self.path).finish_non_exhaustive()
    }
}

/// A configuration as it was read, and the files that it was read from.
#[derive(Clone, Debug)]
pub struct Reading {
    /// What the files say.
    pub config: Config,
    pub(super) look: Look,
}

/// The files as they were at one look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Look {
    /// The digest of the configuration file; `None` if it cannot be read.
    text: Option<[u8; 32]>,
    /// The CA files that matter.
    pub(super) trust: Trust,
}

impl Source {
    /// A file, and how it is read: with all its checks, and the environment over it.
    pub fn new(
        path: PathBuf,
        load: impl Fn(&Path) -> Result<Config, String> + Send + Sync + 'static,
    ) -> Self {
        Self { path, load: Box::new(load) }
    }

    /// What the files say now.
    ///
    /// # Errors
    /// What is wrong, for people: it names the file and the line.
    pub fn read(&self) -> Result<Reading, String> {
        // In this order a change in between is noticed at the next look.
        let text = self.text();
        let config = (self.load)(&self.path)?;
        let trust = Trust::read(&config);
        Ok(Reading { config, look: Look { text, trust } })
    }

    /// Whether the files are as they were when this was read.
    pub fn agrees(&self, reading: &Reading) -> bool {
        self.look(&reading.config) == reading.look
    }

    /// The files now; `config` tells which CA files matter.
    pub(super) fn look(&self, config: &Config) -> Look {
        Look { text: self.text(), trust: Trust::read(config) }
    }

    fn text(&self) -> Option<[u8; 32]> {
        std::fs::read(&self.path).ok().map(|content| sum(&content))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Options, load_file};

    #[test]
    fn a_mounted_file_that_kubelet_swaps_is_noticed_and_so_is_its_ca() {
        let mount = tempfile::tempdir().unwrap();
        let ca = mount.path().join("ca.crt");
        let text = |user: &str| {
            format!(
                "vcenter:\n  a: {{server: vc, user: {user}, password: p, caFile: {:?}}}\n",
                ca.display().to_string()
            )
        };
        let version = |name: &str, text: &str| {
            std::fs::create_dir(mount.path().join(name)).unwrap();
            std::fs::write(mount.path().join(name).join("vsphere.conf"), text).unwrap();
            std::os::unix::fs::symlink(name, mount.path().join("..data_tmp")).unwrap();
            std::fs::rename(mount.path().join("..data_tmp"), mount.path().join("..data")).unwrap();
        };
        version("..2026_1", &text("u"));
        let path = mount.path().join("vsphere.conf");
        std::os::unix::fs::symlink("..data/vsphere.conf", &path).unwrap();
        let source = Source::new(path, |path| {
            load_file(path, Options::default()).map(|loaded| loaded.config).map_err(|error| error.to_string())
        });
        let first = source.read().unwrap();
        assert_eq!(source.look(&first.config), first.look);

        version("..2026_2", &text("other"));
        assert_ne!(source.look(&first.config), first.look);
        let second = source.read().unwrap();
        assert_ne!(second.config, first.config);
        assert_eq!(source.look(&second.config), second.look);
        std::fs::write(&ca, "a certificate").unwrap();
        assert_ne!(source.look(&second.config), second.look, "the content of the CA file counts");
    }
}
