// attention-backward-key.wgsl without workgroup memory, cut as attention-broadcast.wgsl is, with keys for queries: a
// workgroup is a subgroup of 8 lanes with ROWS keys of a kv head (at most 4), a lane has four of 32 queries at a time
// and VECTORS columns of four of dK and dV. ROWS · VECTORS is at most 16.
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
@group(0) @binding(6) var<storage, read> stats: array<vec2<f32>>;
@group(0) @binding(7) var<storage, read_write> dKv: array<vec4<f32>>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let blocks = (params.keys + ROWS - 1u) / ROWS;
  let block = group.x + group.y * groups.x;
  if (block >= params.batch * params.kvHeads * blocks) {
    return;
  }
  let kvHead = block / blocks;
  let row0 = (block % blocks) * ROWS;
  let sample = kvHead / params.kvHeads;
  let perGroup = params.heads / params.kvHeads;
  let width = params.dim / 4u;
  let own = placesOf(sample, (kvHead % params.kvHeads) * perGroup, width);
  let pitch = own.pitch;
  let outStep = params.heads * width;
  let last = params.queries - 1u;
  let record = recordOf(sample);
  let begin = u32(queriesOf(record, row0).x);
  let end = u32(lastOf(record, row0 + ROWS - 1u));

  var seenBy: array<vec2<i32>, 4>;
  for (var r = 0u; r < ROWS; r++) {
    seenBy[r] = queriesOf(record, row0 + r);
  }
  var sumsK: array<vec4<f32>, 16>;
  var sumsV: array<vec4<f32>, 16>;
  for (var h = 0u; h < perGroup; h++) {
    let headInSample = (kvHead % params.kvHeads) * perGroup + h;
    let head = sample * params.heads + headInSample;
    let atQ = placesOf(sample, headInSample, width).q;
    let atOut = (sample * params.queries * params.heads + headInSample) * width;
    let slope = slopeOf(headInSample);
    for (var first = begin; first < end; first += 32u) {
      let query = first + 4u * lane;
      let four = vec4<u32>(min(query, last), min(query + 1u, last), min(query + 2u, last), min(query + 3u, last));
      let rowsQ = atQ + pitch * four;
      let rowsOut = atOut + outStep * four;
      // Zeros are spelt out: Mesa 25's lavapipe does not reset a variable that a loop declares.
      var shares = array<vec4<f32>, 4>();
      var slopes = array<vec4<f32>, 4>();
      // Past the end of a row, a's zeros meet what b has there.
      for (var depth = 0u; depth < width; depth += 2u) {
        let next = rowsQ + min(depth + 1u, width - 1u);
        let y = turn(
          mat4x4<f32>(q[rowsQ.x + depth], q[rowsQ.y + depth], q[rowsQ.z + depth], q[rowsQ.w + depth]),
          mat4x4<f32>(q[next.x], q[next.y], q[next.z], q[next.w]),
        );
        let mine = min(depth + (lane & 1u), width - 1u);
        let row = min(row0 + (lane >> 1u), params.keys - 1u);
        multiply(select(vec4<f32>(), k[own.k + row * pitch + mine], depth + (lane & 1u) < width), y, &shares);
      }
      for (var depth = 0u; depth < width; depth += 2u) {
        let here = rowsOut + depth;
        let next = rowsOut + min(depth + 1u, width - 1u);
        let y = turn(
          mat4x4<f32>(dOut[here.x], dOut[here.y], dOut[here.z], dOut[here.w]),
          mat4x4<f32>(dOut[next.x], dOut[next.y], dOut[next.z], dOut[next.w]),
        );
        let mine = min(depth + (lane & 1u), width - 1u);
        let row = min(row0 + (lane >> 1u), params.keys - 1u);
        multiply(select(vec4<f32>(), v[own.v + row * pitch + mine], depth + (lane & 1u) < width), y, &slopes);
      }

      let stat0 = stats[head * params.queries + four.x];
      let stat1 = stats[head * params.queries + four.y];
      let stat2 = stats[head * params.queries + four.z];
      let stat3 = stats[head * params.queries + four.w];
      let logSums = vec4<f32>(stat0.x, stat1.x, stat2.x, stat3.x);
      let deltas = vec4<f32>(stat0.y, stat1.y, stat2.y, stat3.y);
      let at = vec4<i32>(vec4<u32>(query, query + 1u, query + 2u, query + 3u));
      for (var r = 0u; r < ROWS; r++) {
        let isSeen = (at >= vec4<i32>(seenBy[r].x)) & (at < vec4<i32>(seenBy[r].y));
        let score = params.scale * shares[r] + biasOf(slope, positionOf(record, row0 + r)) - logSums;
        let share = select(vec4<f32>(), exp(score), isSeen);
        shares[r] = share;
        slopes[r] = params.scale * share * (slopes[r] - deltas);
      }
      for (var source = 0u; source < min(8u, (end - first + 3u) / 4u); source++) {
        let row = first + 4u * source;
        let r1 = min(row + 1u, last);
        let r2 = min(row + 2u, last);
        let r3 = min(row + 3u, last);
        for (var u = 0u; u < VECTORS; u++) {
          let column = min(lane + 8u * u, width - 1u);
          let q0 = q[atQ + row * pitch + column];
          let q1 = q[atQ + r1 * pitch + column];
          let q2 = q[atQ + r2 * pitch + column];
          let q3 = q[atQ + r3 * pitch + column];
          let d0 = dOut[atOut + row * outStep + column];
          let d1 = dOut[atOut + r1 * outStep + column];
          let d2 = dOut[atOut + r2 * outStep + column];
          let d3 = dOut[atOut + r3 * outStep + column];
          for (var r = 0u; r < ROWS; r++) {
            let a = subgroupShuffle(slopes[r], source);
            let b = subgroupShuffle(shares[r], source);
            sumsK[r * VECTORS + u] += a.x * q0 + a.y * q1 + a.z * q2 + a.w * q3;
            sumsV[r * VECTORS + u] += b.x * d0 + b.y * d1 + b.z * d2 + b.w * d3;
          }
        }
      }
    }
  }

  let apart = select(params.kvHeads * params.capacity * width, 0u, params.isFused != 0u);
  let toK = own.k + sample * apart;
  let toV = own.v + (sample + 1u) * apart;
  for (var r = 0u; r < ROWS; r++) {
    for (var u = 0u; u < VECTORS; u++) {
      let column = lane + 8u * u;
      if (row0 + r < params.keys && column < width) {
        dKv[toK + (row0 + r) * pitch + column] = sumsK[r * VECTORS + u];
        dKv[toV + (row0 + r) * pitch + column] = sumsV[r * VECTORS + u];
      }
    }
  }
}
