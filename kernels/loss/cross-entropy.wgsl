// losses[row] = log Σ exp(logits[row]) - Σ wanted · logits[row], 0 where label < 0; labels i32 [rows], logits
// [rows,vocab]; wanted = (1 - smoothing) · onehot(label) + smoothing / vocab. With writeGrad, logits become
// gradScale · (softmax(logits) - wanted), 0 where label < 0. One workgroup a row.
// Parts: lane-maxima, lane-sums.
override LANES: u32 = 256;

struct Params {
  rows: u32,
  vocab: u32,
  writeGrad: u32,
  gradScale: f32,
  smoothing: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> labels: array<i32>;
@group(0) @binding(2) var<storage, read_write> logits: array<f32>;
@group(0) @binding(3) var<storage, read_write> losses: array<f32>;

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
  let start = row * params.vocab;
  let label = labels[row];
  if (label < 0) {
    if (params.writeGrad != 0u) {
      for (var c = lane; c < params.vocab; c += LANES) {
        logits[start + c] = 0.0;
      }
    }
    if (lane == 0u) {
      losses[row] = 0.0;
    }
    return;
  }
  var largest = -3.0e38;
  for (var c = lane; c < params.vocab; c += LANES) {
    largest = max(largest, logits[start + c]);
  }
  largest = maxOverLanes(lane, largest);
  var sum = 0.0;
  for (var c = lane; c < params.vocab; c += LANES) {
    sum += exp(logits[start + c] - largest);
  }
  sum = sumOverLanes(lane, sum);
  let flat = params.smoothing / f32(params.vocab);
  var depth = 0.0;
  if (params.smoothing > 0.0) {
    for (var c = lane; c < params.vocab; c += LANES) {
      depth += largest - logits[start + c];
    }
    depth = sumOverLanes(lane, depth);
  }
  if (lane == 0u) {
    // What the others' logits lie below the label's, in the mean, is what smoothing adds.
    let below = largest - logits[start + u32(label)];
    losses[row] = log(sum) + below + (flat * depth - params.smoothing * below);
  }
  // Invocation 0 must have read the label's logit before its owner overwrites it.
  storageBarrier();
  if (params.writeGrad != 0u) {
    for (var c = lane; c < params.vocab; c += LANES) {
      let share = exp(logits[start + c] - largest) / sum;
      logits[start + c] = params.gradScale * (share - select(flat, 1.0 - params.smoothing + flat, c == u32(label)));
    }
  }
}
