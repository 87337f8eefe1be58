// out[slot] = (accumulate ? out[slot] : 0) + Σ x² over count elements. One workgroup.
override LANES: u32 = 256;

struct Params {
  count: u32,
  slot: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

var<workgroup> partial: array<f32, LANES>;

fn sumOverLanes(lane: u32, value: f32) -> f32 {
  partial[lane] = value;
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if (lane < half) {
      partial[lane] += partial[lane + half];
    }
    workgroupBarrier();
  }
  let total = partial[0];
  workgroupBarrier();
  return total;
}

@compute @workgroup_size(LANES)
fn main(@builtin(local_invocation_index) lane: u32) {
  var sum = 0.0;
  for (var i = lane; i < params.count; i += LANES) {
    sum += x[i] * x[i];
  }
  let total = sumOverLanes(lane, sum);
  if (lane == 0u) {
    var value = total;
    if (params.accumulate != 0u) {
      value += out[params.slot];
    }
    out[params.slot] = value;
  }
}
