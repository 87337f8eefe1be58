// out[0] = (accumulate ? out[0] : 0) + alpha · Σ x over count elements. One workgroup.
override LANES: u32 = 256;

struct Params {
  count: u32,
  accumulate: u32,
  alpha: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

var<workgroup> partial: array<f32, LANES>;

@compute @workgroup_size(LANES)
fn main(@builtin(local_invocation_index) lane: u32) {
  let whole = params.count / 4u;
  var sum = vec4<f32>();
  for (var i = lane; i < whole; i += LANES) {
    sum += x[i];
  }
  if (lane == 0u && whole * 4u < params.count) {
    sum += select(vec4<f32>(), x[whole], vec4(0u, 1u, 2u, 3u) < vec4(params.count % 4u));
  }
  partial[lane] = sum.x + sum.y + (sum.z + sum.w);
  workgroupBarrier();
  if (lane == 0u) {
    var total = 0.0;
    for (var i = 0u; i < LANES; i++) {
      total += partial[i];
    }
    var value = params.alpha * total;
    if (params.accumulate != 0u) {
      value += out[0];
    }
    out[0] = value;
  }
}
