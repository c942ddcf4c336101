package wasmmemory

// #include "bridge.h"
import "C"

import (
	"runtime"
	"runtime/cgo"
	"unsafe"
)

// A Store is the owner of memories: it has their limits, their limiter and data of the host's. Memories live on when
// their store is closed, and keep its limits and limiter working.
type Store struct {
	handle  handle
	mayMove bool
}

func deleteStore(pointer unsafe.Pointer) { C.wasm_store_delete((*C.wasm_store_t)(pointer)) }

// Close gives the store up.
func (s *Store) Close() error {
	if s != nil && s.handle.close() {
		runtime.SetFinalizer(s, nil)
	}
	return nil
}

// MayMove is whether the store's engine was made with [WithMayMove].
func (s *Store) MayMove() bool { return s != nil && s.mayMove }

func (s *Store) enter(op string) error {
	if s == nil {
		return refusal(op, ErrNullArgument, "the store is nil")
	}
	return s.handle.enter(op)
}

// StoreStats is what a store's memories are together; sizes in bytes.
type StoreStats struct {
	Memories     uint64
	ByteLength   uint64
	PeakBytes    uint64 // The most that they had together.
	GrowCount    uint64
	GrowFailures uint64
}

// Stats adds up the live memories.
func (s *Store) Stats() (StoreStats, error) {
	const op = "Store.Stats"
	if err := s.enter(op); err != nil {
		return StoreStats{}, err
	}
	defer s.handle.leave()
	var raw C.wasm_store_stats_t
	if err := failure(op, C.wmgo_store_stats(s.handle.pointer, &raw)); err != nil {
		return StoreStats{}, err
	}
	return StoreStats{
		Memories: uint64(raw.memories), ByteLength: uint64(raw.byte_length), PeakBytes: uint64(raw.peak_bytes),
		GrowCount: uint64(raw.grow_count), GrowFailures: uint64(raw.grow_failures),
	}, nil
}

// NoLimit is the value of a limit that there is not.
const NoLimit = ^uint64(0)

// Limits are static limits of a store. NoLimit is none; so 0 allows nothing.
type Limits struct {
	MemoryBytes uint64 // That one memory may have.
	TotalBytes  uint64 // That all memories of the store may have together.
	Memories    uint64 // How many there may be.
}

// SetLimits limits the memories of the store; nil: no limits any more.
func (s *Store) SetLimits(limits *Limits) error {
	const op = "Store.SetLimits"
	if err := s.enter(op); err != nil {
		return err
	}
	defer s.handle.leave()
	if limits == nil {
		return failure(op, C.wmgo_store_limits_set(s.handle.pointer, false, 0, 0, 0))
	}
	return failure(op, C.wmgo_store_limits_set(s.handle.pointer, true, C.uint64_t(limits.MemoryBytes),
		C.uint64_t(limits.TotalBytes), C.uint64_t(limits.Memories)))
}

// SetData gives the store a value of the host's; nil: none.
func (s *Store) SetData(data any) error {
	if err := s.enter("Store.SetData"); err != nil {
		return err
	}
	defer s.handle.leave()
	C.wmgo_store_data_set(s.handle.pointer, C.uintptr_t(newHandle(data)))
	return nil
}

// Data is what SetData set last; nil without. It must not run at the same time as SetData.
func (s *Store) Data() any {
	if s == nil || !s.handle.open() {
		return nil
	}
	defer s.handle.leave()
	return valueOf(uintptr(C.wmgo_store_data(s.handle.pointer)))
}

func newHandle(value any) uintptr {
	if value == nil {
		return 0
	}
	return uintptr(cgo.NewHandle(value))
}

func valueOf(env uintptr) any {
	if env == 0 {
		return nil
	}
	return cgo.Handle(env).Value()
}

// NewMemory makes a memory of zeros. A shared type makes a shared memory.
func (s *Store) NewMemory(memoryType MemoryType) (*Memory, error) {
	const op = "Store.NewMemory"
	raw, err := memoryType.raw(op)
	if err != nil {
		return nil, err
	}
	if err := s.enter(op); err != nil {
		return nil, err
	}
	defer s.handle.leave()
	return newMemory(op, C.wmgo_memory_new(s.handle.pointer, raw))
}

// NewMemoryFromImage makes a memory that starts with an image.
func (s *Store) NewMemoryFromImage(memoryType MemoryType, image *Image) (*Memory, error) {
	const op = "Store.NewMemoryFromImage"
	raw, err := memoryType.raw(op)
	if err != nil {
		return nil, err
	}
	if err := s.enter(op); err != nil {
		return nil, err
	}
	defer s.handle.leave()
	if err := image.enter(op); err != nil {
		return nil, err
	}
	defer image.handle.leave()
	return newMemory(op, C.wmgo_memory_new_from_image(s.handle.pointer, raw, image.handle.pointer))
}

// NewMemoryAsync makes a memory when an asynchronous limiter has allowed it.
func (s *Store) NewMemoryAsync(memoryType MemoryType) (*Future, error) {
	const op = "Store.NewMemoryAsync"
	raw, err := memoryType.raw(op)
	if err != nil {
		return nil, err
	}
	if err := s.enter(op); err != nil {
		return nil, err
	}
	defer s.handle.leave()
	return newFuture(op, C.wmgo_memory_new_async(s.handle.pointer, raw))
}

// Obtain makes a handle of a shared memory in this store, whose limits and limiter decide on growth through it.
func (s *Store) Obtain(shared *SharedMemory) (*Memory, error) {
	const op = "Store.Obtain"
	if err := s.enter(op); err != nil {
		return nil, err
	}
	defer s.handle.leave()
	if err := shared.enter(op); err != nil {
		return nil, err
	}
	defer shared.handle.leave()
	return newMemory(op, C.wmgo_memory_obtain(s.handle.pointer, shared.handle.pointer))
}
