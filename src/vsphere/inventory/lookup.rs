//! Finding machines by what is known of a node: in the whole vCenter, with few requests.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use uuid::Uuid;

use super::vm::uuid as uuid_of;
use crate::vsphere::soap::Value;
use crate::vsphere::types::{
    ContinueRetrievePropertiesEx, CreateContainerView, DestroyView, FilterSpec, FindAllByDnsName,
    FindAllByIp, FindAllByUuid, PropertySpec, RetrievePropertiesEx, RetrieveResult,
};
use crate::vsphere::{Connection, Error, MoRef};

/// Machines per page of a scan: about 300 kB.
const SCAN_PAGE: i32 = 500;

/// What the scan reads of every machine in the vCenter: just the keys.
const SCAN_PROPERTIES: &[PropertySpec] = &[PropertySpec {
    kind: "VirtualMachine",
    paths: &["config.uuid", "config.instanceUuid", "guest.hostName", "guest.ipAddress"],
}];

/// What is known of the machine that is looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// The uuid in the node's providerID; either byte order.
    pub provider_uuid: Option<Uuid>,
    /// The uuid that the node's firmware reports; either byte order.
    pub system_uuid: Option<Uuid>,
    /// The machine's instance uuid, as it was when it was last seen.
    pub instance_uuid: Option<Uuid>,
    /// The node's name, or nothing; used only when no uuid leads anywhere.
    pub dns_name: String,
    /// The node's addresses; used only when the name leads nowhere either.
    pub ips: Vec<IpAddr>,
}

/// A machine that matches a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The machine.
    pub moref: MoRef,
    /// By what it was found.
    pub by: FoundBy,
}

/// By what a machine was found, best evidence first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FoundBy {
    /// Its BIOS uuid is that of the providerID.
    ProviderId,
    /// Its BIOS uuid is that which the firmware reports.
    SystemUuid,
    /// Its instance uuid is one of these.
    InstanceUuid,
    /// It is the object that it was.
    Object,
    /// Its guest has the node's name.
    DnsName,
    /// Its guest has one of the node's addresses.
    Ip,
}

impl FoundBy {
    /// In words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ProviderId => "providerID (BIOS uuid)",
            Self::SystemUuid => "systemUUID (BIOS uuid)",
            Self::InstanceUuid => "instance uuid",
            Self::Object => "managed object id",
            Self::DnsName => "DNS name",
            Self::Ip => "IP address",
        }
    }
}

/// Finds machines, and learns from it what is cheap on this vCenter.
#[derive(Debug, Default)]
pub(super) struct Lookup {
    /// Whether the machines here report their uuid in the other byte order: that one is tried first.
    swapped: AtomicBool,
    /// Pages that the last scan took; zero before the first.
    scan_pages: AtomicUsize,
}

impl Lookup {
    /// The hits of each query, in the order of the queries.
    ///
    /// A few machines are asked for one by one, many are picked out of one scan: whatever takes
    /// fewer requests.
    pub(super) async fn find(
        &self,
        connection: &Connection,
        queries: &[Query],
    ) -> Result<Vec<Vec<Hit>>, Error> {
        // Typically one request each, up to five for a machine that is not there.
        let one_by_one = queries.len() * 2;
        // A page, and the view before and after it.
        let scan = self.scan_pages.load(Ordering::Relaxed).max(1) + 2;
        if one_by_one > scan {
            return self.scan(connection, queries).await;
        }
        let mut hits = Vec::with_capacity(queries.len());
        for query in queries {
            hits.push(self.find_one(connection, query).await?);
        }
        Ok(hits)
    }

    async fn find_one(&self, connection: &Connection, query: &Query) -> Result<Vec<Hit>, Error> {
        let search_index = &connection.content().search_index;
        let mut hits = Vec::new();
        if let Some(uuid) = query.provider_uuid {
            add(&mut hits, FoundBy::ProviderId, self.by_bios_uuid(connection, uuid).await?);
        }
        if let Some(uuid) = query.system_uuid
            && !query.provider_uuid.is_some_and(|other| same_uuid(uuid, other))
        {
            add(&mut hits, FoundBy::SystemUuid, self.by_bios_uuid(connection, uuid).await?);
        }
        if hits.is_empty() {
            for uuid in query.instance_uuids() {
                let request = FindAllByUuid { search_index, uuid, instance_uuid: true };
                add(&mut hits, FoundBy::InstanceUuid, connection.call(&request).await?);
            }
        }
        // Guests spell their names as they like (Windows in capitals), and Nodes are in lower case.
        let capitals = query.dns_name.to_uppercase();
        let spellings = [query.dns_name.as_str(), capitals.as_str()];
        for dns_name in spellings.into_iter().filter(|name| !name.is_empty()) {
            if hits.is_empty() {
                let request = FindAllByDnsName { search_index, dns_name };
                add(&mut hits, FoundBy::DnsName, connection.call(&request).await?);
            }
        }
        if hits.is_empty() {
            for &ip in &query.ips {
                let request = FindAllByIp { search_index, ip };
                add(&mut hits, FoundBy::Ip, connection.call(&request).await?);
            }
        }
        Ok(hits)
    }

    /// By the uuid in the byte order that was right last, then in the other.
    async fn by_bios_uuid(&self, connection: &Connection, uuid: Uuid) -> Result<Vec<MoRef>, Error> {
        let search_index = &connection.content().search_index;
        let first_swapped = self.swapped.load(Ordering::Relaxed);
        for swapped in [first_swapped, !first_swapped] {
            let uuid = if swapped { swap(uuid) } else { uuid };
            let request = FindAllByUuid { search_index, uuid, instance_uuid: false };
            let found = connection.call(&request).await?;
            if !found.is_empty() {
                self.swapped.store(swapped, Ordering::Relaxed);
                return Ok(found);
            }
        }
        Ok(Vec::new())
    }

    /// Reads the keys of all machines, page by page.
    ///
    /// Out of a view, not along a walk through the folders: vCenter holds machines in vApps too, and
    /// vcsim, which follows `resourcePool` on machines as well, takes half a minute for a walk over
    /// 5,000 of them.
    async fn scan(&self, connection: &Connection, queries: &[Query]) -> Result<Vec<Vec<Hit>>, Error> {
        let content = connection.content();
        let view = connection
            .call(&CreateContainerView {
                view_manager: &content.view_manager,
                container: &content.root_folder,
                kinds: &["VirtualMachine"],
            })
            .await?;
        let scanned = self.read_pages(connection, view.clone(), queries).await;
        // It would go with the session; leaving it would cost vCenter until then.
        let destroyed = connection.call(&DestroyView { view: &view }).await;
        let hits = scanned?;
        destroyed?;
        Ok(hits)
    }

    async fn read_pages(
        &self,
        connection: &Connection,
        view: MoRef,
        queries: &[Query],
    ) -> Result<Vec<Vec<Hit>>, Error> {
        let collector = &connection.content().property_collector;
        let mut sieve = Sieve::new(queries);
        let spec = FilterSpec::of_view(view, SCAN_PROPERTIES);
        let first = RetrievePropertiesEx { collector, spec, max_objects: SCAN_PAGE, skip_missing: true };
        let mut page = connection.call(&first).await?;
        let mut pages = 1;
        loop {
            sieve.page(&page);
            let Some(token) = page.token.take() else { break };
            page = connection.call(&ContinueRetrievePropertiesEx { collector, token: &token }).await?;
            pages += 1;
        }
        self.scan_pages.store(pages, Ordering::Relaxed);
        Ok(sieve.finish())
    }
}

impl Query {
    /// Uuids that may be the machine's instance uuid.
    pub fn instance_uuids(&self) -> impl Iterator<Item = Uuid> {
        let mut uuids = vec![self.provider_uuid, self.system_uuid, self.instance_uuid];
        uuids.dedup();
        uuids.into_iter().flatten()
    }
}

fn swap(uuid: Uuid) -> Uuid {
    Uuid::from_bytes(uuid.to_bytes_le())
}

/// Whether two uuids are one in either byte order.
pub(super) fn same_uuid(a: Uuid, b: Uuid) -> bool {
    a == b || swap(a) == b
}

fn add(hits: &mut Vec<Hit>, by: FoundBy, found: Vec<MoRef>) {
    for moref in found {
        if !hits.iter().any(|hit| hit.moref == moref) {
            hits.push(Hit { moref, by });
        }
    }
}

/// Picks the wanted machines out of a stream of all; remembers nothing of the others.
struct Sieve<'q> {
    queries: &'q [Query],
    bios: HashMap<Uuid, Vec<(usize, FoundBy)>>,
    instance: HashMap<Uuid, Vec<usize>>,
    names: HashMap<String, Vec<usize>>,
    ips: HashMap<IpAddr, Vec<usize>>,
    hits: Vec<Vec<Hit>>,
}

impl<'q> Sieve<'q> {
    fn new(queries: &'q [Query]) -> Self {
        let mut this = Self {
            queries,
            bios: HashMap::new(),
            instance: HashMap::new(),
            names: HashMap::new(),
            ips: HashMap::new(),
            hits: vec![Vec::new(); queries.len()],
        };
        for (i, query) in queries.iter().enumerate() {
            let mut want_bios = |uuid: Uuid, by| {
                this.bios.entry(uuid).or_default().push((i, by));
                if swap(uuid) != uuid {
                    this.bios.entry(swap(uuid)).or_default().push((i, by));
                }
            };
            if let Some(uuid) = query.provider_uuid {
                want_bios(uuid, FoundBy::ProviderId);
            }
            if let Some(uuid) = query.system_uuid
                && !query.provider_uuid.is_some_and(|other| same_uuid(uuid, other))
            {
                want_bios(uuid, FoundBy::SystemUuid);
            }
            for uuid in query.instance_uuids() {
                this.instance.entry(uuid).or_default().push(i);
            }
            if !query.dns_name.is_empty() {
                this.names.entry(query.dns_name.to_lowercase()).or_default().push(i);
            }
            for ip in &query.ips {
                this.ips.entry(*ip).or_default().push(i);
            }
        }
        this
    }

    fn page(&mut self, page: &RetrieveResult) {
        for object in &page.objects {
            for (path, value) in &object.properties {
                let mut hit = |i: usize, by| add(&mut self.hits[i], by, vec![object.object.clone()]);
                match path.as_str() {
                    "config.uuid" => {
                        for &(i, by) in uuid_of(value).and_then(|u| self.bios.get(&u)).into_iter().flatten() {
                            hit(i, by);
                        }
                    }
                    "config.instanceUuid" => {
                        for &i in uuid_of(value).and_then(|u| self.instance.get(&u)).into_iter().flatten() {
                            hit(i, FoundBy::InstanceUuid);
                        }
                    }
                    "guest.hostName" => {
                        let name = value.as_text().map(str::to_lowercase);
                        for &i in name.and_then(|n| self.names.get(&n)).into_iter().flatten() {
                            hit(i, FoundBy::DnsName);
                        }
                    }
                    "guest.ipAddress" => {
                        for &i in Value::parse(value).and_then(|ip| self.ips.get(&ip)).into_iter().flatten() {
                            hit(i, FoundBy::Ip);
                        }
                    }
                    _ => {}
                }
            }
        }
    }

    /// Keeps of each query's hits only those of the best kind there is, as `find_one` would.
    fn finish(self) -> Vec<Vec<Hit>> {
        debug_assert_eq!(self.queries.len(), self.hits.len());
        self.hits.into_iter().map(best_of).collect()
    }
}

/// Names and addresses count only where no uuid matches, addresses only where no name does.
fn best_of(mut hits: Vec<Hit>) -> Vec<Hit> {
    let rank = |by: FoundBy| match by {
        FoundBy::ProviderId | FoundBy::SystemUuid => 0,
        FoundBy::InstanceUuid | FoundBy::Object => 1,
        FoundBy::DnsName => 2,
        FoundBy::Ip => 3,
    };
    if let Some(best) = hits.iter().map(|hit| rank(hit.by)).min() {
        hits.retain(|hit| rank(hit.by) == best);
    }
    hits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vsphere::types::ObjectContent;

    const A: Uuid = Uuid::from_u128(0x4237_aaaa_5c1c_0b7d_6f2e_0123_4567_89ab);
    const B: Uuid = Uuid::from_u128(0x1111_2222_3333_4444_5555_6666_7777_8888);

    fn machine(id: &str, properties: &[(&str, String)]) -> ObjectContent {
        ObjectContent {
            object: MoRef::new("VirtualMachine", id),
            properties: properties
                .iter()
                .map(|(path, text)| ((*path).to_owned(), Value { text: text.clone(), ..Value::default() }))
                .collect(),
            missing: Vec::new(),
        }
    }

    fn found(query: Query, machines: Vec<ObjectContent>) -> Vec<(String, FoundBy)> {
        let queries = [query];
        let mut sieve = Sieve::new(&queries);
        sieve.page(&RetrieveResult { token: None, objects: machines });
        sieve.finish().remove(0).into_iter().map(|hit| (hit.moref.id.to_string(), hit.by)).collect()
    }

    #[test]
    fn a_scan_finds_by_uuid_in_both_byte_orders() {
        let query = Query { system_uuid: Some(A), ..Query::default() };
        for uuid in [A, swap(A)] {
            let machines = vec![machine("vm-1", &[("config.uuid", uuid.to_string().to_uppercase())])];
            assert_eq!(found(query.clone(), machines), [("vm-1".to_owned(), FoundBy::SystemUuid)]);
        }
    }

    #[test]
    fn a_scan_reports_every_match_of_the_best_kind_and_no_other() {
        let query = Query { system_uuid: Some(A), dns_name: "Node-1".into(), ..Query::default() };
        let machines = vec![
            machine("vm-1", &[("config.uuid", A.to_string())]),
            machine("vm-2", &[("config.uuid", A.to_string())]),
            machine("vm-3", &[("config.uuid", B.to_string()), ("guest.hostName", "node-1".into())]),
        ];
        assert_eq!(
            found(query.clone(), machines.clone()),
            [("vm-1".to_owned(), FoundBy::SystemUuid), ("vm-2".to_owned(), FoundBy::SystemUuid)]
        );
        assert_eq!(found(query, machines[2..].to_vec()), [("vm-3".to_owned(), FoundBy::DnsName)]);
    }

    #[test]
    fn two_uuids_of_one_node_may_lead_to_two_machines() {
        let query = Query { provider_uuid: Some(A), system_uuid: Some(B), ..Query::default() };
        let machines = vec![
            machine("vm-1", &[("config.uuid", A.to_string())]),
            machine("vm-2", &[("config.uuid", B.to_string())]),
        ];
        assert_eq!(
            found(query, machines),
            [("vm-1".to_owned(), FoundBy::ProviderId), ("vm-2".to_owned(), FoundBy::SystemUuid)]
        );
    }

    #[test]
    fn addresses_are_the_last_resort() {
        let query = Query { ips: vec!["10.0.0.7".parse().unwrap()], ..Query::default() };
        let machines = vec![machine("vm-1", &[("guest.ipAddress", "10.0.0.7".into())])];
        assert_eq!(found(query, machines), [("vm-1".to_owned(), FoundBy::Ip)]);
    }
}
