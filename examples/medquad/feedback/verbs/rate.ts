import { MedAwareError } from 'peft-medaware'
import { readFlags, text, there, whole } from '../../flags.ts'
import { openStore, storeFlag, storeHelp } from '../session.ts'

const help = `Lists answers, or says what you think of one.

  npm run medquad:feedback -- rate [options]

${storeHelp}
  --answer N      the answer; without it the newest are listed
  --good, --bad   what it is
  --correct TEXT  what should have been answered
  --better-than N the answer to the same question that it is better than
  --delete        really deletes its question and all that was said of it
  --help`

/** Takes ratings, corrections and preferences from the command line. */
export async function rate(args: readonly string[]): Promise<void> {
  const flags = readFlags(
    args,
    {
      ...storeFlag,
      ...{ answer: whole(undefined), good: there, bad: there, correct: text(undefined), delete: there },
      'better-than': whole(undefined),
    },
    help,
  )
  if (flags.good && flags.bad) throw new MedAwareError('config', 'rate: an answer is good or bad, not both')
  const store = await openStore(flags)
  const { answer, correct, 'better-than': worse } = flags
  if (answer === undefined) {
    for (const { id, question, text: said, rating } of store.answers()) {
      const word = rating === 1 ? 'good' : rating === -1 ? 'bad' : '-'
      console.log(`${id}\t${word}\t${question}\n\t\t${said.replaceAll('\n', ' ')}`)
    }
  } else if (flags.delete) store.delete(store.answer(answer).questionId)
  else {
    const { good, bad } = flags
    if (!good && !bad && correct === undefined && worse === undefined) {
      throw new MedAwareError(
        'config',
        'rate: say what the answer is: --good, --bad, --correct TEXT or --better-than N',
      )
    }
    if (good || bad) store.rate(answer, good ? 1 : -1)
    if (correct !== undefined) store.correct(answer, correct)
    if (worse !== undefined) store.prefer(answer, worse)
  }
  store.close()
}
