package wasmmemory

// #include "bridge.h"
import "C"

import (
	"errors"
	"runtime/cgo"
	"unsafe"
)

// An Allocator makes the memories of an engine (see wasm_config_memory_allocator_set), several at once if several
// goroutines ask. It is let go when the engine, its stores and its memories are gone.
type Allocator interface {
	// NewMemory makes a memory, or answers why not: a Status, or any error, which counts as ErrOutOfMemory.
	NewMemory(request HostRequest) (HostMemory, error)
}

// A HostRequest is what an [Allocator] is to make.
type HostRequest struct {
	Type          MemoryType
	Minimum       uintptr // Bytes, all zero.
	Maximum       uintptr // Bytes that it must be able to have, if HasMaximum.
	HasMaximum    bool
	ReservedBytes uintptr // With BoundsGuarded: the span that must be the memory's own; else 0.
	GuardBytes    uintptr // With BoundsGuarded: what must fault behind it; else 0.
}

// A HostMemory is one memory that the host makes. Its bytes must not be Go's: the library keeps their address, and Go
// forbids that. syscall.Mmap gives others. What panics counts as a refusal, or as nothing.
type HostMemory interface {
	Size() uintptr                                 // Bytes that are accessible now.
	Maximum() (bytes uintptr, hasMaximum bool)     // The most that it can have.
	Grow(size uintptr) error                       // Makes at least size bytes accessible, or changes nothing.
	Base() unsafe.Pointer                          // Where it starts: a multiple of the host's page size.
	Accessible() (start unsafe.Pointer, n uintptr) // The addresses that belong to it, guards included.
	Close()                                        // Called once, when the memory is gone.
}

// refused is the status that says what an error does. The error itself goes to whoever asked.
func refused(err error) C.int32_t {
	noteCause(err)
	var status Status
	if errors.As(err, &status) && status > 0 && status <= ErrHostContract && status != ErrPending &&
		status != ErrAsyncRequired {
		return C.int32_t(status)
	}
	return C.int32_t(ErrOutOfMemory)
}

//export wmgoHostNew
func wmgoHostNew(env C.uintptr_t, memoryType *C.wasm_memorytype_t, minimum, maximum, reserved, guard C.size_t,
	out *C.wasm_linear_memory_t) (status C.int32_t) {
	status = C.int32_t(ErrHostContract)
	defer keepPanic()
	var raw C.wmgo_type
	C.wmgo_describe(memoryType, &raw)
	request := HostRequest{
		Type: typeOf(raw), Minimum: uintptr(minimum),
		ReservedBytes: uintptr(reserved), GuardBytes: uintptr(guard),
	}
	if uintptr(maximum) != ^uintptr(0) {
		request.Maximum, request.HasMaximum = uintptr(maximum), true
	}
	memory, err := cgo.Handle(env).Value().(Allocator).NewMemory(request)
	if err != nil {
		return refused(err)
	}
	if memory == nil {
		return refused(refusal("Allocator.NewMemory", ErrHostContract, "it returned neither a memory nor an error"))
	}
	C.wmgo_linear_memory_fill(out, C.uintptr_t(cgo.NewHandle(memory)))
	return 0
}

func hostMemory(env C.uintptr_t) HostMemory { return cgo.Handle(env).Value().(HostMemory) }

//export wmgoHostSize
func wmgoHostSize(env C.uintptr_t) (size C.size_t) {
	defer keepPanic()
	return C.size_t(hostMemory(env).Size())
}

//export wmgoHostMaximum
func wmgoHostMaximum(env C.uintptr_t, out *C.size_t) (has C.int) {
	defer keepPanic()
	if maximum, hasMaximum := hostMemory(env).Maximum(); hasMaximum {
		*out = C.size_t(maximum)
		return 1
	}
	return 0
}

//export wmgoHostGrow
func wmgoHostGrow(env C.uintptr_t, size C.size_t) (status C.int32_t) {
	status = C.int32_t(ErrHostContract)
	defer keepPanic()
	if err := hostMemory(env).Grow(uintptr(size)); err != nil {
		return refused(err)
	}
	return 0
}

//export wmgoHostBase
func wmgoHostBase(env C.uintptr_t) (base C.uintptr_t) {
	defer keepPanic()
	return C.uintptr_t(uintptr(hostMemory(env).Base()))
}

//export wmgoHostAccessible
func wmgoHostAccessible(env C.uintptr_t, start *C.uintptr_t, length *C.size_t) {
	defer keepPanic()
	first, bytes := hostMemory(env).Accessible()
	*start, *length = C.uintptr_t(uintptr(first)), C.size_t(bytes)
}

//export wmgoHostClose
func wmgoHostClose(env C.uintptr_t) {
	defer cgo.Handle(env).Delete()
	defer keepPanic()
	hostMemory(env).Close()
}
