import { type Ended, type ProgramOptions, runProgram } from '../../programs/run-program.ts'

/** Runs a script of the recipe; what `watch` sends is sent once, however often it asks. */
export function start(script: string, args: readonly string[], options: ProgramOptions = {}): Promise<Ended> {
  const { watch, ...others } = options
  let isSent = false
  return runProgram(`examples/medquad/${script}`, args, {
    ...others,
    ...(watch !== undefined && {
      watch: (printed, interrupt) =>
        watch(printed, (signal) => {
          if (!isSent) interrupt(signal)
          isSent = true
        }),
    }),
  })
}
