package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vapi/rest"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

const restSessionHeader = "vmware-api-session-id"

// SessionInfo is a session as the control port lists it.
type SessionInfo struct {
	Key       string `json:"key"`
	User      string `json:"user"`
	UserAgent string `json:"userAgent"`
	Calls     int    `json:"calls"`
	Kind      string `json:"kind"`
}

// Sessions knows the sessions of both kinds and the running long polls.
type Sessions struct {
	sim   *Sim
	vapi  any // the vAPI simulator's handler
	mu    sync.Mutex
	polls map[*poll]struct{}
	rest  map[string]*SessionInfo
	// shared are the SOAP sessions that the REST services were asked with.
	shared map[string]bool
}

func newSessions(s *Sim) *Sessions {
	handler, _ := s.svc.ServeMux.Handler(&http.Request{URL: &url.URL{Path: "/rest/com/vmware/cis/session"}})
	return &Sessions{sim: s, vapi: handler, polls: make(map[*poll]struct{}), rest: make(map[string]*SessionInfo), shared: make(map[string]bool)}
}

func (s *Sessions) pollStarts(p *poll) {
	s.mu.Lock()
	s.polls[p] = struct{}{}
	s.mu.Unlock()
}

func (s *Sessions) pollEnds(p *poll) {
	s.mu.Lock()
	delete(s.polls, p)
	s.mu.Unlock()
}

// soap lists the SOAP sessions. The table's lock is out of reach, so this asks
// for the list the way a client would.
func (s *Sessions) soap() []types.UserSession {
	ref := *s.sim.serviceContent().SessionManager
	return s.sim.ctx.Session.Get(ref).(*simulator.SessionManager).SessionList
}

// restTable runs f with the table of REST sessions.
func (s *Sessions) restTable(f func(map[string]*rest.Session)) {
	l := s.vapi.(sync.Locker)
	l.Lock()
	defer l.Unlock()
	f(*field[map[string]*rest.Session](s.vapi, "Session"))
}

// noteREST keeps user agent and call count of REST sessions, which the
// simulator does not.
func (s *Sessions) noteREST(c call, r *http.Request, out *answer) {
	id := r.Header.Get(restSessionHeader)
	if id == "" {
		if k, err := r.Cookie(restSessionHeader); err == nil {
			id = k.Value
		}
	}
	if r.Method == http.MethodPost && c.query == "" && (c.key == "POST /api/session" || c.key == "POST /rest/com/vmware/cis/session") && out.status < 300 {
		var wrapped struct{ Value string }
		if json.Unmarshal(out.body.Bytes(), &wrapped) == nil && wrapped.Value != "" {
			id = wrapped.Value
		} else {
			_ = json.Unmarshal(out.body.Bytes(), &id)
		}
	}
	if id == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.rest[id]
	if i == nil {
		i = &SessionInfo{}
		s.rest[id] = i
	}
	i.UserAgent = r.UserAgent()
	i.Calls++
}

// share has the REST services take the id of a SOAP session for as long as it
// lives, as vCenter does.
func (s *Sessions) share(r *http.Request) {
	id := r.Header.Get(restSessionHeader)
	if id == "" {
		return
	}
	user := ""
	for _, u := range s.soap() {
		if u.Key == id {
			user = u.UserName
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.restTable(func(m map[string]*rest.Session) {
		if user == "" && s.shared[id] {
			delete(m, id)
			delete(s.shared, id)
		} else if user != "" && m[id] == nil {
			now := time.Now()
			m[id] = &rest.Session{User: user, Created: now, LastAccessed: now}
			s.shared[id] = true
		}
	})
}

// List is all sessions of clients.
func (s *Sessions) List() []SessionInfo {
	out := []SessionInfo{}
	for _, u := range s.soap() {
		out = append(out, SessionInfo{Key: u.Key, User: u.UserName, UserAgent: u.UserAgent, Calls: int(u.CallCount), Kind: "soap"})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.restTable(func(m map[string]*rest.Session) {
		for id, e := range m {
			if id == s.sim.tags.key || s.shared[id] {
				continue
			}
			i := SessionInfo{Key: id, User: e.User, Kind: "rest"}
			if n := s.rest[id]; n != nil {
				i.UserAgent, i.Calls = n.UserAgent, n.Calls
			}
			out = append(out, i)
		}
	})
	sort.Slice(out, func(i, j int) bool { return out[i].Kind+out[i].Key < out[j].Kind+out[j].Key })
	return out
}

// Terminate ends all sessions. Long polls that run end with NotAuthenticated.
// It waits until they have.
func (s *Sessions) Terminate() {
	s.sim.gate.Lock()
	s.drop()
	s.sim.gate.Unlock()
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		s.mu.Lock()
		n := 0
		for p := range s.polls {
			if p.terminated.Load() {
				n++
			}
		}
		s.mu.Unlock()
		if n == 0 {
			break
		}
	}
	// A poll that was just starting may have written its session back.
	s.sim.gate.Lock()
	s.drop()
	s.sim.gate.Unlock()
}

func (s *Sessions) drop() {
	sm := s.sim.ctx.Map.SessionManager()
	for _, u := range s.soap() {
		sm.TerminateSession(s.sim.ctx, &types.TerminateSession{SessionId: []string{u.Key}})
	}
	s.restTable(func(m map[string]*rest.Session) {
		for id := range m {
			if id != s.sim.tags.key {
				delete(m, id)
			}
		}
	})
	s.mu.Lock()
	clear(s.rest)
	for p := range s.polls {
		p.terminated.Store(true)
		p.cancel()
	}
	s.mu.Unlock()
	s.sweep()
}

// sweep removes what sessions that are gone have left behind: views, filters
// and collectors still hooked into the inventory would make every later change
// slower, and event collectors count against a limit of 32. To be called
// inside the gate.
func (s *Sessions) sweep() {
	alive := make(map[string]bool)
	for _, u := range s.soap() {
		alive[u.Key] = true
	}
	dead := func(ref types.ManagedObjectReference) bool {
		rest, ok := strings.CutPrefix(ref.Value, "session[")
		if !ok {
			return false
		}
		key, _, _ := strings.Cut(rest, "]")
		return !alive[key] && key != s.sim.ctx.Session.Key
	}
	reg := s.sim.ctx.Map
	m := field[sync.Mutex](reg, "m")
	m.Lock()
	handlers := *field[map[types.ManagedObjectReference]simulator.RegisterObject](reg, "handlers")
	for ref := range handlers {
		if dead(ref) {
			delete(handlers, ref)
		}
	}
	m.Unlock()
	collectors := s.sim.eventCollectors()
	for ref := range collectors {
		if dead(ref) {
			delete(collectors, ref)
		}
	}
}

// eventCollectors is the event manager's table of history collectors.
func (s *Sim) eventCollectors() map[types.ManagedObjectReference]mo.Reference {
	history := fieldValue(s.ctx.Map.EventManager(), "history").Interface()
	return *field[map[types.ManagedObjectReference]mo.Reference](history, "collectors")
}
