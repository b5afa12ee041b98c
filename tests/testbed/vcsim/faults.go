package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Rule is one fault to inject.
type Rule struct {
	ID              string `json:"id"`
	Method          string `json:"method"`
	Kind            string `json:"kind"`
	Containing      string `json:"containing,omitempty"`
	Status          int    `json:"status,omitempty"`
	Fault           string `json:"fault,omitempty"`
	Count           int    `json:"count,omitempty"`
	ForMS           int    `json:"forMs,omitempty"`
	Skip            int    `json:"skip,omitempty"`
	AfterProcessing bool   `json:"afterProcessing,omitempty"`
	Running         bool   `json:"running,omitempty"`
	BytesPerSecond  int    `json:"bytesPerSecond,omitempty"`
	// Hits is how many requests the rule has affected.
	Hits int `json:"hits"`

	until time.Time
}

var faultKinds = []string{"status", "reset", "hang", "slowBody", "truncate", "malformed", "soapFault"}

// late tells whether the simulator works on the request before the fault: on
// request, and always when its answer is needed.
func (r *Rule) late() bool {
	return r.AfterProcessing || r.Kind == "slowBody" || r.Kind == "truncate"
}

func (r *Rule) matches(c call) bool {
	if !strings.Contains(c.body, r.Containing) {
		return false
	}
	return r.Method == "*" || r.Method == c.key || c.query != "" && r.Method == c.key+c.query
}

func (r *Rule) spent(now time.Time) bool {
	return r.Count > 0 && r.Hits >= r.Count || !r.until.IsZero() && now.After(r.until)
}

// active is a request being worked on.
type active struct {
	call   call
	cancel func()
	hit    *Rule
}

// Faults is the list of rules, in the order they were made; the first that
// matches wins.
type Faults struct {
	mu      sync.Mutex
	rules   []*Rule
	next    int
	running map[*active]struct{}
}

func newFaults() *Faults { return &Faults{running: make(map[*active]struct{})} }

// Add installs a rule and, if it asks for that, applies it to the requests
// that are waiting right now.
func (f *Faults) Add(r Rule) (string, error) {
	if r.Method == "" {
		return "", fmt.Errorf("method is missing")
	}
	if !slices.Contains(faultKinds, r.Kind) {
		return "", fmt.Errorf("kind %q is none of %s", r.Kind, strings.Join(faultKinds, ", "))
	}
	if r.ForMS > 0 {
		r.until = time.Now().Add(time.Duration(r.ForMS) * time.Millisecond)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next++
	r.ID = fmt.Sprintf("f%d", f.next)
	r.Hits = 0
	f.rules = append(f.rules, &r)
	if r.Running {
		for a := range f.running {
			if a.hit == nil && r.matches(a.call) && !r.spent(time.Now()) {
				r.Hits++
				hit := r
				a.hit = &hit
				a.cancel()
			}
		}
	}
	return r.ID, nil
}

// Take finds the rule for a new request and uses it up.
func (f *Faults) Take(c call) *Rule {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	for _, r := range f.rules {
		if !r.matches(c) || r.spent(now) {
			continue
		}
		if r.Skip > 0 {
			r.Skip--
			continue
		}
		r.Hits++
		hit := *r
		return &hit
	}
	return nil
}

// Enter and Leave bracket the work on a request; Leave tells which rule, if
// any, struck meanwhile.
func (f *Faults) Enter(a *active) {
	f.mu.Lock()
	f.running[a] = struct{}{}
	f.mu.Unlock()
}

// Leave is the end of what Enter began.
func (f *Faults) Leave(a *active) *Rule {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.running, a)
	return a.hit
}

// List is a copy of the rules that still can strike.
func (f *Faults) List() []Rule {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := []Rule{}
	for _, r := range f.rules {
		if !r.spent(time.Now()) {
			out = append(out, *r)
		}
	}
	return out
}

// Remove deletes one rule, or all when id is empty.
func (f *Faults) Remove(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := len(f.rules)
	f.rules = slices.DeleteFunc(f.rules, func(r *Rule) bool { return id == "" || r.ID == id })
	return id == "" || len(f.rules) < n
}
