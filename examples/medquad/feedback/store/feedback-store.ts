import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { Database, JSValue } from 'node-sqlite3-wasm'
import { MedAwareError } from 'peft-medaware'
import { lockFolder } from '../../run-lock.ts'
import { emptyLog, inTransaction, openDatabase, rowOf, rowsOf } from './open-database.ts'
import { VersionTable } from './version-table.ts'

/** A question with its answer, and how that came about. */
export interface AskedAnswer {
  readonly id: number
  readonly question: string
  readonly questionId: number
  readonly text: string
  readonly model: string
  /** Version of the adapter; null for an answer from another store. */
  readonly version: number | null
  readonly seed: number
  readonly settings: unknown
  readonly rating: 1 | -1 | null
  readonly at: string
}

/** What should have been answered. */
export interface Correction {
  readonly id: number
  readonly question: string
  readonly answer: string
}

/** Which of two answers to a question is better. */
export interface Preference {
  readonly id: number
  readonly question: string
  readonly chosen: string
  readonly rejected: string
}

/** An answer as a model gave it. */
export interface GivenAnswer {
  readonly text: string
  readonly model: string
  readonly version: number
  readonly seed: number
  readonly settings: object
}

const longestQuestion = 2000
const longestAnswer = 20_000

/**
 * What people asked and said, in one SQLite file in a folder beside the adapters that were made of it. One process at a
 * time has it.
 */
export class FeedbackStore {
  /** The adapters that were made of it. */
  readonly versions: VersionTable

  private constructor(
    readonly folder: string,
    readonly database: Database,
  ) {
    this.versions = new VersionTable(database)
  }

  /** @throws MedAwareError `config` where another process has it, and as `openDatabase`. */
  static async open(folder: string): Promise<FeedbackStore> {
    await lockFolder(folder)
    return new FeedbackStore(folder, openDatabase(join(folder, 'feedback.sqlite')))
  }

  close(): void {
    this.database.close()
  }

  /** Keeps a question, once however often it is asked. @returns Its id. */
  addQuestion(text: string): number {
    const asked = checkText('question', text, longestQuestion)
    const there = rowOf(this.database, 'SELECT id FROM questions WHERE text = ?', asked)
    if (there !== null) return Number(there['id'])
    return this.#insert('questions', { key: randomUUID(), text: asked, at: now() })
  }

  /** Keeps an answer. @returns Its id. */
  addAnswer(question: number, { settings, text, ...given }: GivenAnswer): number {
    const answered = checkText('answer', text, longestAnswer, { mayBeEmpty: true })
    const row = { ...given, text: answered, settings: JSON.stringify(settings) }
    return this.#insert('answers', { key: randomUUID(), question, ...row, rating: null, at: now() })
  }

  /** Says whether an answer is good. An answer that is good beside one to the same question that is not is preferred. */
  rate(answer: number, rating: 1 | -1): void {
    if (rating !== 1 && rating !== -1) {
      throw new MedAwareError('config', `feedback: a rating is 1 or -1, got ${String(rating)}`)
    }
    const { questionId } = this.answer(answer)
    inTransaction(this.database, () => {
      this.database.run('UPDATE answers SET rating = ? WHERE id = ?', [rating, answer])
      const others = rowsOf(this.database, 'SELECT id FROM answers WHERE question = ? AND rating = ?', [
        questionId,
        -rating,
      ])
      for (const { id } of others) {
        const [chosen, rejected] = rating === 1 ? [answer, Number(id)] : [Number(id), answer]
        this.#addPreference(chosen, rejected)
      }
    })
  }

  /** Says what should have been answered. The newest correction of a question is what it is. @returns Its id. */
  correct(answer: number, text: string): number {
    const { questionId } = this.answer(answer)
    const corrected = checkText('correction', text, longestAnswer)
    return this.#insert('corrections', { key: randomUUID(), question: questionId, answer, text: corrected, at: now() })
  }

  /** Says that one answer to a question is better than another. */
  prefer(chosen: number, rejected: number): void {
    const [better, worse] = [this.answer(chosen), this.answer(rejected)]
    if (better.questionId !== worse.questionId || chosen === rejected) {
      throw new MedAwareError('config', `feedback: answers ${chosen} and ${rejected} must be two, to one question`)
    }
    inTransaction(this.database, () => this.#addPreference(chosen, rejected))
  }

  /** Really deletes a question with all that was said of it. What adapters have learnt of it stays in them. */
  delete(question: number): void {
    const { changes } = this.database.run('DELETE FROM questions WHERE id = ?', question)
    if (changes === 0) throw new MedAwareError('not-found', `feedback: there is no question ${question}`)
    emptyLog(this.database)
  }

  /** @throws MedAwareError `not-found`. */
  answer(id: number): AskedAnswer {
    const [row] = this.#answers('WHERE answers.id = ?', [id])
    if (row === undefined) throw new MedAwareError('not-found', `feedback: there is no answer ${id}`)
    return row
  }

  /** Answers, the newest first. */
  answers(limit = 50): AskedAnswer[] {
    return this.#answers('ORDER BY answers.id DESC LIMIT ?', [limit])
  }

  /** The newest correction of each question; those that the active version has learnt, or those that it has not. */
  corrections(learnt: boolean): Correction[] {
    const rows = rowsOf(
      this.database,
      `${lineage} SELECT corrections.id, questions.text AS question, corrections.text AS answer
       FROM corrections JOIN questions ON questions.id = corrections.question
       WHERE corrections.id = (SELECT max(id) FROM corrections AS other WHERE other.question = corrections.question)
         AND (corrections.id IN (SELECT correction FROM learnt_corrections WHERE version IN lineage)) = ?
       ORDER BY corrections.id`,
      learnt ? 1 : 0,
    )
    return rows.map((row) => ({
      id: Number(row['id']),
      question: String(row['question']),
      answer: String(row['answer']),
    }))
  }

  /** Preferences that the active version has learnt, or those that it has not. */
  preferences(learnt: boolean): Preference[] {
    const rows = rowsOf(
      this.database,
      `${lineage} SELECT preferences.id, questions.text AS question, better.text AS chosen, worse.text AS rejected
       FROM preferences JOIN answers AS better ON better.id = chosen JOIN answers AS worse ON worse.id = rejected
         JOIN questions ON questions.id = better.question
       WHERE better.text <> worse.text
         AND (preferences.id IN (SELECT preference FROM learnt_preferences WHERE version IN lineage)) = ?
       ORDER BY preferences.id`,
      learnt ? 1 : 0,
    )
    return rows.map((row) => ({
      ...{ id: Number(row['id']), question: String(row['question']) },
      ...{ chosen: String(row['chosen']), rejected: String(row['rejected']) },
    }))
  }

  #answers(rest: string, values: JSValue[]): AskedAnswer[] {
    const rows = rowsOf(
      this.database,
      `SELECT answers.*, questions.text AS asked FROM answers JOIN questions ON questions.id = answers.question ${rest}`,
      values,
    )
    return rows.map((row) => ({
      ...{ id: Number(row['id']), question: String(row['asked']), questionId: Number(row['question']) },
      ...{ text: String(row['text']), model: String(row['model']), seed: Number(row['seed']), at: String(row['at']) },
      version: row['version'] === null ? null : Number(row['version']),
      settings: JSON.parse(String(row['settings'])) as unknown,
      rating: row['rating'] === 1 ? 1 : row['rating'] === -1 ? -1 : null,
    }))
  }

  #addPreference(chosen: number, rejected: number): void {
    // The last word counts.
    this.database.run('DELETE FROM preferences WHERE chosen = ? AND rejected = ?', [rejected, chosen])
    this.database.run('INSERT OR IGNORE INTO preferences (key, chosen, rejected, at) VALUES (?, ?, ?, ?)', [
      ...[randomUUID(), chosen, rejected, now()],
    ])
  }

  #insert(table: string, row: Readonly<Record<string, JSValue>>): number {
    const names = Object.keys(row)
    const marks = names.map(() => '?').join(', ')
    const { lastInsertRowid } = this.database.run(
      `INSERT INTO ${table} (${names.join(', ')}) VALUES (${marks})`,
      Object.values(row),
    )
    return Number(lastInsertRowid)
  }
}

/** The active version and those that it came from. */
const lineage = `WITH RECURSIVE lineage (id) AS (
  SELECT * FROM (SELECT version FROM activations ORDER BY id DESC LIMIT 1)
  UNION SELECT parent FROM versions JOIN lineage ON versions.id = lineage.id WHERE parent IS NOT NULL)`

/** What people typed, without blanks around it. @throws MedAwareError `config` for too little or too much. */
export function checkText(what: string, text: string, most: number, { mayBeEmpty = false } = {}): string {
  const trimmed = text.trim().replaceAll('\0', '')
  if (!mayBeEmpty && trimmed === '') throw new MedAwareError('config', `feedback: the ${what} is empty`)
  if (trimmed.length > most) {
    throw new MedAwareError(
      'config',
      `feedback: the ${what} has ${trimmed.length} characters, at most ${most} are kept`,
    )
  }
  return trimmed
}

/** This moment, as rows say it. */
export function now(): string {
  return new Date().toISOString()
}
