import { check } from '../../core/errors.ts'
import { callback, listOf, type OptionRules, readArgument, readOptions, text } from '../../core/options.ts'
import { sameShape, showShape } from '../../core/shape.ts'
import { show } from '../../core/show.ts'
import type { TensorReader } from '../../safetensors/reader.ts'
import type { Adapter } from '../adapter.ts'
import { planAdapter } from '../adapter-plan.ts'
import { checkKnown, parseAdapterConfig } from '../config/adapter-config.ts'
import { adapterRule, type LoadAdapterOptions } from './adapter-files.ts'
import { keysIn } from './file-keys.ts'
import { otherBase } from './other-base.ts'
import { differingRepeats } from './repeated-tensors.ts'

/** How weights are swapped. */
export type HotswapOptions = Pick<LoadAdapterOptions, 'ignoreFields' | 'onWarning'>

/** The rules of `HotswapOptions`. */
export const hotswapRules: OptionRules<HotswapOptions> = { ignoreFields: listOf(text), onWarning: callback() }

/**
 * Puts the weights of another adapter's files into a live one, without a new allocation on its device: PEFT's
 * hotswap_adapter (utils/hotswap.py). Both must be of one method and adapt the same layers by tensors of the same
 * shapes; scaling, dropout and the like may differ. What a start took out of the base (PiSSA, OLoRA, LoftQ) is freed
 * and made anew from the base's weights. On failure the adapter is as before.
 * @param configJson The adapter_config.json, as text or parsed.
 * @throws MedAwareError as `loadAdapter`; `config` for an adapter that is off its model or merged, of another method or
 * other places and shapes, with the first of them.
 */
export async function hotswap(
  adapter: Adapter,
  configJson: unknown,
  reader: TensorReader,
  options: HotswapOptions = {},
): Promise<void> {
  const who = 'hotswapAdapter'
  readArgument(who, 'adapter', adapter, adapterRule)
  const { ignoreFields = [], onWarning } = readOptions(who, options, hotswapRules)
  adapter.checkUnmerged(who)
  const { model, name } = adapter
  const parsed = parseAdapterConfig(configJson, model)
  checkKnown(parsed, ignoreFields, onWarning)
  check(parsed.method === adapter.method, 'config', () => {
    return `${who}: the file is ${parsed.method.name}, the adapter ${show(name)} ${adapter.method.name}; open it as another adapter`
  })
  const odd = otherBase(parsed.config, model)
  if (odd !== '') onWarning?.(`${who}: ${odd}`)
  const plan = planAdapter(parsed.method, model, parsed.config, {
    who,
    name,
    isPartialOk: true,
    savedKeys: reader.names,
    inPlace: true,
    onWarning,
  })
  const own = adapter.namedTensors()
  const keys = new Set([...own.keys(), ...plan.savedShapes.keys()])
  for (const key of keys) {
    const [there, wanted] = [own.get(key)?.shape, plan.savedShapes.get(key)]
    check(there !== undefined && wanted !== undefined && sameShape(there, wanted), 'config', () => {
      const words = [there, wanted].map((shape) => (shape === undefined ? 'none' : showShape(shape)))
      return `${who}: ${key} is ${words[0]} in the adapter and ${words[1]} in the file; open it as another adapter`
    })
  }
  const values = new Map<string, Float32Array>()
  for (const [key, at] of keysIn(who, reader, plan, odd)) values.set(key, await reader.readF32(at))
  adapter.checkUnmerged(who)
  for (const [key, tensor] of own) tensor.write(values.get(key) ?? new Float32Array(0))
  adapter.swap(plan.config, plan.places)
  if (onWarning !== undefined) {
    const repeated = await differingRepeats(adapter, plan, reader)
    if (repeated !== '') onWarning(`${who}: ${repeated}`)
  }
  await plan.method.fromBase?.start(plan.config, name, adapter.layers, null)
}
