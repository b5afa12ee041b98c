package main

import (
	"crypto/sha256"
	"fmt"
	"net"
	"strings"

	"github.com/vmware/govmomi/vim25/types"
)

// NICSpec describes a network adapter as the guest reports it.
type NICSpec struct {
	Network        *string  `json:"network"`
	MAC            *string  `json:"mac"`
	Addresses      []string `json:"addresses"`
	DeviceConfigID *int32   `json:"deviceConfigId"`
	Connected      *bool    `json:"connected"`
}

// VMSpec describes a virtual machine to make or what to change of one; absent
// means default or unchanged.
type VMSpec struct {
	Name            *string            `json:"name"`
	UUID            *string            `json:"uuid"`
	InstanceUUID    *string            `json:"instanceUuid"`
	HostName        *string            `json:"hostName"`
	NICs            *[]NICSpec         `json:"nics"`
	Tools           *string            `json:"tools"`
	Power           *string            `json:"power"`
	GuestID         *string            `json:"guestId"`
	NumCPU          *int32             `json:"numCpu"`
	MemoryMB        *int32             `json:"memoryMB"`
	Datacenter      *string            `json:"datacenter"`
	Folder          *string            `json:"folder"`
	Host            *string            `json:"host"`
	ExtraConfig     map[string]*string `json:"extraConfig"`
	ConnectionState *string            `json:"connectionState"`
	Annotation      *string            `json:"annotation"`
}

// CreateRequest is the body of POST /vms: a number of alike machines or a list.
type CreateRequest struct {
	VMSpec
	Count  int      `json:"count"`
	Prefix string   `json:"prefix"`
	Start  int      `json:"start"`
	VMs    []VMSpec `json:"vms"`
	Silent bool     `json:"silent"`
}

// specs expands the request.
func (c *CreateRequest) specs() []VMSpec {
	if c.VMs != nil {
		return c.VMs
	}
	n := c.Count
	if n == 0 {
		n = 1
	}
	if c.Count == 0 && c.Prefix == "" {
		return []VMSpec{c.VMSpec}
	}
	out := make([]VMSpec, n)
	for i := range out {
		s := c.VMSpec
		name := fmt.Sprintf("%s%d", or(&c.Prefix, "vm-"), c.Start+i)
		s.Name = &name
		out[i] = s
	}
	return out
}

// VMInfo is a virtual machine as the control port shows it.
type VMInfo struct {
	Name         string   `json:"name"`
	Moref        string   `json:"moref"`
	UUID         string   `json:"uuid"`
	InstanceUUID string   `json:"instanceUuid"`
	HostName     string   `json:"hostName"`
	Addresses    []string `json:"addresses"`
	Host         string   `json:"host"`
	Datacenter   string   `json:"datacenter"`
	Power        string   `json:"power"`
	Registered   bool     `json:"registered"`
}

// guest is what the guest operating system would report if it ran.
type guest struct {
	hostName string
	tools    string
	nics     []nic
}

type nic struct {
	network   string
	mac       string
	addresses []string
	device    int32
	connected bool
}

func or[T comparable](p *T, def T) T {
	var zero T
	if p == nil || *p == zero {
		return def
	}
	return *p
}

// mac is a stable address in VMware's range for manual assignment.
func macFor(uuid string, i int) string {
	h := sha256.Sum256(fmt.Appendf(nil, "%s/%d", uuid, i))
	return net.HardwareAddr{0x00, 0x50, 0x56, h[0] & 0x3f, h[1], h[2]}.String()
}

// nicsOf completes the adapters of a spec. Adapters keep the MAC address of the
// one they replace.
func nicsOf(specs []NICSpec, uuid string, old []nic) []nic {
	out := make([]nic, len(specs))
	for i, s := range specs {
		mac := macFor(uuid, i)
		if i < len(old) {
			mac = old[i].mac
		}
		n := nic{
			network:   "VM Network",
			mac:       or(s.MAC, mac),
			addresses: s.Addresses,
			device:    4000 + int32(i),
			connected: true,
		}
		if s.Network != nil { // may be empty: interfaces inside the guest have none
			n.network = *s.Network
		}
		if s.DeviceConfigID != nil {
			n.device = *s.DeviceConfigID
		}
		if s.Connected != nil {
			n.connected = *s.Connected
		}
		out[i] = n
	}
	return out
}

// primary is the address vCenter shows as guest.ipAddress.
func (g *guest) primary() string {
	first := ""
	for _, n := range g.nics {
		for _, a := range n.addresses {
			if first == "" {
				first = a
			}
			if !strings.Contains(a, ":") {
				return a
			}
		}
	}
	return first
}

// net is guest.net.
func (g *guest) net() []types.GuestNicInfo {
	out := make([]types.GuestNicInfo, len(g.nics))
	for i, n := range g.nics {
		info := types.GuestNicInfo{
			Network: n.network, IpAddress: n.addresses, MacAddress: n.mac,
			Connected: n.connected, DeviceConfigId: n.device,
		}
		if len(n.addresses) > 0 {
			info.IpConfig = &types.NetIpConfigInfo{}
			for _, a := range n.addresses {
				prefix := int32(16)
				if strings.Contains(a, ":") {
					prefix = 64
				}
				info.IpConfig.IpAddress = append(info.IpConfig.IpAddress, types.NetIpConfigInfoIpAddress{
					IpAddress: a, PrefixLength: prefix, State: "preferred",
				})
			}
		}
		out[i] = info
	}
	return out
}

// devices are the virtual network cards behind the adapters. Interfaces the
// guest made itself (bridges, tunnels) report no device.
func (g *guest) devices(network func(name string) types.ManagedObjectReference) []types.BaseVirtualDevice {
	var out []types.BaseVirtualDevice
	for i, n := range g.nics {
		if n.device < 4000 {
			continue
		}
		d := &types.VirtualVmxnet3{}
		d.Key = n.device
		d.DeviceInfo = &types.Description{Label: fmt.Sprintf("Network adapter %d", i+1), Summary: n.network}
		ref := network(n.network)
		d.Backing = &types.VirtualEthernetCardNetworkBackingInfo{
			Network:                        &ref,
			VirtualDeviceDeviceBackingInfo: types.VirtualDeviceDeviceBackingInfo{DeviceName: n.network},
		}
		d.Connectable = &types.VirtualDeviceConnectInfo{StartConnected: true, AllowGuestControl: true, Connected: n.connected, Status: "ok"}
		d.ControllerKey = 100
		unit := int32(7 + i)
		d.UnitNumber = &unit
		d.AddressType = "assigned"
		d.MacAddress = n.mac
		wake := true
		d.WakeOnLanEnabled = &wake
		out = append(out, d)
	}
	return out
}

var guestNames = map[string]string{
	"ubuntu64Guest":         "Ubuntu Linux (64-bit)",
	"vmwarePhoton64Guest":   "VMware Photon OS (64-bit)",
	"rhel9_64Guest":         "Red Hat Enterprise Linux 9 (64-bit)",
	"debian12_64Guest":      "Debian GNU/Linux 12 (64-bit)",
	"windows2022srvNext_64": "Microsoft Windows Server 2025 (64-bit)",
}

func guestFullName(id string) string {
	if n, ok := guestNames[id]; ok {
		return n
	}
	return id
}
