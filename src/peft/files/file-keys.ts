import { check } from '../../core/errors.ts'
import { sameShape, showShape } from '../../core/shape.ts'
import { shorten, show } from '../../core/show.ts'
import type { TensorReader } from '../../safetensors/reader.ts'
import { type AdapterPlan, parameterNames } from '../adapter-plan.ts'
import { defaultName, keyPrefix } from '../layers/adapted-layer.ts'

/**
 * An adapter's keys in a file. They may have the adapter's name or `default` in them, as in a state_dict that PEFT did
 * not save itself, and biases of adapted layers lack `base_layer`, as PEFT before 0.7 saved them.
 * @param odd What is odd about the config, which may be why the file does not fit; '' for nothing.
 * @throws MedAwareError `format` where keys are missing or unexpected or shapes differ, with what may have led to it.
 */
export function keysIn(who: string, reader: TensorReader, plan: AdapterPlan, odd = ''): ReadonlyMap<string, string> {
  const wanted = plan.savedShapes
  const live = [plan.parameterNames, parameterNames(plan.places, defaultName)]
  const biases = new Map(plan.trained.map(([key]) => [key, key.replace('.base_layer.', '.')]))
  const placeOf = (key: string): string => {
    const others = [...live, biases].flatMap((names) => names.get(key) ?? [])
    return [key, ...others].find((named) => reader.has(named)) ?? key
  }
  const keys = new Map([...wanted.keys()].map((key) => [key, placeOf(key)]))
  const used = new Set(keys.values())
  const missing = [...keys].filter(([, at]) => !reader.has(at)).map(([key]) => key)
  const unexpected = reader.names.filter((name) => !used.has(name) && !plan.repeats.has(name))
  const shapes = [...wanted, ...plan.repeats].flatMap(([key, shape]) => {
    const at = placeOf(key)
    const there = reader.has(at) ? reader.info(at).shape : shape
    return sameShape(there, shape) ? [] : [`${key} ${showShape(there)} where the model needs ${showShape(shape)}`]
  })
  check(missing.length + unexpected.length + shapes.length === 0, 'format', () => {
    const problems = [
      ...[listed('missing', missing), listed('unexpected', unexpected), listed('of another shape', shapes)],
      ...[whyMissing(plan, missing, unexpected), odd],
    ]
    return `${who}: the file does not fit the adapter, whose tensors are ${wanted.size}: ${problems.filter(Boolean).join('; ')}`
  })
  return keys
}

/** What keys that are missing say of those that are there instead, and what to do about it; '' for nothing. */
function whyMissing(plan: AdapterPlan, missing: readonly string[], unexpected: readonly string[]): string {
  const [key] = missing
  if (key === undefined) return ''
  const trained = new Set(plan.trained.map(([name]) => name))
  if (missing.length === trained.size && missing.every((name) => trained.has(name)) && unexpected.length === 0) {
    return (
      'PEFT from 0.7 to 0.20 trains biases and does not save them, so they are lost; to compute without them, as PEFT ' +
      'does, write "bias": "none" in adapter_config.json'
    )
  }
  const name = nameInKeys(plan, key, unexpected)
  if (name !== null) return `its keys have the name ${show(name)} in them; open it under that name`
  const tail = key.slice(keyPrefix.length)
  const other = unexpected.find((there) => there.endsWith(tail))
  if (other === undefined) return ''
  const prefix = other.slice(0, -tail.length)
  return `its keys begin with ${show(prefix)} where PEFT's begin with "${keyPrefix}"; save it with PEFT's save_pretrained`
}

/** The adapter's name that a live model's keys have where `key` has none. */
function nameInKeys({ places }: AdapterPlan, key: string, keys: readonly string[]): string | null {
  const [before, after] = parameterNames(places, '\0').get(key)?.split('\0') ?? []
  if (before === undefined || after === undefined) return null
  const found = keys.find((there) => there.startsWith(before) && there.endsWith(after))
  const name = found?.slice(before.length, found.length - after.length) ?? ''
  return name === '' || name.includes('.') ? null : name
}

/** `missing 7: a, b, c, d, e and 2 more` */
function listed(what: string, items: readonly string[]): string {
  if (items.length === 0) return ''
  const shown = items.slice(0, 5).map((item) => shorten(item, 240))
  const rest = items.length - shown.length
  return `${what} ${items.length}: ${shown.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`
}
