package main

import (
	"bytes"
	"encoding/xml"
	"net/http"
	"strings"
	"sync"
)

// call is a request as the front understands it.
type call struct {
	kind   string // soap, rest or http
	key    string // what it is counted under: method name, or "GET /path"
	query  string // "?action=x", lets a fault rule name one action of a path
	object [2]string
	body   string // lets a fault rule name one object
}

// classify names a request: SOAP by the first element of the body, REST by its
// path with the ids taken out.
func classify(r *http.Request, body []byte) call {
	c := classified(r, body)
	c.body = string(body)
	return c
}

func classified(r *http.Request, body []byte) call {
	path := r.URL.Path
	if strings.HasPrefix(path, "/rest/") || strings.HasPrefix(path, "/api/") || path == "/rest" || path == "/api" {
		c := call{kind: "rest", key: r.Method + " " + collapse(path)}
		if r.URL.RawQuery != "" {
			c.query = "?" + r.URL.RawQuery
		}
		return c
	}
	if r.Method == http.MethodPost {
		if method, object, ok := soapMethod(body); ok {
			return call{kind: "soap", key: method, object: object}
		}
	}
	return call{kind: "http", key: r.Method + " " + path}
}

// collapse replaces the ids of a REST path by "{id}".
func collapse(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		switch {
		case strings.HasPrefix(p, "id:"):
			parts[i] = "id:{id}"
		case strings.HasPrefix(p, "urn:"), strings.Contains(p, "%3A"), len(p) == 36 && strings.Count(p, "-") == 4:
			parts[i] = "{id}"
		}
	}
	return strings.Join(parts, "/")
}

// soapMethod finds the first element of the SOAP body and the type and value
// of its _this.
func soapMethod(body []byte) (method string, object [2]string, ok bool) {
	d := xml.NewDecoder(bytes.NewReader(body))
	var inBody, inThis bool
	for {
		t, err := d.Token()
		if err != nil {
			return method, object, method != ""
		}
		switch e := t.(type) {
		case xml.StartElement:
			switch {
			case method != "" && e.Name.Local == "_this":
				inThis = true
				for _, a := range e.Attr {
					if a.Name.Local == "type" && a.Name.Space == "" {
						object[0] = a.Value
					}
				}
			case method != "":
				return method, object, true
			case inBody:
				method = e.Name.Local
			case e.Name.Local == "Body":
				inBody = true
			}
		case xml.CharData:
			if inThis {
				object[1] += string(e)
			}
		case xml.EndElement:
			if inThis || e.Name.Local == "Body" {
				return method, object, method != ""
			}
		}
	}
}

// Counts are the requests the clients sent.
type Counts struct {
	mu   sync.Mutex
	data countData
}

type countData struct {
	SOAP map[string]int `json:"soap"`
	REST map[string]int `json:"rest"`
	// RESTActions counts REST requests with a query a second time, by path
	// and query.
	RESTActions  map[string]int `json:"restActions"`
	HTTP         map[string]int `json:"http"`
	Total        int            `json:"total"`
	FailedLogins int            `json:"failedLogins"`
	BytesOut     int64          `json:"bytesOut"`
}

func newCounts() *Counts {
	c := new(Counts)
	c.Reset()
	return c
}

// Reset starts from zero.
func (c *Counts) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.data = countData{
		SOAP: map[string]int{}, REST: map[string]int{},
		RESTActions: map[string]int{}, HTTP: map[string]int{},
	}
}

// Add counts one request.
func (c *Counts) Add(k call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.data.Total++
	switch k.kind {
	case "soap":
		c.data.SOAP[k.key]++
	case "rest":
		c.data.REST[k.key]++
		if k.query != "" {
			c.data.RESTActions[k.key+k.query]++
		}
	default:
		c.data.HTTP[k.key]++
	}
}

// Sent counts the bytes of an answer's body.
func (c *Counts) Sent(n int) {
	c.mu.Lock()
	c.data.BytesOut += int64(n)
	c.mu.Unlock()
}

// FailedLogin counts a refused user name or password.
func (c *Counts) FailedLogin() {
	c.mu.Lock()
	c.data.FailedLogins++
	c.mu.Unlock()
}

// Snapshot is a copy of the counters.
func (c *Counts) Snapshot() countData {
	c.mu.Lock()
	defer c.mu.Unlock()
	return deepCopyCounts(c.data)
}

func deepCopyCounts(d countData) countData {
	for _, m := range []*map[string]int{&d.SOAP, &d.REST, &d.RESTActions, &d.HTTP} {
		n := make(map[string]int, len(*m))
		for k, v := range *m {
			n[k] = v
		}
		*m = n
	}
	return d
}
