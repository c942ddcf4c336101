package wasmmemory

// #include "bridge.h"
import "C"

import (
	"os"
	"runtime"
	"time"
	"unsafe"
)

// A SharedMemory is a token for a shared memory: a reference that belongs to no store. [Store.Obtain] makes a [Memory]
// of it. Any number of goroutines may use one.
type SharedMemory struct{ handle handle }

func newShared(op string, made C.wmgo_pointer) (*SharedMemory, error) {
	if err := failure(op, made.outcome); err != nil {
		return nil, err
	}
	shared := &SharedMemory{}
	return guard(shared, &shared.handle, made.pointer, deleteShared), nil
}

func deleteShared(pointer unsafe.Pointer) {
	C.wasm_shared_memory_delete((*C.wasm_shared_memory_t)(pointer))
}

// Close gives the token up.
func (s *SharedMemory) Close() error {
	if s != nil && s.handle.close() {
		runtime.SetFinalizer(s, nil)
	}
	return nil
}

func (s *SharedMemory) enter(op string) error {
	if s == nil {
		return refusal(op, ErrNullArgument, "the shared memory is nil")
	}
	return s.handle.enter(op)
}

// Clone makes another token for the same memory.
func (s *SharedMemory) Clone() (*SharedMemory, error) {
	const op = "SharedMemory.Clone"
	if err := s.enter(op); err != nil {
		return nil, err
	}
	defer s.handle.leave()
	return newShared(op, C.wmgo_shared_clone(s.handle.pointer))
}

// Type is the type of the memory as it is now.
func (s *SharedMemory) Type() (MemoryType, error) {
	const op = "SharedMemory.Type"
	if err := s.enter(op); err != nil {
		return MemoryType{}, err
	}
	defer s.handle.leave()
	var raw C.wmgo_type
	if err := failure(op, C.wmgo_shared_type(s.handle.pointer, &raw)); err != nil {
		return MemoryType{}, err
	}
	return typeOf(raw), nil
}

// Export makes a descriptor from which other processes can import the memory; the engine was made [WithExportable].
// The file is the caller's. It is closed on exec: pass it in exec.Cmd's ExtraFiles.
func (s *SharedMemory) Export() (*os.File, error) {
	const op = "SharedMemory.Export"
	if err := s.enter(op); err != nil {
		return nil, err
	}
	defer s.handle.leave()
	got := C.wmgo_shared_export(s.handle.pointer)
	if err := failure(op, got.outcome); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(got.value), "wasm_memory"), nil
}

// An RMW is a read-modify-write operation.
type RMW int32

// Operations.
const (
	Add      RMW = 0
	Sub      RMW = 1
	And      RMW = 2
	Or       RMW = 3
	Xor      RMW = 4
	Exchange RMW = 5
)

func (m *Memory) atomicLoad(op string, width int, offset uint64) (uint64, error) {
	if err := m.reading(op); err != nil {
		return 0, err
	}
	defer m.leave()
	got := C.wmgo_memory_atomic_load(m.handle.pointer, C.int(width), C.uint64_t(offset))
	return uint64(got.value), failure(op, got.outcome)
}

func (m *Memory) atomicStore(op string, width int, offset, value uint64) error {
	if err := m.writing(op); err != nil {
		return err
	}
	defer m.leave()
	return failure(op, C.wmgo_memory_atomic_store(m.handle.pointer, C.int(width), C.uint64_t(offset), C.uint64_t(value)))
}

func (m *Memory) atomicRMW(op string, width int, operation RMW, offset, operand uint64) (uint64, error) {
	if err := m.writing(op); err != nil {
		return 0, err
	}
	defer m.leave()
	got := C.wmgo_memory_atomic_rmw(m.handle.pointer, C.int(width), C.int32_t(operation), C.uint64_t(offset),
		C.uint64_t(operand))
	return uint64(got.value), failure(op, got.outcome)
}

func (m *Memory) atomicCompare(op string, width int, offset, expected, replacement uint64) (uint64, error) {
	if err := m.writing(op); err != nil {
		return 0, err
	}
	defer m.leave()
	got := C.wmgo_memory_atomic_cmpxchg(m.handle.pointer, C.int(width), C.uint64_t(offset), C.uint64_t(expected),
		C.uint64_t(replacement))
	return uint64(got.value), failure(op, got.outcome)
}

// AtomicLoad8 loads atomically. Atomic operations are sequentially consistent and little-endian in memory, and the
// offset must be a multiple of the width.
func (m *Memory) AtomicLoad8(offset uint64) (uint8, error) {
	value, err := m.atomicLoad("Memory.AtomicLoad8", 8, offset)
	return uint8(value), err
}

// AtomicLoad16 loads atomically.
func (m *Memory) AtomicLoad16(offset uint64) (uint16, error) {
	value, err := m.atomicLoad("Memory.AtomicLoad16", 16, offset)
	return uint16(value), err
}

// AtomicLoad32 loads atomically.
func (m *Memory) AtomicLoad32(offset uint64) (uint32, error) {
	value, err := m.atomicLoad("Memory.AtomicLoad32", 32, offset)
	return uint32(value), err
}

// AtomicLoad64 loads atomically.
func (m *Memory) AtomicLoad64(offset uint64) (uint64, error) {
	return m.atomicLoad("Memory.AtomicLoad64", 64, offset)
}

// AtomicStore8 stores atomically.
func (m *Memory) AtomicStore8(offset uint64, value uint8) error {
	return m.atomicStore("Memory.AtomicStore8", 8, offset, uint64(value))
}

// AtomicStore16 stores atomically.
func (m *Memory) AtomicStore16(offset uint64, value uint16) error {
	return m.atomicStore("Memory.AtomicStore16", 16, offset, uint64(value))
}

// AtomicStore32 stores atomically.
func (m *Memory) AtomicStore32(offset uint64, value uint32) error {
	return m.atomicStore("Memory.AtomicStore32", 32, offset, uint64(value))
}

// AtomicStore64 stores atomically.
func (m *Memory) AtomicStore64(offset uint64, value uint64) error {
	return m.atomicStore("Memory.AtomicStore64", 64, offset, value)
}

// AtomicRMW8 replaces a number by what the operation makes of it, in one step, and returns the one before.
func (m *Memory) AtomicRMW8(operation RMW, offset uint64, operand uint8) (uint8, error) {
	value, err := m.atomicRMW("Memory.AtomicRMW8", 8, operation, offset, uint64(operand))
	return uint8(value), err
}

// AtomicRMW16 is AtomicRMW8 for 16 bits.
func (m *Memory) AtomicRMW16(operation RMW, offset uint64, operand uint16) (uint16, error) {
	value, err := m.atomicRMW("Memory.AtomicRMW16", 16, operation, offset, uint64(operand))
	return uint16(value), err
}

// AtomicRMW32 is AtomicRMW8 for 32 bits.
func (m *Memory) AtomicRMW32(operation RMW, offset uint64, operand uint32) (uint32, error) {
	value, err := m.atomicRMW("Memory.AtomicRMW32", 32, operation, offset, uint64(operand))
	return uint32(value), err
}

// AtomicRMW64 is AtomicRMW8 for 64 bits.
func (m *Memory) AtomicRMW64(operation RMW, offset, operand uint64) (uint64, error) {
	return m.atomicRMW("Memory.AtomicRMW64", 64, operation, offset, operand)
}

// CompareExchange8 replaces a number if it is the expected one, in one step, and returns the one before.
func (m *Memory) CompareExchange8(offset uint64, expected, replacement uint8) (uint8, error) {
	value, err := m.atomicCompare("Memory.CompareExchange8", 8, offset, uint64(expected), uint64(replacement))
	return uint8(value), err
}

// CompareExchange16 is CompareExchange8 for 16 bits.
func (m *Memory) CompareExchange16(offset uint64, expected, replacement uint16) (uint16, error) {
	value, err := m.atomicCompare("Memory.CompareExchange16", 16, offset, uint64(expected), uint64(replacement))
	return uint16(value), err
}

// CompareExchange32 is CompareExchange8 for 32 bits.
func (m *Memory) CompareExchange32(offset uint64, expected, replacement uint32) (uint32, error) {
	value, err := m.atomicCompare("Memory.CompareExchange32", 32, offset, uint64(expected), uint64(replacement))
	return uint32(value), err
}

// CompareExchange64 is CompareExchange8 for 64 bits.
func (m *Memory) CompareExchange64(offset, expected, replacement uint64) (uint64, error) {
	return m.atomicCompare("Memory.CompareExchange64", 64, offset, expected, replacement)
}

// AtomicFence orders what this goroutine does to memories before with what it does after, for all threads.
func AtomicFence() { C.wasm_memory_atomic_fence() }

// A WaitResult is how a wait went. The numbers are those of the specification.
type WaitResult int32

// Results of a wait.
const (
	WaitWoken    WaitResult = 0 // A notify woke the goroutine, and counted it.
	WaitMismatch WaitResult = 1 // Another number was there; the goroutine did not wait.
	WaitTimedOut WaitResult = 2 // The time was over before a notify came.
)

// Wait32 waits, if the number at the offset is the expected one, until a notify wakes the goroutine; for ever if the
// timeout is negative. It occupies a thread of the system meanwhile. InterruptWaiters and CloseWaiters end it with
// ErrInterrupted and ErrWaitersClosed; to have it follow a context, call InterruptWaiters from context.AfterFunc.
func (m *Memory) Wait32(offset uint64, expected uint32, timeout time.Duration) (WaitResult, error) {
	return m.wait("Memory.Wait32", 32, offset, uint64(expected), timeout)
}

// Wait64 is Wait32 for a 64-bit number.
func (m *Memory) Wait64(offset, expected uint64, timeout time.Duration) (WaitResult, error) {
	return m.wait("Memory.Wait64", 64, offset, expected, timeout)
}

func (m *Memory) wait(op string, width int, offset, expected uint64, timeout time.Duration) (WaitResult, error) {
	if err := m.any(op); err != nil {
		return 0, err
	}
	defer m.handle.leave()
	got := C.wmgo_memory_atomic_wait(m.handle.pointer, C.int(width), C.uint64_t(offset), C.uint64_t(expected),
		C.int64_t(timeout))
	return WaitResult(got.value), failure(op, got.outcome)
}

// NotifyAll is the count that wakes all.
const NotifyAll = ^uint32(0)

// Notify wakes those who have waited on the offset the longest, and returns how many it woke.
func (m *Memory) Notify(offset uint64, count uint32) (woken uint32, err error) {
	const op = "Memory.Notify"
	if err := m.writing(op); err != nil {
		return 0, err
	}
	defer m.leave()
	got := C.wmgo_memory_atomic_notify(m.handle.pointer, C.uint64_t(offset), C.uint32_t(count))
	return uint32(got.value), failure(op, got.outcome)
}

// InterruptWaiters ends every wait on the memory with ErrInterrupted, and returns how many there were.
func (m *Memory) InterruptWaiters() (interrupted uint32, err error) {
	const op = "Memory.InterruptWaiters"
	if err := m.any(op); err != nil {
		return 0, err
	}
	defer m.handle.leave()
	got := C.wmgo_memory_interrupt_waiters(m.handle.pointer)
	return uint32(got.value), failure(op, got.outcome)
}

// CloseWaiters ends every wait on the memory with ErrWaitersClosed, and every later one.
func (m *Memory) CloseWaiters() error {
	const op = "Memory.CloseWaiters"
	if err := m.any(op); err != nil {
		return err
	}
	defer m.handle.leave()
	return failure(op, C.wmgo_memory_close_waiters(m.handle.pointer))
}
