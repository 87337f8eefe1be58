// out[row] = table[ids[row] - first]; ids i32 [rows], out f32 [rows,dim]; the table [vocab,dim] as matmul-stored.wgsl
// reads it, or f32 where bits is 32. A row whose id is below first or not below first + vocab stays: the table may be a
// window of a larger one. One invocation an element.
// Parts: half-words, stored-blocks, stored-scale, stored-value.
override LANES: u32 = 64;

struct Params {
  rows: u32,
  dim: u32,
  first: u32,
  vocab: u32,
  bits: u32,
  isBf16: u32,
  blockSize: u32,
  scaling: u32,
  nestedCount: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> ids: array<i32>;
@group(0) @binding(2) var<storage, read> codes: array<u32>;
@group(0) @binding(3) var<storage, read> absmax: array<u32>;
@group(0) @binding(4) var<storage, read> nested: array<u32>;
@group(0) @binding(5) var<storage, read> tables: array<f32>;
@group(0) @binding(6) var<storage, read_write> out: array<f32>;

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
  // An id below first wraps around to one past vocab.
  let row = u32(ids[i / params.dim]) - params.first;
  if (row >= params.vocab) {
    return;
  }
  let at = row * params.dim + i % params.dim;
  if (params.bits == 32u) {
    out[i] = bitcast<f32>(codes[at]);
  } else {
    out[i] = valueOf(at);
  }
}
