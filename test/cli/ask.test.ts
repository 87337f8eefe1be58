import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect, it } from 'vitest'
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

it('asks again until it is told, and takes the end of the input as a no', async () => {
  const { answer, shown } = await ask('what?\n', true)
  expect(answer).toBe(false)
  expect(shown).toBe('Go on? [Y/n] Go on? [Y/n] ')
})

it('is left by its signal', async () => {
  const stop = new AbortController()
  const asked = askYesNo('Go on?', true, stop.signal, { input: new PassThrough(), output: new PassThrough() })
  stop.abort()
  await expect(asked).rejects.toMatchObject({ name: 'AbortError' })
})
