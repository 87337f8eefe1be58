// quantize-blocks.as.ts: rounds to GGUF's blocks of 4 to 6 bits, which parts/stored-blocks.wgsl reads; scales are those
// of the extremes of a block, codes the nearest. One invocation does 64 elements, or where scaling is 4 or 5 the 256
// that share a number of nested, and writes whole words.
override LANES: u32 = 64;

struct Params {
  count: u32,
  bits: u32,
  blockSize: u32,
  scaling: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read_write> codes: array<u32>;
@group(0) @binding(3) var<storage, read_write> absmax: array<u32>;
@group(0) @binding(4) var<storage, read_write> nested: array<u32>;

/// The nearest f16's bits, of what is finite at most the largest.
fn halfOf(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  let sign = (bits >> 16u) & 0x8000u;
  let size = bits & 0x7fffffffu;
  if (size >= 0x477ff000u) {
    return sign | 0x7bffu;
  }
  if (size < 0x38800000u) {
    return sign | u32(round(abs(x) * 16777216.0));
  }
  return sign | ((size + 0xfffu + ((size >> 13u) & 1u) - 0x38000000u) >> 13u);
}

fn valueOf(half: u32) -> f32 {
  let normal = bitcast<f32>(((half & 0x7fffu) << 13u) + 0x38000000u);
  let size = select(normal, f32(half & 1023u) * 5.9604644775390625e-8, (half & 0x7c00u) == 0u);
  return select(size, -size, (half & 0x8000u) != 0u);
}

/// The whole number nearest to x / step within bounds; by remainders, which are exact.
fn quotient(x: f32, step: f32, least: f32, most: f32) -> f32 {
  if (step == 0.0) {
    return clamp(0.0, least, most);
  }
  var q = round(x / step);
  let rest = (x - q * step) * select(1.0, -1.0, step < 0.0);
  let size = abs(step) * 0.5;
  if (rest > size) {
    q += 1.0;
  } else if (rest < -size) {
    q -= 1.0;
  }
  return clamp(q, least, most);
}

/// Least and most of a block, and its number of largest magnitude.
fn extremes(at: u32) -> vec3<f32> {
  var found = vec3<f32>(input[at], input[at], 0.0);
  for (var i = 0u; i < params.blockSize; i++) {
    let x = input[at + i];
    found.x = min(found.x, x);
    found.y = max(found.y, x);
    if (abs(x) > abs(found.z)) {
      found.z = x;
    }
  }
  return found;
}

/// One over the largest code, where all are from 0 on.
fn stepOf() -> f32 {
  return select(0.032258064, 0.06666667, params.bits == 4u);
}

/// Codes of the 32 elements from `at` on, of which 16 have the first scale, and 16 the second.
fn storeCodes(at: u32, first: f32, second: f32, least: f32) {
  let centre = select(f32((1u << params.bits) / 2u), 0.0, params.scaling % 2u == 1u);
  let most = f32((1u << params.bits) - 1u) - centre;
  var words: array<u32, 6>;
  for (var i = 0u; i < 32u; i++) {
    let code = u32(quotient(input[at + i] - least, select(second, first, i < 16u), -centre, most) + centre);
    words[i / 8u] |= (code & 15u) << (8u * (i % 4u) + (i & 4u));
    if (params.bits == 5u) {
      words[4u] |= (code >> 4u) << (8u * (i % 4u) + i / 4u);
    } else if (params.bits == 6u) {
      words[4u + i / 16u] |= (code >> 4u) << (8u * (i % 4u) + i % 16u / 4u * 2u);
    }
  }
  for (var j = 0u; j < params.bits; j++) {
    codes[at / 32u * params.bits + j] = words[j];
  }
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let size = select(64u, 256u, params.scaling > 3u);
  let start = ((group.x + group.y * groups.x) * LANES + lane) * size;
  if (start >= params.count) {
    return;
  }
  let end = min(start + size, params.count);
  if (params.scaling == 3u) {
    for (var at = start; at < end; at += 32u) {
      let found = extremes(at);
      let bits = vec2<u32>(halfOf((found.y - found.x) * stepOf()), halfOf(found.x));
      absmax[at / 32u] = bits.x | (bits.y << 16u);
      storeCodes(at, valueOf(bits.x), valueOf(bits.x), valueOf(bits.y));
    }
  } else if (params.scaling == 2u) {
    var word = 0u;
    for (var at = start; at < end; at += 32u) {
      let bits = halfOf(extremes(at).z * -0.0625);
      word |= bits << ((at - start) / 2u);
      storeCodes(at, valueOf(bits), valueOf(bits), 0.0);
    }
    absmax[start / 64u] = word;
  } else if (params.scaling == 5u) {
    var scale = 0.0;
    var least = 0.0;
    for (var at = start; at < end; at += 32u) {
      let found = extremes(at);
      let low = min(0.0, found.x);
      scale = max(scale, (found.y - low) * stepOf());
      least = max(least, -low);
    }
    let bits = vec2<u32>(halfOf(scale * 0.015873017), halfOf(least * -0.015873017));
    nested[start / 256u] = bits.x | (bits.y << 16u);
    scale = valueOf(bits.x);
    least = valueOf(bits.y);
    for (var at = start; at < end; at += 64u) {
      var word = 0u;
      for (var i = 0u; i < 2u && at + 32u * i < end; i++) {
        let found = extremes(at + 32u * i);
        let low = min(0.0, found.x);
        let factor = quotient((found.y - low) * stepOf(), scale, 0.0, 63.0);
        let other = quotient(low, least, 0.0, 63.0);
        word |= (u32(factor) | (u32(other) << 8u)) << (16u * i);
        storeCodes(at + 32u * i, factor * scale, factor * scale, other * least);
      }
      absmax[at / 64u] = word;
    }
  } else {
    var most = 0.0;
    for (var at = start; at < end; at += 16u) {
      let own = extremes(at).z * -0.03125;
      if (abs(own) > abs(most)) {
        most = own;
      }
    }
    let scale = valueOf(halfOf(most * -0.0078125));
    nested[start / 256u] = bitcast<u32>(scale);
    for (var at = start; at < end; at += 64u) {
      var word = 0u;
      var factors: array<f32, 4>;
      for (var i = 0u; i < 4u; i++) {
        factors[i] = quotient(extremes(at + 16u * i).z * -0.03125, scale, -128.0, 127.0);
        word |= (bitcast<u32>(i32(factors[i])) & 255u) << (8u * i);
      }
      absmax[at / 64u] = word;
      storeCodes(at, factors[0] * scale, factors[1] * scale, 0.0);
      storeCodes(at + 32u, factors[2] * scale, factors[3] * scale, 0.0);
    }
  }
}
