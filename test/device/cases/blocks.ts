import { f16ToF32, f32ToF16 } from '../../../src/core/float16.ts'
import { Random } from '../../../src/core/random.ts'
import { blockBytes, type BlockFormName, blockForms } from '../../../src/quant/block-forms.ts'
import { blockLayouts } from '../../../src/formats/gguf/block-layouts.ts'
import { decodeQ4K, decodeQ5K, decodeQ6K } from '../../../src/gguf/blocks-of-256.ts'
import { decodeQ4, decodeQ5, decodeQ5Symmetric } from '../../../src/gguf/blocks-of-32.ts'
import { at, junk, type KernelCase, kernelCase, normals, seedDraws } from '../kernel-case.ts'
import { factor, product } from './matmul.ts'

seedDraws('blocks')

/** Bytes of a file's block, where its f16 scales are, and the decoder that is held against the gguf package. */
const blocks = {
  q4_1: { width: 20, scales: [0, 2], decode: decodeQ4 },
  q5_0: { width: 22, scales: [0], decode: decodeQ5Symmetric },
  q5_1: { width: 24, scales: [0, 2], decode: decodeQ5 },
  q4_k: { width: 144, scales: [0, 2], decode: decodeQ4K },
  q5_k: { width: 176, scales: [0, 2], decode: decodeQ5K },
  q6_k: { width: 210, scales: [208], decode: decodeQ6K },
} as const

export const blockNames = Object.keys(blocks) as readonly BlockFormName[]
const random = new Random(11)
const half = (x: number) => f32ToF16(Float32Array.of(Math.fround(x)))

/** Scales that formats go wrong by: zeros, subnormal f16, the smallest normal one, and of both signs. */
const hostile = [0.0123, -0.37, 0, -0, 2 ** -24, -(2 ** -24), 1023 * 2 ** -24, -(2 ** -14), 1]

/** A matrix of random codes as kernels are given it, and its values; K-quants' scales are further scaled by codes. */
export function inBlocks(count: number, name: BlockFormName, scales: readonly number[]) {
  const { width, scales: places, decode } = blocks[name]
  const { size, split } = blockLayouts[name]
  const bytes = Uint8Array.from({ length: (Math.ceil(count / size) * size * width) / size }, () => {
    return Math.floor(256 * random.uniform())
  })
  for (const [nth, place] of places.entries()) {
    for (let block = place, i = 2 * nth; block < bytes.length; block += width, i++) {
      const bits = at(half(scales[i % scales.length] ?? 0), 0)
      bytes.set([bits & 255, bits >> 8], block)
    }
  }
  const values = new Float32Array((bytes.length / width) * size)
  decode(bytes, values)
  const params = { ...blockForms[name], isBf16: 0, nestedCount: 0 }
  return { reads: { ...split(bytes), tables: null }, params, values: values.subarray(0, count) }
}

/** Scales of values near those of weights. */
const common = (name: BlockFormName) => {
  const most = { q4_1: 15, q5_0: 16, q5_1: 31, q4_k: 63 * 15, q5_k: 63 * 31, q6_k: 127 * 32 }[name]
  return [0.06, -0.05, 0.03, 0.08, -0.1].map((scale) => scale / most)
}

const dequantisers = blockNames.flatMap((name) =>
  [32, 96, 8448].map((least) => {
    const count = Math.ceil(least / blockLayouts[name].size) * blockLayouts[name].size
    const { reads, params, values } = inBlocks(count, name, hostile)
    return kernelCase('dequantize', `${name} ${count}`, {
      reads,
      writes: { out: junk(count) },
      params: { count, ...params },
      expected: { out: values },
      tolerance: 0,
    })
  }),
)

const gathered = blockNames.flatMap((name) =>
  [0, 2].map((first) => {
    const [dim, vocab] = [blockLayouts[name].size, 5]
    const { reads, params, values } = inBlocks(vocab * dim, name, hostile)
    const [ids, before] = [Int32Array.of(4, first, 4, 6, 3), junk(5 * dim)]
    return kernelCase('embedding', `${name}, rows from ${first} on`, {
      reads: { ids, ...reads },
      writes: { out: before },
      params: { rows: 5, dim, first, vocab, ...params },
      expected: {
        out: Float32Array.from(before, (was, e) => {
          const row = at(ids, Math.floor(e / dim)) - first
          return row >= 0 && row < vocab ? at(values, row * dim + (e % dim)) : was
        }),
      },
      tolerance: 0,
    })
  }),
)

// Few rows, whole and ragged tiles, depths beyond 512; then windows of columns of a and of out.
const sizes = [
  [1, 13, 256],
  [1, 64, 256],
  [1, 66, 1280],
  [2, 9, 512],
  [3, 40, 256],
  [7, 33, 512],
  [21, 40, 256],
  [9, 20, 1280],
  [70, 12, 256],
  [14, 33, 256, 4, 1],
  [21, 24, 512, 8, 24],
] as const

const products = sizes.flatMap(([m, n, k, moreA = 0, moreOut = 0], index) =>
  blockNames.flatMap((name) =>
    [0, 1].map((transB) => {
      // A row of W is whole blocks: without transB it is as long as that of out.
      const [columns, depth] = transB === 1 ? [n, k] : [k, n]
      const [hasBias, accumulate, alpha] = [(index + transB) & 1, (index >> 1) & 1, index % 3 === 0 ? 1 : -0.75]
      const [pitchA, pitchOut] = [depth + moreA, columns + moreOut]
      const b = inBlocks(n * k, name, common(name))
      const [a, bias] = [normals((m - 1) * pitchA + depth), normals(columns)]
      const out = junk((m - 1) * pitchOut + columns)
      const params = { m, n: columns, k: depth, pitchA, pitchOut, transB, ...b.params, hasBias, accumulate, alpha }
      return kernelCase('matmulStored', `${name} ${m}x${columns}x${depth} transB ${transB}`, {
        reads: { a, ...b.reads, bias: hasBias ? bias : null },
        writes: { out },
        params,
        expected: {
          out: product(params, out, factor(a, 0, pitchA), factor(b.values, transB, k), hasBias ? bias : null),
        },
      })
    }),
  ),
)

const nearest = (x: number, step: number, least: number, most: number) => {
  return step === 0 ? 0 : Math.min(most, Math.max(least, Math.round(x / step)))
}
const largestOf = (own: ArrayLike<number>) =>
  Array.from(own).reduce((most, x) => (Math.abs(x) > Math.abs(most) ? x : most), 0)

/** What numbers are rounded to by the scales of their extremes, in doubles but for the f16: the parts of a matrix. */
function rounded(input: Float32Array, name: BlockFormName) {
  const form = blockForms[name]
  const { bits, scaling, blockSize } = form
  const bytes = blockBytes(form, input.length)
  const [codes, absmax] = [new Uint8Array(bytes.codes), new DataView(new ArrayBuffer(bytes.absmax))]
  const nested = new DataView(new ArrayBuffer(Math.max(4, bytes.nested)))
  const add = (i: number, bits: number) => (codes[i] = at(codes, i) | bits)
  const isSigned = scaling % 2 === 0
  const [centre, most] = [isSigned ? 2 ** (bits - 1) : 0, 2 ** bits - 1]
  const size = scaling < 4 ? blockSize : 256
  for (let from = 0; from < input.length; from += size) {
    const own = Array.from({ length: size / blockSize }, (_, b) => {
      const part = input.subarray(from + b * blockSize, from + (b + 1) * blockSize)
      const low = scaling === 5 ? Math.min(0, ...part) : Math.min(...part)
      return { part, low, step: isSigned ? largestOf(part) / -centre : (Math.max(...part) - low) / most }
    })
    const steps = own.map(({ step }) => step)
    const [first = 0] = steps
    const scale = half(scaling < 4 ? first : scaling === 4 ? largestOf(steps) / -128 : Math.max(...steps) / 63)
    const least = half(scaling === 5 ? Math.min(...own.map(({ low }) => low)) / 63 : (own[0]?.low ?? 0))
    const [d, l] = [at(f16ToF32(scale), 0), isSigned ? 0 : at(f16ToF32(least), 0)]
    if (scaling === 4) nested.setFloat32((4 * from) / 256, d, true)
    for (const [b, { part, low, step }] of own.entries()) {
      const block = from / blockSize + b
      const factor = nearest(step, d, scaling === 4 ? -128 : 0, scaling === 4 ? 127 : 63)
      const other = nearest(low, l, 0, 63)
      if (scaling === 2) absmax.setUint16(2 * block, at(scale, 0), true)
      if (scaling === 4) absmax.setInt8(block, factor)
      if (scaling === 5) absmax.setUint16(2 * block, factor | (other << 8), true)
      const pairs = scaling === 3 ? absmax : nested
      if (!isSigned) {
        pairs.setUint16((4 * from) / size, at(scale, 0), true)
        pairs.setUint16((4 * from) / size + 2, at(least, 0), true)
      }
      const [step2, added] = scaling < 4 ? [d, l] : [d * factor, l * other]
      for (const [i, x] of part.entries()) {
        const place = (from + b * blockSize + i) % 32
        const code = nearest(x - added, step2, -centre, most - centre) + centre
        const words = 4 * bits * Math.floor((from + b * blockSize) / 32)
        add(words + (place >> 3) * 4 + (place % 4), (code & 15) << (place & 4))
        if (bits === 5) add(words + 16 + (place % 4), (code >> 4) << (place >> 2))
        if (bits === 6) add(words + 16 + (place >> 4) * 4 + (place % 4), (code >> 4) << (2 * ((place % 16) >> 2)))
      }
    }
  }
  return { codes, absmax: new Uint8Array(absmax.buffer), nested: new Uint8Array(nested.buffer) }
}

const quantiserCase = (name: BlockFormName, what: string, input: Float32Array) => {
  const expected = rounded(input, name)
  return kernelCase('quantizeBlocks', `${name} ${what}`, {
    reads: { input },
    writes: {
      codes: expected.codes.map(() => 0x5a),
      absmax: expected.absmax.map(() => 0x5a),
      nested: new Uint8Array(expected.nested.length),
    },
    params: { count: input.length, ...blockForms[name] },
    expected,
  })
}

/** Numbers next to the middle between two of Q6_K's, whose steps have 19 bits: their products with codes have 25. */
const halfWay = Float32Array.from({ length: 4096 }, (_, i) => {
  const factor = -128 + ((i >> 4) % 16) * 3
  const step = factor * (1 + (2 * (i >> 8) + 1) / 1024)
  const middle = (((i * 7) % 61) - 30 + 0.5) * step
  // What f32 holds is a tie, which may go either way.
  const isTie = Math.fround(middle) === middle
  return i % 16 === 0 ? -32 * step : isTie ? middle + step / 8 : middle
})

const quantisers = [
  ...blockNames.flatMap((name) =>
    [256, 8448].map((count) => {
      const input = normals(count).map((x, i) => (i < 64 ? 0 : i < 96 ? -0.25 : x * 2 ** ((i >> 5) % 9)))
      return quantiserCase(name, String(count), input)
    }),
  ),
  quantiserCase('q6_k', 'half-way', halfWay),
]

export const blockCases: KernelCase[] = [...dequantisers, ...gathered, ...products, ...quantisers]
