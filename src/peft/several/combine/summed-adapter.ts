import { check } from '../../../core/errors.ts'
import { sameShape } from '../../../core/shape.ts'
import { show, showNames } from '../../../core/show.ts'
import type { Adaptable } from '../../adaptable.ts'
import { planAdapter } from '../../adapter-plan.ts'
import type { Adapter } from '../../adapter.ts'
import type { AdapterConfig } from '../../config/config-fields.ts'
import { attach } from '../../attach.ts'

/** An adapter and its weight in a sum. */
export interface Summand {
  readonly adapter: Adapter
  readonly weight: number
}

/**
 * Makes a new adapter of some of one method whose row says how their configs become one: each of its tensors is the
 * weighted sum of theirs, of those that have it. It is frozen, and not active.
 * @throws MedAwareError `unsupported` for other methods, different ones, and what is trained beside their own tensors;
 * `config` where configs or shapes do not fit, or the name is taken; `memory`.
 */
export async function summedAdapter(
  who: string,
  model: Adaptable,
  summands: readonly Summand[],
  name: string,
): Promise<Adapter> {
  const config = configOf(who, summands)
  for (const { adapter } of summands) checkOwn(who, adapter)
  const [method] = summands.map(({ adapter }) => adapter.method)
  if (method === undefined) throw new Error('no adapter')
  const made = attach(planAdapter(method, model, config, { who, name, isPartialOk: true }), null)
  try {
    made.setRequiresGrad(false)
    for (const [key, tensor] of made.namedTrainableParameters()) {
      const sum = new Float32Array(tensor.count)
      for (const { adapter, weight } of summands) {
        const part = adapter.namedTrainableParameters().get(key)
        if (part === undefined) continue
        check(sameShape(part.shape, tensor.shape), 'config', () => {
          return `${who}: ${key} scales another side of its layer in the adapter ${show(adapter.name)} than in the sum; the adapters need the same feedforwardModules`
        })
        const values = await part.read()
        for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] ?? 0) + Math.fround(weight * (values[i] ?? NaN))
      }
      tensor.write(sum)
    }
  } catch (error) {
    made.detach()
    throw error
  }
  return made
}

function configOf(who: string, summands: readonly Summand[]): AdapterConfig {
  const adapters = summands.map(({ adapter }) => adapter)
  const names = [...new Set(adapters.map(({ method }) => method.name))]
  check(names.length === 1, 'unsupported', () => {
    return `${who}: the adapters are ${showNames(names)}; only those of one method become one`
  })
  const config = adapters[0]?.method.summedConfig?.(
    who,
    adapters.map((adapter) => adapter.config),
  )
  check(config !== undefined, 'unsupported', () => {
    return `${who}: adapters of ${names[0]} are not combined, neither in PEFT; LoRA's and IA3's are`
  })
  return config
}

/** Sees that an adapter trains nothing but its method's tensors at its layers. */
function checkOwn(who: string, adapter: Adapter): void {
  const { modulesToSave } = adapter.config
  check((modulesToSave ?? []).length === 0 && !adapter.trainsBase, 'unsupported', () => {
    return `${who}: the adapter ${show(adapter.name)} trains more than ${adapter.method.name}'s own tensors; only those are combined`
  })
}
