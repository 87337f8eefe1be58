/** One question and answer about one disease (the focus). */
export interface MedquadPair {
  /** `collection/file#pid`; unique, which `qid` is not. */
  id: string
  collection: string
  /** The disease, drug or topic asked about; '' in a few files. */
  focus: string
  /** UMLS concept ids of the focus, e.g. `C0011849`. */
  cui: string[]
  /** UMLS semantic type ids of the focus, e.g. `T047`. */
  semanticTypes: string[]
  /** UMLS semantic groups of the focus; MedQuAD has `Disorders` alone, on whatever has a concept. */
  semanticGroups: string[]
  qid: string
  /** `information`, `symptoms`, `treatment`, ... */
  qtype: string
  question: string
  /** '' where the publisher withdrew it: collections 10 to 12, and 5 pairs of GARD. */
  answer: string
  source: string
  url: string
}
