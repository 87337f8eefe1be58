// out[rows,dim]: out[row] = table[ids[row]]; ids i32 [rows], table [vocab,dim] f32 (bits 32) or f16 (16), out f32. One
// invocation an element.
override LANES: u32 = 64;

struct Params {
  rows: u32,
  dim: u32,
  bits: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> ids: array<i32>;
@group(0) @binding(2) var<storage, read> table: array<u32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * LANES + lane;
  if (i >= params.rows * params.dim) {
    return;
  }
  let at = u32(ids[i / params.dim]) * params.dim + i % params.dim;
  if (params.bits == 16u) {
    out[i] = unpack2x16float(table[at / 2u])[at % 2u];
  } else {
    out[i] = bitcast<f32>(table[at]);
  }
}
