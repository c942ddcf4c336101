;; The smallest instance that has a memory: one page, of which `touch` writes a byte.
(module
  (memory (export "memory") 1)
  (func (export "touch") (param i32)
    (i32.store8 (local.get 0) (i32.const 1))))
