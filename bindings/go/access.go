package wasmmemory

// #include "bridge.h"
import "C"

import (
	"encoding/binary"
	"io"
	"math"
	"runtime/cgo"
	"unsafe"
)

// Read copies bytes at an offset into the buffer: all of them, or none.
func (m *Memory) Read(offset uint64, buffer []byte) error {
	const op = "Memory.Read"
	if err := m.reading(op); err != nil {
		return err
	}
	defer m.leave()
	return failure(op, C.wmgo_memory_read(m.handle.pointer, C.uint64_t(offset), (*C.uint8_t)(unsafe.SliceData(buffer)),
		C.size_t(len(buffer))))
}

// Write copies bytes to an offset: all of them, or none.
func (m *Memory) Write(offset uint64, bytes []byte) error {
	const op = "Memory.Write"
	if err := m.writing(op); err != nil {
		return err
	}
	defer m.leave()
	return failure(op, C.wmgo_memory_write(m.handle.pointer, C.uint64_t(offset), (*C.uint8_t)(unsafe.SliceData(bytes)),
		C.size_t(len(bytes))))
}

// ReadAt is Read as [io.ReaderAt] has it: up to the end of the memory, and io.EOF there. io.NewSectionReader makes a
// stream of it.
func (m *Memory) ReadAt(buffer []byte, offset int64) (int, error) {
	const op = "Memory.ReadAt"
	if offset < 0 {
		return 0, refusal(op, ErrInvalidArgument, "the offset is %d", offset)
	}
	if err := m.reading(op); err != nil {
		return 0, err
	}
	defer m.leave()
	var end error
	size := uint64(C.wasm_memory_data_size(m.raw()))
	if uint64(offset) >= size && len(buffer) != 0 {
		return 0, io.EOF
	}
	if room := size - min(size, uint64(offset)); uint64(len(buffer)) > room {
		buffer, end = buffer[:room], io.EOF
	}
	if len(buffer) == 0 {
		return 0, end
	}
	err := failure(op, C.wmgo_memory_read(m.handle.pointer, C.uint64_t(offset), (*C.uint8_t)(unsafe.SliceData(buffer)),
		C.size_t(len(buffer))))
	if err != nil {
		return 0, err
	}
	return len(buffer), end
}

// WriteAt is Write as [io.WriterAt] has it. What does not fit is refused whole: a memory does not grow by being
// written to. io.NewOffsetWriter makes a stream of it.
func (m *Memory) WriteAt(bytes []byte, offset int64) (int, error) {
	if offset < 0 {
		return 0, refusal("Memory.WriteAt", ErrInvalidArgument, "the offset is %d", offset)
	}
	if err := m.Write(uint64(offset), bytes); err != nil {
		return 0, err
	}
	return len(bytes), nil
}

// Bytes is the memory itself, as it is now: len is its present size, and what is written to the slice the guest sees.
//
// It stays valid, also when the memory grows, until the last reference to the memory is closed or the memory becomes
// smaller (Reset) or protected; keep the Memory reachable meanwhile. What uses it after that faults and ends the
// process. A memory that growth may move is refused with ErrUnsupported: a slice would be left pointing to the old
// place.
func (m *Memory) Bytes() ([]byte, error) {
	const op = "Memory.Bytes"
	if err := m.reading(op); err != nil {
		return nil, err
	}
	defer m.leave()
	if C.wasm_memory_may_move(m.raw()) {
		return nil, refusal(op, ErrUnsupported,
			"this memory may move when it grows (the engine was made WithMayMove), and a slice would be left behind: "+
				"use Read, Write or WithData, or an engine with a WithReservation of the maximum")
	}
	size := uint64(C.wasm_memory_data_size(m.raw()))
	if size > math.MaxInt {
		return nil, refusal(op, ErrUnsupported, "%d bytes are more than a slice can have", size)
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(C.wasm_memory_data(m.raw()))), int(size)), nil
}

// WithData lends the bytes to a function that reads them, without a copy, of any unshared memory. Until it returns,
// everything that writes or grows the memory answers ErrBorrowed. The slice must not be kept. A panic of the function
// comes out here; runtime.Goexit (and with it t.FailNow) must not be called in it: nothing would ever end the loan.
func (m *Memory) WithData(use func(data []byte)) error { return m.lend("Memory.WithData", use, false) }

// WithDataMut lends the bytes to a function that may change them. Until it returns, everything that uses the memory
// answers ErrBorrowed. The slice must not be kept, nor runtime.Goexit called, as with WithData.
func (m *Memory) WithDataMut(use func(data []byte)) error {
	return m.lend("Memory.WithDataMut", use, true)
}

type loan struct {
	use      func([]byte)
	panicked any
	returned bool
}

func (m *Memory) lend(op string, use func([]byte), writing bool) error {
	if use == nil {
		return refusal(op, ErrNullArgument, "the function is nil")
	}
	// Whoever is called back may ask for the size, and that counts as reading.
	if err := m.any(op); err != nil {
		return err
	}
	defer m.leave()
	if writing {
		m.witness.writes()
	} else {
		m.witness.reads()
	}
	lent := &loan{use: use}
	env := cgo.NewHandle(lent)
	outcome := C.wmgo_memory_with_data(m.handle.pointer, C.uintptr_t(env), C.bool(writing))
	env.Delete()
	if err := failure(op, outcome); err != nil {
		return err
	}
	if !lent.returned {
		// It panicked, and the panic was held back while C was on the stack.
		panic(lent.panicked)
	}
	return nil
}

//export wmgoLent
func wmgoLent(env C.uintptr_t, data *C.uint8_t, length C.size_t) {
	lent := cgo.Handle(env).Value().(*loan)
	defer func() {
		if !lent.returned {
			lent.panicked = recover()
		}
	}()
	lent.use(unsafe.Slice((*byte)(unsafe.Pointer(data)), int(length)))
	lent.returned = true
}

// LoadUint8 loads a byte. Numbers are little-endian in memory and need no alignment.
func (m *Memory) LoadUint8(offset uint64) (uint8, error) {
	const op = "Memory.LoadUint8"
	if err := m.reading(op); err != nil {
		return 0, err
	}
	defer m.leave()
	got := C.wmgo_memory_load8(m.handle.pointer, C.uint64_t(offset))
	return uint8(got.value), failure(op, got.outcome)
}

// LoadUint16 loads 16 bits.
func (m *Memory) LoadUint16(offset uint64) (uint16, error) {
	const op = "Memory.LoadUint16"
	if err := m.reading(op); err != nil {
		return 0, err
	}
	defer m.leave()
	got := C.wmgo_memory_load16(m.handle.pointer, C.uint64_t(offset))
	return uint16(got.value), failure(op, got.outcome)
}

// LoadUint32 loads 32 bits.
func (m *Memory) LoadUint32(offset uint64) (uint32, error) {
	return m.load32("Memory.LoadUint32", offset)
}

// LoadUint64 loads 64 bits.
func (m *Memory) LoadUint64(offset uint64) (uint64, error) {
	return m.load64("Memory.LoadUint64", offset)
}

// LoadFloat32 loads a floating-point number, bit for bit.
func (m *Memory) LoadFloat32(offset uint64) (float32, error) {
	bits, err := m.load32("Memory.LoadFloat32", offset)
	return math.Float32frombits(bits), err
}

// LoadFloat64 loads a floating-point number, bit for bit.
func (m *Memory) LoadFloat64(offset uint64) (float64, error) {
	bits, err := m.load64("Memory.LoadFloat64", offset)
	return math.Float64frombits(bits), err
}

func (m *Memory) load32(op string, offset uint64) (uint32, error) {
	if err := m.reading(op); err != nil {
		return 0, err
	}
	defer m.leave()
	got := C.wmgo_memory_load32(m.handle.pointer, C.uint64_t(offset))
	return uint32(got.value), failure(op, got.outcome)
}

func (m *Memory) load64(op string, offset uint64) (uint64, error) {
	if err := m.reading(op); err != nil {
		return 0, err
	}
	defer m.leave()
	got := C.wmgo_memory_load64(m.handle.pointer, C.uint64_t(offset))
	return uint64(got.value), failure(op, got.outcome)
}

// LoadV128 loads sixteen bytes, in memory order.
func (m *Memory) LoadV128(offset uint64) (value [16]byte, err error) {
	const op = "Memory.LoadV128"
	if err := m.reading(op); err != nil {
		return value, err
	}
	defer m.leave()
	got := C.wmgo_memory_load128(m.handle.pointer, C.uint64_t(offset))
	for i := range value {
		value[i] = byte(got.bytes[i])
	}
	return value, failure(op, got.outcome)
}

// StoreUint8 stores a byte.
func (m *Memory) StoreUint8(offset uint64, value uint8) error {
	const op = "Memory.StoreUint8"
	if err := m.writing(op); err != nil {
		return err
	}
	defer m.leave()
	return failure(op, C.wmgo_memory_store8(m.handle.pointer, C.uint64_t(offset), C.uint8_t(value)))
}

// StoreUint16 stores 16 bits.
func (m *Memory) StoreUint16(offset uint64, value uint16) error {
	const op = "Memory.StoreUint16"
	if err := m.writing(op); err != nil {
		return err
	}
	defer m.leave()
	return failure(op, C.wmgo_memory_store16(m.handle.pointer, C.uint64_t(offset), C.uint16_t(value)))
}

// StoreUint32 stores 32 bits.
func (m *Memory) StoreUint32(offset uint64, value uint32) error {
	return m.store32("Memory.StoreUint32", offset, value)
}

// StoreUint64 stores 64 bits.
func (m *Memory) StoreUint64(offset uint64, value uint64) error {
	return m.store64("Memory.StoreUint64", offset, value)
}

// StoreFloat32 stores a floating-point number, bit for bit.
func (m *Memory) StoreFloat32(offset uint64, value float32) error {
	return m.store32("Memory.StoreFloat32", offset, math.Float32bits(value))
}

// StoreFloat64 stores a floating-point number, bit for bit.
func (m *Memory) StoreFloat64(offset uint64, value float64) error {
	return m.store64("Memory.StoreFloat64", offset, math.Float64bits(value))
}

func (m *Memory) store32(op string, offset uint64, value uint32) error {
	if err := m.writing(op); err != nil {
		return err
	}
	defer m.leave()
	return failure(op, C.wmgo_memory_store32(m.handle.pointer, C.uint64_t(offset), C.uint32_t(value)))
}

func (m *Memory) store64(op string, offset uint64, value uint64) error {
	if err := m.writing(op); err != nil {
		return err
	}
	defer m.leave()
	return failure(op, C.wmgo_memory_store64(m.handle.pointer, C.uint64_t(offset), C.uint64_t(value)))
}

// StoreV128 stores sixteen bytes, in memory order.
func (m *Memory) StoreV128(offset uint64, value [16]byte) error {
	const op = "Memory.StoreV128"
	if err := m.writing(op); err != nil {
		return err
	}
	defer m.leave()
	// Two numbers in the order of the host's bytes are the sixteen bytes again in C.
	return failure(op, C.wmgo_memory_store128(m.handle.pointer, C.uint64_t(offset),
		C.uint64_t(binary.NativeEndian.Uint64(value[:8])), C.uint64_t(binary.NativeEndian.Uint64(value[8:]))))
}

// Fill sets a range of bytes to one value.
func (m *Memory) Fill(offset uint64, value byte, length uint64) error {
	const op = "Memory.Fill"
	if err := m.writing(op); err != nil {
		return err
	}
	defer m.leave()
	return failure(op, C.wmgo_memory_fill(m.handle.pointer, C.uint64_t(offset), C.uint8_t(value), C.uint64_t(length)))
}

// Zero sets a range of bytes to zero.
func (m *Memory) Zero(offset, length uint64) error {
	const op = "Memory.Zero"
	if err := m.writing(op); err != nil {
		return err
	}
	defer m.leave()
	return failure(op, C.wmgo_memory_zero(m.handle.pointer, C.uint64_t(offset), C.uint64_t(length)))
}

// Erase sets every byte to zero, at the cost of the pages that were touched. The size stays.
func (m *Memory) Erase() error {
	const op = "Memory.Erase"
	if err := m.writing(op); err != nil {
		return err
	}
	defer m.leave()
	return failure(op, C.wmgo_memory_erase(m.handle.pointer))
}

// Discard makes a range read as zero, and gives the whole host pages in it back to the system.
func (m *Memory) Discard(offset, length uint64) error {
	const op = "Memory.Discard"
	if err := m.writing(op); err != nil {
		return err
	}
	defer m.leave()
	return failure(op, C.wmgo_memory_discard(m.handle.pointer, C.uint64_t(offset), C.uint64_t(length)))
}

// CopyWithin copies a range to another place of the same memory, as if through a buffer.
func (m *Memory) CopyWithin(destination, source, length uint64) error {
	const op = "Memory.CopyWithin"
	if err := m.writing(op); err != nil {
		return err
	}
	defer m.leave()
	return failure(op, C.wmgo_memory_copy_within(m.handle.pointer, C.uint64_t(destination), C.uint64_t(source),
		C.uint64_t(length)))
}

// CopyWithinNonoverlapping is CopyWithin for ranges that have no byte in common, else ErrOverlap.
func (m *Memory) CopyWithinNonoverlapping(destination, source, length uint64) error {
	const op = "Memory.CopyWithinNonoverlapping"
	if err := m.writing(op); err != nil {
		return err
	}
	defer m.leave()
	return failure(op, C.wmgo_memory_copy_within_nonoverlapping(m.handle.pointer, C.uint64_t(destination),
		C.uint64_t(source), C.uint64_t(length)))
}

// CopyFrom copies a range of another memory, or the same, into this one.
func (m *Memory) CopyFrom(destination uint64, from *Memory, source, length uint64) error {
	const op = "Memory.CopyFrom"
	if err := m.writing(op); err != nil {
		return err
	}
	defer m.leave()
	if err := from.reading(op); err != nil {
		return err
	}
	defer from.leave()
	return failure(op, C.wmgo_memory_copy_between(m.handle.pointer, C.uint64_t(destination), from.handle.pointer,
		C.uint64_t(source), C.uint64_t(length)))
}

// Init copies bytes of a data segment into the memory. Both ranges are checked first.
func (m *Memory) Init(destination uint64, segment *DataSegment, source, length uint32) error {
	const op = "Memory.Init"
	if err := m.writing(op); err != nil {
		return err
	}
	defer m.leave()
	if err := segment.enter(op); err != nil {
		return err
	}
	defer segment.handle.leave()
	return failure(op, C.wmgo_memory_init(m.handle.pointer, C.uint64_t(destination), segment.handle.pointer,
		C.uint32_t(source), C.uint32_t(length)))
}

// Hexdump is a range of bytes as text: a title, then sixteen bytes to a line, in hexadecimal and ASCII.
func (m *Memory) Hexdump(offset, length uint64) (string, error) {
	const op = "Memory.Hexdump"
	if err := m.reading(op); err != nil {
		return "", err
	}
	defer m.leave()
	needed := C.wmgo_memory_hexdump(m.handle.pointer, C.uint64_t(offset), C.uint64_t(length), nil, 0)
	if err := failure(op, needed.outcome); err != nil {
		return "", err
	}
	if needed.value >= math.MaxInt {
		return "", refusal(op, ErrOutOfMemory, "the text would have %d bytes", uint64(needed.value))
	}
	text := make([]byte, int(needed.value)+1)
	got := C.wmgo_memory_hexdump(m.handle.pointer, C.uint64_t(offset), C.uint64_t(length),
		(*C.char)(unsafe.Pointer(&text[0])), C.size_t(len(text)))
	if err := failure(op, got.outcome); err != nil {
		return "", err
	}
	return string(text[:min(len(text)-1, int(got.value))]), nil
}
