package main

import (
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// Authorization is the simulator's authorization manager, which grants
// everything to everybody, but for what was taken away by the control port. It
// only says so: the objects can be read all the same.
type Authorization struct {
	simulator.AuthorizationManager

	denied map[types.ManagedObjectReference][]string
}

// PrivilegeRequest is the body of PUT /privileges.
type PrivilegeRequest struct {
	Object struct {
		Type string `json:"type"`
		Name string `json:"name"`
	} `json:"object"`
	// Missing replaces what was taken away before.
	Missing []string `json:"missing"`
}

// putAuthorization replaces the simulator's authorization manager.
func (s *Sim) putAuthorization() {
	ref := *s.serviceContent().AuthorizationManager
	own := &Authorization{
		AuthorizationManager: *s.ctx.Map.Get(ref).(*simulator.AuthorizationManager),
		denied:               make(map[types.ManagedObjectReference][]string),
	}
	s.ctx.Map.Put(own)
	s.authorization = own
}

// SetPrivileges takes privileges on one object away.
func (s *Sim) SetPrivileges(in *PrivilegeRequest) (any, error) {
	e, err := s.find(in.Object.Type, in.Object.Name)
	if err != nil {
		return nil, err
	}
	s.authorization.denied[e.Reference()] = in.Missing
	return map[string]string{"object": e.Reference().Value}, nil
}

// HasUserPrivilegeOnEntities answers for the one user there is.
func (a *Authorization) HasUserPrivilegeOnEntities(r *types.HasUserPrivilegeOnEntities) soap.HasFault {
	var all []types.EntityPrivilege
	for _, e := range r.Entities {
		p := types.EntityPrivilege{Entity: e}
		for _, id := range r.PrivId {
			p.PrivAvailability = append(p.PrivAvailability, types.PrivilegeAvailability{
				PrivId: id, IsGranted: !slices.Contains(a.denied[e], id),
			})
		}
		all = append(all, p)
	}
	return &methods.HasUserPrivilegeOnEntitiesBody{
		Res: &types.HasUserPrivilegeOnEntitiesResponse{Returnval: all},
	}
}
