package main

import (
	"net/http"
	"slices"
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

	turn  sync.Mutex // one long poll at a time
	mu    sync.Mutex
	run   *poll
	want  interest
	wires []*tripwire
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
	skip := true
	wire := &tripwire{collector: c, deep: deep(&r.Spec), stale: true}
	ctx.Session.Put(wire)
	blank := ctx.Session.Put(&mo.GuestWindowsRegistryManager{
		Self: types.ManagedObjectReference{Type: "GuestWindowsRegistryManager"},
	})
	c.mu.Lock()
	c.want.add(&r.Spec, ctx.Session.Get)
	c.wires = append(c.wires, wire)
	c.mu.Unlock()
	r.Spec.ObjectSet = slices.Insert(r.Spec.ObjectSet, 0, types.ObjectSpec{
		// With a selection, if an empty one, the object is visited once.
		Obj: wire.Self, Skip: &skip, SelectSet: []types.BaseSelectionSpec{},
	})
	wire.live, wire.full = r.Spec.ObjectSet[1:], slices.Clone(r.Spec.ObjectSet[1:])
	for range wire.full {
		wire.none = append(wire.none, types.ObjectSpec{Obj: blank.Reference()})
	}
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
	for _, w := range c.wires {
		copy(w.live, w.full)
		w.stale = w.stale || res.Fault() != nil
	}
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
