// What attention reads of its binding `table`: with ALiBi the heads' slopes, then for each sample the queries' ranges
// of keys, the keys' ranges of queries and, with ALiBi, the keys' positions. Slopes and positions are f32 by their
// bits. All is one binding, for with it attention-backward-query has the eight that every adapter takes.

/// Where a sample's part of the table begins.
fn recordOf(sample: u32) -> u32 {
  let width = 2u * params.queries + (2u + params.hasAlibi) * params.keys;
  return params.hasAlibi * params.heads + (params.first + sample) * width;
}

/// The first key that a query sees, and the key behind its last. Neither falls from a query to the next.
fn keysOf(record: u32, query: u32) -> vec2<i32> {
  let at = record + 2u * min(query, params.queries - 1u);
  return vec2<i32>(table[at], table[at + 1u]);
}

/// The first query that sees a key, and the query behind its last: of a key that is hidden from all the latter's
/// complement.
fn queriesOf(record: u32, key: u32) -> vec2<i32> {
  let at = record + 2u * (params.queries + min(key, params.keys - 1u));
  return vec2<i32>(table[at], table[at + 1u]);
}

/// Ranges of four queries, or of four keys: their firsts, and what is behind their lasts.
struct Ranges {
  first: vec4<i32>,
  end: vec4<i32>,
}

/// Of four queries.
fn rangesOfKeys(record: u32, queries: vec4<u32>) -> Ranges {
  let a = keysOf(record, queries.x);
  let b = keysOf(record, queries.y);
  let c = keysOf(record, queries.z);
  let d = keysOf(record, queries.w);
  return Ranges(vec4<i32>(a.x, b.x, c.x, d.x), vec4<i32>(a.y, b.y, c.y, d.y));
}

/// Of four keys.
fn rangesOfQueries(record: u32, keys: vec4<u32>) -> Ranges {
  let a = queriesOf(record, keys.x);
  let b = queriesOf(record, keys.y);
  let c = queriesOf(record, keys.z);
  let d = queriesOf(record, keys.w);
  return Ranges(vec4<i32>(a.x, b.x, c.x, d.x), vec4<i32>(a.y, b.y, c.y, d.y));
}

/// Which of four ranges have a place.
fn areWithin(ranges: Ranges, place: u32) -> vec4<bool> {
  return (vec4<i32>(i32(place)) >= ranges.first) & (vec4<i32>(i32(place)) < ranges.end);
}

/// The query behind the last that sees any key up to this one.
fn lastOf(record: u32, key: u32) -> i32 {
  let end = queriesOf(record, key).y;
  return max(end, ~end);
}

/// Whether a key within a query's range is hidden all the same.
fn isHole(record: u32, key: u32) -> bool {
  return params.hasHoles != 0u && queriesOf(record, key).y < 0;
}

/// Which of four keys from this one on are no holes.
fn areOpen(record: u32, key: u32) -> vec4<bool> {
  if (params.hasHoles == 0u) {
    return vec4<bool>(true);
  }
  return rangesOfQueries(record, vec4<u32>(key, key + 1u, key + 2u, key + 3u)).end >= vec4<i32>();
}

/// ALiBi's slope of a head, 0 without ALiBi.
fn slopeOf(head: u32) -> f32 {
  return select(0.0, bitcast<f32>(table[head]), params.hasAlibi != 0u);
}

/// Position of a key, 0 without ALiBi.
fn positionOf(record: u32, key: u32) -> f32 {
  if (params.hasAlibi == 0u) {
    return 0.0;
  }
  return bitcast<f32>(table[record + 2u * (params.queries + params.keys) + min(key, params.keys - 1u)]);
}

/// What ALiBi adds to the score of a key at a position: alibiScale · bfloat16(slope · position), ties to even.
fn biasOf(slope: f32, position: f32) -> f32 {
  let bits = bitcast<u32>(slope * position);
  return params.alibiScale * bitcast<f32>((bits + 0x7fffu + ((bits >> 16u) & 1u)) & 0xffff0000u);
}
