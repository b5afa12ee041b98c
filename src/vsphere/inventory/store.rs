//! What is known of the machines of this cluster, in memory.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

use super::Vm;
use super::zone::{ZoneCategories, ZoneTags, choose};
use crate::vsphere::MoRef;
use crate::vsphere::tags::Tag;

/// Deeper nesting of folders than vCenter allows: protects against a cycle in stale data.
const MAX_ANCESTORS: usize = 64;

/// An object above a machine: folder, host, cluster, datacenter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entity {
    /// `name`
    pub name: String,
    /// `parent`; absent at the root folder.
    pub parent: Option<MoRef>,
}

/// The machines of this cluster and the objects above them.
///
/// It outlives sessions: while vCenter is away, it says what was true last.
#[derive(Debug, Default)]
pub struct Store {
    inner: RwLock<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    vms: HashMap<MoRef, Arc<Vm>>,
    /// Those of them that were last read before the watch was interrupted.
    history: HashSet<MoRef>,
    entities: HashMap<MoRef, Entity>,
    /// The configured datacenters; `None` means all.
    scope: Option<HashSet<MoRef>>,
    /// `None`: zones are not wanted.
    categories: Option<ZoneCategories>,
    tags: HashMap<MoRef, Vec<Tag>>,
    /// Why tags are not known: not read yet, or not readable.
    tags_problem: Option<String>,
    /// `about.instanceUuid` of the vCenter these are in.
    vcenter_uuid: Option<Arc<str>>,
}

/// Whether a machine is inside the configured datacenters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// It is.
    Inside,
    /// It is in this other datacenter.
    Outside(String),
    /// The objects above it are not known (yet).
    Unknown,
}

/// Where a machine is, as far as that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ZoneFacts {
    /// What the tags say.
    pub tags: ZoneTags,
    /// Why something is missing: what was looked at, or why nothing could be.
    pub problem: Option<String>,
}

impl Store {
    fn read<T>(&self, f: impl FnOnce(&Inner) -> T) -> T {
        f(&self.inner.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, f: impl FnOnce(&mut Inner) -> T) -> T {
        f(&mut self.inner.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// A machine.
    pub fn vm(&self, moref: &MoRef) -> Option<Arc<Vm>> {
        self.read(|inner| inner.vms.get(moref).cloned())
    }

    /// How many machines are known.
    pub fn len(&self) -> usize {
        self.read(|inner| inner.vms.len())
    }

    /// Whether no machine is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `about.instanceUuid` of the vCenter, once it was asked.
    pub fn vcenter_uuid(&self) -> Option<Arc<str>> {
        self.read(|inner| inner.vcenter_uuid.clone())
    }

    pub(super) fn set_vcenter_uuid(&self, uuid: Option<&str>) {
        self.write(|inner| inner.vcenter_uuid = uuid.map(Arc::from));
    }

    /// Takes over a machine's state; `true` if that is news.
    pub(super) fn put(&self, mut vm: Vm) -> bool {
        self.write(|inner| {
            inner.date(&mut vm);
            inner.history.remove(&vm.moref);
            if inner.vms.get(&vm.moref).is_some_and(|known| **known == vm) {
                return false;
            }
            inner.vms.insert(vm.moref.clone(), Arc::new(vm));
            true
        })
    }

    /// Takes over a machine's state unless the watch was quicker and knows it already.
    pub(super) fn put_if_absent(&self, vm: Vm) {
        self.write(|inner| {
            inner.vms.entry(vm.moref.clone()).or_insert_with(|| Arc::new(vm));
        });
    }

    /// The machine is no longer watched.
    pub(super) fn remove(&self, moref: &MoRef) -> bool {
        self.write(|inner| {
            inner.history.remove(moref);
            inner.vms.remove(moref).is_some()
        })
    }

    /// A machine that was read besides the watch, off for as long as it is known to be.
    pub fn dated(&self, mut vm: Vm) -> Vm {
        self.read(|inner| inner.date(&mut vm));
        vm
    }

    /// The watch is interrupted: what is known of machines is history until they are read again.
    pub(super) fn interrupted(&self) {
        self.write(|inner| inner.history = inner.vms.keys().cloned().collect());
    }

    /// Whether what is known of a machine comes from a watch that has not been interrupted since.
    pub fn is_current(&self, moref: &MoRef) -> bool {
        self.read(|inner| inner.vms.contains_key(moref) && !inner.history.contains(moref))
    }

    pub(super) fn put_entities(&self, entities: impl IntoIterator<Item = (MoRef, Entity)>) {
        self.write(|inner| inner.entities.extend(entities));
    }

    pub(super) fn set_scope(&self, scope: Option<HashSet<MoRef>>) {
        self.write(|inner| inner.scope = scope);
    }

    pub(super) fn set_categories(&self, categories: Option<ZoneCategories>) {
        self.write(|inner| {
            inner.tags_problem = categories.as_ref().map(|_| "tags are not read yet".to_owned());
            inner.categories = categories;
        });
    }

    pub(super) fn wants_zones(&self) -> bool {
        self.read(|inner| inner.categories.is_some())
    }

    /// The objects directly above known machines that are not known themselves.
    pub(super) fn unknown_parents(&self) -> Vec<MoRef> {
        self.read(|inner| {
            let needed: HashSet<&MoRef> = inner.vms.values().flat_map(|vm| inner.needed_above(vm)).collect();
            needed.into_iter().filter(|object| !inner.entities.contains_key(*object)).cloned().collect()
        })
    }

    /// Whether an object directly above this machine is not known.
    pub(super) fn lacks_parents(&self, moref: &MoRef) -> bool {
        self.read(|inner| {
            inner
                .vms
                .get(moref)
                .is_some_and(|vm| inner.needed_above(vm).any(|object| !inner.entities.contains_key(object)))
        })
    }

    /// Whether the machine is inside the configured datacenters.
    pub fn scope_of(&self, vm: &Vm) -> Scope {
        self.read(|inner| {
            let Some(scope) = &inner.scope else { return Scope::Inside };
            // The folder, or for a VM in a vApp its host.
            let mut next = vm.parent.as_ref().or(vm.host.as_ref());
            for _ in 0..MAX_ANCESTORS {
                let Some(moref) = next else { return Scope::Unknown };
                if scope.contains(moref) {
                    return Scope::Inside;
                }
                let Some(entity) = inner.entities.get(moref) else { return Scope::Unknown };
                if &*moref.kind == "Datacenter" {
                    return Scope::Outside(entity.name.clone());
                }
                next = entity.parent.as_ref();
            }
            Scope::Unknown
        })
    }

    /// The name of an object above a machine, if it is known.
    pub fn name_of(&self, object: &MoRef) -> Option<String> {
        self.read(|inner| {
            let vm = inner.vms.get(object).map(|vm| vm.name.clone());
            vm.or_else(|| inner.entities.get(object).map(|entity| entity.name.clone()))
        })
    }

    /// Where the machine is; `None` if zones are not wanted.
    pub fn zone_of(&self, vm: &Vm) -> Option<ZoneFacts> {
        self.read(|inner| {
            let categories = inner.categories.as_ref()?;
            let tags = inner.zone_tags(vm, categories);
            if tags.is_complete() {
                return Some(ZoneFacts { tags, problem: None });
            }
            let problem =
                inner.tags_problem.clone().unwrap_or_else(|| inner.looked_at(vm, categories, &tags));
            Some(ZoneFacts { tags, problem: Some(problem) })
        })
    }

    /// The objects whose tags are needed: everything above machines, and a machine itself where
    /// that is not enough.
    pub(super) fn tag_objects(&self) -> Vec<MoRef> {
        self.read(|inner| {
            let Some(categories) = &inner.categories else { return Vec::new() };
            let mut objects: HashSet<MoRef> = HashSet::new();
            for vm in inner.vms.values() {
                objects.extend(inner.chains(vm).into_iter().flatten().filter(|object| *object != vm.moref));
            }
            let mut objects: Vec<MoRef> = objects.into_iter().collect();
            // At first nothing is known; mostly what is above the machines is enough.
            if inner.tags_problem.is_none() {
                objects.extend(inner.incomplete(categories));
            }
            objects
        })
    }

    /// Machines that the tags above them do not place.
    pub(super) fn untagged_machines(&self) -> Vec<MoRef> {
        self.read(|inner| inner.categories.as_ref().map(|c| inner.incomplete(c)).unwrap_or_default())
    }

    /// Takes over the tags of these objects; returns the machines that are somewhere else now.
    pub(super) fn set_tags(&self, asked: &[MoRef], mut tags: HashMap<MoRef, Vec<Tag>>) -> Vec<MoRef> {
        self.write(|inner| {
            let Some(categories) = inner.categories.clone() else { return Vec::new() };
            let first = inner.tags_problem.take().is_some();
            let changed = asked.iter().any(|object| {
                tags.get(object).map(Vec::as_slice).unwrap_or_default()
                    != inner.tags.get(object).map(Vec::as_slice).unwrap_or_default()
            });
            if !changed && !first {
                return Vec::new();
            }
            let before: Vec<(MoRef, ZoneTags)> =
                inner.vms.values().map(|vm| (vm.moref.clone(), inner.zone_tags(vm, &categories))).collect();
            for object in asked {
                match tags.remove(object) {
                    Some(tags) => inner.tags.insert(object.clone(), tags),
                    None => inner.tags.remove(object),
                };
            }
            before
                .into_iter()
                .filter(|(moref, before)| {
                    first
                        || inner.vms.get(moref).is_some_and(|vm| inner.zone_tags(vm, &categories) != *before)
                })
                .map(|(moref, _)| moref)
                .collect()
        })
    }

    /// Tags cannot be read now; what was read before stays true.
    pub(super) fn set_tags_problem(&self, problem: String) {
        self.write(|inner| {
            if inner.tags.is_empty() {
                inner.tags_problem = Some(problem);
            }
        });
    }
}

impl Inner {
    /// One that is read again has not been switched off again, if nothing was missed in between.
    fn date(&self, vm: &mut Vm) {
        let known = self.vms.get(&vm.moref).filter(|_| !self.history.contains(&vm.moref));
        if let (Some(known), Some(now)) = (known.and_then(|known| known.off_since), &mut vm.off_since) {
            *now = known.min(*now);
        }
    }

    /// The objects directly above a machine that have to be known.
    fn needed_above<'a>(&self, vm: &'a Vm) -> impl Iterator<Item = &'a MoRef> + use<'a> {
        let for_scope = vm.parent.as_ref().or(vm.host.as_ref()).filter(|_| self.scope.is_some());
        let for_zones = [&vm.host, &vm.resource_pool, &vm.parent].into_iter().flatten();
        let wants_zones = self.categories.is_some();
        for_scope.into_iter().chain(for_zones.filter(move |_| wants_zones))
    }

    /// From the host upwards; from the resource pool upwards; from the machine itself upwards.
    fn chains(&self, vm: &Vm) -> [Vec<MoRef>; 3] {
        let up = |from: Option<&MoRef>| {
            let mut chain = Vec::new();
            let mut next = from;
            while let Some(object) = next
                && chain.len() < MAX_ANCESTORS
            {
                chain.push(object.clone());
                next = self.entities.get(object).and_then(|entity| entity.parent.as_ref());
            }
            chain
        };
        let mut own = vec![vm.moref.clone()];
        own.extend(up(vm.parent.as_ref()));
        [up(vm.host.as_ref()), up(vm.resource_pool.as_ref()), own]
    }

    fn zone_tags(&self, vm: &Vm, categories: &ZoneCategories) -> ZoneTags {
        choose(&self.chains(vm), &self.tags, categories)
    }

    fn incomplete(&self, categories: &ZoneCategories) -> Vec<MoRef> {
        self.vms
            .values()
            .filter(|vm| {
                let [host, pool, _] = self.chains(vm);
                !choose(&[host, pool], &self.tags, categories).is_complete()
            })
            .map(|vm| vm.moref.clone())
            .collect()
    }

    /// Says which tag is missing and where it was looked for.
    fn looked_at(&self, vm: &Vm, categories: &ZoneCategories, found: &ZoneTags) -> String {
        let missing: Vec<String> = [(&found.region, &categories.region), (&found.zone, &categories.zone)]
            .into_iter()
            .filter(|(found, _)| found.is_none())
            .map(|(_, category)| format!("{category:?}"))
            .collect();
        let [host, pool, own] = self.chains(vm);
        let mut seen = HashSet::new();
        let places: Vec<String> = host
            .into_iter()
            .chain(pool)
            .chain(own)
            .filter(|object| seen.insert(object.clone()))
            .map(|object| match self.entities.get(&object) {
                Some(entity) => format!("{} {:?}", object.kind, entity.name),
                None => object.to_string(),
            })
            .collect();
        format!(
            "no tag of category {} on any of {}; attach one to the host, its cluster or its datacenter",
            missing.join(" and "),
            places.join(", ")
        )
    }
}

#[cfg(test)]
mod tests;
