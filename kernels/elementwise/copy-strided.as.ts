// out[outFirst + at(o0..o3)] = (accumulate ? itself : 0) + x[xFirst + at(x0..x3)] over an array of [count / (d1 d2
// d3),d1,d2,d3] elements, at(s0..s3) = s0 i0 + s1 i1 + s2 i2 + s3 i3. Elements of 4 bytes, moved as they are unless
// added. One item is 4 elements.
import { loadPart, storePart } from '../shared/simd.as.ts'
import { atRow } from '../shared/strides.as.ts'

export function copyStrided(
  x: usize,
  out: usize,
  count: u32,
  d1: u32,
  d2: u32,
  d3: u32,
  x0: u32,
  x1: u32,
  x2: u32,
  x3: u32,
  xFirst: u32,
  o0: u32,
  o1: u32,
  o2: u32,
  o3: u32,
  outFirst: u32,
  accumulate: u32,
  begin: u32,
  end: u32,
): void {
  const last = min<u32>(end << 2, count)
  let i = begin << 2
  while (i < last) {
    const row = i / d3
    const c = i - row * d3
    const n = min<u32>(d3 - c, last - i)
    const from = x + ((xFirst + atRow(row, d1, d2, x0, x1, x2) + c * x3) << 2)
    const to = out + ((outFirst + atRow(row, d1, d2, o0, o1, o2) + c * o3) << 2)
    if (accumulate) {
      if (x3 == 1 && o3 == 1) addRow(from, to, n)
      else for (let k: u32 = 0; k < n; k++) addOne(from + ((k * x3) << 2), to + ((k * o3) << 2))
    } else if (x3 == 1 && o3 == 1) memory.copy(to, from, n << 2)
    else for (let k: u32 = 0; k < n; k++) store<u32>(to + ((k * o3) << 2), load<u32>(from + ((k * x3) << 2)))
    i += n
  }
}

function addRow(from: usize, to: usize, n: u32): void {
  for (let k: u32 = 0; k < n; k += 4) {
    const at: usize = k << 2
    storePart(to + at, f32x4.add(loadPart(to + at, n - k), loadPart(from + at, n - k)), n - k)
  }
}

function addOne(from: usize, to: usize): void {
  store<f32>(to, load<f32>(to) + load<f32>(from))
}
