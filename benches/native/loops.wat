;; The loops of by_hand.c as WebAssembly: wasm2c turns them into the code that its users run.
(module
  (memory (export "memory") 1 1)

  (func (export "load") (param $count i64) (result i32)
    (local $index i32) (local $sum i32)
    (block $done
      (loop $next
        (br_if $done (i64.eqz (local.get $count)))
        (local.set $count (i64.sub (local.get $count) (i64.const 1)))
        (local.set $sum (i32.add (local.get $sum) (i32.load offset=4 (local.get $index))))
        (local.set $index (i32.and (i32.add (local.get $index) (i32.const 68)) (i32.const 0x7fff)))
        (br $next)))
    (local.get $sum))

  (func (export "store") (param $count i64)
    (local $index i32) (local $left i64)
    (local.set $left (local.get $count))
    (block $done
      (loop $next
        (br_if $done (i64.eqz (local.get $left)))
        (local.set $left (i64.sub (local.get $left) (i64.const 1)))
        (i32.store offset=4 (local.get $index) (i32.wrap_i64 (local.get $left)))
        (local.set $index (i32.and (i32.add (local.get $index) (i32.const 68)) (i32.const 0x7fff)))
        (br $next)))))
