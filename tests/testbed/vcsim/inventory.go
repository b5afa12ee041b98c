package main

import (
	"fmt"
	"net/http"
	"slices"
	"sort"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// apiError is an error with an HTTP status for the control port.
type apiError struct {
	status int
	text   string
}

func (e *apiError) Error() string { return e.text }

func notFound(format string, a ...any) error {
	return &apiError{http.StatusNotFound, fmt.Sprintf(format, a...)}
}

func badRequest(format string, a ...any) error {
	return &apiError{http.StatusBadRequest, fmt.Sprintf(format, a...)}
}

// Entity is an inventory object as the control port lists it.
type Entity struct {
	Name       string `json:"name"`
	Moref      string `json:"moref"`
	Type       string `json:"type"`
	Parent     string `json:"parent"`
	Datacenter string `json:"datacenter"`
	UUID       string `json:"uuid,omitempty"`
	// Children of a datacenter that clients address by name.
	VMFolder string `json:"vmFolder,omitempty"`
}

// nameOf is the name of any managed entity; some kinds keep it elsewhere.
func nameOf(e mo.Entity) string {
	if n := e.Entity().Name; n != "" {
		return n
	}
	switch x := e.(type) {
	case *mo.Network:
		return x.Name
	case *simulator.DistributedVirtualPortgroup:
		return x.Name
	case *simulator.DistributedVirtualSwitch:
		return x.Name
	}
	return ""
}

// find looks an object up by kind and name or moref.
func (s *Sim) find(kind, nameOrRef string) (mo.Entity, error) {
	ref := types.ManagedObjectReference{Type: kind, Value: nameOrRef}
	if e, ok := s.ctx.Map.Get(ref).(mo.Entity); ok {
		return e, nil
	}
	for _, e := range s.ctx.Map.All(kind) {
		if nameOf(e) == nameOrRef {
			return e, nil
		}
	}
	return nil, notFound("no %s %q", kind, nameOrRef)
}

// datacenterOf climbs from an object to its datacenter.
func (s *Sim) datacenterOf(ref types.ManagedObjectReference) *simulator.Datacenter {
	for {
		obj := s.ctx.Map.Get(ref)
		if dc, ok := obj.(*simulator.Datacenter); ok {
			return dc
		}
		e, ok := obj.(mo.Entity)
		if !ok || e.Entity().Parent == nil {
			return nil
		}
		ref = *e.Entity().Parent
	}
}

// hostsOf are the hosts of a datacenter by name.
func (s *Sim) hostsOf(dc *simulator.Datacenter) []*simulator.HostSystem {
	var out []*simulator.HostSystem
	for _, e := range s.ctx.Map.All("HostSystem") {
		if d := s.datacenterOf(e.Reference()); d != nil && d.Self == dc.Self {
			out = append(out, e.(*simulator.HostSystem))
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// compute is the cluster or standalone compute resource of a host.
func (s *Sim) compute(h *simulator.HostSystem) *mo.ComputeResource {
	switch cr := s.ctx.Map.Get(*h.Parent).(type) {
	case *mo.ComputeResource:
		return cr
	case *simulator.ClusterComputeResource:
		return &cr.ComputeResource
	}
	return nil
}

// vmFolder finds a folder below the datacenter's vm folder and makes what is
// missing of it.
func (s *Sim) vmFolder(dc *simulator.Datacenter, path string) (*simulator.Folder, error) {
	f := s.ctx.Map.Get(dc.VmFolder).(*simulator.Folder)
	for _, name := range strings.FieldsFunc(path, func(r rune) bool { return r == '/' }) {
		var next *simulator.Folder
		for _, c := range f.ChildEntity {
			if child, ok := s.ctx.Map.Get(c).(*simulator.Folder); ok && child.Name == name {
				next = child
			}
		}
		if next == nil {
			res := f.CreateFolder(s.ctx, &types.CreateFolder{This: f.Self, Name: name})
			body, ok := res.(*methods.CreateFolderBody)
			if !ok || body.Res == nil {
				return nil, badRequest("folder %q cannot be made", name)
			}
			next = s.ctx.Map.Get(body.Res.Returnval).(*simulator.Folder)
		}
		f = next
	}
	return f, nil
}

// Inventory lists the objects a test may want to address.
func (s *Sim) Inventory() map[string][]Entity {
	out := map[string][]Entity{}
	for key, kind := range map[string]string{
		"datacenters": "Datacenter", "clusters": "ClusterComputeResource", "hosts": "HostSystem",
		"folders": "Folder", "resourcePools": "ResourcePool", "datastores": "Datastore", "networks": "Network",
	} {
		list := []Entity{}
		for _, e := range s.ctx.Map.All(kind) {
			i := Entity{Name: nameOf(e), Moref: e.Reference().Value, Type: kind}
			if p := e.Entity().Parent; p != nil {
				i.Parent = p.Value
			}
			if dc := s.datacenterOf(e.Reference()); dc != nil {
				i.Datacenter = dc.Name
			}
			switch x := e.(type) {
			case *simulator.HostSystem:
				i.UUID = x.Summary.Hardware.Uuid
			case *simulator.Datacenter:
				i.VMFolder = x.VmFolder.Value
			}
			list = append(list, i)
		}
		sort.Slice(list, func(i, j int) bool { return list[i].Name+list[i].Moref < list[j].Name+list[j].Moref })
		out[key] = list
	}
	return out
}

// HostPatch is what can be changed of a host.
type HostPatch struct {
	ConnectionState   *string `json:"connectionState"`
	InMaintenanceMode *bool   `json:"inMaintenanceMode"`
}

// PatchHost changes the state of a host and, unlike the simulator, tells the
// property filters.
func (s *Sim) PatchHost(name string, p HostPatch) (Entity, error) {
	e, err := s.find("HostSystem", name)
	if err != nil {
		return Entity{}, err
	}
	h := e.(*simulator.HostSystem)
	var changes []types.PropertyChange
	if p.ConnectionState != nil {
		state := types.HostSystemConnectionState(*p.ConnectionState)
		if !slices.Contains(state.Values(), state) {
			return Entity{}, badRequest("connectionState %q", state)
		}
		changes = append(changes,
			types.PropertyChange{Name: "runtime.connectionState", Val: state},
			types.PropertyChange{Name: "summary.runtime.connectionState", Val: state})
	}
	if p.InMaintenanceMode != nil {
		changes = append(changes,
			types.PropertyChange{Name: "runtime.inMaintenanceMode", Val: *p.InMaintenanceMode},
			types.PropertyChange{Name: "summary.runtime.inMaintenanceMode", Val: *p.InMaintenanceMode})
	}
	s.ctx.Update(h, changes)
	return Entity{Name: h.Name, Moref: h.Self.Value, Type: "HostSystem", Parent: h.Parent.Value, UUID: h.Summary.Hardware.Uuid}, nil
}
