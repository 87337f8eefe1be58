import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { version } from '../../../src/core/version.ts'
import { temporaryFolder } from '../../io/tiny-files.ts'
import { pack } from '../../package/pack.ts'

const source = resolve('examples/create')

/** Runs the program in a folder, where nobody sits at a terminal. */
function create(cwd: string, ...words: readonly string[]) {
  return new Promise<{ code: number; stdout: string; stderr: string }>((done) => {
    execFile(process.execPath, [join(source, 'create.js'), ...words], { cwd }, (error, stdout, stderr) => {
      done({ code: error === null ? 0 : Number(error.code), stdout, stderr })
    })
  })
}

const json = async (...path: readonly string[]) => {
  return JSON.parse(await readFile(join(...path), 'utf8')) as Readonly<Record<'name' | 'version', string>>
}

describe('npm create peft-medaware', () => {
  it.each(['node', 'vite'])('writes the template %s, with names and versions filled in', async (template) => {
    const work = await temporaryFolder()
    const { code, stdout, stderr } = await create(work, 'deep/my-app', '--template', template)
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(
      new RegExp(`^my-app: \\d+ files of the template ${template}\\. Next:\n\n {2}cd deep/my-app\n`),
    )
    const project = join(work, 'deep/my-app')
    expect(await readdir(join(work, 'deep'))).toEqual(['my-app'])
    const own = (await readdir(join(source, 'templates', template))).map((name) =>
      name.replace('_git', '.git').replace('_ts', 'ts'),
    )
    expect((await readdir(project)).sort()).toEqual(own.sort())
    const base = await json('examples/medquad/base/package.json')
    expect(await json(project, 'package.json')).toMatchObject({
      name: 'my-app',
      dependencies: { 'peft-medaware': `^${version}`, [base.name]: `^${base.version}` },
    })
    const files = await readdir(project, { recursive: true, withFileTypes: true })
    for (const file of files.filter((each) => each.isFile())) {
      expect(await readFile(join(file.parentPath, file.name), 'utf8'), file.name).not.toMatch(/\{\{/)
    }
  })

  it('fills a folder that is there and empty, and leaves it the folder it is', async () => {
    const work = join(await temporaryFolder(), 'here')
    await mkdir(work)
    const { code, stdout } = await create(work, '.', '--template', 'node')
    expect(code).toBe(0)
    expect(stdout).not.toContain('cd ')
    expect(await readdir(work)).toContain('.gitignore')
    expect(await readdir(join(work, '..'))).toEqual(['here'])
  })

  it.each([
    [
      ['My App', '--template', 'node'],
      '"My App" cannot be a package\'s name: small letters, digits and hyphens can, such as my-app',
    ],
    [
      ['.hidden', '--template', 'node'],
      '".hidden" cannot be a package\'s name: small letters, digits and hyphens can, such as hidden',
    ],
    [
      ['node_modules', '--template', 'node'],
      '"node_modules" cannot be a package\'s name: small letters, digits and hyphens can, such as my-app',
    ],
    [['full', '--template', 'node'], /full is not empty, it has a\.txt; choose another folder$/],
    [['a-file', '--template', 'node'], /a-file is a file; choose another folder$/],
    [['app', '--template', 'react'], 'there is no template "react"; there are node and vite'],
    [['app'], '--template node or vite is needed'],
    [[], 'FOLDER is needed, such as my-app'],
    [['a', 'b'], 'one FOLDER is wanted, got a b'],
    [['app', '--tempalte', 'node'], /^Unknown option '--tempalte'/],
  ])('%o is refused, and nothing is written', async (words, message) => {
    const work = await temporaryFolder()
    await mkdir(join(work, 'full'))
    await writeFile(join(work, 'full/a.txt'), '')
    await writeFile(join(work, 'a-file'), '')
    const { code, stdout, stderr } = await create(work, ...words)
    expect([code, stdout]).toEqual([2, ''])
    const [said = '', ...rest] = stderr.split('\n')
    expect(said.replace(/^error: /, '')).toEqual(
      typeof message === 'string' ? message : (expect.stringMatching(message) as string),
    )
    expect(rest).toEqual(['Try: npm create peft-medaware -- --help', ''])
    expect((await readdir(work)).sort()).toEqual(['a-file', 'full'])
    expect(await readdir(join(work, 'full'))).toEqual(['a.txt'])
  })

  it('says what it takes, and which version it is', async () => {
    const { stdout } = await create('.', '--help')
    expect(stdout).toContain('npm create peft-medaware@latest [FOLDER] [-- --template NAME]')
    expect((await create('.', '--version')).stdout).toBe(`${version}\n`)
  })

  it('is a package with all of its templates, of the library’s version', async () => {
    expect(await json(source, 'package.json')).toMatchObject({ name: 'create-peft-medaware', version })
    const packed = pack(source, await temporaryFolder()).files.map(({ path }) => path)
    const templates = await readdir(join(source, 'templates'), { recursive: true, withFileTypes: true })
    const files = templates.filter((each) => each.isFile()).map(({ parentPath, name }) => join(parentPath, name))
    expect(packed.sort()).toEqual(
      [
        ...['README.md', 'create.js', 'package.json', 'write-project.js'],
        ...files.map((file) => file.slice(source.length + 1)),
      ].sort(),
    )
  })

  it('has rows that both templates share', async () => {
    const [node, vite] = await Promise.all(
      ['node/data.jsonl', 'vite/src/rows.jsonl'].map((name) => readFile(join(source, 'templates', name), 'utf8')),
    )
    expect(vite).toBe(node)
  })
})
