import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import ts from 'typescript'

/** The repository's root, where `package.json` lies. */
export const root = path.resolve(import.meta.dirname, '../..')

/** One import, re-export or `import()` of a file. */
export interface Import {
  readonly specifier: string
  /** Erased when compiled, so it cannot make a cycle at run time. */
  readonly typeOnly: boolean
  /** Runs when called, not when the file is loaded. */
  readonly lazy: boolean
}

/** A file of the repository, its path from the root with forward slashes. */
export interface SourceFile {
  readonly path: string
  readonly imports: readonly Import[]
  /** Names used in code; not those in comments or strings. */
  readonly identifiers: ReadonlySet<string>
}

/** Paths under `folder` that end in one of `endings`, without what is generated or installed. */
export function pathsIn(folder: string, endings: readonly string[]): string[] {
  return readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => path.posix.join(folder, name.replaceAll(path.sep, '/')))
    .filter((name) => endings.some((ending) => name.endsWith(ending)) && !/\.generated\.|node_modules\//.test(name))
    .sort()
}

/** Reads a TypeScript file and what it imports. */
export function readSource(file: string): SourceFile {
  return parseSource(file, readFileSync(path.join(root, file), 'utf8'))
}

/** What `text` imports and names, were it in `file`. */
export function parseSource(file: string, text: string): SourceFile {
  const imports: Import[] = []
  const identifiers = new Set<string>()
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      imports.push({
        specifier: node.moduleSpecifier.text,
        typeOnly: node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword,
        lazy: false,
      })
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier)) {
      imports.push({ specifier: node.moduleSpecifier.text, typeOnly: node.isTypeOnly, lazy: false })
    } else if (
      ts.isImportTypeNode(node) &&
      ts.isLiteralTypeNode(node.argument) &&
      ts.isStringLiteral(node.argument.literal)
    ) {
      imports.push({ specifier: node.argument.literal.text, typeOnly: true, lazy: false })
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments
      if (argument && ts.isStringLiteral(argument))
        imports.push({ specifier: argument.text, typeOnly: false, lazy: true })
    } else if (ts.isIdentifier(node)) {
      identifiers.add(node.text)
    }
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true))
  return { path: file, imports, identifiers }
}

/** The path a relative import leads to, or `undefined` for a package, `#platform` or a builtin. */
export function resolveImport(from: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined
  return path.posix.normalize(path.posix.join(path.posix.dirname(from), specifier))
}

/**
 * Every file that imports itself in the end, by all that it names of others, types included; one list per knot. An
 * `import()` that runs later closes none.
 */
export function cyclesOf(files: readonly SourceFile[]): string[][] {
  const graph = new Map(
    files.map((file) => [
      file.path,
      file.imports
        .filter((each) => !each.lazy)
        .map((each) => resolveImport(file.path, each.specifier))
        .filter((target) => target !== undefined),
    ]),
  )
  // Tarjan's strongly connected components.
  const order = new Map<string, number>()
  const stack: string[] = []
  const knots: string[][] = []
  const walk = (node: string): number => {
    const index = order.size
    order.set(node, index)
    stack.push(node)
    let lowest = index
    for (const next of graph.get(node) ?? []) {
      if (!order.has(next)) lowest = Math.min(lowest, walk(next))
      else if (stack.includes(next)) lowest = Math.min(lowest, order.get(next)!)
    }
    if (lowest === index) {
      const knot = stack.splice(stack.indexOf(node))
      if (knot.length > 1 || graph.get(node)?.includes(node)) knots.push(knot)
    }
    return lowest
  }
  for (const node of graph.keys()) if (!order.has(node)) walk(node)
  return knots
}
