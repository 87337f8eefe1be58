// Each block of blockSize consecutive elements (a multiple of 8): absmax = max|x|, code = the one whose interval holds
// x · (1 / absmax), two codes a byte, the first in its high half; what follows the last element is code of 0.
// decision: 15 thresholds (an element above t of them takes code t, a tie the lower), a pad, and the 16 codes as f32.
// One invocation a block. bitsandbytes 0.49, csrc/kernels.cu: kQuantizeBlockwise.
override LANES: u32 = 64;

struct Params {
  count: u32,
  blockSize: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> decision: array<f32>;
@group(0) @binding(3) var<storage, read_write> codes: array<u32>;
@group(0) @binding(4) var<storage, read_write> absmax: array<f32>;

/// 1 / x rounded to nearest, where WGSL promises 2.5 units. The remainder 2^47 - M · R of the mantissas M and R is
/// small, so its low 32 bits, which u32 products give exactly, say which way R is off.
fn reciprocal(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  let exponent = bits >> 23u;
  let fraction = bits & 0x7fffffu;
  if (exponent == 0u || exponent > 252u) {
    return 1.0 / x;
  }
  if (fraction == 0u) {
    return bitcast<f32>((254u - exponent) << 23u);
  }
  let mantissa = fraction | 0x800000u;
  let guess = 1.0 / bitcast<f32>(fraction | 0x3f800000u);
  var result = (bitcast<u32>(guess) & 0x7fffffu) | 0x800000u;
  for (var i = 0u; i < 4u; i++) {
    let remainder = bitcast<i32>(0u - mantissa * result);
    if (2 * remainder > i32(mantissa)) {
      result += 1u;
    } else if (2 * remainder < -i32(mantissa)) {
      result -= 1u;
    }
  }
  return bitcast<f32>(((253u - exponent) << 23u) | (result & 0x7fffffu));
}

/// Binary search: how many of the 15 thresholds x is above.
fn codeOf(x: f32) -> u32 {
  var rank = 0u;
  for (var step = 8u; step > 0u; step /= 2u) {
    if (x > decision[rank + step - 1u]) {
      rank += step;
    }
  }
  return u32(decision[16u + rank]);
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let block = (group.x + group.y * groups.x) * LANES + lane;
  let start = block * params.blockSize;
  if (start >= params.count) {
    return;
  }
  let end = min(start + params.blockSize, params.count);
  var largest = 0.0;
  for (var i = start; i < end; i++) {
    largest = max(largest, abs(input[i]));
  }
  absmax[block] = largest;
  var factor = 0.0;
  if (largest > 0.0) {
    factor = reciprocal(largest);
  }
  for (var i = start; i < end; i += 8u) {
    var word = 0u;
    for (var j = 0u; j < 8u; j++) {
      var x = 0.0;
      if (i + j < end) {
        x = input[i + j] * factor;
      }
      word |= codeOf(x) << (8u * (j / 2u) + 4u * (1u - j % 2u));
    }
    codes[i / 8u] = word;
  }
}
