//! What the client's tests share.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::{broadcast, watch};
use uuid::Uuid;
use vsphere_cloud::config::{CredentialSource, Credentials, IpFamily, Tls, Vcenter};
use vsphere_cloud::vsphere::inventory::{self, Change, Health, Inventory, Query};
use vsphere_cloud::vsphere::types::FindAllByUuid;
use vsphere_cloud::vsphere::{CredentialFeed, Error, MoRef, Session};
use xtask::testbed::{Vcsim, VcsimOptions, Vm, eventually};

pub(super) type Offer = Result<Arc<Credentials>, String>;

pub(super) async fn vcsim() -> Vcsim {
    Vcsim::start(VcsimOptions::default()).await.unwrap()
}

pub(super) fn vcenter_at(port: u16, tls: Tls) -> Vcenter {
    xtask::init();
    Vcenter {
        id: "vc".into(),
        server: "127.0.0.1".into(),
        port,
        credentials: CredentialSource::Inline { user: String::new(), password: SecretString::from("") },
        tls,
        datacenters: Vec::new(),
        ip_families: vec![IpFamily::V4],
    }
}

/// The configuration for a simulated vCenter, which is trusted by its CA.
pub(super) fn vcenter(vcsim: &Vcsim) -> Vcenter {
    vcenter_at(vcsim.port(), Tls { ca_files: vec![vcsim.ca().to_owned()], ..Tls::default() })
}

#[expect(clippy::unnecessary_wraps, reason = "it is what a feed has")]
pub(super) fn credentials(user: &str, password: &str) -> Offer {
    Ok(Arc::new(Credentials::Login { user: user.to_owned(), password: SecretString::from(password) }))
}

pub(super) fn change(sender: &watch::Sender<Offer>, offer: Offer) {
    drop(sender.send_replace(offer));
}

/// The right credentials, for ever.
pub(super) fn feed(vcsim: &Vcsim) -> CredentialFeed {
    watch::channel(credentials(vcsim.user(), vcsim.password())).1
}

pub(super) fn session(vcsim: &Vcsim) -> Session {
    Session::new(&vcenter(vcsim), feed(vcsim)).unwrap()
}

pub(super) fn inventory(vcsim: &Vcsim) -> Inventory {
    Inventory::start(&vcenter(vcsim), None, feed(vcsim)).unwrap()
}

/// A call that may be repeated and finds nothing.
pub(super) async fn ask(session: &Session) -> Result<Vec<MoRef>, Error> {
    let search_index = &MoRef::new("SearchIndex", "SearchIndex");
    let uuid = Uuid::from_u128(1);
    session.call(&FindAllByUuid { search_index, uuid, instance_uuid: false }).await
}

pub(super) fn uuid(text: &str) -> Uuid {
    Uuid::try_parse(text).unwrap()
}

/// As the firmware of most machines reports it: the first three groups in the other byte order.
pub(super) fn swapped(text: &str) -> Uuid {
    Uuid::from_bytes(uuid(text).to_bytes_le())
}

pub(super) fn by_uuid(vm: &Vm) -> Query {
    Query { system_uuid: Some(uuid(&vm.uuid)), dns_name: vm.name.clone(), ..Query::default() }
}

pub(super) fn by_name(name: &str) -> Query {
    Query { dns_name: name.to_owned(), ..Query::default() }
}

pub(super) fn by_ip(ip: &str) -> Query {
    Query { ips: vec![ip.parse::<IpAddr>().unwrap()], ..Query::default() }
}

pub(super) fn moref(vm: &Vm) -> MoRef {
    MoRef::new("VirtualMachine", vm.moref.as_str())
}

pub(super) fn morefs<'a>(vms: impl IntoIterator<Item = &'a Vm>) -> Vec<MoRef> {
    vms.into_iter().map(moref).collect()
}

/// Waits until the inventory can be asked, and tells how long that took.
pub(super) async fn up(inventory: &Inventory) -> Duration {
    let started = std::time::Instant::now();
    let health = inventory.health();
    eventually("the inventory is up", Duration::from_secs(20), async || match &*health.borrow() {
        Health::Up => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await
    .unwrap();
    started.elapsed()
}

/// Waits until the inventory is down, and tells why.
pub(super) async fn down(inventory: &Inventory, wanted: impl Fn(&Error) -> bool) -> Error {
    let health = inventory.health();
    eventually("the inventory is down", Duration::from_secs(20), async || match &*health.borrow() {
        Health::Down(error) if wanted(error) => Ok(error.clone()),
        other => Err(format!("{other:?}")),
    })
    .await
    .unwrap()
}

/// What became of changes, read side by side with the store.
pub(super) struct News {
    changes: broadcast::Receiver<Change>,
}

impl News {
    pub(super) fn of(inventory: &Inventory) -> Self {
        Self { changes: inventory.changes() }
    }

    /// Waits for this news, whatever else is told before it.
    pub(super) async fn wait_for(&mut self, wanted: &Change) {
        let told = async {
            loop {
                if self.changes.recv().await.unwrap() == *wanted {
                    return;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(10), told)
            .await
            .unwrap_or_else(|_| panic!("no news of {wanted:?}"));
    }

    /// All that was told until now.
    pub(super) fn so_far(&mut self) -> Vec<Change> {
        std::iter::from_fn(|| self.changes.try_recv().ok()).collect()
    }
}

/// Waits until the machine's state is as wanted, and tells how long that took.
pub(super) async fn until(
    inventory: &Inventory,
    moref: &MoRef,
    what: &str,
    wanted: impl Fn(&inventory::Vm) -> bool,
) -> Duration {
    let started = std::time::Instant::now();
    eventually(what, Duration::from_secs(20), async || match inventory.store().vm(moref) {
        Some(vm) if wanted(&vm) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await
    .unwrap();
    started.elapsed()
}

/// Finds these machines by uuid and watches them, as the manager does for a cluster's nodes.
pub(super) async fn join(inventory: &Inventory, vms: &[Vm]) {
    let hits = inventory.find(vms.iter().map(by_uuid).collect()).await.unwrap();
    let found: Vec<MoRef> = hits.into_iter().flatten().map(|hit| hit.moref).collect();
    assert_eq!(found, morefs(vms));
    inventory.join(found).await.unwrap();
}
