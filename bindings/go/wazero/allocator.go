// Package wazeromemory has wazero make its linear memories with wasm_memory.
//
//	allocator, err := wazeromemory.NewAllocator(store, wazeromemory.Options{})
//	module, err := allocator.Instantiate(ctx, runtime, compiled, wazero.NewModuleConfig())
//	memory, err := allocator.Memory(module) // a *wasmmemory.Memory: Snapshot, DirtyRanges, Stats ...
//
// The base of such a memory never moves, shared or not, and growth copies nothing. Limits and limiter of the store
// decide on each creation and growth; with an engine that has a pool, a module that is closed leaves its memory to the
// next.
//
// wazero compares every access with the length, so an engine with BoundsChecked fits it best. It keeps the length by
// itself: use [Allocator.Reset] and not the memory's own Reset, and let the guest or wazero's Memory.Grow make it grow.
//
// # Closing modules
//
// wazero gives a memory back when a module that uses it is closed, and does not look who else uses it. So:
//
//   - Close a module when none of its functions runs any more. (To stop one that runs, cancel its context, with
//     wazero.NewRuntimeConfig().WithCloseOnContextDone(true).)
//   - Close modules that are linked to each other through tables together, or close the runtime.
//   - A module that imports the memory of another gives that one's memory back when it is closed.
//     [Allocator.Instantiate] knows who uses a memory, and keeps it until all are closed; but wazero then no longer
//     asks the allocator to grow it: an unshared memory moves to Go's heap at its next growth, a shared one grows no
//     more.
//
// Hosts that cannot promise the first two set [Options.FreeByCollector].
package wazeromemory

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
	"weak"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"wasmmemory"
)

const (
	pageBytes    = wasmmemory.DefaultPageSize
	largestBytes = uint64(65536) * pageBytes
)

// Options are the options of an allocator.
type Options struct {
	// Shared makes shared memories, for modules of the threads proposal, so that several goroutines may use them through
	// our API as well. (wazero does not say which memories are shared; all of this allocator's then are, for us. Wait and
	// notify of the guest are wazero's own, and do not meet those of wasmmemory.)
	Shared bool

	// FreeByCollector keeps a memory, after its module was closed, until the garbage collector finds that nobody can run
	// on it any more. It is for hosts that close modules whose functions still run or are in other modules' tables.
	// It works for modules that [Allocator.Instantiate] makes.
	FreeByCollector bool

	// Failed hears of each memory that could not be made or grown, with the reason, in the goroutine that asked: the
	// guest is only told -1.
	Failed func(error)
}

// An Allocator is an experimental.MemoryAllocator that makes memories in a store. Any number of goroutines may use one.
type Allocator struct {
	store   *wasmmemory.Store
	options Options

	made      atomic.Uint64
	abandoned atomic.Int64 // memories that wait for the garbage collector

	lock   sync.Mutex
	byBase map[uintptr]weak.Pointer[block]
}

var _ experimental.MemoryAllocator = (*Allocator)(nil)

// NewAllocator makes an allocator. The store stays the caller's and must be open as long as modules are instantiated.
func NewAllocator(store *wasmmemory.Store, options Options) (*Allocator, error) {
	if store == nil {
		return nil, fmt.Errorf("wazeromemory: NewAllocator: the store is nil: %w", wasmmemory.ErrNullArgument)
	}
	if store.MayMove() {
		return nil, fmt.Errorf("wazeromemory: NewAllocator: the store's engine was made WithMayMove, and wazero's "+
			"users hold slices of memories, which must not move: leave the option out: %w", wasmmemory.ErrUnsupported)
	}
	return &Allocator{store: store, options: options, byBase: map[uintptr]weak.Pointer[block]{}}, nil
}

// Made is how many memories the allocator has made.
func (a *Allocator) Made() uint64 { return a.made.Load() }

// An AllocationError is what Allocate panics with when wazero's first request for a memory cannot be met: wazero has no
// way to be told so. [Allocator.Instantiate] returns it as an error; hosts that instantiate by themselves use
// [Recover].
type AllocationError struct{ Err error }

func (e *AllocationError) Error() string {
	return "wazeromemory: no memory for the module: " + e.Err.Error()
}

// Unwrap is the reason.
func (e *AllocationError) Unwrap() error { return e.Err }

// Recover turns the panic of a failed allocation into an error; every other panic goes on. It is to be deferred:
//
//	defer wazeromemory.Recover(&err)
//	module, err = runtime.InstantiateModule(wazeromemory.With(ctx, allocator), compiled, config)
func Recover(err *error) {
	switch value := recover().(type) {
	case nil:
	case *AllocationError:
		*err = value
	default:
		panic(value)
	}
}

// With is a context under which wazero's own functions instantiate modules with the allocator.
func With(ctx context.Context, allocator *Allocator) context.Context {
	return experimental.WithMemoryAllocator(ctx, allocator)
}

// Allocate is for wazero.
func (a *Allocator) Allocate(capacity, maximum uint64) experimental.LinearMemory {
	if maximum%pageBytes != 0 || maximum > largestBytes || capacity > maximum {
		a.refuse(fmt.Errorf("wazero asks for a memory of %d bytes that can grow to %d: not whole pages of %d bytes, or more "+
			"than %d: %w", capacity, maximum, pageBytes, largestBytes, wasmmemory.ErrInvalidArgument))
	}
	// How large it is at first, the first Reallocate says.
	return &linear{block: &block{allocator: a, maximum: maximum}}
}

func (a *Allocator) refuse(err error) {
	a.failed(err)
	panic(&AllocationError{Err: err})
}

func (a *Allocator) failed(err error) {
	if a.options.Failed != nil {
		a.options.Failed(err)
	}
}

// newMemory makes a memory. If there is no room, memories that only wait for the garbage collector may have it: a
// guest whose start function traps leaves one behind each time.
func (a *Allocator) newMemory(memoryType wasmmemory.MemoryType) (*wasmmemory.Memory, error) {
	memory, err := a.store.NewMemory(memoryType)
	for attempt := 0; attempt < 10 && a.abandoned.Load() > 0 && noRoom(err); attempt++ {
		runtime.GC()
		// Cleanups and finalizers run in goroutines of their own.
		time.Sleep(time.Millisecond << min(attempt, 4))
		memory, err = a.store.NewMemory(memoryType)
	}
	return memory, err
}

func noRoom(err error) bool {
	return errors.Is(err, wasmmemory.ErrOutOfMemory) || errors.Is(err, wasmmemory.ErrLimitDenied)
}

// block is one memory. Whoever may still run on the memory keeps the block; nothing in it leads back to them.
type block struct {
	allocator *Allocator
	maximum   uint64

	lock      sync.Mutex
	memory    *wasmmemory.Memory // nil until the first Reallocate
	lent      *wasmmemory.Memory // another reference, for the host: it may close it, and the guest is not concerned
	base      uintptr
	freed     bool // by wazero
	held      bool // by wazero's object of the memory, too: closed when that is garbage
	abandoned bool // counted as one that waits for the garbage collector
	linear    weak.Pointer[linear]
	object    uintptr // wazero's object of the memory, once somebody asked; only compared
}

// linear is a block as wazero sees it, until it frees it. It never frees that of a module which failed to be
// instantiated: then the memory is closed when the block is garbage, by the finalizer that every Memory has.
type linear struct {
	*block
	users []api.Module // those that Instantiate knows; under the block's lock
}

// Reallocate is for wazero: nil where the memory cannot be made so large.
func (l *linear) Reallocate(size uint64) []byte {
	l.lock.Lock()
	first := l.memory == nil && !l.freed
	bytes, err := l.reallocate(size)
	l.lock.Unlock()
	if err != nil {
		if first {
			l.allocator.refuse(err)
		}
		l.allocator.failed(err)
		return nil
	}
	return bytes
}

func (l *linear) reallocate(size uint64) ([]byte, error) {
	if l.freed {
		return nil, fmt.Errorf("wazeromemory: wazero asks for %d bytes of a memory that it has freed: %w", size,
			wasmmemory.ErrHandleClosed)
	}
	if size > l.maximum {
		return nil, fmt.Errorf("wazeromemory: wazero asks for %d bytes of a memory whose maximum is %d: %w", size, l.maximum,
			wasmmemory.ErrMaximumExceeded)
	}
	if size%pageBytes != 0 {
		return nil, fmt.Errorf("wazeromemory: wazero asks for %d bytes, which are no whole pages of %d: %w", size, pageBytes,
			wasmmemory.ErrInvalidArgument)
	}
	if l.memory == nil {
		if err := l.make(size); err != nil {
			return nil, err
		}
	} else if now := l.memory.Size(); size > now {
		if _, err := l.memory.Grow((size - now) / pageBytes); err != nil {
			return nil, err
		}
	}
	bytes, err := l.memory.Bytes()
	if err != nil {
		return nil, err
	}
	// No capacity beyond the length: what is there may fault.
	return bytes[:size:size], nil
}

func (l *linear) make(size uint64) error {
	memory, err := l.allocator.newMemory(wasmmemory.MemoryType{
		Minimum: size / pageBytes, Maximum: l.maximum / pageBytes, HasMaximum: true, Shared: l.allocator.options.Shared,
	})
	if err != nil {
		return err
	}
	bytes, err := memory.Bytes()
	if err != nil {
		memory.Close()
		return err
	}
	memory.KeepSize()
	l.memory, l.base = memory, uintptr(unsafe.Pointer(unsafe.SliceData(bytes)))
	l.linear = weak.Make(l)
	l.allocator.made.Add(1)
	l.allocator.enlist(l.block)
	return nil
}

func (a *Allocator) enlist(b *block) {
	entry, base := weak.Make(b), b.base
	a.lock.Lock()
	a.byBase[base] = entry
	a.lock.Unlock()
	runtime.AddCleanup(b, func(entry weak.Pointer[block]) { a.strike(base, entry) }, entry)
}

func (a *Allocator) strike(base uintptr, entry weak.Pointer[block]) {
	a.lock.Lock()
	defer a.lock.Unlock()
	if a.byBase[base] == entry {
		delete(a.byBase, base)
	}
}

// Free is for wazero: the memory goes back to the engine, and to its pool.
func (l *linear) Free() {
	l.lock.Lock()
	defer l.lock.Unlock()
	if l.freed {
		return
	}
	l.freed = true
	if l.memory == nil {
		return
	}
	if l.held && (l.allocator.options.FreeByCollector || l.inUse()) {
		l.wait()
		return
	}
	l.close()
}

// close and wait are called under the lock.
func (b *block) close() {
	b.allocator.strike(b.base, weak.Make(b))
	b.memory.Close()
	b.lent.Close()
	if b.abandoned {
		b.abandoned = false
		b.allocator.abandoned.Add(-1)
	}
}

func (b *block) wait() {
	if !b.abandoned {
		b.abandoned = true
		b.allocator.abandoned.Add(1)
	}
}

// inUse is whether a module uses the memory that is not closed. (The one that is being closed says so already.)
func (l *linear) inUse() bool {
	for _, module := range l.users {
		if !module.IsClosed() {
			return true
		}
	}
	return false
}

// use notes that a module uses the memory. What is not freed with the last of them goes when wazero's own object of the
// memory is garbage, which all have who can run on it.
func (b *block) use(module api.Module, memory api.Memory) {
	b.lock.Lock()
	defer b.lock.Unlock()
	if l := b.linear.Value(); l != nil {
		l.users = append(slices.DeleteFunc(l.users, api.Module.IsClosed), module)
	}
	if !b.held {
		b.held = true
		object := (*byte)(reflect.ValueOf(memory).UnsafePointer())
		runtime.AddCleanup(object, func(b *block) {
			b.lock.Lock()
			defer b.lock.Unlock()
			b.close()
		}, b)
	}
}

// A call is one call of Instantiate: it notes what wazero allocates meanwhile.
type call struct {
	allocator *Allocator
	lock      sync.Mutex
	made      []*linear
}

func (c *call) Allocate(capacity, maximum uint64) experimental.LinearMemory {
	made := c.allocator.Allocate(capacity, maximum)
	c.lock.Lock()
	c.made = append(c.made, made.(*linear))
	c.lock.Unlock()
	return made
}

// Instantiate instantiates a module whose memory, if it has one of its own, this allocator makes. If that cannot be
// made it returns an *[AllocationError]. It is to be used for modules that import such a memory, too.
func (a *Allocator) Instantiate(ctx context.Context, r wazero.Runtime, compiled wazero.CompiledModule,
	config wazero.ModuleConfig) (module api.Module, err error) {
	noted := &call{allocator: a}
	defer func() {
		if err != nil {
			// What was made before the failure, functions in other modules' tables may still run on.
			noted.lock.Lock()
			defer noted.lock.Unlock()
			for _, l := range noted.made {
				a.abandon(l)
			}
		}
	}()
	defer Recover(&err)
	module, err = r.InstantiateModule(experimental.WithMemoryAllocator(ctx, noted), compiled, config)
	if err != nil {
		return nil, err
	}
	if memory := memoryOf(module); memory != nil {
		if b := a.find(module, memory); b != nil {
			b.use(module, memory)
		}
	}
	return module, nil
}

// abandon counts a memory that wazero will not free.
func (a *Allocator) abandon(l *linear) {
	l.lock.Lock()
	defer l.lock.Unlock()
	if l.memory == nil || l.freed || l.held {
		return
	}
	a.abandoned.Add(1)
	runtime.AddCleanup(l.block, func(a *Allocator) { a.abandoned.Add(-1) }, a)
}

// memoryOf is a module's memory, nil if it has none. (wazero gives an interface with a nil pointer in it.)
func memoryOf(module api.Module) api.Memory {
	if module == nil {
		return nil
	}
	memory := module.Memory()
	if memory == nil || reflect.ValueOf(memory).IsNil() {
		return nil
	}
	return memory
}

// find looks up the memory by its base, which no two live ones share and which never moves. wazero's object of a memory
// that was freed has the base still, where another memory may be now: that one has another object.
func (a *Allocator) find(module api.Module, memory api.Memory) *block {
	start, ok := memory.Read(0, 0)
	if !ok {
		return nil
	}
	base := uintptr(unsafe.Pointer(unsafe.SliceData(start)))
	a.lock.Lock()
	b := a.byBase[base].Value()
	a.lock.Unlock()
	if b == nil {
		return nil
	}
	object := uintptr(reflect.ValueOf(memory).UnsafePointer())
	b.lock.Lock()
	defer b.lock.Unlock()
	if b.object == 0 && !module.IsClosed() {
		b.object = object
	}
	if b.object != object {
		return nil
	}
	return b
}

// Memory is the memory of a module, its own or the one that it imports. It is closed with the module: Clone it to keep
// it longer. Let wazero grow it, and reset it by Reset of the allocator.
func (a *Allocator) Memory(module api.Module) (_ *wasmmemory.Memory, err error) {
	memory := memoryOf(module)
	if memory == nil {
		return nil, fmt.Errorf("wazeromemory: Allocator.Memory: the module has no memory: %w", wasmmemory.ErrInvalidArgument)
	}
	b := a.find(module, memory)
	if b == nil {
		return nil, fmt.Errorf("wazeromemory: Allocator.Memory: the memory of module %q is not one of this allocator's, or "+
			"was freed: %w", module.Name(), wasmmemory.ErrInvalidArgument)
	}
	b.lock.Lock()
	defer b.lock.Unlock()
	if !b.lent.Same(b.memory) {
		// There was none yet, or the host closed it.
		if b.lent, err = b.memory.Clone(); err != nil {
			return nil, err
		}
	}
	return b.lent, nil
}

// Reset brings the memory of a module back to an image, or to zeros (nil), at the cost of the pages that were written.
// Its size stays, or becomes that of a snapshot that is larger: wazero's memories do not shrink. Globals and tables are
// wazero's, and stay as they are. No function of the module may run meanwhile.
//
// Should the memory not get its size back (a limiter refuses, the system has no room) the module is closed.
func (a *Allocator) Reset(ctx context.Context, module api.Module, image *wasmmemory.Image) error {
	memory, err := a.Memory(module)
	if err != nil {
		return err
	}
	guest := memoryOf(module)
	pages, _ := guest.Grow(0)
	err = memory.ResetKeepingSize(image)
	now := memory.Pages()
	if now < uint64(pages) {
		return errors.Join(fmt.Errorf("wazeromemory: Allocator.Reset: the module was closed: %w", err), module.Close(ctx))
	}
	if err == nil && now > uint64(pages) {
		if _, ok := guest.Grow(uint32(now - uint64(pages))); !ok {
			return fmt.Errorf("wazeromemory: Allocator.Reset: wazero does not take the %d pages of the snapshot: %w", now,
				wasmmemory.ErrMaximumExceeded)
		}
	}
	return err
}
