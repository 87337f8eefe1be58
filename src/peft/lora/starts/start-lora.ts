import { readArgument, readOptions } from '../../../core/options.ts'
import { adaptableRule, type Adaptable, checkDevice } from '../../adaptable.ts'
import { planAdapter } from '../../adapter-plan.ts'
import type { Adapter } from '../../adapter.ts'
import { attach, type AttachOptions, attachRules } from '../../attach.ts'
import type { LoraConfig } from '../lora-config.ts'
import { lora } from '../lora.ts'
import { startFromBase } from './start-from-base.ts'

/**
 * `attachLora` for every `initLoraWeights`, also those that follow from the base's weights, which are read from the
 * device layer by layer and decomposed on the host in double precision:
 *
 * - 'pissa' (arXiv 2404.02948): A and B are the largest singular vectors of the weight.
 * - 'pissa_niter_N': the same by N rounds of torch's svd_lowrank, which is quicker and nearly as good.
 * - 'olora' (arXiv 2406.01775): A and B are the first rows and columns of its QR decomposition.
 * - 'loftq' (arXiv 2310.08659): A and B make up for what the weight loses when it is quantised (`loftqConfig`).
 *
 * The base computes without what A and B started as, or with the quantised weight, as PEFT's does, but stays as it is,
 * bit for bit: beside A and B, the adapter keeps what they started as, in f32, or that weight.
 * @throws MedAwareError as `attachLora`; `config` for a rank above a layer's sizes or a loraAlpha below 0; `numeric`
 * for weights that are not finite; `device`.
 */
export async function startLora(
  model: Adaptable,
  config: Partial<LoraConfig>,
  options: AttachOptions = {},
): Promise<Adapter<LoraConfig>> {
  const who = 'startLora'
  readArgument(who, 'model', model, adaptableRule)
  const { device, name, seed = 0, isPartialOk = false } = readOptions(who, options, attachRules)
  checkDevice(who, model, device)
  const full = lora.fields.read(config, who, model)
  const plan = planAdapter(lora, model, full, { who, isPartialOk, ...(name !== undefined && { name }) })
  const adapter = attach(plan, seed)
  try {
    await startFromBase(full, plan.name, adapter.layers, seed)
  } catch (error) {
    adapter.detach()
    throw error
  }
  return adapter
}
