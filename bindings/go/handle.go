package wasmmemory

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"unsafe"
)

// A handle is a pointer of the library's and the number of calls that use it. Close marks it; the last call that is
// under way, or Close itself if there is none, has it deleted. So nothing is deleted under a call, and Close never
// waits, not even for a goroutine that waits on the memory for ever.
type handle struct {
	pointer unsafe.Pointer
	state   atomic.Int64
	destroy func(unsafe.Pointer)
}

const closedMark = 1 << 62

// held is what every handle of the package is.
type held interface{ Close() error }

// guard sets a handle up, and has the garbage collector close what nobody closed.
func guard[T held](owner T, h *handle, pointer unsafe.Pointer, destroy func(unsafe.Pointer)) T {
	h.pointer = pointer
	h.destroy = destroy
	runtime.SetFinalizer(owner, func(owner T) { owner.Close() })
	return owner
}

// enter begins a call; each enter that gives no error is followed by a leave, which also keeps the owner alive so long.
func (h *handle) enter(op string) error {
	if h == nil {
		return refusal(op, ErrNullArgument, "the handle is nil")
	}
	for {
		state := h.state.Load()
		if state&closedMark != 0 {
			return fmt.Errorf("wasmmemory: %s: %w", op, ErrHandleClosed)
		}
		if h.pointer == nil {
			return refusal(op, ErrNullArgument, "the handle was not made by this package")
		}
		if h.state.CompareAndSwap(state, state+1) {
			return nil
		}
	}
}

func (h *handle) leave() {
	if h.state.Add(-1) == closedMark {
		h.destroy(h.pointer)
	}
}

// open is whether a call could begin: for what has no error to answer with.
func (h *handle) open() bool { return h.enter("") == nil }

// close marks the handle. It returns whether this was the first time.
func (h *handle) close() bool {
	for {
		state := h.state.Load()
		if state&closedMark != 0 || h.pointer == nil {
			return false
		}
		if h.state.CompareAndSwap(state, state|closedMark) {
			if state == 0 {
				h.destroy(h.pointer)
			}
			return true
		}
	}
}
