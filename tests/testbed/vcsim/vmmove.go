package main

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// Relocate moves a machine to another host.
func (v *VMs) Relocate(name, host string) (VMInfo, error) {
	r, err := v.lookup(name)
	if err != nil {
		return VMInfo{}, err
	}
	e, err := v.sim.find("HostSystem", host)
	if err != nil {
		return VMInfo{}, err
	}
	event := &types.VmMigratedEvent{VmEvent: v.sim.vmEvent(r.vm)}
	if h := event.Host; h != nil {
		event.SourceHost = *h
	}
	event.SourceDatacenter, event.SourceDatastore = event.Datacenter, event.Ds
	v.sim.ctx.Update(r.vm, v.rehost(r, e.(*simulator.HostSystem)))
	v.sim.post(event)
	return v.info(r), nil
}

// rehost moves the references to the machine and says what changed of it.
func (v *VMs) rehost(r *record, to *simulator.HostSystem) changes {
	vm, reg := r.vm, v.sim.ctx.Map
	if h, ok := reg.Get(*vm.Runtime.Host).(*simulator.HostSystem); ok {
		drop(&h.Vm, vm.Self)
	}
	to.Vm = append(to.Vm, vm.Self)
	var c changes
	c.set("runtime.host", *vm.Runtime.Host, to.Self)
	c.set("summary.runtime.host", *vm.Summary.Runtime.Host, to.Self)
	pool := *v.sim.compute(to).ResourcePool
	if vm.ResourcePool == nil || *vm.ResourcePool != pool {
		if vm.ResourcePool != nil {
			if p, ok := reg.Get(*vm.ResourcePool).(*simulator.ResourcePool); ok {
				drop(&p.Vm, vm.Self)
			}
		}
		if p, ok := reg.Get(pool).(*simulator.ResourcePool); ok {
			p.Vm = append(p.Vm, vm.Self)
		}
		c = append(c, types.PropertyChange{Name: "resourcePool", Val: pool})
	}
	return c
}

// drop removes a reference from a list without touching the old array, which an
// answer being encoded may still refer to.
func drop(list *[]types.ManagedObjectReference, ref types.ManagedObjectReference) {
	out := make([]types.ManagedObjectReference, 0, len(*list))
	for _, r := range *list {
		if r != ref {
			out = append(out, r)
		}
	}
	*list = out
}

// Move puts a machine into another folder. In another datacenter it gets a host
// and a datastore there, too.
func (v *VMs) Move(name, folder string, datacenter *string) (VMInfo, error) {
	r, err := v.lookup(name)
	if err != nil {
		return VMInfo{}, err
	}
	vm, reg := r.vm, v.sim.ctx.Map
	from := v.sim.datacenterOf(vm.Self)
	to := from
	if datacenter != nil {
		e, err := v.sim.find("Datacenter", *datacenter)
		if err != nil {
			return VMInfo{}, err
		}
		to = e.(*simulator.Datacenter)
	}
	f, err := v.sim.vmFolder(to, folder)
	if err != nil {
		return VMInfo{}, err
	}
	hosts := v.sim.hostsOf(to)
	if len(hosts) == 0 {
		return VMInfo{}, badRequest("datacenter %s has no host", to.Name)
	}
	var c changes
	if old, ok := reg.Get(*vm.Parent).(*simulator.Folder); ok {
		drop(&old.ChildEntity, vm.Self)
		v.sim.ctx.Update(old, []types.PropertyChange{{Name: "childEntity", Val: old.ChildEntity}})
	}
	f.ChildEntity = append(f.ChildEntity, vm.Self)
	v.sim.ctx.Update(f, []types.PropertyChange{{Name: "childEntity", Val: f.ChildEntity}})
	c.set("parent", *vm.Parent, f.Self)
	if to.Self != from.Self {
		c = append(c, v.rehost(r, hosts[v.turn[to.Self]%len(hosts)])...)
		v.turn[to.Self]++
		if len(to.Datastore) > 0 {
			if ds, ok := reg.Get(vm.Datastore[0]).(*simulator.Datastore); ok {
				drop(&ds.Vm, vm.Self)
			}
			if ds, ok := reg.Get(to.Datastore[0]).(*simulator.Datastore); ok {
				ds.Vm = append(ds.Vm, vm.Self)
			}
			c.set("datastore", vm.Datastore, to.Datastore[:1:1])
		}
	}
	if len(c) > 0 {
		v.sim.ctx.Update(vm, c)
	}
	v.sim.refreshViews(vm)
	return v.info(r), nil
}
