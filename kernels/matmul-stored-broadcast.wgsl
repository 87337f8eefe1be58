// matmul-stored.wgsl without workgroup memory: matmul-broadcast.wgsl's tiles with W decoded a word of eight elements at a
// time. The sixteen levels lie in two registers of eight lanes, where a code finds its level by shuffles. TRANS_B is transB:
// then a word runs along k, and a row of W is whole blocks (k is a multiple of blockSize). Else a word runs along n (a
// multiple of 8), lane i of eight loads row i for its eight columns, and each takes its column's bits of what comes around.
enable subgroups;

override ROWS: u32 = 16;
override COLUMNS: u32 = 4;
override LANES: u32 = 8;
override TRANS_B: u32 = 1;

struct Params {
  m: u32,
  n: u32,
  k: u32,
  pitchA: u32,
  pitchOut: u32,
  transB: u32,
  bits: u32,
  blockSize: u32,
  isNested: u32,
  nestedCount: u32,
  hasBias: u32,
  accumulate: u32,
  alpha: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> codes: array<u32>;
@group(0) @binding(3) var<storage, read> absmax: array<u32>;
@group(0) @binding(4) var<storage, read> nested: array<f32>;
@group(0) @binding(5) var<storage, read> tables: array<f32>;
@group(0) @binding(6) var<storage, read> bias: array<f32>;
@group(0) @binding(7) var<storage, read_write> out: array<f32>;

fn scaleOf(block: u32) -> f32 {
  if (params.isNested == 0u) {
    return bitcast<f32>(absmax[block]);
  }
  let code = (absmax[block / 4u] >> (8u * (block % 4u))) & 255u;
  return tables[16u + code] * nested[block / 256u] + nested[params.nestedCount];
}

/// Where element i of eight lies in its word: the even one of a byte in the high half.
fn shiftOf(i: u32) -> u32 {
  return 8u * (i >> 1u) + 4u * (1u - (i & 1u));
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let row0 = group.y * ROWS;
  let column0 = group.x * LANES * COLUMNS + local;
  let last = params.k - 1u;
  let eighth = lane & 7u;
  let low = tables[eighth];
  let high = tables[8u + eighth];
  // Where W is [k,n], a lane's columns share their blocks if no block ends within them.
  let isOneBlock = params.n % params.blockSize == 0u && params.blockSize % (LANES * COLUMNS) == 0u;
  var sums: array<f32, 64>;
  var values: array<f32, 32>;
  var words: array<u32, 4>;
  var scales: array<f32, 4>;

  for (var depth = 0u; depth < params.k; depth += 8u) {
    if (TRANS_B != 0u) {
      for (var c = 0u; c < COLUMNS; c++) {
        let element = min(column0 + c * LANES, params.n - 1u) * params.k + depth;
        words[c] = codes[element / 8u];
        if (depth % params.blockSize == 0u) {
          scales[c] = scaleOf(element / params.blockSize);
        }
      }
    } else {
      for (var c = 0u; c < COLUMNS; c++) {
        let column = min((column0 + c * LANES) & ~7u, params.n - 8u);
        let element = min(depth + eighth, last) * params.n + column;
        words[c] = codes[element / 8u];
        if (c == 0u || !isOneBlock) {
          scales[c] = scaleOf(element / params.blockSize);
        } else {
          scales[c] = scales[0];
        }
      }
    }
    for (var c = 0u; c < COLUMNS; c++) {
      for (var i = 0u; i < 8u; i++) {
        var word = words[c];
        var scale = scales[c];
        var shift = shiftOf(i);
        if (TRANS_B == 0u) {
          word = subgroupShuffle(word, (lane & ~7u) + i);
          scale = subgroupShuffle(scale, (lane & ~7u) + i);
          shift = shiftOf(eighth);
        }
        let code = (word >> shift) & 15u;
        let level = select(subgroupShuffle(low, code & 7u), subgroupShuffle(high, code & 7u), code > 7u);
        values[c * 8u + i] = scale * level;
      }
    }
    let mine = depth + eighth;
    for (var r = 0u; r < ROWS; r++) {
      let value = a[min(row0 + r, params.m - 1u) * params.pitchA + min(mine, last)];
      let own = select(0.0, value, mine <= last);
      let x = array<f32, 8>(
        subgroupBroadcast(own, 0u),
        subgroupBroadcast(own, 1u),
        subgroupBroadcast(own, 2u),
        subgroupBroadcast(own, 3u),
        subgroupBroadcast(own, 4u),
        subgroupBroadcast(own, 5u),
        subgroupBroadcast(own, 6u),
        subgroupBroadcast(own, 7u),
      );
      for (var c = 0u; c < COLUMNS; c++) {
        let at = c * 8u;
        sums[r * COLUMNS + c] += x[0] * values[at] + x[1] * values[at + 1u] + x[2] * values[at + 2u]
          + x[3] * values[at + 3u] + x[4] * values[at + 4u] + x[5] * values[at + 5u] + x[6] * values[at + 6u]
          + x[7] * values[at + 7u];
      }
    }
  }

  for (var r = 0u; r < ROWS; r++) {
    let row = row0 + r;
    for (var c = 0u; c < COLUMNS; c++) {
      let column = column0 + c * LANES;
      if (row < params.m && column < params.n) {
        let at = row * params.pitchOut + column;
        var value = params.alpha * sums[r * COLUMNS + c];
        if (params.hasBias != 0u) {
          value += bias[column];
        }
        if (params.accumulate != 0u) {
          value += out[at];
        }
        out[at] = value;
      }
    }
  }
}
