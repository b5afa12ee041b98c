//! Flags of the HTTPS server, with upstream's defaults; and of who may ask it.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::flags::go::{self, Switch};

/// What the HTTPS server has to know.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(next_help_heading = "Secure serving flags")]
#[group(skip)]
#[non_exhaustive]
pub struct ServingArgs {
    /// The address to listen at; 0.0.0.0 and :: are all.
    #[arg(long, value_name = "IP", default_value = "0.0.0.0", value_parser = address)]
    pub bind_address: IpAddr,

    /// The port to serve HTTPS at; 0 is none.
    #[arg(long, value_name = "PORT", default_value_t = 10258)]
    pub secure_port: u16,

    /// A directory with cloud-controller-manager.crt and .key, unless --tls-cert-file is given.
    #[arg(long, value_name = "DIRECTORY", value_parser = go::path())]
    pub cert_dir: Option<PathBuf>,

    /// The server's certificate in PEM, its intermediate CAs behind it. Without it one is made at each start.
    #[arg(long, value_name = "FILE", requires = "tls_private_key_file", value_parser = go::path())]
    pub tls_cert_file: Option<PathBuf>,

    /// The private key of --tls-cert-file.
    #[arg(long, value_name = "FILE", requires = "tls_cert_file", value_parser = go::path())]
    pub tls_private_key_file: Option<PathBuf>,

    /// A certificate and its key for some names, as cert,key or cert,key:name,*.name; may be repeated.
    #[arg(long, value_name = "FILES")]
    pub tls_sni_cert_key: Vec<SniPair>,

    /// The oldest TLS version to speak.
    #[arg(long, value_name = "VERSION", value_enum)]
    pub tls_min_version: Option<TlsVersion>,

    /// The cipher suites to offer, separated by commas, in the names of IANA.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub tls_cipher_suites: Vec<String>,

    /// The key exchanges to offer, separated by commas, as the numbers of IANA.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub tls_curve_preferences: Vec<u16>,

    /// Speak HTTP/1.1 only.
    #[arg(long, default_value = "false")]
    pub disable_http2_serving: Switch,

    /// The most streams of one HTTP/2 connection; 0 leaves it to the server.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub http2_max_streams_per_connection: u32,

    /// Listen also where somebody else listens with the same wish (SO_REUSEPORT).
    #[arg(long, default_value = "false")]
    pub permit_port_sharing: Switch,

    /// Accepted without effect: listening where an old connection lingers (SO_REUSEADDR) is always permitted.
    #[arg(long, default_value = "false")]
    pub permit_address_sharing: Switch,

    /// Who asks.
    #[command(flatten)]
    pub authentication: AuthenticationArgs,

    /// What they may.
    #[command(flatten)]
    pub authorization: AuthorizationArgs,

    /// What they find out about the process.
    #[command(flatten)]
    pub debugging: DebuggingArgs,
}

impl ServingArgs {
    /// Takes what was left blank for not given: manifests made from templates have such flags.
    pub(super) fn drop_blanks(&mut self) {
        let (authentication, authorization) = (&mut self.authentication, &mut self.authorization);
        for path in [
            &mut self.cert_dir,
            &mut self.tls_cert_file,
            &mut self.tls_private_key_file,
            &mut authentication.authentication_kubeconfig,
            &mut authentication.client_ca_file,
            &mut authentication.requestheader_client_ca_file,
            &mut authorization.authorization_kubeconfig,
        ] {
            path.take_if(|path| path.as_os_str().is_empty());
        }
        for list in [
            &mut self.tls_cipher_suites,
            &mut authentication.requestheader_allowed_names,
            &mut authentication.requestheader_username_headers,
            &mut authentication.requestheader_uid_headers,
            &mut authentication.requestheader_group_headers,
            &mut authentication.requestheader_extra_headers_prefix,
            &mut authorization.authorization_always_allow_paths,
        ] {
            list.retain(|element| !element.is_empty());
        }
    }
}

/// How the server learns who asks.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(next_help_heading = "Authentication flags")]
#[group(skip)]
#[non_exhaustive]
pub struct AuthenticationArgs {
    /// A kubeconfig with the right to create TokenReviews, if the manager itself is not to ask.
    #[arg(long, value_name = "FILE", value_parser = go::path())]
    pub authentication_kubeconfig: Option<PathBuf>,

    /// Do not look in the cluster for what is not given here.
    #[arg(long, default_value = "false")]
    pub authentication_skip_lookup: Switch,

    /// How long the outcome of a TokenReview is believed.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = go::duration_or_zero)]
    pub authentication_token_webhook_cache_ttl: Duration,

    /// Do not warn if the look into the cluster fails. It never keeps the manager from starting, and is
    /// tried again.
    #[arg(long, default_value = "false")]
    pub authentication_tolerate_lookup_failure: Switch,

    /// The CAs of client certificates: whoever has one is its common name.
    #[arg(long, value_name = "FILE", value_parser = go::path())]
    pub client_ca_file: Option<PathBuf>,

    /// The CAs of front proxies that may name users in headers.
    #[arg(long, value_name = "FILE", value_parser = go::path())]
    pub requestheader_client_ca_file: Option<PathBuf>,

    /// The common names of those front proxies, separated by commas; none is any.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub requestheader_allowed_names: Vec<String>,

    /// The headers that name the user.
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "x-remote-user")]
    pub requestheader_username_headers: Vec<String>,

    /// The headers that name the user's uid.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub requestheader_uid_headers: Vec<String>,

    /// The headers that name the user's groups.
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "x-remote-group")]
    pub requestheader_group_headers: Vec<String>,

    /// The beginnings of headers that tell more of the user.
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "x-remote-extra-")]
    pub requestheader_extra_headers_prefix: Vec<String>,
}

/// How the server learns what somebody may.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(next_help_heading = "Authorization flags")]
#[group(skip)]
#[non_exhaustive]
pub struct AuthorizationArgs {
    /// A kubeconfig with the right to create SubjectAccessReviews, if the manager itself is not to ask.
    #[arg(long, value_name = "FILE", value_parser = go::path())]
    pub authorization_kubeconfig: Option<PathBuf>,

    /// Paths that everybody may ask for, separated by commas.
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "/healthz,/readyz,/livez")]
    pub authorization_always_allow_paths: Vec<String>,

    /// How long a permission is believed.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = go::duration_or_zero)]
    pub authorization_webhook_cache_authorized_ttl: Duration,

    /// How long a refusal is believed.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = go::duration_or_zero)]
    pub authorization_webhook_cache_unauthorized_ttl: Duration,
}

/// What the server tells of the process itself.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(next_help_heading = "Debugging flags")]
#[group(skip)]
#[non_exhaustive]
pub struct DebuggingArgs {
    /// Accepted without effect: profiles are a facility of Go, and there are none here.
    #[arg(long, default_value = "true")]
    pub profiling: Switch,

    /// Accepted without effect, likewise.
    #[arg(long, default_value = "false")]
    pub contention_profiling: Switch,
}

/// Versions of TLS, by Go's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum TlsVersion {
    /// 1.0: nothing older than 1.2 is ever spoken, whatever is allowed.
    #[value(name = "VersionTLS10")]
    V10,
    /// 1.1, likewise.
    #[value(name = "VersionTLS11")]
    V11,
    /// 1.2
    #[value(name = "VersionTLS12")]
    V12,
    /// 1.3
    #[value(name = "VersionTLS13")]
    V13,
}

/// A certificate for some names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SniPair {
    /// The certificate's file.
    pub certificate: PathBuf,
    /// The key's file.
    pub key: PathBuf,
    /// For which names (with `*.` in front: for all directly below); empty: those in the certificate.
    pub names: Vec<String>,
}

impl FromStr for SniPair {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (files, names) = text.split_once(':').unwrap_or((text, ""));
        let pair = files.split_once(',').filter(|(certificate, key)| {
            !certificate.trim().is_empty() && !key.trim().is_empty() && !key.contains(',')
        });
        let (certificate, key) = pair.ok_or("expected cert,key or cert,key:name,name")?;
        let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
        Ok(Self {
            certificate: certificate.trim().into(),
            key: key.trim().into(),
            names: names.map(str::to_owned).collect(),
        })
    }
}

/// An IP address; empty is every one.
fn address(text: &str) -> Result<IpAddr, String> {
    if text.is_empty() {
        return Ok(Ipv4Addr::UNSPECIFIED.into());
    }
    text.parse().map_err(|_| "expected an IP address such as 0.0.0.0 or ::1".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_written_as_in_go() {
        let pair: SniPair = "foo.crt,foo.key:*.foo.com,foo.com".parse().unwrap();
        assert_eq!((pair.certificate, pair.key), ("foo.crt".into(), "foo.key".into()));
        assert_eq!(pair.names, ["*.foo.com", "foo.com"]);
        assert!("foo.crt,foo.key".parse::<SniPair>().unwrap().names.is_empty());
        for text in ["", "foo.crt", "foo.crt,", "a,b,c", ":foo.com"] {
            assert!(text.parse::<SniPair>().is_err(), "{text}");
        }
    }
}
