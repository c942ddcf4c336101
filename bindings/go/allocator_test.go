//go:build unix

package wasmmemory_test

import (
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"unsafe"

	. "wasmmemory"
)

// mapped is a memory of the host's: a mapping that has room for the maximum.
type mapped struct {
	bytes   []byte
	size    uintptr
	refuses error
	lies    bool
	closed  *atomic.Int32
}

func (m *mapped) Size() uintptr            { return m.size }
func (m *mapped) Maximum() (uintptr, bool) { return uintptr(len(m.bytes)), true }
func (m *mapped) Base() unsafe.Pointer     { return unsafe.Pointer(unsafe.SliceData(m.bytes)) }
func (m *mapped) Accessible() (unsafe.Pointer, uintptr) {
	return m.Base(), uintptr(len(m.bytes))
}
func (m *mapped) Grow(size uintptr) error {
	if m.refuses != nil {
		return m.refuses
	}
	if !m.lies {
		m.size = size
	}
	return nil
}
func (m *mapped) Close() {
	syscall.Munmap(m.bytes)
	m.closed.Add(1)
	// Nobody is there to hear of it, and no other call is to be blamed.
	panic("in Close")
}

type mapper struct {
	last    *mapped
	refuses error
	panics  any
	closed  atomic.Int32
	asked   []HostRequest
}

func (a *mapper) NewMemory(request HostRequest) (HostMemory, error) {
	a.asked = append(a.asked, request)
	if a.panics != nil {
		panic(a.panics)
	}
	if a.refuses != nil {
		return nil, a.refuses
	}
	bytes, err := syscall.Mmap(-1, 0, int(request.Maximum), syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return nil, err
	}
	a.last = &mapped{bytes: bytes, size: request.Minimum, closed: &a.closed}
	return a.last, nil
}

func TestHostMadeMemories(t *testing.T) {
	allocator := &mapper{}
	engine := must(NewEngine(WithAllocator(allocator)))(t)
	store := must(engine.NewStore())(t)
	memory := must(store.NewMemory(Pages(1, 4)))(t)
	equal(t, len(allocator.asked), 1)
	equal(t, allocator.asked[0], HostRequest{
		Type: MemoryType{Minimum: 1, Maximum: 4, HasMaximum: true, PageSize: 65536}, Minimum: 65536, Maximum: 4 * 65536,
		HasMaximum: true,
	})
	ok(t, memory.Write(65530, []byte("hosted")))
	equal(t, string(allocator.last.bytes[65530:65536]), "hosted")
	equal(t, must(memory.Grow(2))(t), 1)
	equal(t, len(must(memory.Bytes())(t)), 3*65536)

	reason := errors.New("the arena is full")
	allocator.last.refuses = reason
	_, err := memory.Grow(1)
	fails(t, err, ErrOutOfMemory, "the arena is full")
	fails(t, err, reason)
	allocator.last.refuses = ErrLimitDenied
	_, err = memory.Grow(1)
	fails(t, err, ErrLimitDenied)
	allocator.last.refuses = nil
	allocator.last.lies = true
	_, err = memory.Grow(1)
	fails(t, err, ErrHostContract, "byte_size", "196608", "262144")
	equal(t, memory.Pages(), 3)

	allocator.refuses = reason
	_, err = store.NewMemory(Pages(1, 4))
	fails(t, err, ErrOutOfMemory, "the arena is full")
	allocator.panics = "no arena"
	_, err = store.NewMemory(Pages(1, 4))
	fails(t, err, ErrHostContract, "a callback panicked: no arena")
	_, err = store.NewMemory(SharedPages(1, 4))
	fails(t, err, ErrUnsupported)

	engine.Close()
	store.Close()
	equal(t, allocator.closed.Load(), 0)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	memory.Close()
	equal(t, allocator.closed.Load(), 1)
	err = Pages(5, 2).Validate()
	fails(t, err, ErrInvalidType)
	equal(t, strings.Contains(err.Error(), "panicked"), false)
}
