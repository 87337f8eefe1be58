// Each row of input [rows,dim], its elements x rounded to f16: scale = max|x|, code = round(x · (127 · (1 / scale))),
// ties to even; a row of zeros has scale and codes 0. One item is one row. bitsandbytes backends/default/ops.py,
// int8_vectorwise_quant: torch divides a number by a tensor in two roundings.

/** Ties to even. Below 2^-14 an f16's step is 2^-24. */
function roundToHalf(x: f32): f32 {
  const bits = reinterpret<u32>(x)
  const magnitude = bits & 0x7fffffff
  if (magnitude < 0x38800000) return nearest<f32>(x * 16777216) * 5.9604644775390625e-8
  return reinterpret<f32>((bits & 0x80000000) | ((magnitude + 0xfff + ((magnitude >> 13) & 1)) & 0xffffe000))
}

export function quantizeInt8(
  input: usize,
  codes: usize,
  scale: usize,
  rows: u32,
  dim: u32,
  begin: u32,
  end: u32,
): void {
  for (let row = begin; row < end; row++) {
    const from = input + ((row * dim) << 2)
    let largest: f32 = 0
    for (let i: u32 = 0; i < dim; i++) largest = max<f32>(largest, abs<f32>(roundToHalf(load<f32>(from + (i << 2)))))
    store<f32>(scale + (row << 2), largest)
    const factor: f32 = largest == 0 ? 0 : 127 * (1 / largest)
    for (let i: u32 = 0; i < dim; i++) {
      store<i8>(codes + row * dim + i, <i8>nearest<f32>(roundToHalf(load<f32>(from + (i << 2))) * factor))
    }
  }
}
