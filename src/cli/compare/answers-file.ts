import { appendFileSync } from 'node:fs'
import { readFile, truncate } from 'node:fs/promises'
import { MedAwareError, messageOf } from '../../core/errors.ts'
import { answerLine, readAnswerLines } from '../../compare/asking/answer-lines.ts'
import type { KeptAnswer } from '../../compare/asking/kept-answer.ts'

/** Answers in a file, a line of JSON for each as soon as it is there. */
export class AnswersFile {
  private constructor(
    readonly path: string,
    readonly known: readonly KeptAnswer[],
  ) {}

  /** Opens a file to go on with, or one that is not there yet. @throws MedAwareError `format` for another file. */
  static async open(path: string): Promise<AnswersFile> {
    const bytes = await readFile(path).catch((cause: unknown) => {
      if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return Buffer.alloc(0)
      throw new MedAwareError('disk', `${path} cannot be read: ${messageOf(cause)}`, { cause })
    })
    const known = readAnswerLines(path, bytes.toString('utf8'))
    // Half of a line, from when the power went, would spoil the next one.
    const whole = bytes.lastIndexOf('\n') + 1
    if (whole < bytes.length) await truncate(path, whole)
    return new AnswersFile(path, known)
  }

  readonly add = (answer: KeptAnswer): void => {
    appendFileSync(this.path, answerLine(answer))
  }
}
