package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/vmware/govmomi/vapi/rest"
)

func bodyOf(b []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(b)) }

// serveAPI answers below /api. Sessions and tagging are translated to the
// simulator's /rest root; the few services it has below /api itself are left
// to it.
func (t *Tags) serveAPI(w http.ResponseWriter, r *http.Request) {
	switch path := r.URL.Path; {
	case !t.Serves("api"):
		http.NotFound(w, r)
	case path == "/api/session":
		t.serveSession(w, r)
	case strings.HasPrefix(path, "/api/cis/tagging/"):
		t.serveTagging(w, r)
	default:
		t.sim.mux.ServeHTTP(w, r)
	}
}

// apiFail is an error as the /api root words it.
func apiFail(w http.ResponseWriter, status int, kind, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"error_type": kind,
		"messages": []map[string]any{{
			"id": "vcsim." + strings.ToLower(kind), "default_message": text, "args": []string{},
		}},
	})
}

func apiSend(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// sessionID finds the session a request presents.
func sessionID(r *http.Request) string {
	if id := r.Header.Get(restSessionHeader); id != "" {
		return id
	}
	if c, err := r.Cookie(restSessionHeader); err == nil {
		return c.Value
	}
	return ""
}

func (t *Tags) serveSession(w http.ResponseWriter, r *http.Request) {
	id := sessionID(r)
	var session *rest.Session
	t.sim.sessions.restTable(func(m map[string]*rest.Session) { session = m[id] })
	switch r.Method {
	case http.MethodPost:
		clone := r.Clone(r.Context())
		clone.URL = &url.URL{Path: "/rest/com/vmware/cis/session"}
		clone.Header.Set("vmware-use-header-authn", "true")
		out := newAnswer()
		t.sim.mux.ServeHTTP(out, clone)
		var wrapped struct{ Value string }
		if out.status != http.StatusOK || json.Unmarshal(out.body.Bytes(), &wrapped) != nil {
			w.Header().Set("WWW-Authenticate", `Basic realm="VAPI endpoint",SIGN realm="VAPI endpoint"`)
			apiFail(w, http.StatusUnauthorized, "UNAUTHENTICATED", "Authentication required.")
			return
		}
		apiSend(w, http.StatusCreated, wrapped.Value)
	case http.MethodGet:
		if session == nil {
			apiFail(w, http.StatusUnauthorized, "UNAUTHENTICATED", "This method requires authentication.")
			return
		}
		apiSend(w, http.StatusOK, map[string]any{
			"user": session.User, "created_time": session.Created, "last_accessed_time": session.LastAccessed,
		})
	case http.MethodDelete:
		if session == nil {
			apiFail(w, http.StatusUnauthorized, "UNAUTHENTICATED", "This method requires authentication.")
			return
		}
		t.sim.sessions.restTable(func(m map[string]*rest.Session) { delete(m, id) })
		w.WriteHeader(http.StatusNoContent)
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

// serveTagging rewrites a call to the /rest spelling and its answer back.
func (t *Tags) serveTagging(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/api/cis/tagging/"), "/")
	action := r.URL.Query().Get("action")
	body, _ := io.ReadAll(r.Body)
	if len(parts) > 2 || parts[0] != "category" && parts[0] != "tag" && parts[0] != "tag-association" {
		apiFail(w, http.StatusNotFound, "NOT_FOUND", "no such resource")
		return
	}
	var known bool
	t.sim.sessions.restTable(func(m map[string]*rest.Session) { _, known = m[sessionID(r)] })
	if !known {
		apiFail(w, http.StatusUnauthorized, "UNAUTHENTICATED", "This method requires authentication.")
		return
	}
	path := tagging + parts[0]
	id := ""
	if len(parts) == 2 {
		id = parts[1]
	}
	if action == "list-tags-for-category" && id == "" {
		var in struct {
			CategoryID string `json:"category_id"`
		}
		if json.Unmarshal(body, &in) != nil || in.CategoryID == "" {
			_ = json.Unmarshal(body, &in.CategoryID)
		}
		id = in.CategoryID
	}
	if id != "" {
		path += "/id:" + id
	}
	// Bodies of /api carry the specification bare.
	if parts[0] != "tag-association" && action == "" {
		switch {
		case r.Method == http.MethodPost && id == "":
			body = wrap("create_spec", body)
		case r.Method == http.MethodPatch:
			body = wrap("update_spec", body)
		}
	}
	if len(bytes.TrimSpace(body)) == 0 {
		body = []byte("{}")
	}
	if !json.Valid(body) {
		apiFail(w, http.StatusBadRequest, "INVALID_ARGUMENT", "the body is no JSON")
		return
	}
	clone := r.Clone(r.Context())
	clone.URL = &url.URL{Path: path}
	if action != "" {
		clone.URL.RawQuery = "~action=" + action
	}
	clone.Body = bodyOf(body)
	out := newAnswer()
	t.sim.mux.ServeHTTP(out, clone)
	t.answer(w, r.Method, parts[0], id, action, out)
}

func wrap(key string, body []byte) []byte {
	var m map[string]json.RawMessage
	if json.Unmarshal(body, &m) != nil || m[key] != nil {
		return body
	}
	out, _ := json.Marshal(map[string]json.RawMessage{key: body})
	return out
}

func (t *Tags) answer(w http.ResponseWriter, method, kind, id, action string, out *answer) {
	if out.status >= 300 {
		status, code := out.status, "ERROR"
		switch status {
		case http.StatusNotFound:
			code = "NOT_FOUND"
		case http.StatusUnauthorized:
			code = "UNAUTHENTICATED"
		case http.StatusBadRequest:
			code = "INVALID_ARGUMENT"
			var e struct{ Type string }
			if json.Unmarshal(out.body.Bytes(), &e) == nil {
				if i := strings.LastIndexByte(e.Type, '.'); i >= 0 {
					code = strings.ToUpper(e.Type[i+1:])
				}
			}
		}
		apiFail(w, status, code, strings.TrimSpace(kind+" "+id))
		return
	}
	var wrapped struct{ Value any }
	if out.body.Len() > 0 {
		_ = json.Unmarshal(out.body.Bytes(), &wrapped)
	}
	switch {
	case method == http.MethodPost && action == "" && id == "":
		apiSend(w, http.StatusCreated, wrapped.Value)
	case method == http.MethodDelete, method == http.MethodPatch,
		action == "attach", action == "detach", action == "attach-tag-to-multiple-objects":
		w.WriteHeader(http.StatusNoContent)
	case method == http.MethodGet && id != "":
		m, _ := wrapped.Value.(map[string]any)
		for key, def := range map[string]any{"description": "", "used_by": []any{}} {
			if m != nil && m[key] == nil {
				m[key] = def
			}
		}
		if m != nil && kind == "category" && m["associable_types"] == nil {
			m["associable_types"] = []any{}
		}
		apiSend(w, http.StatusOK, m)
	default:
		apiSend(w, http.StatusOK, lists(wrapped.Value))
	}
}

// lists turns the nulls the simulator sends for empty lists into lists.
func lists(v any) any {
	if v == nil {
		return []any{}
	}
	if l, ok := v.([]any); ok {
		for _, e := range l {
			if m, ok := e.(map[string]any); ok {
				for _, k := range []string{"tag_ids", "object_ids"} {
					if val, has := m[k]; has && val == nil {
						m[k] = []any{}
					}
				}
			}
		}
	}
	return v
}
