package wasmmemory

// #include <stdlib.h>
// #include "bridge.h"
import "C"

import (
	"fmt"
	"os"
	"runtime"
	"runtime/cgo"
	"strings"
	"unsafe"
)

// A DataSegment has the bytes of a passive data segment. Any number of goroutines may use one.
type DataSegment struct{ handle handle }

// NewDataSegment makes a segment of a copy of the bytes.
func NewDataSegment(bytes []byte) (*DataSegment, error) {
	made := C.wmgo_segment_new((*C.uint8_t)(unsafe.SliceData(bytes)), C.size_t(len(bytes)))
	if err := failure("NewDataSegment", made.outcome); err != nil {
		return nil, err
	}
	segment := &DataSegment{}
	return guard(segment, &segment.handle, made.pointer, deleteSegment), nil
}

func deleteSegment(pointer unsafe.Pointer) {
	C.wasm_data_segment_delete((*C.wasm_data_segment_t)(pointer))
}

// Close gives the segment up.
func (s *DataSegment) Close() error {
	if s != nil && s.handle.close() {
		runtime.SetFinalizer(s, nil)
	}
	return nil
}

func (s *DataSegment) enter(op string) error {
	if s == nil {
		return refusal(op, ErrNullArgument, "the data segment is nil")
	}
	return s.handle.enter(op)
}

// Drop makes the segment empty, for good.
func (s *DataSegment) Drop() error {
	if err := s.enter("DataSegment.Drop"); err != nil {
		return err
	}
	defer s.handle.leave()
	C.wasm_data_segment_drop((*C.wasm_data_segment_t)(s.handle.pointer))
	return nil
}

// An Image is what memories start with, or go back to: bytes that never change. Any number of goroutines, memories and
// engines may use one.
type Image struct{ handle handle }

// A Segment is a part of an image.
type Segment struct {
	Offset uint64
	Bytes  []byte
}

func newImage(op string, made C.wmgo_pointer) (*Image, error) {
	if err := failure(op, made.outcome); err != nil {
		return nil, err
	}
	image := &Image{}
	return guard(image, &image.handle, made.pointer, deleteImage), nil
}

func deleteImage(pointer unsafe.Pointer) {
	C.wasm_memory_image_delete((*C.wasm_memory_image_t)(pointer))
}

// NewImage makes an image of copies of segments, later ones over earlier ones.
func NewImage(segments ...Segment) (*Image, error) {
	offsets := make([]C.uint64_t, len(segments))
	lengths := make([]C.uint64_t, len(segments))
	var bytes []byte
	for i, segment := range segments {
		offsets[i], lengths[i] = C.uint64_t(segment.Offset), C.uint64_t(len(segment.Bytes))
		bytes = append(bytes, segment.Bytes...)
	}
	return newImage("NewImage", C.wmgo_image_new(unsafe.SliceData(offsets), unsafe.SliceData(lengths),
		C.size_t(len(segments)), unsafe.Pointer(unsafe.SliceData(bytes))))
}

// LoadImage reads an image that [Image.Save] wrote.
func LoadImage(path string) (*Image, error) {
	const op = "LoadImage"
	raw, err := pathOf(op, path)
	if err != nil {
		return nil, err
	}
	defer C.free(unsafe.Pointer(raw))
	return newImage(op, C.wmgo_image_load(raw))
}

func pathOf(op, path string) (*C.char, error) {
	if strings.IndexByte(path, 0) >= 0 {
		return nil, refusal(op, ErrInvalidArgument, "the path %q has a NUL in it", path)
	}
	return C.CString(path), nil
}

// Close gives the image up. Memories made from it keep what they have.
func (i *Image) Close() error {
	if i != nil && i.handle.close() {
		runtime.SetFinalizer(i, nil)
	}
	return nil
}

func (i *Image) enter(op string) error {
	if i == nil {
		return refusal(op, ErrNullArgument, "the image is nil")
	}
	return i.handle.enter(op)
}

// Save writes the image to a file, which appears when it is whole.
func (i *Image) Save(path string) error {
	const op = "Image.Save"
	raw, err := pathOf(op, path)
	if err != nil {
		return err
	}
	defer C.free(unsafe.Pointer(raw))
	if err := i.enter(op); err != nil {
		return err
	}
	defer i.handle.leave()
	return failure(op, C.wmgo_image_save(i.handle.pointer, raw))
}

// Snapshot makes an image of the memory as it is now: contents, size and page size.
func (m *Memory) Snapshot() (*Image, error) {
	const op = "Memory.Snapshot"
	if err := m.reading(op); err != nil {
		return nil, err
	}
	defer m.leave()
	return newImage(op, C.wmgo_image_from_memory(m.handle.pointer))
}

// Reset brings the memory back to an image, or to zeros (nil), contents and size, at the cost of the pages that were
// written. It may become smaller: slices of Bytes past its new end must not be used any more.
//
// A memory that an engine uses which keeps its length (see [Memory.KeepSize]) is refused with ErrBorrowed.
func (m *Memory) Reset(image *Image) error {
	const op = "Memory.Reset"
	if err := m.writing(op); err != nil {
		return err
	}
	defer m.leave()
	if m.keepsSize.Load() {
		return refusal(op, ErrBorrowed, "the engine that runs on this memory keeps its length of %d bytes, which Reset "+
			"could make smaller: use ResetKeepingSize", uint64(C.wasm_memory_data_size(m.raw())))
	}
	return m.reset(op, image)
}

// KeepSize has Reset refuse, from now on, through this reference: something else has the length of the memory by heart
// and would go on using what a reset cuts off. Adapters to engines call it.
func (m *Memory) KeepSize() {
	if m != nil {
		m.keepsSize.Store(true)
	}
}

// ResetKeepingSize is Reset, after which the memory has at least the size that it had before: it is grown back, by
// zeros, which limits and limiter are asked about. If they refuse, the memory is smaller, and the error says so.
func (m *Memory) ResetKeepingSize(image *Image) error {
	const op = "Memory.ResetKeepingSize"
	if err := m.writing(op); err != nil {
		return err
	}
	defer m.leave()
	before := C.wasm_memory_pages(m.raw())
	if err := m.reset(op, image); err != nil {
		return err
	}
	if now := C.wasm_memory_pages(m.raw()); now < before {
		if err := failure(op, C.wmgo_memory_grow(m.handle.pointer, before-now).outcome); err != nil {
			return fmt.Errorf("the memory was reset, and has %d pages instead of %d: %w", uint64(now), uint64(before), err)
		}
	}
	return nil
}

func (m *Memory) reset(op string, image *Image) error {
	if image == nil {
		return failure(op, C.wmgo_memory_reset(m.handle.pointer, nil))
	}
	if err := image.enter(op); err != nil {
		return err
	}
	defer image.handle.leave()
	return failure(op, C.wmgo_memory_reset(m.handle.pointer, image.handle.pointer))
}

// A Range is a range of bytes.
type Range struct{ Offset, Length uint64 }

// DirtyRanges tells what has changed since the memory was made, or since the last DirtyClear, in whole pages of the
// host and in ascending order.
func (m *Memory) DirtyRanges() ([]Range, error) {
	const op = "Memory.DirtyRanges"
	if err := m.reading(op); err != nil {
		return nil, err
	}
	defer m.leave()
	ranges := []Range{}
	env := cgo.NewHandle(&ranges)
	defer env.Delete()
	if err := failure(op, C.wmgo_memory_dirty_ranges(m.handle.pointer, C.uintptr_t(env))); err != nil {
		return nil, err
	}
	return ranges, nil
}

//export wmgoDirtyRange
func wmgoDirtyRange(env C.uintptr_t, offset, length C.uint64_t) {
	ranges := cgo.Handle(env).Value().(*[]Range)
	*ranges = append(*ranges, Range{uint64(offset), uint64(length)})
}

// DirtyClear begins anew: DirtyRanges tells from now on what changed after this.
func (m *Memory) DirtyClear() error {
	const op = "Memory.DirtyClear"
	if err := m.writing(op); err != nil {
		return err
	}
	defer m.leave()
	return failure(op, C.wmgo_memory_dirty_clear(m.handle.pointer))
}

// A MapMode is how a file is mapped.
type MapMode uint32

// Modes of MapFile.
const (
	MapReadOnly    MapMode = 1 // The file is read; a write of the guest faults.
	MapCopyOnWrite MapMode = 2 // What is written stays in the memory.
	MapShared      MapMode = 3 // What is written goes into the file.
)

// MapFile maps a file into a range of the memory. Offsets and length are multiples of MapAlignmentBytes (Stats).
// Should the file become shorter, who touches the range through a slice is ended by a signal.
func (m *Memory) MapFile(offset uint64, file *os.File, fileOffset, length uint64, mode MapMode) error {
	const op = "Memory.MapFile"
	if err := m.writing(op); err != nil {
		return err
	}
	defer m.leave()
	var outcome C.wmgo_outcome
	err := withDescriptor(op, file, func(descriptor uintptr) {
		outcome = C.wmgo_memory_map_file(m.handle.pointer, C.uint64_t(offset), C.intptr_t(descriptor),
			C.uint64_t(fileOffset), C.uint64_t(length), C.uint32_t(mode))
	})
	if err != nil {
		return err
	}
	return failure(op, outcome)
}

// Unmap makes a range zeros that can be read and written, whatever was there.
func (m *Memory) Unmap(offset, length uint64) error {
	const op = "Memory.Unmap"
	if err := m.writing(op); err != nil {
		return err
	}
	defer m.leave()
	return failure(op, C.wmgo_memory_unmap(m.handle.pointer, C.uint64_t(offset), C.uint64_t(length)))
}

// A Protection is what may be done with a range.
type Protection int32

// Protections.
const (
	ProtectNone      Protection = 0
	ProtectRead      Protection = 1
	ProtectReadWrite Protection = 2
)

// Protect sets what may be done with a range. Calls that need more answer ErrProtected; who touches it through a slice
// of Bytes faults.
func (m *Memory) Protect(offset, length uint64, protection Protection) error {
	const op = "Memory.Protect"
	if err := m.writing(op); err != nil {
		return err
	}
	defer m.leave()
	return failure(op, C.wmgo_memory_protect(m.handle.pointer, C.uint64_t(offset), C.uint64_t(length),
		C.int32_t(protection)))
}
