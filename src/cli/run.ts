import { MedAwareError } from '../core/errors.ts'
import { version } from '../core/version.ts'
import { ProgressLine } from '../trainer/progress/progress-line.ts'
import { askYesNo, isAttended } from './ask.ts'
import { type CommandContext, remedyFor, UsageError } from './command.ts'
import { commands } from './commands.ts'
import { demoCommand } from './demo/demo.ts'
import { welcome } from './welcome/welcome.ts'

const help = `Looks at, quantises, fine-tunes, merges and runs language models: QLoRA in JavaScript.

  peft-medaware <command> [options]

${Object.entries(commands)
  .map(([name, { summary }]) => `  ${name.padEnd(15)}${summary}`)
  .join('\n')}

  peft-medaware <command> --help    what a command takes
  peft-medaware --version

A SOURCE is a folder in Hugging Face's format, a model on its Hub as owner/name or owner/name@revision, or a GGUF file
in either: folder/model.gguf, owner/name/model.gguf.
Exit codes: 0 done, 1 failed, 2 asked wrongly, 130 stopped by Ctrl-C, 143 by SIGTERM.`

/** What a shell says of a program that a signal ended: 128 and the signal's number. */
const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const

/**
 * Runs the command line: results go to stdout, all else to stderr. The first Ctrl-C or SIGTERM ends what goes on, which
 * leaves no half files; the second leaves at once.
 * @param args Without the program's name.
 * @returns The exit code: 0, 1 for a failure, 2 for a wrong use, 130 after Ctrl-C, 143 after SIGTERM.
 */
export async function runCli(args: readonly string[]): Promise<number> {
  const stop = new AbortController()
  let stopped = 0
  let handle: (() => boolean) | null = null
  const onInterrupt = (handler: () => boolean) => {
    handle = handler
    return () => {
      handle = null
    }
  }
  const onSignal = (signal: keyof typeof exitCodes) => {
    if (signal === 'SIGINT' && handle?.() === true) return
    if (stop.signal.aborted) process.exit(exitCodes[signal])
    stopped = exitCodes[signal]
    stop.abort()
  }
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
  // Who reads the output may have seen enough.
  process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => process.exit(code === 'EPIPE' ? 0 : 1))
  const progress = new ProgressLine(process.stderr, { memoryBytes: () => process.memoryUsage.rss() })
  const [name = ''] = args
  try {
    await runCommand(name, args.slice(1), { signal: stop.signal, onInterrupt, progress, print })
    return 0
  } catch (error) {
    progress.clear()
    if (stop.signal.aborted) {
      process.stderr.write('stopped\n')
      return stopped
    }
    if (error instanceof UsageError) {
      const more = `peft-medaware ${Object.hasOwn(commands, name) ? `${name} ` : ''}--help`
      process.stderr.write(`error: ${error.message}\nTry: ${more}\n`)
      return 2
    }
    const known = error instanceof MedAwareError
    process.stderr.write(
      `error: ${known || !(error instanceof Error) ? String(known ? error.message : error) : error.stack}\n`,
    )
    return 1
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
  }
}

async function runCommand(name: string, args: readonly string[], context: CommandContext): Promise<void> {
  if (name === '') return greet(context)
  if (name === '--help' || name === '-h') {
    print(`${help}\n`)
    return
  }
  if (name === '--version') {
    print(`${version}\n`)
    return
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (command === undefined) {
    throw new UsageError(`there is no command "${name}"${remedyFor(name, Object.keys(commands))}`)
  }
  if (args.includes('--help') || args.includes('-h')) {
    print(`${command.help}\n`)
    return
  }
  return command.run(args, context)
}

/** Says what there is, and shows it to who wants to see it. */
async function greet(context: CommandContext): Promise<void> {
  print(`${await welcome()}\n\n`)
  if (!isAttended()) print('npx peft-medaware demo    shows it in ten seconds, and needs no file\n')
  else if (await askYesNo('Run the ten-second demonstration now?', true, context.signal)) {
    await demoCommand.run([], context)
  }
}

function print(text: string): void {
  process.stdout.write(text)
}
