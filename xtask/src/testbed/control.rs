//! What can be done to the simulated vCenter from outside: its control port.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::{Method, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::faults::{Fault, milliseconds};
use super::requests::Requests;
use super::vcsim::Vcsim;
use super::vms::{Power, Vm, VmSpec};

/// The simulator answers writes once they are visible; thousands of VMs take a while.
const DEADLINE: Duration = Duration::from_mins(2);

/// A session at the simulated vCenter.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// Its id.
    pub key: String,
    /// Whose it is.
    pub user: String,
    /// What the client calls itself.
    #[serde(default)]
    pub user_agent: String,
    /// How many calls it made.
    #[serde(default)]
    pub calls: u64,
    /// `soap` or `rest`.
    pub kind: String,
}

/// The certificate that a vCenter has now.
#[derive(Debug, Clone, Deserialize)]
pub struct Certificate {
    /// The file with the certificate authority.
    pub ca: PathBuf,
    /// Its thumbprint, in vSphere's notation.
    pub sha1: String,
    /// The same with SHA-256.
    pub sha256: String,
}

/// A managed object, to be tagged.
#[derive(Debug, Clone, Copy)]
pub enum Object<'a> {
    /// By type and name, such as `("HostSystem", "DC0_C0_H0")`.
    Named(&'a str, &'a str),
    /// By type and moref, such as `("VirtualMachine", "vm-12")`.
    Moref(&'a str, &'a str),
}

#[derive(Deserialize)]
struct Vms {
    vms: Vec<Vm>,
}

impl Vcsim {
    /// Makes `count` VMs called `<prefix>0`, `<prefix>1`, …
    pub async fn create_vms(&self, prefix: &str, count: usize) -> Result<Vec<Vm>> {
        let body = json!({"prefix": prefix, "count": count});
        Ok(self.call::<Vms>(Method::POST, &["vms"], Some(body)).await?.vms)
    }

    /// Makes the VMs that are described.
    pub async fn create(&self, vms: &[VmSpec]) -> Result<Vec<Vm>> {
        Ok(self.call::<Vms>(Method::POST, &["vms"], Some(json!({"vms": vms}))).await?.vms)
    }

    /// As [`create`](Self::create), without the events that a vCenter posts for new VMs.
    pub async fn create_silently(&self, vms: &[VmSpec]) -> Result<Vec<Vm>> {
        Ok(self.call::<Vms>(Method::POST, &["vms"], Some(json!({"vms": vms, "silent": true}))).await?.vms)
    }

    /// All VMs.
    pub async fn vms(&self) -> Result<Vec<Vm>> {
        Ok(self.call::<Vms>(Method::GET, &["vms"], None).await?.vms)
    }

    /// One VM, by name or moref, as in all calls below.
    pub async fn vm(&self, vm: &str) -> Result<Vm> {
        self.call(Method::GET, &["vms", vm], None).await
    }

    /// Changes a VM.
    pub async fn patch_vm(&self, vm: &str, changes: &VmSpec) -> Result<Vm> {
        self.call(Method::PATCH, &["vms", vm], Some(json!(changes))).await
    }

    /// Switches a VM on or off, or suspends it.
    pub async fn power(&self, vm: &str, state: Power) -> Result<Vm> {
        self.call(Method::POST, &["vms", vm, "power"], Some(json!({"state": state}))).await
    }

    /// Destroys a VM.
    pub async fn delete_vm(&self, vm: &str) -> Result<()> {
        self.command(Method::DELETE, &["vms", vm], None).await
    }

    /// Takes a VM out of the inventory.
    pub async fn unregister(&self, vm: &str) -> Result<()> {
        self.command(Method::POST, &["vms", vm, "unregister"], None).await
    }

    /// Puts an unregistered VM back: the same uuids, another moref.
    pub async fn register(&self, vm: &str) -> Result<Vm> {
        self.call(Method::POST, &["vms", vm, "register"], None).await
    }

    /// Moves a VM to another host, as vMotion does.
    pub async fn relocate(&self, vm: &str, host: &str) -> Result<Vm> {
        self.call(Method::POST, &["vms", vm, "relocate"], Some(json!({"host": host}))).await
    }

    /// Moves a VM to another folder, and perhaps another datacenter.
    pub async fn move_to(&self, vm: &str, folder: &str, datacenter: Option<&str>) -> Result<Vm> {
        let mut body = json!({"folder": folder});
        if let Some(datacenter) = datacenter {
            body["datacenter"] = datacenter.into();
        }
        self.call(Method::POST, &["vms", vm, "move"], Some(body)).await
    }

    /// Changes a host: `connectionState` and `inMaintenanceMode`.
    pub async fn patch_host(&self, host: &str, changes: Value) -> Result<()> {
        self.command(Method::PATCH, &["hosts", host], Some(changes)).await
    }

    /// Attaches a tag; category and tag are made when missing.
    pub async fn tag(&self, category: &str, tag: &str, object: Object<'_>) -> Result<()> {
        self.command(Method::POST, &["tags"], Some(tag_body(category, tag, object))).await
    }

    /// Detaches a tag.
    pub async fn untag(&self, category: &str, tag: &str, object: Object<'_>) -> Result<()> {
        self.command(Method::DELETE, &["tags"], Some(tag_body(category, tag, object))).await
    }

    /// Has vCenter say that the account lacks these privileges on an object, and no others.
    pub async fn set_missing_privileges(&self, kind: &str, name: &str, missing: &[&str]) -> Result<()> {
        let body = json!({"object": {"type": kind, "name": name}, "missing": missing});
        self.command(Method::PUT, &["privileges"], Some(body)).await
    }

    /// Datacenters, clusters, hosts and folders with morefs and parents.
    pub async fn inventory(&self) -> Result<Value> {
        self.call(Method::GET, &["inventory"], None).await
    }

    /// The requests that clients made so far.
    pub async fn requests(&self) -> Result<Requests> {
        self.call(Method::GET, &["requests"], None).await
    }

    /// Counts from zero.
    pub async fn reset_requests(&self) -> Result<()> {
        self.command(Method::POST, &["requests", "reset"], None).await
    }

    /// Who is logged in.
    pub async fn sessions(&self) -> Result<Vec<Session>> {
        #[derive(Deserialize)]
        struct Sessions {
            sessions: Option<Vec<Session>>,
        }
        let answer: Sessions = self.call(Method::GET, &["sessions"], None).await?;
        Ok(answer.sessions.unwrap_or_default())
    }

    /// Ends all sessions; what waits for an answer is told that it is not authenticated.
    pub async fn terminate_sessions(&self) -> Result<()> {
        self.command(Method::POST, &["sessions", "terminate"], None).await
    }

    /// Adds a latency to each request from now on.
    pub async fn set_latency(&self, latency: Duration) -> Result<()> {
        self.command(Method::PUT, &["latency"], Some(json!({"ms": milliseconds(latency)}))).await
    }

    /// Adds a rule for requests to fail; returns its id.
    pub async fn add_fault(&self, fault: &Fault) -> Result<String> {
        #[derive(Deserialize)]
        struct Added {
            id: String,
        }
        Ok(self.call::<Added>(Method::POST, &["faults"], Some(fault.rule())).await?.id)
    }

    /// The rules in force, with their `hits`.
    pub async fn faults(&self) -> Result<Value> {
        Ok(self.call::<Value>(Method::GET, &["faults"], None).await?["faults"].take())
    }

    /// Removes a rule.
    pub async fn remove_fault(&self, id: &str) -> Result<()> {
        self.command(Method::DELETE, &["faults", id], None).await
    }

    /// Removes all rules.
    pub async fn clear_faults(&self) -> Result<()> {
        self.command(Method::DELETE, &["faults"], None).await
    }

    /// Restarts the vCenter's service: connections and sessions are gone, the inventory stays.
    pub async fn restart(&self, down: Duration) -> Result<()> {
        self.command(Method::POST, &["restart"], Some(json!({"downMs": milliseconds(down)}))).await
    }

    /// Changes who may log in; sessions live on.
    pub async fn set_credentials(&self, user: &str, password: &str) -> Result<()> {
        self.command(Method::PUT, &["credentials"], Some(json!({"user": user, "password": password}))).await
    }

    /// Renews the certificate, and its authority if asked to.
    pub async fn renew_certificate(&self, new_ca: bool, names: &[&str]) -> Result<Certificate> {
        let body = json!({"newCa": new_ca, "names": names});
        self.call(Method::POST, &["certificate"], Some(body)).await
    }

    /// Changes which roots serve tags: `rest`, `api` or both.
    pub async fn set_tag_api(&self, roots: &[&str]) -> Result<()> {
        self.command(Method::PUT, &["tag-api"], Some(json!({"roots": roots}))).await
    }

    async fn command(&self, method: Method, path: &[&str], body: Option<Value>) -> Result<()> {
        self.call::<Value>(method, path, body).await.map(drop)
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        body: Option<Value>,
    ) -> Result<T> {
        let what = format!("{method} /{}", path.join("/"));
        let answer = self.send(method, path, body).await;
        if answer.is_err() {
            // A simulator that crashed explains everything else.
            self.process.check()?;
        }
        answer.with_context(|| format!("the simulator's control port: {what}"))
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        body: Option<Value>,
    ) -> Result<T> {
        let url = control_url(self.control_url(), path)?;
        let mut request = self.http.request(method, url).timeout(DEADLINE);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        if !status.is_success() {
            let error: Value = serde_json::from_str(&text).unwrap_or_default();
            bail!("{status}: {}", error["error"].as_str().unwrap_or(&text));
        }
        serde_json::from_str(&text).with_context(|| format!("cannot read the answer {text:.500}"))
    }
}

/// Names of VMs may have any character.
fn control_url(base: &str, path: &[&str]) -> Result<Url> {
    let mut url = Url::parse(base).with_context(|| format!("{base} is no URL"))?;
    match url.path_segments_mut() {
        Ok(mut segments) => segments.pop_if_empty().extend(path),
        Err(()) => bail!("{base} cannot have a path"),
    };
    Ok(url)
}

fn tag_body(category: &str, tag: &str, object: Object<'_>) -> Value {
    let object = match object {
        Object::Named(kind, name) => json!({"type": kind, "name": name}),
        Object::Moref(kind, id) => json!({"type": kind, "id": id}),
    };
    json!({"category": category, "tag": tag, "object": object})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped() {
        let url = control_url("http://127.0.0.1:80", &["vms", "a b/c"]).unwrap();
        assert_eq!(url.as_str(), "http://127.0.0.1/vms/a%20b%2Fc");
    }

    #[test]
    fn tags_name_their_objects() {
        let body = tag_body("k8s-zone", "zone-a", Object::Named("HostSystem", "DC0_C0_H0"));
        assert_eq!(body["object"], json!({"type": "HostSystem", "name": "DC0_C0_H0"}));
        assert_eq!(tag_body("c", "t", Object::Moref("Folder", "group-1"))["object"]["id"], "group-1");
    }
}
