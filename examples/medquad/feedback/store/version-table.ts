import type { Database, SQLiteValue } from 'node-sqlite3-wasm'
import { MedAwareError } from 'peft-medaware'
import type { GateReport } from '../round/gate.ts'
import { inTransaction, rowOf, rowsOf } from './open-database.ts'

/** An adapter that was made, or the base that all began with. */
export interface Version {
  readonly id: number
  readonly parent: number | null
  readonly status: 'start' | 'kept' | 'rejected'
  readonly settings: unknown
  readonly gate: GateReport | null
  readonly at: string
}

/** What became of a correction in a round: its loss (nats a token) and the greedy answer, before and after. */
export interface LearntCorrection {
  readonly correction: number
  readonly lossBefore: number
  readonly lossAfter: number
  readonly answerBefore: string
  readonly answerAfter: string
  /** ROUGE-L of the answer after with the correction. */
  readonly overlap: number
  readonly isLearnt: boolean
}

/** What became of a preference: by how much likelier the chosen answer is than the rejected one, in nats. */
export interface LearntPreference {
  readonly preference: number
  readonly marginBefore: number
  readonly marginAfter: number
  readonly isLearnt: boolean
}

/** When a version became the one that answers, and why. */
export interface Activation {
  readonly version: number
  readonly why: string
  readonly at: string
}

/** What a round came to. */
export interface RoundOutcome {
  readonly id: number
  readonly parent: number
  readonly settings: object
  readonly gate: GateReport
  readonly corrections: readonly LearntCorrection[]
  readonly preferences: readonly LearntPreference[]
}

/** Versions of the adapter, which of them answers, and what each has learnt. */
export class VersionTable {
  constructor(private readonly database: Database) {}

  /** What was begun with: the model's source; null before. */
  fact(name: 'model' | 'guard'): string | null {
    return textOrNull(rowOf(this.database, 'SELECT value FROM facts WHERE name = ?', name)?.['value'])
  }

  /** Begins with a model whose adapter, if any, is version 1. */
  begin(model: string, settings: object): void {
    inTransaction(this.database, () => {
      this.database.run('INSERT INTO facts (name, value) VALUES (?, ?)', ['model', model])
      this.#insert({ id: 1, parent: null, status: 'start', settings, gate: null })
      this.#activate(1, 'start')
    })
  }

  /** The version that answers. @throws MedAwareError `not-found` before there is any. */
  get active(): Version {
    const row = rowOf(this.database, 'SELECT version FROM activations ORDER BY id DESC LIMIT 1')
    if (row === null) throw new MedAwareError('not-found', 'feedback: there is no version yet; ask something first')
    return this.version(Number(row['version']))
  }

  /** @throws MedAwareError `not-found`, with the versions that there are. */
  version(id: number): Version {
    const all = this.all()
    const version = all.find((each) => each.id === id)
    if (version !== undefined) return version
    const ids = all.map((each) => each.id).join(', ')
    throw new MedAwareError('not-found', `feedback: there is no version ${id}, but ${ids || 'none'}`)
  }

  /** All versions, the oldest first. */
  all(): Version[] {
    return rowsOf(this.database, 'SELECT * FROM versions ORDER BY id').map((row) => ({
      id: Number(row['id']),
      parent: row['parent'] === null ? null : Number(row['parent']),
      status: statusOf(row['status']),
      settings: JSON.parse(String(row['settings'])) as unknown,
      gate: JSON.parse(String(row['gate'])) as GateReport | null,
      at: String(row['at']),
    }))
  }

  /** A version and those that it came from, itself first. */
  lineageOf(id: number): Version[] {
    const version = this.version(id)
    return [version, ...(version.parent === null ? [] : this.lineageOf(version.parent))]
  }

  /** Keeps a round's version and, where the gate lets it through, makes it the one that answers: all or nothing. */
  add({ id, parent, settings, gate, corrections, preferences }: RoundOutcome): void {
    inTransaction(this.database, () => {
      this.#insert({ id, parent, status: gate.isKept ? 'kept' : 'rejected', settings, gate })
      for (const { isLearnt, ...each } of corrections) {
        this.database.run('INSERT INTO learnt_corrections VALUES (?, ?, ?, ?, ?, ?, ?, ?)', [
          ...[id, each.correction, each.lossBefore, each.lossAfter, each.answerBefore, each.answerAfter],
          ...[each.overlap, +isLearnt],
        ])
      }
      for (const { preference, marginBefore, marginAfter, isLearnt } of preferences) {
        this.database.run('INSERT INTO learnt_preferences VALUES (?, ?, ?, ?, ?)', [
          ...[id, preference, marginBefore, marginAfter, +isLearnt],
        ])
      }
      if (gate.isKept) this.#activate(id, 'the gate let it through')
    })
  }

  /** Makes an earlier version the one that answers. @throws MedAwareError `config` for one that the gate refused. */
  rollBack(to: number | undefined): Version {
    const { active } = this
    const id = to ?? active.parent
    if (id === null)
      throw new MedAwareError('config', `feedback: version ${active.id} is the first; nothing is before it`)
    const version = this.version(id)
    if (version.status === 'rejected') {
      throw new MedAwareError('config', `feedback: version ${id} was rejected by the gate, and does not answer`)
    }
    if (id === active.id) throw new MedAwareError('config', `feedback: version ${id} is the active one already`)
    inTransaction(this.database, () => {
      this.#activate(id, `rolled back from ${active.id}`)
    })
    return version
  }

  activations(): Activation[] {
    return rowsOf(this.database, 'SELECT * FROM activations ORDER BY id').map((row) => {
      return { version: Number(row['version']), why: String(row['why']), at: String(row['at']) }
    })
  }

  learntCorrections(version: number): (LearntCorrection & { readonly question: string; readonly wanted: string })[] {
    const rows = rowsOf(
      this.database,
      `SELECT learnt_corrections.*, questions.text AS question, corrections.text AS wanted FROM learnt_corrections
       JOIN corrections ON corrections.id = correction JOIN questions ON questions.id = corrections.question
       WHERE version = ? ORDER BY correction`,
      version,
    )
    return rows.map((row) => ({
      ...{ correction: Number(row['correction']), question: String(row['question']), wanted: String(row['wanted']) },
      ...{ lossBefore: Number(row['loss_before']), lossAfter: Number(row['loss_after']) },
      ...{ answerBefore: String(row['answer_before']), answerAfter: String(row['answer_after']) },
      ...{ overlap: Number(row['overlap']), isLearnt: row['is_learnt'] === 1 },
    }))
  }

  learntPreferences(version: number): LearntPreference[] {
    const rows = rowsOf(
      this.database,
      'SELECT * FROM learnt_preferences WHERE version = ? ORDER BY preference',
      version,
    )
    return rows.map((row) => ({
      ...{ preference: Number(row['preference']), isLearnt: row['is_learnt'] === 1 },
      ...{ marginBefore: Number(row['margin_before']), marginAfter: Number(row['margin_after']) },
    }))
  }

  /** Ids of the pairs on guard, which never train; set aside once, by the first round. */
  guard(choose: () => readonly string[]): ReadonlySet<string> {
    const read = () => rowsOf(this.database, 'SELECT pair FROM guard').map(({ pair }) => String(pair))
    if (read().length === 0) {
      inTransaction(this.database, () => {
        for (const pair of choose()) this.database.run('INSERT OR IGNORE INTO guard (pair) VALUES (?)', pair)
      })
    }
    return new Set(read())
  }

  #insert({ id, parent, status, settings, gate }: Omit<Version, 'at'>): void {
    const values = [id, parent, status, JSON.stringify(settings), JSON.stringify(gate), new Date().toISOString()]
    this.database.run('INSERT INTO versions (id, parent, status, settings, gate, at) VALUES (?, ?, ?, ?, ?, ?)', values)
  }

  #activate(version: number, why: string): void {
    const values = [version, why, new Date().toISOString()]
    this.database.run('INSERT INTO activations (version, why, at) VALUES (?, ?, ?)', values)
  }
}

function statusOf(value: SQLiteValue | undefined): Version['status'] {
  return value === 'kept' || value === 'rejected' ? value : 'start'
}

function textOrNull(value: SQLiteValue | undefined): string | null {
  return typeof value === 'string' ? value : null
}
