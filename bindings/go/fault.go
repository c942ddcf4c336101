package wasmmemory

// #include "bridge.h"
import "C"

import "unsafe"

// A FaultKind is what an address is.
type FaultKind int32

// The kinds of addresses.
const (
	FaultForeign    FaultKind = 0 // Of no live memory.
	FaultAccessible FaultKind = 1 // A byte of a memory.
	FaultGuard      FaultKind = 2 // One of the addresses that a memory has around its bytes.
	FaultProtected  FaultKind = 3 // A byte of a memory that may not be read, or not be written.
)

// A Fault is an address, and what it belongs to.
type Fault struct {
	Kind       FaultKind
	Address    uintptr
	Offset     uint64         // Where it is from the base on; it wraps before the base.
	ByteLength uint64         // The length of the memory then.
	View       unsafe.Pointer // Which memory it is: its [Memory.View]; nil if foreign.
}

// ClassifyFault says what an address belongs to, such as that of a runtime error with debug.SetPanicOnFault. Any
// goroutine may ask at any time.
func ClassifyFault(address uintptr) Fault {
	var raw C.wasm_memory_fault_t
	C.wmgo_classify_fault(C.uintptr_t(address), &raw)
	return Fault{FaultKind(raw.kind), address, uint64(raw.offset), uint64(raw.byte_length), unsafe.Pointer(raw.view)}
}

// InstallTrapHandlers puts handlers of SIGSEGV and SIGBUS in front of Go's, so that [CatchTrap] works. They pass on to
// Go's what is not theirs. Counted: UninstallTrapHandlers as often. Without it no handler is touched.
func InstallTrapHandlers() error {
	return failure("InstallTrapHandlers", C.wmgo_trap_handlers_install())
}

// UninstallTrapHandlers restores Go's handlers with the last call.
func UninstallTrapHandlers() error {
	return failure("UninstallTrapHandlers", C.wmgo_trap_handlers_uninstall())
}

// CatchTrap calls a function of C, a void (*)(void *), and comes back when it touches a guard (ErrOutOfBounds), a
// protected range (ErrProtected) or a part of a mapped file that is no more (ErrIO); the Fault says where. It nests.
// Without handlers it is ErrUnsupported, and the function has not run.
//
// It comes back by longjmp: the function and what it calls hold no lock of C's then, and must not be called by, or have
// called, Go in between. So faults of Go code are Go's.
func CatchTrap(body, env unsafe.Pointer) (Fault, error) {
	var raw C.wasm_memory_trap_t
	err := failure("CatchTrap", C.wmgo_catch_trap(body, env, &raw))
	return Fault{FaultKind(raw.kind), uintptr(raw.address), uint64(raw.offset), uint64(raw.byte_length),
		unsafe.Pointer(raw.view)}, err
}
