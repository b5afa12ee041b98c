// The parts of a Kubernetes control plane in one binary, for tests:
//
//	kube [--die-with-parent] etcd|kube-apiserver|kube-controller-manager|kube-scheduler [flags]
//	kube keygen DIR
//
// With --die-with-parent the process ends when its standard input reaches its end, so that
// nothing is left behind by a parent that was killed.
package main

import (
	"fmt"
	"io"
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	manager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

const usage = `usage: kube [--die-with-parent] etcd|kube-apiserver|kube-controller-manager|kube-scheduler [flags]
       kube keygen DIR`

func main() {
	args := os.Args[1:]
	if len(args) > 0 && args[0] == "--die-with-parent" {
		args = args[1:]
		go dieWithParent()
	}
	if len(args) == 0 {
		fail(usage)
	}
	// Each part reads its flags from the second argument on.
	os.Args = args
	switch args[0] {
	case "etcd":
		// Two files of this size are allocated at the start: not 128 MB for each test run.
		wal.SegmentSizeBytes = 4 << 20
		etcdmain.Main(os.Args)
	case "kube-apiserver":
		os.Exit(cli.Run(apiserver.NewAPIServerCommand()))
	case "kube-controller-manager":
		os.Exit(cli.Run(manager.NewControllerManagerCommand()))
	case "kube-scheduler":
		os.Exit(cli.Run(scheduler.NewSchedulerCommand()))
	case "keygen":
		if len(args) != 2 {
			fail(usage)
		}
		if err := keygen(args[1]); err != nil {
			fail("kube keygen: " + err.Error())
		}
	default:
		fail(usage)
	}
}

// dieWithParent ends the process once standard input does. A death signal
// (PR_SET_PDEATHSIG) would follow the thread that started us, not the process.
func dieWithParent() {
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

func fail(message string) {
	fmt.Fprintln(os.Stderr, message)
	os.Exit(2)
}
