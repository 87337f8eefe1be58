// losses[row] = log Σ exp(logits[row]) - Σ wanted · logits[row], 0 where label < 0; labels i32 [rows], logits
// [rows,vocab]; wanted = (1 - smoothing) · onehot(label) + smoothing / vocab. With writeGrad, logits become
// gradScale · (softmax(logits) - wanted), 0 where label < 0. One workgroup a row.
// vocab is a multiple of 4. Maximum and sum come of one pass: what was summed is scaled when the maximum grows
// (Milakov & Gimelshein, arXiv 1805.02867). Lanes sum in parts: beside a large sum small terms are lost one by one.
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
@group(0) @binding(2) var<storage, read_write> logits: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> losses: array<f32>;

var<workgroup> partial: array<f32, LANES>;

fn maxOf(v: vec4<f32>) -> f32 {
  return max(max(v.x, v.y), max(v.z, v.w));
}

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
  let words = params.vocab / 4u;
  let start = row * words;
  let label = labels[row];
  if (label < 0) {
    if (params.writeGrad != 0u) {
      for (var c = lane; c < words; c += LANES) {
        logits[start + c] = vec4<f32>();
      }
    }
    if (lane == 0u) {
      losses[row] = 0.0;
    }
    return;
  }
  var top = -3.0e38;
  var sum = vec4<f32>();
  for (var begin = lane; begin < words; begin += 32u * LANES) {
    var higher = top;
    var part = vec4<f32>();
    for (var c = begin; c < min(words, begin + 32u * LANES); c += 2u * LANES) {
      let first = logits[start + c];
      // Where there is no second word, the first is its own, and counts once.
      let hasSecond = c + LANES < words;
      let second = logits[start + select(c, c + LANES, hasSecond)];
      let larger = max(higher, maxOf(max(first, second)));
      part = part * exp(higher - larger) + exp(first - larger) + select(0.0, 1.0, hasSecond) * exp(second - larger);
      higher = larger;
    }
    sum = sum * exp(top - higher) + part;
    top = higher;
  }
  let largest = maxOverLanes(lane, top);
  let total = sumOverLanes(lane, (sum.x + sum.y + (sum.z + sum.w)) * exp(top - largest));
  let flat = params.smoothing / f32(params.vocab);
  var depth = 0.0;
  if (params.smoothing > 0.0) {
    for (var c = lane; c < words; c += LANES) {
      depth += dot(vec4(1.0), vec4(largest) - logits[start + c]);
    }
    depth = sumOverLanes(lane, depth);
  }
  if (lane == 0u) {
    // What the others' logits lie below the label's, in the mean, is what smoothing adds.
    let below = largest - logits[start + u32(label) / 4u][u32(label) % 4u];
    losses[row] = log(total) + below + (flat * depth - params.smoothing * below);
  }
  // Invocation 0 must have read the label's logit before its owner overwrites it.
  storageBarrier();
  if (params.writeGrad != 0u) {
    let scale = params.gradScale / total;
    for (var c = lane; c < words; c += LANES) {
      let isLabel = vec4(4u * c) + vec4(0u, 1u, 2u, 3u) == vec4(u32(label));
      let share = scale * exp(logits[start + c] - largest);
      logits[start + c] = share - params.gradScale * select(vec4(flat), vec4(1.0 - params.smoothing + flat), isLabel);
    }
  }
}
