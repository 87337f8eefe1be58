import { readFileSync } from 'node:fs'
import path from 'node:path'
import ts from 'typescript'
import { root } from '../../programs/run-program.ts'

/** A member of an interface, and what its comment says. */
export interface DescribedMember {
  readonly name: string
  /** In one line. */
  readonly words: string
}

/**
 * The members of an interface with what their comments say of them.
 * @param file Its source, from the repository's folder.
 * @returns Those that have a comment; one that has none only narrows what an interface below says.
 * @throws Error where there is no such interface.
 */
export function describedMembers(file: string, name: string): readonly DescribedMember[] {
  const text = readFileSync(path.join(root, file), 'utf8')
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true)
  const found = source.statements.filter(ts.isInterfaceDeclaration).find((each) => each.name.text === name)
  if (found === undefined) throw new Error(`${file} has no interface ${name}`)
  return found.members.flatMap((member) => {
    if (member.name === undefined) return []
    const comment = ts.getJSDocCommentsAndTags(member).find(ts.isJSDoc)?.comment
    const words = ts.getTextOfJSDocComment(comment)?.replaceAll(/\s+/g, ' ').trim()
    return words === undefined ? [] : [{ name: member.name.getText(source), words }]
  })
}
