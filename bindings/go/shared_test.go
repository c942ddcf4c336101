package wasmmemory_test

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	. "wasmmemory"
)

func TestSharedMemories(t *testing.T) {
	engine := engineWith(t)
	token := must(engine.NewSharedMemory(SharedPages(1, 4)))(t)
	_, err := engine.NewSharedMemory(Pages(1, 4))
	fails(t, err, ErrInvalidType, "not shared")
	first := must(storeOf(t, engine).Obtain(token))(t)
	second := must(newStore(t).Obtain(token))(t)
	equal(t, first.Same(second), true)
	equal(t, first.Shared(), true)
	ok(t, first.StoreUint32(0, 7))
	equal(t, must(second.LoadUint32(0))(t), 7)
	data := must(second.Bytes())(t)
	must(first.Grow(3))(t)
	equal(t, second.Pages(), 4)
	ok(t, first.StoreUint8(5, 5))
	equal(t, data[5], 5)
	equal(t, must(token.Type())(t).Minimum, 4)
	again := must(first.Share())(t)
	copied := must(again.Clone())(t)
	for _, token := range []*SharedMemory{token, again, copied} {
		token.Close()
	}
	fails(t, first.Reset(nil), ErrShared)
	_, err = newMemory(t, Pages(1, 1)).Share()
	fails(t, err, ErrNotShared)

	limited := newStore(t)
	ok(t, limited.SetLimits(&Limits{NoLimit, NoLimit, 0}))
	token = must(first.Share())(t)
	_, err = limited.Obtain(token)
	fails(t, err, ErrLimitDenied, "max_memories")
	_, err = limited.Obtain(nil)
	fails(t, err, ErrNullArgument, "the shared memory is nil")
	token.Close()
	first.Close()
	second.Close()
}

func TestAtomics(t *testing.T) {
	memory := newMemory(t, SharedPages(1, 1))
	ok(t, memory.AtomicStore64(8, 0x8877665544332211))
	equal(t, must(memory.AtomicLoad8(8))(t), 0x11)
	equal(t, must(memory.AtomicLoad16(8))(t), 0x2211)
	equal(t, must(memory.AtomicLoad32(8))(t), 0x44332211)
	equal(t, must(memory.AtomicLoad64(8))(t), 0x8877665544332211)
	equal(t, must(memory.AtomicRMW8(Add, 8, 0xff))(t), 0x11)
	equal(t, must(memory.AtomicRMW16(Xor, 8, 0xffff))(t), 0x2210)
	equal(t, must(memory.AtomicRMW32(Exchange, 8, 1))(t), 0x4433ddef)
	equal(t, must(memory.AtomicRMW64(Sub, 8, 2))(t), 0x8877665500000001)
	equal(t, must(memory.AtomicLoad64(8))(t), 0x88776654ffffffff)
	equal(t, must(memory.AtomicRMW64(And, 8, 0xf0))(t), 0x88776654ffffffff)
	equal(t, must(memory.AtomicRMW64(Or, 8, 0xf))(t), 0xf0)
	equal(t, must(memory.CompareExchange8(8, 0xff, 1))(t), 0xff)
	equal(t, must(memory.CompareExchange16(8, 2, 3))(t), 1)
	equal(t, must(memory.CompareExchange32(8, 1, 5))(t), 1)
	equal(t, must(memory.CompareExchange64(8, 5, 6))(t), 5)
	ok(t, memory.AtomicStore8(8, 7))
	ok(t, memory.AtomicStore16(10, 8))
	ok(t, memory.AtomicStore32(12, 9))
	equal(t, must(memory.AtomicLoad64(8))(t), 9<<32|8<<16|7)
	AtomicFence()

	_, err := memory.AtomicLoad32(2)
	fails(t, err, ErrUnaligned, "unaligned atomic", "2", "4")
	_, err = memory.AtomicLoad64(65536)
	fails(t, err, ErrOutOfBounds)
	_, err = memory.AtomicRMW32(9, 0, 0)
	fails(t, err, ErrInvalidArgument)
	_, err = memory.Wait64(4, 0, 0)
	fails(t, err, ErrUnaligned)
	_, err = newMemory(t, Pages(1, 1)).Wait32(0, 0, 0)
	fails(t, err, ErrNotShared, "expected shared memory")
	_, err = memory.Notify(2, 1)
	fails(t, err, ErrUnaligned)
}

func TestAtomicCounter(t *testing.T) {
	memory := newMemory(t, SharedPages(1, 1))
	var group sync.WaitGroup
	for range 8 {
		group.Add(1)
		go func() {
			defer group.Done()
			for range 1000 {
				if _, err := memory.AtomicRMW32(Add, 0, 1); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	group.Wait()
	equal(t, must(memory.AtomicLoad32(0))(t), 8000)
}

func TestWaits(t *testing.T) {
	memory := newMemory(t, SharedPages(1, 1))
	equal(t, must(memory.Wait32(0, 1, -1))(t), WaitMismatch)
	begun := time.Now()
	equal(t, must(memory.Wait64(8, 0, 20*time.Millisecond))(t), WaitTimedOut)
	if passed := time.Since(begun); passed < 20*time.Millisecond {
		t.Fatalf("a wait of 20 ms took %v", passed)
	}
	equal(t, must(memory.Notify(0, NotifyAll))(t), 0)

	// Goroutines wait, each on a thread of its own, and the others go on.
	results := make(chan error, 20)
	waiters := func(count uint64) {
		t.Helper()
		eventually(t, "waiting", func() bool { return must(memory.Stats())(t).Waiters == count })
	}
	wait := func() {
		result, err := memory.Wait32(16, 0, -1)
		if err == nil && result != WaitWoken {
			t.Errorf("the wait answered %d", result)
		}
		results <- err
	}
	for range 20 {
		go wait()
	}
	waiters(20)
	equal(t, must(memory.Notify(16, 5))(t), 5)
	equal(t, must(memory.Notify(16, NotifyAll))(t), 15)
	for range 20 {
		ok(t, <-results)
	}

	// A wait that follows a context.
	ctx, cancel := context.WithCancel(context.Background())
	stop := context.AfterFunc(ctx, func() { memory.InterruptWaiters() })
	defer stop()
	go wait()
	waiters(1)
	cancel()
	fails(t, <-results, ErrInterrupted)

	go wait()
	waiters(1)
	ok(t, memory.CloseWaiters())
	fails(t, <-results, ErrWaitersClosed)
	_, err := memory.Wait32(16, 0, -1)
	fails(t, err, ErrWaitersClosed)
}

func TestExport(t *testing.T) {
	engine := engineWith(t, WithExportable())
	token := must(engine.NewSharedMemory(SharedPages(1, 4)))(t)
	file, err := token.Export()
	ok(t, err)
	imported := must(engineWith(t).ImportSharedMemory(SharedPages(1, 4), file))(t)
	ok(t, file.Close())
	here := must(newStore(t).Obtain(token))(t)
	there := must(newStore(t).Obtain(imported))(t)
	equal(t, here.Same(there), false)
	ok(t, here.Write(100, []byte("across")))
	got := make([]byte, 6)
	ok(t, there.Read(100, got))
	equal(t, string(got), "across")
	must(there.Grow(2))(t)
	equal(t, here.Pages(), 3)

	_, err = engine.ImportSharedMemory(SharedPages(1, 4), file)
	fails(t, err, ErrIO, "closed")
	_, err = engine.ImportSharedMemory(SharedPages(1, 4), nil)
	fails(t, err, ErrNullArgument)
	other := must(os.Open("/dev/null"))(t)
	_, err = engine.ImportSharedMemory(SharedPages(1, 4), other)
	fails(t, err, ErrIO)
	other.Close()
	plain := must(engineWith(t).NewSharedMemory(SharedPages(1, 4)))(t)
	_, err = plain.Export()
	fails(t, err, ErrUnsupported)
	for _, close := range []interface{ Close() error }{token, imported, here, there, plain} {
		close.Close()
	}
}
