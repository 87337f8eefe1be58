// out[outFirst + at(o0..o3)] = (accumulate ? itself : 0) + x[xFirst + at(x0..x3)] over an array of [count / (d1 d2
// d3),d1,d2,d3] elements, at(s0..s3) = s0 i0 + s1 i1 + s2 i2 + s3 i3. Elements of 4 bytes, moved as they are unless
// added. One invocation an element.
// Parts: strides.
override LANES: u32 = 64;

struct Params {
  count: u32,
  d1: u32,
  d2: u32,
  d3: u32,
  x0: u32,
  x1: u32,
  x2: u32,
  x3: u32,
  xFirst: u32,
  o0: u32,
  o1: u32,
  o2: u32,
  o3: u32,
  outFirst: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<u32>;

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
  let fromX = at * vec4(params.x0, params.x1, params.x2, params.x3);
  let toOut = at * vec4(params.o0, params.o1, params.o2, params.o3);
  let value = x[params.xFirst + fromX.x + fromX.y + fromX.z + fromX.w];
  let place = params.outFirst + toOut.x + toOut.y + toOut.z + toOut.w;
  if (params.accumulate != 0u) {
    out[place] = bitcast<u32>(bitcast<f32>(out[place]) + bitcast<f32>(value));
  } else {
    out[place] = value;
  }
}
