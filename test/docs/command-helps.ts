import { vi } from 'vitest'
import { runCli } from '../../src/cli/run.ts'

/** What the program says of a command. */
export interface CommandHelp {
  /** In one line, from the list of all. */
  readonly summary: string
  /** What `--help` prints. */
  readonly text: string
}

/** Asks the program itself for the help of each of its commands. */
export async function commandHelps(): Promise<ReadonlyMap<string, CommandHelp>> {
  const listed = [...(await printedBy('--help')).matchAll(/^ {2}(?!peft-medaware)([\w-]+) {2,}(.+)$/gm)]
  const helps = new Map<string, CommandHelp>()
  for (const [, name = '', summary = ''] of listed) {
    helps.set(name, { summary, text: (await printedBy(name, '--help')).trimEnd() })
  }
  return helps
}

async function printedBy(...words: readonly string[]): Promise<string> {
  const pieces: string[] = []
  const listeners = process.stdout.listeners('error')
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((piece) => {
    pieces.push(String(piece))
    return true
  })
  try {
    await runCli(words)
  } finally {
    write.mockRestore()
    // The command is made to run once in a process, and leaves what it listens with.
    for (const each of process.stdout.listeners('error')) {
      if (!listeners.includes(each)) process.stdout.off('error', each as () => void)
    }
  }
  return pieces.join('')
}
