// out[i] = tables[code i] · absmax[i / blockSize]; two codes a byte, even elements in the high half.
// absmax is f32, or when isNested u8 codes: tables[16 + code] · nested[block / 256] + nested[nestedCount].
// nested may be null when isNested = 0. One invocation an element.
override LANES: u32 = 64;

struct Params {
  count: u32,
  blockSize: u32,
  isNested: u32,
  nestedCount: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> codes: array<u32>;
@group(0) @binding(2) var<storage, read> absmax: array<u32>;
@group(0) @binding(3) var<storage, read> nested: array<f32>;
@group(0) @binding(4) var<storage, read> tables: array<f32>;
@group(0) @binding(5) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * LANES + lane;
  if (i >= params.count) {
    return;
  }
  let block = i / params.blockSize;
  var scale = 0.0;
  if (params.isNested == 0u) {
    scale = bitcast<f32>(absmax[block]);
  } else {
    let code = (absmax[block / 4u] >> (8u * (block % 4u))) & 255u;
    scale = tables[16u + code] * nested[block / 256u] + nested[params.nestedCount];
  }
  let shift = 8u * ((i / 2u) % 4u) + 4u * (1u - i % 2u);
  out[i] = tables[(codes[i / 8u] >> shift) & 15u] * scale;
}
