// out[o,i] = Σ over the axis of x[o,axis,i]; x [outer,axis,inner], out [outer,inner]. One invocation a sum, or one
// workgroup where inner is 1.
// Parts: lane-sums.
override LANES: u32 = 64;

struct Params {
  outer: u32,
  axis: u32,
  inner: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

var<workgroup> partial: array<f32, LANES>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let number = group.x + group.y * groups.x;
  if (params.inner == 1u) {
    if (number >= params.outer) {
      return;
    }
    var share = 0.0;
    for (var k = lane; k < params.axis; k += LANES) {
      share += x[number * params.axis + k];
    }
    let total = sumOverLanes(lane, share);
    if (lane == 0u) {
      out[number] = total;
    }
    return;
  }
  let at = number * LANES + lane;
  if (at >= params.outer * params.inner) {
    return;
  }
  let first = at / params.inner * params.axis * params.inner + at % params.inner;
  var total = 0.0;
  for (var k = 0u; k < params.axis; k++) {
    total += x[first + k * params.inner];
  }
  out[at] = total;
}
