package wasmmemory_test

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	. "wasmmemory"
)

func TestVersion(t *testing.T) {
	if strings.Count(Version(), ".") != 2 {
		t.Fatalf("the version is %q", Version())
	}
}

func TestTypes(t *testing.T) {
	for _, memoryType := range []MemoryType{
		Pages(0, 0), Pages(1, 65536), PagesFrom(65536), SharedPages(1, 2),
		{Minimum: 1 << 48, Index64: true}, {Minimum: 5, Maximum: 9, HasMaximum: true, PageSize: 1},
	} {
		ok(t, memoryType.Validate())
	}
	fails(t, Pages(5, 2).Validate(), ErrInvalidType, "2 pages", "5 pages", "WASM_MEMORY_INVALID_TYPE")
	fails(t, PagesFrom(65537).Validate(), ErrInvalidType, "65537")
	fails(t, MemoryType{Minimum: 1, Shared: true}.Validate(), ErrInvalidType, "needs a maximum")
	fails(t, MemoryType{Minimum: 1, Maximum: 7}.Validate(), ErrInvalidType, "Maximum is 7", "HasMaximum")
	fails(t, MemoryType{PageSize: 4096}.Validate(), ErrInvalidType, "PageSize is 4096")

	equal(t, Pages(3, 5).Matches(Pages(2, 6)), true)
	equal(t, Pages(1, 5).Matches(Pages(2, 6)), false)
	equal(t, Pages(3, 5).Matches(Pages(2, 4)), false)
	equal(t, PagesFrom(3).Matches(Pages(2, 4)), false)
	equal(t, SharedPages(3, 4).Matches(Pages(2, 4)), false)
	equal(t, Pages(5, 2).Matches(PagesFrom(0)), false)
}

func TestGrowth(t *testing.T) {
	memory := newMemory(t, Pages(1, 10))
	equal(t, memory.Pages(), 1)
	equal(t, memory.Size(), 65536)
	equal(t, memory.PageSize(), 65536)
	equal(t, memory.MayMove(), false)
	equal(t, memory.Shared(), false)
	equal(t, must(memory.Grow(2))(t), 1)
	equal(t, must(memory.Grow(0))(t), 3)
	_, err := memory.Grow(8)
	fails(t, err, ErrMaximumExceeded, "Memory.Grow", "8", "10")
	_, err = memory.Grow(math.MaxUint64)
	fails(t, err, ErrMaximumExceeded)
	equal(t, memory.Pages(), 3)
	equal(t, memory.InitialPages(), 1)
	equal(t, must(memory.Type())(t), MemoryType{Minimum: 3, Maximum: 10, HasMaximum: true, PageSize: 65536})
	stats := must(memory.Stats())(t)
	equal(t, stats.GrowCount, 1)
	equal(t, stats.GrowFailures, 2)
	equal(t, stats.PeakBytes, 3*65536)
	equal(t, stats.ResidentBytes, 0)
	ok(t, memory.StoreUint8(0, 1))
	if got := must(memory.DetailedStats())(t); got.ResidentBytes == 0 || got.DirtyGranuleBytes == 0 {
		t.Fatalf("detailed: %+v", got)
	}
	start, length, err := memory.Accessible()
	ok(t, err)
	view := *(*[2]uintptr)(memory.View())
	if view[0] < start || view[0]+view[1] > start+length || view[1] != 3*65536 {
		t.Fatalf("the view is %x in %x + %x", view, start, length)
	}
	tiny := newMemory(t, MemoryType{Minimum: 5, PageSize: 1})
	equal(t, tiny.Size(), 5)
	equal(t, tiny.PageSize(), 1)
}

func TestReadsAndWrites(t *testing.T) {
	memory := newMemory(t, Pages(1, 2))
	ok(t, memory.Write(65531, []byte("hello")))
	got := make([]byte, 5)
	ok(t, memory.Read(65531, got))
	equal(t, string(got), "hello")

	fails(t, memory.Write(65532, []byte("HELLO")), ErrOutOfBounds, "65532", "65536")
	ok(t, memory.Read(65531, got))
	equal(t, string(got), "hello")
	fails(t, memory.Read(65532, got), ErrOutOfBounds, "out of bounds memory access")
	equal(t, string(got), "hello")
	fails(t, memory.Write(math.MaxUint64, []byte{1, 2}), ErrOutOfBounds)

	ok(t, memory.Write(65536, nil))
	ok(t, memory.Read(65536, []byte{}))
	fails(t, memory.Write(65537, nil), ErrOutOfBounds)
}

// Go lets nothing go to C that has pointers to Go in it. What lies beside a buffer must not count.
func TestBuffersBesidePointers(t *testing.T) {
	memory := newMemory(t, Pages(1, 1))
	session := &struct {
		name   *string
		buffer [8]byte
	}{name: new(string)}
	copy(session.buffer[:], "wasm")
	ok(t, memory.Write(16, session.buffer[:]))
	clear(session.buffer[:])
	ok(t, memory.Read(16, session.buffer[:]))
	equal(t, string(session.buffer[:4]), "wasm")
	clear(session.buffer[:])
	equal(t, must(memory.ReadAt(session.buffer[:], 16))(t), 8)
	equal(t, string(session.buffer[:4]), "wasm")
	equal(t, must(memory.WriteAt(session.buffer[:], 32))(t), 8)
	must(NewDataSegment(session.buffer[:]))(t).Close()
	must(NewImage(Segment{Bytes: session.buffer[:]}))(t).Close()
}

func TestIO(t *testing.T) {
	memory := newMemory(t, Pages(1, 2))
	n, err := memory.WriteAt([]byte("tail"), 65532)
	ok(t, err)
	equal(t, n, 4)
	n, err = memory.WriteAt([]byte("tail!"), 65532)
	fails(t, err, ErrOutOfBounds)
	equal(t, n, 0)
	_, err = memory.WriteAt([]byte("x"), -1)
	fails(t, err, ErrInvalidArgument, "-1")

	buffer := make([]byte, 10)
	n, err = memory.ReadAt(buffer, 65532)
	equal(t, n, 4)
	equal(t, err, io.EOF)
	equal(t, string(buffer[:n]), "tail")
	n, err = memory.ReadAt(buffer, 65526)
	equal(t, n, 10)
	ok(t, err)
	for _, offset := range []int64{65536, 65537, math.MaxInt64} {
		n, err = memory.ReadAt(buffer, offset)
		equal(t, n, 0)
		equal(t, err, io.EOF)
	}
	_, err = memory.ReadAt(buffer, -3)
	fails(t, err, ErrInvalidArgument, "-3")

	all := must(io.ReadAll(io.NewSectionReader(memory, 0, 1<<40)))(t)
	equal(t, len(all), 65536)
	equal(t, string(all[65532:]), "tail")
	copied, err := io.Copy(io.NewOffsetWriter(memory, 100), strings.NewReader("through a stream"))
	ok(t, err)
	equal(t, copied, 16)
	ok(t, memory.Read(100, buffer))
	equal(t, string(buffer), "through a ")
}

func TestNumbers(t *testing.T) {
	memory := newMemory(t, Pages(1, 1))
	ok(t, memory.StoreUint64(3, 0x1122334455667788))
	equal(t, must(memory.LoadUint8(3))(t), 0x88)
	equal(t, must(memory.LoadUint16(3))(t), 0x7788)
	equal(t, must(memory.LoadUint32(3))(t), 0x55667788)
	equal(t, must(memory.LoadUint64(3))(t), 0x1122334455667788)
	ok(t, memory.StoreUint8(10, 0xff))
	ok(t, memory.StoreUint16(20, 0x1234))
	ok(t, memory.StoreUint32(30, 0x12345678))
	equal(t, must(memory.LoadUint8(10))(t), 0xff)
	equal(t, must(memory.LoadUint16(20))(t), 0x1234)
	equal(t, must(memory.LoadUint32(30))(t), 0x12345678)

	// A signalling NaN passes bit for bit.
	ok(t, memory.StoreFloat32(40, math.Float32frombits(0x7fa00001)))
	equal(t, must(memory.LoadUint32(40))(t), 0x7fa00001)
	equal(t, math.Float32bits(must(memory.LoadFloat32(40))(t)), 0x7fa00001)
	ok(t, memory.StoreFloat64(48, -0.5))
	equal(t, must(memory.LoadFloat64(48))(t), -0.5)
	value := [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	ok(t, memory.StoreV128(65520, value))
	equal(t, must(memory.LoadV128(65520))(t), value)
	equal(t, must(memory.LoadUint8(65521))(t), 2)

	_, err := memory.LoadUint64(65529)
	fails(t, err, ErrOutOfBounds, "Memory.LoadUint64")
	_, err = memory.LoadV128(65521)
	fails(t, err, ErrOutOfBounds)
	fails(t, memory.StoreV128(65521, value), ErrOutOfBounds)
	fails(t, memory.StoreFloat32(65533, 1), ErrOutOfBounds, "Memory.StoreFloat32")
	equal(t, must(memory.LoadUint8(65533))(t), 14)
}

func TestBulk(t *testing.T) {
	store := newStore(t)
	memory, other := memoryIn(t, store, Pages(1, 2)), memoryIn(t, store, Pages(1, 2))
	ok(t, memory.Fill(10, 'x', 5))
	fails(t, memory.Fill(65530, 'y', 7), ErrOutOfBounds)
	equal(t, must(memory.LoadUint8(65530))(t), 0)
	ok(t, memory.Write(0, []byte("abcdef")))
	ok(t, memory.CopyWithin(2, 0, 4))
	got := make([]byte, 6)
	ok(t, memory.Read(0, got))
	equal(t, string(got), "ababcd")
	fails(t, memory.CopyWithinNonoverlapping(1, 0, 4), ErrOverlap)
	ok(t, memory.CopyWithinNonoverlapping(4, 0, 4))
	ok(t, other.CopyFrom(65530, memory, 0, 6))
	ok(t, other.Read(65530, got))
	equal(t, string(got), "ababab")
	fails(t, other.CopyFrom(65531, memory, 0, 6), ErrOutOfBounds)
	fails(t, other.CopyFrom(0, nil, 0, 6), ErrNullArgument, "the memory is nil")

	segment := must(NewDataSegment([]byte("0123456789")))(t)
	ok(t, memory.Init(100, segment, 3, 4))
	ok(t, memory.Read(100, got[:4]))
	equal(t, string(got[:4]), "3456")
	fails(t, memory.Init(100, segment, 8, 3), ErrOutOfBounds)
	ok(t, segment.Drop())
	fails(t, memory.Init(100, segment, 0, 1), ErrOutOfBounds)
	ok(t, memory.Init(100, segment, 0, 0))
	segment.Close()
	fails(t, memory.Init(100, segment, 0, 0), ErrHandleClosed)
	empty := must(NewDataSegment(nil))(t)
	ok(t, memory.Init(0, empty, 0, 0))
	empty.Close()

	ok(t, memory.Zero(100, 2))
	equal(t, must(memory.LoadUint32(100))(t), '5'<<16|'6'<<24)
	ok(t, memory.Discard(101, 2))
	equal(t, must(memory.LoadUint32(100))(t), '6'<<24)
	ok(t, memory.Erase())
	equal(t, must(memory.LoadUint32(100))(t), 0)
	equal(t, must(memory.LoadUint8(10))(t), 0)
}

func TestHexdump(t *testing.T) {
	memory := newMemory(t, Pages(1, 1))
	ok(t, memory.Write(0, []byte("Hello, WebAssembly!")))
	equal(t, must(memory.Hexdump(0, 19))(t), "Memory dump from 0x0000 to 0x0013:\n"+
		"0000: 48 65 6c 6c 6f 2c 20 57 65 62 41 73 73 65 6d 62  |Hello, WebAssemb|\n"+
		"0010: 6c 79 21                                         |ly!|\n")
	_, err := memory.Hexdump(65530, 10)
	fails(t, err, ErrOutOfBounds)
}

func TestBytes(t *testing.T) {
	memory := newMemory(t, Pages(1, 3))
	data := must(memory.Bytes())(t)
	equal(t, len(data), 65536)
	equal(t, cap(data), 65536)
	data[7] = 42
	equal(t, must(memory.LoadUint8(7))(t), 42)
	must(memory.Grow(2))(t)
	// The slice of before is the same memory still.
	ok(t, memory.StoreUint8(8, 43))
	equal(t, data[8], 43)
	longer := must(memory.Bytes())(t)
	equal(t, len(longer), 3*65536)
	equal(t, &longer[0], &data[0])

	empty := newMemory(t, Pages(0, 1))
	equal(t, len(must(empty.Bytes())(t)), 0)
}

// A slice of a memory that moves would point to where it was: there is none.
func TestNoBytesOfMovableMemories(t *testing.T) {
	engine := engineWith(t, WithMayMove(), WithReservation(0), WithReservationForGrowth(0))
	equal(t, engine.MayMove(), true)
	memory := memoryIn(t, storeOf(t, engine), PagesFrom(1))
	equal(t, memory.MayMove(), true)
	_, err := memory.Bytes()
	fails(t, err, ErrUnsupported, "may move", "WithReservation", "WithData")
	before := *(*uintptr)(memory.View())
	must(memory.Grow(100))(t)
	if *(*uintptr)(memory.View()) == before {
		t.Log("this time the system left the memory where it was")
	}
	ok(t, memory.WithDataMut(func(data []byte) { data[100*65536] = 9 }))
	equal(t, must(memory.LoadUint8(100*65536))(t), 9)

	// One that has room for its maximum cannot move.
	fixed := memoryIn(t, newStore(t, WithMayMove()), Pages(1, 10))
	must(fixed.Bytes())(t)
}

func TestLoans(t *testing.T) {
	memory := newMemory(t, Pages(1, 2))
	ok(t, memory.WithDataMut(func(data []byte) {
		equal(t, len(data), 65536)
		data[3] = 5
		fails(t, memory.Read(0, make([]byte, 1)), ErrBorrowed)
		fails(t, memory.WithData(func([]byte) {}), ErrBorrowed)
		_, err := memory.Grow(1)
		fails(t, err, ErrBorrowed)
		equal(t, memory.Pages(), 1)
	}))
	ok(t, memory.WithData(func(data []byte) {
		equal(t, data[3], 5)
		equal(t, must(memory.LoadUint8(3))(t), 5)
		fails(t, memory.StoreUint8(3, 6), ErrBorrowed)
		ok(t, memory.WithData(func([]byte) {}))
		memory.Close() // takes effect when the loan is over
		equal(t, data[3], 5)
	}))
	fails(t, memory.WithData(func([]byte) {}), ErrHandleClosed)

	shared := newMemory(t, SharedPages(1, 2))
	fails(t, shared.WithData(func([]byte) {}), ErrShared)
	fails(t, shared.WithData(nil), ErrNullArgument, "the function is nil")
}

// A panic must not unwind the library's frames: it waits until they are gone.
func TestPanicInLoan(t *testing.T) {
	memory := newMemory(t, Pages(1, 2))
	reason := errors.New("the callback's own reason")
	func() {
		defer func() { equal(t, recover(), any(reason)) }()
		memory.WithDataMut(func([]byte) { panic(reason) })
		t.Error("the panic got lost")
	}()
	func() {
		defer func() {
			if _, isError := recover().(error); !isError {
				t.Error("a fault of Go's in a callback is a panic like others")
			}
		}()
		memory.WithData(func(data []byte) { _ = data[len(data)] })
	}()
	// The loan is over.
	ok(t, memory.Fill(0, 1, 10))
	must(memory.Grow(1))(t)
}

func TestImages(t *testing.T) {
	store := newStore(t)
	image := must(NewImage(Segment{0, []byte("first")}, Segment{3, []byte("second")}, Segment{65536, nil}))(t)
	memory := must(store.NewMemoryFromImage(Pages(1, 4), image))(t)
	got := make([]byte, 9)
	ok(t, memory.Read(0, got))
	equal(t, string(got), "firsecond")

	ok(t, memory.Write(0, []byte("changed!!")))
	must(memory.Grow(2))(t)
	ok(t, memory.Reset(image))
	ok(t, memory.Read(0, got))
	equal(t, string(got), "firsecond")
	equal(t, memory.Pages(), 1)
	ok(t, memory.Reset(nil))
	equal(t, must(memory.LoadUint8(0))(t), 0)

	must(memory.Grow(2))(t)
	ok(t, memory.Write(131072, []byte("page two!")))
	snapshot := must(memory.Snapshot())(t)
	path := filepath.Join(t.TempDir(), "snapshot.image")
	ok(t, snapshot.Save(path))
	loaded := must(LoadImage(path))(t)
	clone := must(store.NewMemoryFromImage(Pages(1, 4), loaded))(t)
	equal(t, clone.Pages(), 3)
	ok(t, clone.Read(131072, got))
	equal(t, string(got), "page two!")
	_, err := store.NewMemoryFromImage(Pages(1, 2), snapshot)
	fails(t, err, ErrMaximumExceeded, "3", "2")
	_, err = store.NewMemoryFromImage(Pages(0, 2), image)
	fails(t, err, ErrOutOfBounds)

	_, err = LoadImage(filepath.Join(t.TempDir(), "none"))
	fails(t, err, ErrIO, "LoadImage", "cannot be opened")
	fails(t, err, syscall.ENOENT)
	_, err = LoadImage("a\x00b")
	fails(t, err, ErrInvalidArgument, "NUL")
	ok(t, os.WriteFile(path, []byte("no image at all"), 0o600))
	_, err = LoadImage(path)
	fails(t, err, ErrIO)
	_, err = NewImage(Segment{math.MaxUint64, []byte("ab")})
	fails(t, err, ErrOutOfBounds)
	nothing := must(NewImage())(t)
	ok(t, memory.Reset(nothing))
	for _, image := range []*Image{image, snapshot, loaded, nothing} {
		image.Close()
		fails(t, memory.Reset(image), ErrHandleClosed)
	}
	_, err = store.NewMemoryFromImage(Pages(1, 2), nil)
	fails(t, err, ErrNullArgument, "the image is nil")
	clone.Close()
	memory.Close()
}

func TestKeptSize(t *testing.T) {
	memory := newMemory(t, Pages(1, 4))
	image := must(NewImage(Segment{0, []byte("start")}))(t)
	defer image.Close()
	memory.KeepSize()
	must(memory.Grow(2))(t)
	ok(t, memory.Fill(0, 'x', 3*65536))
	fails(t, memory.Reset(image), ErrBorrowed, "196608", "ResetKeepingSize")
	ok(t, memory.ResetKeepingSize(image))
	equal(t, memory.Pages(), 3)
	data := must(memory.Bytes())(t)
	equal(t, string(data[:5]), "start")
	equal(t, len(bytes.Trim(data[5:], "\x00")), 0)
	clone := must(memory.Clone())(t)
	fails(t, clone.Reset(nil), ErrBorrowed)
	clone.Close()
}

func TestDirtyRanges(t *testing.T) {
	memory := newMemory(t, Pages(4, 8))
	ok(t, memory.DirtyClear())
	equal(t, len(must(memory.DirtyRanges())(t)), 0)
	ok(t, memory.StoreUint8(65536+17, 1))
	ok(t, memory.StoreUint8(3*65536, 1))
	page := must(memory.DetailedStats())(t).DirtyGranuleBytes
	ranges := must(memory.DirtyRanges())(t)
	equal(t, len(ranges), 2)
	equal(t, ranges[0], Range{65536, page})
	equal(t, ranges[1], Range{3 * 65536, page})
}

func TestMappings(t *testing.T) {
	memory := newMemory(t, Pages(4, 8))
	page := must(memory.Stats())(t).MapAlignmentBytes
	path := filepath.Join(t.TempDir(), "mapped")
	ok(t, os.WriteFile(path, bytes.Repeat([]byte("m"), int(2*page)), 0o600))
	file := must(os.Open(path))(t)
	ok(t, memory.MapFile(page, file, page, page, MapReadOnly))
	fails(t, memory.MapFile(page+1, file, 0, page, MapReadOnly), ErrUnaligned)
	fails(t, memory.MapFile(0, file, 0, page, MapShared), ErrIO)
	fails(t, memory.MapFile(0, file, 0, page, 9), ErrInvalidArgument)
	fails(t, memory.MapFile(0, nil, 0, page, MapReadOnly), ErrNullArgument, "the file is nil")
	ok(t, file.Close())
	fails(t, memory.MapFile(0, file, 0, page, MapReadOnly), ErrIO, "mapped", "closed")
	equal(t, must(memory.LoadUint8(page))(t), 'm')
	fails(t, memory.StoreUint8(page, 1), ErrProtected)
	ok(t, memory.Unmap(page, page))
	equal(t, must(memory.LoadUint8(page))(t), 0)
	ok(t, memory.Protect(0, page, ProtectRead))
	fails(t, memory.StoreUint8(5, 1), ErrProtected)
	ok(t, memory.Protect(0, page, ProtectNone))
	_, err := memory.LoadUint8(5)
	fails(t, err, ErrProtected)
	ok(t, memory.Protect(0, page, ProtectReadWrite))
	ok(t, memory.StoreUint8(5, 1))
	fails(t, memory.Protect(0, page, 7), ErrInvalidArgument)
}

func TestEngines(t *testing.T) {
	_, err := NewEngine(WithBounds(77))
	fails(t, err, ErrInvalidArgument, "NewEngine", "77", "memory_bounds")
	_, err = NewEngine(WithReservation(math.MaxUint64))
	fails(t, err, ErrInvalidArgument, "memory_reservation")
	_, err = NewEngine(WithPool(PoolOptions{DecommitBatch: 5000}))
	fails(t, err, ErrInvalidArgument, "decommit_batch", "5000")

	guarded := newMemory(t, Pages(1, 2), WithBounds(BoundsGuarded), WithHugePages())
	stats := must(guarded.Stats())(t)
	equal(t, stats.Bounds, BoundsGuarded)
	if stats.ReservedBytes+stats.GuardBytes < 8<<30 {
		t.Fatalf("%+v", stats)
	}
	checked := newMemory(t, Pages(1, 2), WithBounds(BoundsChecked), WithoutGuardBefore(), WithGuardSize(1<<20))
	equal(t, must(checked.Stats())(t).Bounds, BoundsChecked)

	reserved := newMemory(t, PagesFrom(1), WithReservation(1<<20), WithBounds(BoundsChecked))
	_, err = reserved.Grow(100)
	fails(t, err, ErrOutOfMemory, "memory_reservation")
}

func TestPool(t *testing.T) {
	engine := engineWith(t, WithBounds(BoundsChecked),
		WithPool(PoolOptions{Slots: 2, SlotBytes: 1 << 20, KeepResidentBytes: 65536, DecommitBatch: 1}))
	store := storeOf(t, engine)
	for range 5 {
		memory := must(store.NewMemory(Pages(1, 100)))(t)
		equal(t, must(memory.LoadUint32(100))(t), 0)
		ok(t, memory.Fill(0, 0xff, 65536))
		_, err := memory.Grow(16)
		fails(t, err, ErrOutOfMemory, "slot_bytes")
		memory.Close()
	}
	stats := must(engine.PoolStats())(t)
	equal(t, stats.Hits, 4)
	equal(t, stats.Misses, 1)
	equal(t, stats.Live, 0)
	equal(t, stats.Retired, 0)

	first, second := memoryIn(t, store, Pages(1, 2)), memoryIn(t, store, Pages(1, 2))
	_, err := store.NewMemory(Pages(1, 2))
	fails(t, err, ErrOutOfMemory, "slots")
	equal(t, must(engine.PoolStats())(t).Live, 2)
	first.Close()
	second.Close()
	ok(t, engine.TrimPool())
	equal(t, must(engine.PoolStats())(t).Warm, 0)
}

// What the system refuses, it gives a reason for, which the error has too.
func TestSystemsReason(t *testing.T) {
	store := newStore(t, WithBounds(BoundsGuarded), WithReservation(1<<46))
	var err error
	for range 16 {
		// 64 TiB each: no process has room for sixteen.
		var memory *Memory
		if memory, err = store.NewMemory(PagesFrom(1)); err != nil {
			break
		}
		defer memory.Close()
	}
	fails(t, err, ErrOutOfMemory)
	fails(t, err, syscall.ENOMEM)
	var failure *Error
	equal(t, errors.As(err, &failure), true)
	equal(t, failure.Errno, syscall.ENOMEM)
	equal(t, failure.Op, "Store.NewMemory")
	equal(t, failure.Status, ErrOutOfMemory)
}

func TestStatuses(t *testing.T) {
	for status := ErrNullArgument; status <= ErrHostContract; status++ {
		if status.Error() == "unknown status" || !strings.HasPrefix(status.Name(), "WASM_MEMORY_") {
			t.Errorf("%d is %s: %s", int32(status), status.Name(), status.Error())
		}
	}
	equal(t, ErrOutOfBounds.Name(), "WASM_MEMORY_OUT_OF_BOUNDS")
	equal(t, ErrHostContract.Name(), "WASM_MEMORY_HOST_CONTRACT")
	equal(t, ErrWaitersClosed.Name(), "WASM_MEMORY_CLOSED")
	equal(t, Status(99).Error(), "unknown status")
}
