import { cachedModelName } from '../../core/cached-model.ts'
import { show } from '../../core/show.ts'
import type { Adaptable } from '../adaptable.ts'
import type { AdapterConfig } from '../config/config-fields.ts'

/**
 * Says that an adapter names another base than the model it is put on; '' where it does not, or where one of them has
 * no name. Only last names count: the same model may lie in a folder or under another owner. It proves no mistake, so
 * nothing is refused for it.
 */
export function otherBase({ baseModelNameOrPath, revision }: AdapterConfig, model: Adaptable): string {
  const there = model.nameOrPath ?? ''
  if (baseModelNameOrPath === null || there === '') return ''
  const [wanted, given] = [baseModelNameOrPath, there].map(lastName)
  if (wanted !== given) {
    return `the adapter was made for ${show(baseModelNameOrPath)}, and this model is ${show(there)}; see that they are the same`
  }
  const known = model.revision ?? null
  if (revision === null || known === null || revision === known) return ''
  return `the adapter was made for revision ${show(revision)} of its base, and this model is of ${show(known)}; see that they are the same`
}

/** `base` of owner/base, of a path that ends with it, and of the Hub's cache: …/models--owner--base/snapshots/1a2b. */
function lastName(nameOrPath: string): string {
  const parts = nameOrPath.toLowerCase().split(/[\\/]+/)
  const [cached] = parts.flatMap((part, i) => (parts[i + 1] === 'snapshots' ? (cachedModelName(part) ?? []) : []))
  return (cached?.split('/') ?? parts).filter((part) => part !== '').at(-1) ?? ''
}
