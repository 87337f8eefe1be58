// dTable[v] = (accumulate ? dTable[v] : 0) + Σ dOut[row] over rows with ids[row] = first + v, in the order of the rows.
// ids i32 [rows], dOut [rows,dim], dTable [vocab,dim], which may be a window of a larger table that begins at row
// first. One workgroup a table row: it first looks which ids are its.
override LANES: u32 = 64;

struct Params {
  rows: u32,
  dim: u32,
  first: u32,
  vocab: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> ids: array<i32>;
@group(0) @binding(2) var<storage, read> dOut: array<f32>;
@group(0) @binding(3) var<storage, read_write> dTable: array<f32>;

var<workgroup> firstRow: atomic<u32>;
var<workgroup> endRow: atomic<u32>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let v = group.x + group.y * groups.x;
  if (v >= params.vocab) {
    return;
  }
  let id = i32(params.first + v);
  if (lane == 0u) {
    atomicStore(&firstRow, params.rows);
    atomicStore(&endRow, 0u);
  }
  workgroupBarrier();
  for (var row = lane; row < params.rows; row += LANES) {
    if (ids[row] == id) {
      atomicMin(&firstRow, row);
      atomicMax(&endRow, row + 1u);
    }
  }
  workgroupBarrier();
  let start = atomicLoad(&firstRow);
  let end = atomicLoad(&endRow);
  if (start == params.rows && params.accumulate != 0u) {
    return;
  }
  for (var c = lane; c < params.dim; c += LANES) {
    var sum = 0.0;
    for (var row = start; row < end; row++) {
      if (ids[row] == id) {
        sum += dOut[row * params.dim + c];
      }
    }
    if (params.accumulate != 0u) {
      sum += dTable[v * params.dim + c];
    }
    dTable[v * params.dim + c] = sum;
  }
}
