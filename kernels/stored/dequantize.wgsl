// out[i] = the value of element i of a matrix as it is stored: bits, isBf16, tables, absmax and nested as in
// matmul-stored.wgsl; those that are not used may be null. One invocation an element.
// Parts: half-words, stored-blocks, stored-scale, stored-value.
override LANES: u32 = 64;

struct Params {
  count: u32,
  bits: u32,
  isBf16: u32,
  blockSize: u32,
  scaling: u32,
  nestedCount: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> codes: array<u32>;
@group(0) @binding(2) var<storage, read> absmax: array<u32>;
@group(0) @binding(3) var<storage, read> nested: array<u32>;
@group(0) @binding(4) var<storage, read> tables: array<f32>;
@group(0) @binding(5) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * LANES + lane;
  if (i < params.count) {
    out[i] = valueOf(i);
  }
}
