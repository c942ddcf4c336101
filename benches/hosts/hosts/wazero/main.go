// A guest in wazero: `wazero MODULE`. The memories it knows:
//
//	own         wazero as it is when nobody tells it anything
//	ours        one of our engines behind wazero's memory allocator, as it is when nobody tells it anything
//	ours-pool   the same with our pool
//	ours-kept   the same with a pool that keeps 64 MiB of a deleted memory for the next
//	ours-huge   the same as ours, in huge pages
//
// It reads commands from standard input and answers them as the hosts in C do: see ../serve.h. The module is compiled
// before anything is timed, once: all memories run the same machine code.
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"

	"wasmmemory"
)

func giveUp(what string, values ...any) {
	fmt.Fprintf(os.Stderr, what+"\n", values...)
	os.Exit(1)
}

func need(err error, what string) {
	if err != nil {
		giveUp("wazero: %s: %v", what, err)
	}
}

var ctx = context.Background()

type host struct {
	runtime wazero.Runtime
	module  wazero.CompiledModule
	kinds   map[string]*kind
}

// A kind of memory: what makes instances with it, and who counts the memories that are ours.
type kind struct {
	instantiate func(context.Context, wazero.Runtime, wazero.CompiledModule, wazero.ModuleConfig) (api.Module, error)
	made        func() uint64
}

func instantiateOwn(ctx context.Context, engine wazero.Runtime, module wazero.CompiledModule,
	config wazero.ModuleConfig) (api.Module, error) {
	return engine.InstantiateModule(ctx, module, config)
}

func newHost(path string) *host {
	code, err := os.ReadFile(path)
	need(err, "read the module")
	engine := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler())
	_, err = wasi_snapshot_preview1.Instantiate(ctx, engine)
	need(err, "define WASI")
	module, err := engine.CompileModule(ctx, code)
	need(err, "compile")
	return &host{runtime: engine, module: module, kinds: map[string]*kind{}}
}

// kind makes what is behind a name, the first time that it is asked for.
func (h *host) kind(name string) *kind {
	if known := h.kinds[name]; known != nil {
		return known
	}
	var fresh *kind
	switch name {
	case "own":
		fresh = &kind{instantiateOwn, func() uint64 { return 0 }}
	case "ours":
		fresh = ourKind()
	case "ours-pool":
		fresh = ourKind(wasmmemory.WithPool(wasmmemory.PoolOptions{Overflow: true}))
	case "ours-kept":
		// Large memories that wait to be cleaned are not there for the next, so each is cleaned at once.
		fresh = ourKind(wasmmemory.WithPool(wasmmemory.PoolOptions{
			Overflow: true, KeepResidentBytes: 64 << 20, DecommitBatch: 1}))
	case "ours-huge":
		fresh = ourKind(wasmmemory.WithHugePages())
	default:
		giveUp("wazero has no memory called %s", name)
	}
	h.kinds[name] = fresh
	return fresh
}

// used is what the process has had so far: nanoseconds of processors, and page faults.
func used() (int64, int64) {
	var usage syscall.Rusage
	need(syscall.Getrusage(syscall.RUSAGE_SELF, &usage), "getrusage")
	return usage.Utime.Nano() + usage.Stime.Nano(), usage.Minflt
}

// run starts the program once. What it reads and writes lies in Go's memory, so that no file is timed.
func (h *host) run(name, input, output string, arguments []string) string {
	kind := h.kind(name)
	bytesIn, err := os.ReadFile(input)
	need(err, "read the input")
	var out bytes.Buffer
	// What an earlier run has left to collect is not this one's.
	runtime.GC()
	madeBefore := kind.made()

	cpuBefore, faultsBefore := used()
	start := time.Now()
	config := wazero.NewModuleConfig().WithName("").WithArgs(arguments...).WithStartFunctions().
		WithStdin(bytes.NewReader(bytesIn)).WithStdout(&out).WithStderr(os.Stderr)
	instance, err := kind.instantiate(ctx, h.runtime, h.module, config)
	need(err, "instantiate")
	entry := instance.ExportedFunction("_start")
	memory := instance.Memory()
	beforeRun := time.Now()

	_, err = entry.Call(ctx)

	ran := time.Since(beforeRun)
	status := uint32(0)
	pages := uint32(0)
	var exit *sys.ExitError
	if errors.As(err, &exit) {
		// The instance is closed already, and its memory gone.
		status = exit.ExitCode()
	} else {
		need(err, "run")
		pages = memory.Size() / 65536
	}
	need(instance.Close(ctx), "close")
	whole := time.Since(start)
	cpuAfter, faultsAfter := used()

	need(os.WriteFile(output, out.Bytes(), 0o666), "write the output")
	return fmt.Sprintf("ran %d %d %d %d %d %d %d", status, whole.Nanoseconds(), ran.Nanoseconds(),
		cpuAfter-cpuBefore, faultsAfter-faultsBefore, pages, kind.made()-madeBefore)
}

// makeOne makes an instance, writes a byte of its memory, and drops it.
func (h *host) makeOne(kind *kind, config wazero.ModuleConfig) {
	instance, err := kind.instantiate(ctx, h.runtime, h.module, config)
	need(err, "instantiate")
	_, err = instance.ExportedFunction("touch").Call(ctx, 0)
	need(err, "touch")
	need(instance.Close(ctx), "close")
}

func (h *host) rate(name string, threads int, duration time.Duration) string {
	kind := h.kind(name)
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions()
	h.makeOne(kind, config)
	runtime.GC()
	madeBefore := kind.made()

	var group sync.WaitGroup
	counts := make([]int, threads)
	begin := make(chan struct{})
	for i := range counts {
		group.Add(1)
		go func() {
			defer group.Done()
			<-begin
			for start := time.Now(); time.Since(start) < duration; {
				for range 16 {
					h.makeOne(kind, config)
				}
				counts[i] += 16
			}
		}()
	}
	start := time.Now()
	close(begin)
	group.Wait()
	passed := time.Since(start)
	total := 0
	for _, count := range counts {
		total += count
	}
	return fmt.Sprintf("rate %d %d %d", total, passed.Nanoseconds(), kind.made()-madeBefore)
}

func main() {
	if len(os.Args) != 2 {
		giveUp("usage: wazero MODULE")
	}
	host := newHost(os.Args[1])
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		switch {
		case len(words) >= 5 && words[0] == "run":
			fmt.Println(host.run(words[1], words[2], words[3], words[4:]))
		case len(words) == 4 && words[0] == "rate":
			threads, err := strconv.Atoi(words[2])
			need(err, "the number of threads")
			milliseconds, err := strconv.Atoi(words[3])
			need(err, "the milliseconds")
			fmt.Println(host.rate(words[1], threads, time.Duration(milliseconds)*time.Millisecond))
		default:
			giveUp("no such command: %q", lines.Text())
		}
	}
	need(lines.Err(), "read a command")
}
