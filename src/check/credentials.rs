//! Where the credentials of a vCenter come from, and whether they can be read.

use kube::Client;

use super::{Finding, Topic};
use crate::config::{CredentialSource, Credentials, Vcenter};
use crate::fleet::read_credentials;

const TOPIC: Topic = Topic::Credentials;

/// Reads them.
pub(super) async fn check(vcenter: &Vcenter, client: Option<&Client>) -> (Vec<Finding>, Option<Credentials>) {
    if let (CredentialSource::Secret(secret), None) = (&vcenter.credentials, client) {
        let message =
            format!("they are in Secret {secret}, which cannot be read without a cluster; no login is tried");
        return (vec![TOPIC.warn(&vcenter.id, message, "give --kubeconfig")], None);
    }
    match read_credentials(vcenter, client).await {
        Ok(found) => {
            let warnings = found
                .warnings
                .iter()
                .map(|warning| TOPIC.warn(&vcenter.id, warning, "correct or remove the key"));
            let mut findings: Vec<Finding> = warnings.collect();
            let message = format!("{} from {}", found.credentials.account(), origin(&vcenter.credentials));
            findings.push(TOPIC.ok(&vcenter.id, message));
            (findings, Some(found.credentials))
        }
        Err(why) => (vec![TOPIC.fail(&vcenter.id, why, fix(vcenter))], None),
    }
}

fn origin(source: &CredentialSource) -> String {
    match source {
        CredentialSource::Inline { .. } => "the configuration".to_owned(),
        CredentialSource::Secret(secret) => format!("Secret {secret}"),
        CredentialSource::Directory(directory) => format!("directory {}", directory.display()),
    }
}

fn fix(vcenter: &Vcenter) -> String {
    let server = &vcenter.server;
    match &vcenter.credentials {
        CredentialSource::Inline { .. } => "give user and password, or a Secret with them".to_owned(),
        CredentialSource::Secret(secret) => format!(
            "kubectl -n {} create secret generic {} --from-literal={server}.username=… \
             --from-literal={server}.password=…, and let the manager's account get and watch it",
            secret.namespace, secret.name
        ),
        CredentialSource::Directory(directory) => format!(
            "put the files {server}.username and {server}.password into {}, readable for this user",
            directory.display()
        ),
    }
}
