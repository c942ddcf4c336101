package wazeromemory_test

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"wasmmemory"
	wazeromemory "wasmmemory/wazero"
)

//go:embed testdata/*.wasm
var testdata embed.FS

// A host is an engine of ours, a runtime of wazero's, and what lies between.
type host struct {
	*testing.T
	ctx       context.Context
	engine    *wasmmemory.Engine
	store     *wasmmemory.Store
	allocator *wazeromemory.Allocator
	runtime   wazero.Runtime
	lock      sync.Mutex
	failures  []string
}

const pool = 8

// eachEngine runs a test with wazero's compiler and with its interpreter, on memories of each kind.
func eachEngine(t *testing.T, options wazeromemory.Options, test func(*host)) {
	for name, config := range map[string]wazero.RuntimeConfig{
		"compiler": wazero.NewRuntimeConfigCompiler(), "interpreter": wazero.NewRuntimeConfigInterpreter(),
	} {
		for bounds, kind := range map[wasmmemory.Bounds]string{
			wasmmemory.BoundsChecked: "checked", wasmmemory.BoundsGuarded: "guarded",
		} {
			t.Run(name+"/"+kind, func(t *testing.T) { test(newHost(t, options, config, wasmmemory.WithBounds(bounds))) })
		}
	}
}

func newHost(t *testing.T, options wazeromemory.Options, config wazero.RuntimeConfig, more ...wasmmemory.Option) *host {
	h := &host{T: t, ctx: context.Background()}
	var err error
	h.engine, err = wasmmemory.NewEngine(append(more, wasmmemory.WithPool(wasmmemory.PoolOptions{Slots: pool}))...)
	h.ok(err)
	h.store, err = h.engine.NewStore()
	h.ok(err)
	options.Failed = func(err error) {
		h.lock.Lock()
		defer h.lock.Unlock()
		h.failures = append(h.failures, err.Error())
	}
	h.allocator, err = wazeromemory.NewAllocator(h.store, options)
	h.ok(err)
	h.runtime = wazero.NewRuntimeWithConfig(h.ctx, config.WithCoreFeatures(api.CoreFeaturesV2|
		experimental.CoreFeaturesThreads))
	t.Cleanup(func() {
		h.ok(h.runtime.Close(h.ctx))
		h.store.Close()
		h.engine.Close()
	})
	return h
}

func (h *host) ok(err error) {
	h.Helper()
	if err != nil {
		h.Fatalf("failed: %v", err)
	}
}

func (h *host) fails(err, target error, words ...string) {
	h.Helper()
	if !errors.Is(err, target) {
		h.Fatalf("error is %v, want %v", err, target)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			h.Fatalf("%q is not in: %v", word, err)
		}
	}
}

func (h *host) compile(name string) wazero.CompiledModule {
	h.Helper()
	binary, err := testdata.ReadFile("testdata/" + name + ".wasm")
	h.ok(err)
	compiled, err := h.runtime.CompileModule(h.ctx, binary)
	h.ok(err)
	return compiled
}

func (h *host) try(name, as string) (api.Module, error) {
	h.Helper()
	return h.allocator.Instantiate(h.ctx, h.runtime, h.compile(name), wazero.NewModuleConfig().WithName(as))
}

func (h *host) instantiate(name, as string) api.Module {
	h.Helper()
	module, err := h.try(name, as)
	h.ok(err)
	return module
}

func (h *host) memory(module api.Module) *wasmmemory.Memory {
	h.Helper()
	memory, err := h.allocator.Memory(module)
	h.ok(err)
	return memory
}

// call calls a function that has at most one result, and returns that, or the trap.
func (h *host) try1(module api.Module, name string, arguments ...uint64) (uint32, error) {
	results, err := module.ExportedFunction(name).Call(h.ctx, arguments...)
	if err != nil || len(results) == 0 {
		return 0, err
	}
	return uint32(results[0]), nil
}

func (h *host) call(module api.Module, name string, arguments ...uint64) uint32 {
	h.Helper()
	result, err := h.try1(module, name, arguments...)
	h.ok(err)
	return result
}

func (h *host) is(got, want any) {
	h.Helper()
	if got != want {
		h.Fatalf("got %v, want %v", got, want)
	}
}

func (h *host) live() uint64 {
	h.Helper()
	stats, err := h.engine.PoolStats()
	h.ok(err)
	return stats.Live
}

func (h *host) eventually(what string, happened func() bool) {
	h.Helper()
	for end := time.Now().Add(time.Minute); !happened(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			h.Fatalf("%s did not happen in a minute", what)
		}
		runtime.GC()
	}
}

const failed = 0xffffffff

func TestGuest(t *testing.T) {
	eachEngine(t, wazeromemory.Options{}, func(h *host) {
		guest := h.instantiate("guest", "guest")
		memory := h.memory(guest)
		h.is(h.allocator.Made(), uint64(1))

		// The data segment is there, for either.
		text := make([]byte, 27)
		h.ok(memory.Read(1024, text))
		h.is(string(text), "hello from the data segment")
		h.is(h.call(guest, "sum", 1024, 5), uint32('h'+'e'+'l'+'l'+'o'))
		h.call(guest, "init", 100, 2, 5)
		h.ok(memory.Read(100, text[:5]))
		h.is(string(text[:5]), "ssive")

		// What one writes, the other reads.
		h.call(guest, "store", 65532, 0x01020304)
		value, err := memory.LoadUint32(65532)
		h.ok(err)
		h.is(value, uint32(0x01020304))
		h.ok(memory.StoreUint32(8, 77))
		h.is(h.call(guest, "load", 8), uint32(77))

		// Out of bounds is a trap, one byte past the end as well as far away.
		for _, offset := range []uint64{65533, 65536, 0x7fffffff, 0xffffffff} {
			_, err := h.try1(guest, "load", offset)
			if err == nil || !strings.Contains(err.Error(), "out of bounds memory access") {
				h.Fatalf("at %d: %v", offset, err)
			}
			_, err = h.try1(guest, "store", offset, 1)
			if err == nil || !strings.Contains(err.Error(), "out of bounds memory access") {
				h.Fatalf("at %d: %v", offset, err)
			}
		}

		// Growth: the size of before, the same base, zeros, and no more than the maximum.
		base := unsafe.SliceData(h.view(guest))
		h.is(h.call(guest, "grow", 2), uint32(1))
		h.is(h.call(guest, "size"), uint32(3))
		h.is(memory.Pages(), uint64(3))
		h.is(unsafe.SliceData(h.view(guest)), base)
		h.is(h.call(guest, "load", 3*65536-4), uint32(0))
		h.call(guest, "fill", 0, 7, 3*65536)
		h.is(h.call(guest, "load", 3*65536-4), uint32(0x07070707))
		h.call(guest, "copy", 65536, 0, 2*65536)
		_, err = h.try1(guest, "load", 3*65536-3)
		h.is(err != nil, true)
		h.is(h.call(guest, "grow", 8), uint32(failed))
		h.is(h.call(guest, "grow", 7), uint32(3))
		h.is(h.call(guest, "grow", 1), uint32(failed))
		h.is(memory.Pages(), uint64(10))
		previous, grew := guest.Memory().Grow(0)
		h.is(previous, uint32(10))
		h.is(grew, true)

		// The host may close what it was given: the guest has its own.
		memory.Close()
		h.call(guest, "store", 0, 1)
		h.fails(memory.StoreUint8(0, 1), wasmmemory.ErrHandleClosed)
		memory = h.memory(guest)
		h.is(h.memory(guest), memory)
		stats, err := memory.Stats()
		h.ok(err)
		h.is(stats.GrowCount, uint64(2))
		h.is(stats.MayMove, false)
		kept, err := memory.Clone()
		h.ok(err)
		h.ok(guest.Close(h.ctx))
		h.fails(memory.StoreUint8(0, 1), wasmmemory.ErrHandleClosed)
		h.is(h.live(), uint64(1)) // the clone has it
		h.ok(kept.Read(65536, text[:1]))
		h.is(text[0], byte(7))
		kept.Close()
		h.is(h.live(), uint64(0))
		h.is(len(h.failures), 0)
	})
}

// view is the memory as wazero has it.
func (h *host) view(module api.Module) []byte {
	h.Helper()
	pages, _ := module.Memory().Grow(0)
	view, ok := module.Memory().Read(0, pages*65536)
	h.is(ok, true)
	return view
}

// A host that makes a memory larger by itself does no harm: wazero does not know, until it asks for as much.
func TestHostGrows(t *testing.T) {
	eachEngine(t, wazeromemory.Options{}, func(h *host) {
		guest := h.instantiate("guest", "guest")
		memory := h.memory(guest)
		_, err := memory.Grow(2)
		h.ok(err)
		h.is(h.call(guest, "size"), uint32(1))
		_, err = h.try1(guest, "load", 65536)
		h.is(err != nil, true)
		h.is(h.call(guest, "grow", 1), uint32(1))
		h.is(h.call(guest, "load", 65536), uint32(0))
		_, err = h.try1(guest, "load", 2*65536)
		h.is(err != nil, true)
		h.is(memory.Pages(), uint64(3))
		h.ok(h.allocator.Reset(h.ctx, guest, nil))
		h.is(h.call(guest, "size"), uint32(3))
	})
}

func TestMemoryWithoutPages(t *testing.T) {
	eachEngine(t, wazeromemory.Options{}, func(h *host) {
		first, second := h.instantiate("unbounded", "first"), h.instantiate("unbounded", "second")
		h.is(h.memory(first).Pages(), uint64(0))
		h.is(h.memory(first).Same(h.memory(second)), false)
		_, err := h.try1(first, "load", 0)
		h.is(err != nil, true)
		h.is(h.call(first, "grow", 1), uint32(0))
		h.call(first, "store", 65532, 5)
		h.is(h.memory(second).Pages(), uint64(0))
		// As large as wazero's compiled code can have it: to that, 65536 pages are none. Only what is touched costs memory.
		h.is(h.call(first, "grow", 65534), uint32(1))
		h.is(h.memory(first).Size(), uint64(65535)<<16)
		h.call(first, "store", 65535<<16-4, 9)
		value, err := h.memory(first).LoadUint32(65535<<16 - 4)
		h.ok(err)
		h.is(value, uint32(9))
		h.is(h.call(first, "grow", 2), uint32(failed))
	})
}

func TestLimiter(t *testing.T) {
	eachEngine(t, wazeromemory.Options{}, func(h *host) {
		h.ok(h.store.SetLimiter(&wasmmemory.Limiter{
			Growing: func(request wasmmemory.GrowRequest) bool { return request.Desired <= 3*65536 },
		}))
		guest := h.instantiate("guest", "")
		h.is(h.call(guest, "grow", 2), uint32(1))
		h.is(h.call(guest, "grow", 1), uint32(failed))
		h.is(h.call(guest, "size"), uint32(3))
		h.is(len(h.failures), 1)
		h.is(strings.Contains(h.failures[0], "LIMIT_DENIED"), true)

		// A limiter that panics refuses, and the guest goes on.
		h.ok(h.store.SetLimiter(&wasmmemory.Limiter{Growing: func(wasmmemory.GrowRequest) bool { panic("no idea") }}))
		h.is(h.call(guest, "grow", 1), uint32(failed))
		h.is(strings.Contains(h.failures[1], "no idea"), true)
		h.is(h.call(guest, "count"), uint32(1))
	})
}

// wazero cannot be told that there is no memory at all; the host can.
func TestFirstAllocationFails(t *testing.T) {
	eachEngine(t, wazeromemory.Options{}, func(h *host) {
		h.ok(h.store.SetLimits(&wasmmemory.Limits{
			MemoryBytes: 65535, TotalBytes: wasmmemory.NoLimit, Memories: wasmmemory.NoLimit,
		}))
		for range 3 {
			_, err := h.try("guest", "guest")
			h.fails(err, wasmmemory.ErrLimitDenied, "no memory for the module", "max_memory_bytes", "65535", "65536")
			var failure *wazeromemory.AllocationError
			h.is(errors.As(err, &failure), true)
		}
		h.is(len(h.failures), 3)

		// By wazero's own functions.
		raw := func() (module api.Module, err error) {
			defer wazeromemory.Recover(&err)
			return h.runtime.InstantiateModule(wazeromemory.With(h.ctx, h.allocator), h.compile("guest"),
				wazero.NewModuleConfig())
		}
		_, err := raw()
		h.fails(err, wasmmemory.ErrLimitDenied)
		other := func() (err error) {
			defer wazeromemory.Recover(&err)
			panic("another panic")
		}
		func() {
			defer func() { h.is(recover(), any("another panic")) }()
			_ = other()
		}()

		// A module without pages can be made, and the name is free still.
		h.instantiate("unbounded", "unbounded")
		h.ok(h.store.SetLimits(nil))
		h.instantiate("guest", "guest")
		module, err := raw()
		h.ok(err)
		h.is(h.memory(module).Pages(), uint64(1))
		_, err = h.try("guest", "guest")
		h.is(err != nil && strings.Contains(err.Error(), "already been instantiated"), true)

		h.store.Close()
		_, err = h.try("guest", "")
		h.fails(err, wasmmemory.ErrHandleClosed)
	})
}

func TestPool(t *testing.T) {
	eachEngine(t, wazeromemory.Options{}, func(h *host) {
		compiled := h.compile("guest")
		for request := range 100 {
			module, err := h.allocator.Instantiate(h.ctx, h.runtime, compiled, wazero.NewModuleConfig().WithName(""))
			h.ok(err)
			// Nothing of the one before is left.
			h.is(h.call(module, "count"), uint32(1))
			h.call(module, "grow", uint64(request%9))
			h.is(h.call(module, "sum", 2000, 10000), uint32(0))
			h.call(module, "fill", 0, 0xff, 65536)
			h.ok(module.Close(h.ctx))
			h.ok(module.Close(h.ctx))
			h.is(h.live(), uint64(0))
		}
		stats, err := h.engine.PoolStats()
		h.ok(err)
		// A few wait for a common cleaning, so it takes as many slots; no request needs another.
		h.is(stats.Hits+stats.Misses, uint64(100))
		h.is(stats.Misses <= pool, true)
	})
}

// A module that fails to start leaves its memory behind: functions of it may be anywhere. A guest that does so again
// and again must not use up the pool.
func TestFailedInstantiations(t *testing.T) {
	eachEngine(t, wazeromemory.Options{}, func(h *host) {
		start, data := h.compile("bad_start"), h.compile("bad_data")
		for range 3 * pool {
			_, err := h.allocator.Instantiate(h.ctx, h.runtime, start, wazero.NewModuleConfig().WithName(""))
			h.is(err != nil && strings.Contains(err.Error(), "unreachable"), true)
			_, err = h.allocator.Instantiate(h.ctx, h.runtime, data, wazero.NewModuleConfig().WithName(""))
			h.is(err != nil && strings.Contains(err.Error(), "out of bounds memory access"), true)
		}
		h.eventually("collection", func() bool { return h.live() == 0 })
	})
}

// wazero frees a memory when one of its importers is closed. It must not be taken from under the others.
func TestImporters(t *testing.T) {
	eachEngine(t, wazeromemory.Options{}, func(h *host) {
		guest, importer := h.instantiate("guest", "guest"), h.instantiate("importer", "importer")
		memory := h.memory(guest)
		h.is(h.memory(importer), memory)
		h.is(h.allocator.Made(), uint64(1))
		h.call(importer, "store", 8, 1234)
		h.is(h.call(guest, "load", 8), uint32(1234))
		h.is(h.call(importer, "grow", 1), uint32(1))
		h.is(h.call(guest, "size"), uint32(2))

		h.ok(importer.Close(h.ctx))
		h.is(h.live(), uint64(1))
		// Whoever gets a memory now does not get this one.
		other := h.instantiate("guest", "other")
		h.call(other, "fill", 0, 0xee, 65536)
		h.is(h.call(guest, "load", 8), uint32(1234))
		h.call(guest, "store", 12, 5678)
		h.is(h.memory(guest), memory)
		h.ok(other.Close(h.ctx))

		// wazero asks no more: the memory goes on as a slice of Go's, and we say that it is not ours.
		h.is(h.call(guest, "grow", 1), uint32(2))
		h.is(h.call(guest, "load", 12), uint32(5678))
		_, err := h.allocator.Memory(guest)
		h.fails(err, wasmmemory.ErrInvalidArgument, `"guest"`)
		h.ok(guest.Close(h.ctx))
		guest, importer = nil, nil
		h.eventually("collection", func() bool { return h.live() == 0 })
		h.fails(memory.StoreUint8(0, 1), wasmmemory.ErrHandleClosed)

		// The other way round: the owner goes first.
		guest, importer = h.instantiate("guest", "guest"), h.instantiate("importer", "importer")
		h.ok(guest.Close(h.ctx))
		h.call(importer, "store", 8, 99)
		h.is(h.call(importer, "load", 8), uint32(99))
		h.ok(importer.Close(h.ctx))
		guest, importer = nil, nil
		h.eventually("collection", func() bool { return h.live() == 0 })
	})
}

// The pool gives the place of a memory to the next. Whoever had the one before must not get at it.
func TestClosedModulesDoNotMeetTheNext(t *testing.T) {
	eachEngine(t, wazeromemory.Options{}, func(h *host) {
		closed := h.instantiate("guest", "closed")
		h.ok(closed.Close(h.ctx))
		for range pool {
			next := h.instantiate("guest", "")
			h.call(next, "store", 64, 4321)
			_, err := h.allocator.Memory(closed)
			h.fails(err, wasmmemory.ErrInvalidArgument, `"closed"`, "was freed")
			h.fails(h.allocator.Reset(h.ctx, closed, nil), wasmmemory.ErrInvalidArgument, "was freed")
			h.is(h.call(next, "load", 64), uint32(4321))
		}
	})
}

func TestFreeByCollector(t *testing.T) {
	eachEngine(t, wazeromemory.Options{FreeByCollector: true}, func(h *host) {
		guest := h.instantiate("guest", "guest")
		load := guest.ExportedFunction("load")
		h.call(guest, "store", 8, 4321)
		h.ok(guest.Close(h.ctx))
		guest = nil
		runtime.GC()
		h.is(h.live(), uint64(1))
		// Somebody has a function of it still.
		results, err := load.Call(h.ctx, 8)
		if err == nil {
			h.is(results[0], uint64(4321))
		}
		runtime.KeepAlive(load)
		load = nil
		h.eventually("collection", func() bool { return h.live() == 0 })
		// When the pool is used up by such memories, the collector is called for.
		for range 3 * pool {
			module := h.instantiate("guest", "")
			h.is(h.call(module, "count"), uint32(1))
			h.ok(module.Close(h.ctx))
		}
	})
}

func TestReset(t *testing.T) {
	eachEngine(t, wazeromemory.Options{}, func(h *host) {
		guest := h.instantiate("guest", "guest")
		memory := h.memory(guest)
		h.call(guest, "count")
		image, err := memory.Snapshot()
		h.ok(err)
		defer image.Close()
		for range 3 {
			h.is(h.call(guest, "count"), uint32(2))
			h.call(guest, "grow", 1)
			h.call(guest, "fill", 4, 9, 65536)
			h.ok(h.allocator.Reset(h.ctx, guest, image))
			h.is(h.call(guest, "sum", 1024, 2), uint32('h'+'e'))
		}
		// wazero's size stays, and ours with it; what is new is zero.
		h.is(h.call(guest, "size"), uint32(4))
		h.is(memory.Pages(), uint64(4))
		h.is(h.call(guest, "sum", 65536, 3*65536), uint32(0))
		h.fails(memory.Reset(image), wasmmemory.ErrBorrowed, "ResetKeepingSize")

		// A snapshot that is larger makes it grow.
		h.call(guest, "grow", 2)
		h.call(guest, "store", 5*65536, 6)
		larger, err := memory.Snapshot()
		h.ok(err)
		defer larger.Close()
		fresh := h.instantiate("guest", "fresh")
		h.ok(h.allocator.Reset(h.ctx, fresh, larger))
		h.is(h.call(fresh, "size"), uint32(6))
		h.is(h.call(fresh, "load", 5*65536), uint32(6))
		h.ok(h.allocator.Reset(h.ctx, fresh, nil))
		h.is(h.call(fresh, "sum", 0, 6*65536), uint32(0))

		// If it cannot have its size back, nobody may go on with it.
		h.ok(h.store.SetLimiter(&wasmmemory.Limiter{Growing: func(wasmmemory.GrowRequest) bool { return false }}))
		h.fails(h.allocator.Reset(h.ctx, guest, nil), wasmmemory.ErrLimitDenied, "the module was closed", "1 pages", "6")
		h.is(guest.IsClosed(), true)
	})
}

func TestDirtyRanges(t *testing.T) {
	eachEngine(t, wazeromemory.Options{}, func(h *host) {
		guest := h.instantiate("guest", "guest")
		memory := h.memory(guest)
		h.call(guest, "grow", 4)
		h.ok(memory.DirtyClear())
		h.call(guest, "store", 3*65536+20, 1)
		ranges, err := memory.DirtyRanges()
		h.ok(err)
		h.is(len(ranges), 1)
		h.is(ranges[0].Offset, uint64(3*65536))
	})
}

func TestSharedMemory(t *testing.T) {
	eachEngine(t, wazeromemory.Options{Shared: true}, func(h *host) {
		threads := h.instantiate("threads", "threads")
		memory := h.memory(threads)
		h.is(memory.Shared(), true)
		base := unsafe.SliceData(h.view(threads))

		// Goroutines, each with an instance of its own, add to one number; one of them grows the memory meanwhile.
		compiled := h.compile("thread")
		var group sync.WaitGroup
		var instances []api.Module
		for worker := range 4 {
			module, err := h.allocator.Instantiate(h.ctx, h.runtime, compiled, wazero.NewModuleConfig().WithName(""))
			h.ok(err)
			instances = append(instances, module)
			group.Add(1)
			go func() {
				defer group.Done()
				for round := range 500 {
					if _, err := module.ExportedFunction("add").Call(h.ctx, 1); err != nil {
						h.Error(err)
					}
					if worker == 0 && round%200 == 100 {
						if previous, ok := module.Memory().Grow(1); !ok {
							h.Errorf("no growth from %d", previous)
						}
					}
				}
			}()
		}
		group.Wait()
		value, err := memory.AtomicLoad32(64)
		h.ok(err)
		h.is(value, uint32(2000))
		h.is(h.call(threads, "size"), uint32(3))
		h.is(memory.Pages(), uint64(3))
		h.is(unsafe.SliceData(h.view(threads)), base)

		// Wait and notify between goroutines; they are wazero's own.
		results := make(chan uint32, len(instances))
		for _, module := range instances {
			go func() {
				result, err := h.try1(module, "wait", 128, 0, ^uint64(0))
				if err != nil {
					h.Error(err)
				}
				results <- result
			}()
		}
		woken := uint32(0)
		for woken < uint32(len(instances)) {
			woken += h.call(threads, "notify", 128, 1)
			time.Sleep(time.Millisecond)
		}
		for range instances {
			h.is(<-results, uint32(0))
		}
		h.is(h.call(threads, "wait", 128, 1, 0), uint32(1))
		h.is(h.call(threads, "wait", 128, 0, 1000000), uint32(2))
		_, err = h.try1(threads, "load", 2)
		h.is(err != nil && strings.Contains(err.Error(), "unaligned atomic"), true)

		// A thread that ends does not take the memory along.
		h.ok(instances[0].Close(h.ctx))
		h.is(h.call(threads, "add", 0), uint32(2000))
		h.is(h.call(instances[1], "add", 0), uint32(2000))
		h.is(h.live(), uint64(1))
	})
}

func TestParallel(t *testing.T) {
	eachEngine(t, wazeromemory.Options{}, func(h *host) {
		compiled := h.compile("guest")
		var group sync.WaitGroup
		for worker := range pool / 2 {
			group.Add(1)
			go func() {
				defer group.Done()
				for request := range 50 {
					if err := h.request(compiled, uint64(worker*1000+request)); err != nil {
						h.Error(err)
						return
					}
				}
			}()
		}
		group.Wait()
		h.is(h.live(), uint64(0))
		h.is(h.allocator.Made(), uint64(pool/2*50))
	})
}

func (h *host) request(compiled wazero.CompiledModule, number uint64) error {
	module, err := h.allocator.Instantiate(h.ctx, h.runtime, compiled, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		return err
	}
	defer module.Close(h.ctx)
	if sum, err := h.try1(module, "sum", 2000, 10000); sum != 0 || err != nil {
		return fmt.Errorf("a new memory has %d in it (%v)", sum, err)
	}
	if _, err := h.try1(module, "store", 2000, number); err != nil {
		return err
	}
	if _, err := h.try1(module, "grow", 3); err != nil {
		return err
	}
	if got, err := h.try1(module, "load", 2000); uint64(got) != number || err != nil {
		return fmt.Errorf("%d became %d (%v)", number, got, err)
	}
	return nil
}

// A panic of a host function goes through wazero's compiled code as ever; so does a fault of Go's own.
func TestPanicsOfHostFunctions(t *testing.T) {
	eachEngine(t, wazeromemory.Options{}, func(h *host) {
		var nothing *int
		_, err := h.runtime.NewHostModuleBuilder("host").NewFunctionBuilder().
			WithFunc(func(_ context.Context, module api.Module, at, length uint32) {
				text := make([]byte, length)
				h.ok(h.memory(module).Read(uint64(at), text))
				h.is(string(text), "from the guest")
				h.ok(h.memory(module).WithDataMut(func(data []byte) { data[at] = *nothing2byte(nothing) }))
			}).Export("use").Instantiate(h.ctx)
		h.ok(err)
		guest := h.instantiate("calls_host", "")
		_, err = h.try1(guest, "call")
		h.is(err != nil && strings.Contains(err.Error(), "nil pointer"), true)
		// The loan that it happened in is over, and memory and module are as they were.
		h.ok(h.memory(guest).StoreUint8(16, 'F'))
	})
}

func nothing2byte(nothing *int) *byte { return (*byte)(unsafe.Pointer(nothing)) }

func TestMisuse(t *testing.T) {
	h := newHost(t, wazeromemory.Options{}, wazero.NewRuntimeConfig())
	_, err := wazeromemory.NewAllocator(nil, wazeromemory.Options{})
	h.fails(err, wasmmemory.ErrNullArgument, "the store is nil")
	movable, err := wasmmemory.NewEngine(wasmmemory.WithMayMove())
	h.ok(err)
	defer movable.Close()
	store, err := movable.NewStore()
	h.ok(err)
	defer store.Close()
	_, err = wazeromemory.NewAllocator(store, wazeromemory.Options{})
	h.fails(err, wasmmemory.ErrUnsupported, "WithMayMove")

	// What wazero has no business to ask for.
	for _, sizes := range [][2]uint64{{1, 65536}, {65536, 65537}, {131072, 65536}, {0, 1<<32 + 65536}} {
		err := func() (err error) {
			defer wazeromemory.Recover(&err)
			block := h.allocator.Allocate(sizes[0], sizes[1])
			block.Reallocate(sizes[0])
			return nil
		}()
		if sizes[0] == 1 {
			h.fails(err, wasmmemory.ErrInvalidArgument, "1 bytes", "no whole pages")
		} else {
			h.fails(err, wasmmemory.ErrInvalidArgument, fmt.Sprint(sizes[0]), fmt.Sprint(sizes[1]))
		}
	}
	block := h.allocator.Allocate(65536, 3*65536)
	h.is(len(block.Reallocate(65536)), 65536)
	h.failures = nil
	h.is(block.Reallocate(4*65536) == nil, true)
	h.is(block.Reallocate(65537) == nil, true)
	h.is(cap(block.Reallocate(2*65536)), 2*65536)
	block.Free()
	block.Free()
	h.is(block.Reallocate(3*65536) == nil, true)
	h.is(len(h.failures), 3)
	for i, words := range []string{"262144 bytes of a memory whose maximum is 196608", "65537 bytes", "it has freed"} {
		if !strings.Contains(h.failures[i], words) {
			t.Errorf("%q is not in: %s", words, h.failures[i])
		}
	}
	h.allocator.Allocate(0, 65536).Free()
	h.is(h.live(), uint64(0))

	// Memories that are not this allocator's, or not there.
	_, err = h.allocator.Memory(nil)
	h.fails(err, wasmmemory.ErrInvalidArgument, "has no memory")
	_, err = h.allocator.Memory(h.instantiate("no_memory", "none"))
	h.fails(err, wasmmemory.ErrInvalidArgument, "has no memory")
	own, err := h.runtime.InstantiateModule(h.ctx, h.compile("guest"), wazero.NewModuleConfig().WithName("own"))
	h.ok(err)
	_, err = h.allocator.Memory(own)
	h.fails(err, wasmmemory.ErrInvalidArgument, `"own"`, "not one of this allocator's")
	h.fails(h.allocator.Reset(h.ctx, own, nil), wasmmemory.ErrInvalidArgument)
	ours := h.instantiate("guest", "ours")
	h.ok(ours.Close(h.ctx))
	_, err = h.allocator.Memory(ours)
	h.fails(err, wasmmemory.ErrInvalidArgument, "was freed")
}
