// Double quantisation of `count` block maxima. nested[g] = max|absmax - mean| over group g of 256, and the mean last;
// code = the value of map (256, rising) nearest to (absmax - mean) / nested[g], a tie the lower; four codes a word.
// One workgroup: its invocations sum for the mean, then take groups in turn.
// bitsandbytes 0.49, functional.py: quantize_4bit with compress_statistics; backends/default/ops.py for the ties.
override LANES: u32 = 256;

struct Params {
  count: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> absmax: array<f32>;
@group(0) @binding(2) var<storage, read> map: array<f32>;
@group(0) @binding(3) var<storage, read_write> codes: array<u32>;
@group(0) @binding(4) var<storage, read_write> nested: array<f32>;

var<workgroup> partial: array<f32, LANES>;

fn codeOf(x: f32) -> u32 {
  var rank = 0u;
  for (var step = 128u; step > 0u; step /= 2u) {
    let middle = 0.5 * (map[rank + step - 1u] + map[rank + step]);
    if (x > middle) {
      rank += step;
    }
  }
  return rank;
}

@compute @workgroup_size(LANES)
fn main(@builtin(local_invocation_index) lane: u32) {
  var sum = 0.0;
  for (var i = lane; i < params.count; i += LANES) {
    sum += absmax[i];
  }
  partial[lane] = sum;
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if (lane < half) {
      partial[lane] += partial[lane + half];
    }
    workgroupBarrier();
  }
  let mean = partial[0] / f32(params.count);
  let groupCount = (params.count + 255u) / 256u;
  if (lane == 0u) {
    nested[groupCount] = mean;
  }
  for (var g = lane; g < groupCount; g += LANES) {
    let end = min(256u * (g + 1u), params.count);
    var largest = 0.0;
    for (var i = 256u * g; i < end; i++) {
      largest = max(largest, abs(absmax[i] - mean));
    }
    nested[g] = largest;
    for (var i = 256u * g; i < end; i += 4u) {
      var word = 0u;
      for (var j = 0u; j < 4u && i + j < end; j++) {
        var x = 0.0;
        if (largest > 0.0) {
          x = (absmax[i + j] - mean) / largest;
        }
        word |= codeOf(x) << (8u * j);
      }
      codes[i / 4u] = word;
    }
  }
}
