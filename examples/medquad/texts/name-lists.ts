import type { SameNames } from 'peft-medaware'
import type { MedquadPair } from '../data/medquad-pair.ts'

/** Names of drugs and of diseases, as `checkAnswer` takes them. */
export interface NameLists {
  readonly drugs: readonly SameNames[]
  readonly diseases: readonly SameNames[]
}

/** UMLS's semantic types of diseases, neoplasms, malformations, injuries, and what a mind or a body suffers from. */
const diseaseTypes = new Set(['T019', 'T020', 'T037', 'T046', 'T047', 'T048', 'T049', 'T190', 'T191'])
/** What a title says of a drug that is no name of it: its form. */
const forms =
  `Oral Injection Topical Ophthalmic Otic Rectal Vaginal Inhalation Nasal Transdermal Spray Patch Implant Buccal
  Sublingual Subcutaneous Intravenous Powder Foam Gel Systems?`.split(/\s+/)
const form = new RegExp(`(?:^| )(?:${forms.join('|')})(?= |$)`, 'g')
/** Foci that name no disease of their own. */
const general =
  /^(?:genetic |rare |birth )?(?:disorders?|diseases?|defects?|conditions?|syndromes?|infections?|injur\w+|wounds?)$/i

/**
 * What MedQuAD's questions are about: drugs of its collection of drugs, whose answers are withdrawn and whose titles
 * are not, and diseases by UMLS's types, those with one concept id as one.
 * @param pairs Of all collections, the unanswered ones as well.
 */
export function nameLists(pairs: readonly MedquadPair[]): NameLists {
  const drugs = new Set<string>()
  const diseases = new Map<string, Set<string>>()
  for (const { collection, focus, cui, semanticTypes } of pairs) {
    if (collection.includes('Drugs')) {
      // A vaccine is called after diseases.
      if (/vaccine/i.test(focus)) continue
      for (const name of focus.split(/,? and |, /)) drugs.add(name.replaceAll(form, '').trim())
    } else if (semanticTypes.some((type) => diseaseTypes.has(type)) && !general.test(focus)) {
      const key = cui[0] ?? focus.toLowerCase()
      diseases.set(key, (diseases.get(key) ?? new Set()).add(focus))
    }
  }
  drugs.delete('')
  return {
    drugs: [...drugs],
    diseases: [...diseases.values()].map((names) => [...names].filter((name) => name !== '')),
  }
}
