package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"
)

// v128 is a type that wazero's api has no name for. Its values are two numbers, the lower one first.
const v128 = api.ValueType(0x7b)

// values are results, as wazero has them: two numbers for a v128, one for all else.
type values struct {
	types []api.ValueType
	raw   []uint64
}

// A trap is an error of the guest.
type trap struct{ text string }

func (t trap) Error() string { return "trap: " + t.text }

func (r *runner) action(ctx context.Context, words []string) (values, error) {
	if len(words) < 3 {
		return values{}, broken{fmt.Errorf("%q is no action", words)}
	}
	name, err := decode(words[2])
	if err != nil {
		return values{}, err
	}
	found, err := r.instance(words[1])
	if err != nil {
		return values{}, err
	}
	if found.missing != nil {
		return values{}, found.missing
	}
	module := found.module
	if words[0] == "get" {
		global := module.ExportedGlobal(name)
		if global == nil {
			return values{}, fmt.Errorf("there is no global %q", name)
		}
		if global.Type() == v128 {
			return values{}, skipped{"wazero's api has no globals of type v128"}
		}
		return values{[]api.ValueType{global.Type()}, []uint64{global.Get()}}, nil
	}
	if words[0] != "invoke" {
		return values{}, broken{fmt.Errorf("the action %q is unknown", words[0])}
	}
	var arguments []uint64
	for _, word := range words[3:] {
		if arguments, err = argument(arguments, word); err != nil {
			return values{}, err
		}
	}
	function := module.ExportedFunction(name)
	if function == nil {
		return values{}, fmt.Errorf("there is no function %q", name)
	}
	raw, err := function.Call(ctx, arguments...)
	if err != nil {
		var exit *sys.ExitError
		if errors.As(err, &exit) {
			return values{}, err
		}
		return values{}, trap{err.Error()}
	}
	return values{function.Definition().ResultTypes(), raw}, nil
}

func argument(to []uint64, word string) ([]uint64, error) {
	kind, text, found := strings.Cut(word, ":")
	if !found {
		return nil, broken{fmt.Errorf("%q is no argument", word)}
	}
	switch kind {
	case "i32", "f32":
		value, err := parseUint(text, 16, 32)
		return append(to, value), err
	case "i64", "f64":
		value, err := parseUint(text, 16, 64)
		return append(to, value), err
	case "v128":
		high, low, err := halves(text)
		return append(to, low, high), err
	case "funcref", "externref":
		if text == "null" {
			return append(to, 0), nil
		}
		// 0 is null for wazero, so that all others are one more.
		value, err := parseUint(text, 10, 63)
		return append(to, value+1), err
	}
	return nil, skipped{fmt.Sprintf("wazero's api has no values like %s", word)}
}

func halves(text string) (high, low uint64, err error) {
	if len(text) != 32 {
		return 0, 0, broken{fmt.Errorf("%q has not 32 digits", text)}
	}
	if high, err = parseUint(text[:16], 16, 64); err != nil {
		return 0, 0, err
	}
	low, err = parseUint(text[16:], 16, 64)
	return high, low, err
}

func (v values) compare(expected []string) error {
	if len(v.types) != len(expected) {
		return fmt.Errorf("returned %d values, not %d", len(v.types), len(expected))
	}
	at := 0
	for i, word := range expected {
		width := 1
		if v.types[i] == v128 {
			width = 2
		}
		if at+width > len(v.raw) {
			return fmt.Errorf("returned %d numbers, too few", len(v.raw))
		}
		same := false
		for _, one := range strings.Split(word, "|") {
			matches, err := matches(v.raw[at:at+width], one)
			if err != nil {
				return err
			}
			same = same || matches
		}
		if !same {
			return fmt.Errorf("result %d is %s, not %s", i+1, hexadecimal(v.raw[at:at+width]), word)
		}
		at += width
	}
	return nil
}

func hexadecimal(raw []uint64) string {
	if len(raw) == 2 {
		return fmt.Sprintf("%016x%016x", raw[1], raw[0])
	}
	return fmt.Sprintf("%x", raw[0])
}

func matches(raw []uint64, word string) (bool, error) {
	switch word {
	case "ref":
		return raw[0] != 0, nil
	case "ref:null":
		return raw[0] == 0, nil
	}
	kind, text, found := strings.Cut(word, ":")
	if !found {
		return false, broken{fmt.Errorf("%q is no result", word)}
	}
	switch kind {
	case "i32":
		value, err := parseUint(text, 16, 32)
		return uint32(raw[0]) == uint32(value), err
	case "i64":
		value, err := parseUint(text, 16, 64)
		return raw[0] == value, err
	case "f32":
		return float(raw[0], text, 32)
	case "f64":
		return float(raw[0], text, 64)
	case "funcref", "externref":
		if text == "null" {
			return raw[0] == 0, nil
		}
		value, err := parseUint(text, 10, 63)
		return raw[0] == value+1, err
	}
	if len(raw) != 2 {
		return false, skipped{fmt.Sprintf("wazero's api has no values like %s", word)}
	}
	switch kind {
	case "v128":
		high, low, err := halves(text)
		return raw[0] == low && raw[1] == high, err
	case "v128.f32x4":
		return lanes(raw, text, 32)
	case "v128.f64x2":
		return lanes(raw, text, 64)
	}
	return false, broken{fmt.Errorf("%q is no result", word)}
}

func lanes(raw []uint64, text string, bits int) (bool, error) {
	all := strings.Split(text, ",")
	if len(all)*bits != 128 {
		return false, broken{fmt.Errorf("%q has not %d lanes", text, 128/bits)}
	}
	for i, lane := range all {
		first := i * bits
		same, err := float(raw[first/64]>>(first%64), lane, bits)
		if !same || err != nil {
			return false, err
		}
	}
	return true, nil
}

// float compares the bits of a number, or says whether it is the wanted kind of NaN.
func float(raw uint64, text string, bits int) (bool, error) {
	sign, quiet, mantissa := uint64(1)<<31, uint64(0x7fc00000), uint64(1)<<22
	if bits == 64 {
		sign, quiet, mantissa = 1<<63, 0x7ff8000000000000, 1<<51
	} else {
		raw = uint64(uint32(raw))
	}
	switch text {
	case "nan:canonical":
		return raw&^sign == quiet, nil
	case "nan:arithmetic":
		return raw&quiet == quiet && mantissa&raw != 0, nil
	}
	value, err := parseUint(text, 16, bits)
	return raw == value, err
}

// Traps of the specification, by what is in the text of either, to wazero's words.
var kinds = []struct{ specification, wazero string }{
	{"out of bounds memory access", "out of bounds memory access"},
	{"unaligned atomic", "unaligned atomic"},
	{"expected shared memory", "expected shared memory"},
	{"too many waiters", "too many waiters"},
	{"unreachable", "unreachable"},
	{"integer divide by zero", "integer divide by zero"},
	{"integer overflow", "integer overflow"},
	{"invalid conversion to integer", "invalid conversion to integer"},
	{"undefined element", "invalid table access"},
	{"uninitialized element", "invalid table access"},
	{"out of bounds table access", "invalid table access"},
	{"indirect call type mismatch", "indirect call type mismatch"},
	{"call stack exhausted", "stack overflow"},
	{"null function reference", "null reference"},
}

func sameKind(message string, trapped trap) error {
	for _, kind := range kinds {
		if strings.HasPrefix(message, kind.specification) {
			if strings.Contains(trapped.text, kind.wazero) {
				return nil
			}
			return fmt.Errorf("the trap is %q, not %q", oneLine(trapped.text), message)
		}
	}
	return nil
}
