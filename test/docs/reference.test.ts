import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { root } from '../programs/run-program.ts'
import { commandHelps } from './command-helps.ts'
import { pageAt } from './pages.ts'
import { remade, table } from './reference/made-parts.ts'
import { optionTables } from './reference/option-tables.ts'

// `npx vitest run test/docs/reference.test.ts -u` writes them anew.
describe('docs/reference', () => {
  it('has every option by the code that reads it', async () => {
    const page = pageAt('docs/reference/options.md')
    const parts = [...page.text.matchAll(/<!-- made: ([\w-]+) -->/g)].map(([, name]) => name)
    expect(parts.sort()).toEqual(Object.keys(optionTables).sort())
    await expect(await remade(page, optionTables)).toMatchFileSnapshot(join(root, page.name))
  })

  it('has every command with the help that it prints', async () => {
    const helps = await commandHelps()
    const page = pageAt('docs/reference/cli.md')
    const commands = () => {
      return [...helps].map(([name, { text }]) => `## ${name}\n\n\`\`\`text\n${text}\n\`\`\``).join('\n\n')
    }
    const list = () =>
      table(
        ['command', 'what it does'],
        [...helps].map(([name, { summary }]) => [`[${name}](#${name})`, summary]),
      )
    await expect(await remade(page, { commands, list })).toMatchFileSnapshot(join(root, page.name))
  })
})
