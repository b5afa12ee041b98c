//! The sample files of the repository: complete, right, and the same in both dialects.

use std::collections::BTreeMap;

use secrecy::ExposeSecret;

use super::super::keys::{Field, Section, Shape};
use super::super::{Config, CredentialSource, Credentials, Dialect, NsxtAuth, Options, load_file};
use super::load;

const YAML: &str = include_str!("../../../config/vsphere.conf.yaml");
const INI: &str = include_str!("../../../config/vsphere.conf.ini");
const SECRET: &str = include_str!("../../../config/secret.yaml");

/// Read without a warning.
fn config(text: &str, name: &str) -> Config {
    let loaded = load(text, name, Options { strict: true }).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let warnings: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert!(warnings.iter().all(|note| note.contains("accepted for compatibility")), "{warnings:?}");
    loaded.config
}

#[test]
fn samples_are_read_without_warnings_and_say_the_same() {
    let (yaml, ini) = (config(YAML, "yaml"), config(INI, "ini"));
    assert_eq!(yaml, ini);
    assert_eq!(yaml.vcenters.len(), 2);
    assert!(yaml.load_balancer.configured().is_some() && yaml.route.configured().is_some());
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/config/");
    for name in ["vsphere.conf.yaml", "vsphere.conf.ini"] {
        assert!(load_file(format!("{root}{name}"), Options { strict: true }).is_ok());
    }
}

/// A mark with no blank behind it makes a comment of an example.
fn uncomment(line: &str, dialect: Dialect) -> String {
    let mark = match dialect {
        Dialect::Yaml => '#',
        Dialect::Ini => ';',
    };
    let indent = line.len() - line.trim_start().len();
    match line[indent..].strip_prefix(mark) {
        Some(example) if example.starts_with(char::is_alphabetic) => format!("{}{example}", &line[..indent]),
        _ => line.to_owned(),
    }
}

fn key(line: &str) -> &str {
    let line = line.trim_start();
    &line[..line.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(line.len())]
}

/// Everything, with these keys left out: of several ways only one may be taken.
fn everything_but(text: &str, dialect: Dialect, without: &[Field]) -> String {
    let names: Vec<_> = without.iter().map(|field| super::super::keys::name(dialect, *field)).collect();
    let lines = text.lines().map(|line| uncomment(line, dialect));
    lines.filter(|line| !names.contains(&key(line))).map(|line| line + "\n").collect()
}

const LOGIN: [Field; 2] = [Field::User, Field::Password];
const SECRETS: [Field; 2] = [Field::SecretName, Field::SecretNamespace];
const DIRECTORY: [Field; 1] = [Field::SecretsDirectory];
const CERTIFICATE: [Field; 2] = [Field::ClientAuthCertFile, Field::ClientAuthKeyFile];
const VMC: [Field; 3] = [Field::VmcAccessToken, Field::VmcAuthHost, Field::RemoteAuth];
const NAMES: [Field; 3] = [Field::IpPoolName, Field::TcpAppProfileName, Field::UdpAppProfileName];
const IDS: [Field; 3] = [Field::IpPoolId, Field::TcpAppProfilePath, Field::UdpAppProfilePath];

#[test]
fn examples_work_when_their_mark_is_removed() {
    /// The keys to leave out, and how what is left logs in.
    type Way<'a> = (&'a [&'a [Field]], fn(&Config) -> bool);
    let ways: [Way<'_>; 4] = [
        (&[&SECRETS, &DIRECTORY, &CERTIFICATE, &VMC[..2], &IDS], |config| {
            matches!(config.vcenters[0].credentials, CredentialSource::Inline { .. })
                && matches!(config.nsxt.configured().unwrap().auth, NsxtAuth::Login { .. })
        }),
        (&[&LOGIN, &DIRECTORY, &CERTIFICATE, &VMC[..2], &NAMES], |config| {
            matches!(config.vcenters[0].credentials, CredentialSource::Secret(_))
                && matches!(config.nsxt.configured().unwrap().auth, NsxtAuth::Secret(_))
        }),
        (&[&LOGIN, &SECRETS, &CERTIFICATE, &[Field::RemoteAuth], &NAMES], |config| {
            matches!(config.vcenters[0].credentials, CredentialSource::Directory(_))
                && matches!(config.nsxt.configured().unwrap().auth, NsxtAuth::Vmc { .. })
        }),
        (&[&LOGIN, &SECRETS, &VMC, &IDS], |config| {
            matches!(config.nsxt.configured().unwrap().auth, NsxtAuth::ClientCertificate { .. })
        }),
    ];
    for (without, wanted) in ways {
        let without = without.concat();
        let yaml = config(&everything_but(YAML, Dialect::Yaml, &without), "yaml");
        let ini = config(&everything_but(INI, Dialect::Ini, &without), "ini");
        assert_eq!(yaml, ini);
        assert!(wanted(&yaml), "{yaml:#?}");
        assert_eq!(yaml.vcenters.len(), 3, "the one of the global section too");
    }
}

/// The lines of each section; those of a name are one section.
fn sections(text: &str, dialect: Dialect) -> BTreeMap<String, String> {
    let mut sections: BTreeMap<String, String> = BTreeMap::new();
    let mut current = String::new();
    for line in text.lines().map(|line| uncomment(line, dialect)) {
        let header = match dialect {
            Dialect::Yaml => line.ends_with(':') && !line.starts_with([' ', '#']),
            Dialect::Ini => line.starts_with('['),
        };
        if header {
            current = key(line.trim_start_matches('[')).to_ascii_lowercase();
        }
        *sections.entry(current.clone()).or_default() += &(line + "\n");
    }
    sections
}

#[test]
fn samples_have_every_key_with_a_comment() {
    for (text, dialect) in [(YAML, Dialect::Yaml), (INI, Dialect::Ini)] {
        let sections = sections(text, dialect);
        for section in Section::examples(dialect) {
            let path = section.path(dialect);
            let header = key(path.trim_start_matches('[')).to_ascii_lowercase();
            let lines = sections.get(&header).unwrap_or_else(|| panic!("no {path}"));
            for known in section.keys() {
                let name = known.name(dialect);
                // What has no effect is told of once, in the global section.
                let needed = known.shape != Shape::Ignored || section == Section::Global;
                let there = lines.lines().any(|line| key(line) == name);
                assert!(there || !needed, "{name} is missing in {path} of the {dialect:?} sample");
            }
        }
    }
}

#[test]
fn the_sample_secrets_are_what_the_samples_name() {
    let documents: Vec<_> = SECRET.split("\n---\n").collect();
    let data = |document: &str| -> BTreeMap<String, Vec<u8>> {
        let lines = document.lines().skip_while(|line| *line != "stringData:").skip(1);
        let examples = lines.map(|line| uncomment(line, Dialect::Yaml));
        let pairs = examples.filter(|line| line.starts_with("  ") && !line.trim_start().starts_with('#'));
        pairs
            .map(|line| {
                let (key, value) = line.trim().split_once(": ").unwrap();
                (key.to_owned(), value.trim_matches('\'').as_bytes().to_vec())
            })
            .collect()
    };
    for vcenter in &config(YAML, "yaml").vcenters {
        let CredentialSource::Secret(secret) = &vcenter.credentials else { panic!() };
        let document =
            documents.iter().find(|text| text.contains(&format!("  name: {}\n", secret.name))).unwrap();
        let found = Credentials::find(&data(document), &vcenter.server, "sample").unwrap();
        assert!(found.warnings.is_empty(), "{:?}", found.warnings);
        assert!(matches!(found.credentials, Credentials::Login { .. }));
    }
    let shared = documents.iter().find(|text| text.contains("vc-session-manager-url")).unwrap();
    let found = Credentials::find(&data(shared), "vc3.example.com", "sample").unwrap();
    assert!(found.warnings.is_empty(), "{:?}", found.warnings);
    let Credentials::SessionManager { url, token } = found.credentials else { panic!() };
    assert!(url.expose_secret().starts_with("https://") && token.is_some());
}
