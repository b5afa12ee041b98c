package main

import (
	"runtime"
	"strings"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// tripwire is the object by which a long poll notices that the simulator is
// about to evaluate a filter on its behalf, and may spare it the work. The
// simulator evaluates each filter over all its objects, copying every one by way
// of XML, for every single change and even throws the result away when nothing
// has come in: with 5,000 machines that is more than a second per change, spent
// behind the gate. Where no object can have come in since the last evaluation,
// the filter is made to select nothing for that moment.
type tripwire struct {
	mo.GuestWindowsRegistryManager

	collector *Collector
	live      []types.ObjectSpec // the filter's own list, changed in place
	full      []types.ObjectSpec // what it says
	none      []types.ObjectSpec // what selects nothing
	deep      bool
	stale     bool // objects may have come in
}

// Get is called by the simulator before it reads the object's properties.
func (t *tripwire) Get() mo.Reference {
	t.collector.mu.Lock()
	p := t.collector.run
	t.collector.mu.Unlock()
	if p == nil {
		return &t.GuestWindowsRegistryManager
	}
	p.enter()
	t.collector.mu.Lock()
	defer t.collector.mu.Unlock()
	switch {
	case forgotten():
		// All objects are to be sent again, which the evaluation after this
		// one does; the result of this one is not used.
		t.stale = true
		copy(t.live, t.none)
	case t.stale:
		t.stale = false
		copy(t.live, t.full)
	default:
		copy(t.live, t.none)
	}
	return &t.GuestWindowsRegistryManager
}

// forgotten tells whether the simulator has just forgotten which objects a
// filter has reported, because the view behind it changed.
func forgotten() bool {
	var pcs [24]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		f, more := frames.Next()
		if strings.Contains(f.Function, "(*PropertyFilter).update") {
			return true
		}
		if !more || strings.HasSuffix(f.Function, "(*PropertyCollector).apply") {
			return false
		}
	}
}

// outdate notes that objects may have come in: always when one was made; when
// one was changed, only for filters that follow its properties.
func (c *Collector) outdate(modified bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range c.wires {
		w.stale = w.stale || !modified || w.deep
	}
}

// deep tells whether a filter follows more than the list of a view.
func deep(spec *types.PropertyFilterSpec) bool {
	for _, o := range spec.ObjectSet {
		for _, s := range o.SelectSet {
			ts, ok := s.(*types.TraversalSpec)
			if !ok || ts.Path != "view" || len(ts.SelectSet) > 0 {
				return true
			}
		}
	}
	return false
}
