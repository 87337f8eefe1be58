import { hex32, xxh32 } from '../core/checksum.ts'
import { check } from '../core/errors.ts'
import { isJsonObject } from '../core/json.ts'
import { version } from '../core/version.ts'
import type { Device } from '../device/device.ts'
import type { CausalLm } from '../models/causal-lm.ts'
import type { Example } from '../models/example.ts'
import type { Weight } from '../nn/module.ts'
import { isAdapted } from '../peft/layers/adapted-layer.ts'
import { describeRecipe } from '../tensor/stored-matrix.ts'
import { empty, Tensor } from '../tensor/tensor.ts'

/** What a run's numbers come from, its options aside: in words and hashes, to tell two runs apart. */
export interface RunIdentity {
  /** Hash of all ids, labels and lengths of packed documents, in their order. */
  readonly examples: string
  /** What each adapted layer's numbers come from, such as rank, scaling and dropout, by path. */
  readonly adapter: Readonly<Record<string, string>>
  /** The model's config; empty where it has none. */
  readonly config: Readonly<Record<string, unknown>>
  /** How many weights are stored in which format. */
  readonly formats: string
  /** Hash of samples of the frozen weights that are stored as they came or were rounded: the same on every device. */
  readonly weights: string
  /** The same of those that were quantised, which a device may have done with other last bits. */
  readonly quantised: string
  /** Device and build of its kernels, on which the last bits depend. */
  readonly engine: string
  /** The library's. */
  readonly version: string
}

/** Bytes of each sample of a weight, of which three are taken of a large one. */
const sampleBytes = 1024

/** Looks at what a run is made of. It reads a few kilobytes of each frozen weight, together. */
export async function identifyRun(model: CausalLm, examples: readonly Example[]): Promise<RunIdentity> {
  const base = baseWeights(model)
  const frozen = base.filter((weight) => !weight.requiresGrad)
  const plain = frozen.filter((weight) => weight instanceof Tensor)
  const stored = frozen.filter((weight) => !(weight instanceof Tensor))
  return {
    examples: hashExamples(examples),
    adapter: adapterOf(model),
    config: 'config' in model && isJsonObject(model.config) ? model.config : {},
    formats: describeFormats(model),
    weights: await hashSamples(model.device, plain),
    quantised: await hashSamples(
      model.device,
      stored.flatMap(({ tensors }) => tensors),
    ),
    engine: engineOf(model.device),
    version,
  }
}

/** A device's description without its number of threads, on which nothing depends. */
export function engineOf({ description }: Pick<Device, 'description'>): string {
  return description.replace(/, \d+ threads?\b/, '')
}

/** Hash of all ids, labels and lengths of packed documents, in their order. */
export function hashExamples(examples: readonly Example[]): string {
  let hash = 0
  for (const { inputIds, labels, seqLengths } of examples) {
    const lengths = seqLengths === undefined ? [] : [Int32Array.from(seqLengths)]
    for (const ids of [inputIds, labels, ...lengths]) hash = xxh32(ids, (hash + ids.length) >>> 0)
  }
  return hex32(hash)
}

function adapterOf(model: CausalLm): Record<string, string> {
  const layers = [...model.namedModules()].flatMap(([path, module]) =>
    isAdapted(module) ? [[path, module.describe()] as const] : [],
  )
  return Object.fromEntries(layers)
}

/** How many of a base's weights are stored in which format. */
export function describeFormats(model: CausalLm): string {
  const counts = new Map<string, number>()
  for (const weight of baseWeights(model)) counts.set(formatOf(weight), (counts.get(formatOf(weight)) ?? 0) + 1)
  return [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([format, count]) => `${count} in ${format}`)
    .join(', ')
}

function baseWeights(model: CausalLm): readonly Weight[] {
  return [...model.namedModules()].flatMap(([, module]) =>
    isAdapted(module) ? [] : Object.values(module.weights).filter((weight) => weight !== null),
  )
}

function formatOf(weight: Weight): string {
  return weight instanceof Tensor ? weight.dtype : describeRecipe(weight.recipe)
}

/**
 * The first, middle and last bytes of tensors; they are brought side by side, so that the device is waited for once.
 */
async function hashSamples(device: Device, tensors: readonly Tensor[]): Promise<string> {
  const samples = tensors.flatMap((tensor) => samplesOf(tensor))
  const total = samples.reduce((sum, { byteLength }) => sum + byteLength, 0)
  if (total === 0) return hex32(0)
  const gathered = device.memory.rooted(() => empty(device, [total / 4], 'samples of weights'))
  try {
    let byteOffset = 0
    for (const sample of samples) {
      device.copy(sample, { buffer: gathered.buffer, byteOffset, byteLength: sample.byteLength })
      byteOffset += sample.byteLength
    }
    return hex32(xxh32(await device.download(gathered)))
  } finally {
    gathered.dispose()
  }
}

/** Windows of whole words. */
function samplesOf({ buffer, byteOffset, byteLength }: Tensor) {
  const length = byteLength - (byteLength % 4)
  if (length === 0) return []
  if (length <= 3 * sampleBytes) return [{ buffer, byteOffset, byteLength: length }]
  const middle = Math.floor((length - sampleBytes) / 8) * 4
  return [0, middle, length - sampleBytes].map((at) => {
    return { buffer, byteOffset: byteOffset + at, byteLength: sampleBytes }
  })
}

/** An identity from a file. @throws MedAwareError `format`. */
export function parseIdentity(who: string, value: unknown): RunIdentity {
  const isText = (each: unknown): each is string => typeof each === 'string'
  const {
    examples,
    adapter,
    config,
    formats,
    weights,
    quantised,
    engine,
    version: made,
  } = isJsonObject(value) ? value : {}
  const isWhole = [examples, formats, weights, quantised, engine, made].every(isText) && isJsonObject(config)
  check(
    isWhole && isJsonObject(adapter) && Object.values(adapter).every(isText),
    'format',
    () => `${who}: identity is torn`,
  )
  return value as RunIdentity
}
