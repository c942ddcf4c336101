package wasmmemory_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	. "wasmmemory"
)

func TestLimits(t *testing.T) {
	store := newStore(t)
	ok(t, store.SetLimits(&Limits{MemoryBytes: 3 * 65536, TotalBytes: 4 * 65536, Memories: 2}))
	first := memoryIn(t, store, PagesFrom(1))
	_, err := first.Grow(3)
	fails(t, err, ErrLimitDenied, "max_memory_bytes", "196608", "262144")
	must(first.Grow(2))(t)
	_, err = store.NewMemory(Pages(2, 2))
	fails(t, err, ErrLimitDenied, "max_total_bytes")
	memoryIn(t, store, Pages(1, 1))
	_, err = store.NewMemory(Pages(0, 1))
	fails(t, err, ErrLimitDenied, "max_memories")
	ok(t, store.SetLimits(&Limits{NoLimit, NoLimit, NoLimit}))
	must(first.Grow(10))(t)
	ok(t, store.SetLimits(nil))
	memoryIn(t, store, Pages(1, 1))
}

func TestLimiter(t *testing.T) {
	store := newStore(t)
	var asked []GrowRequest
	var told []string
	ok(t, store.SetLimiter(&Limiter{
		Growing: func(request GrowRequest) bool {
			asked = append(asked, request)
			return request.Desired <= 2*65536
		},
		Failed: func(failure *Error) { told = append(told, failure.Error()) },
	}))
	memory := memoryIn(t, store, Pages(1, 10))
	must(memory.Grow(1))(t)
	_, err := memory.Grow(1)
	fails(t, err, ErrLimitDenied)
	_, err = memory.Grow(100)
	fails(t, err, ErrMaximumExceeded)
	unbounded := memoryIn(t, store, PagesFrom(0))

	equal(t, len(asked), 4)
	equal(t, asked[0], GrowRequest{0, 65536, 655360, true})
	equal(t, asked[1], GrowRequest{65536, 131072, 655360, true})
	equal(t, asked[3], GrowRequest{0, 0, 0, false})
	equal(t, len(told), 2)
	if !strings.Contains(told[0], "WASM_MEMORY_LIMIT_DENIED") || !strings.Contains(told[1], "100") {
		t.Fatalf("%q", told)
	}
	ok(t, store.SetLimiter(nil))
	must(unbounded.Grow(5))(t)
	equal(t, len(asked), 4)
	fails(t, store.SetLimiter(&Limiter{}), ErrInvalidArgument, "Growing")
	fails(t, store.SetAsyncLimiter(&AsyncLimiter{}), ErrInvalidArgument, "Growing")
}

// A limiter may use the library, the memory that asks included.
func TestLimiterCallsBack(t *testing.T) {
	store := newStore(t)
	var memory *Memory
	ok(t, store.SetLimiter(&Limiter{Growing: func(request GrowRequest) bool {
		if memory != nil {
			equal(t, memory.Size(), request.Current)
			ok(t, memory.StoreUint64(0, request.Desired))
			fails(t, memory.Write(1<<40, []byte{1}), ErrOutOfBounds)
			runtime.Gosched()
		}
		return true
	}}))
	memory = memoryIn(t, store, Pages(1, 10))
	must(memory.Grow(4))(t)
	equal(t, must(memory.LoadUint64(0))(t), 5*65536)
}

// A panic of a limiter must not unwind the library's frames. It refuses, and the caller hears of it.
func TestLimiterPanics(t *testing.T) {
	store := newStore(t)
	memory := memoryIn(t, store, Pages(1, 10))
	reason := errors.New("no such tenant")
	ok(t, store.SetLimiter(&Limiter{Growing: func(GrowRequest) bool { panic(reason) }}))
	for range 3 {
		_, err := memory.Grow(1)
		fails(t, err, ErrLimitDenied, "a callback panicked: no such tenant")
		fails(t, err, reason)
		var panicked *CallbackPanic
		equal(t, errors.As(err, &panicked), true)
		equal(t, strings.Contains(string(panicked.Stack), "TestLimiterPanics"), true)
		equal(t, memory.Pages(), 1)
	}
	_, err := store.NewMemory(Pages(1, 1))
	fails(t, err, ErrLimitDenied, "no such tenant")

	// One that panics when it hears of failures, too.
	ok(t, store.SetLimiter(&Limiter{
		Growing: func(GrowRequest) bool { return false },
		Failed:  func(*Error) { var none *int; *none = 1 },
	}))
	_, err = memory.Grow(1)
	fails(t, err, ErrLimitDenied, "nil pointer")

	// Nothing of it is left for the next failure of this thread.
	ok(t, store.SetLimiter(nil))
	_, err = memory.Grow(100)
	fails(t, err, ErrMaximumExceeded)
	if strings.Contains(err.Error(), "panicked") {
		t.Fatal(err)
	}
	must(memory.Grow(1))(t)
}

func TestLimitersOfManyGoroutines(t *testing.T) {
	engine := engineWith(t)
	var group sync.WaitGroup
	for worker := range 8 {
		group.Add(1)
		go func() {
			defer group.Done()
			store := must(engine.NewStore())(t)
			defer store.Close()
			denied := 0
			ok(t, store.SetLimiter(&Limiter{
				Growing: func(request GrowRequest) bool { return request.Desired <= uint64(worker+1)*65536 },
				Failed:  func(*Error) { denied++ },
			}))
			for range 50 {
				memory := must(store.NewMemory(Pages(0, 20)))(t)
				for memory.Pages() < 20 {
					if _, err := memory.Grow(1); err != nil {
						break
					}
				}
				equal(t, memory.Pages(), uint64(worker+1))
				memory.Close()
			}
			equal(t, denied, 50)
		}()
	}
	group.Wait()
}

// The limiter is let go with its store and the last memory of it.
func TestLimiterIsLetGo(t *testing.T) {
	let := make(chan struct{})
	func() {
		store := must(must(NewEngine())(t).NewStore())(t)
		state := new([100]byte)
		runtime.SetFinalizer(state, func(*[100]byte) { close(let) })
		ok(t, store.SetLimiter(&Limiter{Growing: func(GrowRequest) bool { return state[0] == 0 }}))
		memory := must(store.NewMemory(Pages(1, 2)))(t)
		store.Close()
		must(memory.Grow(1))(t)
		memory.Close()
	}()
	eventually(t, "letting go", func() bool {
		select {
		case <-let:
			return true
		default:
			return false
		}
	})
}

func TestAsyncLimiter(t *testing.T) {
	store := newStore(t)
	tickets := make(chan *Ticket, 10)
	ok(t, store.SetAsyncLimiter(&AsyncLimiter{Growing: func(_ GrowRequest, ticket *Ticket) { tickets <- ticket }}))
	_, err := store.NewMemory(Pages(1, 2))
	fails(t, err, ErrAsyncRequired)

	future := must(store.NewMemoryAsync(Pages(1, 4)))(t)
	fails(t, future.Poll(), ErrPending)
	fails(t, future.Wait(time.Millisecond), ErrPending)
	_, err = future.TakeMemory()
	fails(t, err, ErrPending)
	ticket := <-tickets
	equal(t, ticket.Resolve(true), true)
	equal(t, ticket.Resolve(false), false)
	ok(t, future.Wait(-1))
	memory := must(future.TakeMemory())(t)
	_, err = future.TakeMemory()
	fails(t, err, ErrInvalidArgument)
	future.Close()
	fails(t, future.Poll(), ErrHandleClosed)

	growth := must(memory.GrowAsync(2))(t)
	go func() {
		time.Sleep(5 * time.Millisecond)
		(<-tickets).Resolve(true)
	}()
	ok(t, growth.WaitContext(context.Background()))
	equal(t, growth.PreviousPages(), 1)
	equal(t, memory.Pages(), 3)
	growth.Close()

	refused := must(memory.GrowAsync(1))(t)
	(<-tickets).Resolve(false)
	fails(t, refused.WaitContext(context.Background()), ErrLimitDenied)
	refused.Close()

	late := must(memory.GrowAsync(1))(t)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
	defer cancel()
	fails(t, late.WaitContext(ctx), context.DeadlineExceeded)
	late.Close()
	(<-tickets).Resolve(true) // the future is gone, the ticket is valid
	equal(t, memory.Pages(), 3)

	shared := must(engineWith(t).NewSharedMemory(SharedPages(1, 2)))(t)
	_, err = store.Obtain(shared)
	fails(t, err, ErrAsyncRequired)
	ok(t, store.SetAsyncLimiter(nil))
	memory.Close()
	shared.Close()
}

func TestAsyncLimiterPanics(t *testing.T) {
	store := newStore(t)
	ok(t, store.SetAsyncLimiter(&AsyncLimiter{Growing: func(GrowRequest, *Ticket) { panic("at once") }}))
	future := must(store.NewMemoryAsync(Pages(1, 4)))(t)
	defer future.Close()
	fails(t, future.Wait(-1), ErrLimitDenied)
	ok(t, store.SetAsyncLimiter(nil))
	_, err := store.NewMemory(Pages(5, 4))
	if err == nil || strings.Contains(err.Error(), "at once") {
		t.Fatal(err)
	}
}

// Calls that a limiter makes have errors of their own, and what they say gets into no other.
func TestCausesAreKeptApart(t *testing.T) {
	store := newStore(t)
	memory := memoryIn(t, store, Pages(1, 10))
	var inner []error
	try := func() {
		err := memory.Write(1<<40, []byte{1})
		inner = append(inner, err)
		fails(t, err, ErrOutOfBounds)
	}
	ok(t, store.SetLimiter(&Limiter{
		Growing: func(GrowRequest) bool { try(); panic("the first") },
		Failed:  func(*Error) { try(); panic("the second") },
	}))
	_, err := memory.Grow(1)
	fails(t, err, ErrLimitDenied, "a callback panicked: the first")
	equal(t, strings.Contains(err.Error(), "the second"), false)
	equal(t, len(inner), 2)
	for _, err := range inner {
		equal(t, strings.Contains(err.Error(), "panicked"), false)
	}
	try()
	equal(t, strings.Contains(inner[2].Error(), "panicked"), false)
}
