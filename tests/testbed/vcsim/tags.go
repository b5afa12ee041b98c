package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/vapi/rest"
	vtags "github.com/vmware/govmomi/vapi/tags"
	"github.com/vmware/govmomi/vim25/types"
)

const tagging = "/rest/com/vmware/cis/tagging/"

// Tags makes tags for the control port and serves the newer of the two REST
// roots, which the simulator lacks.
type Tags struct {
	sim   *Sim
	key   string // REST session of our own, never listed nor terminated
	roots atomic.Pointer[[]string]
}

func newTags(s *Sim, roots []string) *Tags {
	t := &Tags{sim: s, key: uuid.NewString()}
	_ = t.SetRoots(roots)
	s.sessions.restTable(func(m map[string]*rest.Session) {
		m[t.key] = &rest.Session{User: "vcsim-control", Created: time.Now(), LastAccessed: time.Now()}
	})
	return t
}

// SetRoots says which roots answer at all.
func (t *Tags) SetRoots(roots []string) error {
	for _, r := range roots {
		if r != "rest" && r != "api" {
			return badRequest("root %q is neither rest nor api", r)
		}
	}
	t.roots.Store(&roots)
	return nil
}

// Serves tells whether a root answers.
func (t *Tags) Serves(root string) bool { return slices.Contains(*t.roots.Load(), root) }

// TagRequest is the body of POST and DELETE /tags.
type TagRequest struct {
	Category string `json:"category"`
	Tag      string `json:"tag"`
	Object   struct {
		Type string `json:"type"`
		Name string `json:"name"`
		ID   string `json:"id"`
	} `json:"object"`
}

// TagResult says what was attached or detached.
type TagResult struct {
	CategoryID string `json:"categoryId"`
	TagID      string `json:"tagId"`
	Object     string `json:"object"`
}

// Attach attaches a tag, making it and its category when missing, or detaches
// it.
func (t *Tags) Attach(r *TagRequest, attach bool) (*TagResult, error) {
	if r.Category == "" || r.Tag == "" {
		return nil, badRequest("category and tag are required")
	}
	ref := types.ManagedObjectReference{Type: r.Object.Type, Value: r.Object.ID}
	if ref.Value == "" {
		e, err := t.sim.find(r.Object.Type, r.Object.Name)
		if err != nil {
			return nil, err
		}
		ref = e.Reference()
	} else if t.sim.ctx.Map.Get(ref) == nil {
		return nil, notFound("no %s", ref)
	}
	out := &TagResult{Object: ref.Value}
	var err error
	out.CategoryID, err = t.ensure("category", func(id string) bool {
		c := (*field[map[string]*vtags.Category](t.sim.sessions.vapi, "Category"))[id]
		return c != nil && c.Name == r.Category
	}, attach, map[string]any{
		"name": r.Category, "description": "", "cardinality": "SINGLE", "associable_types": []string{},
	})
	if err != nil {
		return nil, err
	}
	out.TagID, err = t.ensure("tag", func(id string) bool {
		c := (*field[map[string]*vtags.Tag](t.sim.sessions.vapi, "Tag"))[id]
		return c != nil && c.Name == r.Tag && c.CategoryID == out.CategoryID
	}, attach, map[string]any{"name": r.Tag, "description": "", "category_id": out.CategoryID})
	if err != nil {
		return nil, err
	}
	action := "attach"
	if !attach {
		action = "detach"
	}
	_, err = t.call(http.MethodPost, "tag-association/id:"+out.TagID+"?~action="+action,
		map[string]any{"object_id": map[string]string{"type": ref.Type, "id": ref.Value}})
	return out, err
}

// ensure finds a category or tag, or makes it.
func (t *Tags) ensure(kind string, is func(id string) bool, create bool, spec map[string]any) (string, error) {
	var ids []string
	raw, err := t.call(http.MethodGet, kind, nil)
	if err != nil {
		return "", err
	}
	_ = json.Unmarshal(raw, &ids)
	for _, id := range ids {
		if is(id) {
			return id, nil
		}
	}
	if !create {
		return "", notFound("no %s %q", kind, spec["name"])
	}
	raw, err = t.call(http.MethodPost, kind, map[string]any{"create_spec": spec})
	if err != nil {
		return "", err
	}
	var id string
	return id, json.Unmarshal(raw, &id)
}

// call asks the simulator's tagging service and unwraps the value.
func (t *Tags) call(method, path string, body any) (json.RawMessage, error) {
	data, _ := json.Marshal(body)
	u, err := url.Parse(tagging + path)
	if err != nil {
		return nil, err
	}
	r := &http.Request{Method: method, URL: u, Header: http.Header{}, Body: bodyOf(data), RequestURI: u.String()}
	r.Header.Set(restSessionHeader, t.key)
	out := newAnswer()
	t.sim.mux.ServeHTTP(out, r)
	if out.status >= 300 {
		return nil, fmt.Errorf("%s %s: %d %s", method, path, out.status, out.body.String())
	}
	var wrapped struct{ Value json.RawMessage }
	if out.body.Len() > 0 {
		if err := json.NewDecoder(bytes.NewReader(out.body.Bytes())).Decode(&wrapped); err != nil {
			return nil, err
		}
	}
	return wrapped.Value, nil
}
