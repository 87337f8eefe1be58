// dV[j] = Σ_i p_ij · dOut[i], dK[j] = scale · Σ_i p_ij · (dOut[i] · v[j] - delta[i]) · q[i], over the queries i of
// every head that shares the key and sees it; p and delta as in attention-backward-query.wgsl, layouts as in
// attention.wgsl. dKv [batch,2·kvHeads,capacity,dim], a sample's heads of dK before its heads of dV, rows below `keys`;
// where rows are fused their columns of keys and values. One workgroup a key: invocations take queries, then columns.
// Parts: attention-table, head-places.
override LANES: u32 = 64;

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
@group(0) @binding(1) var<storage, read> q: array<f32>;
@group(0) @binding(2) var<storage, read> k: array<f32>;
@group(0) @binding(3) var<storage, read> v: array<f32>;
@group(0) @binding(4) var<storage, read> table: array<i32>;
@group(0) @binding(5) var<storage, read> dOut: array<f32>;
@group(0) @binding(6) var<storage, read> stats: array<f32>;
@group(0) @binding(7) var<storage, read_write> dKv: array<f32>;

var<workgroup> key: array<f32, 256>;
var<workgroup> value: array<f32, 256>;
var<workgroup> shares: array<f32, LANES>;
var<workgroup> slopes: array<f32, LANES>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.x + group.y * groups.x;
  if (row >= params.batch * params.kvHeads * params.keys) {
    return;
  }
  let j = row % params.keys;
  let kvHead = row / params.keys;
  let sample = kvHead / params.kvHeads;
  let perGroup = params.heads / params.kvHeads;
  let own = placesOf(sample, (kvHead % params.kvHeads) * perGroup, params.dim);
  let pitch = own.pitch;
  for (var d = lane; d < params.dim; d += LANES) {
    key[d] = k[own.k + j * pitch + d];
    value[d] = v[own.v + j * pitch + d];
  }
  workgroupBarrier();

  let record = recordOf(sample);
  let position = positionOf(record, j);
  // Of a hidden key the second is negative: no query.
  let seenBy = vec2<u32>(max(queriesOf(record, j), vec2<i32>()));
  var sumsK: array<f32, 4>;
  var sumsV: array<f32, 4>;
  for (var h = 0u; h < perGroup; h++) {
    let headInSample = (kvHead % params.kvHeads) * perGroup + h;
    let head = sample * params.heads + headInSample;
    let startQ = placesOf(sample, headInSample, params.dim).q;
    let bias = biasOf(slopeOf(headInSample), position);
    for (var first = seenBy.x; first < seenBy.y; first += LANES) {
      let i = first + lane;
      var share = 0.0;
      var slope = 0.0;
      if (i < seenBy.y) {
        let atQ = startQ + i * pitch;
        let atOut = ((sample * params.queries + i) * params.heads + headInSample) * params.dim;
        var product = 0.0;
        var change = 0.0;
        for (var d = 0u; d < params.dim; d++) {
          product += q[atQ + d] * key[d];
          change += dOut[atOut + d] * value[d];
        }
        let at = 2u * (head * params.queries + i);
        share = exp(params.scale * product + bias - stats[at]);
        slope = params.scale * share * (change - stats[at + 1u]);
      }
      shares[lane] = share;
      slopes[lane] = slope;
      workgroupBarrier();
      let width = min(LANES, seenBy.y - first);
      for (var r = 0u; r < 4u; r++) {
        let d = lane + r * LANES;
        if (d < params.dim) {
          var sumK = sumsK[r];
          var sumV = sumsV[r];
          for (var t = 0u; t < width; t++) {
            let atQ = startQ + (first + t) * pitch;
            let atOut = ((sample * params.queries + first + t) * params.heads + headInSample) * params.dim;
            sumK += slopes[t] * q[atQ + d];
            sumV += shares[t] * dOut[atOut + d];
          }
          sumsK[r] = sumK;
          sumsV[r] = sumV;
        }
      }
      workgroupBarrier();
    }
  }

  let apart = select(params.kvHeads * params.capacity * params.dim, 0u, params.isFused != 0u);
  let toK = own.k + j * pitch + sample * apart;
  let toV = own.v + j * pitch + (sample + 1u) * apart;
  for (var r = 0u; r < 4u; r++) {
    let d = lane + r * LANES;
    if (d < params.dim) {
      dKv[toK + d] = sumsK[r];
      dKv[toV + d] = sumsV[r];
    }
  }
}
