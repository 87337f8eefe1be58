import { type Ended, type ProgramOptions, runProgram } from '../programs/run-program.ts'

/** Runs `peft-medaware` of this source tree. */
export function runCli(words: readonly string[], options?: ProgramOptions): Promise<Ended> {
  return runProgram('src/cli/main', words, options)
}
