;; Calls a function of the host, which is given the address of a text in the memory.
(module
  (import "host" "use" (func $use (param i32 i32)))
  (memory (export "memory") 1 2)
  (data (i32.const 16) "from the guest")
  (func (export "call") (call $use (i32.const 16) (i32.const 14))))
