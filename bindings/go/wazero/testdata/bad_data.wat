;; Its data segment does not fit.
(module
  (memory 1 2)
  (data (i32.const 65530) "too long for the page"))
