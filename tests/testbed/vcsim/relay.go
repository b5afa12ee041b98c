package main

import (
	"slices"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// interest is what the filters of a collector can select.
type interest struct {
	kinds    map[string]bool
	objects  map[types.ManagedObjectReference]bool
	entities bool // some filter traverses, so any managed entity may matter
	open     bool // some filter selects more than named objects and members of lists
	lists    []*simulator.ListView
}

// add notes what a filter selects; get finds the views it names.
func (i *interest) add(spec *types.PropertyFilterSpec, get func(types.ManagedObjectReference) mo.Reference) {
	if i.kinds == nil {
		i.kinds = make(map[string]bool)
		i.objects = make(map[types.ManagedObjectReference]bool)
	}
	for _, p := range spec.PropSet {
		i.kinds[p.Type] = true
	}
	for _, o := range spec.ObjectSet {
		i.objects[o.Obj] = true
		i.entities = i.entities || len(o.SelectSet) > 0
		if list, ok := get(o.Obj).(*simulator.ListView); ok {
			i.lists = append(i.lists, list)
		} else if len(o.SelectSet) > 0 {
			i.open = true
		}
	}
	i.open = i.open || deep(spec)
}

// in tells whether a change of an object may concern a filter. It must not say
// so without need: a poll that looks at a change and finds nothing to report
// stays behind the gate until it ends.
func (i *interest) in(ref types.ManagedObjectReference) bool {
	if i.objects[ref] {
		return true
	}
	if !i.open {
		return slices.ContainsFunc(i.lists, func(list *simulator.ListView) bool {
			return slices.Contains(list.View, ref)
		})
	}
	return i.kinds[ref.Type] || i.entities && entityKinds[ref.Type]
}

var entityKinds = map[string]bool{
	"Folder": true, "StoragePod": true, "Datacenter": true, "ComputeResource": true,
	"ClusterComputeResource": true, "HostSystem": true, "ResourcePool": true, "VirtualApp": true,
	"VirtualMachine": true, "Datastore": true, "Network": true, "OpaqueNetwork": true,
	"DistributedVirtualPortgroup": true, "DistributedVirtualSwitch": true,
	"VmwareDistributedVirtualSwitch": true,
}

// relay hands the changes of the registry to a collector.
type relay struct {
	collector *Collector
	session   string
}

func (r *relay) Reference() types.ManagedObjectReference {
	self := r.collector.Self.Value
	if !strings.HasPrefix(self, "session[") {
		self = "session[" + r.session + "]" + self
	}
	return types.ManagedObjectReference{Type: "VcsimRelay", Value: self}
}

func (r *relay) wants(ref types.ManagedObjectReference) bool {
	r.collector.mu.Lock()
	defer r.collector.mu.Unlock()
	return r.collector.want.in(ref)
}

func (r *relay) PutObject(ctx *simulator.Context, o mo.Reference) {
	if r.wants(o.Reference()) {
		r.collector.outdate(false)
		r.collector.PutObject(ctx, o)
	}
}

func (r *relay) UpdateObject(ctx *simulator.Context, o mo.Reference, changes []types.PropertyChange) {
	if r.wants(o.Reference()) {
		r.collector.outdate(true)
		r.collector.UpdateObject(ctx, o, changes)
	}
}

func (r *relay) RemoveObject(ctx *simulator.Context, ref types.ManagedObjectReference) {
	if r.wants(ref) {
		r.collector.RemoveObject(ctx, ref)
	}
}
