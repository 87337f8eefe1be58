import path from 'node:path'
import ts from 'typescript'
import { root } from '../../programs/run-program.ts'
import { fencesOf, isCode } from '../fences.ts'
import type { Page } from '../pages.ts'

/** Lines of a page in the program that is made of it: those from `at` on are the page's from `line` on. */
interface Stretch {
  readonly at: number
  readonly line: number
}

/** What is checked for a page. */
interface Program {
  readonly page: Page
  readonly file: string
  readonly text: string
  readonly stretches: readonly Stretch[]
}

/**
 * One program of all samples of a page. Each stands in a block within the one before, so that it sees what was imported
 * and declared above it, and may use a name anew. What `<!-- sample: … -->` declares stands before all.
 */
function programOf(page: Page, index: number): Program {
  const imports = new Set<string>()
  const lines: string[] = []
  const stretches: Stretch[] = []
  const add = (code: string, line: number) => {
    stretches.push({ at: lines.length, line })
    lines.push(...withoutImports(code, imports).split('\n'))
  }
  for (const { 1: hidden = '', index } of page.text.matchAll(/<!-- sample:([^]*?)-->/g)) {
    add(hidden, page.text.slice(0, index).split('\n').length)
  }
  const samples = fencesOf(page.text).filter(isCode)
  for (const { body, line } of samples) {
    lines.push(';{')
    add(body.replaceAll(/^export default /gm, 'void '), line)
  }
  const text = [...lines, '}'.repeat(samples.length), [...imports].join('\n'), 'export {}'].join('\n')
  return { page, file: path.join(root, `samples-${index}.ts`), text, stretches }
}

/** Moves imports out of a sample, each name once, and leaves its lines where they are. */
function withoutImports(code: string, imports: Set<string>): string {
  const source = ts.createSourceFile('sample.ts', code, ts.ScriptTarget.ES2022, true)
  let rest = code
  for (const statement of source.statements.filter(ts.isImportDeclaration)) {
    const from = statement.moduleSpecifier.getText()
    const { name, namedBindings } = statement.importClause ?? {}
    if (name !== undefined) imports.add(`import ${name.text} from ${from}`)
    if (namedBindings !== undefined && ts.isNamespaceImport(namedBindings)) {
      imports.add(`import ${namedBindings.getText()} from ${from}`)
    } else {
      const names = namedBindings?.elements.map((each) => each.getText().replace(/^type /, '')) ?? []
      for (const each of names) imports.add(`import { ${each} } from ${from}`)
    }
    const whole = statement.getText()
    rest = rest.replace(whole, whole.replaceAll(/[^\n]/g, ' '))
  }
  return rest
}

/**
 * What the compiler says against the samples of some pages, as "page:line: what". TypeScript is held to `strict`; a page
 * with plain JavaScript to what an editor says of that, which knows no null.
 */
export function typeErrors(pages: readonly Page[]): readonly string[] {
  const isPlain = ({ text }: Page) => fencesOf(text).some((fence) => isCode(fence) && fence.language === 'js')
  const parsed = new Map<string, ts.SourceFile | undefined>()
  const check = (some: readonly Page[], isStrict: boolean) => errorsOf(some.map(programOf), isStrict, parsed)
  return [
    ...check(
      pages.filter((page) => !isPlain(page)),
      true,
    ),
    ...check(pages.filter(isPlain), false),
  ]
}

/**
 * That an argument as a whole does not fit: of plain JavaScript that is often what the compiler infers too widely, such
 * as `role: string`. Names, options, their values and the number of arguments have errors of their own.
 */
const ofWholeArguments = [2345, 2769]

function errorsOf(programs: readonly Program[], isStrict: boolean, parsed: Map<string, ts.SourceFile | undefined>) {
  const byFile = new Map(programs.map((program) => [program.file, program]))
  const { config } = ts.readConfigFile(path.join(root, 'tsconfig.json'), (name) => ts.sys.readFile(name)) as {
    config: object
  }
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root)
  const settings: ts.CompilerOptions = {
    ...options,
    // Rules of this repository that readers need not have.
    ...{ noUncheckedIndexedAccess: false, exactOptionalPropertyTypes: false },
    ...{ verbatimModuleSyntax: false, isolatedModules: false },
    ...(!isStrict && { strictNullChecks: false, noImplicitAny: false }),
  }
  const host = ts.createCompilerHost(settings)
  const withSamples: ts.CompilerHost = {
    ...host,
    fileExists: (name) => byFile.has(name) || host.fileExists(name),
    readFile: (name) => byFile.get(name)?.text ?? host.readFile(name),
    getSourceFile: (name, language, ...rest) => {
      const own = byFile.get(name)
      if (own !== undefined) return ts.createSourceFile(name, own.text, language, true)
      if (!parsed.has(name)) parsed.set(name, host.getSourceFile(name, language, ...rest))
      return parsed.get(name)
    },
  }
  const program = ts.createProgram([...byFile.keys()], settings, withSamples)
  return programs.flatMap((each) => {
    const source = program.getSourceFile(each.file)
    const all = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)]
    const found = isStrict ? all : all.filter(({ code }) => !ofWholeArguments.includes(code))
    return found.map((diagnostic) => `${each.page.name}:${lineOf(each, diagnostic)}: ${wordsOf(diagnostic)}`)
  })
}

/** The page's line; 0 for an import, which stands for several. */
function lineOf({ text, stretches }: Program, { start = 0 }: ts.Diagnostic): number {
  const at = text.slice(0, start).split('\n').length - 1
  const stretch = stretches.findLast((each) => each.at <= at)
  const isImport = text.split('\n')[at]?.startsWith('import ') === true
  return stretch === undefined || isImport ? 0 : stretch.line + at - stretch.at
}

function wordsOf({ messageText }: ts.Diagnostic): string {
  return ts.flattenDiagnosticMessageText(messageText, ' ')
}
