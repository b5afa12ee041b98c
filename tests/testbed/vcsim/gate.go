package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// Gate serialises everything that touches the simulator's objects: requests
// of clients, control calls and the working parts of long polls. The
// simulator's own per-object locks can deadlock (ModifyListView against
// WaitForUpdatesEx) and are switched off, and without them its maps and slices
// are unprotected.
type Gate struct {
	mu      sync.Mutex
	taskMu  sync.Mutex
	pending map[types.ManagedObjectReference]struct{}
}

// settleLimit bounds how long the gate waits for the tasks a request started.
const settleLimit = 100 * time.Millisecond

// Lock enters the gate.
func (g *Gate) Lock() {
	g.mu.Lock()
	g.taskMu.Lock()
	clear(g.pending) // only tasks started from here on are waited for
	g.taskMu.Unlock()
}

// Unlock leaves the gate once the tasks started behind it have run: the
// simulator executes them in goroutines of its own, unprotected.
func (g *Gate) Unlock() {
	for end := time.Now().Add(settleLimit); g.busy() && time.Now().Before(end); {
		time.Sleep(100 * time.Microsecond)
	}
	g.mu.Unlock()
}

func (g *Gate) busy() bool {
	g.taskMu.Lock()
	defer g.taskMu.Unlock()
	return len(g.pending) > 0
}

// Reference makes the gate a handler of the simulator's registry, which is how
// it sees tasks come and end.
func (g *Gate) Reference() types.ManagedObjectReference {
	return types.ManagedObjectReference{Type: "VcsimTaskWatch", Value: "gate"}
}

// PutObject notes a new task.
func (g *Gate) PutObject(_ *simulator.Context, o mo.Reference) {
	if ref := o.Reference(); ref.Type == "Task" {
		g.taskMu.Lock()
		g.pending[ref] = struct{}{}
		g.taskMu.Unlock()
	}
}

// UpdateObject notes the end of a task.
func (g *Gate) UpdateObject(_ *simulator.Context, o mo.Reference, changes []types.PropertyChange) {
	if o.Reference().Type != "Task" {
		return
	}
	for _, c := range changes {
		if s, ok := c.Val.(types.TaskInfoState); ok && c.Name == "info.state" &&
			(s == types.TaskInfoStateSuccess || s == types.TaskInfoStateError) {
			g.RemoveObject(nil, o.Reference())
		}
	}
}

// RemoveObject forgets a task.
func (g *Gate) RemoveObject(_ *simulator.Context, ref types.ManagedObjectReference) {
	g.taskMu.Lock()
	delete(g.pending, ref)
	g.taskMu.Unlock()
}

// poll is one running long poll. It waits outside the gate and enters it when
// the simulator starts to look at objects; it stays inside until its answer is
// encoded, because the answer refers to live objects.
type poll struct {
	gate       *Gate
	ctx        context.Context
	cancel     context.CancelFunc
	terminated atomic.Bool
	held       bool // touched by the poll's own goroutine only
}

func (p *poll) enter() {
	if !p.held {
		p.gate.mu.Lock()
		p.held = true
	}
}

func (p *poll) leave() {
	if p.held {
		p.held = false
		p.gate.mu.Unlock()
	}
}

type pollKey struct{}
