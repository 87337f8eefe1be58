// Where heads lie in what attention reads: apart, q [batch,heads,queries,dim] and k, v [batch,kvHeads,capacity,dim],
// or, isFused, in rows [batch,queries,(heads + 2·kvHeads)·dim] that go group by group (q…, k, v).

/** Bytes from a row of q, k or v to the next. */
export function pitchOf(heads: u32, kvHeads: u32, dim: u32, isFused: u32): u32 {
  return (isFused ? heads + 2 * kvHeads : 1) * (dim << 2)
}

/** Bytes before the first row of a query head. */
export function startOfQ(
  sample: u32,
  head: u32,
  heads: u32,
  kvHeads: u32,
  queries: u32,
  dim: u32,
  isFused: u32,
): usize {
  const apart = (sample * heads + head) * queries
  const fused = sample * queries * (heads + 2 * kvHeads) + head + 2 * (head / (heads / kvHeads))
  return (isFused ? fused : apart) * (dim << 2)
}

/** Bytes before the first row of a key head; in fused rows values lie a head behind their keys. */
export function startOfK(
  sample: u32,
  kvHead: u32,
  heads: u32,
  kvHeads: u32,
  queries: u32,
  capacity: u32,
  dim: u32,
  isFused: u32,
): usize {
  const group = heads / kvHeads
  const apart = (sample * kvHeads + kvHead) * capacity
  const fused = sample * queries * (heads + 2 * kvHeads) + kvHead * (group + 2) + group
  return (isFused ? fused : apart) * (dim << 2)
}
