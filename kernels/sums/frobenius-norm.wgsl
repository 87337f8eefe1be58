// out[0] = sqrt(Σ x²) over count elements. One workgroup.
override LANES: u32 = 256;

struct Params {
  count: u32,
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
    sum += x[i] * x[i];
  }
  if (lane == 0u && whole * 4u < params.count) {
    let last = select(vec4<f32>(), x[whole], vec4(0u, 1u, 2u, 3u) < vec4(params.count % 4u));
    sum += last * last;
  }
  partial[lane] = sum.x + sum.y + (sum.z + sum.w);
  workgroupBarrier();
  if (lane == 0u) {
    var total = 0.0;
    for (var i = 0u; i < LANES; i++) {
      total += partial[i];
    }
    out[0] = sqrt(total);
  }
}
