package wasmmemory

// #include "bridge.h"
import "C"

import (
	"runtime/cgo"
	"runtime/debug"
	"sync/atomic"
	"unsafe"
)

// A GrowRequest is what a limiter decides on.
type GrowRequest struct {
	Current    uint64 // Bytes that the memory has; 0 for one that is to be made.
	Desired    uint64 // Bytes that it would have.
	Maximum    uint64 // Bytes that its type allows, if HasMaximum.
	HasMaximum bool
}

// A Limiter decides on each creation and growth in a store. Its functions run in the goroutine that asks, several at
// once if several ask, and may use the store and its memories. One that panics refuses: the panic is part of the
// error that the asking call returns, as a *[CallbackPanic].
type Limiter struct {
	Growing func(GrowRequest) bool // Required.
	Failed  func(*Error)           // Hears of each creation and growth that failed; may be nil.
}

// An AsyncLimiter is a limiter that may answer later, through a ticket, from any goroutine. The store's memories are
// then made and grown by [Store.NewMemoryAsync] and [Memory.GrowAsync].
type AsyncLimiter struct {
	Growing func(GrowRequest, *Ticket) // Required. One that panics before it answered refuses.
	Failed  func(*Error)
}

type limiter struct {
	growing      func(GrowRequest) bool
	growingAsync func(GrowRequest, *Ticket)
	failed       func(*Error)
}

// SetLimiter gives the store a limiter in place of the one that it has, of either kind; nil: none any more.
func (s *Store) SetLimiter(l *Limiter) error {
	const op = "Store.SetLimiter"
	if l != nil && l.Growing == nil {
		return refusal(op, ErrInvalidArgument, "the limiter has no Growing")
	}
	if err := s.enter(op); err != nil {
		return err
	}
	defer s.handle.leave()
	var env uintptr
	if l != nil {
		env = newHandle(&limiter{growing: l.Growing, failed: l.Failed})
	}
	// When this fails, the library has let go of the handle: there is a Growing, so it was taken.
	return failure(op, C.wmgo_store_limiter_set(s.handle.pointer, C.uintptr_t(env)))
}

// SetAsyncLimiter gives the store a limiter that may answer later; nil: none any more, of either kind.
func (s *Store) SetAsyncLimiter(l *AsyncLimiter) error {
	const op = "Store.SetAsyncLimiter"
	if l != nil && l.Growing == nil {
		return refusal(op, ErrInvalidArgument, "the limiter has no Growing")
	}
	if err := s.enter(op); err != nil {
		return err
	}
	defer s.handle.leave()
	var env uintptr
	if l != nil {
		env = newHandle(&limiter{growingAsync: l.Growing, failed: l.Failed})
	}
	return failure(op, C.wmgo_store_limiter_async_set(s.handle.pointer, C.uintptr_t(env)))
}

// A Ticket is the right and the duty to answer one question of an [AsyncLimiter].
type Ticket struct {
	pointer  unsafe.Pointer
	resolved atomic.Bool
}

// Resolve answers. The first answer counts; it returns whether this was the first.
func (t *Ticket) Resolve(allow bool) bool {
	if t == nil || t.resolved.Swap(true) {
		return false
	}
	C.wasm_memory_ticket_resolve((*C.wasm_memory_ticket_t)(t.pointer), C.bool(allow))
	return true
}

// --- callbacks: what C calls -------------------------------------------------------------------------------------

// keepPanic catches a panic, which must not unwind through C, for the error of the call that is under way.
func keepPanic() {
	if value := recover(); value != nil {
		noteCause(&CallbackPanic{Value: value, Stack: debug.Stack()})
	}
}

func noteCause(err error) {
	kept := cgo.NewHandle(err)
	if before := C.wmgo_note_cause(C.uintptr_t(kept)); before != 0 {
		cgo.Handle(before).Delete()
	}
}

func request(current, desired, maximum C.uint64_t) GrowRequest {
	r := GrowRequest{Current: uint64(current), Desired: uint64(desired)}
	if uint64(maximum) != NoLimit {
		r.Maximum, r.HasMaximum = uint64(maximum), true
	}
	return r
}

//export wmgoMemoryGrowing
func wmgoMemoryGrowing(env C.uintptr_t, current, desired, maximum C.uint64_t) (allow C.int) {
	defer keepPanic()
	if cgo.Handle(env).Value().(*limiter).growing(request(current, desired, maximum)) {
		return 1
	}
	return 0
}

//export wmgoMemoryGrowingAsync
func wmgoMemoryGrowingAsync(env C.uintptr_t, current, desired, maximum C.uint64_t, raw *C.wasm_memory_ticket_t) {
	ticket := &Ticket{pointer: unsafe.Pointer(raw)}
	defer func() {
		if value := recover(); value != nil {
			noteCause(&CallbackPanic{Value: value, Stack: debug.Stack()})
			ticket.Resolve(false)
		}
	}()
	cgo.Handle(env).Value().(*limiter).growingAsync(request(current, desired, maximum), ticket)
}

//export wmgoMemoryGrowFailed
func wmgoMemoryGrowFailed(env C.uintptr_t, status C.int32_t, message *C.char) {
	defer keepPanic()
	if failed := cgo.Handle(env).Value().(*limiter).failed; failed != nil {
		failed(&Error{Op: "Limiter", Status: Status(status), Message: C.GoString(message)})
	}
}

//export wmgoLetGo
func wmgoLetGo(env C.uintptr_t) { cgo.Handle(env).Delete() }
