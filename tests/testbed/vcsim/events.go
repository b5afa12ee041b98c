package main

import (
	"container/list"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// post sends events through the simulator's event manager.
func (s *Sim) post(events ...types.BaseEvent) {
	m := s.ctx.Map.EventManager()
	for _, e := range events {
		m.PostEvent(s.ctx, &types.PostEvent{EventToPost: e})
	}
}

// forgetEvents empties the event history, so that a client does not see the
// construction of the inventory as its past.
func (s *Sim) forgetEvents() {
	history := fieldValue(s.ctx.Map.EventManager(), "history").Interface()
	(*field[*list.List](history, "page")).Init()
}

// vmEvent is the common part of the events about a virtual machine.
func (s *Sim) vmEvent(vm *simulator.VirtualMachine) types.VmEvent {
	reg := s.ctx.Map
	e := types.Event{Vm: &types.VmEventArgument{
		EntityEventArgument: types.EntityEventArgument{Name: vm.Name}, Vm: vm.Self,
	}}
	if h, ok := reg.Get(*vm.Runtime.Host).(*simulator.HostSystem); ok {
		e.Host = &types.HostEventArgument{EntityEventArgument: types.EntityEventArgument{Name: h.Name}, Host: h.Self}
		if cr, ok := reg.Get(*h.Parent).(mo.Entity); ok {
			e.ComputeResource = &types.ComputeResourceEventArgument{
				EntityEventArgument: types.EntityEventArgument{Name: cr.Entity().Name}, ComputeResource: cr.Reference(),
			}
		}
	}
	if dc := s.datacenterOf(vm.Self); dc != nil {
		e.Datacenter = &types.DatacenterEventArgument{EntityEventArgument: types.EntityEventArgument{Name: dc.Name}, Datacenter: dc.Self}
	}
	if len(vm.Datastore) > 0 {
		if ds, ok := reg.Get(vm.Datastore[0]).(*simulator.Datastore); ok {
			e.Ds = &types.DatastoreEventArgument{EntityEventArgument: types.EntityEventArgument{Name: ds.Name}, Datastore: ds.Self}
		}
	}
	return types.VmEvent{Event: e}
}

// quietly runs f with nobody listening to the inventory, then announces the new
// virtual machines and events at once. The simulator re-evaluates every waiting
// filter in full for every single change, which for a batch of thousands would
// take hours; what a client sees is the same.
func (s *Sim) quietly(f func() []*simulator.VirtualMachine) {
	reg := s.ctx.Map
	m := field[sync.Mutex](reg, "m")
	table := field[map[types.ManagedObjectReference]simulator.RegisterObject](reg, "handlers")
	m.Lock()
	handlers := *table
	*table = make(map[types.ManagedObjectReference]simulator.RegisterObject)
	m.Unlock()
	restore := func() {
		m.Lock()
		*table = handlers
		m.Unlock()
	}
	newest := make(map[types.ManagedObjectReference]types.BaseEvent)
	for ref, c := range s.eventCollectors() {
		newest[ref] = latest(c)
	}
	var made []*simulator.VirtualMachine
	func() {
		defer restore()
		made = f()
	}()

	if len(made) > 0 {
		root := s.serviceContent().RootFolder
		for _, h := range handlers {
			view, ok := h.(*simulator.ContainerView)
			if !ok || !selects(view, "VirtualMachine") {
				continue
			}
			if view.Container != root || view.Recursive == false {
				for _, vm := range made {
					view.PutObject(s.ctx, vm)
				}
				continue
			}
			all := append([]types.ManagedObjectReference(nil), view.View...)
			for _, vm := range made {
				all = append(all, vm.Self)
			}
			s.ctx.Update(view, []types.PropertyChange{{Name: "view", Val: all}})
		}
		for _, h := range handlers {
			if r, ok := h.(*relay); ok {
				r.PutObject(s.ctx, made[len(made)-1])
			}
		}
	}
	for ref, c := range s.eventCollectors() {
		if e := latest(c); e != newest[ref] {
			page := c.(*simulator.EventHistoryCollector).GetLatestPage()
			s.ctx.Update(c, []types.PropertyChange{{Name: "latestPage", Val: page}})
		}
	}
}

func latest(c mo.Reference) types.BaseEvent {
	if page := c.(*simulator.EventHistoryCollector).GetLatestPage(); len(page) > 0 {
		return page[0]
	}
	return nil
}

// selects tells whether a container view can hold objects of a kind.
func selects(v *simulator.ContainerView, kind string) bool {
	if len(v.Type) == 0 {
		return true
	}
	for _, t := range v.Type {
		if t == kind || t == "ManagedEntity" {
			return true
		}
	}
	return false
}

// refreshViews re-evaluates a moved machine's membership in the views of part
// of the inventory.
func (s *Sim) refreshViews(vm *simulator.VirtualMachine) {
	reg := s.ctx.Map
	root := s.serviceContent().RootFolder
	m := field[sync.Mutex](reg, "m")
	m.Lock()
	var views []*simulator.ContainerView
	for _, h := range *field[map[types.ManagedObjectReference]simulator.RegisterObject](reg, "handlers") {
		if v, ok := h.(*simulator.ContainerView); ok && (v.Container != root || !v.Recursive) && selects(v, "VirtualMachine") {
			views = append(views, v)
		}
	}
	m.Unlock()
	for _, v := range views {
		v.RemoveObject(s.ctx, vm.Self)
		v.PutObject(s.ctx, vm)
	}
}
