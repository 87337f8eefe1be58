import type { PretrainedLm } from '../../src/models/causal-lm.ts'
import type { Adapter } from '../../src/peft/adapter.ts'
import { adapterFiles } from '../../src/peft/files/adapter-files.ts'
import type { TensorReader } from '../../src/safetensors/reader.ts'
import { openSafetensors } from '../../src/safetensors/reader.ts'
import { bytesSource } from '../../src/safetensors/source.ts'
import { equal, same, within, worst, type Check, type LeftOut } from './check.ts'
import { type GoldenAdapter, isEncoded, openGoldenAdapter } from './golden-adapter.ts'
import { batchOf, gradientChecks, logitsOf, ownLogits } from './model-checks.ts'

/**
 * All that is golden of an adapter: logits, loss, gradients, its files, and the merged model's logits where PEFT
 * merges; then the model stays merged. @param base The reference of its model, which has the tokens.
 */
export async function* adapterChecks(
  model: PretrainedLm,
  golden: GoldenAdapter,
  base: TensorReader,
): AsyncGenerator<Check | LeftOut> {
  const { reference } = golden
  const { adapter, parameters, untrainable } = await openGoldenAdapter(model, golden)
  const batch = await batchOf(base, 'input_ids')
  const labels = Int32Array.from((await base.read('labels')) as Int32Array)
  yield within('logits', await logitsOf(model, batch), await ownLogits(reference, batch), 1e-4)
  if (untrainable !== null) yield { name: 'loss and gradients', leftOut: untrainable }
  else if (reference.names.some((name) => name.startsWith('grad.'))) {
    const loss = (await reference.readF32('loss'))[0] ?? NaN
    const training = adapter.training({ who: 'adapterChecks', steps: 1000, onWarning: () => undefined })
    const penalty = () => training?.penalty() ?? null
    yield* await gradientChecks(model, parameters, reference, 'grad.', { batch, labels, loss, penalty })
    training?.dispose()
  } else yield { name: 'gradients', leftOut: 'reference.safetensors has none' }
  yield* fileChecks(adapter, golden)
  if (reference.has('merged_logits')) {
    adapter.merge()
    yield within('merged logits', await logitsOf(model, batch), await reference.readF32('merged_logits'), 1e-4)
  } else yield { name: 'merged logits', leftOut: 'reference.safetensors has no merged_logits: PEFT does not merge it' }
}

/** The adapter's files, saved again: the config but for PEFT's version, and the bytes of its tensors. */
async function* fileChecks(adapter: Adapter, golden: GoldenAdapter): AsyncGenerator<Check> {
  const files = await adapterFiles(adapter)
  const bare = (text: string) => text.replace(/"peft_version": "[^"]*"/, '"peft_version": ""')
  const config = new TextDecoder().decode(files.get('adapter_config.json'))
  yield same('adapter_config.json, saved again', bare(config), bare(golden.config))
  const saved = files.get('adapter_model.safetensors') ?? new Uint8Array()
  if (isEncoded(golden)) yield* encodedChecks(saved, golden.weights)
  else yield equal('adapter_model.safetensors, saved again: bytes', saved, golden.weights)
}

/** A file of what an encoder made. */
async function* encodedChecks(saved: Uint8Array, weights: Uint8Array): AsyncGenerator<Check> {
  const [ours, theirs] = [await openSafetensors(bytesSource(saved)), await openSafetensors(bytesSource(weights))]
  yield same('names of what is saved', ours.names.join(), theirs.names.join())
  const checks: Check[] = []
  for (const name of theirs.names) checks.push(within(name, await ours.readF32(name), await theirs.readF32(name), 1e-5))
  yield worst('what the encoder made, saved', checks)
}
