//! Where the credentials of a vCenter come from.
//!
//! In this order: the vCenter's own Secret; the global directory (the variable
//! `VSPHERE_SECRETS_DIRECTORY`, `secretsDirectory`, or instead of a global Secret the default
//! directory if it exists); the global Secret; user and password of the vCenter, then the global
//! ones; at last the default directory if it exists.

use std::path::PathBuf;

use secrecy::SecretString;

use super::Resolver;
use super::vcenter::Settings;
use crate::config::keys::{Field, Section};
use crate::config::model::{CredentialSource, SecretRef};
use crate::config::origin::Place;
use crate::config::raw::RawSection;

/// Where a section says that credentials are, other than in the file.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// It does not say.
    None,
    /// In a Secret.
    Secret(SecretRef),
    /// In the files of a directory.
    Directory(PathBuf),
    /// It says it wrongly, which is reported already.
    Broken,
}

const SOURCE: [Field; 3] = [Field::SecretName, Field::SecretNamespace, Field::SecretsDirectory];

impl Resolver<'_> {
    pub(super) fn source(&mut self, raw: &RawSection) -> Source {
        if SOURCE.iter().any(|field| raw.has_lost(*field)) {
            return Source::Broken;
        }
        let directory = raw.text(Field::SecretsDirectory);
        let secret = match self.secret(raw) {
            Source::Secret(secret) => secret,
            Source::None => {
                return directory.map_or(Source::None, |(path, _)| Source::Directory(PathBuf::from(path)));
            }
            other => return other,
        };
        if let Some((path, place)) = directory {
            let in_file = |field| matches!(raw.place_of(field), Place::Line(_));
            if SOURCE.into_iter().all(in_file) {
                let (a, b) = (self.name(Field::SecretName), self.name(Field::SecretNamespace));
                let message = format!("cannot stand beside `{a}` and `{b}`; keep one of the two ways");
                self.error(raw, Field::SecretsDirectory, place, message);
                return Source::Broken;
            }
            let by = self.giver(raw, Field::SecretsDirectory);
            self.unused_secret(raw, &format!("`{by}` is given"));
            return Source::Directory(PathBuf::from(path));
        }
        match self.default_directory {
            Some(path) if raw.section == Section::Global => {
                self.unused_secret(raw, &format!("the directory {} exists", path.display()));
                Source::Directory(path.to_owned())
            }
            _ => Source::Secret(secret),
        }
    }

    fn unused_secret(&mut self, raw: &RawSection, why: &str) {
        let message = format!("has no effect, because {why}, and a directory comes before the global Secret");
        self.warn(raw, Field::SecretName, message);
    }

    /// The Secret that a section names.
    pub(super) fn secret(&mut self, raw: &RawSection) -> Source {
        match (Self::trimmed(raw, Field::SecretName), Self::trimmed(raw, Field::SecretNamespace)) {
            (None, None) => Source::None,
            (Some(name), Some(namespace)) => Source::Secret(SecretRef { namespace, name }),
            (Some(_), None) => self.half(raw, Field::SecretName, Field::SecretNamespace),
            (None, Some(_)) => self.half(raw, Field::SecretNamespace, Field::SecretName),
        }
    }

    fn half(&mut self, raw: &RawSection, given: Field, missing: Field) -> Source {
        if !raw.has_lost(missing) {
            let section = raw.section.path(self.dialect);
            let message = format!("needs `{}` beside it in `{section}`", self.name(missing));
            self.error(raw, given, raw.place_of(given), message);
        }
        Source::Broken
    }

    /// The credentials of the vCenter of this section.
    pub(super) fn credentials(
        &mut self,
        section: &Section,
        own: &Settings<'_>,
        global: &Settings<'_>,
    ) -> CredentialSource {
        let source = if own.source == Source::None { global } else { own };
        if own.raw.section != Section::Global {
            self.unused_inline(own, source);
        }
        for field in SOURCE {
            if source.raw.text(field).is_some() {
                self.origins.set(section, field, source.raw.place_of(field));
            }
        }
        match &source.source {
            Source::Secret(secret) => CredentialSource::Secret(secret.clone()),
            Source::Directory(directory) => CredentialSource::Directory(directory.clone()),
            Source::Broken => inline("", ""),
            Source::None => self.inline(section, own, global),
        }
    }

    /// User and password out of the file, if there are any; else the default directory.
    fn inline(&mut self, section: &Section, own: &Settings<'_>, global: &Settings<'_>) -> CredentialSource {
        let fields = [Field::User, Field::Password];
        let lost = |field| own.raw.has_lost(field) || global.raw.has_lost(field);
        let givers =
            fields.map(|field| [own, global].into_iter().find(|side| side.raw.text(field).is_some()));
        if let (Some(path), [None, None], false) =
            (self.default_directory, givers, fields.into_iter().any(lost))
        {
            return CredentialSource::Directory(path.to_owned());
        }
        let mut texts = ["", ""];
        for ((field, giver), text) in fields.into_iter().zip(givers).zip(&mut texts) {
            match giver {
                Some(giver) => {
                    self.origins.set(section, field, giver.raw.place_of(field));
                    *text = giver.raw.text(field).map_or("", |(text, _)| text);
                }
                None if !lost(field) => self.no_credentials(own.raw, field),
                None => {}
            }
        }
        let [user, password] = texts;
        inline(user, password)
    }

    fn no_credentials(&mut self, raw: &RawSection, field: Field) {
        let message = format!(
            "is empty; write `{}` and `{}` here or in `{}`, or name a Secret with `{}` and `{}`",
            self.name(Field::User),
            self.name(Field::Password),
            Section::Global.path(self.dialect),
            self.name(Field::SecretName),
            self.name(Field::SecretNamespace),
        );
        self.error(raw, field, raw.place_of(field), message);
    }

    /// Tells of credentials in the file that are passed over for a Secret.
    pub(super) fn unused_inline(&mut self, own: &Settings<'_>, source: &Settings<'_>) {
        let by = match source.source {
            Source::Secret(_) => Field::SecretName,
            Source::Directory(_) => Field::SecretsDirectory,
            Source::None | Source::Broken => return,
        };
        let why = match (source.raw.text(by), self.default_directory) {
            (None, Some(path)) => format!("the directory {} exists", path.display()),
            _ => format!("`{}` is given", self.giver(source.raw, by)),
        };
        for field in [Field::User, Field::Password] {
            if own.raw.text(field).is_some() {
                self.warn(own.raw, field, format!("has no effect, because {why}; remove one"));
            }
        }
    }
}

fn inline(user: &str, password: &str) -> CredentialSource {
    CredentialSource::Inline { user: user.to_owned(), password: SecretString::from(password.to_owned()) }
}
