package wasmmemory_test

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"unsafe"

	. "wasmmemory"
	"wasmmemory/internal/touch"
)

// guarded is a memory of one page, and its base.
func guarded(t *testing.T) (*Memory, unsafe.Pointer) {
	t.Helper()
	memory := newMemory(t, Pages(1, 4), WithBounds(BoundsGuarded))
	return memory, unsafe.Pointer(unsafe.SliceData(must(memory.Bytes())(t)))
}

func withHandlers(t *testing.T) {
	t.Helper()
	ok(t, InstallTrapHandlers())
	t.Cleanup(func() { ok(t, UninstallTrapHandlers()) })
}

func TestAddressesAreClassified(t *testing.T) {
	memory, base := guarded(t)
	address := uintptr(base)
	equal(t, ClassifyFault(address+77), Fault{FaultAccessible, address + 77, 77, 65536, memory.View()})
	equal(t, ClassifyFault(address+65536), Fault{FaultGuard, address + 65536, 65536, 65536, memory.View()})
	equal(t, ClassifyFault(address-1).Offset, ^uint64(0))
	equal(t, ClassifyFault(0), Fault{})
	on := uintptr(unsafe.Pointer(t))
	equal(t, ClassifyFault(on), Fault{Address: on})
	stats := must(memory.Stats())(t)
	ok(t, memory.Protect(0, stats.MapAlignmentBytes, ProtectRead))
	equal(t, ClassifyFault(address).Kind, FaultProtected)
	equal(t, ClassifyFault(address+uintptr(stats.MapAlignmentBytes)).Kind, FaultAccessible)
	memory.Close()
	equal(t, ClassifyFault(address).Kind, FaultForeign)
}

func TestTrapsAreErrors(t *testing.T) {
	memory, base := guarded(t)
	_, err := CatchTrap(touch.Write, base)
	fails(t, err, ErrUnsupported)
	fails(t, UninstallTrapHandlers(), ErrInvalidArgument)
	withHandlers(t)

	past := unsafe.Add(base, 65541)
	fault, err := CatchTrap(touch.Write, past)
	fails(t, err, ErrOutOfBounds, "CatchTrap", "65541", "65536")
	equal(t, fault, Fault{FaultGuard, uintptr(past), 65541, 65536, memory.View()})
	fault, err = CatchTrap(touch.Write, unsafe.Add(base, 5))
	ok(t, err)
	equal(t, fault, Fault{})
	equal(t, must(memory.LoadUint8(5))(t), 1)

	ok(t, memory.Protect(0, 65536, ProtectRead))
	fault, err = CatchTrap(touch.Write, unsafe.Add(base, 5))
	fails(t, err, ErrProtected)
	equal(t, fault.Kind, FaultProtected)
	equal(t, fault.Offset, 5)
	_, err = CatchTrap(touch.Read, unsafe.Add(base, 5))
	ok(t, err)
	_, err = CatchTrap(nil, base)
	fails(t, err, ErrNullArgument)
}

// With the handlers in front, all of Go's own faults are what they were: panics of nil pointers, and of guards for
// those who ask.
func TestFaultsOfGoArePanicsStill(t *testing.T) {
	_, base := guarded(t)
	withHandlers(t)
	past := unsafe.Add(base, 65536+100)
	for range 100 {
		_, err := CatchTrap(touch.Write, past)
		fails(t, err, ErrOutOfBounds)
		func() {
			defer func() {
				err, isError := recover().(runtime.Error)
				if !isError || !strings.Contains(err.Error(), "nil pointer") {
					t.Errorf("recovered %v", err)
				}
			}()
			var nothing *int
			*nothing = 1
			t.Error("nothing happened")
		}()
		func() {
			defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
			defer func() {
				err, isError := recover().(interface{ Addr() uintptr })
				if !isError || err.Addr() != uintptr(past) {
					t.Errorf("recovered %v", err)
				} else if ClassifyFault(err.Addr()).Kind != FaultGuard {
					t.Error("the guard is not known")
				}
			}()
			*(*byte)(past) = 1
			t.Error("nothing happened")
		}()
	}
}

// On many threads at once, which the scheduler interrupts by signals of its own and the collector scans.
func TestManyGoroutinesTrap(t *testing.T) {
	withHandlers(t)
	var group sync.WaitGroup
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-done:
				return
			default:
				runtime.GC()
			}
		}
	}()
	for i := range 32 {
		memory, base := guarded(t)
		group.Add(1)
		go func() {
			defer group.Done()
			for turn := range 300 {
				offset := 65536 + i*1000 + turn
				fault, err := CatchTrap(touch.Write, unsafe.Add(base, offset))
				if !errors.Is(err, ErrOutOfBounds) || fault.Offset != uint64(offset) || fault.View != memory.View() {
					t.Errorf("%v, %v", fault, err)
					return
				}
				func() {
					defer func() {
						if recover() == nil {
							t.Error("nothing happened")
						}
					}()
					var nothing *int
					*nothing = turn
				}()
				if turn%100 == 0 {
					if err := InstallTrapHandlers(); err != nil {
						t.Error(err)
					}
					if err := UninstallTrapHandlers(); err != nil {
						t.Error(err)
					}
				}
			}
		}()
	}
	group.Wait()
	close(done)
}

// A fault of C outside of CatchTrap, and one inside that is not of a memory, end the program with Go's own report.
func TestFaultsOfCAreGosStill(t *testing.T) {
	switch os.Getenv("WMGO_FAULT") {
	case "outside":
		_, base := guarded(t)
		withHandlers(t)
		touch.Call(touch.Write, unsafe.Add(base, 65536))
	case "foreign":
		withHandlers(t)
		CatchTrap(touch.Write, touch.Nowhere)
	default:
		for _, fault := range []string{"outside", "foreign"} {
			command := exec.Command(os.Args[0], "-test.run=^TestFaultsOfCAreGosStill$")
			command.Env = append(os.Environ(), "WMGO_FAULT="+fault, "GOTRACEBACK=single")
			output, err := command.CombinedOutput()
			text := string(output)
			if err == nil || !strings.Contains(text, "SIGSEGV: segmentation violation") ||
				!strings.Contains(text, "signal arrived during cgo execution") {
				t.Errorf("%s: %v:\n%s", fault, err, text)
			}
		}
		return
	}
	t.Error("it goes on")
}

// After the last uninstall the kernel has Go's handlers again.
func TestHandlersAreGosAgain(t *testing.T) {
	before := signals(t)
	ok(t, InstallTrapHandlers())
	ok(t, InstallTrapHandlers())
	ok(t, UninstallTrapHandlers())
	ok(t, UninstallTrapHandlers())
	equal(t, signals(t), before)
	defer func() {
		if recover() == nil {
			t.Error("nothing happened")
		}
	}()
	var nothing *int
	*nothing = 1
}

func TestEnginesAndStoresAddUp(t *testing.T) {
	engine := engineWith(t)
	store := storeOf(t, engine)
	first := memoryIn(t, store, Pages(1, 4))
	memoryIn(t, store, Pages(2, 4))
	must(first.Grow(1))(t)
	_, err := first.Grow(100)
	fails(t, err, ErrMaximumExceeded)
	equal(t, must(store.Stats())(t), StoreStats{
		Memories: 2, ByteLength: 4 * 65536, PeakBytes: 4 * 65536, GrowCount: 1, GrowFailures: 1,
	})
	stats := must(engine.Stats())(t)
	equal(t, stats.Stores, 1)
	equal(t, stats.Memories, 2)
	equal(t, stats.ByteLength, 4*65536)
	if stats.CommittedBytes < stats.ByteLength || stats.ReservedBytes < stats.CommittedBytes {
		t.Errorf("%+v", stats)
	}
	engine.Close()
	_, err = engine.Stats()
	fails(t, err, ErrHandleClosed)
	store.Close()
	_, err = store.Stats()
	fails(t, err, ErrHandleClosed)
}
