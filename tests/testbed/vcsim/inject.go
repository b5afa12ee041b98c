package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// answer is a response held back until it is decided what becomes of it.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func newAnswer() *answer { return &answer{header: make(http.Header), status: http.StatusOK} }

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

// send writes the answer as it is.
func (a *answer) send(w http.ResponseWriter, c *Counts) {
	for k, v := range a.header {
		w.Header()[k] = v
	}
	w.WriteHeader(a.status)
	n, _ := w.Write(a.body.Bytes())
	c.Sent(n)
}

// inject does to the client what the rule says. The answer is nil when the
// simulator has not seen the request.
func (f *Front) inject(ctx context.Context, w http.ResponseWriter, c call, r *Rule, a *answer) {
	switch r.Kind {
	case "status":
		status := r.Status
		if status == 0 {
			status = http.StatusServiceUnavailable
		}
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(status)
		n, _ := fmt.Fprintf(w, "<html><body><h1>%d %s</h1></body></html>\n", status, http.StatusText(status))
		f.sim.counts.Sent(n)
	case "reset":
		reset(w)
	case "hang":
		<-ctx.Done() // the client's patience, or a restart
		panic(http.ErrAbortHandler)
	case "slowBody":
		f.trickle(ctx, w, r, a)
	case "truncate":
		truncate(w, a)
	case "malformed":
		kind, body := "text/xml; charset=utf-8", `<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body><`+c.key+`Response xmlns="urn:vim25"><returnval></soapenv:Body>`
		if c.kind == "rest" {
			kind, body = "application/json", `{"value": [`
		}
		w.Header().Set("Content-Type", kind)
		n, _ := w.Write([]byte(body))
		f.sim.counts.Sent(n)
	case "soapFault":
		w.Header().Set("Content-Type", "text/xml; charset=utf-8")
		w.WriteHeader(http.StatusInternalServerError)
		n, _ := w.Write([]byte(soapFault(r.Fault, c)))
		f.sim.counts.Sent(n)
	}
}

// reset closes the connection with a TCP reset.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	if t, ok := conn.(interface{ SetLinger(int) error }); ok {
		_ = t.SetLinger(0)
	}
	_ = conn.Close()
}

func (f *Front) trickle(ctx context.Context, w http.ResponseWriter, r *Rule, a *answer) {
	rate := r.BytesPerSecond
	if rate <= 0 {
		rate = 10
	}
	for k, v := range a.header {
		w.Header()[k] = v
	}
	w.Header().Set("Content-Length", strconv.Itoa(a.body.Len()))
	w.WriteHeader(a.status)
	flush := http.NewResponseController(w)
	step := max(1, rate/10)
	for body := a.body.Bytes(); len(body) > 0; {
		n := min(step, len(body))
		if _, err := w.Write(body[:n]); err != nil || flush.Flush() != nil {
			return
		}
		f.sim.counts.Sent(n)
		body = body[n:]
		select {
		case <-ctx.Done():
			panic(http.ErrAbortHandler)
		case <-time.After(time.Duration(n) * time.Second / time.Duration(rate)):
		}
	}
}

// truncate promises the whole body, sends half of it and hangs up.
func truncate(w http.ResponseWriter, a *answer) {
	conn, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer conn.Close()
	_ = conn.SetWriteDeadline(time.Now().Add(5 * time.Second))
	fmt.Fprintf(buf, "HTTP/1.1 %d %s\r\nContent-Length: %d\r\n", a.status, http.StatusText(a.status), a.body.Len())
	_ = a.header.WriteSubset(buf, map[string]bool{"Content-Length": true})
	fmt.Fprint(buf, "\r\n")
	_, _ = buf.Write(a.body.Bytes()[:a.body.Len()/2])
	_ = buf.Flush()
}

// soapFault is a fault of the named type about the object that was called.
func soapFault(kind string, c call) string {
	if kind == "" {
		kind = "NoPermission"
	}
	obj := fmt.Sprintf(` type="%s">%s</`, c.object[0], strings.TrimSpace(c.object[1]))
	detail := ""
	switch kind {
	case "NoPermission", "NotAuthenticated":
		detail = "<object" + obj + "object><privilegeId>System.View</privilegeId>"
	case "ManagedObjectNotFound":
		detail = "<obj" + obj + "obj>"
	}
	return `<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenc="http://schemas.xmlsoap.org/soap/encoding/" xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body><soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>injected ` + kind +
		`</faultstring><detail><` + kind + `Fault xmlns="urn:vim25" xsi:type="` + kind + `">` + detail + `</` + kind + `Fault></detail></soapenv:Fault></soapenv:Body></soapenv:Envelope>`
}

// conns remembers the open connections of a listener, to cut them.
type conns struct {
	net.Listener
	track func(net.Conn)
}

func (l *conns) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.track(c)
	}
	return c, err
}
