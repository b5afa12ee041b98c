//! What is known of the machines of this cluster, in memory.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

use super::Vm;
use crate::vsphere::MoRef;

/// Deeper nesting of folders than vCenter allows: protects against a cycle in stale data.
const MAX_ANCESTORS: usize = 64;

/// An object above a machine: folder, host, cluster, datacenter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entity {
    /// `name`
    pub(super) name: String,
    /// `parent`; absent at the root folder.
    pub(super) parent: Option<MoRef>,
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
    entities: HashMap<MoRef, Entity>,
    /// The configured datacenters; `None` means all.
    scope: Option<HashSet<MoRef>>,
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

    /// Takes over a machine's state; `true` if that is news.
    pub(super) fn put(&self, vm: Vm) -> bool {
        self.write(|inner| match inner.vms.get(&vm.moref) {
            Some(known) if **known == vm => false,
            _ => {
                inner.vms.insert(vm.moref.clone(), Arc::new(vm));
                true
            }
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
        self.write(|inner| inner.vms.remove(moref).is_some())
    }

    pub(super) fn put_entities(&self, entities: impl IntoIterator<Item = (MoRef, Entity)>) {
        self.write(|inner| inner.entities.extend(entities));
    }

    pub(super) fn set_scope(&self, scope: Option<HashSet<MoRef>>) {
        self.write(|inner| inner.scope = scope);
    }

    /// The objects directly above known machines that are not known themselves.
    pub(super) fn unknown_parents(&self) -> Vec<MoRef> {
        self.read(|inner| {
            if inner.scope.is_none() {
                return Vec::new();
            }
            let parents: HashSet<&MoRef> = inner.vms.values().filter_map(|vm| above(vm)).collect();
            parents.into_iter().filter(|parent| !inner.entities.contains_key(*parent)).cloned().collect()
        })
    }

    /// Whether the machine is inside the configured datacenters.
    pub fn scope_of(&self, vm: &Vm) -> Scope {
        self.read(|inner| {
            let Some(scope) = &inner.scope else { return Scope::Inside };
            let mut next = above(vm);
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
}

/// Where the way up to the datacenter begins: the folder, or for a VM in a vApp its host.
fn above(vm: &Vm) -> Option<&MoRef> {
    vm.parent.as_ref().or(vm.host.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(id: &str) -> MoRef {
        MoRef::new("Folder", id)
    }

    #[test]
    fn a_machine_belongs_to_the_nearest_datacenter_above_it() {
        let store = Store::default();
        let (dc0, dc1) = (MoRef::new("Datacenter", "datacenter-2"), MoRef::new("Datacenter", "datacenter-9"));
        let entity = |name: &str, parent: Option<MoRef>| Entity { name: name.to_owned(), parent };
        store.put_entities([
            (folder("group-d1"), entity("Datacenters", None)),
            (dc0.clone(), entity("DC0", Some(folder("group-d1")))),
            (dc1.clone(), entity("DC1", Some(folder("group-d1")))),
            (folder("group-v3"), entity("vm", Some(dc0.clone()))),
            (folder("group-v10"), entity("vm", Some(dc1))),
        ]);
        let in_folder = |id: &str| {
            let mut vm = Vm::new(MoRef::new("VirtualMachine", "vm-1"));
            vm.parent = Some(folder(id));
            vm
        };
        assert_eq!(store.scope_of(&in_folder("group-v77")), Scope::Inside, "no restriction, nothing to know");
        store.set_scope(Some(HashSet::from([dc0])));
        assert_eq!(store.scope_of(&in_folder("group-v3")), Scope::Inside);
        assert_eq!(store.scope_of(&in_folder("group-v10")), Scope::Outside("DC1".into()));
        assert_eq!(store.scope_of(&in_folder("group-v77")), Scope::Unknown);
        store.put_if_absent(in_folder("group-v77"));
        assert_eq!(store.unknown_parents(), [folder("group-v77")]);
    }

    #[test]
    fn news_is_told_from_repetition() {
        let store = Store::default();
        let vm = Vm::new(MoRef::new("VirtualMachine", "vm-1"));
        assert!(store.put(vm.clone()));
        assert!(!store.put(vm));
    }
}
