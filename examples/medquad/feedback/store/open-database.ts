import { rmSync } from 'node:fs'
import sqlite, { type BindValues, type Database, type SQLiteValue } from 'node-sqlite3-wasm'
import { MedAwareError } from 'peft-medaware'
import { migrations } from './migrations.ts'

/**
 * Opens a database of feedback and brings it to the newest schema. Who calls keeps the folder to this process
 * (`lockFolder`), so that a lock which is there was left by a crash.
 *
 * A write-ahead log, since the package's rollback journal is not heeded after a crash: its check for a lock finds the
 * caller's own, and SQLite then takes the journal for that of a live writer. What is deleted is overwritten with zeros.
 * @throws MedAwareError `config` for a file of a newer version, `format` for what is no database, `disk`.
 */
export function openDatabase(path: string): Database {
  rmSync(`${path}.lock`, { recursive: true, force: true })
  let database: Database | null = null
  try {
    database = new sqlite.Database(path)
    for (const pragma of ['locking_mode = EXCLUSIVE', 'journal_mode = WAL', 'secure_delete = ON']) {
      database.get(`PRAGMA ${pragma}`)
    }
    migrate(database, path)
    return database
  } catch (error) {
    database?.close()
    throw explained(error, path)
  }
}

/** Applies what is missing, each migration in a transaction with the number that says so. */
function migrate(database: Database, path: string): void {
  const version = Number(rowOf(database, 'PRAGMA user_version')?.['user_version'] ?? 0)
  if (version > migrations.length) {
    throw new MedAwareError(
      'config',
      `${path} has schema ${version}, and this program knows ${migrations.length}; use the newer one that wrote it`,
    )
  }
  for (const [i, migration] of migrations.entries()) {
    if (i < version) continue
    inTransaction(database, () => {
      database.exec(migration)
      database.exec(`PRAGMA user_version = ${i + 1}`)
    })
  }
}

/** A row of an answer, column by column. */
export type DatabaseRow = Readonly<Record<string, SQLiteValue>>

/** All rows that a question gives. */
export function rowsOf(database: Database, sql: string, values?: BindValues): DatabaseRow[] {
  return database.all(sql, values) as DatabaseRow[]
}

/** The first row that a question gives; null for none. */
export function rowOf(database: Database, sql: string, values?: BindValues): DatabaseRow | null {
  return database.get(sql, values) as DatabaseRow | null
}

/** Does some work wholly or not at all. */
export function inTransaction<T>(database: Database, work: () => T): T {
  database.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    database.exec('COMMIT')
    return result
  } catch (error) {
    if (database.inTransaction) database.exec('ROLLBACK')
    throw error
  }
}

/** Takes what was deleted out of the log, too. */
export function emptyLog(database: Database): void {
  database.get('PRAGMA wal_checkpoint(TRUNCATE)')
}

function explained(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || error.name !== 'SQLite3Error') return error
  const isOther = /not a database|malformed/.test(error.message)
  return new MedAwareError(isOther ? 'format' : 'disk', `${path}: ${error.message}`, { cause: error })
}
