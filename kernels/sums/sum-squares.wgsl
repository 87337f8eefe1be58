// out[slot + s] = Σ x² over the s-th `share` elements of count; share is a multiple of 4. One workgroup a share.
override LANES: u32 = 64;

struct Params {
  count: u32,
  share: u32,
  slot: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

var<workgroup> partial: array<f32, LANES>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let s = group.x + group.y * groups.x;
  let begin = s * params.share;
  if (begin >= params.count) {
    return;
  }
  let end = begin + min(params.share, params.count - begin);
  var sum = vec4<f32>();
  for (var i = begin / 4u + lane; i < end / 4u; i += LANES) {
    sum += x[i] * x[i];
  }
  if (lane == 0u && end % 4u != 0u) {
    let last = select(vec4<f32>(), x[end / 4u], vec4(0u, 1u, 2u, 3u) < vec4(end % 4u));
    sum += last * last;
  }
  partial[lane] = sum.x + sum.y + (sum.z + sum.w);
  workgroupBarrier();
  if (lane == 0u) {
    var total = 0.0;
    for (var i = 0u; i < LANES; i++) {
      total += partial[i];
    }
    out[params.slot + s] = total;
  }
}
