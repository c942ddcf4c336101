// Package touch has functions of C for the tests of traps, which may have no C of their own.
package touch

// #include <stdint.h>
//
// typedef void function(void *);
//
// static void write_to(void *address) { *(volatile uint8_t *)address = 1; }
// static void read_from(void *address) { (void)*(volatile uint8_t *)address; }
// static void call(void *body, void *env) { ((function *)body)(env); }
// static function *writing(void) { return write_to; }
// static function *reading(void) { return read_from; }
// static void *nowhere(void) { return (void *)(uintptr_t)4096; }
import "C"

import "unsafe"

// Write is a void (*)(void *) that writes the byte at its argument, Read one that reads it. At Nowhere there is nothing.
var (
	Write   = unsafe.Pointer(C.writing())
	Read    = unsafe.Pointer(C.reading())
	Nowhere = C.nowhere()
)

// Call calls such a function.
func Call(body, env unsafe.Pointer) { C.call(body, env) }
