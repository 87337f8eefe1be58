// The memory bandwidth of one thread: bytes that lie in a row are added up as f32, by as many sums as hide the latency
// of an addition.

let from: usize = 0
let to: usize = 0

/** Takes `bytes`, a multiple of 128, and writes each page of them, so that the system gives them memory. */
export function reserve(bytes: u32): void {
  from = (<usize>memory.grow(<i32>((bytes >> 16) + 1))) << 16
  to = from + bytes
  memory.fill(from, 1, bytes)
}

/** Reads all of them once. */
export function sum(): f32 {
  let s0 = f32x4.splat(0)
  let s1 = s0
  let s2 = s0
  let s3 = s0
  let s4 = s0
  let s5 = s0
  let s6 = s0
  let s7 = s0
  for (let at = from, last = to; at < last; at += 128) {
    s0 = f32x4.add(s0, v128.load(at))
    s1 = f32x4.add(s1, v128.load(at, 16))
    s2 = f32x4.add(s2, v128.load(at, 32))
    s3 = f32x4.add(s3, v128.load(at, 48))
    s4 = f32x4.add(s4, v128.load(at, 64))
    s5 = f32x4.add(s5, v128.load(at, 80))
    s6 = f32x4.add(s6, v128.load(at, 96))
    s7 = f32x4.add(s7, v128.load(at, 112))
  }
  const all = f32x4.add(
    f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)),
    f32x4.add(f32x4.add(s4, s5), f32x4.add(s6, s7)),
  )
  return (
    f32x4.extract_lane(all, 0) + f32x4.extract_lane(all, 1) + f32x4.extract_lane(all, 2) + f32x4.extract_lane(all, 3)
  )
}
