// Each row of input [rows,dim], its elements x rounded to f16: scale = max|x|, code = round(x · (127 · (1 / scale))),
// ties to even, a byte each; a row of zeros has scale and codes 0. A workgroup takes four rows, whose codes are whole
// words: their maxima first, each lane's in a vector, then the words. bitsandbytes backends/default/ops.py,
// int8_vectorwise_quant: torch divides a number by a tensor in two roundings.
override LANES: u32 = 64;

struct Params {
  rows: u32,
  dim: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read_write> codes: array<u32>;
@group(0) @binding(3) var<storage, read_write> scale: array<f32>;

var<workgroup> largest: array<vec4<f32>, LANES>;

/// Ties to even, on the bits: WGSL may take either neighbour where it converts to f16. Below 2^-14 an f16's step is
/// 2^-24.
fn roundToHalf(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  let magnitude = bits & 0x7fffffffu;
  if (magnitude < 0x38800000u) {
    return round(x * 16777216.0) * 5.9604644775390625e-8;
  }
  return bitcast<f32>((bits & 0x80000000u) | ((magnitude + 0xfffu + ((magnitude >> 13u) & 1u)) & 0xffffe000u));
}

/// 127 · (1 / x) of an x that is an f16, each step rounded to nearest even, where WGSL promises 2.5 units: a long
/// division of 2^34 by the 11 bits of x, in two steps that u32 holds, then 30 or 31 bits cut to 24.
fn factorOf(x: f32) -> f32 {
  if (x == 0.0) {
    return 0.0;
  }
  let exponent = bitcast<u32>(x) >> 23u;
  let mantissa = ((bitcast<u32>(x) & 0x7fffffu) | 0x800000u) >> 13u;
  let low = (0x800000u % mantissa) << 11u;
  var inverse = ((0x800000u / mantissa) << 11u) + low / mantissa;
  inverse += select(0u, 1u, 2u * (low % mantissa) > mantissa);
  let product = 127u * inverse;
  let cut = 32u - countLeadingZeros(product) - 24u;
  let rounded = (product + (1u << (cut - 1u)) - 1u + ((product >> cut) & 1u)) >> cut;
  // The sum lets a mantissa that was rounded up to 2^24 raise the exponent.
  return bitcast<f32>(((253u + cut - exponent) << 23u) + (rounded - 0x800000u));
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let row0 = 4u * (group.x + group.y * groups.x);
  var own = vec4<f32>();
  for (var r = 0u; r < 4u; r++) {
    if (row0 + r < params.rows) {
      for (var i = lane; i < params.dim; i += LANES) {
        own[r] = max(own[r], abs(roundToHalf(input[(row0 + r) * params.dim + i])));
      }
    }
  }
  largest[lane] = own;
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if (lane < half) {
      largest[lane] = max(largest[lane], largest[lane + half]);
    }
    workgroupBarrier();
  }
  let scales = largest[0];
  let factors = vec4<f32>(factorOf(scales.x), factorOf(scales.y), factorOf(scales.z), factorOf(scales.w));
  if (lane < 4u && row0 + lane < params.rows) {
    scale[row0 + lane] = scales[lane];
  }

  let end = min(row0 + 4u, params.rows) * params.dim;
  for (var i = row0 * params.dim + 4u * lane; i < end; i += 4u * LANES) {
    var word = 0u;
    for (var j = 0u; j < 4u; j++) {
      if (i + j < end) {
        let code = i32(round(roundToHalf(input[i + j]) * factors[(i + j) / params.dim - row0]));
        word |= (u32(code) & 255u) << (8u * j);
      }
    }
    codes[i / 4u] = word;
  }
}
