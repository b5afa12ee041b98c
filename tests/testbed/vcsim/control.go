package main

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// serveControl opens the control port.
func (s *Sim) serveControl() error {
	l, err := net.Listen("tcp", s.cfg.Control)
	if err != nil {
		return err
	}
	s.control, s.controlURL = l, "http://"+l.Addr().String()
	go func() { _ = http.Serve(l, s.controlMux()) }()
	return nil
}

// handle adapts a function to HTTP: In is decoded from the body, what is
// returned is encoded. Writes are serialised; those that touch the inventory
// run inside the gate.
func handle[In any](s *Sim, gated bool, f func(r *http.Request, in *In) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if p := recover(); p != nil {
				crash("control "+r.Method+" "+r.URL.Path, p)
			}
		}()
		var in In
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil && !errors.Is(err, io.EOF) {
			reply(w, nil, badRequest("body: %v", err))
			return
		}
		if r.Method != http.MethodGet {
			s.ctl.Lock()
			defer s.ctl.Unlock()
		}
		out, err := func() (any, error) {
			if gated {
				s.gate.Lock()
				defer s.gate.Unlock()
			}
			return f(r, &in)
		}()
		reply(w, out, err)
	}
}

func reply(w http.ResponseWriter, out any, err error) {
	status := http.StatusOK
	if err != nil {
		status = http.StatusInternalServerError
		var e *apiError
		if errors.As(err, &e) {
			status = e.status
		}
		out = map[string]string{"error": err.Error()}
	}
	if out == nil {
		out = struct{}{}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(out)
}

type none struct{}

// vmReply is one machine both in the list that all calls answer with and by
// itself.
type vmReply struct {
	VMInfo
	VMs []VMInfo `json:"vms"`
}

func one(i VMInfo, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return vmReply{i, []VMInfo{i}}, nil
}

func many(l []VMInfo, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return map[string][]VMInfo{"vms": l}, nil
}

func (s *Sim) controlMux() http.Handler {
	m := http.NewServeMux()
	vm := func(r *http.Request) string { return r.PathValue("vm") }

	m.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { reply(w, map[string]bool{"ok": true}, nil) })
	m.HandleFunc("POST /vms", handle(s, true, func(_ *http.Request, in *CreateRequest) (any, error) { return many(s.vms.Create(in)) }))
	m.HandleFunc("GET /vms", handle(s, true, func(*http.Request, *none) (any, error) { return many(s.vms.List(), nil) }))
	m.HandleFunc("GET /vms/{vm}", handle(s, true, func(r *http.Request, _ *none) (any, error) {
		rec, err := s.vms.lookup(vm(r))
		if err != nil {
			return nil, err
		}
		return one(s.vms.info(rec), nil)
	}))
	m.HandleFunc("PATCH /vms/{vm}", handle(s, true, func(r *http.Request, in *VMSpec) (any, error) { return one(s.vms.Patch(vm(r), in)) }))
	m.HandleFunc("DELETE /vms/{vm}", handle(s, true, func(r *http.Request, _ *none) (any, error) { return one(s.vms.Destroy(vm(r))) }))
	m.HandleFunc("POST /vms/{vm}/power", handle(s, true, func(r *http.Request, in *struct{ State string }) (any, error) {
		return one(s.vms.Power(vm(r), in.State))
	}))
	m.HandleFunc("POST /vms/{vm}/unregister", handle(s, true, func(r *http.Request, _ *none) (any, error) { return one(s.vms.Unregister(vm(r))) }))
	m.HandleFunc("POST /vms/{vm}/register", handle(s, true, func(r *http.Request, _ *none) (any, error) { return one(s.vms.Register(vm(r))) }))
	m.HandleFunc("POST /vms/{vm}/relocate", handle(s, true, func(r *http.Request, in *struct{ Host string }) (any, error) {
		return one(s.vms.Relocate(vm(r), in.Host))
	}))
	m.HandleFunc("POST /vms/{vm}/move", handle(s, true, func(r *http.Request, in *struct {
		Folder     string
		Datacenter *string
	}) (any, error) {
		return one(s.vms.Move(vm(r), in.Folder, in.Datacenter))
	}))
	m.HandleFunc("PATCH /hosts/{host}", handle(s, true, func(r *http.Request, in *HostPatch) (any, error) {
		return s.PatchHost(r.PathValue("host"), *in)
	}))
	m.HandleFunc("GET /inventory", handle(s, true, func(*http.Request, *none) (any, error) { return s.Inventory(), nil }))
	m.HandleFunc("POST /tags", handle(s, true, func(_ *http.Request, in *TagRequest) (any, error) { return s.tags.Attach(in, true) }))
	m.HandleFunc("DELETE /tags", handle(s, true, func(_ *http.Request, in *TagRequest) (any, error) { return s.tags.Attach(in, false) }))
	m.HandleFunc("PUT /privileges", handle(s, true, func(_ *http.Request, in *PrivilegeRequest) (any, error) {
		return s.SetPrivileges(in)
	}))
	s.controlService(m)
	return m
}

// controlService adds the calls about the service rather than the inventory.
func (s *Sim) controlService(m *http.ServeMux) {
	m.HandleFunc("GET /requests", handle(s, false, func(*http.Request, *none) (any, error) { return s.counts.Snapshot(), nil }))
	m.HandleFunc("POST /requests/reset", handle(s, false, func(*http.Request, *none) (any, error) {
		s.counts.Reset()
		return nil, nil
	}))
	m.HandleFunc("GET /sessions", handle(s, true, func(*http.Request, *none) (any, error) {
		return map[string]any{"sessions": s.sessions.List()}, nil
	}))
	m.HandleFunc("POST /sessions/terminate", handle(s, false, func(*http.Request, *none) (any, error) {
		s.sessions.Terminate()
		return nil, nil
	}))
	m.HandleFunc("PUT /latency", handle(s, false, func(_ *http.Request, in *struct{ MS int64 }) (any, error) {
		s.front.latency.Store(in.MS)
		return nil, nil
	}))
	m.HandleFunc("POST /faults", handle(s, false, func(_ *http.Request, in *Rule) (any, error) {
		id, err := s.faults.Add(*in)
		if err != nil {
			return nil, badRequest("%v", err)
		}
		return map[string]string{"id": id}, nil
	}))
	m.HandleFunc("GET /faults", handle(s, false, func(*http.Request, *none) (any, error) {
		return map[string]any{"faults": s.faults.List()}, nil
	}))
	m.HandleFunc("DELETE /faults", handle(s, false, func(*http.Request, *none) (any, error) {
		s.faults.Remove("")
		return nil, nil
	}))
	m.HandleFunc("DELETE /faults/{id}", handle(s, false, func(r *http.Request, _ *none) (any, error) {
		if !s.faults.Remove(r.PathValue("id")) {
			return nil, notFound("no fault rule %q", r.PathValue("id"))
		}
		return nil, nil
	}))
	m.HandleFunc("POST /restart", handle(s, false, func(_ *http.Request, in *struct{ DownMS int }) (any, error) {
		s.front.Close()
		s.sessions.Terminate()
		time.Sleep(time.Duration(in.DownMS) * time.Millisecond)
		return nil, s.front.Open()
	}))
	m.HandleFunc("PUT /credentials", handle(s, true, func(_ *http.Request, in *struct{ User, Password *string }) (any, error) {
		s.cfg.User, s.cfg.Password = keep(in.User, s.cfg.User), keep(in.Password, s.cfg.Password)
		return nil, nil
	}))
	m.HandleFunc("POST /certificate", handle(s, false, func(_ *http.Request, in *struct {
		NewCA bool
		Names []string
	}) (any, error) {
		if err := s.certs.Renew(in.NewCA, in.Names); err != nil {
			return nil, err
		}
		s.front.Cut() // an open connection would go on with the old one
		one, two := s.certs.Thumbprints()
		return map[string]string{"ca": s.certs.CAFile(), "sha1": one, "sha256": two}, nil
	}))
	m.HandleFunc("PUT /tag-api", handle(s, false, func(_ *http.Request, in *struct{ Roots []string }) (any, error) {
		return nil, s.tags.SetRoots(in.Roots)
	}))
}
