import { createReadStream } from 'node:fs'
import { basename } from 'node:path'
import { createInterface } from 'node:readline'
import { DataError, reason } from './data-error.ts'
import type { MedquadPair } from './medquad-pair.ts'

/**
 * The pairs of a JSON Lines file: each line an object with `question` and `answer` and, where known, MedQuAD's other
 * fields (`id`, `collection`, `focus`, `cui`, `semanticType`, `qid`, `qtype`, `source`, `url`). Empty lines are
 * skipped. Throws `DataError` `not-found` or `format`, naming the line.
 */
export async function parseMedquadJsonl(path: string): Promise<MedquadPair[]> {
  const name = basename(path).replace(/\.[^.]*$/, '')
  const pairs: MedquadPair[] = []
  let number = 0
  try {
    for await (const line of createInterface({ input: createReadStream(path, 'utf8'), crlfDelay: Infinity })) {
      number++
      const text = line.replace(/^\ufeff/, '')
      if (text.trim() !== '') pairs.push(pairOf(path, name, number, text))
    }
  } catch (cause) {
    if (cause instanceof DataError) throw cause
    throw new DataError('not-found', `medquad: cannot read ${path}, ${reason(cause)}`, { cause })
  }
  if (pairs.length === 0)
    throw new DataError('not-found', `medquad: no line in ${path}; each should be one JSON object`)
  return pairs
}

function pairOf(path: string, name: string, number: number, line: string): MedquadPair {
  let row: unknown
  try {
    row = JSON.parse(line)
  } catch (cause) {
    throw new DataError('format', `medquad: line ${number} of ${path} is not JSON, ${reason(cause)}`, { cause })
  }
  const fields = typeof row === 'object' && row !== null ? (row as Record<string, unknown>) : {}
  const text = (field: string, otherwise = ''): string => {
    const value = fields[field] ?? otherwise
    if (typeof value === 'string') return value
    throw new DataError('format', `medquad: line ${number} of ${path} has ${typeof value} for ${field}, not string`)
  }
  if (typeof fields['question'] !== 'string' || !('answer' in fields)) {
    throw new DataError('format', `medquad: line ${number} of ${path} is no pair; it needs question and answer`)
  }
  return {
    id: text('id', `${name}#${number}`),
    collection: text('collection', name),
    focus: text('focus').trim(),
    cui: strings(fields['cui']),
    semanticTypes: strings(fields['semanticType'] ?? fields['semanticTypes']),
    qid: text('qid'),
    qtype: text('qtype'),
    question: text('question'),
    answer: text('answer'),
    source: text('source'),
    url: text('url'),
  }
}

const strings = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string' && item !== '') : []
