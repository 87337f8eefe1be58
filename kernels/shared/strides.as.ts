// Places of elements in arrays of up to four axes.

/** Where row `row` of an array begins whose axes before the last are [.., d1, d2], s0, s1 and s2 elements apart. */
export function atRow(row: u32, d1: u32, d2: u32, s0: u32, s1: u32, s2: u32): u32 {
  const rest = row / d2
  return s0 * (rest / d1) + s1 * (rest % d1) + s2 * (row % d2)
}
