import { pushToHub } from '../hub/push-to-hub.ts'
import { planPush } from '../hub/plan-push.ts'
import { showBytes } from '../io/plan/memory-advice.ts'
import { duration } from '../trainer/progress/duration.ts'
import { askYesNo } from './ask.ts'
import { type Command, namesOf, parseWords, UsageError } from './command.ts'

const help = `Pushes an adapter or a model to the Hugging Face Hub, all files in one commit. Needs the package @huggingface/hub
(npm install @huggingface/hub) and a token that may write, in HF_TOKEN or the token file.

  peft-medaware push DIR OWNER/NAME [options]

  --public              everybody may see it; asks first, or needs --yes      (private)
  --yes                 ask nothing
  --dry-run             list the files, and send nothing
  --message TEXT        the first line of the commit                          (Push with peft-medaware)
  --revision NAME       the branch, made where there is none                  (main)
  --create-pr           as a pull request
  --include A,B         files that are not pushed by themselves, by name
  --exclude A,B         files to leave
  --help

Of an adapter its two files, README.md, report.html, figures such as summary.json, a tokenizer and a licence are pushed;
of a model config and weights in their place. Checkpoints, optimizer states, logs, data and all else stay here unless
--include names them: held-out.json and answers.json of the recipe have texts of the data. report.html shows the
questions that were asked as samples.`

const verbs = { hash: 'hashing', upload: 'uploading', commit: 'committing' } as const

/** `peft-medaware push`. */
export const pushCommand: Command = {
  summary: 'push an adapter or a model to the Hugging Face Hub',
  help,
  async run(args, { signal, progress, print }) {
    const { values, words } = parseWords(args, ['DIR', 'OWNER/NAME'], {
      public: { type: 'boolean', default: false },
      yes: { type: 'boolean', default: false },
      'dry-run': { type: 'boolean', default: false },
      message: { type: 'string' },
      revision: { type: 'string' },
      'create-pr': { type: 'boolean', default: false },
      include: { type: 'string' },
      exclude: { type: 'string' },
    })
    const { DIR: folder, 'OWNER/NAME': name } = words
    const chosen = { include: namesOf(values.include), exclude: namesOf(values.exclude) }
    const told = new Set<string>()
    const onWarning = (message: string) => {
      if (!told.has(message)) progress.warn(message)
      told.add(message)
    }
    const plan = await planPush(folder, { ...chosen, onWarning })
    const who = values.public ? 'public: everybody may see it' : 'private'
    print(`${folder}, ${plan.kind === 'adapter' ? 'an adapter' : 'a model'}, to ${name} (${who})\n`)
    for (const file of plan.files) print(`  ${file.name.padEnd(36)} ${showBytes(file.byteLength).padStart(10)}\n`)
    print(`  ${'together'.padEnd(36)} ${showBytes(plan.bytes).padStart(10)}\n`)
    if (plan.leftOut.length > 0) print(`stays here: ${plan.leftOut.join(', ')}\n`)
    if (values['dry-run']) return
    if (values.public && !values.yes) await askFirst(name, signal)
    const result = await pushToHub(folder, name, {
      ...{ ...chosen, public: values.public, createPr: values['create-pr'], signal },
      ...(values.message !== undefined && { message: values.message }),
      ...(values.revision !== undefined && { revision: values.revision }),
      onWarning,
      onProgress: ({ phase, file, done, total, bytesPerSecond, secondsLeft }) => {
        progress.status(phase, () => {
          const left = secondsLeft === null ? '' : `  ${duration(secondsLeft)} left`
          const rate = `${showBytes(Math.round(bytesPerSecond))}/s`
          return `${verbs[phase]} ${file}  ${showBytes(done)} of ${showBytes(total)}  ${rate}${left}`
        })
      },
    })
    progress.clear()
    const where = result.pullRequestUrl ?? result.url
    print(`${where}: commit ${result.commit}, ${result.isPrivate ? 'private' : 'public'}\n`)
  },
}

/** @throws UsageError without a yes. */
async function askFirst(name: string, signal: AbortSignal): Promise<void> {
  if (!process.stdin.isTTY) throw new UsageError('--public shows these files to everybody; add --yes if that is meant')
  const isMeant = await askYesNo(`Show these files to everybody, as ${name}?`, false, signal)
  if (!isMeant) throw new UsageError('nothing was pushed')
}
