package wasmmemory_test

import (
	"runtime"
	"sync"
	"testing"
	"time"

	. "wasmmemory"
)

func TestAfterClose(t *testing.T) {
	engine := must(NewEngine())(t)
	store := must(engine.NewStore())(t)
	memory := must(store.NewMemory(Pages(1, 2)))(t)
	shared := must(engine.NewSharedMemory(SharedPages(1, 2)))(t)
	image := must(NewImage())(t)
	clone := must(memory.Clone())(t)
	equal(t, memory.Same(clone), true)
	for range 2 {
		ok(t, image.Close())
		ok(t, shared.Close())
		ok(t, engine.Close())
		ok(t, store.Close())
		ok(t, memory.Close())
	}
	equal(t, memory.Same(clone), false)

	// The other reference works without its engine and store.
	ok(t, clone.Write(0, []byte("still here")))
	must(clone.Grow(1))(t)
	clone.Close()

	calls := map[string]func() error{
		"Write":         func() error { return memory.Write(0, []byte("x")) },
		"Read":          func() error { return memory.Read(0, make([]byte, 1)) },
		"ReadAt":        func() error { _, err := memory.ReadAt(make([]byte, 1), 0); return err },
		"Grow":          func() error { _, err := memory.Grow(1); return err },
		"Bytes":         func() error { _, err := memory.Bytes(); return err },
		"WithData":      func() error { return memory.WithData(func([]byte) { t.Error("called") }) },
		"Clone":         func() error { _, err := memory.Clone(); return err },
		"Snapshot":      func() error { _, err := memory.Snapshot(); return err },
		"Stats":         func() error { _, err := memory.Stats(); return err },
		"AtomicLoad64":  func() error { _, err := memory.AtomicLoad64(0); return err },
		"Wait32":        func() error { _, err := memory.Wait32(0, 0, 0); return err },
		"Obtain":        func() error { _, err := store.Obtain(shared); return err },
		"NewMemory":     func() error { _, err := store.NewMemory(Pages(1, 1)); return err },
		"SetLimiter":    func() error { return store.SetLimiter(&Limiter{Growing: func(GrowRequest) bool { return true }}) },
		"NewStore":      func() error { _, err := engine.NewStore(); return err },
		"PoolStats":     func() error { _, err := engine.PoolStats(); return err },
		"Save":          func() error { return image.Save("/nowhere") },
		"Export":        func() error { _, err := shared.Export(); return err },
		"shared's Type": func() error { _, err := shared.Type(); return err },
	}
	for name, call := range calls {
		if err := call(); err == nil || ErrHandleClosed.Error() == "" {
			t.Errorf("%s after Close succeeded", name)
		} else {
			fails(t, err, ErrHandleClosed)
		}
	}
	equal(t, memory.Pages(), 0)
	equal(t, memory.Size(), 0)
	equal(t, memory.View(), nil)
	equal(t, store.Data(), nil)
}

func TestNilHandles(t *testing.T) {
	var engine *Engine
	var store *Store
	var memory *Memory
	var shared *SharedMemory
	var image *Image
	var future *Future
	for _, handle := range []interface{ Close() error }{engine, store, memory, shared, image, future} {
		ok(t, handle.Close())
	}
	_, err := engine.NewStore()
	fails(t, err, ErrNullArgument, "the engine is nil")
	_, err = store.NewMemory(Pages(1, 1))
	fails(t, err, ErrNullArgument, "the store is nil")
	fails(t, memory.Write(0, nil), ErrNullArgument, "the memory is nil")
	_, err = shared.Type()
	fails(t, err, ErrNullArgument)
	fails(t, image.Save("x"), ErrNullArgument)
	fails(t, future.Poll(), ErrNullArgument)
	equal(t, memory.Pages(), 0)
	equal(t, store.Data(), nil)
	// Nor does a handle crash that no constructor made.
	fails(t, new(Memory).Write(0, nil), ErrNullArgument, "not made by this package")
	equal(t, new(Memory).Pages(), 0)
	ok(t, new(Memory).Close())
}

// Close comes at any moment of another goroutine's calls: they succeed, or answer that it is closed.
func TestCloseDuringCalls(t *testing.T) {
	store := newStore(t)
	for range 200 {
		memory := must(store.NewMemory(SharedPages(1, 4)))(t)
		var group sync.WaitGroup
		for range 4 {
			group.Add(1)
			go func() {
				defer group.Done()
				buffer := make([]byte, 64)
				for {
					if err := memory.Read(128, buffer); err != nil {
						fails(t, err, ErrHandleClosed)
						return
					}
				}
			}()
		}
		group.Add(2)
		for range 2 {
			go func() {
				defer group.Done()
				memory.Close()
			}()
		}
		group.Wait()
	}
}

func TestCloseDoesNotWaitForWaiters(t *testing.T) {
	store := newStore(t)
	memory := must(store.NewMemory(SharedPages(1, 1)))(t)
	other := must(memory.Clone())(t)
	defer other.Close()
	done := make(chan error)
	go func() {
		_, err := memory.Wait32(0, 0, -1)
		done <- err
	}()
	eventually(t, "the wait", func() bool { return must(other.Stats())(t).Waiters == 1 })
	memory.Close()
	equal(t, must(other.Notify(0, NotifyAll))(t), 1)
	ok(t, <-done)
}

// What nobody closes, the garbage collector does, and all address space comes back.
func TestCollector(t *testing.T) {
	engine := engineWith(t, WithBounds(BoundsChecked), WithPool(PoolOptions{Slots: 64, SlotBytes: 1 << 20}))
	store := storeOf(t, engine)
	func() {
		for range 20 {
			memory := must(store.NewMemory(Pages(1, 2)))(t)
			ok(t, memory.Write(0, []byte("nobody closes me")))
			image := must(memory.Snapshot())(t)
			ok(t, memory.Reset(image))
			must(memory.Clone())(t)
		}
	}()
	eventually(t, "collection", func() bool { return must(engine.PoolStats())(t).Live == 0 })
}

func TestAddressSpaceComesBack(t *testing.T) {
	round := func() {
		engine := must(NewEngine(WithBounds(BoundsGuarded)))(t)
		store := must(engine.NewStore())(t)
		var open []*Memory
		for range 50 {
			memory := must(store.NewMemory(PagesFrom(1)))(t)
			must(memory.Grow(3))(t)
			open = append(open, memory)
		}
		engine.Close()
		store.Close()
		for _, memory := range open {
			memory.Close()
		}
	}
	round()
	before := addressSpace(t)
	round()
	// Fifty guarded memories have 400 GiB.
	if after := addressSpace(t); after > before+1<<30 {
		t.Fatalf("%d bytes of address space before, %d after", before, after)
	}
}

// A memory must not be collected while a call on it is under way, though nothing else refers to it.
func TestAliveDuringCalls(t *testing.T) {
	store := newStore(t)
	stop := make(chan struct{})
	go func() {
		for {
			select {
			case <-stop:
				return
			default:
				runtime.GC()
			}
		}
	}()
	for range 300 {
		memory := must(store.NewMemory(Pages(16, 16)))(t)
		ok(t, memory.Fill(0, 0xaa, 16*65536))
		equal(t, must(memory.LoadUint8(1<<20-1))(t), 0xaa)
	}
	close(stop)
}

func TestParallel(t *testing.T) {
	engine := engineWith(t, WithBounds(BoundsChecked), WithPool(PoolOptions{Slots: 100, SlotBytes: 1 << 20}))
	var group sync.WaitGroup
	for worker := range 8 {
		group.Add(1)
		go func() {
			defer group.Done()
			store, err := engine.NewStore()
			if err != nil {
				t.Error(err)
				return
			}
			defer store.Close()
			for round := range 100 {
				memory, err := store.NewMemory(Pages(1, 4))
				if err != nil {
					t.Error(err)
					return
				}
				if value, err := memory.LoadUint64(uint64(round)); value != 0 || err != nil {
					t.Errorf("a new memory has %x in it (%v)", value, err)
				}
				if err := memory.Fill(0, byte(worker), 65536); err != nil {
					t.Error(err)
				}
				// Each sentence is that of its own call, on whatever thread.
				offset := uint64(100000 + worker*1000 + round)
				_, err = memory.LoadUint8(offset)
				fails(t, err, ErrOutOfBounds, decimal(offset))
				runtime.Gosched()
				memory.Close()
			}
		}()
	}
	group.Wait()
	equal(t, must(engine.PoolStats())(t).Live, 0)
}

func decimal(n uint64) string {
	text := ""
	for ; n != 0; n /= 10 {
		text = string(rune('0'+n%10)) + text
	}
	return text
}

func TestStoreData(t *testing.T) {
	store := newStore(t)
	equal(t, store.Data(), nil)
	memory := memoryIn(t, store, Pages(1, 1))
	equal(t, must(memory.StoreData())(t), nil)
	type host struct{ name string }
	data := &host{"first"}
	collected := make(chan struct{})
	runtime.SetFinalizer(data, func(*host) { close(collected) })
	ok(t, store.SetData(data))
	equal(t, store.Data(), any(data))
	equal(t, must(memory.StoreData())(t), any(data))
	ok(t, store.SetData("second"))
	equal(t, must(memory.StoreData())(t), any("second"))
	data = nil
	eventually(t, "collection of the data", func() bool {
		select {
		case <-collected:
			return true
		case <-time.After(time.Millisecond):
			return false
		}
	})
	store.Close()
	equal(t, must(memory.StoreData())(t), any("second"))
}

func TestHostInfo(t *testing.T) {
	memory := newMemory(t, Pages(1, 1))
	clone := must(memory.Clone())(t)
	equal(t, memory.HostInfo(), nil)
	collected := make(chan struct{})
	func() {
		info := new([64]byte)
		runtime.SetFinalizer(info, func(*[64]byte) { close(collected) })
		ok(t, memory.SetHostInfo(info))
		equal(t, clone.HostInfo(), any(info))
	}()
	memory.Close()
	equal(t, memory.HostInfo(), nil)
	equal(t, clone.HostInfo() != nil, true)
	clone.Close()
	eventually(t, "letting go", func() bool {
		select {
		case <-collected:
			return true
		default:
			return false
		}
	})
}
