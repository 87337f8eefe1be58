import { XMLParser, XMLValidator } from 'fast-xml-parser'
import { DataError, reason } from './data-error.ts'
import { decodeText } from './decode-text.ts'
import type { MedquadPair } from './medquad-pair.ts'

type Node = Record<string, unknown>

// Text stays as it is in the file: cleaning is a step of its own, and ids such as 0000001 are no numbers.
const parser = new XMLParser({
  ignoreAttributes: false,
  ignoreDeclaration: true,
  parseTagValue: false,
  trimValues: false,
  htmlEntities: true,
})

/**
 * The pairs of one MedQuAD file, in any of its three schemas: `<Document>` and `<DiseaseFile>` with
 * `QAPairs/QAPair`, and `<doc>` with `qaPairs/pair` under a `<doctitle-focus>`. `path` is `collection/file.xml`.
 * Throws `DataError` `format`, naming the file, where it is not well-formed UTF-8 XML of such a schema.
 */
export function parseMedquadXml(path: string, bytes: Uint8Array): { root: string; pairs: MedquadPair[] } {
  const [root, top] = parseRoot(path, bytes)
  const lower = root === 'doc'
  if (!lower && root !== 'Document' && root !== 'DiseaseFile') {
    throw new DataError('format', `medquad: ${path} holds <${root}>, not <Document>, <doc> or <DiseaseFile>`)
  }
  const read = (node: unknown): string => textOf(path, node)
  const file = path.replace(/\.xml$/i, '')
  const collection = file.includes('/') ? file.slice(0, file.indexOf('/')) : ''
  const umls = [children(top, 'FocusAnnotations').flatMap((node) => children(node, 'UMLS')), children(top, 'UMLS')]
    .flat()
    .concat(children(top, 'umls'))
  const names = lower
    ? (['qaPairs', 'pair', 'question', 'answer'] as const)
    : (['QAPairs', 'QAPair', 'Question', 'Answer'] as const)
  const about = {
    collection,
    focus: read(children(top, lower ? 'doctitle-focus' : 'Focus')[0]).trim(),
    cui: listOf(umls, ['CUIs', 'CUI', 'cui'], read),
    semanticTypes: listOf(umls, ['SemanticTypes', 'SemanticType', 'semanticType'], read),
    semanticGroups: listOf(umls, ['SemanticGroups', 'SemanticGroup', 'semanticGroup'], read),
    source: read(top['@_source'] ?? top['@_corpus']),
    url: read(top['@_url']),
  }
  const pairs = children(top, names[0])
    .flatMap((list) => children(list, names[1]))
    .map((pair, index): MedquadPair => {
      const question = children(pair, names[2])[0]
      return {
        id: `${file}#${read(asNode(pair)['@_pid']) || index + 1}`,
        ...about,
        qid: read(asNode(question)['@_qid']),
        qtype: read(asNode(question)['@_qtype']).trim(),
        question: read(question),
        answer: read(children(pair, names[3])[0]),
      }
    })
  return { root, pairs }
}

function parseRoot(path: string, bytes: Uint8Array): [string, Node] {
  try {
    const xml = decodeText(bytes)
    // The parser alone lets open tags pass; the validator's successor would be one more package for this one line.
    // eslint-disable-next-line @typescript-eslint/no-deprecated
    const valid = XMLValidator.validate(xml)
    if (valid !== true) throw new Error(`${valid.err.msg} (line ${valid.err.line})`)
    const parsed: unknown = parser.parse(xml)
    const root = Object.entries(asNode(parsed)).find(([name]) => !name.startsWith('#') && !name.startsWith('?'))
    if (!root) throw new Error('no root element')
    return [root[0], asNode(root[1])]
  } catch (cause) {
    throw new DataError('format', `medquad: ${path} is broken XML, ${reason(cause)}; fetch the data again`, { cause })
  }
}

const asNode = (value: unknown): Node => (typeof value === 'object' && value !== null ? (value as Node) : {})

/** fast-xml-parser gives one child as itself and several as an array. */
function children(node: unknown, name: string): unknown[] {
  const value = asNode(node)[name]
  return value === undefined ? [] : Array.isArray(value) ? value : [value]
}

function textOf(path: string, node: unknown): string {
  if (node === undefined) return ''
  if (typeof node === 'string') return node
  const tag = Object.keys(asNode(node)).find((name) => name !== '#text' && !name.startsWith('@_'))
  if (tag !== undefined)
    throw new DataError('format', `medquad: ${path} has <${tag}> inside a text; only text is known`)
  const text = asNode(node)['#text']
  return typeof text === 'string' ? text : ''
}

/** Every value at `group/item`, or at `item` or its lower-case twin directly under UMLS; empty ones left out. */
function listOf(
  umls: unknown[],
  [group, item, lower]: [string, string, string],
  read: (node: unknown) => string,
): string[] {
  const nodes = umls.flatMap((node) => [
    ...children(node, group).flatMap((list) => children(list, item)),
    ...children(node, item),
    ...children(node, lower),
  ])
  return nodes.map((node) => read(node).trim()).filter((text) => text !== '')
}
