package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi/event"
	"github.com/vmware/govmomi/fault"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

var vmPaths = []types.PropertySpec{{Type: "VirtualMachine", PathSet: []string{
	"name", "config.uuid", "summary.config.uuid", "config.instanceUuid", "guest.net", "guest.hostName", "guest.ipAddress",
	"guest.toolsRunningStatus", "runtime.powerState", "runtime.connectionState", "runtime.host", "parent",
	"resourcePool", `config.extraConfig["role"]`, "config.hardware.numCPU",
}}}

func TestFind(t *testing.T) {
	s := startSim(t)
	var made vmList
	ctl(t, s, "POST", "/vms", `{"count":200,"prefix":"node-","folder":"k8s/workers"}`, &made)
	if len(made.VMs) != 200 {
		t.Fatalf("%d machines", len(made.VMs))
	}
	c, ctx := login(t, s), context.Background()
	si := object.NewSearchIndex(c.Client)
	for i, vm := range made.VMs {
		if vm.UUID == "" || len(vm.Addresses) != 1 {
			t.Fatalf("%+v", vm)
		}
		if i%20 != 0 {
			continue
		}
		inst := true
		for what, f := range map[string]func() (object.Reference, error){
			"uuid":     func() (object.Reference, error) { return si.FindByUuid(ctx, nil, vm.UUID, true, nil) },
			"instance": func() (object.Reference, error) { return si.FindByUuid(ctx, nil, vm.InstanceUUID, true, &inst) },
			"dns":      func() (object.Reference, error) { return si.FindByDnsName(ctx, nil, vm.HostName, true) },
			"ip":       func() (object.Reference, error) { return si.FindByIp(ctx, nil, vm.Addresses[0], true) },
			"path": func() (object.Reference, error) {
				return si.FindByInventoryPath(ctx, "/DC0/vm/k8s/workers/"+vm.Name)
			},
		} {
			if ref, err := f(); err != nil || ref == nil || ref.Reference().Value != vm.Moref {
				t.Fatalf("%s of %s: %v %v", what, vm.Name, ref, err)
			}
		}
	}
	w := newWatch(t, c, []string{"VirtualMachine"}, vmPaths)
	seen := map[string]bool{}
	for len(seen) < 200 {
		updates, err := w.next(5)
		if err != nil || len(updates) == 0 {
			t.Fatalf("%d seen, then %v", len(seen), err)
		}
		for _, u := range updates {
			seen[u.Obj.Value] = true
		}
	}
}

func TestOrdinaryAPI(t *testing.T) {
	s := startSim(t)
	var made vmList
	ctl(t, s, "POST", "/vms", `{"vms":[{"name":"a","nics":[{"network":"VM Network","addresses":["10.0.0.1","fe80::1"]},{"network":"","addresses":["192.168.0.1"],"deviceConfigId":-1}]}]}`, &made)
	c, ctx := login(t, s), context.Background()
	vm := object.NewVirtualMachine(c.Client, types.ManagedObjectReference{Type: "VirtualMachine", Value: made.VMs[0].Moref})
	var m mo.VirtualMachine
	if err := vm.Properties(ctx, vm.Reference(), nil, &m); err != nil {
		t.Fatal(err)
	}
	if m.Guest.IpAddress != "10.0.0.1" || len(m.Guest.Net) != 2 || m.Guest.Net[1].DeviceConfigId != -1 ||
		m.Summary.Config.NumCpu != 2 || m.Summary.Config.MemorySizeMB != 4096 || m.Summary.Config.GuestId != "ubuntu64Guest" ||
		!strings.HasPrefix(m.Summary.Config.VmPathName, "[LocalDS_0] a/") || m.Runtime.Host == nil || m.ResourcePool == nil {
		t.Fatalf("%+v", m.Guest)
	}
	var h mo.HostSystem
	if err := vm.Properties(ctx, *m.Runtime.Host, []string{"vm"}, &h); err != nil || len(h.Vm) != 1 {
		t.Fatal(h.Vm, err)
	}
	do := func(what string, task *object.Task, err error) {
		t.Helper()
		if err == nil {
			err = task.Wait(ctx)
		}
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	task, err := vm.Reconfigure(ctx, types.VirtualMachineConfigSpec{Annotation: "x", ExtraConfig: []types.BaseOptionValue{
		&types.OptionValue{Key: "SET.guest.hostName", Value: "other"}, &types.OptionValue{Key: "k", Value: "v"},
	}})
	do("reconfigure", task, err)
	devices, _ := vm.Device(ctx)
	scsi, _ := object.SCSIControllerTypes().CreateSCSIController("pvscsi")
	if err := vm.AddDevice(ctx, scsi); err != nil {
		t.Fatal(err)
	}
	devices, _ = vm.Device(ctx)
	ctrl, err := devices.FindDiskController("")
	if err != nil {
		t.Fatal(err)
	}
	disk := devices.CreateDisk(ctrl, m.Datastore[0], "")
	disk.CapacityInKB = 1024
	if err := vm.AddDevice(ctx, disk); err != nil {
		t.Fatal(err)
	}
	task, err = vm.PowerOff(ctx)
	do("power off", task, err)
	task, err = vm.PowerOn(ctx)
	do("power on", task, err)
	task, err = vm.PowerOff(ctx)
	do("power off", task, err)
	task, err = vm.Destroy(ctx)
	do("destroy", task, err)
	var left vmList
	ctl(t, s, "GET", "/vms", "", &left)
	if len(left.VMs) != 0 {
		t.Fatalf("%+v", left)
	}
}

func TestPushes(t *testing.T) {
	s := startSim(t, func(c *Config) { c.Datacenters = 2 })
	var made vmList
	ctl(t, s, "POST", "/vms", `{"count":3,"prefix":"n","host":"DC0_C0_H0"}`, &made)
	id := made.VMs[1].Moref
	w := newWatch(t, login(t, s), []string{"VirtualMachine", "HostSystem"}, append(vmPaths,
		types.PropertySpec{Type: "HostSystem", PathSet: []string{"runtime.connectionState", "runtime.inMaintenanceMode"}}))
	if _, err := w.next(1); err != nil {
		t.Fatal(err)
	}
	late := func(method, path, body string) {
		go func() {
			time.Sleep(50 * time.Millisecond) // the poll waits by then
			ctl(t, s, method, path, body, nil)
		}()
	}
	late("PATCH", "/vms/n1", `{"name":"renamed","uuid":"4210aaaa-0000-4000-8000-000000000001","instanceUuid":"5010aaaa-0000-4000-8000-000000000001",
		"hostName":"renamed.example","nics":[{"addresses":["10.9.9.9"]}],"connectionState":"disconnected","numCpu":8,"extraConfig":{"role":"node"}}`)
	w.expect(id, map[string]any{
		"name": "renamed", "config.uuid": "4210aaaa-0000-4000-8000-000000000001",
		"summary.config.uuid": "4210aaaa-0000-4000-8000-000000000001", "config.instanceUuid": "5010aaaa-0000-4000-8000-000000000001",
		"guest.hostName": "renamed.example", "guest.ipAddress": "10.9.9.9", "guest.net": "*", `config.extraConfig["role"]`: "*",
		"runtime.connectionState": types.VirtualMachineConnectionStateDisconnected, "config.hardware.numCPU": int32(8),
	})
	late("POST", "/vms/renamed/power", `{"state":"poweredOff"}`)
	w.expect(id, map[string]any{"runtime.powerState": types.VirtualMachinePowerStatePoweredOff, "guest.ipAddress": nil, "guest.net": nil, "guest.hostName": nil})
	late("POST", "/vms/"+id+"/power", `{"state":"poweredOn"}`)
	w.expect(id, map[string]any{"runtime.powerState": types.VirtualMachinePowerStatePoweredOn, "guest.ipAddress": "10.9.9.9", "guest.hostName": "renamed.example"})
	late("POST", "/vms/renamed/relocate", `{"host":"DC0_C0_H1"}`)
	w.expect(id, map[string]any{"runtime.host": "*"})
	late("POST", "/vms/renamed/move", `{"folder":"x/y","datacenter":"DC1"}`)
	w.expect(id, map[string]any{"parent": "*", "runtime.host": "*", "resourcePool": "*"})
	late("PATCH", "/hosts/DC0_C0_H0", `{"connectionState":"notResponding","inMaintenanceMode":true}`)
	e, _ := s.find("HostSystem", "DC0_C0_H0")
	w.expect(e.Reference().Value, map[string]any{
		"runtime.connectionState": types.HostSystemConnectionStateNotResponding, "runtime.inMaintenanceMode": true,
	})
	late("DELETE", "/vms/n0", ``)
	w.expectKind(made.VMs[0].Moref, types.ObjectUpdateKindLeave)
	var again vmList
	ctl(t, s, "POST", "/vms/n2/unregister", "", nil)
	ctl(t, s, "POST", "/vms/n2/register", "", &again)
	if again.VMs[0].UUID != made.VMs[2].UUID || again.VMs[0].Moref == made.VMs[2].Moref {
		t.Fatalf("%+v", again)
	}
	w.expectKind(again.VMs[0].Moref, types.ObjectUpdateKindEnter)
	late("POST", "/vms", `{"count":150,"prefix":"late-"}`)
	w.expectKind("", types.ObjectUpdateKindEnter)
}

func (w *watch) expectKind(ref string, kind types.ObjectUpdateKind) {
	w.t.Helper()
	for end := time.Now().Add(5 * time.Second); ; {
		updates, err := w.next(1)
		if err != nil || time.Now().After(end) {
			w.t.Fatalf("no %s of %s: %v", kind, ref, err)
		}
		for _, u := range updates {
			if u.Kind == kind && (ref == "" || u.Obj.Value == ref) {
				return
			}
		}
	}
}

func TestFaultsAndCounters(t *testing.T) {
	s := startSim(t)
	c, ctx := login(t, s), context.Background()
	now := func() error { _, err := methods.GetCurrentTime(ctx, c); return err }
	add := func(rule string) { t.Helper(); ctl(t, s, "POST", "/faults", rule, nil) }
	for _, kind := range []string{"status", "reset", "truncate", "malformed", "soapFault"} {
		add(`{"method":"CurrentTime","kind":"` + kind + `","count":1}`)
		err := now()
		if err == nil {
			t.Fatalf("%s: no error", kind)
		}
		if kind == "soapFault" && !fault.Is(err, &types.NoPermission{}) {
			t.Fatalf("%v", err)
		}
		if err := now(); err != nil {
			t.Fatalf("after %s: %v", kind, err)
		}
	}
	add(`{"method":"CurrentTime","kind":"status","status":502,"skip":1,"count":1}`)
	if now() != nil || now() == nil || now() != nil {
		t.Fatal("skip")
	}
	add(`{"method":"CurrentTime","kind":"slowBody","bytesPerSecond":1000,"count":1}`)
	start := time.Now()
	if err := now(); err != nil || time.Since(start) < 300*time.Millisecond {
		t.Fatalf("slow: %v %v", err, time.Since(start))
	}
	add(`{"method":"CurrentTime","kind":"hang","count":1}`)
	short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	if _, err := methods.GetCurrentTime(short, c); err == nil {
		t.Fatal("hang answered")
	}
	w := newWatch(t, c, []string{"VirtualMachine"}, vmPaths)
	_, _ = w.next(1)
	done := make(chan error)
	go func() { _, err := w.next(30); done <- err }()
	time.Sleep(100 * time.Millisecond)
	add(`{"method":"WaitForUpdatesEx","kind":"status","running":true,"count":1}`)
	if err := <-done; err == nil {
		t.Fatal("running poll not hit")
	}
	ctl(t, s, "PUT", "/latency", `{"ms":50}`, nil)
	start = time.Now()
	if err := now(); err != nil || time.Since(start) < 50*time.Millisecond {
		t.Fatalf("latency: %v", err)
	}
	ctl(t, s, "PUT", "/latency", `{"ms":0}`, nil)
	var n countData
	ctl(t, s, "GET", "/requests", "", &n)
	if n.SOAP["CurrentTime"] != 16 || n.SOAP["Login"] != 1 || n.SOAP["WaitForUpdatesEx"] != 2 {
		t.Fatalf("%+v", n)
	}
}

func TestTerminateAndRestart(t *testing.T) {
	s := startSim(t)
	ctl(t, s, "POST", "/vms", `{"count":5}`, nil)
	c, ctx := login(t, s), context.Background()
	w := newWatch(t, c, []string{"VirtualMachine"}, vmPaths)
	_, _ = w.next(1)
	done := make(chan error)
	go func() { _, err := w.next(60); done <- err }()
	time.Sleep(100 * time.Millisecond)
	ctl(t, s, "POST", "/sessions/terminate", "", nil)
	select {
	case err := <-done:
		if !fault.Is(err, &types.NotAuthenticated{}) {
			t.Fatalf("%v", err)
		}
	case <-time.After(2 * time.Second):
		t.Fatal("the poll goes on")
	}
	if _, err := methods.GetCurrentTime(ctx, c); !soap.IsSoapFault(err) || !fault.Is(err, &types.NotAuthenticated{}) {
		t.Fatalf("%v", err)
	}
	c = login(t, s)
	w = newWatch(t, c, []string{"VirtualMachine"}, vmPaths)
	_, _ = w.next(1)
	go func() { _, err := w.next(60); done <- err }()
	time.Sleep(50 * time.Millisecond)
	ctl(t, s, "POST", "/restart", `{"downMs":100}`, nil)
	if err := <-done; err == nil {
		t.Fatal("the poll survived a restart")
	}
	if _, err := methods.GetCurrentTime(ctx, c); !fault.Is(err, &types.NotAuthenticated{}) {
		t.Fatalf("%v", err)
	}
	var l vmList
	ctl(t, s, "GET", "/vms", "", &l)
	var ses struct{ Sessions []SessionInfo }
	ctl(t, s, "GET", "/sessions", "", &ses)
	if len(l.VMs) != 5 || len(ses.Sessions) != 0 {
		t.Fatalf("%+v %+v", l, ses)
	}
	login(t, s)
}

func TestEvents(t *testing.T) {
	s := startSim(t)
	c, ctx := login(t, s), context.Background()
	col, err := event.NewManager(c.Client).CreateCollectorForEvents(ctx, types.EventFilterSpec{
		EventTypeId: []string{"VmCreatedEvent", "VmReconfiguredEvent", "VmRemovedEvent", "VmRegisteredEvent"},
	})
	if err != nil {
		t.Fatal(err)
	}
	w := watchObjects(t, c, []types.PropertySpec{{Type: "EventHistoryCollector", PathSet: []string{"latestPage"}}},
		types.ObjectSpec{Obj: col.Reference()})
	_, _ = w.next(1)
	for _, step := range [][3]string{
		{"POST", "/vms", `{"count":30,"prefix":"e"}`}, {"PATCH", "/vms/e3", `{"uuid":"4210aaaa-0000-4000-8000-000000000003"}`},
		{"POST", "/vms/e4/unregister", ``}, {"POST", "/vms/e4/register", ``}, {"DELETE", "/vms/e5", ``},
	} {
		go func() { time.Sleep(30 * time.Millisecond); ctl(t, s, step[0], step[1], step[2], nil) }()
		w.expect(col.Reference().Value, map[string]any{"latestPage": "*"})
	}
}

func TestTaggingRoots(t *testing.T) {
	s := startSim(t)
	hc := &http.Client{Transport: &http.Transport{TLSClientConfig: s.tlsConfig(t)}}
	session := ""
	call := func(method, path, body string, want int) string {
		t.Helper()
		r, _ := http.NewRequest(method, s.baseURL+path, strings.NewReader(body))
		if session == "" {
			r.SetBasicAuth(s.cfg.User, s.cfg.Password)
		} else {
			r.Header.Set(restSessionHeader, session)
		}
		res, err := hc.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		data, _ := io.ReadAll(res.Body)
		if res.StatusCode != want {
			t.Fatalf("%s %s: %d %s", method, path, res.StatusCode, data)
		}
		return strings.TrimSpace(string(data))
	}
	var id, cat, tag string
	_ = json.Unmarshal([]byte(call("POST", "/api/session", "", 201)), &id)
	session = id
	call("GET", "/api/session", "", 200)
	if got := call("GET", "/api/cis/tagging/category", "", 200); got != "[]" {
		t.Fatal(got)
	}
	ctl(t, s, "POST", "/tags", `{"category":"k8s-zone","tag":"zone-a","object":{"type":"HostSystem","name":"DC0_C0_H0"}}`, nil)
	_ = json.Unmarshal([]byte(call("POST", "/api/cis/tagging/category", `{"name":"k8s-region","description":"","cardinality":"SINGLE","associable_types":[]}`, 201)), &cat)
	_ = json.Unmarshal([]byte(call("POST", "/api/cis/tagging/tag", `{"name":"region-a","description":"","category_id":"`+cat+`"}`, 201)), &tag)
	call("POST", "/api/cis/tagging/tag-association/"+tag+"?action=attach", `{"object_id":{"type":"Datacenter","id":"datacenter-1"}}`, 204)
	if got := call("GET", "/api/cis/tagging/tag/"+tag, "", 200); !strings.Contains(got, `"region-a"`) || !strings.Contains(got, cat) {
		t.Fatal(got)
	}
	got := call("POST", "/api/cis/tagging/tag-association?action=list-attached-tags-on-objects",
		`{"object_ids":[{"type":"Datacenter","id":"datacenter-1"},{"type":"HostSystem","id":"host-0"}]}`, 200)
	if !strings.Contains(got, tag) || !strings.Contains(got, `"tag_ids":[]`) {
		t.Fatal(got)
	}
	if got := call("GET", "/api/cis/tagging/tag/urn:vmomi:InventoryServiceTag:nope:GLOBAL", "", 404); !strings.Contains(got, `"NOT_FOUND"`) {
		t.Fatal(got)
	}
	call("GET", "/rest/com/vmware/cis/tagging/tag", "", 200)
	ctl(t, s, "PUT", "/tag-api", `{"roots":["api"]}`, nil)
	call("GET", "/rest/com/vmware/cis/tagging/tag", "", 404)
	ctl(t, s, "PUT", "/tag-api", `{"roots":["rest"]}`, nil)
	call("GET", "/api/session", "", 404)
	ctl(t, s, "POST", "/sessions/terminate", "", nil)
	call("GET", "/rest/com/vmware/cis/tagging/tag", "", 401)
}
