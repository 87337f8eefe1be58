import { check } from '../core/errors.ts'
import { readArgument } from '../core/options.ts'
import { batchExamples } from '../data/batch-examples.ts'
import type { CausalLm } from '../models/causal-lm.ts'
import type { Example } from '../models/example.ts'
import { adaptableRule } from '../peft/adaptable.ts'
import { adapterSetOf } from '../peft/adapter.ts'
import { attachAdapter } from '../peft/attach.ts'
import { isFromData } from '../peft/lora/lora-features.ts'
import { startLora } from '../peft/lora/starts/start-lora.ts'

/** The config of an adapter to train, as `attachAdapter` takes it; LoRA with every start that `startLora` has. */
export interface AdapterToBegin {
  readonly peftType: string
  readonly [field: string]: unknown
}

/** What an adapter begins with besides. */
export interface BeginOptions {
  /** Default null: `seed`. */
  readonly initSeed?: number | null
  /** The training's. Default 0. */
  readonly seed?: number
  readonly signal?: AbortSignal
}

/** CorDA's paper takes as many rows (arXiv 2406.05223, 4.1); EVA stops by itself when it has seen enough. */
const cordaRows = 256
const batchSize = 8

/** Whether an adapter cannot begin before the examples are made. */
export function waitsForExamples(config: AdapterToBegin | null): boolean {
  return config?.peftType === 'LORA' && isFromData(config['initLoraWeights'])
}

/**
 * Attaches an adapter to train to a model that has none.
 * @param examples What 'eva' and 'corda' start from.
 * @throws MedAwareError `config` for a model that has an adapter; as `attachAdapter` and `startLora`.
 */
export async function beginAdapter(
  who: string,
  model: CausalLm,
  config: AdapterToBegin,
  examples: readonly Example[],
  { initSeed, signal, ...run }: BeginOptions,
): Promise<void> {
  const adaptable = readArgument(who, 'model', model, adaptableRule)
  check(adapterSetOf(model) === null || adapterSetOf(model)?.members.size === 0, 'config', () => {
    return `${who}: the model has an adapter already, which peftConfig would stand beside; leave peftConfig out, or detach that one`
  })
  const seed = initSeed ?? run.seed
  const seeded = { ...(seed !== undefined && { seed }) }
  if (config.peftType !== 'LORA') {
    attachAdapter(adaptable, config, seeded)
    return
  }
  const { peftType: _, ...fields } = config
  const rows = fields['initLoraWeights'] === 'corda' ? examples.slice(0, cordaRows) : examples
  const open = batchExamples(rows, { batchSize })
  await startLora(adaptable, fields, {
    ...seeded,
    ...(signal && { signal }),
    ...(waitsForExamples(config) && { batches: () => open(0) }),
  })
}
