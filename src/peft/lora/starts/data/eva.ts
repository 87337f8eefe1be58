import { nextTurn } from '#platform'
import { hex32, xxh32 } from '../../../../core/checksum.ts'
import { check } from '../../../../core/errors.ts'
import { type DenseMatrix, firstRows, rowOf, scale, zeros } from '../../../../core/linear-algebra/dense-matrix.ts'
import { cosines, IncrementalPca } from '../../../../core/linear-algebra/incremental-pca.ts'
import type { Tensor } from '../../../../tensor/tensor.ts'
import type { EvaConfig } from '../../eva-config.ts'
import { keptTokens, openBatches, type StartBatch, type StartBatches } from './batches.ts'
import type { LongStart } from './long-start.ts'
import { type Reader, type ReadInputs, withLayerInputs } from './layer-inputs.ts'
import { sharedOutRanks } from './eva-ranks.ts'

/** A layer that EVA is to start. */
export interface EvaLayer {
  readonly path: string
  /** As the config has it. */
  readonly rank: number
  readonly inFeatures: number
}

/**
 * EVA (arXiv 2410.07170): the main directions of each layer's inputs, as many as its rank comes to; that may be none.
 * Batches are gone through until no direction turns by more than tau from one to the next
 * (peft/tuners/lora/eva.py, _get_eva_state_dict).
 * @param layers In the model's order.
 * @returns A of each layer: [rank, in].
 * @throws MedAwareError `config` for batches that are none, too small, or can be gone through once alone, and for more
 * directions than a layer's input has; what `signal` is aborted with.
 */
export async function evaDirections(
  model: Reader,
  layers: readonly EvaLayer[],
  config: EvaConfig,
  batches: StartBatches,
  long: LongStart,
): Promise<ReadonlyMap<string, DenseMatrix>> {
  const paths = layers.map(({ path }) => path)
  return withLayerInputs(model, paths, async (read) => {
    const inputs = await distinctInputs(read, layers, config, batches, long)
    const ranks = await converge(read, layers, inputs, config, batches, long)
    return new Map(
      inputs.flatMap(({ pca, paths: those }) =>
        those.map((path) => [path, directions(pca, ranks.get(path) ?? 0, config.whiten)] as const),
      ),
    )
  })
}

/** The inputs that several layers may share, and what is known of them. */
class Input {
  readonly pca: IncrementalPca
  #isFound: readonly boolean[]

  constructor(
    readonly paths: readonly string[],
    readonly most: number,
  ) {
    this.pca = new IncrementalPca(most)
    this.#isFound = Array.from({ length: most }, () => false)
  }

  get first(): string {
    return this.paths[0] ?? ''
  }

  hasConverged(rank: number): boolean {
    return this.#isFound.slice(0, rank).every(Boolean)
  }

  /** Takes in rows, if they are not fewer than directions. */
  take(x: DenseMatrix, tau: number): void {
    if (x.rows < this.most) return
    const before = this.pca.components
    this.pca.take(x)
    const { components } = this.pca
    if (before !== null && components !== null) {
      this.#isFound = cosines(components, before).map((cosine) => cosine >= tau)
    }
  }
}

/** Which layers get the same values of the first batch. @throws MedAwareError `config`. */
async function distinctInputs(
  read: ReadInputs,
  layers: readonly EvaLayer[],
  config: EvaConfig,
  batches: StartBatches,
  { who, signal }: LongStart,
): Promise<readonly Input[]> {
  signal?.throwIfAborted()
  const groups = new Map<string, string[]>()
  for await (const batch of openBatches(who, batches)) {
    await read(batch, new Set(layers.map(({ path }) => path)), async (paths, x) => {
      const { values } = await keptRows(batch, config, x)
      // Two sums of 32 bits: what differs in both is the same but for one chance in 10^19.
      const hash = `${values.length} ${hex32(xxh32(values))}${hex32(xxh32(values, 1))}`
      groups.set(hash, [...(groups.get(hash) ?? []), ...paths])
    })
    break
  }
  check(groups.size > 0, 'config', () => `${who}: batches has no batch; give some to start from`)
  const order = new Map(layers.map((layer, i) => [layer.path, { ...layer, i }]))
  const placeOf = (path: string) => order.get(path)?.i ?? 0
  const inputs = [...groups.values()].map((paths) => {
    const sorted = paths.toSorted((a, b) => placeOf(a) - placeOf(b))
    const most = Math.max(...sorted.map((path) => roundHalfEven((order.get(path)?.rank ?? 0) * config.rho)))
    const { path = '', inFeatures = 0 } = order.get(sorted[0] ?? '') ?? {}
    check(most <= inFeatures, 'config', () => {
      return `${who}: r times evaConfig.rho asks for ${most} directions of what ${path} gets, which has ${inFeatures}; lower r or rho`
    })
    return new Input(sorted, most)
  })
  return inputs.toSorted((a, b) => placeOf(a.first) - placeOf(b.first))
}

/** Goes through the batches until all directions are found that ranks ask for. @returns The ranks. */
async function converge(
  read: ReadInputs,
  layers: readonly EvaLayer[],
  inputs: readonly Input[],
  config: EvaConfig,
  batches: StartBatches,
  { who, onProgress, signal }: LongStart,
): Promise<ReadonlyMap<string, number>> {
  const byPath = new Map(inputs.map((input) => [input.first, input]))
  const budget = layers.reduce((sum, { rank }) => sum + rank, 0)
  let ranks: ReadonlyMap<string, number> = new Map(inputs.map(({ first, most }) => [first, most]))
  for (;;) {
    let passed = 0
    for await (const batch of openBatches(who, batches)) {
      signal?.throwIfAborted()
      const open = inputs.filter((input) => !input.hasConverged(ranks.get(input.first) ?? 0))
      onProgress?.(layers.length - open.reduce((sum, { paths }) => sum + paths.length, 0), layers.length, null)
      if (open.length === 0) return ranks
      await read(batch, new Set(open.map(({ first }) => first)), async (paths, x) => {
        const rows = await keptRows(batch, config, x)
        for (const path of paths) byPath.get(path)?.take(rows, config.tau)
        await nextTurn()
        signal?.throwIfAborted()
      })
      passed++
      if (inputs.every(({ pca }) => pca.components !== null)) ranks = sharedOutRanks(inputs, budget)
    }
    check(passed > 0, 'config', () => {
      return `${who}: the batches cannot be gone through again, as EVA must; give a list, or a function that opens them, () => batches()`
    })
    const small = inputs.find(({ pca }) => pca.components === null)
    check(small === undefined, 'config', () => {
      return `${who}: no batch has ${small?.most} tokens to look at, which EVA needs for ${small?.first}; give larger batches, lower r or evaConfig.rho, or set evaConfig.useLabelMask to false`
    })
  }
}

/** The rows of an input that are looked at. */
async function keptRows(batch: StartBatch, config: EvaConfig, x: Tensor): Promise<DenseMatrix> {
  const kept = keptTokens(batch, config.useLabelMask ? config.labelMaskValue : null)
  const { columns } = x
  const values = await x.read()
  const rows = zeros(
    kept.reduce((sum, isKept) => sum + isKept, 0),
    columns,
  )
  let to = 0
  for (const [token, isKept] of kept.entries()) {
    if (isKept) rowOf(rows, to++).set(values.subarray(token * columns, (token + 1) * columns))
  }
  return rows
}

/** The first components, whitened once for each layer: PEFT does so again for each layer of the same input. */
function directions({ components, singularValues }: IncrementalPca, rank: number, whiten: boolean): DenseMatrix {
  if (components === null) throw new Error('no components')
  const made = firstRows({ ...components, values: components.values.slice() }, rank)
  for (let i = 0; whiten && i < rank; i++) scale(rowOf(made, i), 1 / Math.sqrt(singularValues[i] ?? 0))
  return made
}

/** Python's round. */
function roundHalfEven(value: number): number {
  const floor = Math.floor(value)
  if (value - floor !== 0.5) return Math.round(value)
  return floor % 2 === 0 ? floor : floor + 1
}
