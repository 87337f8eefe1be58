import { createInterface, type Interface } from 'node:readline/promises'
import { ProgressLine } from 'peft-medaware'
import { number, readFlags, text, whole } from '../../flags.ts'
import { modelFlags, modelHelp, Session } from '../session.ts'
import type { AskedAnswer } from '../store/feedback-store.ts'

const help = `Asks a question, shows the answer, and takes what you say of it.

  npm run medquad:feedback -- ask [options]

${modelHelp}
  --question TEXT ask this alone, and say nothing of it
  --tokens N      the longest answer                   (200)
  --temperature X 0 answers greedily                   (0.7)
  --seed N        of the first answer                  (0)
  --help

After an answer: g good, b bad, c correct it, a another answer, Enter the next question. Ctrl-C stops an answer; an
empty question or Ctrl-D ends. All stays on this machine. A demonstration, and no medical advice.`

/** Asks in the terminal. */
export async function ask(args: readonly string[]): Promise<void> {
  const flags = readFlags(
    args,
    {
      ...modelFlags,
      ...{
        question: text(undefined),
        tokens: whole(200),
        temperature: number(0.7, { from0: true }),
        seed: whole(0, 0),
      },
    },
    help,
  )
  const session = await Session.open(flags, new ProgressLine(process.stderr))
  let answering: AbortController | null = null
  const answer = async (question: string, seed: number): Promise<AskedAnswer | null> => {
    answering = new AbortController()
    const pieces = session.ask(question, { ...flags, seed, signal: answering.signal })
    try {
      for (;;) {
        const next = await pieces.next()
        if (next.done === true) {
          process.stdout.write(`\n[answer ${next.value.id}, version ${next.value.version}, seed ${seed}]\n`)
          return next.value
        }
        process.stdout.write(next.value)
      }
    } catch (error) {
      if (!answering.signal.aborted) throw error
      process.stdout.write('\n[broken off, and not kept]\n')
      return null
    } finally {
      answering = null
    }
  }
  if (flags.question !== undefined) {
    await answer(flags.question, flags.seed)
    session.close()
    return
  }
  console.log(
    'A demonstration of a very small language model. It makes things up: nothing it says is medical advice.\n',
  )
  const terminal = createInterface({ input: process.stdin, output: process.stdout })
  terminal.on('SIGINT', () => (answering === null ? terminal.close() : answering.abort()))
  const lines = linesOf(terminal)
  for (;;) {
    const question = await lines('? ')
    if (question === null || question === '') break
    await askAbout(question, flags.seed, { session, answer, lines })
  }
  terminal.close()
  session.close()
}

interface Talk {
  readonly session: Session
  readonly answer: (question: string, seed: number) => Promise<AskedAnswer | null>
  readonly lines: (prompt: string) => Promise<string | null>
}

/** One question, its answers, and what is said of them. */
async function askAbout(question: string, seed: number, { session: { store }, answer, lines }: Talk): Promise<void> {
  let shown = await answer(question, seed)
  for (let next = seed + 1; shown !== null;) {
    const said = await lines('[g]ood [b]ad [c]orrect [a]nother, Enter: next > ')
    if (said === null || said === '') return
    if (said === 'g' || said === 'b') store.rate(shown.id, said === 'g' ? 1 : -1)
    else if (said === 'c') {
      const corrected = await lines('what should have been answered > ')
      if (corrected !== null && corrected !== '') store.correct(shown.id, corrected)
    } else if (said === 'a') {
      const other = await answer(question, next++)
      if (other === null) continue
      const better = await lines('which is better? 1 the first, 2 the second, Enter: neither > ')
      if (better === '1') store.prefer(shown.id, other.id)
      if (better === '2') store.prefer(other.id, shown.id)
      if (better !== '1') shown = other
    } else console.log(`There is no ${said}.`)
  }
}

/** Asks for a line, again and again; null at the end. */
function linesOf(terminal: Interface): Talk['lines'] {
  const iterator = terminal[Symbol.asyncIterator]()
  return async (prompt) => {
    process.stdout.write(prompt)
    const next = await iterator.next()
    return next.done === true ? null : next.value.trim()
  }
}
