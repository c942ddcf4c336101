;; An instance of the usual kind: a megabyte of memory that starts with 64 KiB of data, of which `touch` writes a byte.
;; The Makefile puts the bytes in place of the next line.
(module
  (memory (export "memory") 16)
  (data (i32.const 1024)
    IMAGE
  (func (export "touch") (param i32)
    (i32.store8 (local.get 0) (i32.const 1))))
