// out = a · b over an array of [count / (d1 d2 d3),d1,d2,d3] elements; those of a lie a0..a3 apart along its axes, 0
// where it is the same along one, and those of b b0..b3. One invocation an element.
// Parts: strides.
override LANES: u32 = 64;

struct Params {
  count: u32,
  d1: u32,
  d2: u32,
  d3: u32,
  a0: u32,
  a1: u32,
  a2: u32,
  a3: u32,
  b0: u32,
  b1: u32,
  b2: u32,
  b3: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * LANES + lane;
  if (i >= params.count) {
    return;
  }
  let at = indicesOf(i);
  let ofA = at * vec4(params.a0, params.a1, params.a2, params.a3);
  let ofB = at * vec4(params.b0, params.b1, params.b2, params.b3);
  out[i] = a[ofA.x + ofA.y + ofA.z + ofA.w] * b[ofB.x + ofB.y + ofB.z + ofB.w];
}
