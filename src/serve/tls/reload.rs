//! The certificate in use, and how it is replaced while serving.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use tracing::{info, warn};

use super::identity::{Content, Files, IdentityError};

/// The certificate in use. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Current(Arc<RwLock<Arc<CertifiedKey>>>);

impl Current {
    pub(super) fn new(first: CertifiedKey) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(first))))
    }

    /// What is in the files, now and whenever they change; must be called within a runtime.
    pub(super) fn follow(
        files: Files,
        provider: &Arc<CryptoProvider>,
        period: Duration,
    ) -> Result<Self, IdentityError> {
        let content = files.read()?;
        let this = Self::new(content.certified(&files, provider)?);
        tokio::spawn(follow(this.clone(), files, content, Arc::clone(provider), period));
        Ok(this)
    }

    /// As of now.
    pub(super) fn get(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn replace(&self, new: CertifiedKey) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
    }
}

/// Reads the files for ever; what is no pair never replaces one that is.
///
/// It ends when the server does, which has the other clone of `current`.
async fn follow(
    current: Current,
    files: Files,
    first: Content,
    provider: Arc<CryptoProvider>,
    period: Duration,
) {
    let mut follower = Follower { current, files, provider, seen: first, told: None };
    loop {
        tokio::time::sleep(period).await;
        if Arc::strong_count(&follower.current.0) == 1 {
            return;
        }
        let looked = tokio::task::spawn_blocking(move || {
            follower.look();
            follower
        });
        let Ok(back) = looked.await else { return };
        follower = back;
    }
}

struct Follower {
    current: Current,
    files: Files,
    provider: Arc<CryptoProvider>,
    /// What the files had when they were used last.
    seen: Content,
    told: Option<String>,
}

impl Follower {
    /// Uses the files if they have changed and are a pair.
    fn look(&mut self) {
        let read = self.files.read().and_then(|content| {
            if content == self.seen {
                return Ok(None);
            }
            let certified = content.certified(&self.files, &self.provider)?;
            Ok(Some((content, certified)))
        });
        match read {
            Ok(None) => self.told = None,
            Ok(Some((content, certified))) => {
                self.current.replace(certified);
                self.seen = content;
                self.told = None;
                info!("the server's certificate has changed and is in use");
            }
            Err(error) => {
                // Files are replaced one after the other: the next look may find the whole pair.
                let problem = error.to_string();
                if self.told.as_ref() != Some(&problem) {
                    warn!(problem, "the server's new certificate is not used; the last good one stays");
                    self.told = Some(problem);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::identity::tests::write_pair;
    use super::*;
    use std::fs;

    #[test]
    fn only_a_pair_replaces_a_pair() {
        let directory = tempfile::tempdir().unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let files = write_pair(directory.path());
        let seen = files.read().unwrap();
        let first = seen.certified(&files, &provider).unwrap();
        let current = Current::new(first);
        let leaf = |current: &Current| current.get().cert[0].clone();
        let before = leaf(&current);
        let mut follower =
            Follower { current: current.clone(), files: files.clone(), provider, seen, told: None };
        follower.look();
        assert_eq!(leaf(&current), before);

        let path = |name: &str| directory.path().join(name);
        let old_key = fs::read(path("tls.key")).unwrap();
        write_pair(directory.path());
        let new_key = fs::read(path("tls.key")).unwrap();
        for broken in [&old_key[..], &new_key[..new_key.len() - 40], b""] {
            fs::write(path("tls.key"), broken).unwrap();
            follower.look();
            assert_eq!(leaf(&current), before, "half of a pair");
            assert!(follower.told.is_some());
        }
        fs::write(path("tls.key"), &new_key).unwrap();
        follower.look();
        assert_ne!(leaf(&current), before);
        assert_eq!(follower.told, None);

        let after = leaf(&current);
        fs::remove_file(path("tls.crt")).unwrap();
        follower.look();
        assert_eq!(leaf(&current), after, "a file that is away");
    }
}
