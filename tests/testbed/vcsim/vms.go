package main

import (
	"context"
	"fmt"
	"hash/fnv"
	"net/http"
	"os"
	"path/filepath"
	"sort"
	"time"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// VMs makes and changes virtual machines. It puts them straight into the
// simulator's registry as copies of one machine made the ordinary way: the
// ordinary way costs 25 ms a piece.
type VMs struct {
	sim      *Sim
	template mo.VirtualMachine
	records  map[types.ManagedObjectReference]*record
	gone     []*record // unregistered, in order
	used     map[string]int
	serial   int
	turn     map[types.ManagedObjectReference]int // next host by datacenter
	cache    map[types.ManagedObjectReference][]*simulator.HostSystem
}

// record is what the simulator does not remember about a machine: the guest's
// data while it is not running.
type record struct {
	vm    *simulator.VirtualMachine
	guest guest
}

func newVMs(s *Sim) (*VMs, error) {
	v := &VMs{
		sim:     s,
		records: make(map[types.ManagedObjectReference]*record),
		used:    make(map[string]int),
		turn:    make(map[types.ManagedObjectReference]int),
	}
	if err := v.makeTemplate(); err != nil {
		return nil, fmt.Errorf("template machine: %w", err)
	}
	s.forgetEvents()
	return v, nil
}

func (v *VMs) makeTemplate() error {
	ctx := context.Background()
	c, err := vim25.NewClient(ctx, v.sim.svc)
	if err != nil {
		return err
	}
	dcs := v.sim.ctx.Map.All("Datacenter")
	if len(dcs) == 0 {
		return nil
	}
	dc := dcs[0].(*simulator.Datacenter)
	hosts := v.sim.hostsOf(dc)
	if len(hosts) == 0 || len(dc.Datastore) == 0 {
		return nil
	}
	ds := v.sim.ctx.Map.Get(dc.Datastore[0]).(*simulator.Datastore)
	pool := object.NewResourcePool(c, *v.sim.compute(hosts[0]).ResourcePool)
	task, err := object.NewFolder(c, dc.VmFolder).CreateVM(ctx, types.VirtualMachineConfigSpec{
		Name: "vcsim-template", GuestId: "ubuntu64Guest", NumCPUs: 2, MemoryMB: 4096,
		Files: &types.VirtualMachineFileInfo{VmPathName: "[" + ds.Name + "]"},
	}, pool, object.NewHostSystem(c, hosts[0].Self))
	if err != nil {
		return err
	}
	info, err := task.WaitForResult(ctx, nil)
	if err != nil {
		return err
	}
	ref := info.Result.(types.ManagedObjectReference)
	v.template = deepCopy(v.sim.ctx.Map.Get(ref).(*simulator.VirtualMachine).VirtualMachine)
	task, err = object.NewVirtualMachine(c, ref).Destroy(ctx)
	if err != nil {
		return err
	}
	return task.Wait(ctx)
}

// site is where a machine goes.
type site struct {
	dc     *simulator.Datacenter
	folder *simulator.Folder
	host   *simulator.HostSystem
}

func (v *VMs) site(spec *VMSpec) (site, error) {
	var at site
	e, err := v.sim.find("Datacenter", or(spec.Datacenter, "DC0"))
	if err != nil {
		return at, err
	}
	at.dc = e.(*simulator.Datacenter)
	if at.folder, err = v.sim.vmFolder(at.dc, or(spec.Folder, "")); err != nil {
		return at, err
	}
	if spec.Host != nil {
		h, err := v.sim.find("HostSystem", *spec.Host)
		if err != nil {
			return at, err
		}
		at.host = h.(*simulator.HostSystem)
		return at, nil
	}
	hosts := v.sim.hostsOf(at.dc)
	if len(hosts) == 0 {
		return at, badRequest("datacenter %s has no host", at.dc.Name)
	}
	at.host = hosts[v.turn[at.dc.Self]%len(hosts)]
	v.turn[at.dc.Self]++
	return at, nil
}

// Create makes machines. All of a request is checked before any is made.
func (v *VMs) Create(req *CreateRequest) ([]VMInfo, error) {
	specs := req.specs()
	sites := make([]site, len(specs))
	taken := make(map[types.ManagedObjectReference]map[string]bool)
	siteOf := make(map[string]site)
	for i := range specs {
		sp := &specs[i]
		if sp.Name == nil || *sp.Name == "" {
			v.serial++
			name := fmt.Sprintf("vm-%04d", v.serial)
			sp.Name = &name
		}
		if p := or(sp.Power, "poweredOn"); p != "poweredOn" && p != "poweredOff" && p != "suspended" {
			return nil, badRequest("power %q", p)
		}
		// Hosts take turns, the rest is looked up once per distinct place.
		var err error
		key := or(sp.Datacenter, "") + "\x00" + or(sp.Folder, "")
		if known, ok := siteOf[key]; ok && sp.Host == nil {
			hosts := v.hostList(known.dc)
			known.host = hosts[v.turn[known.dc.Self]%len(hosts)]
			v.turn[known.dc.Self]++
			sites[i] = known
		} else if sites[i], err = v.site(sp); err != nil {
			return nil, err
		}
		siteOf[key] = sites[i]
		names := taken[sites[i].folder.Self]
		if names == nil {
			names = v.childNames(sites[i].folder)
			taken[sites[i].folder.Self] = names
		}
		if names[*sp.Name] {
			return nil, &apiError{http.StatusConflict, fmt.Sprintf("folder %s has a %q already", sites[i].folder.Name, *sp.Name)}
		}
		names[*sp.Name] = true
	}
	v.cache = nil
	infos := make([]VMInfo, 0, len(specs))
	v.sim.quietly(func() []*simulator.VirtualMachine {
		made := make([]*simulator.VirtualMachine, len(specs))
		for i := range specs {
			r := v.build(&specs[i], sites[i].dc)
			v.insert(r, sites[i])
			made[i] = r.vm
			infos = append(infos, v.info(r))
			if !req.Silent {
				v.sim.post(&types.VmCreatedEvent{VmEvent: v.sim.vmEvent(r.vm)})
			}
		}
		return made
	})
	return infos, nil
}

func (v *VMs) childNames(f *simulator.Folder) map[string]bool {
	names := make(map[string]bool, len(f.ChildEntity))
	for _, c := range f.ChildEntity {
		if e, ok := v.sim.ctx.Map.Get(c).(mo.Entity); ok {
			names[nameOf(e)] = true
		}
	}
	return names
}

// unique numbers the uses of a name, so that generated uuids depend on names
// and not on the order of calls, and still never repeat.
func (v *VMs) unique(name string) string {
	v.used[name]++
	return fmt.Sprintf("%s#%d", name, v.used[name])
}

// address is an IPv4 address no other machine of this instance has.
func (v *VMs) address() string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(v.sim.cfg.Seed))
	v.serial++
	n := v.serial
	return fmt.Sprintf("10.%d.%d.%d", (16+h.Sum32()%200+uint32(n/62500))%256, n/250%250, n%250+1)
}

// build makes the machine itself, not yet in the inventory.
func (v *VMs) build(spec *VMSpec, dc *simulator.Datacenter) *record {
	vm := &simulator.VirtualMachine{VirtualMachine: deepCopy(v.template), DataSets: make(map[string]*simulator.DataSet)}
	name := *spec.Name
	id := v.unique(name)
	now := time.Now()
	cfg, sum := vm.Config, &vm.Summary.Config

	vm.Name, cfg.Name, sum.Name = name, name, name
	cfg.Uuid = or(spec.UUID, v.sim.uuid("vm", id))
	cfg.InstanceUuid = or(spec.InstanceUUID, v.sim.uuid("vm-instance", id))
	sum.Uuid, sum.InstanceUuid = cfg.Uuid, cfg.InstanceUuid
	cfg.GuestId = or(spec.GuestID, "ubuntu64Guest")
	cfg.GuestFullName = guestFullName(cfg.GuestId)
	sum.GuestId, sum.GuestFullName = cfg.GuestId, cfg.GuestFullName
	cfg.Hardware.NumCPU, cfg.Hardware.MemoryMB = or(spec.NumCPU, 2), or(spec.MemoryMB, 4096)
	sum.NumCpu, sum.MemorySizeMB = cfg.Hardware.NumCPU, cfg.Hardware.MemoryMB
	cfg.Annotation = or(spec.Annotation, "")
	sum.Annotation = cfg.Annotation
	cfg.CreateDate, cfg.Modified = &now, now
	cfg.ExtraConfig = mergeExtraConfig(cfg.ExtraConfig, spec.ExtraConfig)

	r := &record{vm: vm, guest: guest{hostName: or(spec.HostName, name), tools: or(spec.Tools, "running")}}
	nics := []NICSpec{{Addresses: []string{}}}
	if spec.NICs != nil {
		nics = *spec.NICs
	} else {
		nics[0].Addresses = []string{v.address()}
	}
	r.guest.nics = nicsOf(nics, cfg.Uuid, nil)
	cards := r.guest.devices(v.networks(dc))
	cfg.Hardware.Device = withNICs(cfg.Hardware.Device, cards)
	sum.NumEthernetCards = int32(len(cards))

	vm.Runtime.PowerState = types.VirtualMachinePowerState(or(spec.Power, "poweredOn"))
	vm.Runtime.ConnectionState = types.VirtualMachineConnectionState(or(spec.ConnectionState, "connected"))
	if vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn {
		vm.Runtime.BootTime = &now
	}
	info, summary := r.guestInfo()
	vm.Guest, vm.Summary.Guest = info, summary

	*field[string](vm, "log") = os.DevNull // it opens the log for every power operation
	*field[uuid.UUID](vm, "uid"), _ = uuid.Parse(v.sim.uuid("vm", id))
	return r
}

// insert hangs the machine into the inventory.
func (v *VMs) insert(r *record, at site) {
	vm, reg := r.vm, v.sim.ctx.Map
	reg.NewEntity(vm)
	vm.Summary.Vm = &vm.Self
	v.place(vm, at.host)
	vm.Datastore = at.dc.Datastore[:1:1]
	ds := reg.Get(vm.Datastore[0]).(*simulator.Datastore)
	v.files(vm, ds)
	vm.Network = networkRefs(vm.Config.Hardware.Device)
	// The folder first: views look for the object below their container.
	at.folder.ChildEntity = append(at.folder.ChildEntity, vm.Self)
	reg.PutEntity(at.folder, vm)
	ds.Vm = append(ds.Vm, vm.Self)
	v.records[vm.Self] = r
}

// place puts the machine on a host and into the root pool of its cluster.
func (v *VMs) place(vm *simulator.VirtualMachine, h *simulator.HostSystem) {
	host := h.Self
	vm.Runtime.Host = &host
	vm.Summary.Runtime = vm.Runtime
	cr := v.sim.compute(h)
	pool := *cr.ResourcePool
	vm.ResourcePool = &pool
	if cr.EnvironmentBrowser != nil {
		vm.EnvironmentBrowser = *cr.EnvironmentBrowser
	}
	h.Vm = append(h.Vm, vm.Self)
	if p, ok := v.sim.ctx.Map.Get(pool).(*simulator.ResourcePool); ok {
		p.Vm = append(p.Vm, vm.Self)
	}
}

// networks finds networks of a datacenter by name. An unknown name gets some
// network: the simulator wants a reference behind every card.
func (v *VMs) networks(dc *simulator.Datacenter) func(string) types.ManagedObjectReference {
	return func(name string) types.ManagedObjectReference {
		var some types.ManagedObjectReference
		for _, ref := range dc.Network {
			if n, ok := v.sim.ctx.Map.Get(ref).(*mo.Network); ok {
				if n.Name == name {
					return ref
				}
				some = ref
			}
		}
		return some
	}
}

// files gives the machine a directory on the datastore, which disks added
// later go to.
func (v *VMs) files(vm *simulator.VirtualMachine, ds *simulator.Datastore) {
	dir := vm.Name
	for n := 1; os.Mkdir(filepath.Join(ds.Summary.Url, dir), 0o700) != nil && n < 1000; n++ {
		dir = fmt.Sprintf("%s_%d", vm.Name, n)
	}
	base := fmt.Sprintf("[%s] %s", ds.Name, dir)
	vmx := base + "/" + vm.Name + ".vmx"
	_ = os.WriteFile(filepath.Join(ds.Summary.Url, dir, vm.Name+".vmx"), nil, 0o600)
	vm.Config.Files = types.VirtualMachineFileInfo{VmPathName: vmx, SnapshotDirectory: base, SuspendDirectory: base, LogDirectory: base}
	vm.Summary.Config.VmPathName = vmx
}

// hostList is hostsOf, remembered over one request.
func (v *VMs) hostList(dc *simulator.Datacenter) []*simulator.HostSystem {
	if v.cache == nil {
		v.cache = make(map[types.ManagedObjectReference][]*simulator.HostSystem)
	}
	if v.cache[dc.Self] == nil {
		v.cache[dc.Self] = v.sim.hostsOf(dc)
	}
	return v.cache[dc.Self]
}

// lookup finds a registered machine by name or moref, also one that a client
// made.
func (v *VMs) lookup(nameOrRef string) (*record, error) {
	e, err := v.sim.find("VirtualMachine", nameOrRef)
	if err != nil {
		return nil, err
	}
	return v.adopt(e.(*simulator.VirtualMachine)), nil
}

func (v *VMs) adopt(vm *simulator.VirtualMachine) *record {
	r := v.records[vm.Self]
	if r == nil {
		r = &record{vm: vm, guest: guest{hostName: vm.Guest.HostName, tools: "none"}}
		if vm.Guest.ToolsRunningStatus == string(types.VirtualMachineToolsRunningStatusGuestToolsRunning) {
			r.guest.tools = "running"
		}
		for _, n := range vm.Guest.Net {
			r.guest.nics = append(r.guest.nics, nic{n.Network, n.MacAddress, n.IpAddress, n.DeviceConfigId, n.Connected})
		}
		v.records[vm.Self] = r
	}
	return r
}

// List is all registered machines by name.
func (v *VMs) List() []VMInfo {
	out := []VMInfo{}
	for _, e := range v.sim.ctx.Map.All("VirtualMachine") {
		out = append(out, v.info(v.adopt(e.(*simulator.VirtualMachine))))
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

func (v *VMs) info(r *record) VMInfo {
	vm := r.vm
	i := VMInfo{
		Name: vm.Name, Moref: vm.Self.Value, UUID: vm.Config.Uuid, InstanceUUID: vm.Config.InstanceUuid,
		HostName: r.guest.hostName, Addresses: []string{}, Host: vm.Runtime.Host.Value,
		Power: string(vm.Runtime.PowerState), Registered: v.sim.ctx.Map.Get(vm.Self) != nil,
	}
	for _, n := range r.guest.nics {
		i.Addresses = append(i.Addresses, n.addresses...)
	}
	if dc := v.sim.datacenterOf(*vm.Parent); dc != nil {
		i.Datacenter = dc.Name
	}
	return i
}
