//! Flags about the cloud.

use std::path::PathBuf;
use std::time::Duration;

use super::go::{self, Switch};

/// The only provider that there is.
const VSPHERE: &str = "vsphere";

/// Where vCenter is, and how it is asked.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(next_help_heading = "Cloud provider flags")]
#[group(skip)]
pub(crate) struct Flags {
    /// The configuration file (vsphere.conf), in YAML or INI.
    #[arg(long, value_name = "FILE", required_unless_present = "version")]
    pub(crate) cloud_config: Option<PathBuf>,

    /// The cloud provider; this one only.
    #[arg(long, value_name = "NAME", default_value = VSPHERE, value_parser = provider)]
    cloud_provider: String,

    /// Refuse a configuration with unknown keys or values without effect, instead of warning.
    #[arg(long, default_value = "false")]
    pub(crate) strict_config: Switch,

    /// How often the configuration file and the CA files are looked at.
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = go::duration)]
    pub(crate) config_poll_period: Duration,

    /// How often the tags for zones and regions are read again: vCenter does not tell of their changes.
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = go::duration)]
    pub(crate) tag_refresh_period: Duration,
}

fn provider(name: &str) -> Result<String, String> {
    match name {
        VSPHERE => Ok(name.to_owned()),
        "vsphere-paravirtual" => {
            Err("this manager talks to vCenter, not to a Supervisor. In a guest cluster of vSphere with \
             Kubernetes stay with upstream's manager; elsewhere use --cloud-provider=vsphere with a \
             vsphere.conf"
                .to_owned())
        }
        _ => Err("this is the cloud provider of vSphere: use --cloud-provider=vsphere".to_owned()),
    }
}
