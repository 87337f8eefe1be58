// attention-backward-key.wgsl in tiles, cut as attention-tiles.wgsl is, with keys for queries: 4 · SIDE keys of a kv
// head a workgroup, queries go by in as many, head after head.
// Parts: attention-table, head-places, tile-products.
override SIDE: u32 = 8;
override DEPTH: u32 = 4;
override CHUNKS: u32 = 2;
override HALVES: u32 = 1;

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

// 4 · SIDE rows and as many columns of a product, DEPTH vectors of each at a time, or rows of SIDE vectors.
var<workgroup> tile: array<vec4<f32>, 8u * SIDE * (DEPTH + 1u)>;
/// Shares of four keys a vector, and gradients of their scores, by query and four keys.
var<workgroup> shares: array<vec4<f32>, 4u * SIDE * SIDE>;
var<workgroup> weights: array<vec4<f32>, 4u * SIDE * SIDE>;

@compute @workgroup_size(SIDE, SIDE)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let side = 4u * SIDE;
  let blocks = (params.keys + side - 1u) / side;
  let index = group.x + group.y * groups.x;
  let block = index / HALVES;
  if (block >= params.batch * params.kvHeads * blocks) {
    return;
  }
  let kvHead = block / blocks;
  let row0 = (block % blocks) * side;
  let sample = kvHead / params.kvHeads;
  let perGroup = params.heads / params.kvHeads;
  let width = params.dim / 4u;
  let own = placesOf(sample, (kvHead % params.kvHeads) * perGroup, width);
  let pitch = own.pitch;
  let outStep = params.heads * width;
  let x = local.x;
  let y = local.y;
  let across = CHUNKS * SIDE;
  let column0 = index % HALVES * across;
  let rows = vec4<u32>(row0 + 4u * y) + vec4<u32>(0u, 1u, 2u, 3u);
  let record = recordOf(sample);
  let seenBy = rangesOfQueries(record, rows);
  let begin = u32(queriesOf(record, row0).x);
  let end = u32(lastOf(record, row0 + side - 1u));
  let position = vec4<f32>(
    positionOf(record, rows.x),
    positionOf(record, rows.y),
    positionOf(record, rows.z),
    positionOf(record, rows.w),
  );

  var sumsK: array<vec4<f32>, 16>;
  var sumsV: array<vec4<f32>, 16>;
  for (var h = 0u; h < perGroup; h++) {
    let headInSample = (kvHead % params.kvHeads) * perGroup + h;
    let head = sample * params.heads + headInSample;
    let atQ = placesOf(sample, headInSample, width).q;
    let atOut = (sample * params.queries * params.heads + headInSample) * width;
    let slope = slopeOf(headInSample);
    let bias = vec4<f32>(
      biasOf(slope, position.x),
      biasOf(slope, position.y),
      biasOf(slope, position.z),
      biasOf(slope, position.w),
    );
    for (var first = begin; first < end; first += side) {
      var products = array<vec4<f32>, 4>();
      var changes = array<vec4<f32>, 4>();
      for (var depth = 0u; depth < width; depth += DEPTH) {
        workgroupBarrier();
        for (var i = lane; i < side * DEPTH; i += SIDE * SIDE) {
          let d = depth + i % DEPTH;
          let row = i / DEPTH;
          let to = row * (DEPTH + 1u) + i % DEPTH;
          let a = k[own.k + min(row0 + row, params.keys - 1u) * pitch + d];
          let b = q[atQ + (first + row) * pitch + d];
          tile[to] = select(vec4<f32>(), a, row0 + row < params.keys && d < width);
          tile[side * (DEPTH + 1u) + to] = select(vec4<f32>(), b, first + row < end && d < width);
        }
        workgroupBarrier();
        multiply(x, y, min(DEPTH, width - depth), &products);
      }
      for (var depth = 0u; depth < width; depth += DEPTH) {
        workgroupBarrier();
        for (var i = lane; i < side * DEPTH; i += SIDE * SIDE) {
          let d = depth + i % DEPTH;
          let row = i / DEPTH;
          let to = row * (DEPTH + 1u) + i % DEPTH;
          let a = v[own.v + min(row0 + row, params.keys - 1u) * pitch + d];
          let b = dOut[atOut + (first + row) * outStep + d];
          tile[to] = select(vec4<f32>(), a, row0 + row < params.keys && d < width);
          tile[side * (DEPTH + 1u) + to] = select(vec4<f32>(), b, first + row < end && d < width);
        }
        workgroupBarrier();
        multiply(x, y, min(DEPTH, width - depth), &changes);
      }

      for (var c = 0u; c < 4u; c++) {
        let query = first + x + c * SIDE;
        let stat = stats[head * params.queries + min(query, params.queries - 1u)];
        let share = select(vec4<f32>(), exp(params.scale * products[c] + bias - stat.x), areWithin(seenBy, query));
        shares[(x + c * SIDE) * SIDE + y] = share;
        weights[(x + c * SIDE) * SIDE + y] = params.scale * share * (changes[c] - stat.y);
      }
      let count = min(side, end - first);
      for (var part = 0u; part < count; part += side / CHUNKS) {
        workgroupBarrier();
        for (var i = lane; i < side * SIDE; i += SIDE * SIDE) {
          let row = first + part + i / across;
          let column = column0 + i % across;
          tile[i] = select(vec4<f32>(), q[atQ + row * pitch + column], row < end && column < width);
        }
        workgroupBarrier();
        for (var i = 0u; i < min(side / CHUNKS, count - part); i++) {
          let w = weights[(part + i) * SIDE + y];
          for (var u = 0u; u < CHUNKS; u++) {
            let value = tile[i * across + u * SIDE + x];
            sumsK[4u * u] += w.x * value;
            sumsK[4u * u + 1u] += w.y * value;
            sumsK[4u * u + 2u] += w.z * value;
            sumsK[4u * u + 3u] += w.w * value;
          }
        }
      }
      for (var part = 0u; part < count; part += side / CHUNKS) {
        workgroupBarrier();
        for (var i = lane; i < side * SIDE; i += SIDE * SIDE) {
          let row = first + part + i / across;
          let column = column0 + i % across;
          tile[i] = select(vec4<f32>(), dOut[atOut + row * outStep + column], row < end && column < width);
        }
        workgroupBarrier();
        for (var i = 0u; i < min(side / CHUNKS, count - part); i++) {
          let w = shares[(part + i) * SIDE + y];
          for (var u = 0u; u < CHUNKS; u++) {
            let value = tile[i * across + u * SIDE + x];
            sumsV[4u * u] += w.x * value;
            sumsV[4u * u + 1u] += w.y * value;
            sumsV[4u * u + 2u] += w.z * value;
            sumsV[4u * u + 3u] += w.w * value;
          }
        }
      }
    }
  }

  let apart = select(params.kvHeads * params.capacity * width, 0u, params.isFused != 0u);
  let toK = own.k + sample * apart;
  let toV = own.v + (sample + 1u) * apart;
  for (var r = 0u; r < 4u; r++) {
    for (var u = 0u; u < CHUNKS; u++) {
      let column = column0 + u * SIDE + x;
      if (rows[r] < params.keys && column < width) {
        dKv[toK + rows[r] * pitch + column] = sumsK[4u * u + r];
        dKv[toV + rows[r] * pitch + column] = sumsV[4u * u + r];
      }
    }
  }
}
