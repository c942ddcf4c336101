package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A script by hand, with something of all that passes, fails and is skipped.
const script = `file by-hand
features mvp,bulk-memory
enable mutable-global,sign-extension,multi-value,bulk-memory,reference-types
text 0
module 1 guest.wasm M mvp
return 2 invoke - size => i32:00000001
return 3 invoke M load i32:00000400 => i32:6c6c6568
return 4 invoke - load i32:00000400 => i32:00000000|i32:6c6c6568
return 5 invoke - load i32:00000400 => i32:00000000
trap 6 out%20of%20bounds%20memory%20access invoke - load i32:0000fffd
trap 7 unreachable invoke - load i32:0000fffd
trap 8 out%20of%20bounds%20memory%20access invoke - load i32:00000000
do 9 invoke - store i32:00000008 i32:ffffffff
return 10 invoke - load64 i32:00000008 => i64:00000000ffffffff
return 11 invoke - store i32:00000008 i32:00000000 =>
register 12 guest M
module 13 importer.wasm - mvp
return 14 invoke - load i32:00000400 => i32:6c6c6568
return 15 invoke - grow i32:00000001 => i32:00000001
return 16 invoke M size => i32:00000002
uninstantiable 17 out%20of%20bounds%20memory%20access bad_data.wasm mvp
uninstantiable 18 unreachable bad_start.wasm mvp
unlinkable 19 unknown%20import thread.wasm threads
invalid 20 type%20mismatch guest.wasm -
malformed 21 magic%20header%20not%20detected empty.wasm -
module 22 guest.wasm - memory64
return 23 invoke - size => i32:00000001
module 24 empty.wasm X mvp
register 25 x X
return 26 invoke - nothing =>
return 27 invoke M nothing =>
register 28 % M
define 29 guest.wasm D mvp
instance 30 I D
return 31 invoke I load i32:00000008 => i32:00000000
thread 32 T -
`

func TestScript(t *testing.T) {
	directory := t.TempDir()
	for _, name := range []string{"guest", "importer", "bad_data", "bad_start", "thread"} {
		binary, err := os.ReadFile(filepath.Join("..", "..", "testdata", name+".wasm"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(directory, name+".wasm"), binary, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(t, directory, "empty.wasm", "")
	write(t, directory, "script", script)
	want := []string{
		"fail 5 result 1 is 6c6c6568, not i32:00000000",
		`fail 7 the trap is "wasm error: out of bounds memory access", not "unreachable"`,
		"fail 8 returned [0], and should trap: out of bounds memory access",
		"fail 19 ", // threads are not enabled: it does not even compile
		"fail 20 wazero takes a module that is invalid: type mismatch",
		"skip 22 lacks memory64",
		"skip 23 lacks memory64",
		"fail 24 ",
		"fail 25 no instance: module at line 24",
		"fail 26 no instance: module at line 24",
		`fail 27 there is no function "nothing"`,
		"fail 32 directive not known: thread",
	}
	for _, ours := range []bool{false, true} {
		for _, interpreter := range []bool{false, true} {
			total := "total 20 10 2 0"
			if ours {
				// spectest, two guests, the importer has none, and two that could not be instantiated.
				total = "total 20 10 2 5"
			}
			var out bytes.Buffer
			if err := run(&out, ours, interpreter, directory); err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
			if len(lines) != len(want)+1 || lines[len(want)] != total {
				t.Fatalf("ours %v: want %d lines and %q:\n%s", ours, len(want)+1, total, out.String())
			}
			for i, line := range want {
				if !strings.HasPrefix(lines[i], line) {
					t.Errorf("ours %v: got %q, want %q", ours, lines[i], line)
				}
			}
		}
	}
}

func write(t *testing.T, directory, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(directory, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A file of which nothing can run, and scripts that are none.
func TestScriptsThatCannotRun(t *testing.T) {
	directory := t.TempDir()
	var out bytes.Buffer
	write(t, directory, "script", "file x\nfeatures memory64\nenable memory64\ntext 3\nmodule 1 a.wasm - memory64\n"+
		"return 2 invoke - f =>\ninvalid 3 type%20mismatch a.wasm -\n")
	write(t, directory, "a.wasm", "")
	if err := run(&out, true, false, directory); err != nil || out.String() != "skip 0 lacks memory64\ntotal 0 0 3 0\n" {
		t.Errorf("%v\n%s", err, out.String())
	}
	for text, words := range map[string]string{
		"nonsense\n":                                  `"nonsense" is no directive`,
		"module 1 a.wasm\n":                           "module has 1 words, not 3",
		"module 1 b.wasm - mvp\n":                     "b.wasm",
		"return 1 invoke N f =>\n":                    "there is no instance N",
		"instance 1 I D\n":                            "there is no definition D",
		"malformed 1 %zz a.wasm -\n":                  `the word "%zz"`,
		"malformed 1 x none.wasm -\n":                 "none.wasm",
		"trap 1 x\n":                                  "a message and an action",
		"register 1 x Y\n":                            "there is no instance Y",
		"features mvp\nuninstantiable 1 x b.wasm -\n": "b.wasm",
	} {
		write(t, directory, "script", text)
		if err := run(&out, false, false, directory); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if err := run(&out, false, false, t.TempDir()); err == nil {
		t.Error("there is no script, and no error")
	}
}

func TestValues(t *testing.T) {
	for _, c := range []struct {
		word string
		raw  []uint64
		same bool
	}{
		{"i32:ffffffff", []uint64{0xffffffff}, true},
		{"i64:ffffffffffffffff", []uint64{^uint64(0)}, true},
		{"i64:00000000ffffffff", []uint64{^uint64(0)}, false},
		{"f32:nan:canonical", []uint64{0xffc00000}, true},
		{"f32:nan:canonical", []uint64{0x7fc00001}, false},
		{"f32:nan:arithmetic", []uint64{0x7fc00001}, true},
		{"f32:nan:arithmetic", []uint64{0x7fa00001}, false},
		{"f64:nan:canonical", []uint64{0x7ff8000000000000}, true},
		{"f64:nan:arithmetic", []uint64{0xfff8000000000001}, true},
		{"f64:nan:arithmetic", []uint64{0x7ff0000000000001}, false},
		{"f64:8000000000000000", []uint64{0}, false},
		{"v128:0000000000000002" + "0000000000000001", []uint64{1, 2}, true},
		{"v128:0000000000000002" + "0000000000000001", []uint64{2, 1}, false},
		{"v128.f32x4:3f800000,nan:canonical,00000000,nan:arithmetic", []uint64{0x7fc000003f800000, 0x7fc1234500000000}, true},
		{"v128.f32x4:3f800000,nan:canonical,00000000,3f800000", []uint64{0x7fc000003f800000, 0x7fc1234500000000}, false},
		{"v128.f64x2:3ff0000000000000,nan:canonical", []uint64{0x3ff0000000000000, 0x7ff8000000000000}, true},
		{"funcref:null", []uint64{0}, true},
		{"ref:null", []uint64{1}, false},
		{"ref", []uint64{1}, true},
		{"externref:7", []uint64{8}, true},
		{"externref:0", []uint64{0}, false},
	} {
		same, err := matches(c.raw, c.word)
		if err != nil || same != c.same {
			t.Errorf("%s and %x: %v, %v", c.word, c.raw, same, err)
		}
	}
	for _, word := range []string{"i32", "i32:xyz", "v128:00", "f32:nan:other", "structref:1"} {
		if _, err := argument(nil, word); err == nil {
			t.Errorf("%q is an argument", word)
		}
	}
	got, err := argument(nil, "v128:00000000000000020000000000000001")
	if err != nil || len(got) != 2 || got[0] != 1 || got[1] != 2 {
		t.Errorf("%x, %v", got, err)
	}
}
