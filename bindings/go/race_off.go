//go:build !race

package wasmmemory

// A witness tells the race detector who uses an unshared memory; without the detector it is nothing.
type witness struct{}

func (*witness) reads()  {}
func (*witness) writes() {}

func (m *Memory) watch(*Memory) {}
