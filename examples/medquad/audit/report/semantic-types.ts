/** Names of the semantic types that the UMLS counts among disorders, and of what causes them, by their numbers. */
const names: Readonly<Record<string, string>> = {
  T005: 'Virus',
  T007: 'Bacterium',
  T019: 'Congenital Abnormality',
  T020: 'Acquired Abnormality',
  T028: 'Gene or Genome',
  T033: 'Finding',
  T037: 'Injury or Poisoning',
  T046: 'Pathologic Function',
  T047: 'Disease or Syndrome',
  T048: 'Mental or Behavioral Dysfunction',
  T049: 'Cell or Molecular Dysfunction',
  T050: 'Experimental Model of Disease',
  T184: 'Sign or Symptom',
  T190: 'Anatomical Abnormality',
  T191: 'Neoplastic Process',
}

/** `Disease or Syndrome (T047)`; the number alone of a type that is not among them. */
export function semanticTypeName(id: string): string {
  const name = Object.hasOwn(names, id) ? names[id] : undefined
  return name === undefined ? id : `${name} (${id})`
}
