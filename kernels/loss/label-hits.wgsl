// hits[row] = 1 where logits[row,label] is the first of the largest ones of its row, else 0, as where label < 0.
// labels i32 [rows], logits [rows,vocab]. One workgroup a row.
// Parts: lane-sums.
override LANES: u32 = 256;

struct Params {
  rows: u32,
  vocab: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> labels: array<i32>;
@group(0) @binding(2) var<storage, read> logits: array<f32>;
@group(0) @binding(3) var<storage, read_write> hits: array<f32>;

var<workgroup> partial: array<f32, LANES>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.x + group.y * groups.x;
  if (row >= params.rows) {
    return;
  }
  let label = labels[row];
  if (label < 0) {
    if (lane == 0u) {
      hits[row] = 0.0;
    }
    return;
  }
  let start = row * params.vocab;
  let picked = logits[start + u32(label)];
  var before = 0.0;
  for (var c = lane; c < params.vocab; c += LANES) {
    let value = logits[start + c];
    before += select(0.0, 1.0, value > picked || (value == picked && c < u32(label)));
  }
  before = sumOverLanes(lane, before);
  if (lane == 0u) {
    hits[row] = select(0.0, 1.0, before == 0.0);
  }
}
