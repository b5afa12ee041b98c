package main

import (
	"crypto/sha256"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/types"

	// Each of these registers the endpoints of one vCenter service.
	_ "github.com/vmware/govmomi/cns/simulator"
	_ "github.com/vmware/govmomi/lookup/simulator"
	_ "github.com/vmware/govmomi/pbm/simulator"
	_ "github.com/vmware/govmomi/ssoadmin/simulator"
	_ "github.com/vmware/govmomi/sts/simulator"
	_ "github.com/vmware/govmomi/vapi/simulator"
	_ "github.com/vmware/govmomi/vsan/simulator"
	_ "github.com/vmware/govmomi/vslm/simulator"
)

// Config is what the flags say.
type Config struct {
	Listen, Control              string
	TLSDir                       string
	TLSNames                     []string
	User, Password               string
	Seed, InstanceUUID           string
	APIVersion                   string
	Datacenters, Clusters, Hosts int
	TagRoots                     []string
	LatencyMS                    int
}

// Sim is one simulated vCenter.
type Sim struct {
	cfg  Config
	gate *Gate
	ctl  sync.Mutex // serialises the writes of the control port

	model *simulator.Model
	svc   *simulator.Service
	ctx   *simulator.Context // the simulator's own, never of a client
	inner *simulator.Server
	mux   http.Handler

	certs    *Certs
	front    *Front
	faults   *Faults
	counts   *Counts
	sessions *Sessions
	vms      *VMs
	tags     *Tags

	authorization *Authorization

	control    net.Listener
	controlURL string
	baseURL    string
	tempDirs   []string
}

// Ready is the line printed once requests are answered.
type Ready struct {
	URL          string `json:"url"`
	Control      string `json:"control"`
	CA           string `json:"ca"`
	SHA1         string `json:"sha1"`
	SHA256       string `json:"sha256"`
	InstanceUUID string `json:"instanceUuid"`
	User         string `json:"user"`
	Password     string `json:"password"`
}

// Start builds the inventory and opens both ports.
func Start(cfg Config) (*Sim, error) {
	s := &Sim{
		cfg:    cfg,
		gate:   &Gate{pending: make(map[types.ManagedObjectReference]struct{})},
		faults: newFaults(),
		counts: newCounts(),
	}
	if cfg.InstanceUUID == "" {
		s.cfg.InstanceUUID = s.uuid("instance")
	}
	if err := s.buildModel(); err != nil {
		return nil, err
	}
	s.sessions = newSessions(s)
	s.tags = newTags(s, cfg.TagRoots)
	var err error
	if s.vms, err = newVMs(s); err != nil {
		return nil, err
	}
	dir := cfg.TLSDir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "vcsim-tls-"); err != nil {
			return nil, err
		}
		s.tempDirs = append(s.tempDirs, dir)
	}
	if s.certs, err = newCerts(dir, cfg.TLSNames); err != nil {
		return nil, err
	}
	s.front = newFront(s, cfg.Listen, cfg.LatencyMS)
	if err := s.front.Open(); err != nil {
		return nil, err
	}
	s.baseURL = "https://" + s.front.Addr()
	s.publishURL()
	if err := s.serveControl(); err != nil {
		return nil, err
	}
	return s, nil
}

// Close ends everything and removes the simulator's temporary files.
func (s *Sim) Close() {
	_ = s.control.Close()
	s.front.Close()
	s.model.Remove()
	for _, d := range s.tempDirs {
		_ = os.RemoveAll(d)
	}
}

// Ready describes how to reach the running simulator.
func (s *Sim) Ready() Ready {
	sha1, sha256 := s.certs.Thumbprints()
	return Ready{
		URL: s.baseURL, Control: s.controlURL, CA: s.certs.CAFile(), SHA1: sha1, SHA256: sha256,
		InstanceUUID: s.cfg.InstanceUUID, User: s.cfg.User, Password: s.cfg.Password,
	}
}

// uuid derives a stable uuid from the seed, so that instances side by side
// differ and runs can be compared.
func (s *Sim) uuid(parts ...string) string {
	sum := sha256.Sum256([]byte(s.cfg.Seed + "\x00" + strings.Join(parts, "\x00")))
	u, _ := uuid.FromBytes(sum[:16])
	u[6] = u[6]&0x0f | 0x50
	u[8] = u[8]&0x3f | 0x80
	return u.String()
}

func (s *Sim) buildModel() error {
	m := simulator.VPX()
	m.Datacenter, m.Cluster, m.ClusterHost = s.cfg.Datacenters, s.cfg.Clusters, s.cfg.Hosts
	m.Host, m.Machine = 0, 0
	s.model = m
	if err := m.Create(); err != nil {
		return fmt.Errorf("model: %w", err)
	}
	s.svc = m.Service
	s.svc.RegisterEndpoints = true
	// With credentials of its own in the URL the simulator checks them; the
	// decision itself is replaced below, after the endpoints have set theirs.
	s.svc.Listen = &url.URL{User: url.UserPassword(s.cfg.User, s.cfg.Password)}
	s.inner = s.svc.NewServer()
	s.mux = s.svc.ServeMux
	s.ctx = s.svc.Context
	s.ctx.Session.UserName = s.cfg.User
	s.ctx.Map.SessionManager().ValidLogin = func(l *types.Login) bool {
		return l.UserName == s.cfg.User && l.Password == s.cfg.Password
	}

	about := &s.ctx.Map.Get(vim25.ServiceInstance).(*simulator.ServiceInstance).Content.About
	about.InstanceUuid = s.cfg.InstanceUUID
	about.ApiVersion = s.cfg.APIVersion
	about.Version = strings.Join(strings.SplitN(s.cfg.APIVersion, ".", 4)[:min(3, strings.Count(s.cfg.APIVersion, ".")+1)], ".")
	about.Build = "24022515"
	about.FullName = fmt.Sprintf("VMware vCenter Server %s build-%s (govmomi simulator)", about.Version, about.Build)

	for _, e := range s.ctx.Map.All("HostSystem") {
		h := e.(*simulator.HostSystem)
		id := s.uuid("host", h.Name)
		h.Summary.Hardware.Uuid, h.Hardware.SystemInfo.Uuid = id, id
	}
	pc := s.ctx.Map.Get(s.serviceContent().PropertyCollector).(*simulator.PropertyCollector)
	own := &Collector{}
	own.Self = pc.Self
	s.ctx.Map.Put(own)
	s.putAuthorization()
	s.ctx.Map.AddHandler(s.gate)
	return nil
}

func (s *Sim) serviceContent() types.ServiceContent {
	return s.ctx.Map.Get(vim25.ServiceInstance).(*simulator.ServiceInstance).ServiceContent()
}

// publishURL makes the addresses the simulator hands out (STS, lookup service,
// host names in tickets) those of the TLS front.
func (s *Sim) publishURL() {
	inner := s.inner.URL.Host
	om := s.ctx.Map.OptionManager()
	for _, o := range om.Setting {
		v := o.GetOptionValue()
		if text, ok := v.Value.(string); ok && strings.Contains(text, inner) {
			v.Value = strings.Replace(strings.Replace(text, "http://", "https://", 1), inner, s.front.Addr(), 1)
		}
	}
	s.ctx.Map.SessionManager().ServiceHostName = s.front.Addr()
}
