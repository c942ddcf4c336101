package wasmmemory

// #include "bridge.h"
import "C"

import (
	"os"
	"runtime"
	"runtime/cgo"
	"unsafe"
)

// An Engine is what memories are made under: options and a pool, shared by any number of goroutines.
type Engine struct {
	handle  handle
	mayMove bool
}

// Bounds is a strategy for accesses past the end.
type Bounds int32

// Strategies; see wasm_config_memory_bounds_set.
const (
	BoundsAuto    Bounds = 0 // Guarded when the host gives the address space, checked otherwise.
	BoundsGuarded Bounds = 1 // All that unchecked code can reach past the length faults, or creation fails.
	BoundsChecked Bounds = 2 // Code compares with the length; growth needs no system call.
)

// PoolOptions are the options of a pool. 0 is the default of each.
type PoolOptions struct {
	Slots             uint64 // The most memories that are kept or live in the pool; 1000.
	SlotBytes         uint64 // The largest memory that it serves; 4 GiB.
	KeepResidentBytes uint64 // What of a closed memory stays in physical memory for the next; 1 MiB.
	DecommitBatch     uint64 // How many closed memories may wait to be cleaned together; 16.
	Overflow          bool   // Make memories on demand that find no slot.
}

// An Option is an option of an engine.
type Option func(*C.wmgo_options)

// WithBounds chooses the bounds strategy. In Go, code that faults ends the process (unless it runs in a frame that
// Go knows, under debug.SetPanicOnFault): compiled code without checks needs a handler of the host's own.
func WithBounds(bounds Bounds) Option {
	return func(o *C.wmgo_options) { o.bounds, o.has_bounds = C.int32_t(bounds), true }
}

// WithReservation sets how many bytes of address space each memory reserves to grow into.
func WithReservation(bytes uint64) Option {
	return func(o *C.wmgo_options) { o.reservation, o.has_reservation = C.uint64_t(bytes), true }
}

// WithReservationForGrowth sets how much is reserved beyond the length when a memory moves.
func WithReservationForGrowth(bytes uint64) Option {
	return func(o *C.wmgo_options) {
		o.reservation_for_growth, o.has_reservation_for_growth = C.uint64_t(bytes), true
	}
}

// WithGuardSize sets how many bytes fault after the reservation.
func WithGuardSize(bytes uint64) Option {
	return func(o *C.wmgo_options) { o.guard_size, o.has_guard_size = C.uint64_t(bytes), true }
}

// WithoutGuardBefore leaves the guard before the memory out.
func WithoutGuardBefore() Option { return func(o *C.wmgo_options) { o.no_guard_before = true } }

// WithMayMove lets memories move when they outgrow their reservation. [Memory.Bytes] refuses those that may.
func WithMayMove() Option { return func(o *C.wmgo_options) { o.may_move = true } }

// WithHugePages asks the system for huge pages.
func WithHugePages() Option { return func(o *C.wmgo_options) { o.huge_pages = true } }

// WithExportable makes shared memories that other processes can have.
func WithExportable() Option { return func(o *C.wmgo_options) { o.exportable = true } }

// WithPool has the engine take its memories from a pool.
func WithPool(pool PoolOptions) Option {
	return func(o *C.wmgo_options) {
		o.has_pool = true
		o.pool.slots = C.uint64_t(pool.Slots)
		o.pool.slot_bytes = C.uint64_t(pool.SlotBytes)
		o.pool.keep_resident_bytes = C.uint64_t(pool.KeepResidentBytes)
		o.pool.decommit_batch = C.uint64_t(pool.DecommitBatch)
		o.pool.overflow = C.bool(pool.Overflow)
	}
}

// WithAllocator has the host make the memories.
func WithAllocator(allocator Allocator) Option {
	return func(o *C.wmgo_options) {
		if o.allocator != 0 {
			cgo.Handle(o.allocator).Delete()
		}
		o.allocator = C.uintptr_t(newHandle(allocator))
	}
}

// NewEngine makes an engine. An option with an absurd value is ErrInvalidArgument; the sentence names it.
func NewEngine(options ...Option) (*Engine, error) {
	var raw C.wmgo_options
	for _, option := range options {
		option(&raw)
	}
	made := C.wmgo_engine_new(raw)
	if err := failure("NewEngine", made.outcome); err != nil {
		return nil, err
	}
	engine := &Engine{mayMove: bool(raw.may_move)}
	return guard(engine, &engine.handle, made.pointer, deleteEngine), nil
}

func deleteEngine(pointer unsafe.Pointer) { C.wasm_engine_delete((*C.wasm_engine_t)(pointer)) }

// Close gives the engine up. Its stores and memories keep working; with the last of them its address space goes.
func (e *Engine) Close() error {
	if e != nil && e.handle.close() {
		runtime.SetFinalizer(e, nil)
	}
	return nil
}

// MayMove is whether the engine was made with [WithMayMove].
func (e *Engine) MayMove() bool { return e != nil && e.mayMove }

// NewStore makes a store.
func (e *Engine) NewStore() (*Store, error) {
	const op = "Engine.NewStore"
	if err := e.enter(op); err != nil {
		return nil, err
	}
	defer e.handle.leave()
	made := C.wmgo_store_new(e.handle.pointer)
	if err := failure(op, made.outcome); err != nil {
		return nil, err
	}
	store := &Store{mayMove: e.mayMove}
	return guard(store, &store.handle, made.pointer, deleteStore), nil
}

// NewSharedMemory makes a shared memory that belongs to no store yet.
func (e *Engine) NewSharedMemory(memoryType MemoryType) (*SharedMemory, error) {
	const op = "Engine.NewSharedMemory"
	raw, err := memoryType.raw(op)
	if err != nil {
		return nil, err
	}
	if err := e.enter(op); err != nil {
		return nil, err
	}
	defer e.handle.leave()
	return newShared(op, C.wmgo_engine_shared_memory_new(e.handle.pointer, raw))
}

// ImportSharedMemory makes a shared memory of a descriptor that [SharedMemory.Export] made, here or in another
// process. The file stays the caller's.
func (e *Engine) ImportSharedMemory(memoryType MemoryType, file *os.File) (*SharedMemory, error) {
	const op = "Engine.ImportSharedMemory"
	raw, err := memoryType.raw(op)
	if err != nil {
		return nil, err
	}
	if err := e.enter(op); err != nil {
		return nil, err
	}
	defer e.handle.leave()
	var made C.wmgo_pointer
	err = withDescriptor(op, file, func(descriptor uintptr) {
		made = C.wmgo_engine_shared_memory_import(e.handle.pointer, raw, C.intptr_t(descriptor))
	})
	if err != nil {
		return nil, err
	}
	return newShared(op, made)
}

// withDescriptor calls with a file's descriptor, which stays open so long. (Fd would make the file a blocking one.)
func withDescriptor(op string, file *os.File, call func(descriptor uintptr)) error {
	if file == nil {
		return refusal(op, ErrNullArgument, "the file is nil")
	}
	connection, err := file.SyscallConn()
	if err == nil {
		err = connection.Control(call)
	}
	if err != nil {
		return refusal(op, ErrIO, "the file %s: %v", file.Name(), err)
	}
	return nil
}

// EngineStats is what an engine's stores and memories are together; sizes in bytes.
type EngineStats struct {
	Stores         uint64
	Memories       uint64
	ByteLength     uint64
	ReservedBytes  uint64 // The address space of the memories.
	CommittedBytes uint64 // What of it is readable and writable now.
	Mappings       uint64 // How many mappings of the system they take.
}

// Stats adds up the live stores and memories.
func (e *Engine) Stats() (EngineStats, error) {
	const op = "Engine.Stats"
	if err := e.enter(op); err != nil {
		return EngineStats{}, err
	}
	defer e.handle.leave()
	var raw C.wasm_engine_stats_t
	if err := failure(op, C.wmgo_engine_stats(e.handle.pointer, &raw)); err != nil {
		return EngineStats{}, err
	}
	return EngineStats{
		Stores: uint64(raw.stores), Memories: uint64(raw.memories), ByteLength: uint64(raw.byte_length),
		ReservedBytes: uint64(raw.reserved_bytes), CommittedBytes: uint64(raw.committed_bytes),
		Mappings: uint64(raw.mappings),
	}, nil
}

// PoolStats is what an engine's idle memories are, and how often they were of use.
type PoolStats struct {
	Live          uint64 // Memories in slots.
	Warm          uint64 // Idle slots that have pages, or wait to be cleaned.
	Cold          uint64 // Idle slots without pages.
	Retired       uint64 // Slots given up, ever.
	Hits          uint64 // Memories made in an idle slot.
	Misses        uint64 // Memories that needed something new.
	ReservedBytes uint64 // The address space of all slots.
	ResidentBytes uint64 // What idle slots have in physical memory.
}

// PoolStats works with and without a pool.
func (e *Engine) PoolStats() (PoolStats, error) {
	const op = "Engine.PoolStats"
	if err := e.enter(op); err != nil {
		return PoolStats{}, err
	}
	defer e.handle.leave()
	var raw C.wasm_memory_pool_stats_t
	if err := failure(op, C.wmgo_engine_pool_stats(e.handle.pointer, &raw)); err != nil {
		return PoolStats{}, err
	}
	return PoolStats{
		Live: uint64(raw.live), Warm: uint64(raw.warm), Cold: uint64(raw.cold), Retired: uint64(raw.retired),
		Hits: uint64(raw.hits), Misses: uint64(raw.misses),
		ReservedBytes: uint64(raw.reserved_bytes), ResidentBytes: uint64(raw.resident_bytes),
	}, nil
}

// TrimPool gives back to the system what idle memories have.
func (e *Engine) TrimPool() error {
	const op = "Engine.TrimPool"
	if err := e.enter(op); err != nil {
		return err
	}
	defer e.handle.leave()
	return failure(op, C.wmgo_engine_pool_trim(e.handle.pointer))
}

func (e *Engine) enter(op string) error {
	if e == nil {
		return refusal(op, ErrNullArgument, "the engine is nil")
	}
	return e.handle.enter(op)
}
