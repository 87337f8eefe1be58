// Where heads lie in what attention reads.

/// Where a head's rows begin in q, k and v, and how far they lie apart, in units of which a head's row has `width`.
struct Places {
  q: u32,
  k: u32,
  v: u32,
  pitch: u32,
}

/// Places of a query head and of the key head it shares: of heads apart, or in fused rows, which go group by group
/// (q…, k, v).
fn placesOf(sample: u32, head: u32, width: u32) -> Places {
  let perGroup = params.heads / params.kvHeads;
  let group = head / perGroup;
  if (params.isFused == 0u) {
    let kv = (sample * params.kvHeads + group) * params.capacity * width;
    return Places((sample * params.heads + head) * params.queries * width, kv, kv, width);
  }
  let slots = params.heads + 2u * params.kvHeads;
  let slot = sample * params.queries * slots + 2u * group;
  let key = slot + (group + 1u) * perGroup;
  return Places((slot + head) * width, key * width, (key + 1u) * width, slots * width);
}
