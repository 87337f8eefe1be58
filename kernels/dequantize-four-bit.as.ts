// out[i] = tables[nibble i] · absmax of block i / blockSize, high nibble first; absmax is f32, or when isNested u8 codes:
// tables[16 + code] · nested[block / 256] + nested[nestedCount]. nested may be null otherwise. One item is one block.
// bitsandbytes csrc/kernels.cu, kDequantizeBlockwise.
import { decode, PLANE_BYTES, prepare } from './four-bit.as.ts'
import { scratch } from './scratch.as.ts'
import { WIDTH } from './tile.as.ts'

export function dequantizeFourBit(
  codes: usize,
  absmax: usize,
  nested: usize,
  tables: usize,
  out: usize,
  count: u32,
  blockSize: u32,
  isNested: u32,
  nestedCount: u32,
  begin: u32,
  end: u32,
): void {
  prepare(codes, absmax, nested, tables, blockSize, isNested, nestedCount, scratch(PLANE_BYTES))
  const start = begin * blockSize
  decode(start, min<u32>(end * blockSize, count) - start, out + (start << 2), WIDTH * 4)
}
