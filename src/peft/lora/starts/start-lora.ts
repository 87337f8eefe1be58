import { check } from '../../../core/errors.ts'
import { abortSignal, callback, type OptionRules, readArgument, readOptions } from '../../../core/options.ts'
import { show } from '../../../core/show.ts'
import { adaptableRule, type Adaptable, checkDevice } from '../../adaptable.ts'
import { planAdapter } from '../../adapter-plan.ts'
import { type Adapter, adapterSetOf } from '../../adapter.ts'
import { noteStart } from '../../as-started.ts'
import { attach, type AttachOptions, attachRules } from '../../attach.ts'
import type { LoraConfig } from '../lora-config.ts'
import { isFromData } from '../lora-features.ts'
import { lora } from '../lora.ts'
import { batchesRule, type StartBatches } from './data/batches.ts'
import type { StartProgress } from './data/long-start.ts'
import { startByCorda } from './data/start-by-corda.ts'
import { startByEva } from './data/start-by-eva.ts'
import { restStartOf } from './base-starts.ts'
import { startFromBase } from './start-from-base.ts'

/** How LoRA starts. */
export interface StartLoraOptions extends AttachOptions {
  /**
   * What 'eva' and 'corda' start from, and no other start: batches as `model.forward` takes them, with labels or
   * without.
   */
  readonly batches?: StartBatches
  /** Told before each batch for how many of all layers there is what 'eva' or 'corda' looks for. */
  readonly onProgress?: StartProgress
  /** Ends 'eva' and 'corda' with its reason, and the model is as before. */
  readonly signal?: AbortSignal
}

const startRules: OptionRules<StartLoraOptions> = {
  ...attachRules,
  batches: batchesRule,
  onProgress: callback(),
  signal: abortSignal,
}

/**
 * `attachLora` for every `initLoraWeights`, also those that follow from the base's weights, which are read from the
 * device layer by layer and decomposed on the host in double precision:
 *
 * - 'pissa' (arXiv 2404.02948): A and B are the largest singular vectors of the weight.
 * - 'pissa_niter_N': the same by N rounds of torch's svd_lowrank, which is quicker and nearly as good.
 * - 'olora' (arXiv 2406.01775): A and B are the first rows and columns of its QR decomposition.
 * - 'eva' (arXiv 2410.07170): A is the main directions of what the layer gets in `batches`, and ranks go to where they
 *   explain most (`evaConfig`); PEFT's initialize_lora_eva_weights.
 * - 'corda' (arXiv 2406.05223): A and B are singular vectors of the weight times the covariance of what the layer gets
 *   in `batches`, by `cordaConfig`; PEFT's preprocess_corda. Their padding counts for nothing, and labels do not
 *   matter.
 * - 'loftq' (arXiv 2310.08659): A and B make up for what the weight loses when it is quantised (`loftqConfig`).
 *
 * The base computes without what A and B started as, or with the quantised weight, as PEFT's does, but stays as it is,
 * bit for bit: beside A and B, the adapter keeps what they started as, in f32, or that weight.
 * @throws MedAwareError as `attachLora`; `config` for a rank above a layer's sizes or a loraAlpha below 0, and for
 * batches that are missing, not wanted, empty or too small; `numeric` for weights that are not finite; `device`; what
 * `signal` is aborted with.
 */
export async function startLora(
  model: Adaptable,
  config: Partial<LoraConfig>,
  options: StartLoraOptions = {},
): Promise<Adapter<LoraConfig>> {
  const who = 'startLora'
  readArgument(who, 'model', model, adaptableRule)
  const { device, name, seed = 0, isPartialOk = false, onWarning, ...data } = readOptions(who, options, startRules)
  checkDevice(who, model, device)
  const full = lora.fields.read(config, who, model)
  const told = { who, isPartialOk, ...(name !== undefined && { name }) }
  const plan = planAdapter(lora, model, full, { ...told, onWarning })
  const { batches, ...long } = data
  const init = full.initLoraWeights
  if (isFromData(init)) {
    check(batches !== undefined, 'config', () => {
      return `${who}: initLoraWeights ${show(init)} follows from data; give batches, such as { batches: [{ inputIds, shape, labels }] }`
    })
    if (init === 'eva') return noteStart(await startByEva(plan, seed, batches, { who, ...long }))
    adapterSetOf(model)?.checkUnmerged(who)
  } else {
    check(batches === undefined, 'config', () => {
      return `${who}: initLoraWeights ${show(init)} does not follow from data; leave batches out`
    })
  }
  const adapter = attach(plan, seed)
  try {
    if (batches !== undefined) await startByCorda(adapter, batches, { who, ...long })
    else await startFromBase(full, plan.name, adapter.layers, seed)
    return restStartOf(init) === null ? adapter : await noteStart(adapter)
  } catch (error) {
    adapter.detach()
    throw error
  }
}
