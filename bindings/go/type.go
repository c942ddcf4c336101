package wasmmemory

// #include "bridge.h"
import "C"

// DefaultPageSize is the size of a page in bytes unless a type says otherwise.
const DefaultPageSize = 65536

// A MemoryType describes a memory. It is a plain value; what is wrong with one is said when it is used, or by Validate.
type MemoryType struct {
	Minimum    uint64 // In pages.
	Maximum    uint64 // In pages, if HasMaximum.
	HasMaximum bool
	Index64    bool   // Addresses have 64 bits.
	Shared     bool   // Several threads may use the memory at once; needs a maximum.
	PageSize   uint64 // In bytes: 65536 or 1; 0 means 65536.
}

// Pages is the type of an unshared memory with a 32-bit index and pages of 64 KiB that can grow to a maximum.
func Pages(minimum, maximum uint64) MemoryType {
	return MemoryType{Minimum: minimum, Maximum: maximum, HasMaximum: true}
}

// PagesFrom is the same without a maximum.
func PagesFrom(minimum uint64) MemoryType { return MemoryType{Minimum: minimum} }

// SharedPages is the type of a shared memory with a 32-bit index and pages of 64 KiB.
func SharedPages(minimum, maximum uint64) MemoryType {
	return MemoryType{Minimum: minimum, Maximum: maximum, HasMaximum: true, Shared: true}
}

// raw is what C takes, or why it cannot be.
func (t MemoryType) raw(op string) (C.wmgo_type, error) {
	var raw C.wmgo_type
	if t.Maximum != 0 && !t.HasMaximum {
		return raw, refusal(op, ErrInvalidType, "Maximum is %d, but HasMaximum is not set", t.Maximum)
	}
	switch t.PageSize {
	case 0, DefaultPageSize:
		raw.page_size_log2 = 16
	case 1:
	default:
		return raw, refusal(op, ErrInvalidType, "PageSize is %d: use 65536, or 1", t.PageSize)
	}
	raw.minimum = C.uint64_t(t.Minimum)
	raw.maximum = C.uint64_t(t.Maximum)
	raw.maximum_present = C.bool(t.HasMaximum)
	raw.is_64 = C.bool(t.Index64)
	raw.shared = C.bool(t.Shared)
	return raw, nil
}

func typeOf(raw C.wmgo_type) MemoryType {
	return MemoryType{
		Minimum:    uint64(raw.minimum),
		Maximum:    uint64(raw.maximum),
		HasMaximum: bool(raw.maximum_present),
		Index64:    bool(raw.is_64),
		Shared:     bool(raw.shared),
		PageSize:   1 << raw.page_size_log2,
	}
}

// Validate says whether the specification allows the type.
func (t MemoryType) Validate() error {
	const op = "MemoryType.Validate"
	raw, err := t.raw(op)
	if err != nil {
		return err
	}
	return failure(op, C.wmgo_type_check(raw))
}

// Matches is whether a memory of this type may be imported where required is declared. For a live memory use
// [Memory.Type], which has its present size as minimum. Types that are not valid match nothing.
func (t MemoryType) Matches(required MemoryType) bool {
	provided, err := t.raw("")
	if err != nil {
		return false
	}
	wanted, err := required.raw("")
	return err == nil && bool(C.wmgo_type_matches(provided, wanted))
}
