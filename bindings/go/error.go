package wasmmemory

// #include <stdlib.h>
// #include "bridge.h"
import "C"

import (
	"errors"
	"fmt"
	"runtime/cgo"
	"syscall"
	"unsafe"
)

// A Status is the reason of a failure. The constants are errors, to be compared with errors.Is.
type Status int32

// The statuses of the library. Their numbers never change.
const (
	ErrNullArgument    Status = 1  // A handle is nil.
	ErrInvalidArgument Status = 2  // A number means nothing where it was given.
	ErrInvalidType     Status = 3  // A memory type outside the limits, or one that does not fit the operation.
	ErrOutOfBounds     Status = 4  // At least one byte lies past the end.
	ErrUnaligned       Status = 5  // An atomic access or a range is not aligned.
	ErrNotShared       Status = 6  // A wait on an unshared memory.
	ErrShared          Status = 7  // The operation needs a memory that is not shared.
	ErrMaximumExceeded Status = 8  // Growth past the maximum of the type.
	ErrLimitDenied     Status = 9  // A limit or limiter of the store said no.
	ErrOutOfMemory     Status = 10 // The system, the heap or a reservation has no room.
	ErrOverlap         Status = 11 // Source and destination overlap where they must not.
	ErrBorrowed        Status = 12 // The memory's bytes are lent to a callback.
	ErrAsyncRequired   Status = 13 // The store has an asynchronous limiter: use the asynchronous form.
	ErrPending         Status = 14 // The outcome is not there yet.
	ErrInterrupted     Status = 15 // The host interrupted a wait.
	ErrWaitersClosed   Status = 16 // The host closed the memory to waiting.
	ErrTooManyWaiters  Status = 17 // More threads than can be counted wait at one address.
	ErrProtected       Status = 18 // The range is protected against the access.
	ErrUnsupported     Status = 19 // This host or this kind of memory cannot do it.
	ErrIO              Status = 20 // A file could not be read, written or understood.
	ErrInternal        Status = 21 // A defect of the library.
	ErrHostContract    Status = 22 // A callback of the host broke its contract.
)

// Name is the name of the constant in C, for example "WASM_MEMORY_OUT_OF_BOUNDS".
func (s Status) Name() string { return C.GoString(C.wasm_memory_status_name(C.int32_t(s))) }

// Error says what the status means; for a trap, in the words of the specification.
func (s Status) Error() string { return C.GoString(C.wasm_memory_status_message(C.int32_t(s))) }

// ErrHandleClosed is what every call on a handle answers that was closed.
var ErrHandleClosed = errors.New("the handle was closed")

// An Error is a call of the library that failed. It changed nothing.
type Error struct {
	Op      string        // What was called, for example "Memory.Write".
	Status  Status        // Why it failed.
	Message string        // The library's sentence, with the numbers.
	Errno   syscall.Errno // The system's reason where the system refused; else 0.
	Cause   error         // What a callback said that refused: its error, or its panic (*CallbackPanic); else nil.
}

// Error is the operation, the library's sentence and the name of the status.
func (e *Error) Error() string {
	text := fmt.Sprintf("wasmmemory: %s: %s (%s)", e.Op, e.Message, e.Status.Name())
	if e.Cause != nil {
		text += "; " + e.Cause.Error()
	}
	return text
}

// Unwrap gives errors.Is and errors.As the status, the system's error and what a callback said.
func (e *Error) Unwrap() []error {
	all := []error{e.Status}
	if e.Errno != 0 {
		all = append(all, e.Errno)
	}
	if e.Cause != nil {
		all = append(all, e.Cause)
	}
	return all
}

// A CallbackPanic is a panic of a limiter or of an allocator. It cannot pass through the library's frames, so it counts
// as a refusal, and is part of the error of the call that asked.
type CallbackPanic struct {
	Value any    // What panic was called with.
	Stack []byte // Where.
}

func (p *CallbackPanic) Error() string { return fmt.Sprintf("a callback panicked: %v", p.Value) }

// Unwrap gives the value, if it is an error.
func (p *CallbackPanic) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}

// failure makes an error of an outcome, or nil.
func failure(op string, outcome C.wmgo_outcome) error {
	if outcome.status == 0 && outcome.cause == 0 {
		return nil
	}
	return failed(op, outcome)
}

func failed(op string, outcome C.wmgo_outcome) error {
	err := &Error{Op: op, Status: Status(outcome.status)}
	if outcome.cause != 0 {
		handle := cgo.Handle(outcome.cause)
		err.Cause = handle.Value().(error)
		handle.Delete()
	}
	if outcome.status == 0 {
		// An asynchronous limiter panicked while it was asked: the refusal is the future's outcome, not this call's.
		return nil
	}
	if outcome.message != nil {
		err.Message = C.GoString(outcome.message)
		C.free(unsafe.Pointer(outcome.message))
	} else {
		err.Message = err.Status.Error()
	}
	err.Errno = syscall.Errno(outcome.system)
	return err
}

// refusal is an error that the binding itself finds.
func refusal(op string, status Status, format string, arguments ...any) error {
	return &Error{Op: op, Status: status, Message: fmt.Sprintf(format, arguments...)}
}
