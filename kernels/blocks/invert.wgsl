// x[i] = 1 / x[i] for each of count matrices [n,n], by Gauss and Jordan without exchanges of rows: steps first to last,
// all of which are n. One workgroup a matrix.
override LANES: u32 = 64;

struct Params {
  count: u32,
  n: u32,
  first: u32,
  last: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let matrix = group.x + group.y * groups.x;
  if (matrix >= params.count) {
    return;
  }
  let n = params.n;
  let start = matrix * n * n;
  for (var p = params.first; p < params.last; p++) {
    let row = start + p * n;
    let by = 1.0 / x[row + p];
    storageBarrier();
    for (var c = lane; c < n; c += LANES) {
      x[row + c] = select(x[row + c] * by, by, c == p);
    }
    storageBarrier();
    for (var e = lane; e < n * n; e += LANES) {
      let r = e / n;
      let c = e % n;
      if (r != p && c != p) {
        x[start + e] -= x[start + r * n + p] * x[row + c];
      }
    }
    storageBarrier();
    for (var r = lane; r < n; r += LANES) {
      if (r != p) {
        x[start + r * n + p] *= -by;
      }
    }
    storageBarrier();
  }
}
