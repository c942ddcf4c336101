;; One more instance of a program with threads: it imports the shared memory of a module named "threads".
(module
  (import "threads" "memory" (memory 1 4 shared))
  (func (export "add") (param i32) (result i32) (i32.atomic.rmw.add (i32.const 64) (local.get 0)))
  (func (export "wait") (param i32 i32 i64) (result i32)
    (memory.atomic.wait32 (local.get 0) (local.get 1) (local.get 2))))
