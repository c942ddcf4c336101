//go:build race

package wasmmemory_test

const raceDetector = true
