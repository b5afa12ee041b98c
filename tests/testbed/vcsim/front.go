package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Front is the TLS side of the simulated vCenter: what a client connects to.
type Front struct {
	sim     *Sim
	addr    string
	latency atomic.Int64 // milliseconds

	mu     sync.Mutex
	server *http.Server
	conns  map[net.Conn]struct{}
}

func newFront(s *Sim, addr string, latencyMS int) *Front {
	f := &Front{sim: s, addr: addr, conns: make(map[net.Conn]struct{})}
	f.latency.Store(int64(latencyMS))
	return f
}

// Addr is the address the front listens on, the same over its life.
func (f *Front) Addr() string { return f.addr }

// Open starts to listen. The port is kept for later openings.
func (f *Front) Open() error {
	var l net.Listener
	var err error
	for range 100 { // the port of a front just closed may linger
		if l, err = net.Listen("tcp", f.addr); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err != nil {
		return err
	}
	f.addr = l.Addr().String()
	srv := &http.Server{
		Handler:     http.HandlerFunc(f.serve),
		ErrorLog:    log.New(io.Discard, "", 0), // refused handshakes are the tests' business
		BaseContext: func(net.Listener) context.Context { return context.Background() },
		ConnState: func(c net.Conn, s http.ConnState) {
			if s == http.StateClosed || s == http.StateHijacked {
				if t, ok := c.(*tls.Conn); ok {
					c = t.NetConn()
				}
				f.mu.Lock()
				delete(f.conns, c)
				f.mu.Unlock()
			}
		},
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
	}
	tracked := &conns{Listener: l, track: func(c net.Conn) {
		f.mu.Lock()
		f.conns[c] = struct{}{}
		f.mu.Unlock()
	}}
	f.mu.Lock()
	f.server = srv
	f.mu.Unlock()
	go func() {
		err := srv.Serve(tls.NewListener(tracked, &tls.Config{
			MinVersion:     tls.VersionTLS12,
			GetCertificate: f.sim.certs.Current,
			NextProtos:     []string{"http/1.1"},
			// A resumed session shows no certificate, so a pin changed
			// meanwhile would go unnoticed.
			SessionTicketsDisabled: true,
		}))
		if !errors.Is(err, http.ErrServerClosed) {
			log.Printf("front: %v", err)
		}
	}()
	return nil
}

// Close stops listening and cuts all connections.
func (f *Front) Close() {
	f.mu.Lock()
	srv := f.server
	f.mu.Unlock()
	_ = srv.Close()
	f.Cut()
}

// Cut closes all connections, also those taken over by a fault.
func (f *Front) Cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.conns {
		_ = c.Close()
		delete(f.conns, c)
	}
}

func (f *Front) serve(w http.ResponseWriter, r *http.Request) {
	defer func() {
		if p := recover(); p != nil {
			if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(p)
			}
			crash(r.Method+" "+r.URL.Path, p)
		}
	}()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client went away while sending
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	c := classify(r, body)
	f.sim.counts.Add(c)
	rule := f.sim.faults.Take(c)

	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	a := &active{call: c, cancel: cancel}
	f.sim.faults.Enter(a)
	if ms := f.latency.Load(); ms > 0 {
		select {
		case <-time.After(time.Duration(ms) * time.Millisecond):
		case <-ctx.Done():
		}
	}
	if rule != nil && !rule.late() {
		f.sim.faults.Leave(a)
		f.inject(r.Context(), w, c, rule, nil)
		return
	}
	out := newAnswer()
	f.simulate(ctx, out, r, c)
	if hit := f.sim.faults.Leave(a); hit != nil {
		rule = hit
	}
	f.note(c, r, out)
	if rule != nil {
		f.inject(r.Context(), w, c, rule, out)
		return
	}
	if r.Context().Err() != nil {
		panic(http.ErrAbortHandler)
	}
	out.send(w, f.sim.counts)
}

// simulate has the simulator answer.
func (f *Front) simulate(ctx context.Context, out *answer, r *http.Request, c call) {
	defer func() {
		// Said here as well: a panic inside the gate leaves it closed.
		if p := recover(); p != nil {
			log.Printf("panic in %s: %v\n%s", c.key, p, debug.Stack())
			panic(fmt.Sprintf("%s: %v", c.key, p))
		}
	}()
	if c.kind == "soap" && (c.key == "WaitForUpdatesEx" || c.key == "WaitForUpdates") {
		pctx, cancel := context.WithCancel(ctx)
		defer cancel()
		p := &poll{gate: f.sim.gate, ctx: pctx, cancel: cancel}
		f.sim.sessions.pollStarts(p)
		defer f.sim.sessions.pollEnds(p)
		defer p.leave()
		f.sim.mux.ServeHTTP(out, r.WithContext(context.WithValue(pctx, pollKey{}, p)))
		return
	}
	f.sim.gate.Lock()
	defer f.sim.gate.Unlock()
	if ctx.Err() != nil && r.Context().Err() != nil {
		return // gone before its turn
	}
	if c.kind == "rest" {
		f.sim.sessions.share(r)
	}
	switch path := r.URL.Path; {
	case path == "/sdk/vimServiceVersions.xml" && r.Method == http.MethodGet:
		serviceVersions(out, f.sim.cfg.APIVersion)
	case strings.HasPrefix(path, "/api"):
		f.sim.tags.serveAPI(out, r)
	case strings.HasPrefix(path, "/rest") && !f.sim.tags.Serves("rest"):
		http.NotFound(out, r)
	default:
		f.sim.mux.ServeHTTP(out, r)
	}
}

// note keeps the books that need the answer: failed logins and REST sessions.
func (f *Front) note(c call, r *http.Request, out *answer) {
	switch {
	case (c.key == "Login" || c.key == "CloneSession") && out.status == http.StatusInternalServerError && bytes.Contains(out.body.Bytes(), []byte("InvalidLogin")),
		out.status == http.StatusUnauthorized && c.query == "" &&
			(c.key == "POST /rest/com/vmware/cis/session" || c.key == "POST /api/session"):
		f.sim.counts.FailedLogin()
	}
	if c.kind == "rest" {
		f.sim.sessions.noteREST(c, r, out)
	}
	if c.key == "Login" || c.key == "LoginByToken" || c.key == "Logout" || c.key == "TerminateSession" {
		f.sim.gate.Lock()
		f.sim.sessions.sweep()
		f.sim.gate.Unlock()
	}
}

// serviceVersions lists the API versions with the predecessors a vCenter of
// that version would name.
func serviceVersions(w http.ResponseWriter, current string) {
	known := []string{
		"9.1.0.0", "9.0.0.0", "8.0.3.0", "8.0.2.0", "8.0.1.0", "8.0.0.0",
		"7.0.3.2", "7.0.3.1", "7.0.3.0", "7.0.2.1", "7.0.2.0", "7.0.1.1", "7.0.1.0", "7.0.0.0",
		"6.9.1", "6.8.7", "6.7.3", "6.7.2", "6.7.1", "6.7", "6.5", "6.0", "5.5",
	}
	w.Header().Set("Content-Type", "text/xml")
	fmt.Fprintf(w, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<namespaces version=\"1.0\">\n <namespace>\n  <name>urn:vim25</name>\n  <version>%s</version>\n  <priorVersions>\n", current)
	for _, v := range known {
		if v < current {
			fmt.Fprintf(w, "   <version>%s</version>\n", v)
		}
	}
	fmt.Fprint(w, "  </priorVersions>\n </namespace>\n</namespaces>\n")
}
