import { expect, it } from 'vitest'
import { commands } from '../../src/cli/commands.ts'
import { version } from '../../src/core/version.ts'
import { runCli } from './run-cli.ts'

it('alone says in one screen what there is, and offers the demonstration', async () => {
  const { code, stdout, stderr } = await runCli([])
  expect([code, stderr]).toEqual([0, ''])
  const lines = stdout.trimEnd().split('\n')
  expect(lines.length).toBeLessThanOrEqual(24)
  expect(lines.filter((line) => line.length > 80)).toEqual([])
  expect(lines[0]).toContain(`peft-medaware ${version}: `)
  const named = lines.slice(2, 2 + Object.keys(commands).length).map((line) => line.slice(11).split(' ')[0])
  expect(named).toEqual(Object.keys(commands))
  expect(stdout).toMatch(/^machine {4}CPU engine on \d+ threads?; (no )?WebGPU/m)
  expect(lines.at(-1)).toContain('npx peft-medaware demo ')
})
