import { check } from '../core/errors.ts'
import { type OptionRules, readArgument, readOptions } from '../core/options.ts'
import { sameShape, showShape } from '../core/shape.ts'
import { storedWeight } from '../formats/formats.ts'
import type { Adapter } from '../peft/adapter.ts'
import { adapterRule } from '../peft/files/adapter-files.ts'
import {
  quantisedLayers,
  replaceLoftq,
  type ReplacedLoftq,
  type ReplaceLoftqOptions,
  replaceLoftqRules,
} from '../peft/lora/starts/replace-loftq.ts'
import { folderOptions, type HubFolderOptions, hubFolderRules } from './huggingface/hub-folder-options.ts'
import { openCheckpoint } from './load/load-model.ts'
import { openFolder, type Source } from './sources/open-folder.ts'

/** How factors are replaced, and where from. */
export interface ReplaceLoraWeightsLoftqOptions extends ReplaceLoftqOptions, HubFolderOptions {}

const rules: OptionRules<ReplaceLoraWeightsLoftqOptions> = { ...hubFolderRules, ...replaceLoftqRules }

/**
 * Gives a LoRA adapter over a quantised base the factors that make up for what its weights lost when they were
 * quantised: A and B of the largest singular vectors of W − Q. Layers over weights in full stay as they are. The best
 * start for QLoRA: before training, for what training made of the factors is lost. PEFT's replace_lora_weights_loftq
 * (peft/utils/loftq_utils.py), which forgets the scaling; here Q + scaling · B A is near W by any loraAlpha.
 * @param source Of the model before it was quantised, in f32, f16 or bf16: a directory, `owner/name`, an address, files
 * or a `Folder`, of which one weight at a time is read.
 * @throws MedAwareError `unsupported` where no layer is quantised, or the adapter started from the base's weights, or
 * the source is quantised too; `format` where it lacks a weight, or has another shape; `config`, `numeric`,
 * `not-found`, `network`, `memory`; the signal's reason, or what the callback throws. The adapter is then as before.
 */
export async function replaceLoraWeightsLoftq(
  adapter: Adapter,
  source: Source,
  options: ReplaceLoraWeightsLoftqOptions = {},
): Promise<ReplacedLoftq> {
  const who = 'replaceLoraWeightsLoftq'
  readArgument(who, 'adapter', adapter, adapterRule)
  const given = readOptions(who, options, rules)
  adapter.checkUnmerged(who)
  quantisedLayers(who, adapter)
  const folder = await openFolder(source, folderOptions(given))
  const checkpoint = await openCheckpoint(folder)
  try {
    return await replaceLoftq(
      who,
      adapter,
      async (path, shape) => {
        const name = `${path}.weight`
        check(checkpoint.has(name), 'format', () => `${who}: ${folder.name} has no ${name}; it is of another model`)
        const stored = storedWeight(checkpoint, name)
        check(stored === null || stored.readsAsNumbers === true, 'unsupported', () => {
          return `${who}: ${folder.name} has ${name} quantised; give the model as it was before`
        })
        const { shape: its } = checkpoint.info(name)
        check(sameShape(its, shape), 'format', () => {
          return `${who}: ${name} of ${folder.name} is ${showShape(its)}, the model's ${showShape(shape)}`
        })
        return checkpoint.readF32(name)
      },
      given,
    )
  } finally {
    await checkpoint.close()
  }
}
