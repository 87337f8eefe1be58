import { check } from '../../core/errors.ts'
import { listOf, readArgument } from '../../core/options.ts'
import { show } from '../../core/show.ts'
import { type Contender, contenderRule } from './contender.ts'

/** @throws MedAwareError `config` for fewer than two, and two of one name. */
export function readContenders(who: string, contenders: readonly Contender[]): readonly Contender[] {
  const read = readArgument(who, 'contenders', contenders, listOf(contenderRule, 2))
  checkNames(
    who,
    read.map(({ name }) => name),
  )
  return read
}

/** @throws MedAwareError `config` for two of one name. */
export function checkNames(who: string, names: readonly string[]): void {
  const twice = names.find((name, i) => names.indexOf(name) < i)
  check(twice === undefined, 'config', () => `${who}: two contenders are called ${show(twice)}; give each its own name`)
}
