package wasmmemory_test

import (
	"errors"
	"fmt"
	"log"

	"wasmmemory"
)

// The example of the README.
func Example() {
	engine, err := wasmmemory.NewEngine()
	if err != nil {
		log.Fatal(err)
	}
	defer engine.Close()
	store, err := engine.NewStore()
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()

	// One page of 64 KiB at first, ten at most.
	memory, err := store.NewMemory(wasmmemory.Pages(1, 10))
	if err != nil {
		log.Fatal(err)
	}
	defer memory.Close()

	// Access is checked: all of it happens, or nothing.
	if err := memory.Write(65531, []byte("hello")); err != nil {
		log.Fatal(err)
	}
	err = memory.Write(65532, []byte("hello"))
	fmt.Println(errors.Is(err, wasmmemory.ErrOutOfBounds), err)

	// Growth reports the size before. The base stays where it is, so a slice of the memory stays right.
	previous, err := memory.Grow(2)
	if err != nil {
		log.Fatal(err)
	}
	data, err := memory.Bytes()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("grew from %d page to %d bytes; byte 65531 is %q\n", previous, len(data), data[65531])
	// Output:
	// true wasmmemory: Memory.Write: out of bounds memory access: 5 bytes at offset 65532 in a memory of 65536 bytes (WASM_MEMORY_OUT_OF_BOUNDS)
	// grew from 1 page to 196608 bytes; byte 65531 is 'h'
}

func ExampleStore_SetLimiter() {
	engine, _ := wasmmemory.NewEngine()
	defer engine.Close()
	store, _ := engine.NewStore()
	defer store.Close()
	store.SetLimiter(&wasmmemory.Limiter{Growing: func(request wasmmemory.GrowRequest) bool {
		fmt.Printf("from %d to %d bytes?\n", request.Current, request.Desired)
		return request.Desired <= 100000
	}})
	memory, _ := store.NewMemory(wasmmemory.PagesFrom(1))
	defer memory.Close()
	_, err := memory.Grow(1)
	fmt.Println(errors.Is(err, wasmmemory.ErrLimitDenied))
	// Output:
	// from 0 to 65536 bytes?
	// from 65536 to 131072 bytes?
	// true
}

func ExampleMemory_Reset() {
	engine, _ := wasmmemory.NewEngine()
	defer engine.Close()
	store, _ := engine.NewStore()
	defer store.Close()
	image, _ := wasmmemory.NewImage(wasmmemory.Segment{Offset: 0, Bytes: []byte("template")})
	defer image.Close()
	memory, _ := store.NewMemoryFromImage(wasmmemory.Pages(1, 10), image)
	defer memory.Close()

	buffer := make([]byte, 8)
	for request := range 2 {
		memory.Read(0, buffer)
		fmt.Printf("request %d starts with %q\n", request, buffer)
		memory.Write(0, []byte("secrets!"))
		memory.Reset(image)
	}
	// Output:
	// request 0 starts with "template"
	// request 1 starts with "template"
}
