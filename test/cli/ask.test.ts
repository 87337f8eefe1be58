import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect, it, vi } from 'vitest'
import { askYesNo } from '../../src/cli/ask.ts'

const never = new AbortController().signal

async function ask(typed: string, usual: boolean, signal = never) {
  const [input, output] = [new PassThrough(), new PassThrough()]
  input.end(typed)
  const answer = await askYesNo('Go on?', usual, signal, { input, output })
  output.end()
  return { answer, shown: await text(output) }
}

it.each([
  ['\n', true, true],
  ['\n', false, false],
  ['y\n', false, true],
  [' YES \n', false, true],
  ['n\n', true, false],
  ['No\n', true, false],
])('%j where %s is usual means %s', async (typed, usual, meant) => {
  expect(await ask(typed, usual)).toEqual({ answer: meant, shown: `Go on? ${usual ? '[Y/n]' : '[y/N]'} ` })
})

it('asks again until it is told', async () => {
  const [input, output] = [new PassThrough(), new PassThrough()]
  const asked = askYesNo('Go on?', false, never, { input, output })
  let shown = ''
  input.write('what?\n')
  await vi.waitFor(() => expect((shown += String(output.read() ?? ''))).toBe('Go on? [y/N] Go on? [y/N] '))
  input.write('y\n')
  expect(await asked).toBe(true)
})

it.each(['', 'what?\n'])('takes the end of the input behind %j as a no', async (typed) => {
  expect((await ask(typed, true)).answer).toBe(false)
})

it('is left by its signal', async () => {
  const stop = new AbortController()
  const asked = askYesNo('Go on?', true, stop.signal, { input: new PassThrough(), output: new PassThrough() })
  stop.abort()
  await expect(asked).rejects.toMatchObject({ name: 'AbortError' })
})
