// AdamW with moments in 8 bits, as bitsandbytes keeps them: on g = clip[0] · grad, m = beta1 m + gain1 g, v = beta2 v +
// gain2 g², param = keep · param - step · m / (sqrt(v) / root2 + eps). A moment is maps[code] · its block's scale; maps
// are the 256 rising values for m, then those for v. A block of 256 elements is a workgroup: scale = max|x|, code = the
// value nearest to x · (1 / scale), a tie the lower. clip[0] = 0 changes nothing.
override LANES: u32 = 64;

struct Params {
  count: u32,
  keep: f32,
  beta1: f32,
  gain1: f32,
  beta2: f32,
  gain2: f32,
  step: f32,
  root2: f32,
  eps: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> grad: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> clip: array<f32>;
@group(0) @binding(3) var<storage, read> maps: array<f32>;
@group(0) @binding(4) var<storage, read_write> param: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> m: array<u32>;
@group(0) @binding(6) var<storage, read_write> v: array<u32>;
@group(0) @binding(7) var<storage, read_write> scales: array<vec2<f32>>;

var<workgroup> partial: array<vec2<f32>, LANES>;

fn valuesOf(word: u32, begin: u32) -> vec4<f32> {
  let at = (vec4(word) >> vec4(0u, 8u, 16u, 24u)) & vec4(255u);
  return vec4(maps[begin + at.x], maps[begin + at.y], maps[begin + at.z], maps[begin + at.w]);
}

fn codesOf(x: vec4<f32>, begin: u32) -> u32 {
  var word = 0u;
  for (var j = 0u; j < 4u; j++) {
    var rank = 0u;
    for (var half = 128u; half > 0u; half /= 2u) {
      let below = begin + rank + half - 1u;
      if (x[j] > 0.5 * (maps[below] + maps[below + 1u])) {
        rank += half;
      }
    }
    word |= rank << (8u * j);
  }
  return word;
}

fn largestOf(x: vec4<f32>) -> f32 {
  return max(max(abs(x.x), abs(x.y)), max(abs(x.z), abs(x.w)));
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let block = group.x + group.y * groups.x;
  if (256u * block >= params.count || clip[0] == 0.0) {
    return;
  }
  let i = 64u * block + lane;
  let before = scales[block];
  let isThere = 4u * i < params.count;
  var first = vec4<f32>();
  var second = vec4<f32>();
  if (isThere) {
    // What lies behind the last element stays as it is, and counts for nothing.
    let isMine = vec4(0u, 1u, 2u, 3u) < vec4(params.count - 4u * i);
    let g = clip[0] * grad[i];
    first = select(vec4(0.0), params.beta1 * (before.x * valuesOf(m[i], 0u)) + params.gain1 * g, isMine);
    second = select(vec4(0.0), params.beta2 * (before.y * valuesOf(v[i], 256u)) + params.gain2 * g * g, isMine);
    let changed = params.keep * param[i] - params.step * first / (sqrt(second) / params.root2 + params.eps);
    param[i] = select(param[i], changed, isMine);
  }
  partial[lane] = vec2(largestOf(first), largestOf(second));
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if (lane < half) {
      partial[lane] = max(partial[lane], partial[lane + half]);
    }
    workgroupBarrier();
  }
  let largest = partial[0];
  if (isThere) {
    let factor = vec2(1.0) / max(largest, vec2(1e-37));
    m[i] = codesOf(first * factor.x, 0u);
    v[i] = codesOf(second * factor.y, 256u);
  }
  if (lane == 0u) {
    scales[block] = largest;
  }
}
