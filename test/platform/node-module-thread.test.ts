import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { MedAwareError } from '../../src/core/errors.ts'
import { threadOf } from '../../src/platform/node-module-thread.ts'

/** A module of a text. */
const moduleOf = (text: string) => new URL(`data:text/javascript,${encodeURIComponent(text)}`)
const answering = `import { parentPort } from 'node:worker_threads'
parentPort.on('message', (message) => message === 'end' ? parentPort.close() : parentPort.postMessage([message]))`

/** Why a thread has ended. */
const endOf = (text: string) => new Promise<Error>((resolve) => void threadOf(moduleOf(text), resolve))

test('a thread hears and answers in order, from before it has begun', async () => {
  const thread = threadOf(moduleOf(answering), () => {})
  const heard: unknown[] = []
  const done = new Promise<void>((resolve) => {
    thread.listen((message) => {
      if (heard.push(message) === 2) resolve()
    })
  })
  thread.post(1)
  thread.post('two')
  await done
  expect(heard).toEqual([[1], ['two']])
  thread.stop()
})

test('it is told why a thread has ended, once, and not where it was stopped', async () => {
  const thrown = await endOf(`throw new TypeError('no way')`)
  expect(thrown).toBeInstanceOf(MedAwareError)
  expect(thrown).toMatchObject({ code: 'device-lost', message: 'startWorker: the worker has ended: no way' })
  expect(thrown.cause).toBeInstanceOf(TypeError)
  const exit = await endOf(`process.exit(3)`)
  expect(exit.message).toBe('startWorker: the worker has ended by itself, with status 3')
  const full = await endOf(`throw Object.assign(new Error('heap'), { code: 'ERR_WORKER_OUT_OF_MEMORY' })`)
  expect(full).toMatchObject({ code: 'memory' })
  const ends: Error[] = []
  const stopped = threadOf(moduleOf(answering), (error) => void ends.push(error))
  stopped.stop()
  const left = threadOf(moduleOf(answering), (error) => void ends.push(error))
  left.post('end')
  left.leave()
  await endOf('')
  expect(ends).toEqual([])
})

test('a program that was given as text has threads of files too', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'thread-'))
  const file = join(folder, 'ends.mjs')
  await writeFile(file, 'process.exit(4)')
  const at = new URL('../../src/platform/node-module-thread.ts', import.meta.url).href
  const program = `import { threadOf } from '${at}'
    threadOf(new URL('${pathToFileURL(file).href}'), ({ message }) => console.log(message))`
  const flags = ['--import', 'tsx', '--input-type=module', '--eval', program]
  const { stdout } = await promisify(execFile)(process.execPath, flags)
  expect(stdout).toBe('startWorker: the worker has ended by itself, with status 4\n')
  await rm(folder, { recursive: true })
})
