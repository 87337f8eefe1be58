import { createInterface } from 'node:readline/promises'

/** Where a question is put, and answered. */
interface Terminal {
  readonly input: NodeJS.ReadableStream
  readonly output: NodeJS.WritableStream
}

/** Whether somebody sits at a terminal, sees what is written and can be asked. */
export function isAttended(): boolean {
  return process.stdin.isTTY && process.stdout.isTTY
}

/**
 * Asks a question that is answered with yes or no; the end of the input is a no.
 * @param usual What Enter alone means. @param terminal Default stdin and stderr. @throws The signal's AbortError.
 */
export async function askYesNo(
  question: string,
  usual: boolean,
  signal: AbortSignal,
  terminal: Terminal = { input: process.stdin, output: process.stderr },
): Promise<boolean> {
  const lines = createInterface(terminal)
  // On a terminal readline hears Ctrl-C itself, and keeps it.
  lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'))
  let isOver = false
  const ended = new Promise<null>((resolve) => {
    lines.once('close', () => {
      isOver = true
      resolve(null)
    })
  })
  try {
    while (!isOver) {
      const asked = lines.question(`${question} ${usual ? '[Y/n]' : '[y/N]'} `, { signal })
      const said = (await Promise.race([asked, ended]))?.trim()
      if (said === undefined || /^no?$/i.test(said)) return false
      if (said === '') return usual
      if (/^y(es)?$/i.test(said)) return true
    }
    return false
  } finally {
    lines.close()
  }
}
