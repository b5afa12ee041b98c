//! What an action does to the world.

use serde_json::{Value, json};

use super::Time;
use super::history::Action;
use super::kubelet::{is_ready, taints};
use super::machines::{Machine, Run, VCENTERS};
use super::manager::Manager;
use super::world::{Shared, World};

/// The kubelets that fall silent before a vCenter lies are silent for so long before.
const BEFORE_THE_LIE: Time = Time::from_secs(90);

/// Does it.
pub(super) fn act(world: &Shared, managers: &mut [Manager], action: Action) {
    let now = {
        let mut world = world.lock();
        let now = world.now;
        world.log(now, &format!("{action:?}"));
        world.act(action);
        world.changed();
        now
    };
    match action {
        Action::Start(index) => managers[index].start(now),
        Action::Stop(index) => managers[index].stop(),
        Action::Kill(index) => managers[index].kill(),
        Action::Freeze(index, how) => managers[index].freeze(how, now),
        Action::Thaw(index) => managers[index].thaw(now),
        _ => {}
    }
}

impl World {
    fn act(&mut self, action: Action) {
        let now = self.now;
        if action.node().is_some_and(|node| node >= self.kubelets.len()) {
            // It was to join first, and that comes later.
            return;
        }
        match action {
            Action::Join => {
                let name = format!("node-{}", self.kubelets.len());
                let vcenter = self.kubelets.len() % VCENTERS;
                self.create(&name, vcenter);
            }
            Action::Destroy(node) => self.with(node, |machine| {
                machine.place_at(None);
                machine.destroyed = true;
            }),
            Action::Recreate(node) => {
                let kubelet = &self.kubelets[node];
                if self.machines[kubelet.machine].destroyed {
                    let name = kubelet.name.clone();
                    self.create(&name, node % VCENTERS);
                }
            }
            Action::Unregister(node) => self.with(node, |machine| machine.place_at(None)),
            Action::Register(node) => self.put_back(node),
            Action::Migrate(node) => {
                let from =
                    self.machines[self.kubelets[node].machine].place.as_ref().map(|place| place.vcenter);
                if let Some(from) = from {
                    let place = self.new_place((from + 1) % VCENTERS);
                    self.with(node, |machine| machine.place_at(Some(place)));
                }
            }
            Action::PowerOff(node) => self.with(node, |machine| machine.run = Run::Off),
            Action::Suspend(node) => self.with(node, |machine| machine.run = Run::Suspended),
            Action::PowerOn(node) => self.with(node, |machine| machine.run = Run::On),
            Action::HostAway(node) => self.with(node, |machine| machine.told = false),
            Action::HostBack(node) => self.with(node, |machine| machine.told = true),
            Action::Hide(node) => self.with(node, |machine| machine.hidden = true),
            Action::Show(node) => self.with(node, |machine| machine.hidden = false),
            Action::Silence(node, time) => self.kubelets[node].silent_until = now + time,
            Action::Attach(node, volumes) => self.attach(node, volumes),
            Action::VcenterDown(index) => self.switch(index, true),
            Action::VcenterUp(index) => self.switch(index, false),
            Action::Blind(index) => self.vcenters[index].blind = true,
            Action::Sighted(index) => self.vcenters[index].blind = false,
            Action::Lie(index) => self.prepare_lie(index),
            Action::Truth(index) => {
                self.vcenters[index].empty = false;
                self.lie_from = None;
            }
            Action::Rough(share) => self.luck.rough = share,
            Action::Sluggish(share) => self.luck.sluggish = share,
            Action::ApiAway(time) => {
                self.luck.away_until = now + time;
                self.objects.end_watches();
            }
            Action::EndWatches => self.objects.end_watches(),
            Action::Compact => self.objects.compact(),
            Action::Edit(node) => self.edit(node),
            Action::DeleteNode(node) => {
                let name = self.kubelets[node].name.clone();
                self.objects.delete_node(&name, &Value::Null);
            }
            Action::Start(_) | Action::Stop(_) | Action::Kill(_) | Action::Freeze(..) | Action::Thaw(_) => {}
        }
    }

    fn with(&mut self, node: usize, change: impl FnOnce(&mut Machine)) {
        let machine = self.kubelets[node].machine;
        change(&mut self.machines[machine]);
    }

    /// A machine that was only taken out of the inventory comes back, switched on, as another object.
    fn put_back(&mut self, node: usize) {
        let machine = self.kubelets[node].machine;
        if self.machines[machine].place.is_some() || self.machines[machine].destroyed {
            return;
        }
        let place = self.new_place(node % VCENTERS);
        self.machines[machine].place_at(Some(place));
        self.machines[machine].run = Run::On;
        // One that was taken out of the inventory together with its host has been running all the time.
        if !self.number().is_multiple_of(3) {
            self.kubelets[node].settled();
        }
    }

    fn switch(&mut self, vcenter: usize, down: bool) {
        if self.vcenters[vcenter].down != down {
            (self.vcenters[vcenter].down, self.vcenters[vcenter].since) = (down, self.now);
        }
    }

    fn attach(&mut self, node: usize, volumes: usize) {
        let name = self.kubelets[node].name.clone();
        if self.objects.nodes.get(&name).is_some_and(is_ready) {
            for _ in 0..volumes {
                let volume = format!("csi-{}", self.number());
                self.objects.attachments.insert(volume, name.clone());
            }
        }
    }

    /// Several kubelets fall silent; if at least two are by then, the vCenter swears that it has no machine.
    fn prepare_lie(&mut self, vcenter: usize) {
        self.lie_from = Some((self.now + BEFORE_THE_LIE, vcenter));
        for kubelet in &mut self.kubelets {
            let place = self.machines[kubelet.machine].place.as_ref();
            if place.is_some_and(|place| place.vcenter == vcenter) {
                kubelet.silent_until = Time::MAX;
            }
        }
    }

    /// Begins a lie that is due.
    pub(super) fn lie_if_due(&mut self) {
        let Some((_, vcenter)) = self.lie_from.filter(|(from, _)| *from <= self.now) else { return };
        self.lie_from = None;
        let silent = self.kubelets.iter().filter(|kubelet| {
            let node = self.objects.nodes.get(&kubelet.name);
            let here =
                self.machines[kubelet.machine].place.as_ref().is_some_and(|place| place.vcenter == vcenter);
            here && node.is_some_and(|node| !is_ready(node) && node["spec"]["providerID"].is_string())
        });
        if silent.count() >= 2 {
            self.log(self.now, "it begins to lie");
            self.vcenters[vcenter].empty = true;
            self.changed();
        }
    }

    fn edit(&mut self, node: usize) {
        let Some(mut node) = self.objects.nodes.get(&self.kubelets[node].name).cloned() else { return };
        let mut all = taints(&node).to_vec();
        let ours = |taint: &Value| taint["key"] == "example.org/ours";
        if all.iter().any(ours) {
            all.retain(|taint| !ours(taint));
        } else {
            all.insert(0, json!({"key": "example.org/ours", "effect": "NoSchedule"}));
        }
        node["spec"]["taints"] = all.into();
        node["metadata"]["labels"]["example.org/edited"] = self.number().to_string().into();
        self.write_node(&node, Some("is edited"));
    }

    /// From now on nothing goes wrong: everything that was broken is mended, and what people have to
    /// decide is decided.
    pub(super) fn calm_down(&mut self) {
        let now = self.now;
        self.luck.calm();
        self.lie_from = None;
        for vcenter in 0..VCENTERS {
            self.switch(vcenter, false);
            (self.vcenters[vcenter].blind, self.vcenters[vcenter].empty) = (false, false);
        }
        for index in 0..self.kubelets.len() {
            self.kubelets[index].silent_until = self.kubelets[index].silent_until.min(now);
            self.with(index, |machine| (machine.run, machine.told, machine.hidden) = (Run::On, true, false));
            let machine = &self.machines[self.kubelets[index].machine];
            let name = self.kubelets[index].name.clone();
            let Some(node) = self.objects.nodes.get(&name) else { continue };
            let id = node["spec"]["providerID"].as_str();
            // It has another machine now: somebody says that it is the new one.
            if machine.place.is_some() && id.is_some_and(|id| id != machine.provider_id().to_string()) {
                self.log(now, &format!("{name} is deleted by hand"));
                self.objects.delete_node(&name, &Value::Null);
            }
        }
        self.changed();
    }
}
