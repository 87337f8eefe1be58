// updated-norms.wgsl without workgroup memory, for adapters whose subgroups have at least 8 lanes and pay for each
// load. A lane does four rows, a vector element each: it decodes four columns of its own, to which RANKS steps of r are
// added, at least as many as there are: of eight of them each lane loads one of a, and all get it by broadcasts. BITS
// and IS_BF16 are bits and isBf16; IN_BLOCKS: scaling is 2 or more. dim is a multiple of 8; of 4 bits, and of others in
// blocks that are no rows, a row is whole blocks of a multiple of 8.
// Parts: eight-lanes, half-words, stored-blocks, stored-scale.
enable subgroups;

override LANES: u32 = 8;
override RANKS: u32 = 16;
override BITS: u32 = 4;
override IS_BF16: u32 = 0;
override IN_BLOCKS: u32 = 0;

struct Params {
  rows: u32,
  dim: u32,
  r: u32,
  bits: u32,
  isBf16: u32,
  blockSize: u32,
  scaling: u32,
  nestedCount: u32,
  alpha: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> codes: array<u32>;
@group(0) @binding(2) var<storage, read> absmax: array<u32>;
@group(0) @binding(3) var<storage, read> nested: array<u32>;
@group(0) @binding(4) var<storage, read> tables: array<f32>;
@group(0) @binding(5) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> b: array<f32>;
@group(0) @binding(7) var<storage, read_write> norms: array<f32>;

/// The level of a code.
fn levelOf(code: u32, low: f32, high: f32) -> f32 {
  return select(subgroupShuffle(low, code & 7u), subgroupShuffle(high, code & 7u), code > 7u);
}

/// Four codes of a half word, the first in the higher half of the lower byte.
fn levelsOf(half: u32, low: f32, high: f32) -> vec4<f32> {
  return vec4<f32>(
    levelOf((half >> 4u) & 15u, low, high),
    levelOf(half & 15u, low, high),
    levelOf((half >> 12u) & 15u, low, high),
    levelOf((half >> 8u) & 15u, low, high),
  );
}

/// Elements element … element + 3 of a W of 8, 16 or 32 bits or in blocks, before they are scaled.
fn fourAt(element: u32) -> vec4<f32> {
  if (IN_BLOCKS != 0u) {
    return codesOfBlock(element, BITS);
  }
  if (BITS == 32u) {
    return bitcast<vec4<f32>>(vec4<u32>(codes[element], codes[element + 1u], codes[element + 2u], codes[element + 3u]));
  }
  if (BITS == 8u) {
    return unpack4x8snorm(codes[element / 4u]);
  }
  return vec4<f32>(pairOf(codes[element / 2u], IS_BF16 != 0u), pairOf(codes[element / 2u + 1u], IS_BF16 != 0u));
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let row0 = 4u * ((group.x + group.y * groups.x) * LANES + local);
  // Past the last row, it is worked on once more, and not stored.
  let rows = min(vec4<u32>(row0, row0 + 1u, row0 + 2u, row0 + 3u), vec4<u32>(params.rows - 1u));
  let eighth = lane & 7u;
  var low = 0.0;
  var high = 0.0;
  let isPacked = BITS == 4u && IN_BLOCKS == 0u;
  if (isPacked) {
    low = tables[eighth];
    high = tables[8u + eighth];
  }
  // Beyond r, factors are 0.
  var factors: array<vec4<f32>, 64>;
  for (var k = 0u; k < RANKS; k++) {
    let at = min(k, params.r - 1u);
    let own = vec4<f32>(
      b[rows.x * params.r + at],
      b[rows.y * params.r + at],
      b[rows.z * params.r + at],
      b[rows.w * params.r + at],
    );
    factors[k] = select(vec4<f32>(), params.alpha * own, k < params.r);
  }
  var words: vec4<u32>;
  var scales = vec4<f32>(1.0);
  var leasts: vec4<f32>;
  var total = vec4<f32>();

  for (var c0 = 0u; c0 < params.dim; c0 += 64u) {
    // Sums of few squares first: long rows keep their digits.
    var sum = vec4<f32>();
    let end = min(c0 + 64u, params.dim);
    for (var c = c0; c < end; c += 8u) {
      for (var i = 0u; i < 4u; i++) {
        let element = rows[i] * params.dim + c;
        if (isPacked) {
          words[i] = codes[element / 8u];
        }
        if (BITS < 16u && c % params.blockSize == 0u) {
          if (IN_BLOCKS != 0u) {
            let pair = scaleAndLeast(element);
            scales[i] = pair.x;
            leasts[i] = pair.y;
          } else {
            scales[i] = scaleOf(element / params.blockSize);
          }
        }
      }
      for (var half = 0u; half < 2u; half++) {
        let c4 = c + 4u * half;
        var along: mat4x4<f32>;
        for (var i = 0u; i < 4u; i++) {
          if (isPacked) {
            along[i] = levelsOf(words[i] >> (16u * half), low, high);
          } else {
            along[i] = fourAt(rows[i] * params.dim + c4);
          }
        }
        let turned = transpose(along);
        var y0 = turned[0] * scales + leasts;
        var y1 = turned[1] * scales + leasts;
        var y2 = turned[2] * scales + leasts;
        var y3 = turned[3] * scales + leasts;
        for (var k = 0u; k < RANKS; k += 8u) {
          let x = ofEight(a[(min(k + eighth, params.r - 1u) * params.dim + c4) / 4u]);
          for (var i = 0u; i < 8u; i++) {
            y0 += x[i].x * factors[k + i];
            y1 += x[i].y * factors[k + i];
            y2 += x[i].z * factors[k + i];
            y3 += x[i].w * factors[k + i];
          }
        }
        sum += y0 * y0 + y1 * y1 + y2 * y2 + y3 * y3;
      }
    }
    total += sum;
  }

  for (var i = 0u; i < 4u; i++) {
    if (row0 + i < params.rows) {
      norms[row0 + i] = sqrt(total[i]);
    }
  }
}
