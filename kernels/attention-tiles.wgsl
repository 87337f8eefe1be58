// attention.wgsl in blocks of 4 · SIDE queries and as many keys (FlashAttention-2, arXiv 2307.08691), for dim a multiple of 4:
// an invocation scores 4 queries × 4 keys from tiles in workgroup memory, and then sums, for its 4 queries, CHUNKS vectors of
// columns that lie SIDE vectors apart. CHUNKS is at least dim / (4 · SIDE), at most 4.
override SIDE: u32 = 8;
override DEPTH: u32 = 4;
override CHUNKS: u32 = 2;

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
  first: u32,
  scale: f32,
  alibiScale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> q: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> k: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> v: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> alibi: array<f32>;
@group(0) @binding(5) var<storage, read_write> out: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> stats: array<f32>;

// 4 · SIDE rows and as many columns of a product, DEPTH vectors of each at a time, or rows of SIDE vectors.
var<workgroup> tile: array<vec4<f32>, 8u * SIDE * (DEPTH + 1u)>;
/// Shares of four queries a vector, by key and four queries.
var<workgroup> weights: array<vec4<f32>, 4u * SIDE * SIDE>;
/// One vector of four queries an invocation.
var<workgroup> partial: array<vec4<f32>, SIDE * SIDE>;

/// What ALiBi adds to the score of a key at a position: alibiScale · bfloat16(slope · position), ties to even.
fn biasOf(slope: f32, position: f32) -> f32 {
  let bits = bitcast<u32>(slope * position);
  return params.alibiScale * bitcast<f32>((bits + 0x7fffu + ((bits >> 16u) & 1u)) & 0xffff0000u);
}

/// Position of a sample's key, negative where it is not seen.
fn positionOf(sample: u32, key: u32) -> f32 {
  if (params.hasAlibi == 0u) {
    return 0.0;
  }
  return alibi[params.heads + (params.first + sample) * params.keys + min(key, params.keys - 1u)];
}

/// Adds the products along `depth` vectors of the tile, of an invocation's four rows (components) and four columns.
fn multiply(x: u32, y: u32, depth: u32, sums: ptr<function, array<vec4<f32>, 4>>) {
  for (var d = 0u; d < depth; d++) {
    let row = 4u * y * (DEPTH + 1u) + d;
    let a0 = tile[row];
    let a1 = tile[row + DEPTH + 1u];
    let a2 = tile[row + 2u * (DEPTH + 1u)];
    let a3 = tile[row + 3u * (DEPTH + 1u)];
    for (var c = 0u; c < 4u; c++) {
      let b = tile[(4u * SIDE + x + c * SIDE) * (DEPTH + 1u) + d];
      (*sums)[c] += vec4<f32>(dot(a0, b), dot(a1, b), dot(a2, b), dot(a3, b));
    }
  }
}

/// Where a head's rows begin in q, k and v, and how far they lie apart, in vectors of four.
struct Places {
  q: u32,
  k: u32,
  v: u32,
  pitch: u32,
}

/// Places of a query head and of the key head it shares: of heads apart, or in fused rows, which go group by group (q…, k, v).
fn placesOf(sample: u32, head: u32) -> Places {
  let width = params.dim / 4u;
  let perGroup = params.heads / params.kvHeads;
  let group = head / perGroup;
  if (params.isFused == 0u) {
    let kv = (sample * params.kvHeads + group) * params.capacity * width;
    return Places((sample * params.heads + head) * params.queries * width, kv, kv, width);
  }
  let slots = params.heads + 2u * params.kvHeads;
  let slot = sample * params.queries * slots + 2u * group;
  let key = slot + (group + 1u) * perGroup;
  return Places((slot + head) * width, key * width, (key + 1u) * width, slots * width);
}

@compute @workgroup_size(SIDE, SIDE)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let side = 4u * SIDE;
  let blocks = (params.queries + side - 1u) / side;
  let block = group.x + group.y * groups.x;
  if (block >= params.batch * params.heads * blocks) {
    return;
  }
  let head = block / blocks;
  let row0 = (block % blocks) * side;
  let sample = head / params.heads;
  let headInSample = head % params.heads;
  let width = params.dim / 4u;
  let places = placesOf(sample, headInSample);
  let pitch = places.pitch;
  let atOut = (sample * params.queries * params.heads + headInSample) * width;
  let outStep = params.heads * width;
  let slope = select(0.0, alibi[headInSample], params.hasAlibi != 0u);
  let behind = i32(params.keys) - i32(params.queries);
  let end = u32(max(0, i32(min(row0 + side, params.queries)) + behind));
  let x = local.x;
  let y = local.y;
  let across = CHUNKS * SIDE;
  let rows = vec4<u32>(row0 + 4u * y) + vec4<u32>(0u, 1u, 2u, 3u);

  var sums: array<vec4<f32>, 16>;
  var largest = vec4<f32>(LOWEST);
  var totals = vec4<f32>();
  for (var first = 0u; first < end; first += side) {
    var scores = array<vec4<f32>, 4>();
    for (var depth = 0u; depth < width; depth += DEPTH) {
      workgroupBarrier();
      for (var i = lane; i < side * DEPTH; i += SIDE * SIDE) {
        let d = depth + i % DEPTH;
        let row = i / DEPTH;
        let to = row * (DEPTH + 1u) + i % DEPTH;
        let a = q[places.q + min(row0 + row, params.queries - 1u) * pitch + d];
        let b = k[places.k + (first + row) * pitch + d];
        tile[to] = select(vec4<f32>(), a, row0 + row < params.queries && d < width);
        tile[side * (DEPTH + 1u) + to] = select(vec4<f32>(), b, first + row < end && d < width);
      }
      workgroupBarrier();
      multiply(x, y, min(DEPTH, width - depth), &scores);
    }

    var own = vec4<f32>(LOWEST);
    for (var c = 0u; c < 4u; c++) {
      let key = first + x + c * SIDE;
      let position = positionOf(sample, key);
      let isSeen = (vec4<i32>(rows) + behind >= vec4<i32>(i32(key))) & vec4<bool>(position >= 0.0);
      scores[c] = select(vec4<f32>(LOWEST), params.scale * scores[c] + biasOf(slope, position), isSeen);
      own = max(own, scores[c]);
    }
    partial[lane] = own;
    workgroupBarrier();
    let before = largest;
    for (var i = 0u; i < SIDE; i++) {
      largest = max(largest, partial[y * SIDE + i]);
    }
    let shrink = select(vec4<f32>(), exp(before - largest), before > vec4<f32>(LOWEST));
    totals *= shrink;
    for (var c = 0u; c < 4u; c++) {
      let weight = select(vec4<f32>(), exp(scores[c] - largest), scores[c] > vec4<f32>(LOWEST));
      totals += weight;
      weights[(x + c * SIDE) * SIDE + y] = weight;
    }
    let count = min(side, end - first);
    for (var u = 0u; u < CHUNKS; u++) {
      sums[4u * u] *= shrink.x;
      sums[4u * u + 1u] *= shrink.y;
      sums[4u * u + 2u] *= shrink.z;
      sums[4u * u + 3u] *= shrink.w;
    }
    for (var part = 0u; part < count; part += side / CHUNKS) {
      workgroupBarrier();
      for (var i = lane; i < side * SIDE; i += SIDE * SIDE) {
        let row = first + part + i / across;
        let column = i % across;
        tile[i] = select(vec4<f32>(), v[places.v + row * pitch + column], row < end && column < width);
      }
      workgroupBarrier();
      for (var i = 0u; i < min(side / CHUNKS, count - part); i++) {
        let w = weights[(part + i) * SIDE + y];
        for (var u = 0u; u < CHUNKS; u++) {
          let value = tile[i * across + u * SIDE + x];
          sums[4u * u] += w.x * value;
          sums[4u * u + 1u] += w.y * value;
          sums[4u * u + 2u] += w.z * value;
          sums[4u * u + 3u] += w.w * value;
        }
      }
    }
  }

  workgroupBarrier();
  partial[lane] = totals;
  workgroupBarrier();
  var total = vec4<f32>();
  for (var i = 0u; i < SIDE; i++) {
    total += partial[y * SIDE + i];
  }
  for (var r = 0u; r < 4u; r++) {
    if (rows[r] < params.queries) {
      for (var u = 0u; u < CHUNKS; u++) {
        let column = u * SIDE + x;
        if (column < width) {
          out[atOut + rows[r] * outStep + column] = select(vec4<f32>(), sums[4u * u + r] / total[r], total[r] > 0.0);
        }
      }
      if (x == 0u) {
        stats[2u * (head * params.queries + rows[r])] = select(0.0, largest[r] + log(total[r]), total[r] > 0.0);
      }
    }
  }
}
