// Command vcsim is the simulated vCenter of the integration tests: govmomi's
// simulator behind a TLS front of our own that counts requests, injects
// latency and faults, and a plain-HTTP control port with which a test shapes
// the inventory. The process contract is documented in README.md.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// nameList is a flag that may be repeated or hold a comma-separated list.
type nameList []string

func (l *nameList) String() string { return strings.Join(*l, ",") }

func (l *nameList) Set(v string) error {
	for _, s := range strings.Split(v, ",") {
		if s = strings.TrimSpace(s); s != "" {
			*l = append(*l, s)
		}
	}
	return nil
}

func parseFlags(args []string) (Config, bool) {
	var c Config
	var roots string
	var names nameList
	f := flag.NewFlagSet("vcsim", flag.ExitOnError)
	f.StringVar(&c.Listen, "listen", "127.0.0.1:0", "TLS listener, the address of the vCenter")
	f.StringVar(&c.Control, "control", "127.0.0.1:0", "plain-HTTP control listener")
	f.StringVar(&c.TLSDir, "tls-dir", "", "directory for ca.pem, leaf.pem and leaf.key (default: a temporary one)")
	f.Var(&names, "tls-name", "additional subject alternative name (repeatable, comma separated)")
	f.StringVar(&c.User, "user", "administrator@vsphere.local", "user name")
	f.StringVar(&c.Password, "password", "pass", "password")
	f.StringVar(&c.Seed, "seed", "vc0", "seed of all generated uuids")
	f.StringVar(&c.InstanceUUID, "instance-uuid", "", "about.instanceUuid (default: from the seed)")
	f.StringVar(&c.APIVersion, "api-version", "8.0.3.0", "vSphere API version")
	f.IntVar(&c.Datacenters, "datacenters", 1, "datacenters")
	f.IntVar(&c.Clusters, "clusters", 1, "clusters per datacenter")
	f.IntVar(&c.Hosts, "hosts", 3, "hosts per cluster")
	f.StringVar(&roots, "tag-api", "rest,api", "roots that serve tagging and REST sessions")
	f.IntVar(&c.LatencyMS, "latency", 0, "milliseconds added to every request")
	exitWithStdin := f.Bool("exit-with-stdin", false, "exit when standard input ends")
	_ = f.Parse(args)
	c.TLSNames = names
	for _, r := range strings.Split(roots, ",") {
		if r = strings.TrimSpace(r); r != "" {
			c.TagRoots = append(c.TagRoots, r)
		}
	}
	return c, *exitWithStdin
}

func main() {
	log.SetOutput(os.Stderr)
	log.SetFlags(log.Ltime | log.Lmicroseconds)
	cfg, exitWithStdin := parseFlags(os.Args[1:])
	// The simulator reads VCSIM_LOCKER while its package is initialised, so
	// it can only be set for a new process. The parent stays as supervisor.
	if os.Getenv(childEnv) == "" {
		os.Exit(supervise())
	}
	sim, err := Start(cfg)
	if err != nil {
		log.Fatalf("start: %v", err)
	}
	ready, _ := json.Marshal(sim.Ready())
	fmt.Println(string(ready))

	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	if exitWithStdin {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			stop <- syscall.SIGTERM
		}()
	}
	<-stop
	sim.Close()
}
