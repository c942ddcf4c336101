package main

import (
	"log"
	"os"
)

func Example() {
	if err := run(os.Stdout); err != nil {
		log.Fatal(err)
	}
	// Output:
	// found "nothing yet", wrote 24 bytes
	// found "nothing yet", wrote 100000 bytes
	// found "nothing yet", refused: true
	// no room for 1000000 bytes
	// 3 memories made, 0 live
	// found "nothing yet", wrote 15 bytes
	// found "nothing yet", wrote 16 bytes
}
