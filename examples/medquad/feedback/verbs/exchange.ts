import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { MedAwareError, writeFolder } from 'peft-medaware'
import { readFlags, text } from '../../flags.ts'
import { openStore, storeFlag, storeHelp } from '../session.ts'
import { exportLines, importLines } from '../store/feedback-lines.ts'

const exportHelp = `Writes all feedback as JSONL: questions, answers, corrections and preferences, a line each.

  npm run medquad:feedback -- export [options]

${storeHelp}
  --file FILE     where to                             (standard output)
  --help

What people typed is in it as they typed it.`

const importHelp = `Takes in what export wrote, all or nothing. What is here already stays as it is.

  npm run medquad:feedback -- import --file FILE [options]

${storeHelp}
  --file FILE     the JSONL
  --help`

/** Writes feedback as JSONL. */
export async function exportFeedback(args: readonly string[]): Promise<void> {
  const flags = readFlags(args, { ...storeFlag, file: text(undefined) }, exportHelp)
  const store = await openStore(flags)
  const lines = exportLines(store.database)
  store.close()
  const whole = lines.map((line) => `${line}\n`).join('')
  if (flags.file === undefined) process.stdout.write(whole)
  else {
    await writeFolder(dirname(flags.file), new Map([[basename(flags.file), whole]]))
    console.log(`${lines.length} lines in ${flags.file}`)
  }
}

/** Takes JSONL in. */
export async function importFeedback(args: readonly string[]): Promise<void> {
  const flags = readFlags(args, { ...storeFlag, file: text(undefined) }, importHelp)
  if (flags.file === undefined || !existsSync(flags.file)) {
    throw new MedAwareError('not-found', `import: --file must be a file that export wrote, got ${flags.file ?? 'none'}`)
  }
  const lines = (await readFile(flags.file, 'utf8')).split('\n')
  const store = await openStore(flags)
  const added = importLines(store.database, lines)
  store.close()
  console.log(`${added} rows added`)
}
