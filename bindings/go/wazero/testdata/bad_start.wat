;; Its start function writes and then traps.
(module
  (memory 1 2)
  (func $start (i32.store (i32.const 0) (i32.const 0x5ec7e7)) unreachable)
  (start $start))
