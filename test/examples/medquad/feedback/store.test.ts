import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import sqlite from 'node-sqlite3-wasm'
import { describe, expect, it } from 'vitest'
import { exportLines, importLines } from '../../../../examples/medquad/feedback/store/feedback-lines.ts'
import { FeedbackStore } from '../../../../examples/medquad/feedback/store/feedback-store.ts'
import { migrations } from '../../../../examples/medquad/feedback/store/migrations.ts'
import { openDatabase } from '../../../../examples/medquad/feedback/store/open-database.ts'
import { gateRule } from '../../../../examples/medquad/feedback/round/gate.ts'
import { tempFolder } from '../medquad-files.ts'
import { root } from '../../../programs/run-program.ts'

const given = { model: 'base', version: 1, seed: 0, settings: {} }
const gate = (isKept: boolean) => ({ rule: gateRule, sets: [], isKept })
const learnt = { lossBefore: 2, lossAfter: 1, answerBefore: 'a', answerAfter: 'b', overlap: 1, isLearnt: true }

async function openStore(): Promise<FeedbackStore> {
  const store = await FeedbackStore.open(await tempFolder())
  store.versions.begin('base', {})
  return store
}

describe('the schema', () => {
  it.each([0, 1, 2])('is brought on from version %i, and keeps what is there', async (version) => {
    const path = join(await tempFolder(), 'old.sqlite')
    const old = new sqlite.Database(path)
    for (const migration of migrations.slice(0, version)) old.exec(migration)
    old.exec(`PRAGMA user_version = ${version}`)
    if (version > 0) old.exec("INSERT INTO questions (key, text, at) VALUES ('k', 'Why?', 'now')")
    old.close()
    const database = openDatabase(path)
    expect(database.get('PRAGMA user_version')).toEqual({ user_version: migrations.length })
    expect(database.all('SELECT text FROM questions')).toEqual(version > 0 ? [{ text: 'Why?' }] : [])
    expect(database.all('SELECT * FROM preferences')).toEqual([])
    database.close()
  })

  it('of a newer program is refused, and what is no database', async () => {
    const folder = await tempFolder()
    const newer = new sqlite.Database(join(folder, 'newer.sqlite'))
    newer.exec('PRAGMA user_version = 99')
    newer.close()
    expect(() => openDatabase(join(folder, 'newer.sqlite'))).toThrow(/has schema 99, and this program knows 3; use/)
    expect(() => openDatabase(join(root, 'package.json'))).toThrow(/not a database/)
  })

  it('holds through a kill in the middle of a commit', async () => {
    const path = join(await tempFolder(), 'killed.sqlite')
    const database = openDatabase(path)
    for (let i = 0; i < 200; i++) {
      database.run('INSERT INTO questions (key, text, at) VALUES (?, ?, ?)', [`${i}`, 'x'.repeat(3000), 'old'])
    }
    database.close()
    // Half of the pages are written when the process is killed, its lock left behind.
    const script = `
      import fs from 'node:fs'
      import { openDatabase } from './examples/medquad/feedback/store/open-database.ts'
      const database = openDatabase(process.argv[1])
      database.exec('PRAGMA cache_size = 10')
      const write = fs.writeSync
      let left = 150
      fs.writeSync = (...told) => (left-- === 0 ? process.kill(process.pid, 'SIGKILL') : write(...told))
      database.exec("BEGIN; UPDATE questions SET at = 'new', text = text || 'y'; COMMIT")`
    const args = ['--import', 'tsx', '--input-type=module', '-e', script, path]
    expect(spawnSync(process.execPath, args, { cwd: root }).signal).toBe('SIGKILL')
    expect(() => mkdirSync(`${path}.lock`)).toThrow('EEXIST')
    const again = openDatabase(path)
    expect(again.get('PRAGMA integrity_check')).toEqual({ integrity_check: 'ok' })
    expect(again.all('SELECT DISTINCT at FROM questions')).toEqual([{ at: 'old' }])
    again.close()
  })
})

describe('the store', () => {
  it('makes preferences of ratings and of choices, of which the last word counts', async () => {
    const store = await openStore()
    const question = store.addQuestion(' What is gout ? ')
    expect(store.addQuestion('What is gout ?')).toBe(question)
    const [first, second] = ['one', 'two'].map((text) => store.addAnswer(question, { ...given, text })) as [
      number,
      number,
    ]
    store.rate(first, 1)
    expect(store.preferences(false)).toEqual([])
    store.rate(second, -1)
    expect(store.preferences(false)).toMatchObject([{ question: 'What is gout ?', chosen: 'one', rejected: 'two' }])
    store.prefer(second, first)
    expect(store.preferences(false)).toMatchObject([{ chosen: 'two', rejected: 'one' }])
    const other = store.addAnswer(store.addQuestion('Why ?'), { ...given, text: 'so' })
    expect(() => store.prefer(first, other)).toThrow(/must be two, to one question/)
    expect(() => store.correct(first, '  ')).toThrow('feedback: the correction is empty')
    expect(() => store.rate(99, 1)).toThrow('feedback: there is no answer 99')
    store.close()
  })

  it('really deletes', async () => {
    const store = await openStore()
    const question = store.addQuestion('My name is Zebulon, what is gout ?')
    const answer = store.addAnswer(question, { ...given, text: 'It hurts, Quimby.' })
    store.correct(answer, 'It hurts much, Xanthippe.')
    store.delete(question)
    expect(store.answers()).toEqual([])
    expect(store.corrections(false)).toEqual([])
    expect(() => store.delete(question)).toThrow(`there is no question ${question}`)
    const log = readFileSync(join(store.folder, 'feedback.sqlite-wal'))
    store.close()
    const bytes = Buffer.concat([log, readFileSync(join(store.folder, 'feedback.sqlite'))])
    for (const secret of ['Zebulon', 'Quimby', 'Xanthippe']) expect(bytes.includes(secret)).toBe(false)
  })

  it('counts what a version learnt as learnt in its line alone', async () => {
    const store = await openStore()
    const { versions } = store
    const answer = store.addAnswer(store.addQuestion('What is gout ?'), { ...given, text: 'one' })
    const correction = store.correct(answer, 'two')
    const outcome = { settings: {}, corrections: [{ correction, ...learnt }], preferences: [] }
    versions.add({ id: 2, parent: 1, gate: gate(false), ...outcome })
    expect(versions.active.id).toBe(1)
    expect(store.corrections(false)).toHaveLength(1)
    versions.add({ id: 3, parent: 1, gate: gate(true), ...outcome })
    expect(versions.active.id).toBe(3)
    expect(store.corrections(false)).toEqual([])
    expect(store.corrections(true)).toMatchObject([{ question: 'What is gout ?', answer: 'two' }])
    // A newer correction of the question is to be learnt, and the older one is replayed no more.
    store.correct(answer, 'three')
    expect(store.corrections(true)).toEqual([])
    expect(store.corrections(false)).toMatchObject([{ answer: 'three' }])
    expect(() => versions.rollBack(2)).toThrow('version 2 was rejected by the gate')
    expect(() => versions.rollBack(9)).toThrow('there is no version 9, but 1, 2, 3')
    expect(versions.rollBack(undefined).id).toBe(1)
    expect(() => versions.rollBack(undefined)).toThrow('version 1 is the first; nothing is before it')
    expect(versions.activations().map(({ version }) => version)).toEqual([1, 3, 1])
    store.close()
  })

  it('goes out as JSONL and comes in again, once, all or nothing', async () => {
    const store = await openStore()
    const question = store.addQuestion('What is gout ?')
    const [first, second] = ['one', 'two'].map((text) => store.addAnswer(question, { ...given, text })) as [
      number,
      number,
    ]
    store.rate(first, 1)
    store.prefer(first, second)
    store.correct(second, 'three\n"four"')
    const lines = exportLines(store.database)
    const other = await openStore()
    other.addQuestion('Why ?')
    // The question is there under a key of its own.
    other.addQuestion('What is gout ?')
    expect(() => importLines(other.database, [...lines, '{"kind":"answer","key":"k"}'])).toThrow(
      'import: line 6: text must be a text; nothing was taken in',
    )
    expect(other.answers()).toEqual([])
    expect(importLines(other.database, lines)).toBe(4)
    expect(importLines(other.database, lines)).toBe(0)
    expect(other.corrections(false)).toMatchObject([{ question: 'What is gout ?', answer: 'three\n"four"' }])
    expect(other.preferences(false)).toMatchObject([{ chosen: 'one', rejected: 'two' }])
    expect(other.answers()[1]).toMatchObject({ text: 'one', rating: 1, version: null })
    const keysOf = (some: readonly string[]) => some.map((line) => (JSON.parse(line) as { key: string }).key)
    expect(keysOf(exportLines(other.database)).slice(2)).toEqual(keysOf(lines).slice(1))
    expect(() => importLines(other.database, ['[]'])).toThrow('line 1: it is no object of JSON')
    expect(() => importLines(other.database, ['{"kind":"versions"}'])).toThrow('line 1: kind must be question, answer')
    store.close()
    other.close()
  })
})
