import { iterableOf, type OptionRules, readArgument, readOptions, type Rule, that, whole } from '../core/options.ts'
import { Random } from '../core/random.ts'
import type { TokenBatch } from '../models/causal-lm.ts'
import { collate, type Example } from '../models/example.ts'

/** How examples that come one after another are put side by side. */
export interface BatchOptions {
  /** Examples a batch. Default 8. */
  readonly batchSize?: number
  /**
   * Examples that are held to be drawn from at random, as `datasets`' `shuffle(buffer_size)` does. Default 1: the order
   * stays.
   */
  readonly bufferSize?: number
  /** Default 42. */
  readonly seed?: number
}

const rules: OptionRules<BatchOptions> = {
  batchSize: whole({ from: 1 }),
  bufferSize: whole({ from: 1 }),
  seed: whole(),
}

const examplesRule: Rule<AsyncIterable<Example> | Iterable<Example>> = {
  expects: "examples to go through, such as streamExamples'",
  read: (value, at) => later.read(value, at) ?? iterableOf<Example>('').read(value, at),
}
const later = that('', (value): value is AsyncIterable<Example> => {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
})

/**
 * Batches of examples that do not fit into memory together, for `TrainingRun`: a function that opens a pass, in whose
 * order the epoch has a say. Batches are padded as `collate` does.
 * @throws MedAwareError `config` for what are no examples, or options that make no sense.
 */
export function batchExamples(
  examples: AsyncIterable<Example> | Iterable<Example>,
  options: BatchOptions = {},
): (epoch: number) => AsyncGenerator<TokenBatch & { readonly labels: Int32Array }> {
  const { batchSize = 8, bufferSize = 1, seed = 42 } = readOptions('batchExamples', options, rules)
  const given = readArgument('batchExamples', 'the examples', examples, examplesRule)
  return async function* (epoch) {
    let batch: Example[] = []
    for await (const example of shuffled(given, bufferSize, Random.of(seed, 0x5b0ff1e, epoch))) {
      batch.push(example)
      if (batch.length < batchSize) continue
      yield sideBySide(batch)
      batch = []
    }
    if (batch.length > 0) yield sideBySide(batch)
  }
}

function sideBySide(examples: readonly Example[]): TokenBatch & { readonly labels: Int32Array } {
  const { batch, labels } = collate(examples)
  return { ...batch, labels }
}

/** Each example in the place of one that is drawn from the buffer, and what is left of it at the end. */
async function* shuffled(
  examples: AsyncIterable<Example> | Iterable<Example>,
  size: number,
  random: Random,
): AsyncGenerator<Example> {
  const buffer: Example[] = []
  for await (const example of examples) {
    if (buffer.length < size - 1) buffer.push(example)
    else if (size === 1) yield example
    else {
      const at = random.below(size)
      // The newest may be drawn too.
      const drawn = buffer[at] ?? example
      if (at < buffer.length) buffer[at] = example
      yield drawn
    }
  }
  yield* random.shuffle(buffer)
}
