;; What a program of ours cannot be relied on to do: touch every edge of a memory. Two memories, so that one instance
;; has two entries in the side table of wasm_rt_memory.c. wabt 1.0.32 accepts it with --enable-multi-memory.
(module
  ;; One page of at most three, and one without a maximum that begins empty.
  (memory $small (export "small") 1 3)
  (memory $open (export "open") 0)
  (data (memory $small) (i32.const 8) "wasm")
  (data $later "later")

  (func (export "size") (result i32) (memory.size $small))
  (func (export "grow") (param i32) (result i32) (memory.grow $small (local.get 0)))
  (func (export "open_size") (result i32) (memory.size $open))
  (func (export "open_grow") (param i32) (result i32) (memory.grow $open (local.get 0)))

  (func (export "load8") (param i32) (result i32) (i32.load8_u $small (local.get 0)))
  (func (export "load32") (param i32) (result i32) (i32.load $small (local.get 0)))
  (func (export "load64") (param i32) (result i64) (i64.load $small (local.get 0)))
  (func (export "store8") (param i32 i32) (i32.store8 $small (local.get 0) (local.get 1)))
  (func (export "store64") (param i32 i64) (i64.store $small (local.get 0) (local.get 1)))
  (func (export "open_load8") (param i32) (result i32) (i32.load8_u $open (local.get 0)))
  (func (export "open_store8") (param i32 i32) (i32.store8 $open (local.get 0) (local.get 1)))

  ;; The farthest effective address there is: 0xffffffff + 0xffffffff, eight bytes wide.
  (func (export "far_load8") (param i32) (result i32) (i32.load8_u $small offset=0xffffffff (local.get 0)))
  (func (export "far_load64") (param i32) (result i64) (i64.load $small offset=0xffffffff (local.get 0)))
  (func (export "far_store64") (param i32 i64) (i64.store $small offset=0xffffffff (local.get 0) (local.get 1)))
  (func (export "page_load8") (param i32) (result i32) (i32.load8_u $small offset=65536 (local.get 0)))

  (func (export "fill") (param i32 i32 i32)
    (memory.fill $small (local.get 0) (local.get 1) (local.get 2)))
  (func (export "copy") (param i32 i32 i32)
    (memory.copy $small $small (local.get 0) (local.get 1) (local.get 2)))
  (func (export "init") (param i32 i32 i32)
    (memory.init $small $later (local.get 0) (local.get 1) (local.get 2)))

  ;; How many bytes from `from` to `to` of the small memory are not zero.
  (func (export "count_set") (param $from i32) (param $to i32) (result i32) (local $count i32)
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $from) (local.get $to)))
        (local.set $count (i32.add (local.get $count)
          (i32.ne (i32.load8_u $small (local.get $from)) (i32.const 0))))
        (local.set $from (i32.add (local.get $from) (i32.const 1)))
        (br $next)))
    (local.get $count)))
