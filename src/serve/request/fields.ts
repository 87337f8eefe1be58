import type { JsonObject } from '../../core/json.ts'
import { nearestName } from '../../core/nearest.ts'
import type { OptionRules, Rule } from '../../core/options.ts'
import { show } from '../../core/show.ts'
import { ApiError, checkRequest, refusal } from '../api-error.ts'

/** Fields of OpenAI's that say nothing about an answer. */
const passedOver = new Set([
  ...['user', 'metadata', 'store', 'service_tier', 'safety_identifier'],
  ...['prompt_cache_key', 'prompt_cache_retention', 'prompt_cache_options', 'parallel_tool_calls'],
])

/** A field that OpenAI knows and that cannot be done here, but for values that ask for nothing. */
export function undone(...idle: readonly unknown[]): Rule<true> {
  const same = new Set(idle.map((value) => JSON.stringify(value)))
  return {
    expects: `left out${idle.map((value) => ` or ${JSON.stringify(value)}`).join('')}: this server cannot do it`,
    read: (value) => (same.has(JSON.stringify(value)) ? true : undefined),
  }
}

/**
 * Reads the fields of a request, each by its rule; null is like one that was not given.
 * @param refused Fields that OpenAI knows and that are not done here.
 * @throws ApiError 400 for one that is not known, is out of range or is not done.
 */
export function readFields<T extends object>(
  body: JsonObject,
  rules: OptionRules<T>,
  refused: Readonly<Record<string, Rule<true>>>,
): Partial<T> {
  const read: Partial<T> = {}
  for (const [name, value] of Object.entries(body)) {
    if (passedOver.has(name)) continue
    const other = Object.hasOwn(refused, name) ? refused[name] : undefined
    if (!isKey(rules, name)) {
      if (other === undefined) throw unknownField(name, [...Object.keys(rules), ...passedOver])
      if (value !== null) readField(name, value, other)
    } else if (value !== null) read[name] = readField(name, value, rules[name])
  }
  return read
}

function isKey<T extends object>(rules: OptionRules<T>, name: string): name is keyof T & string {
  return Object.hasOwn(rules, name)
}

function readField<T>(name: string, value: unknown, rule: Rule<T>): T {
  let taken: T | undefined
  try {
    taken = rule.read(value, name)
  } catch (thrown) {
    throw refusal(name, thrown)
  }
  checkRequest(taken !== undefined, name, () => `${name} must be ${rule.expects}, got ${show(value)}`)
  return taken
}

function unknownField(name: string, known: readonly string[]): ApiError {
  const near = nearestName(name, known)
  const remedy = near === null ? '' : `; did you mean ${near}?`
  return new ApiError(400, `there is no field ${show(name)}${remedy}`, { param: name, code: 'unknown_parameter' })
}

/** What a request must have. @throws ApiError 400. */
export function needed<T>(name: string, value: T | undefined): T {
  if (value === undefined) {
    throw new ApiError(400, `${name} is needed`, { param: name, code: 'missing_required_parameter' })
  }
  return value
}
