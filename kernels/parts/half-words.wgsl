// Elements of 16 bits, which need no feature of an adapter.

/// The two elements of a word, f16 or bf16.
fn pairOf(word: u32, isBf16: bool) -> vec2<f32> {
  if (isBf16) {
    return bitcast<vec2<f32>>(vec2<u32>(word << 16u, word & 0xffff0000u));
  }
  return unpack2x16float(word);
}
