use super::*;

fn folder(id: &str) -> MoRef {
    MoRef::new("Folder", id)
}

fn entity(name: &str, parent: Option<MoRef>) -> Entity {
    Entity { name: name.to_owned(), parent }
}

#[test]
fn a_machine_belongs_to_the_nearest_datacenter_above_it() {
    let store = Store::default();
    let (dc0, dc1) = (MoRef::new("Datacenter", "datacenter-2"), MoRef::new("Datacenter", "datacenter-9"));
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

#[test]
fn what_was_known_before_an_interruption_is_history_until_it_is_read_again() {
    let store = Store::default();
    let mut vm = Vm::new(MoRef::new("VirtualMachine", "vm-1"));
    let first = tokio::time::Instant::now();
    vm.off_since = Some(first);
    assert!(!store.is_current(&vm.moref));
    store.put(vm.clone());
    assert!(store.is_current(&vm.moref));
    store.interrupted();
    assert!(!store.is_current(&vm.moref) && store.vm(&vm.moref).is_some());
    // It may have run meanwhile.
    vm.off_since = Some(first + std::time::Duration::from_mins(1));
    store.put(vm.clone());
    assert!(store.is_current(&vm.moref));
    assert_eq!(store.vm(&vm.moref).unwrap().off_since, vm.off_since);
}

#[tokio::test(start_paused = true)]
async fn the_time_of_being_off_counts_from_when_it_was_first_seen() {
    use std::time::Duration;
    let machine = |off_since| Vm { off_since, ..Vm::new(MoRef::new("VirtualMachine", "vm-1")) };
    let off = || machine(Some(tokio::time::Instant::now()));
    let age = |vm: Vm| vm.off_since.map(|since| since.elapsed());
    let store = Store::default();
    store.put(off());
    tokio::time::advance(Duration::from_secs(40)).await;
    assert_eq!(age(store.dated(off())), Some(Duration::from_secs(40)));
    assert_eq!(age(store.dated(machine(None))), None, "what is read now counts");
    store.interrupted();
    assert_eq!(age(store.dated(off())), Some(Duration::ZERO), "it may have run meanwhile");
    store.put(machine(None));
    assert_eq!(age(store.dated(off())), Some(Duration::ZERO), "it was on a moment ago");
    assert_eq!(age(Store::default().dated(off())), Some(Duration::ZERO));
}

#[test]
fn a_machine_that_is_read_again_has_been_off_since_it_was_first_seen_so() {
    let store = Store::default();
    let mut vm = Vm::new(MoRef::new("VirtualMachine", "vm-1"));
    let first = tokio::time::Instant::now();
    vm.off_since = Some(first);
    assert!(store.put(vm.clone()));
    vm.off_since = Some(first + std::time::Duration::from_mins(1));
    assert!(!store.put(vm.clone()), "no news");
    assert_eq!(store.vm(&vm.moref).unwrap().off_since, Some(first));
    vm.off_since = None;
    assert!(store.put(vm.clone()));
    assert_eq!(store.vm(&vm.moref).unwrap().off_since, None);
}

fn tag(category: &str, name: &str) -> Tag {
    Tag { category: category.to_owned(), name: name.to_owned() }
}

#[test]
fn zones_follow_the_tags_and_only_moved_machines_are_told_of() {
    let store = Store::default();
    let (cluster, esx) =
        (MoRef::new("ClusterComputeResource", "domain-c1"), MoRef::new("HostSystem", "host-1"));
    let other = MoRef::new("HostSystem", "host-2");
    store.set_categories(Some(ZoneCategories { region: "r".into(), zone: "z".into() }));
    store.put_entities([
        (cluster.clone(), entity("c", None)),
        (esx.clone(), entity("esx1", Some(cluster.clone()))),
        (other.clone(), entity("esx2", Some(cluster.clone()))),
    ]);
    let on = |id: &str, host: &MoRef| {
        let mut vm = Vm::new(MoRef::new("VirtualMachine", id));
        vm.host = Some(host.clone());
        vm
    };
    let (one, two) = (on("vm-1", &esx), on("vm-2", &other));
    store.put(one.clone());
    store.put(two.clone());
    assert_eq!(store.zone_of(&one).unwrap().problem.as_deref(), Some("tags are not read yet"));

    let asked = store.tag_objects();
    assert_eq!(asked.len(), 3, "at first only the objects above the machines");
    let tags = HashMap::from([(cluster.clone(), vec![tag("r", "x")]), (esx.clone(), vec![tag("z", "a")])]);
    assert_eq!(store.set_tags(&asked, tags.clone()).len(), 2, "the first answer concerns all");
    assert_eq!(store.zone_of(&one).unwrap().problem, None);
    assert_eq!(store.untagged_machines(), std::slice::from_ref(&two.moref));
    let problem = store.zone_of(&two).unwrap().problem.unwrap();
    assert!(problem.contains("\"z\"") && problem.contains("HostSystem \"esx2\""), "{problem}");

    let asked = store.tag_objects();
    assert_eq!(asked.len(), 4, "and the machine that is not placed by them");
    assert!(store.set_tags(&asked, tags.clone()).is_empty(), "no news");
    let mut more = tags;
    more.insert(other, vec![tag("z", "b")]);
    assert_eq!(store.set_tags(&asked, more), [two.moref]);
}
