/** Collects feedback and trains on it: `npm run medquad:feedback`. */
import { nearestName } from 'peft-medaware'
import { reportErrorsPlainly } from '../story.ts'

const help = `Collects what people say of a model's answers, and trains on it in rounds that can be taken back.

  npm run medquad:feedback -- <verb> [options]

  ask        ask in the terminal, and say what the answer is
  serve      the same in a page, on this machine alone
  rate       list answers; rate, correct, prefer or delete one
  round      learn what was said; keep the result where a regression set allows it
  versions   what was made
  rollback   let an earlier version answer
  log        what was learnt, and what the gate saw
  export     all feedback as JSONL
  import     take it in
  simulate   how much a round learns and forgets, on invented facts

Each verb has --help. A demonstration, and no medical advice.`

type Verb = (args: readonly string[]) => Promise<void>

/** Verbs, each loaded when it is asked for. */
const verbs: Readonly<Record<string, () => Promise<Verb>>> = {
  ask: async () => (await import('./verbs/ask.ts')).ask,
  serve: async () => (await import('./verbs/serve.ts')).serve,
  rate: async () => (await import('./verbs/rate.ts')).rate,
  round: async () => (await import('./verbs/round.ts')).round,
  versions: async () => (await import('./verbs/versions.ts')).versions,
  rollback: async () => (await import('./verbs/versions.ts')).rollback,
  log: async () => (await import('./verbs/versions.ts')).log,
  export: async () => (await import('./verbs/exchange.ts')).exportFeedback,
  import: async () => (await import('./verbs/exchange.ts')).importFeedback,
  simulate: async () => (await import('./verbs/simulate.ts')).simulate,
}

reportErrorsPlainly()
const [name = '--help', ...args] = process.argv.slice(2)
const verb = Object.hasOwn(verbs, name) ? verbs[name] : undefined
if (verb !== undefined) {
  const run = await verb()
  await run(args)
} else if (name === '--help') {
  console.log(help)
} else {
  const near = nearestName(name, Object.keys(verbs))
  console.error(`There is no verb ${name}${near === null ? '' : `; did you mean ${near}?`}\n\n${help}`)
  process.exitCode = 2
}
