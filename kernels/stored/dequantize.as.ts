// out[i] = the value of element i of a matrix as it is stored; bits 4, 8 or 16, and all else as in matmul-stored.as.ts.
// One item is one block of blockSize elements. bitsandbytes csrc/kernels.cu, kDequantizeBlockwise; _ops.py,
// int8_vectorwise_dequant.
import { scratch } from '../shared/scratch.as.ts'
import { decodeStored, prepareStored, STORED_BYTES } from './stored.as.ts'
import { WIDTH } from '../shared/tile-ends.as.ts'

export function dequantize(
  codes: usize,
  absmax: usize,
  nested: usize,
  tables: usize,
  out: usize,
  count: u32,
  bits: u32,
  isBf16: u32,
  blockSize: u32,
  scaling: u32,
  nestedCount: u32,
  begin: u32,
  end: u32,
): void {
  prepareStored(bits, isBf16, codes, absmax, nested, tables, blockSize, scaling, nestedCount, scratch(STORED_BYTES))
  for (let block = begin; block < end; block++) {
    const start = block * blockSize
    decodeStored(start, min<u32>(blockSize, count - start), out + (start << 2), WIDTH * 4)
  }
}
