import { nearestName } from 'peft-medaware'
import { reportErrorsPlainly } from '../story.ts'

const help = `Collects what people say of a model's answers, and trains on it in rounds that can be taken back.

  npm run medquad:feedback -- <verb> [options]

  simulate   how much a round learns and forgets, on invented facts

Each verb has --help. A demonstration, and no medical advice.`

/** Verbs, each loaded when it is asked for. */
const verbs: Readonly<Record<string, () => Promise<(args: readonly string[]) => Promise<void>>>> = {
  simulate: async () => (await import('./verbs/simulate.ts')).simulate,
}

reportErrorsPlainly()
const [name = '--help', ...args] = process.argv.slice(2)
const verb = Object.hasOwn(verbs, name) ? verbs[name] : undefined
if (verb !== undefined) {
  await (
    await verb()
  )(args)
} else if (name === '--help') {
  console.log(help)
} else {
  const near = nearestName(name, Object.keys(verbs))
  console.error(`There is no verb ${name}${near === null ? '' : `; did you mean ${near}?`}\n\n${help}`)
  process.exitCode = 2
}
