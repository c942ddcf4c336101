package wasmmemory_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The program in the README compiles and runs, in a module that is made as the README says.
func TestReadme(t *testing.T) {
	readme := must(os.ReadFile("README.md"))(t)
	_, rest, found := strings.Cut(string(readme), "<!-- main.go -->\n```go\n")
	program, _, ends := strings.Cut(rest, "```\n")
	if !found || !ends {
		t.Fatal("the README has no main.go")
	}
	here := must(filepath.Abs("."))(t)
	directory := t.TempDir()
	ok(t, os.WriteFile(filepath.Join(directory, "main.go"), []byte(program), 0o600))
	var output []byte
	for _, words := range []string{
		"mod init program",
		"mod edit -require=wasmmemory@v0.0.0 -replace=wasmmemory=" + here,
		"run .",
	} {
		// "go test" has put its own Go on PATH.
		command := exec.Command("go", strings.Fields(words)...)
		command.Dir = directory
		var err error
		if output, err = command.CombinedOutput(); err != nil {
			t.Fatalf("go %s: %v\n%s", words, err, output)
		}
	}
	if !strings.HasSuffix(string(output), "grew from 1 page to 196608 bytes; byte 65531 is 'h'\n") {
		t.Fatalf("it printed:\n%s", output)
	}
}
