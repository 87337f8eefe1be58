import { readFlags, whole } from '../../flags.ts'
import { describeLog, describeVersions } from '../describe-versions.ts'
import { openStore, storeFlag, storeHelp } from '../session.ts'

const helpOf = (verb: string, what: string, more = '') => `${what}

  npm run medquad:feedback -- ${verb} [options]

${storeHelp}
${more}  --help`

/** Lists the versions. */
export async function versions(args: readonly string[]): Promise<void> {
  const flags = readFlags(args, storeFlag, helpOf('versions', 'Lists the versions; * marks the one that answers.'))
  const store = await openStore(flags)
  console.log(describeVersions(store))
  store.close()
}

/** Makes an earlier version the active one. */
export async function rollback(args: readonly string[]): Promise<void> {
  const what = `Lets an earlier version answer. What later ones learnt counts as not learnt, and trains in the next round.`
  const more = `  --to N          the version                          (the one that the active came from)\n`
  const flags = readFlags(args, { ...storeFlag, to: whole(undefined) }, helpOf('rollback', what, more))
  const store = await openStore(flags)
  const { id } = store.versions.rollBack(flags.to)
  console.log(`version ${id} answers from now on`)
  store.close()
}

/** Says what was learnt, when. */
export async function log(args: readonly string[]): Promise<void> {
  const what = 'Says what each version learnt, what the gate saw, and which version answered from when.'
  const flags = readFlags(args, storeFlag, helpOf('log', what))
  const store = await openStore(flags)
  console.log(describeLog(store))
  store.close()
}
