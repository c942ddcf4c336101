package wasmmemory

// #include "bridge.h"
import "C"

import (
	"context"
	"runtime"
	"runtime/cgo"
	"sync"
	"time"
	"unsafe"
)

// A Future is a creation or growth under way. Its calls take turns.
type Future struct {
	handle handle
	turn   sync.Mutex
}

func newFuture(op string, made C.wmgo_pointer) (*Future, error) {
	if err := failure(op, made.outcome); err != nil {
		return nil, err
	}
	future := &Future{}
	return guard(future, &future.handle, made.pointer, deleteFuture), nil
}

func deleteFuture(pointer unsafe.Pointer) {
	C.wasm_memory_future_delete((*C.wasm_memory_future_t)(pointer))
}

// Close gives the future up, and what it stands for: a request that is not decided is dropped, a memory that was not
// taken is closed.
func (f *Future) Close() error {
	if f != nil && f.handle.close() {
		runtime.SetFinalizer(f, nil)
	}
	return nil
}

func (f *Future) enter(op string) error {
	if f == nil {
		return refusal(op, ErrNullArgument, "the future is nil")
	}
	return f.handle.enter(op)
}

// Poll goes on as far as that is possible without waiting: ErrPending, or the outcome.
func (f *Future) Poll() error {
	const op = "Future.Poll"
	if err := f.enter(op); err != nil {
		return err
	}
	defer f.handle.leave()
	f.turn.Lock()
	defer f.turn.Unlock()
	return failure(op, C.wmgo_future_poll(f.handle.pointer))
}

// Wait waits for the outcome, for ever if the timeout is negative; ErrPending when the time is over. It occupies a
// thread meanwhile, see [Future.WaitContext].
func (f *Future) Wait(timeout time.Duration) error {
	const op = "Future.Wait"
	if err := f.enter(op); err != nil {
		return err
	}
	defer f.handle.leave()
	f.turn.Lock()
	defer f.turn.Unlock()
	return failure(op, C.wmgo_future_wait(f.handle.pointer, C.int64_t(timeout)))
}

// WaitContext waits for the outcome or for the end of the context, without occupying a thread.
func (f *Future) WaitContext(ctx context.Context) error {
	const op = "Future.WaitContext"
	if err := f.enter(op); err != nil {
		return err
	}
	defer f.handle.leave()
	f.turn.Lock()
	defer f.turn.Unlock()
	ready := make(chan struct{}, 1)
	env := cgo.NewHandle(ready)
	C.wmgo_future_on_ready(f.handle.pointer, C.uintptr_t(env))
	// Once this has returned, nobody calls back with the handle.
	defer func() {
		C.wmgo_future_on_ready(f.handle.pointer, 0)
		env.Delete()
	}()
	for {
		select {
		case <-ready:
		case <-ctx.Done():
			return ctx.Err()
		}
		// It is pending still if the length changed, and the limiter was asked again.
		outcome := C.wmgo_future_poll(f.handle.pointer)
		if Status(outcome.status) != ErrPending {
			return failure(op, outcome)
		}
		failed(op, outcome)
	}
}

//export wmgoReady
func wmgoReady(env C.uintptr_t) {
	select {
	case cgo.Handle(env).Value().(chan struct{}) <- struct{}{}:
	default:
	}
}

// TakeMemory takes the memory of a creation that succeeded, once. Before that it answers what Poll answers.
func (f *Future) TakeMemory() (*Memory, error) {
	const op = "Future.TakeMemory"
	if err := f.enter(op); err != nil {
		return nil, err
	}
	defer f.handle.leave()
	f.turn.Lock()
	defer f.turn.Unlock()
	if err := failure(op, C.wmgo_future_poll(f.handle.pointer)); err != nil {
		return nil, err
	}
	return newMemory(op, C.wmgo_future_take_memory(f.handle.pointer))
}

// PreviousPages is the size before a growth that succeeded; 0 otherwise.
func (f *Future) PreviousPages() uint64 {
	if f.enter("") != nil {
		return 0
	}
	defer f.handle.leave()
	f.turn.Lock()
	defer f.turn.Unlock()
	return uint64(C.wasm_memory_future_previous_pages((*C.wasm_memory_future_t)(f.handle.pointer)))
}
