//! `SearchIndex`: finding virtual machines in the whole vCenter.

use std::net::IpAddr;

use uuid::Uuid;

use crate::vsphere::MoRef;
use crate::vsphere::soap::{DecodeError, Reader, Request, Writer};

/// `SearchIndex.FindAllByUuid`
#[derive(Debug)]
pub struct FindAllByUuid<'a> {
    /// `SearchIndex`
    pub search_index: &'a MoRef,
    /// The uuid, as vCenter spells it.
    pub uuid: Uuid,
    /// Whether it is the `config.instanceUuid`, not the BIOS uuid (`config.uuid`).
    pub instance_uuid: bool,
}

impl Request for FindAllByUuid<'_> {
    const METHOD: &'static str = "FindAllByUuid";
    const IDEMPOTENT: bool = true;
    type Response = Vec<MoRef>;

    fn this(&self) -> &MoRef {
        self.search_index
    }
    fn write(&self, w: &mut Writer) {
        w.text("uuid", &self.uuid.hyphenated().to_string());
        w.boolean("vmSearch", true);
        w.boolean("instanceUuid", self.instance_uuid);
    }
    fn read(reader: &mut Reader<'_>) -> Result<Vec<MoRef>, DecodeError> {
        reader.returnvals()
    }
}

/// `SearchIndex.FindAllByDnsName`: by the host name that VMware Tools report.
#[derive(Debug)]
pub struct FindAllByDnsName<'a> {
    /// `SearchIndex`
    pub search_index: &'a MoRef,
    /// The host name.
    pub dns_name: &'a str,
}

impl Request for FindAllByDnsName<'_> {
    const METHOD: &'static str = "FindAllByDnsName";
    const IDEMPOTENT: bool = true;
    type Response = Vec<MoRef>;

    fn this(&self) -> &MoRef {
        self.search_index
    }
    fn write(&self, w: &mut Writer) {
        w.text("dnsName", self.dns_name);
        w.boolean("vmSearch", true);
    }
    fn read(reader: &mut Reader<'_>) -> Result<Vec<MoRef>, DecodeError> {
        reader.returnvals()
    }
}

/// `SearchIndex.FindAllByIp`: by an address that VMware Tools report.
#[derive(Debug)]
pub struct FindAllByIp<'a> {
    /// `SearchIndex`
    pub search_index: &'a MoRef,
    /// The address.
    pub ip: IpAddr,
}

impl Request for FindAllByIp<'_> {
    const METHOD: &'static str = "FindAllByIp";
    const IDEMPOTENT: bool = true;
    type Response = Vec<MoRef>;

    fn this(&self) -> &MoRef {
        self.search_index
    }
    fn write(&self, w: &mut Writer) {
        w.text("ip", &self.ip.to_string());
        w.boolean("vmSearch", true);
    }
    fn read(reader: &mut Reader<'_>) -> Result<Vec<MoRef>, DecodeError> {
        reader.returnvals()
    }
}
