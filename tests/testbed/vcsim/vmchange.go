package main

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// guestInfo is guest.* and summary.guest.* for the current power state.
func (r *record) guestInfo() (*types.GuestInfo, *types.VirtualMachineGuestSummary) {
	power := r.vm.Runtime.PowerState
	g := &types.GuestInfo{
		ToolsStatus:        types.VirtualMachineToolsStatusToolsNotRunning,
		ToolsRunningStatus: string(types.VirtualMachineToolsRunningStatusGuestToolsNotRunning),
		ToolsVersionStatus: string(types.VirtualMachineToolsVersionStatusGuestToolsCurrent),
		ToolsVersion:       "12389",
		GuestState:         string(types.VirtualMachineGuestStateNotRunning),
	}
	switch {
	case r.guest.tools != "running":
		g.ToolsStatus = types.VirtualMachineToolsStatusToolsNotInstalled
		g.ToolsVersionStatus = string(types.VirtualMachineToolsVersionStatusGuestToolsNotInstalled)
		g.ToolsVersion = "0"
	case power == types.VirtualMachinePowerStatePoweredOff:
	default:
		if power == types.VirtualMachinePowerStatePoweredOn {
			g.ToolsStatus = types.VirtualMachineToolsStatusToolsOk
			g.ToolsRunningStatus = string(types.VirtualMachineToolsRunningStatusGuestToolsRunning)
			g.GuestState = string(types.VirtualMachineGuestStateRunning)
		}
		g.GuestId, g.GuestFullName, g.GuestFamily = r.vm.Config.GuestId, r.vm.Config.GuestFullName, "linuxGuest"
		g.HostName, g.IpAddress, g.Net = r.guest.hostName, r.guest.primary(), r.guest.net()
	}
	return g, &types.VirtualMachineGuestSummary{
		GuestId: r.vm.Config.GuestId, GuestFullName: r.vm.Config.GuestFullName,
		ToolsStatus: g.ToolsStatus, ToolsVersionStatus: g.ToolsVersionStatus, ToolsRunningStatus: g.ToolsRunningStatus,
		HostName: g.HostName, IpAddress: g.IpAddress,
	}
}

// changes collects what really changes, leaf by leaf: the simulator delivers a
// change to a filter only if the change is at or below the filter's path.
type changes []types.PropertyChange

func (c *changes) set(path string, old, val any) {
	if reflect.DeepEqual(old, val) {
		return
	}
	if v := reflect.ValueOf(val); v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0 {
		val = nil // unset, not empty
	}
	*c = append(*c, types.PropertyChange{Name: path, Val: val})
}

// setGuest compares the guest data published with those due.
func (r *record) setGuest(c *changes) {
	g, s := r.guestInfo()
	old := r.vm.Guest
	if old == nil {
		old = &types.GuestInfo{}
	}
	c.set("guest.toolsStatus", old.ToolsStatus, g.ToolsStatus)
	c.set("guest.toolsRunningStatus", old.ToolsRunningStatus, g.ToolsRunningStatus)
	c.set("guest.toolsVersionStatus", old.ToolsVersionStatus, g.ToolsVersionStatus)
	c.set("guest.toolsVersion", old.ToolsVersion, g.ToolsVersion)
	c.set("guest.guestState", old.GuestState, g.GuestState)
	c.set("guest.guestId", old.GuestId, g.GuestId)
	c.set("guest.guestFullName", old.GuestFullName, g.GuestFullName)
	c.set("guest.guestFamily", old.GuestFamily, g.GuestFamily)
	c.set("guest.hostName", old.HostName, g.HostName)
	c.set("guest.ipAddress", old.IpAddress, g.IpAddress)
	if len(old.Net) > 0 || len(g.Net) > 0 {
		c.set("guest.net", old.Net, g.Net)
	}
	so := r.vm.Summary.Guest
	if so == nil {
		so = &types.VirtualMachineGuestSummary{}
	}
	c.set("summary.guest.toolsStatus", so.ToolsStatus, s.ToolsStatus)
	c.set("summary.guest.toolsRunningStatus", so.ToolsRunningStatus, s.ToolsRunningStatus)
	c.set("summary.guest.guestId", so.GuestId, s.GuestId)
	c.set("summary.guest.guestFullName", so.GuestFullName, s.GuestFullName)
	c.set("summary.guest.hostName", so.HostName, s.HostName)
	c.set("summary.guest.ipAddress", so.IpAddress, s.IpAddress)
}

// withNICs replaces the network cards among the devices.
func withNICs(devices, cards []types.BaseVirtualDevice) []types.BaseVirtualDevice {
	var out []types.BaseVirtualDevice
	for _, d := range devices {
		if _, ok := d.(types.BaseVirtualEthernetCard); !ok {
			out = append(out, d)
		}
	}
	return append(out, cards...)
}

// networkRefs are the networks the cards among the devices are on.
func networkRefs(devices []types.BaseVirtualDevice) []types.ManagedObjectReference {
	var out []types.ManagedObjectReference
	for _, d := range devices {
		if _, ok := d.(types.BaseVirtualEthernetCard); !ok {
			continue
		}
		if b, ok := d.GetVirtualDevice().Backing.(*types.VirtualEthernetCardNetworkBackingInfo); ok && !slices.Contains(out, *b.Network) {
			out = append(out, *b.Network)
		}
	}
	return out
}

// mergeExtraConfig applies the changes to a copy; nil and "" remove a key.
func mergeExtraConfig(old []types.BaseOptionValue, set map[string]*string) []types.BaseOptionValue {
	out := slices.DeleteFunc(slices.Clone(old), func(o types.BaseOptionValue) bool {
		_, ok := set[o.GetOptionValue().Key]
		return ok
	})
	keys := make([]string, 0, len(set))
	for k, v := range set {
		if v != nil && *v != "" {
			keys = append(keys, k)
		}
	}
	sort.Strings(keys)
	for _, k := range keys {
		out = append(out, &types.OptionValue{Key: k, Value: *set[k]})
	}
	return out
}

// Patch changes a machine.
func (v *VMs) Patch(name string, p *VMSpec) (VMInfo, error) {
	r, err := v.lookup(name)
	if err != nil {
		return VMInfo{}, err
	}
	vm := r.vm
	for what, set := range map[string]bool{
		"power": p.Power != nil, "host": p.Host != nil, "folder": p.Folder != nil, "datacenter": p.Datacenter != nil,
	} {
		if set {
			return VMInfo{}, badRequest("%s cannot be patched, use its own call", what)
		}
	}
	var events []types.BaseEvent
	var c changes
	cfg, sum := vm.Config, &vm.Summary.Config
	str := func(val *string, old string, paths ...string) {
		if val != nil && *val != old {
			for _, path := range paths {
				c.set(path, old, *val)
			}
		}
	}
	if p.Name != nil && *p.Name != vm.Name {
		events = append(events, &types.VmRenamedEvent{VmEvent: v.sim.vmEvent(vm), OldName: vm.Name, NewName: *p.Name})
		str(p.Name, vm.Name, "name", "config.name", "summary.config.name")
	}
	before := len(c)
	str(p.UUID, cfg.Uuid, "config.uuid", "summary.config.uuid")
	str(p.InstanceUUID, cfg.InstanceUuid, "config.instanceUuid", "summary.config.instanceUuid")
	str(p.Annotation, cfg.Annotation, "config.annotation", "summary.config.annotation")
	if p.GuestID != nil {
		full := guestFullName(*p.GuestID)
		str(p.GuestID, cfg.GuestId, "config.guestId", "summary.config.guestId")
		str(&full, cfg.GuestFullName, "config.guestFullName", "summary.config.guestFullName")
	}
	if p.NumCPU != nil {
		c.set("config.hardware.numCPU", cfg.Hardware.NumCPU, *p.NumCPU)
		c.set("summary.config.numCpu", sum.NumCpu, *p.NumCPU)
	}
	if p.MemoryMB != nil {
		c.set("config.hardware.memoryMB", cfg.Hardware.MemoryMB, *p.MemoryMB)
		c.set("summary.config.memorySizeMB", sum.MemorySizeMB, *p.MemoryMB)
	}
	if p.ExtraConfig != nil {
		for k, val := range p.ExtraConfig {
			change := types.PropertyChange{Name: fmt.Sprintf("config.extraConfig[%q]", k), Op: types.PropertyChangeOpRemove}
			if val != nil && *val != "" {
				change.Op, change.Val = types.PropertyChangeOpAssign, &types.OptionValue{Key: k, Value: *val}
			}
			c = append(c, change)
		}
		c = append(c, types.PropertyChange{Name: "config.extraConfig", Val: mergeExtraConfig(cfg.ExtraConfig, p.ExtraConfig)})
	}
	if p.NICs != nil {
		r.guest.nics = nicsOf(*p.NICs, cfg.Uuid, r.guest.nics)
		devices := withNICs(cfg.Hardware.Device, r.guest.devices(v.networks(v.sim.datacenterOf(vm.Self))))
		c = append(c, types.PropertyChange{Name: "config.hardware.device", Val: devices})
		c.set("network", vm.Network, networkRefs(devices))
	}
	if len(c) > before {
		now := time.Now()
		c = append(c, types.PropertyChange{Name: "config.changeVersion", Val: now.UTC().Format("2006-01-02T15:04:05.000000Z")},
			types.PropertyChange{Name: "config.modified", Val: now})
		events = append(events, &types.VmReconfiguredEvent{VmEvent: v.sim.vmEvent(vm)})
	}
	if s := p.ConnectionState; s != nil {
		state := types.VirtualMachineConnectionState(*s)
		if !slices.Contains(state.Values(), state) {
			return VMInfo{}, badRequest("connectionState %q", state)
		}
		c.set("runtime.connectionState", vm.Runtime.ConnectionState, state)
		c.set("summary.runtime.connectionState", vm.Summary.Runtime.ConnectionState, state)
	}
	r.guest.hostName = keep(p.HostName, r.guest.hostName)
	r.guest.tools = keep(p.Tools, r.guest.tools)
	v.apply(r, c)
	v.sim.post(events...)
	return v.info(r), nil
}

func keep(p *string, old string) string {
	if p != nil {
		return *p
	}
	return old
}

// apply publishes changes, then those of the guest that follow from them.
func (v *VMs) apply(r *record, c changes) {
	if len(c) > 0 {
		v.sim.ctx.Update(r.vm, c)
	}
	var g changes
	if r.vm.Guest == nil {
		r.vm.Guest = &types.GuestInfo{}
	}
	r.setGuest(&g)
	if len(g) > 0 {
		v.sim.ctx.Update(r.vm, g)
	}
}

// Power sets the power state; switching off takes the guest's data away.
func (v *VMs) Power(name, state string) (VMInfo, error) {
	r, err := v.lookup(name)
	if err != nil {
		return VMInfo{}, err
	}
	to := types.VirtualMachinePowerState(state)
	if !slices.Contains(to.Values(), to) {
		return VMInfo{}, badRequest("state %q", state)
	}
	vm := r.vm
	var c changes
	c.set("runtime.powerState", vm.Runtime.PowerState, to)
	c.set("summary.runtime.powerState", vm.Summary.Runtime.PowerState, to)
	if len(c) == 0 {
		return v.info(r), nil
	}
	e := v.sim.vmEvent(vm)
	var event types.BaseEvent
	switch to {
	case types.VirtualMachinePowerStatePoweredOn:
		now := time.Now()
		c = append(c, types.PropertyChange{Name: "runtime.bootTime", Val: now}, types.PropertyChange{Name: "summary.runtime.bootTime", Val: now})
		event = &types.VmPoweredOnEvent{VmEvent: e}
	case types.VirtualMachinePowerStatePoweredOff:
		c = append(c, types.PropertyChange{Name: "runtime.bootTime"}, types.PropertyChange{Name: "summary.runtime.bootTime"})
		event = &types.VmPoweredOffEvent{VmEvent: e}
	default:
		event = &types.VmSuspendedEvent{VmEvent: e}
	}
	v.apply(r, c)
	v.sim.post(event)
	return v.info(r), nil
}

// remove takes a machine out of the inventory, whatever its power state.
func (v *VMs) remove(r *record) error {
	power := r.vm.Runtime.PowerState
	r.vm.Runtime.PowerState = types.VirtualMachinePowerStatePoweredOff
	res := r.vm.UnregisterVM(v.sim.ctx, &types.UnregisterVM{This: r.vm.Self})
	r.vm.Runtime.PowerState = power
	if f := res.Fault(); f != nil {
		return fmt.Errorf("unregister %s: %s", r.vm.Name, f.String)
	}
	delete(v.records, r.vm.Self)
	return nil
}

// Destroy deletes a machine and its files.
func (v *VMs) Destroy(name string) (VMInfo, error) {
	r, err := v.lookup(name)
	if err != nil {
		return VMInfo{}, err
	}
	if err := v.remove(r); err != nil {
		return VMInfo{}, err
	}
	if ds, ok := v.sim.ctx.Map.Get(r.vm.Datastore[0]).(*simulator.Datastore); ok {
		if _, dir, ok := strings.Cut(r.vm.Config.Files.LogDirectory, "] "); ok && dir != "" && !strings.Contains(dir, "..") {
			_ = os.RemoveAll(filepath.Join(ds.Summary.Url, dir))
		}
	}
	return v.info(r), nil
}

// Unregister takes a machine out of the inventory and remembers it.
func (v *VMs) Unregister(name string) (VMInfo, error) {
	r, err := v.lookup(name)
	if err != nil {
		return VMInfo{}, err
	}
	if err := v.remove(r); err != nil {
		return VMInfo{}, err
	}
	v.gone = append(v.gone, r)
	return v.info(r), nil
}

// Register brings an unregistered machine back under a new moref.
func (v *VMs) Register(name string) (VMInfo, error) {
	for i := len(v.gone) - 1; i >= 0; i-- {
		old := v.gone[i]
		if old.vm.Name != name && old.vm.Self.Value != name {
			continue
		}
		at := site{dc: v.sim.datacenterOf(*old.vm.Parent)}
		at.folder, _ = v.sim.ctx.Map.Get(*old.vm.Parent).(*simulator.Folder)
		at.host, _ = v.sim.ctx.Map.Get(*old.vm.Runtime.Host).(*simulator.HostSystem)
		if at.dc == nil || at.folder == nil || at.host == nil {
			return VMInfo{}, badRequest("the folder or host of %q is gone", name)
		}
		v.gone = slices.Delete(v.gone, i, i+1)
		r := &record{vm: &simulator.VirtualMachine{VirtualMachine: deepCopy(old.vm.VirtualMachine), DataSets: old.vm.DataSets}, guest: old.guest}
		*field[string](r.vm, "log") = os.DevNull
		v.sim.quietly(func() []*simulator.VirtualMachine {
			v.insert(r, at)
			v.sim.post(&types.VmRegisteredEvent{VmEvent: v.sim.vmEvent(r.vm)})
			return []*simulator.VirtualMachine{r.vm}
		})
		return v.info(r), nil
	}
	return VMInfo{}, notFound("no unregistered machine %q", name)
}
