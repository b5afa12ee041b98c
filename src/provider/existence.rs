//! Whether a Node's machine exists: asked of every vCenter, many Nodes at once.

use std::sync::Arc;

use futures::future::join_all;

use super::desk::Question;
use super::search;
use super::shared::{Shared, VcenterHandle};
use super::tell_apart::is_remembered;
use crate::cloud::{Existence, MachineRecord, NodeIdentity, Power, Proof, parse_uuid};
use crate::vsphere::MoRef;
use crate::vsphere::inventory::{ConnectionState, FoundBy, Health, PowerState, Query, Sighting, Suspect, Vm};

/// Answers a batch of questions, each about a Node.
pub(super) async fn answer(shared: Arc<Shared>, batch: Vec<Question<NodeIdentity>>) {
    let queries: Vec<Result<Query, String>> = batch
        .iter()
        .map(|question| {
            let mut query = search::query(&question.about).map_err(|error| error.to_string())?;
            // A name or an address proves nothing.
            query.dns_name.clear();
            query.ips.clear();
            let recorded = question.about.record.as_ref().and_then(|record| record.instance_uuid.as_deref());
            query.instance_uuid = recorded.and_then(parse_uuid);
            Ok(query)
        })
        .collect();
    let looks = shared.vcenters.iter().map(|vcenter| {
        let suspects = batch.iter().zip(&queries).map(|(question, query)| Suspect {
            query: query.clone().unwrap_or_default(),
            object: question.about.record.as_ref().and_then(|record| object(vcenter, record)),
        });
        look(vcenter, suspects.collect())
    });
    let seen: Vec<Result<Vec<Sighting>, String>> = join_all(looks).await;
    for (i, (question, query)) in batch.into_iter().zip(queries).enumerate() {
        let existence = match query {
            Err(why) => Existence::Unknown(why),
            Ok(query) if query == Query::default() => {
                Existence::Unknown("the Node has neither providerID nor systemUUID".to_owned())
            }
            Ok(query) => {
                let answers: Vec<Seen<'_>> = shared
                    .vcenters
                    .iter()
                    .zip(&seen)
                    .map(|(vcenter, seen)| Seen {
                        endpoint: vcenter.inventory.endpoint().to_string(),
                        uuid: vcenter.inventory.store().vcenter_uuid(),
                        sighting: seen.as_ref().map(|all| &all[i]),
                    })
                    .collect();
                conclude(&answers, &query, question.about.record.as_deref())
            }
        };
        question.answer(existence);
    }
}

/// The recorded object, if it was in this vCenter.
fn object(vcenter: &VcenterHandle, record: &MachineRecord) -> Option<(MoRef, Option<MoRef>)> {
    let here = vcenter.inventory.store().vcenter_uuid()?;
    (*here == *record.vcenter).then(|| {
        let folder = record.folder.as_deref().map(|id| MoRef::new("Folder", id));
        (MoRef::new("VirtualMachine", record.vm.as_str()), folder)
    })
}

async fn look(vcenter: &VcenterHandle, suspects: Vec<Suspect>) -> Result<Vec<Sighting>, String> {
    vcenter
        .inventory
        .look(suspects)
        .await
        .map_err(|error| format!("vCenter {}: {error}", vcenter.inventory.endpoint()))
}

/// What one vCenter shows of one machine.
struct Seen<'a> {
    endpoint: String,
    /// `about.instanceUuid`
    uuid: Option<Arc<str>>,
    sighting: Result<&'a Sighting, &'a String>,
}

/// Nothing is gone unless every vCenter has answered.
fn conclude(answers: &[Seen<'_>], query: &Query, record: Option<&MachineRecord>) -> Existence {
    let mut moved = None;
    let mut found: Option<Power> = None;
    let mut remembered = false;
    for answer in answers {
        let Ok(Sighting::Seen(seen)) = answer.sighting else { continue };
        let mut is_it = |vm: &Vm| {
            let power = power(vm);
            found = Some(found.map_or(power, |other| liveliest(other, power)));
            remembered |= record.is_some_and(|record| is_remembered(vm, answer.uuid.as_deref(), record));
        };
        for (hit, vm) in seen {
            match hit.by {
                FoundBy::ProviderId | FoundBy::InstanceUuid | FoundBy::Object => is_it(vm),
                // Without a providerID the systemUUID is all there is.
                FoundBy::SystemUuid if query.provider_uuid.is_none() => is_it(vm),
                FoundBy::SystemUuid => {
                    moved = Some(format!("{} ({}) in vCenter {}", vm.moref.id, vm.name, answer.endpoint));
                }
                FoundBy::DnsName | FoundBy::Ip => {}
            }
        }
    }
    let unknown: Vec<&str> =
        answers.iter().filter_map(|answer| answer.sighting.err().map(String::as_str)).collect();
    if let Some(power) = found {
        // A replica that is off says nothing of the machine in a vCenter that is away.
        let certain = power == Power::On || remembered || unknown.is_empty();
        return Existence::Exists(if certain { power } else { Power::Unknown });
    }
    if !unknown.is_empty() {
        return Existence::Unknown(unknown.join("; "));
    }
    if let Some(location) = moved {
        return Existence::Replaced(location);
    }
    if let Some(record) = record
        && !answers.iter().any(|answer| answer.uuid.as_deref() == Some(record.vcenter.as_str()))
    {
        return Existence::Unknown(format!(
            "its VM was last seen in the vCenter with instanceUuid {}, which is not configured",
            record.vcenter
        ));
    }
    let everywhere: Vec<&str> = answers.iter().map(|answer| answer.endpoint.as_str()).collect();
    let nowhere = format!("no VM in {} has its BIOS or instance uuid", everywhere.join(", "));
    match (record, answers.iter().any(|answer| answer.sighting == Ok(&Sighting::ObjectGone))) {
        (Some(record), true) => Existence::Gone(Proof::Object {
            evidence: format!("{} does not exist any longer, and {nowhere}", record.vm),
        }),
        _ => Existence::Gone(Proof::Absence { evidence: nowhere }),
    }
}

/// Of machines that share a uuid nobody knows which one is meant: it is only off if all are.
fn liveliest(a: Power, b: Power) -> Power {
    match (a, b) {
        (Power::On, _) | (_, Power::On) => Power::On,
        (Power::Unknown, _) | (_, Power::Unknown) => Power::Unknown,
        (Power::Suspended, _) | (_, Power::Suspended) => Power::Suspended,
        (Power::Off(a), Power::Off(b)) => Power::Off(a.min(b)),
    }
}

/// What the machine's host says, if it is connected.
pub(super) fn power(vm: &Vm) -> Power {
    match (vm.connection_state, vm.power_state) {
        (ConnectionState::Connected, PowerState::On) => Power::On,
        (ConnectionState::Connected, PowerState::Off) => {
            Power::Off(vm.off_since.map(|since| since.elapsed()).unwrap_or_default())
        }
        (ConnectionState::Connected, PowerState::Suspended) => Power::Suspended,
        _ => Power::Unknown,
    }
}

/// The answer from memory, if the machine is being watched and its vCenter can be asked.
pub(super) fn watched(vcenter: &VcenterHandle, moref: &MoRef) -> Option<Existence> {
    let vm = vcenter.inventory.store().vm(moref)?;
    let health = vcenter.inventory.health();
    let now = match &*health.borrow() {
        // It can be asked again, but the watch has not told yet what has happened meanwhile.
        Health::Up if !vcenter.inventory.store().is_current(moref) => return None,
        Health::Up => Existence::Exists(power(&vm)),
        Health::Connecting => Existence::Unknown("vCenter has not answered yet".to_owned()),
        Health::Down(error) => {
            Existence::Unknown(format!("vCenter {}: {error}", vcenter.inventory.endpoint()))
        }
    };
    Some(now)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;
    use crate::vsphere::inventory::Hit;

    const A: Uuid = Uuid::from_u128(1);
    const B: Uuid = Uuid::from_u128(2);

    fn seen(by: FoundBy, connection: ConnectionState, power: PowerState) -> Sighting {
        let mut vm = Vm::new(MoRef::new("VirtualMachine", "vm-7"));
        vm.connection_state = connection;
        vm.power_state = power;
        Sighting::Seen(vec![(Hit { moref: vm.moref.clone(), by }, vm)])
    }

    fn running(by: FoundBy) -> Sighting {
        seen(by, ConnectionState::Connected, PowerState::On)
    }

    fn record(vcenter: &str) -> MachineRecord {
        let folder = Some("group-v3".to_owned());
        MachineRecord { vcenter: vcenter.into(), vm: "vm-1".into(), instance_uuid: None, folder }
    }

    /// The vCenters are called `vc0`, `vc1`, …, also by their uuid.
    fn concluded(sightings: &[Result<Sighting, String>], record: Option<&MachineRecord>) -> Existence {
        let answers: Vec<Seen<'_>> = sightings
            .iter()
            .enumerate()
            .map(|(i, sighting)| Seen {
                endpoint: format!("vc{i}"),
                uuid: Some(format!("vc{i}").into()),
                sighting: sighting.as_ref(),
            })
            .collect();
        let query = Query { provider_uuid: Some(A), system_uuid: Some(B), ..Query::default() };
        conclude(&answers, &query, record)
    }

    #[test]
    fn it_exists_wherever_it_is_seen_even_if_another_vcenter_is_away() {
        for by in [FoundBy::ProviderId, FoundBy::InstanceUuid, FoundBy::Object] {
            assert_eq!(
                concluded(&[Err("vc0 is away".into()), Ok(running(by))], None),
                Existence::Exists(Power::On)
            );
        }
    }

    #[test]
    fn power_counts_only_while_the_host_is_connected() {
        let of = |connection, power| concluded(&[Ok(seen(FoundBy::ProviderId, connection, power))], None);
        assert_eq!(
            of(ConnectionState::Connected, PowerState::Off),
            Existence::Exists(Power::Off(Duration::ZERO))
        );
        assert_eq!(
            of(ConnectionState::Connected, PowerState::Suspended),
            Existence::Exists(Power::Suspended)
        );
        assert_eq!(of(ConnectionState::Stale, PowerState::Off), Existence::Exists(Power::Unknown));
        assert_eq!(of(ConnectionState::Unknown, PowerState::Off), Existence::Exists(Power::Unknown));
        assert_eq!(of(ConnectionState::Connected, PowerState::Unknown), Existence::Exists(Power::Unknown));
    }

    #[tokio::test(start_paused = true)]
    async fn how_long_it_has_been_off_counts_from_when_that_was_first_seen() {
        let mut vm = Vm::new(MoRef::new("VirtualMachine", "vm-7"));
        (vm.connection_state, vm.power_state) = (ConnectionState::Connected, PowerState::Off);
        vm.off_since = Some(tokio::time::Instant::now());
        tokio::time::advance(Duration::from_secs(45)).await;
        assert_eq!(power(&vm), Power::Off(Duration::from_secs(45)));
    }

    #[test]
    fn of_machines_with_the_same_uuid_all_must_be_off() {
        let one = |power| seen(FoundBy::ProviderId, ConnectionState::Connected, power);
        let stale = || seen(FoundBy::ProviderId, ConnectionState::Stale, PowerState::Off);
        for (sightings, expected) in [
            ([one(PowerState::Off), one(PowerState::Off)], Power::Off(Duration::ZERO)),
            ([one(PowerState::Off), one(PowerState::On)], Power::On),
            ([one(PowerState::Off), one(PowerState::Suspended)], Power::Suspended),
            ([one(PowerState::Off), stale()], Power::Unknown),
        ] {
            for order in [[0, 1], [1, 0]] {
                let answers = order.map(|i| Ok(sightings[i].clone()));
                assert_eq!(concluded(&answers, None), Existence::Exists(expected), "{sightings:?}");
            }
        }
    }

    #[test]
    fn while_a_vcenter_is_away_a_machine_is_off_only_if_it_is_the_one_that_is_remembered() {
        let away = || Err("vc1 is away".to_owned());
        let off = || Ok(seen(FoundBy::ProviderId, ConnectionState::Connected, PowerState::Off));
        let its_own = MachineRecord { vm: "vm-7".into(), ..record("vc0") };
        let elsewhere = MachineRecord { vm: "vm-7".into(), ..record("vc1") };
        let is_off = Existence::Exists(Power::Off(Duration::ZERO));
        let unclear = Existence::Exists(Power::Unknown);
        for (other, record, expected) in [
            (away(), None, &unclear),
            (away(), Some(&elsewhere), &unclear),
            (away(), Some(&its_own), &is_off),
            (Ok(Sighting::Absent), None, &is_off),
            (Ok(Sighting::Absent), Some(&elsewhere), &is_off),
        ] {
            assert_eq!(&concluded(&[off(), other.clone()], record), expected, "{other:?} {record:?}");
        }
    }

    #[test]
    fn nothing_is_gone_unless_every_vcenter_has_answered() {
        let away = || Err("vc1 is away".to_owned());
        let here = record("vc0");
        assert_eq!(
            concluded(&[Ok(Sighting::ObjectGone), away()], Some(&here)),
            Existence::Unknown("vc1 is away".into())
        );
        let gone = concluded(&[Ok(Sighting::ObjectGone), Ok(Sighting::Absent)], Some(&here));
        assert!(matches!(gone, Existence::Gone(Proof::Object { .. })), "{gone:?}");
    }

    #[test]
    fn absence_is_a_weaker_proof() {
        for sighting in [Sighting::Absent, Sighting::ObjectGone] {
            let gone = concluded(&[Ok(sighting)], None);
            assert!(matches!(gone, Existence::Gone(Proof::Absence { .. })), "{gone:?}");
        }
        let gone = concluded(&[Ok(Sighting::Absent)], Some(&record("vc0")));
        assert!(matches!(gone, Existence::Gone(Proof::Absence { .. })), "{gone:?}");
    }

    #[test]
    fn a_record_of_a_vcenter_that_is_not_asked_proves_nothing() {
        let existence = concluded(&[Ok(Sighting::Absent)], Some(&record("elsewhere")));
        assert!(matches!(existence, Existence::Unknown(_)), "{existence:?}");
    }

    #[test]
    fn a_machine_that_only_has_the_system_uuid_is_another_one() {
        assert_eq!(
            concluded(&[Ok(running(FoundBy::SystemUuid))], Some(&record("vc0"))),
            Existence::Replaced("vm-7 () in vCenter vc0".into())
        );
        assert!(matches!(
            concluded(&[Ok(running(FoundBy::SystemUuid)), Err("away".into())], None),
            Existence::Unknown(_)
        ));
    }
}
