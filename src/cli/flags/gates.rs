//! `--feature-gates`: read for the sake of upstream's manifests. No gate has an effect here.

use std::str::FromStr;

use super::go::Switch;
use crate::config::nearest;

/// The gates that upstream's manager 1.36 knows.
const KNOWN: &str = "APIResponseCompression APIServerIdentity APIServingWithRoutine AllAlpha AllBeta \
    AllowParsingUserUIDFromCertAuth AllowUnsafeMalformedObjectDeletion CBORServingAndStorage \
    CloudControllerManagerWatchBasedRoutesReconciliation CloudControllerManagerWebhook ComponentFlagz \
    ComponentStatusz ConcurrentWatchObjectDecode ConstrainedImpersonation ContextualLogging \
    ControllerManagerReleaseLeaderElectionLockOnExit CoordinatedLeaderElection DeclarativeValidationBeta \
    DetectCacheInconsistency ListFromCacheSnapshot LoggingAlphaOptions LoggingBetaOptions \
    ManifestBasedAdmissionControlConfig NativeHistograms OpenAPIEnums RemoteRequestHeaderUID \
    ShardedListAndWatch SizeBasedListCostEstimate StorageVersionAPI StorageVersionHash \
    StructuredAuthenticationConfigurationEgressSelector StructuredAuthenticationConfigurationJWKSMetrics \
    TokenRequestServiceAccountUIDValidation UnauthenticatedHTTP2DOSMitigation \
    UnknownVersionInteroperabilityProxy WatchCacheInitializationPostStartHook WatchList";

/// Which gates are set.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(next_help_heading = "Generic flags")]
#[group(skip)]
pub(crate) struct Flags {
    /// Feature gates of Kubernetes, as Name=true or Name=false, separated by commas. None has an effect
    /// here; an unknown one is warned of.
    #[arg(long, value_name = "LIST", value_delimiter = ',', action = clap::ArgAction::Append)]
    feature_gates: Vec<Gate>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Gate(String);

impl FromStr for Gate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self(String::new()));
        }
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        let named = !name.trim().is_empty() && value.trim().parse::<Switch>().is_ok();
        named
            .then(|| Self(name.trim().to_owned()))
            .ok_or_else(|| "expected Name=true or Name=false".to_owned())
    }
}

impl Flags {
    /// What there is to say of them: of the known ones, and of each that is unknown.
    pub(crate) fn remarks(&self) -> (Option<String>, Vec<String>) {
        let is_known = |gate: &&Gate| KNOWN.split_whitespace().any(|known| known == gate.0);
        let given = self.feature_gates.iter().filter(|gate| !gate.0.is_empty());
        let (known, unknown): (Vec<_>, Vec<_>) = given.partition(is_known);
        let names: Vec<&str> = known.iter().map(|gate| gate.0.as_str()).collect();
        let known = (!names.is_empty())
            .then(|| format!("--feature-gates {}: feature gates have no effect here", names.join(", ")));
        let unknown = unknown.into_iter().map(|Gate(name)| {
            let near = nearest(name, KNOWN.split_whitespace());
            let hint = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            format!("--feature-gates {name}: there is no such feature gate{hint}")
        });
        (known, unknown.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_gates_are_told_with_the_nearest() {
        let gates = ["AllAlpha=true", "WatchLst=False", "", "WatchList=1"];
        let flags = Flags { feature_gates: gates.iter().map(|gate| gate.parse().unwrap()).collect() };
        let (known, unknown) = flags.remarks();
        assert!(known.unwrap().contains("AllAlpha, WatchList"));
        assert_eq!(
            unknown,
            ["--feature-gates WatchLst: there is no such feature gate; did you mean WatchList?"]
        );
        for text in ["AllAlpha", "AllAlpha=", "AllAlpha=maybe", "=true"] {
            assert!(text.parse::<Gate>().is_err(), "{text}");
        }
    }
}
