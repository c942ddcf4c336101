package wasmmemory

// #include "bridge.h"
import "C"

import (
	"runtime"
	"sync/atomic"
	"unsafe"
)

// A Memory is a reference to a linear memory, which lives until its last reference is closed. Unless it is shared, it
// is for one goroutine at a time, or any number that only read.
type Memory struct {
	handle  handle
	witness witness
	shared  bool
	// keepsSize: something else relies on the length, so Reset must not make it smaller.
	keepsSize atomic.Bool
}

func newMemory(op string, made C.wmgo_pointer) (*Memory, error) {
	if err := failure(op, made.outcome); err != nil {
		return nil, err
	}
	memory := &Memory{}
	var stats C.wasm_memory_stats_t
	// Not as far as resident_bytes, which would be counted.
	stats.struct_size = C.size_t(unsafe.Offsetof(stats.resident_bytes))
	if err := failure(op, C.wmgo_memory_stats(made.pointer, &stats)); err != nil {
		deleteMemory(made.pointer)
		return nil, err
	}
	memory.shared = bool(stats.shared)
	memory.watch(nil)
	return guard(memory, &memory.handle, made.pointer, deleteMemory), nil
}

func deleteMemory(pointer unsafe.Pointer) { C.wasm_memory_delete((*C.wasm_memory_t)(pointer)) }

// Close gives this reference up. With the last one the memory goes, and slices of its bytes must not be used any more.
func (m *Memory) Close() error {
	if m != nil && m.handle.close() {
		runtime.SetFinalizer(m, nil)
	}
	return nil
}

// reading begins a call that leaves the memory as it is, writing one that may change it; leave ends both.
func (m *Memory) reading(op string) error {
	if m == nil {
		return refusal(op, ErrNullArgument, "the memory is nil")
	}
	if err := m.handle.enter(op); err != nil {
		return err
	}
	m.witness.reads()
	return nil
}

func (m *Memory) writing(op string) error {
	if m == nil {
		return refusal(op, ErrNullArgument, "the memory is nil")
	}
	if err := m.handle.enter(op); err != nil {
		return err
	}
	m.witness.writes()
	return nil
}

// any begins a call that any goroutine may make at any time.
func (m *Memory) any(op string) error {
	if m == nil {
		return refusal(op, ErrNullArgument, "the memory is nil")
	}
	return m.handle.enter(op)
}

// Once more after the handle's atomic operation: those put goroutines in an order that the memory does not, and would
// hide from the race detector what came before them.
func (m *Memory) leave() {
	m.handle.leave()
	m.witness.reads()
}

func (m *Memory) raw() *C.wasm_memory_t { return (*C.wasm_memory_t)(m.handle.pointer) }

// Clone makes another reference to the same memory, to be closed on its own.
func (m *Memory) Clone() (*Memory, error) {
	const op = "Memory.Clone"
	if err := m.any(op); err != nil {
		return nil, err
	}
	defer m.handle.leave()
	made := C.wmgo_memory_copy(m.handle.pointer)
	if err := failure(op, made.outcome); err != nil {
		return nil, err
	}
	clone := &Memory{shared: m.shared}
	clone.keepsSize.Store(m.keepsSize.Load())
	clone.watch(m)
	return guard(clone, &clone.handle, made.pointer, deleteMemory), nil
}

// Same is whether two references are to one memory; false if one is closed.
func (m *Memory) Same(other *Memory) bool {
	if m.any("") != nil {
		return false
	}
	defer m.handle.leave()
	if other.any("") != nil {
		return false
	}
	defer other.handle.leave()
	return bool(C.wasm_memory_same(m.raw(), other.raw()))
}

// Shared is whether several goroutines may use the memory at once.
func (m *Memory) Shared() bool { return m != nil && m.shared }

// Type is the type of the memory as it is now: its present size is the minimum.
func (m *Memory) Type() (MemoryType, error) {
	const op = "Memory.Type"
	if err := m.reading(op); err != nil {
		return MemoryType{}, err
	}
	defer m.leave()
	var raw C.wmgo_type
	if err := failure(op, C.wmgo_memory_type(m.handle.pointer, &raw)); err != nil {
		return MemoryType{}, err
	}
	return typeOf(raw), nil
}

// Pages is the size in pages; 0 once closed.
func (m *Memory) Pages() uint64 {
	if m.reading("") != nil {
		return 0
	}
	defer m.leave()
	return uint64(C.wasm_memory_pages(m.raw()))
}

// Size is the size in bytes; 0 once closed.
func (m *Memory) Size() uint64 {
	if m.reading("") != nil {
		return 0
	}
	defer m.leave()
	return uint64(C.wasm_memory_data_size(m.raw()))
}

// PageSize is the size of one page in bytes, 65536 or 1; 0 once closed.
func (m *Memory) PageSize() uint64 {
	if m.reading("") != nil {
		return 0
	}
	defer m.leave()
	return uint64(C.wasm_memory_page_size(m.raw()))
}

// InitialPages is the size that the memory was made with, in pages; 0 once closed.
func (m *Memory) InitialPages() uint64 {
	if m.reading("") != nil {
		return 0
	}
	defer m.leave()
	return uint64(C.wasm_memory_initial_pages(m.raw()))
}

// MayMove is whether some growth may move the memory; false once closed.
func (m *Memory) MayMove() bool {
	if m.reading("") != nil {
		return false
	}
	defer m.leave()
	return bool(C.wasm_memory_may_move(m.raw()))
}

// View is the address of the wasm_memory_view_t of the memory, for compiled code: base at offset 0, length at 8 (on
// 64-bit systems). It is valid until the last reference is closed; nil once this one is.
func (m *Memory) View() unsafe.Pointer {
	if m.reading("") != nil {
		return nil
	}
	defer m.leave()
	return unsafe.Pointer(C.wasm_memory_view(m.raw()))
}

// Accessible is the range of addresses that is the memory's own, guards included: faults in it concern this memory.
func (m *Memory) Accessible() (start, length uintptr, err error) {
	const op = "Memory.Accessible"
	if err := m.reading(op); err != nil {
		return 0, 0, err
	}
	defer m.leave()
	var first C.uintptr_t
	var bytes C.size_t
	if err := failure(op, C.wmgo_memory_accessible(m.handle.pointer, &first, &bytes)); err != nil {
		return 0, 0, err
	}
	return uintptr(first), uintptr(bytes), nil
}

// StoreData is the data of the store in which this reference was made, which may be closed.
func (m *Memory) StoreData() (any, error) {
	const op = "Memory.StoreData"
	if err := m.reading(op); err != nil {
		return nil, err
	}
	defer m.leave()
	var data C.uintptr_t
	if err := failure(op, C.wmgo_memory_store_data(m.handle.pointer, &data)); err != nil {
		return nil, err
	}
	return valueOf(uintptr(data)), nil
}

// SetHostInfo attaches a value of the host's to the memory, not to this reference; nil: none. It is let go with the
// memory.
func (m *Memory) SetHostInfo(info any) error {
	if err := m.any("Memory.SetHostInfo"); err != nil {
		return err
	}
	defer m.handle.leave()
	C.wmgo_memory_host_info_set(m.handle.pointer, C.uintptr_t(newHandle(info)))
	return nil
}

// HostInfo is what SetHostInfo attached last, through whichever reference; nil without, or once closed. It must not run
// at the same time as SetHostInfo.
func (m *Memory) HostInfo() any {
	if m.any("") != nil {
		return nil
	}
	defer m.handle.leave()
	return valueOf(uintptr(C.wmgo_memory_host_info(m.handle.pointer)))
}

// Grow grows the memory by pages of zeros and reports how many it had. On failure nothing has changed.
func (m *Memory) Grow(deltaPages uint64) (previousPages uint64, err error) {
	const op = "Memory.Grow"
	if err := m.writing(op); err != nil {
		return 0, err
	}
	defer m.leave()
	grown := C.wmgo_memory_grow(m.handle.pointer, C.uint64_t(deltaPages))
	return uint64(grown.value), failure(op, grown.outcome)
}

// GrowAsync grows the memory when an asynchronous limiter of its store has allowed it.
func (m *Memory) GrowAsync(deltaPages uint64) (*Future, error) {
	const op = "Memory.GrowAsync"
	if err := m.writing(op); err != nil {
		return nil, err
	}
	defer m.leave()
	return newFuture(op, C.wmgo_memory_grow_async(m.handle.pointer, C.uint64_t(deltaPages)))
}

// Share makes a token of a shared memory, for other stores.
func (m *Memory) Share() (*SharedMemory, error) {
	const op = "Memory.Share"
	if err := m.any(op); err != nil {
		return nil, err
	}
	defer m.handle.leave()
	return newShared(op, C.wmgo_memory_share(m.handle.pointer))
}

// MemoryStats is what a memory is made of, and what has happened to it; sizes in bytes.
type MemoryStats struct {
	ByteLength        uint64
	ReservedBytes     uint64 // What it can grow to; it never moves within.
	GuardBytes        uint64 // What faults after the reservation.
	CommittedBytes    uint64 // What is readable and writable now.
	PeakBytes         uint64 // The largest length so far.
	GrowCount         uint64
	GrowFailures      uint64
	Waiters           uint64 // Threads that wait on the memory, of all processes.
	MapAlignmentBytes uint64 // What offsets and lengths of mappings must be multiples of.
	Bounds            Bounds
	MayMove           bool
	Shared            bool
	ResidentBytes     uint64 // What is in physical memory; counted by DetailedStats alone.
	DirtyGranuleBytes uint64 // What the ranges of DirtyRanges are multiples of; told by DetailedStats alone.
}

// Stats leaves out what takes time to count.
func (m *Memory) Stats() (MemoryStats, error) {
	var raw C.wasm_memory_stats_t
	raw.struct_size = C.size_t(unsafe.Offsetof(raw.resident_bytes))
	return m.stats("Memory.Stats", &raw)
}

// DetailedStats has everything.
func (m *Memory) DetailedStats() (MemoryStats, error) {
	var raw C.wasm_memory_stats_t
	raw.struct_size = C.size_t(unsafe.Sizeof(raw))
	return m.stats("Memory.DetailedStats", &raw)
}

func (m *Memory) stats(op string, raw *C.wasm_memory_stats_t) (MemoryStats, error) {
	if err := m.reading(op); err != nil {
		return MemoryStats{}, err
	}
	defer m.leave()
	if err := failure(op, C.wmgo_memory_stats(m.handle.pointer, raw)); err != nil {
		return MemoryStats{}, err
	}
	return MemoryStats{
		ByteLength: uint64(raw.byte_length), ReservedBytes: uint64(raw.reserved_bytes),
		GuardBytes: uint64(raw.guard_bytes), CommittedBytes: uint64(raw.committed_bytes),
		PeakBytes: uint64(raw.peak_bytes), GrowCount: uint64(raw.grow_count), GrowFailures: uint64(raw.grow_failures),
		Waiters: uint64(raw.waiters), MapAlignmentBytes: uint64(raw.map_alignment_bytes),
		Bounds: Bounds(raw.bounds), MayMove: bool(raw.may_move), Shared: bool(raw.shared),
		ResidentBytes: uint64(raw.resident_bytes), DirtyGranuleBytes: uint64(raw.dirty_granule_bytes),
	}, nil
}
