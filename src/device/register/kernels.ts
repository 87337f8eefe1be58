import { attentionKernels } from './attention-kernels.ts'
import { fold, kernel, LANES, lanes, wide, type KernelRow, type ParamValues } from './kernel-row.ts'
import { normKernels } from './norm-kernels.ts'

const perElement = (p: { readonly count: number }) => fold(p.count / LANES)
const perFour = (p: { readonly count: number }) => fold(p.count / 4 / LANES)
/** Matrix products: SIDE × SIDE invocations of 4 × 4 elements each; k goes by in steps of 4 · DEPTH. */
const tile = { SIDE: 8, DEPTH: 4 }
const tiles = (p: { readonly m: number; readonly n: number }) =>
  [Math.ceil(p.n / (4 * tile.SIDE)), Math.ceil(p.m / (4 * tile.SIDE)), 1] as const

/**
 * The register of kernels: every verb a device knows. A row without both twins does not compile
 * (`kernels.generated.ts` is checked against it). Shapes and formulas stand in the twins' headers.
 */
export const kernels = {
  // ── matrix products ──────────────────────────────────────────────────────────────────────────────────────────
  /**
   * out[m,n] = (accumulate ? out : 0) + alpha · op(a) · op(b) + bias; transA: a is [k,m]; transB: b is [n,k].
   * pitchA, pitchOut: elements from a row of a, of out, to the next; more than a row holds where it is a window of columns.
   */
  matmul: kernel({
    reads: ['a', 'b', 'bias'],
    writes: ['out'],
    params: {
      m: 'u32',
      n: 'u32',
      k: 'u32',
      pitchA: 'u32',
      pitchOut: 'u32',
      transA: 'u32',
      transB: 'u32',
      hasBias: 'u32',
      accumulate: 'u32',
      alpha: 'f32',
    },
    items: (p) => Math.ceil(p.n / 8),
    constants: tile,
    groups: tiles,
  }),
  /**
   * The same with b as it is stored, decoded on the way. transB: b is [n,k] (x · Wᵀ), else [k,n] (dY · W).
   * bits 4: tables f32[16 + 256], the code and the dynamic map; absmax u8 codes if nested, else f32; nested f32 per 256
   * blocks, and the offset as its last element. bits 8: absmax f32 per row of b. bits 16: f16, or bf16 with isBf16, and all
   * three null. Of 8 and 16 bits, blockSize is the length of a row of b.
   */
  matmulStored: kernel({
    reads: ['a', 'codes', 'absmax', 'nested', 'tables', 'bias'],
    writes: ['out'],
    params: {
      m: 'u32',
      n: 'u32',
      k: 'u32',
      pitchA: 'u32',
      pitchOut: 'u32',
      transB: 'u32',
      bits: 'u32',
      isBf16: 'u32',
      blockSize: 'u32',
      isNested: 'u32',
      nestedCount: 'u32',
      hasBias: 'u32',
      accumulate: 'u32',
      alpha: 'f32',
    },
    items: (p) => Math.ceil(p.n / 8),
    constants: tile,
    groups: tiles,
  }),

  // ── stored weights ────────────────────────────────────────────────────────────────────────────────────────────
  /** decision: f32[32], 15 thresholds, a pad, then the 16 codes in the order of the thresholds. */
  quantizeFourBit: kernel({
    reads: ['input', 'decision'],
    writes: ['codes', 'absmax'],
    params: { count: 'u32', blockSize: 'u32' },
    items: (p) => Math.ceil(p.count / p.blockSize),
    constants: lanes,
    groups: (p) => fold(Math.ceil(p.count / p.blockSize) / LANES),
  }),
  /** codes: i8[rows,dim]; scale: f32 per row. */
  quantizeInt8: kernel({
    reads: ['input'],
    writes: ['codes', 'scale'],
    params: { rows: 'u32', dim: 'u32' },
    items: (p) => p.rows,
    constants: lanes,
    groups: (p) => fold(p.rows / 4),
  }),
  /** The values of a matrix as it is stored, in the terms of matmulStored. */
  dequantize: kernel({
    reads: ['codes', 'absmax', 'nested', 'tables'],
    writes: ['out'],
    params: { count: 'u32', bits: 'u32', isBf16: 'u32', blockSize: 'u32', isNested: 'u32', nestedCount: 'u32' },
    items: (p) => Math.ceil(p.count / p.blockSize),
    constants: lanes,
    groups: perElement,
  }),
  /** Double quantisation of `count` block maxima: u8 codes, f32 per 256 of them, and their mean at the end. */
  quantizeAbsmax: kernel({
    reads: ['absmax', 'map'],
    writes: ['codes', 'nested'],
    params: { count: 'u32' },
    items: () => 1,
    constants: wide,
    groups: () => [1, 1, 1],
  }),

  // ── rows of a table ──────────────────────────────────────────────────────────────────────────────────────────
  /** out[row] = table[ids[row] - first] where that is a row below vocab, of f32 (bits 32), f16 or bf16 (16); other rows stay. */
  embedding: kernel({
    reads: ['ids', 'table'],
    writes: ['out'],
    params: { rows: 'u32', dim: 'u32', first: 'u32', vocab: 'u32', bits: 'u32', isBf16: 'u32' },
    items: (p) => p.rows,
    constants: lanes,
    groups: (p) => fold((p.rows * p.dim) / LANES),
  }),
  /** dTable[v] = (accumulate ? dTable[v] : 0) + Σ dOut[row] over rows with ids[row] = first + v. */
  embeddingBackward: kernel({
    reads: ['ids', 'dOut'],
    writes: ['dTable'],
    params: { rows: 'u32', dim: 'u32', first: 'u32', vocab: 'u32', accumulate: 'u32' },
    items: (p) => p.vocab,
    constants: lanes,
    groups: (p) => fold(p.vocab),
  }),

  ...normKernels,

  // ── element by element ───────────────────────────────────────────────────────────────────────────────────────
  /** Exact (erf) GELU. */
  gelu: kernel({
    reads: ['x'],
    writes: ['out'],
    params: { count: 'u32' },
    items: (p) => Math.ceil(p.count / 4),
    constants: lanes,
    groups: perFour,
  }),
  geluBackward: kernel({
    reads: ['dOut', 'x'],
    writes: ['dX'],
    params: { count: 'u32' },
    items: (p) => Math.ceil(p.count / 4),
    constants: lanes,
    groups: perFour,
  }),
  /** out = silu(gate) · up, silu(x) = x / (1 + e^-x). */
  swiGlu: kernel({
    reads: ['gate', 'up'],
    writes: ['out'],
    params: { count: 'u32' },
    items: (p) => Math.ceil(p.count / 4),
    constants: lanes,
    groups: perFour,
  }),
  swiGluBackward: kernel({
    reads: ['dOut', 'gate', 'up'],
    writes: ['dGate', 'dUp'],
    params: { count: 'u32' },
    items: (p) => Math.ceil(p.count / 4),
    constants: lanes,
    groups: perFour,
  }),
  /** out = a + alpha · b. */
  add: kernel({
    reads: ['a', 'b'],
    writes: ['out'],
    params: { count: 'u32', alpha: 'f32' },
    items: (p) => Math.ceil(p.count / 4),
    constants: lanes,
    groups: perFour,
  }),
  /** target += alpha · x. */
  accumulate: kernel({
    reads: ['x'],
    writes: ['target'],
    params: { count: 'u32', alpha: 'f32' },
    items: (p) => Math.ceil(p.count / 4),
    constants: lanes,
    groups: perFour,
  }),
  /** out = factor[0] · alpha · x; factor may be null (then 1). */
  scale: kernel({
    reads: ['x', 'factor'],
    writes: ['out'],
    params: { count: 'u32', hasFactor: 'u32', alpha: 'f32' },
    items: (p) => Math.ceil(p.count / 4),
    constants: lanes,
    groups: perFour,
  }),
  fill: kernel({
    reads: [],
    writes: ['out'],
    params: { count: 'u32', value: 'f32' },
    varies: true,
    items: (p) => Math.ceil(p.count / 4),
    constants: lanes,
    groups: perFour,
  }),
  /** Keeps x[i] · scale where mix32((first + i) ^ seed) >= threshold, else 0: a counter, so backward is the same call. */
  dropout: kernel({
    reads: ['x'],
    writes: ['out'],
    params: { count: 'u32', first: 'u32', seed: 'u32', threshold: 'u32', scale: 'f32' },
    varies: true,
    items: (p) => Math.ceil(p.count / 4),
    constants: lanes,
    groups: perFour,
  }),

  // ── sums ─────────────────────────────────────────────────────────────────────────────────────────────────────
  /** out[c] = (accumulate ? out[c] : 0) + Σ over rows of x[row,c]. */
  sumRows: kernel({
    reads: ['x'],
    writes: ['out'],
    params: { rows: 'u32', dim: 'u32', accumulate: 'u32' },
    items: (p) => Math.ceil(p.dim / 4),
    constants: lanes,
    groups: (p) => fold(p.dim / LANES),
  }),
  /** out[0] = (accumulate ? out[0] : 0) + alpha · Σ x. */
  sum: kernel({
    reads: ['x'],
    writes: ['out'],
    params: { count: 'u32', accumulate: 'u32', alpha: 'f32' },
    varies: true,
    items: () => 1,
    constants: wide,
    groups: () => [1, 1, 1],
  }),
  /** out[slot + s] = Σ x² over the s-th `share` elements, a multiple of 4. */
  sumSquares: kernel({
    reads: ['x'],
    writes: ['out'],
    params: { count: 'u32', share: 'u32', slot: 'u32' },
    items: (p) => Math.ceil(p.count / p.share),
    constants: lanes,
    groups: (p) => fold(p.count / p.share),
  }),

  ...attentionKernels,

  // ── loss and optimiser ───────────────────────────────────────────────────────────────────────────────────────
  /**
   * losses[row] = log-sum-exp(logits[row]) - logits[row,label], 0 where label < 0; with writeGrad, logits become
   * gradScale · (softmax - onehot), 0 where label < 0.
   */
  crossEntropy: kernel({
    reads: ['labels'],
    writes: ['logits', 'losses'],
    params: { rows: 'u32', vocab: 'u32', writeGrad: 'u32', gradScale: 'f32' },
    varies: true,
    items: (p) => p.rows,
    constants: wide,
    groups: (p) => fold(p.rows),
  }),
  /** clip[0] = min(1, maxNorm / (norm + 1e-6)), clip[1] = norm, of `count` sums of squares; maxNorm 0 clips nothing, a norm that is not finite gives 0. */
  clipFactor: kernel({
    reads: ['squares'],
    writes: ['clip'],
    params: { count: 'u32', maxNorm: 'f32' },
    items: () => 1,
    constants: lanes,
    groups: () => [1, 1, 1],
  }),
  /** torch.optim.AdamW on g = clip[0] · grad, nothing where clip[0] is 0; the factors that depend on the step are the host's, in double precision. */
  adamw: kernel({
    reads: ['grad', 'clip'],
    writes: ['param', 'm', 'v'],
    params: {
      count: 'u32',
      keep: 'f32',
      beta1: 'f32',
      gain1: 'f32',
      beta2: 'f32',
      gain2: 'f32',
      step: 'f32',
      root2: 'f32',
      eps: 'f32',
    },
    varies: true,
    items: (p) => Math.ceil(p.count / 4),
    constants: lanes,
    groups: perFour,
  }),
} as const

/** Every kernel's name. */
export type KernelName = keyof typeof kernels

type RowOf<K extends KernelName> = (typeof kernels)[K]

/** The parameters kernel `K` takes. */
export type KernelParams<K extends KernelName> =
  RowOf<K> extends KernelRow<string, string, infer P> ? ParamValues<P> : never

/** Names kernel `K` reads. */
export type KernelReads<K extends KernelName> = RowOf<K>['reads'][number]

/** Names kernel `K` writes. */
export type KernelWrites<K extends KernelName> = RowOf<K>['writes'][number]
