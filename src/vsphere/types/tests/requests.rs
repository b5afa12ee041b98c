//! The exact bytes of each message that is sent.

use std::net::IpAddr;

use secrecy::SecretString;
use uuid::Uuid;

use crate::vsphere::MoRef;
use crate::vsphere::soap::{Request, encode_request};
use crate::vsphere::types::*;

fn moref(kind: &str, id: &str) -> MoRef {
    MoRef::new(kind, id)
}

/// One message a line.
fn lines(messages: &[String]) -> String {
    messages.join("\n")
}

fn bytes<R: Request>(request: &R) -> String {
    encode_request(request)
}

#[test]
fn service() {
    let session_manager = &moref("SessionManager", "SessionManager");
    let password = &SecretString::from("<p&a>\"s's\u{20ac}\t\r\n]]>");
    insta::assert_snapshot!(lines(&[
        bytes(&RetrieveServiceContent::default()),
        bytes(&Login { session_manager, user: "administrator@vsphere.local", password }),
        bytes(&CloneSession { session_manager, ticket: &SecretString::from("cst-VCT-52f8<d061>") }),
        bytes(&CurrentTime::default()),
        bytes(&Logout { session_manager }),
    ]));
}

#[test]
fn search() {
    let search_index = &moref("SearchIndex", "SearchIndex");
    let uuid = Uuid::from_u128(0x4237_aaaa_5c1c_0b7d_6f2e_0123_4567_89ab);
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    insta::assert_snapshot!(lines(&[
        bytes(&FindAllByUuid { search_index, uuid, instance_uuid: false }),
        bytes(&FindAllByUuid { search_index, uuid, instance_uuid: true }),
        bytes(&FindAllByDnsName { search_index, dns_name: "node-1" }),
        bytes(&FindAllByIp { search_index, ip: ip("10.0.0.1") }),
        bytes(&FindAllByIp { search_index, ip: ip("2001:DB8:0:0::1") }),
    ]));
}

#[test]
fn view() {
    let view_manager = &moref("ViewManager", "ViewManager");
    let (container, view) = (&moref("Folder", "group-d1"), &moref("ListView", "session[a]b"));
    let vms = [moref("VirtualMachine", "vm-1"), moref("VirtualMachine", "vm-2")];
    insta::assert_snapshot!(lines(&[
        bytes(&CreateContainerView { view_manager, container, kinds: &["VirtualMachine"] }),
        bytes(&CreateListView { view_manager, members: &[] }),
        bytes(&CreateListView { view_manager, members: &vms }),
        bytes(&ModifyListView { view, add: &vms[..1], remove: &vms[1..] }),
        bytes(&DestroyView { view }),
    ]));
}

#[test]
fn event() {
    let event_manager = &moref("EventManager", "EventManager");
    let collector = &moref("EventHistoryCollector", "session[a]c");
    let event_types = &["VmCreatedEvent", "VmClonedEvent"];
    insta::assert_snapshot!(lines(&[
        bytes(&CreateCollectorForEvents { event_manager, event_types }),
        bytes(&SetCollectorPageSize { collector, max_count: 1 }),
        bytes(&DestroyCollector { collector }),
    ]));
}

#[test]
fn property() {
    const PROPERTIES: &[PropertySpec] = &[PropertySpec {
        kind: "VirtualMachine",
        paths: &["name", "config.extraConfig[\"guestinfo.metadata\"]"],
    }];
    const UPWARDS: &[Selection] = &[Selection::Traversal {
        name: "parents",
        kind: "ManagedEntity",
        path: "parent",
        then: &[Selection::Named("parents")],
    }];
    let collector = &moref("PropertyCollector", "propertyCollector");
    let vm = moref("VirtualMachine", "vm-1");
    let list = FilterSpec::of_view(moref("ListView", "session[a]b"), PROPERTIES);
    let container = FilterSpec::of_view(moref("ContainerView", "session[a]c"), PROPERTIES);
    let objects = FilterSpec::of_objects([vm.clone()], PROPERTIES);
    let up = FilterSpec {
        properties: PROPERTIES,
        objects: vec![ObjectSpec { object: vm, skip: false, select: UPWARDS }],
    };
    insta::assert_snapshot!(lines(&[
        bytes(&RetrievePropertiesEx { collector, spec: container, max_objects: 500, skip_missing: true }),
        bytes(&RetrievePropertiesEx { collector, spec: objects, max_objects: 250, skip_missing: true }),
        bytes(&RetrievePropertiesEx { collector, spec: up, max_objects: 500, skip_missing: false }),
        bytes(&ContinueRetrievePropertiesEx { collector, token: "10c20471" }),
        bytes(&CreatePropertyCollector { collector }),
        bytes(&CreateFilter { collector, spec: list }),
        bytes(&WaitForUpdatesEx { collector, version: "", max_wait_seconds: 2, max_object_updates: 250 }),
        bytes(&WaitForUpdatesEx { collector, version: "12", max_wait_seconds: 15, max_object_updates: 250 }),
        bytes(&DestroyPropertyCollector { collector }),
    ]));
}
