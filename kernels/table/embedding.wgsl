// out[row] = table[ids[row] - first]; ids i32 [rows], table [vocab,dim] f32 (bits 32), f16 or, when isBf16, bf16 (16),
// out f32 [rows,dim]. A row whose id is below first or not below first + vocab stays: the table may be a window of a
// larger one. One invocation an element.
// Parts: half-words.
override LANES: u32 = 64;

struct Params {
  rows: u32,
  dim: u32,
  first: u32,
  vocab: u32,
  bits: u32,
  isBf16: u32,
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
  // An id below first wraps around to one past vocab.
  let row = u32(ids[i / params.dim]) - params.first;
  if (row >= params.vocab) {
    return;
  }
  let at = row * params.dim + i % params.dim;
  if (params.bits == 16u) {
    out[i] = pairOf(table[at / 2u], params.isBf16 != 0u)[at % 2u];
  } else {
    out[i] = bitcast<f32>(table[at]);
  }
}
