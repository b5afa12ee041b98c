package main

import (
	"bufio"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
)

// childEnv marks the process that runs the simulator.
const childEnv = "VCSIM_CHILD"

// crashExit is the exit code by which a harness tells a simulator that
// crashed from a test that failed.
const crashExit = 70

// crash reports a panic caught in a request handler and ends the process: a
// simulator that lost a lock or half an update must not answer further.
func crash(where string, reason any) {
	fmt.Fprintf(os.Stderr, "VCSIM-CRASH: %s: %v\n%s\n", where, reason, debug.Stack())
	os.Exit(crashExit)
}

// supervise runs the simulator as a child process and turns a panic in one
// of the simulator's own goroutines, which no recover of ours can reach, into
// the VCSIM-CRASH line and exit code of the contract.
func supervise() int {
	// The parent-death signal is tied to the thread that forked.
	runtime.LockOSThread()
	exe, err := os.Executable()
	if err != nil {
		log.Printf("executable: %v", err)
		return 1
	}
	cmd := exec.Command(exe, os.Args[1:]...)
	cmd.Env = append(os.Environ(), childEnv+"=1", "VCSIM_LOCKER=false")
	cmd.Stdin, cmd.Stdout = os.Stdin, os.Stdout
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		log.Printf("stderr: %v", err)
		return 1
	}
	if err := cmd.Start(); err != nil {
		log.Printf("start: %v", err)
		return 1
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		for s := range signals {
			_ = cmd.Process.Signal(s)
		}
	}()

	var crashed bool
	var wg sync.WaitGroup
	wg.Go(func() {
		r := bufio.NewReader(stderr)
		for {
			line, err := r.ReadString('\n')
			if line != "" {
				if fatal(line) && !crashed {
					crashed = true
					fmt.Fprintf(os.Stderr, "VCSIM-CRASH: %s\n", strings.TrimSpace(line))
				}
				_, _ = os.Stderr.WriteString(line)
			}
			if err != nil {
				return
			}
		}
	})
	wg.Wait()
	err = cmd.Wait()
	if crashed {
		return crashExit
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if code := exit.ExitCode(); code >= 0 {
			return code
		}
		return 1
	}
	return 0
}

// fatal tells whether a line starts the Go runtime's last words.
func fatal(line string) bool {
	return strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") ||
		strings.HasPrefix(line, "unexpected fault address")
}
