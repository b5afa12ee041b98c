package main

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// TestScale measures a large inventory with a client polling it; it runs only
// when VCSIM_SCALE is set.
func TestScale(t *testing.T) {
	if os.Getenv("VCSIM_SCALE") == "" {
		t.Skip("VCSIM_SCALE is not set")
	}
	s := startSim(t)
	lap := func(what string, f func()) {
		start := time.Now()
		f()
		t.Logf("%-40s %v", what, time.Since(start).Round(time.Millisecond))
	}
	lap("create 5000", func() { ctl(t, s, "POST", "/vms", `{"count":5000,"prefix":"n"}`, nil) })
	w := newWatch(t, login(t, s), []string{"VirtualMachine"}, vmPaths)
	sync := func(n int) {
		seen := map[string]bool{}
		for len(seen) < n {
			updates, err := w.next(60)
			if err != nil {
				t.Fatal(err)
			}
			for _, u := range updates {
				seen[u.Obj.Value] = true
			}
		}
	}
	lap("initial sync of 5000", func() { sync(5000) })
	done := make(chan bool)
	go func() { w.expectKind("", "enter"); done <- true }()
	time.Sleep(100 * time.Millisecond)
	lap("create 100 with a poll waiting", func() { ctl(t, s, "POST", "/vms", `{"count":100,"prefix":"m"}`, nil) })
	lap("until the first enter", func() { <-done })
	lap("rest of the re-sent enters", func() { sync(5000) })
	for i := range 3 {
		lap("patch one", func() { ctl(t, s, "PATCH", fmt.Sprintf("/vms/n%d", i), `{"hostName":"x"}`, nil) })
	}
	lap("until pushed", func() { _, _ = w.next(5) })
	lap("patch 100", func() {
		for i := range 100 {
			ctl(t, s, "PATCH", fmt.Sprintf("/vms/n%d", 100+i), `{"hostName":"y"}`, nil)
		}
	})
	lap("until pushed", func() { _, _ = w.next(60) })
}
