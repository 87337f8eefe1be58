// matmul-stored.wgsl without workgroup memory: matmul-broadcast-vectors.wgsl's tiles with W decoded on the way. BITS,
// IS_BF16 and TRANS_B are bits, isBf16 and transB; IN_BLOCKS: scaling is 2 or more. n, k and pitches are multiples of
// 4. Of 4 bits but in blocks a word of eight codes is loaded at a time, and the sixteen levels lie in two registers of
// eight lanes, where a code finds its level by shuffles. With transB a lane decodes its own columns, and a row of W is
// whole blocks. Else lane i of eight loads the subgroup's columns and scale of row i, and they go around: n and
// blockSize are multiples of 8 · 4, n one of blockSize.
// Parts: eight-lanes, half-words, stored-blocks, stored-scale.
enable subgroups;

override ROWS: u32 = 16;
override LANES: u32 = 8;
override TRANS_B: u32 = 1;
override BITS: u32 = 4;
override IS_BF16: u32 = 0;
override IN_BLOCKS: u32 = 0;

struct Params {
  m: u32,
  n: u32,
  k: u32,
  pitchA: u32,
  pitchOut: u32,
  transB: u32,
  bits: u32,
  isBf16: u32,
  blockSize: u32,
  scaling: u32,
  nestedCount: u32,
  hasBias: u32,
  accumulate: u32,
  alpha: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> codes: array<u32>;
@group(0) @binding(3) var<storage, read> absmax: array<u32>;
@group(0) @binding(4) var<storage, read> nested: array<u32>;
@group(0) @binding(5) var<storage, read> tables: array<f32>;
@group(0) @binding(6) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> out: array<vec4<f32>>;

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

/// Elements element … element + 3 of a W of 8 or 16 bits or in blocks, before they are scaled.
fn fourAt(element: u32) -> vec4<f32> {
  if (IN_BLOCKS != 0u) {
    return codesOfBlock(element, BITS);
  }
  if (BITS == 8u) {
    return unpack4x8snorm(codes[element / 4u]);
  }
  return vec4<f32>(pairOf(codes[element / 2u], IS_BF16 != 0u), pairOf(codes[element / 2u + 1u], IS_BF16 != 0u));
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let row0 = group.x * ROWS;
  let column0 = 4u * (group.y * LANES + local);
  // The first of the 32 columns that this lane's eight make.
  let first = 4u * (group.y * LANES + (local & ~7u));
  // Outside of out, the last row or columns are worked on once more, and not stored.
  let column = min(column0, params.n - 4u);
  let eighth = lane & 7u;
  var low = 0.0;
  var high = 0.0;
  let isPacked = BITS == 4u && IN_BLOCKS == 0u;
  if (isPacked) {
    low = tables[eighth];
    high = tables[8u + eighth];
  }
  var sums: array<vec4<f32>, 16>;
  // With transB the words and scales of the lane's columns, else those of its row.
  var words: vec4<u32>;
  var scales = vec4<f32>(1.0);
  // What is added in blocks: of the lane's columns; of its row scale and that, of the first and the last 16 columns.
  var leasts: vec4<f32>;

  for (var depth = 0u; depth < params.k; depth += 8u) {
    if (TRANS_B != 0u) {
      for (var c = 0u; c < 4u; c++) {
        let element = (column + c) * params.k + depth;
        if (isPacked) {
          words[c] = codes[element / 8u];
        }
        if (BITS != 16u && depth % params.blockSize == 0u) {
          if (IN_BLOCKS != 0u) {
            let pair = scaleAndLeast(element);
            scales[c] = pair.x;
            leasts[c] = pair.y;
          } else {
            scales[c] = scaleOf(element / params.blockSize);
          }
        }
      }
    } else {
      let element = min(depth + eighth, params.k - 1u) * params.n + min(first, params.n - 4u);
      if (isPacked) {
        let word = element / 8u;
        words = vec4<u32>(codes[word], codes[word + 1u], codes[word + 2u], codes[word + 3u]);
      }
      if (IN_BLOCKS != 0u) {
        leasts = vec4<f32>(scaleAndLeast(element), scaleAndLeast(element + 16u));
      } else if (BITS != 16u) {
        scales.x = scaleOf(element / params.blockSize);
      }
    }
    for (var half = 0u; half < 2u; half++) {
      let depth4 = depth + 4u * half;
      // k may end with half a step.
      if (depth4 < params.k) {
        // W for four steps along k, a vector of the four columns each.
        var y: array<vec4<f32>, 4>;
        if (TRANS_B != 0u) {
          var along: mat4x4<f32>;
          for (var c = 0u; c < 4u; c++) {
            if (isPacked) {
              along[c] = levelsOf(words[c] >> (16u * half), low, high);
            } else {
              along[c] = fourAt((column + c) * params.k + depth4);
            }
          }
          let turned = transpose(along);
          for (var i = 0u; i < 4u; i++) {
            y[i] = turned[i] * scales;
            if (IN_BLOCKS != 0u) {
              y[i] += leasts;
            }
          }
        } else {
          for (var i = 0u; i < 4u; i++) {
            let source = (lane & ~7u) + 4u * half + i;
            if (isPacked) {
              let row = subgroupShuffle(words, source);
              let pair = select(row.xy, row.zw, (local & 4u) != 0u);
              let word = select(pair.x, pair.y, (local & 2u) != 0u);
              y[i] = levelsOf(word >> (16u * (local & 1u)), low, high);
            } else {
              y[i] = fourAt((depth4 + i) * params.n + column);
            }
            if (IN_BLOCKS != 0u) {
              let both = subgroupShuffle(leasts, source);
              let pair = select(both.xy, both.zw, (local & 4u) != 0u);
              y[i] = y[i] * pair.x + pair.y;
            } else if (BITS != 16u) {
              y[i] *= subgroupShuffle(scales.x, source);
            }
          }
        }
        for (var r = 0u; r < ROWS; r += 8u) {
          let row = min(row0 + r + eighth, params.m - 1u);
          let own = a[(row * params.pitchA + depth4) / 4u];
          let x = ofEight(own);
          for (var i = 0u; i < 8u; i++) {
            if (r + i < ROWS) {
              sums[r + i] += x[i].x * y[0] + x[i].y * y[1] + x[i].z * y[2] + x[i].w * y[3];
            }
          }
        }
      }
    }
  }

  for (var r = 0u; r < ROWS; r++) {
    let row = row0 + r;
    if (row < params.m && column0 < params.n) {
      let at = (row * params.pitchOut + column0) / 4u;
      var value = params.alpha * sums[r];
      if (params.hasBias != 0u) {
        value += bias[column0 / 4u];
      }
      if (params.accumulate != 0u) {
        value += out[at];
      }
      out[at] = value;
    }
  }
}
