;; A tenant's program: it keeps what it was told last, at an address that everybody knows.
(module
  (memory (export "memory") 1 64)
  (data (i32.const 16) "nothing yet")
  ;; Where the next text is to be put; it needs room for so many bytes.
  (func (export "room") (param $bytes i32) (result i32)
    (block $enough
      (br_if $enough
        (i32.le_u (i32.add (i32.const 16) (local.get $bytes)) (i32.mul (memory.size) (i32.const 65536))))
      (drop (memory.grow (i32.add (i32.shr_u (local.get $bytes) (i32.const 16)) (i32.const 1)))))
    (i32.const 16)))
