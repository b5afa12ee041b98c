package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/session"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// TestMain starts the tests in a process whose simulator has its locks off, as
// the supervisor does for the real thing.
func TestMain(m *testing.M) {
	if os.Getenv("VCSIM_LOCKER") != "false" {
		exe, err := os.Executable()
		if err == nil {
			err = syscall.Exec(exe, os.Args, append(os.Environ(), "VCSIM_LOCKER=false"))
		}
		log.Fatal(err)
	}
	os.Exit(m.Run())
}

func startSim(t *testing.T, change ...func(*Config)) *Sim {
	t.Helper()
	c := Config{
		Listen: "127.0.0.1:0", Control: "127.0.0.1:0", TLSDir: t.TempDir(), User: "administrator@vsphere.local",
		Password: "pass", Seed: "vc0", APIVersion: "8.0.3.0", Datacenters: 1, Clusters: 1, Hosts: 3,
		TagRoots: []string{"rest", "api"},
	}
	for _, f := range change {
		f(&c)
	}
	s, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// ctl does a call of the control port and decodes the answer.
func ctl(t *testing.T, s *Sim, method, path, body string, out any) {
	t.Helper()
	r, _ := http.NewRequest(method, s.controlURL+path, bytes.NewReader([]byte(body)))
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, _ := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %d %s", method, path, res.StatusCode, data)
	}
	if out != nil {
		if err := json.Unmarshal(data, out); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
	}
}

type vmList struct {
	VMs []VMInfo `json:"vms"`
}

func (s *Sim) tlsConfig(t *testing.T) *tls.Config {
	t.Helper()
	pem, err := os.ReadFile(s.certs.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return &tls.Config{RootCAs: pool}
}

func login(t *testing.T, s *Sim) *govmomi.Client {
	t.Helper()
	u, _ := url.Parse(s.baseURL + "/sdk")
	sc := soap.NewClient(u, false)
	if err := sc.SetRootCAs(s.certs.CAFile()); err != nil {
		t.Fatal(err)
	}
	c, err := vim25.NewClient(context.Background(), sc)
	if err != nil {
		t.Fatal(err)
	}
	g := &govmomi.Client{Client: c, SessionManager: session.NewManager(c)}
	if err := g.Login(context.Background(), url.UserPassword(s.cfg.User, s.cfg.Password)); err != nil {
		t.Fatal(err)
	}
	return g
}

// watch is a client with one long-polled filter, as a cache would have it.
type watch struct {
	t       *testing.T
	pc      *property.Collector
	version string
}

func newWatch(t *testing.T, c *govmomi.Client, kind []string, set []types.PropertySpec) *watch {
	t.Helper()
	ctx := context.Background()
	v, err := view.NewManager(c.Client).CreateContainerView(ctx, c.ServiceContent.RootFolder, kind, true)
	if err != nil {
		t.Fatal(err)
	}
	skip := true
	return watchObjects(t, c, set, types.ObjectSpec{Obj: v.Reference(), Skip: &skip, SelectSet: []types.BaseSelectionSpec{
		&types.TraversalSpec{Type: "ContainerView", Path: "view"},
	}})
}

func watchObjects(t *testing.T, c *govmomi.Client, set []types.PropertySpec, o types.ObjectSpec) *watch {
	t.Helper()
	pc, err := property.DefaultCollector(c.Client).Create(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	_, err = pc.CreateFilter(context.Background(), types.CreateFilter{Spec: types.PropertyFilterSpec{
		PropSet: set, ObjectSet: []types.ObjectSpec{o},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return &watch{t: t, pc: pc}
}

func (w *watch) next(seconds int32) ([]types.ObjectUpdate, error) {
	var opts types.WaitOptions
	opts.MaxWaitSeconds = &seconds
	set, err := w.pc.WaitForUpdates(context.Background(), w.version, &opts)
	if err != nil || set == nil {
		return nil, err
	}
	w.version = set.Version
	var out []types.ObjectUpdate
	for _, f := range set.FilterSet {
		out = append(out, f.ObjectSet...)
	}
	return out, nil
}

// expect polls until each of the paths of the object has had the wanted value.
func (w *watch) expect(ref string, want map[string]any) {
	w.t.Helper()
	for end := time.Now().Add(5 * time.Second); len(want) > 0; {
		if time.Now().After(end) {
			w.t.Fatalf("%s: not pushed: %v", ref, want)
		}
		updates, err := w.next(1)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, u := range updates {
			for _, c := range u.ChangeSet {
				if v, ok := want[c.Name]; ok && u.Obj.Value == ref && (v == c.Val || v == any("*")) {
					delete(want, c.Name)
				}
			}
		}
	}
}
