// attention-backward-query.wgsl without workgroup memory, cut as attention-broadcast.wgsl is: a workgroup is a subgroup
// of 8 lanes with ROWS queries of a head (at most 4), a lane has four of 32 keys at a time and VECTORS columns of four
// of dQ. ROWS · VECTORS is at most 16.
// Parts: attention-table, eight-lanes, head-places, row-products.
enable subgroups;

override ROWS: u32 = 4;
override VECTORS: u32 = 2;
override LANES: u32 = 8;

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
@group(0) @binding(5) var<storage, read> dOut: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> out: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> stats: array<f32>;
@group(0) @binding(8) var<storage, read_write> dQ: array<vec4<f32>>;

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

  var logSums: array<f32, 4>;
  var deltas: array<f32, 4>;
  var firsts: array<i32, 4>;
  var ends: array<i32, 4>;
  for (var r = 0u; r < ROWS; r++) {
    let row = min(row0 + r, params.queries - 1u);
    let seen = keysOf(record, row);
    firsts[r] = seen.x;
    ends[r] = seen.y;
    var part = 0.0;
    for (var u = 0u; u < VECTORS; u++) {
      let start = atOut + row * outStep + min(lane + 8u * u, width - 1u);
      part += select(0.0, dot(dOut[start], out[start]), lane + 8u * u < width);
    }
    let at = 2u * (head * params.queries + row);
    logSums[r] = stats[at];
    deltas[r] = subgroupAdd(part);
    if (lane == r && row0 + r < params.queries) {
      stats[at + 1u] = deltas[r];
    }
  }

  var sums: array<vec4<f32>, 16>;
  for (var first = begin; first < end; first += 32u) {
    let key = first + 4u * lane;
    let four = pitch * vec4<u32>(min(key, last), min(key + 1u, last), min(key + 2u, last), min(key + 3u, last));
    let rowsK = places.k + four;
    let rowsV = places.v + four;
    // Zeros are spelt out: Mesa 25's lavapipe does not reset a variable that a loop declares.
    var scores = array<vec4<f32>, 4>();
    var slopes = array<vec4<f32>, 4>();
    // Past the end of a row, a's zeros meet what b has there.
    for (var depth = 0u; depth < width; depth += 2u) {
      let next = rowsK + min(depth + 1u, width - 1u);
      let y = turn(
        mat4x4<f32>(k[rowsK.x + depth], k[rowsK.y + depth], k[rowsK.z + depth], k[rowsK.w + depth]),
        mat4x4<f32>(k[next.x], k[next.y], k[next.z], k[next.w]),
      );
      let mine = min(depth + (lane & 1u), width - 1u);
      let row = min(row0 + (lane >> 1u), params.queries - 1u);
      multiply(select(vec4<f32>(), q[places.q + row * pitch + mine], depth + (lane & 1u) < width), y, &scores);
    }
    for (var depth = 0u; depth < width; depth += 2u) {
      let next = rowsV + min(depth + 1u, width - 1u);
      let y = turn(
        mat4x4<f32>(v[rowsV.x + depth], v[rowsV.y + depth], v[rowsV.z + depth], v[rowsV.w + depth]),
        mat4x4<f32>(v[next.x], v[next.y], v[next.z], v[next.w]),
      );
      let mine = min(depth + (lane & 1u), width - 1u);
      let row = min(row0 + (lane >> 1u), params.queries - 1u);
      multiply(select(vec4<f32>(), dOut[atOut + row * outStep + mine], depth + (lane & 1u) < width), y, &slopes);
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
    let isPartial = params.hasHoles != 0u || i32(first) < firsts[ROWS - 1u];
    for (var r = 0u; r < ROWS; r++) {
      var isSeen = at < vec4<i32>(ends[r]);
      if (isPartial) {
        isSeen = isSeen & (at >= vec4<i32>(firsts[r])) & areOpen(record, key);
      }
      let share = exp(params.scale * scores[r] + bias - logSums[r]);
      slopes[r] = select(vec4<f32>(), params.scale * share * (slopes[r] - deltas[r]), isSeen);
    }
    for (var source = 0u; source < min(8u, (end - first + 3u) / 4u); source++) {
      let row = first + 4u * source;
      for (var u = 0u; u < VECTORS; u++) {
        let column = places.k + min(lane + 8u * u, width - 1u);
        let k0 = k[column + row * pitch];
        let k1 = k[column + min(row + 1u, last) * pitch];
        let k2 = k[column + min(row + 2u, last) * pitch];
        let k3 = k[column + min(row + 3u, last) * pitch];
        for (var r = 0u; r < ROWS; r++) {
          let w = subgroupShuffle(slopes[r], source);
          sums[r * VECTORS + u] += w.x * k0 + w.y * k1 + w.z * k2 + w.w * k3;
        }
      }
    }
  }

  for (var r = 0u; r < ROWS; r++) {
    for (var u = 0u; u < VECTORS; u++) {
      let column = lane + 8u * u;
      if (row0 + r < params.queries && column < width) {
        dQ[places.q + (row0 + r) * pitch + column] = sums[r * VECTORS + u];
      }
    }
  }
}
