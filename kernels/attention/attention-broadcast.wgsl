// attention.wgsl without workgroup memory, for adapters whose subgroups have at least 8 lanes and pay for each load,
// and dim a multiple of 4. A workgroup is one subgroup with ROWS queries of a head (at most 4); 32 keys at a time, a
// lane has the scores of four keys. Rows of q and, for the sum, of p go round by broadcasts, while a lane loads the
// keys it scores and VECTORS columns of four of v. VECTORS is at least dim / 32, and
// ROWS · VECTORS at most 16.
// Parts: attention-table, eight-lanes, head-places, row-products.
enable subgroups;

override ROWS: u32 = 4;
override VECTORS: u32 = 2;
override LANES: u32 = 8;

const LOWEST = -3.0e38;

struct Params {
  batch: u32,
  heads: u32,
  kvHeads: u32,
  queries: u32,
  keys: u32,
  capacity: u32,
  dim: u32,
  isFused: u32,
  hasAlibi: u32,
  hasHoles: u32,
  first: u32,
  scale: f32,
  alibiScale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> q: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> k: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> v: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> table: array<i32>;
@group(0) @binding(5) var<storage, read_write> out: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> stats: array<f32>;

fn maxOverLanes(own: f32) -> f32 {
  let pairs = max(own, subgroupShuffleXor(own, 1u));
  let fours = max(pairs, subgroupShuffleXor(pairs, 2u));
  return max(fours, subgroupShuffleXor(fours, 4u));
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let blocks = (params.queries + ROWS - 1u) / ROWS;
  let block = group.x + group.y * groups.x;
  if (block >= params.batch * params.heads * blocks) {
    return;
  }
  let head = block / blocks;
  let row0 = (block % blocks) * ROWS;
  let sample = head / params.heads;
  let headInSample = head % params.heads;
  let width = params.dim / 4u;
  let places = placesOf(sample, headInSample, width);
  let pitch = places.pitch;
  let atOut = (sample * params.queries * params.heads + headInSample) * width;
  let outStep = params.heads * width;
  let slope = slopeOf(headInSample);
  let record = recordOf(sample);
  let begin = u32(keysOf(record, row0).x) / 32u * 32u;
  let end = u32(keysOf(record, row0 + ROWS - 1u).y);
  let last = params.keys - 1u;

  var sums: array<vec4<f32>, 16>;
  var largest: array<f32, 4>;
  var totals: array<f32, 4>;
  var seen: array<vec2<i32>, 4>;
  for (var r = 0u; r < ROWS; r++) {
    largest[r] = LOWEST;
    seen[r] = keysOf(record, row0 + r);
  }
  for (var first = begin; first < end; first += 32u) {
    let key = first + 4u * lane;
    let four = vec4<u32>(min(key, last), min(key + 1u, last), min(key + 2u, last), min(key + 3u, last));
    let rows = places.k + pitch * four;
    // Zeros are spelt out: Mesa 25's lavapipe does not reset a variable that a loop declares.
    var weights = array<vec4<f32>, 4>();
    for (var depth = 0u; depth < width; depth += 2u) {
      // Past the end of a row, a's zeros meet what b has there.
      let next = rows + min(depth + 1u, width - 1u);
      let y = turn(
        mat4x4<f32>(k[rows.x + depth], k[rows.y + depth], k[rows.z + depth], k[rows.w + depth]),
        mat4x4<f32>(k[next.x], k[next.y], k[next.z], k[next.w]),
      );
      let mine = depth + (lane & 1u);
      let row = min(row0 + (lane >> 1u), params.queries - 1u);
      let own = select(vec4<f32>(), q[places.q + row * pitch + min(mine, width - 1u)], mine < width);
      multiply(own, y, &weights);
    }

    let position = vec4<f32>(
      positionOf(record, key),
      positionOf(record, key + 1u),
      positionOf(record, key + 2u),
      positionOf(record, key + 3u),
    );
    let bias = vec4<f32>(
      biasOf(slope, position.x),
      biasOf(slope, position.y),
      biasOf(slope, position.z),
      biasOf(slope, position.w),
    );
    let at = vec4<i32>(vec4<u32>(key, key + 1u, key + 2u, key + 3u));
    let isOpen = areOpen(record, key);
    for (var r = 0u; r < ROWS; r++) {
      let isSeen = (at >= vec4<i32>(seen[r].x)) & (at < vec4<i32>(seen[r].y)) & isOpen;
      let score = select(vec4<f32>(LOWEST), params.scale * weights[r] + bias, isSeen);
      let before = largest[r];
      let now = max(before, maxOverLanes(max(max(score.x, score.y), max(score.z, score.w))));
      let weight = select(vec4<f32>(), exp(score - now), isSeen);
      let shrink = select(0.0, exp(before - now), before > LOWEST);
      largest[r] = now;
      weights[r] = weight;
      totals[r] = totals[r] * shrink + (weight.x + weight.y + weight.z + weight.w);
      for (var u = 0u; u < VECTORS; u++) {
        sums[r * VECTORS + u] *= shrink;
      }
    }
    for (var source = 0u; source < min(8u, (end - first + 3u) / 4u); source++) {
      let row = first + 4u * source;
      for (var u = 0u; u < VECTORS; u++) {
        let column = places.v + min(lane + 8u * u, width - 1u);
        let v0 = v[column + row * pitch];
        let v1 = v[column + min(row + 1u, last) * pitch];
        let v2 = v[column + min(row + 2u, last) * pitch];
        let v3 = v[column + min(row + 3u, last) * pitch];
        for (var r = 0u; r < ROWS; r++) {
          let w = subgroupShuffle(weights[r], source);
          sums[r * VECTORS + u] += w.x * v0 + w.y * v1 + w.z * v2 + w.w * v3;
        }
      }
    }
  }

  for (var r = 0u; r < ROWS; r++) {
    let row = row0 + r;
    let total = subgroupAdd(totals[r]);
    if (row < params.queries) {
      for (var u = 0u; u < VECTORS; u++) {
        let column = lane + 8u * u;
        if (column < width) {
          out[atOut + row * outStep + column] = select(vec4<f32>(), sums[r * VECTORS + u] / total, total > 0.0);
        }
      }
      if (lane == 0u) {
        stats[2u * (head * params.queries + row)] = select(0.0, largest[r] + log(total), total > 0.0);
      }
    }
  }
}
