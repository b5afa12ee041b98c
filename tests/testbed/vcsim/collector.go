package main

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// Collector is the simulator's property collector, with its behaviour (and its
// oddities) left alone but for three things: a long poll ends when its client
// goes away or its session is terminated, it looks at objects only behind the
// gate, and it does not recompute its filters for changes of objects that none
// of them can select.
type Collector struct {
	simulator.PropertyCollector

	turn sync.Mutex // one long poll at a time
	mu   sync.Mutex
	run  *poll
	want interest
}

// request digs out the HTTP request of a call.
func request(ctx *simulator.Context) *http.Request {
	return *field[*http.Request](ctx, "req")
}

// CreatePropertyCollector makes the private collectors of this type, too.
func (c *Collector) CreatePropertyCollector(ctx *simulator.Context, _ *types.CreatePropertyCollector) soap.HasFault {
	return &methods.CreatePropertyCollectorBody{Res: &types.CreatePropertyCollectorResponse{
		Returnval: ctx.Session.Put(&Collector{PropertyCollector: simulator.PropertyCollector{
			PropertyCollector: mo.PropertyCollector{
				Self: types.ManagedObjectReference{Type: "PropertyCollector"},
			},
		}}).Reference(),
	}}
}

// CreateFilter puts a tripwire in front of the objects of the filter: the
// simulator visits it first whenever it evaluates the filter.
func (c *Collector) CreateFilter(ctx *simulator.Context, r *types.CreateFilter) soap.HasFault {
	c.mu.Lock()
	c.want.add(&r.Spec)
	c.mu.Unlock()
	wire := ctx.Session.Put(&tripwire{collector: c})
	r.Spec.ObjectSet = slices.Insert(r.Spec.ObjectSet, 0, types.ObjectSpec{Obj: wire.Reference()})
	return c.PropertyCollector.CreateFilter(ctx, r)
}

// DestroyPropertyCollector removes the relay with the collector.
func (c *Collector) DestroyPropertyCollector(ctx *simulator.Context, r *types.DestroyPropertyCollector) soap.HasFault {
	ctx.Map.RemoveHandler(&relay{collector: c, session: ctx.Session.Key})
	return c.PropertyCollector.DestroyPropertyCollector(ctx, r)
}

// WaitForUpdatesEx runs the simulator's long poll.
func (c *Collector) WaitForUpdatesEx(ctx *simulator.Context, r *types.WaitForUpdatesEx) soap.HasFault {
	res, terminated := c.wait(ctx, r.Version, func() soap.HasFault {
		return c.PropertyCollector.WaitForUpdatesEx(ctx, r)
	})
	if terminated {
		return &methods.WaitForUpdatesExBody{Fault_: notAuthenticated(r.This)}
	}
	return res
}

// WaitForUpdates runs the simulator's long poll of the old kind.
func (c *Collector) WaitForUpdates(ctx *simulator.Context, r *types.WaitForUpdates) soap.HasFault {
	res, terminated := c.wait(ctx, r.Version, func() soap.HasFault {
		return c.PropertyCollector.WaitForUpdates(ctx, r)
	})
	if terminated {
		return &methods.WaitForUpdatesBody{Fault_: notAuthenticated(r.This)}
	}
	return res
}

func (c *Collector) wait(ctx *simulator.Context, version string, call func() soap.HasFault) (soap.HasFault, bool) {
	p, ok := request(ctx).Context().Value(pollKey{}).(*poll)
	if !ok { // the simulator calling itself: nothing to watch over
		return call(), false
	}
	// A second poll on the same collector ends the first one. That is what
	// a client does that lost its connection and came back.
	c.mu.Lock()
	if c.run != nil {
		c.run.cancel()
	}
	c.mu.Unlock()
	c.turn.Lock()
	defer c.turn.Unlock()
	c.mu.Lock()
	c.run = p
	c.mu.Unlock()

	done := make(chan struct{})
	go func() {
		select {
		case <-done:
			return
		case <-p.ctx.Done():
		}
		for { // repeated: the call may not have stored its cancel function yet
			c.CancelWaitForUpdates(&types.CancelWaitForUpdates{})
			select {
			case <-done:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	}()
	res := call()
	close(done)
	c.mu.Lock()
	c.run = nil
	c.mu.Unlock()

	if version == "" {
		// The simulator registers the collector under its reference, which
		// all sessions share for the default collector, so that one
		// session's poll would take another's updates.
		p.enter()
		ctx.Map.RemoveHandler(&c.PropertyCollector)
		ctx.Map.AddHandler(&relay{collector: c, session: ctx.Session.Key})
	}
	return res, p.terminated.Load()
}

func notAuthenticated(this types.ManagedObjectReference) *soap.Fault {
	return simulator.Fault("", &types.NotAuthenticated{
		NoPermission: types.NoPermission{Object: &this, PrivilegeId: "System.View"},
	})
}

// tripwire is the object by which a long poll notices that the simulator is
// about to read the inventory on its behalf.
type tripwire struct {
	mo.GuestWindowsRegistryManager

	collector *Collector
}

// Get is called by the simulator before it reads the object's properties.
func (t *tripwire) Get() mo.Reference {
	t.collector.mu.Lock()
	p := t.collector.run
	t.collector.mu.Unlock()
	if p != nil {
		p.enter()
	}
	return &t.GuestWindowsRegistryManager
}

// interest is what the filters of a collector can select.
type interest struct {
	kinds    map[string]bool
	objects  map[types.ManagedObjectReference]bool
	entities bool // some filter traverses, so any managed entity may matter
}

func (i *interest) add(spec *types.PropertyFilterSpec) {
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
	}
}

func (i *interest) in(ref types.ManagedObjectReference) bool {
	return i.kinds[ref.Type] || i.objects[ref] || i.entities && entityKinds[ref.Type]
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
		r.collector.PutObject(ctx, o)
	}
}

func (r *relay) UpdateObject(ctx *simulator.Context, o mo.Reference, changes []types.PropertyChange) {
	if r.wants(o.Reference()) {
		r.collector.UpdateObject(ctx, o, changes)
	}
}

func (r *relay) RemoveObject(ctx *simulator.Context, ref types.ManagedObjectReference) {
	if r.wants(ref) {
		r.collector.RemoveObject(ctx, ref)
	}
}
