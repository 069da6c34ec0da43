;; The two passes of resizing for three bytes a pixel (resize.ts): sums of bytes times 32-bit weights, in the order and
;; with the rounding of the same passes there. `npm run build:kernel` makes resize-kernel.ts of it.
(module
  (memory (export "memory") 1)

  ;; Half of a sum's fraction, so that dropping its 22 bits rounds it.
  (global $half i32 (i32.const 2097152))

  ;; Rows of source pixels become rows of `width` pixels. Of an axis come the first source pixel of each place, how many
  ;; there are, and their weights, `stride` bytes a place. Up to a byte is read and written beyond the last pixel.
  (func (export "across")
    (param $from i32) (param $line i32) (param $height i32) (param $to i32) (param $toLine i32) (param $width i32)
    (param $starts i32) (param $counts i32) (param $weights i32) (param $stride i32)
    (local $x i32) (local $at i32) (local $weight i32) (local $end i32) (local $into i32) (local $sum v128)
    (loop $rows
      (local.set $x (i32.const 0))
      (local.set $into (local.get $to))
      (loop $pixels
        (local.set $sum (i32x4.splat (global.get $half)))
        (local.set $at (i32.add (local.get $from) (i32.mul (i32.const 3)
          (i32.load (i32.add (local.get $starts) (i32.shl (local.get $x) (i32.const 2)))))))
        (local.set $weight (i32.add (local.get $weights) (i32.mul (local.get $x) (local.get $stride))))
        (local.set $end (i32.add (local.get $weight) (i32.shl
          (i32.load (i32.add (local.get $counts) (i32.shl (local.get $x) (i32.const 2)))) (i32.const 2))))
        (loop $taps
          (local.set $sum (i32x4.add (local.get $sum) (i32x4.mul
            (i32x4.extend_low_i16x8_u (i16x8.extend_low_i8x16_u (v128.load32_zero (local.get $at))))
            (v128.load32_splat (local.get $weight)))))
          (local.set $at (i32.add (local.get $at) (i32.const 3)))
          (local.set $weight (i32.add (local.get $weight) (i32.const 4)))
          (br_if $taps (i32.lt_u (local.get $weight) (local.get $end))))
        (local.set $sum (i32x4.shr_s (local.get $sum) (i32.const 22)))
        (local.set $sum (i16x8.narrow_i32x4_s (local.get $sum) (local.get $sum)))
        (i32.store (local.get $into)
          (i32x4.extract_lane 0 (i8x16.narrow_i16x8_u (local.get $sum) (local.get $sum))))
        (local.set $into (i32.add (local.get $into) (i32.const 3)))
        (local.set $x (i32.add (local.get $x) (i32.const 1)))
        (br_if $pixels (i32.lt_u (local.get $x) (local.get $width))))
      (local.set $from (i32.add (local.get $from) (local.get $line)))
      (local.set $to (i32.add (local.get $to) (local.get $toLine)))
      (local.set $height (i32.sub (local.get $height) (i32.const 1)))
      (br_if $rows (local.get $height))))

  ;; Rows, the first of which is number `first`, become `height` rows; `line` bytes each, a multiple of 16.
  (func (export "down")
    (param $rows i32) (param $line i32) (param $first i32) (param $height i32) (param $to i32)
    (param $starts i32) (param $counts i32) (param $weights i32) (param $stride i32)
    (local $x i32) (local $top i32) (local $at i32) (local $weight i32) (local $end i32)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (local $bytes v128) (local $by v128) (local $half v128)
    (loop $places
      (local.set $top (i32.add (local.get $rows) (i32.mul (local.get $line)
        (i32.sub (i32.load (local.get $starts)) (local.get $first)))))
      (local.set $end (i32.add (local.get $weights) (i32.shl (i32.load (local.get $counts)) (i32.const 2))))
      (local.set $x (i32.const 0))
      (loop $columns
        (local.set $a (i32x4.splat (global.get $half)))
        (local.set $b (local.get $a))
        (local.set $c (local.get $a))
        (local.set $d (local.get $a))
        (local.set $at (i32.add (local.get $top) (local.get $x)))
        (local.set $weight (local.get $weights))
        (loop $taps
          (local.set $bytes (v128.load (local.get $at)))
          (local.set $by (v128.load32_splat (local.get $weight)))
          (local.set $half (i16x8.extend_low_i8x16_u (local.get $bytes)))
          (local.set $a (i32x4.add (local.get $a)
            (i32x4.mul (i32x4.extend_low_i16x8_u (local.get $half)) (local.get $by))))
          (local.set $b (i32x4.add (local.get $b)
            (i32x4.mul (i32x4.extend_high_i16x8_u (local.get $half)) (local.get $by))))
          (local.set $half (i16x8.extend_high_i8x16_u (local.get $bytes)))
          (local.set $c (i32x4.add (local.get $c)
            (i32x4.mul (i32x4.extend_low_i16x8_u (local.get $half)) (local.get $by))))
          (local.set $d (i32x4.add (local.get $d)
            (i32x4.mul (i32x4.extend_high_i16x8_u (local.get $half)) (local.get $by))))
          (local.set $at (i32.add (local.get $at) (local.get $line)))
          (local.set $weight (i32.add (local.get $weight) (i32.const 4)))
          (br_if $taps (i32.lt_u (local.get $weight) (local.get $end))))
        (v128.store (i32.add (local.get $to) (local.get $x)) (i8x16.narrow_i16x8_u
          (i16x8.narrow_i32x4_s
            (i32x4.shr_s (local.get $a) (i32.const 22)) (i32x4.shr_s (local.get $b) (i32.const 22)))
          (i16x8.narrow_i32x4_s
            (i32x4.shr_s (local.get $c) (i32.const 22)) (i32x4.shr_s (local.get $d) (i32.const 22)))))
        (local.set $x (i32.add (local.get $x) (i32.const 16)))
        (br_if $columns (i32.lt_u (local.get $x) (local.get $line))))
      (local.set $to (i32.add (local.get $to) (local.get $line)))
      (local.set $starts (i32.add (local.get $starts) (i32.const 4)))
      (local.set $counts (i32.add (local.get $counts) (i32.const 4)))
      (local.set $weights (i32.add (local.get $weights) (local.get $stride)))
      (local.set $height (i32.sub (local.get $height) (i32.const 1)))
      (br_if $places (local.get $height)))))
