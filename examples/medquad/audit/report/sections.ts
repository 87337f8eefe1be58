import { count } from '../../words.ts'
import type { Audit } from '../audit-medquad.ts'
import { collectionsPicture, diseasesPicture, lengthsPicture, yearsPicture } from './plots.ts'
import { percent, type Section, type Table } from './section.ts'
import { semanticTypeName } from './semantic-types.ts'
import { nearSection, splitSection } from './split-sections.ts'

/** The report in the order in which it is read. What does not apply to the data is left out, and said by `omitted`. */
export function sectionsOf(audit: Audit): Section[] {
  const all = [
    contentSection(audit),
    typesSection(audit),
    paperSection(audit),
    ageSection(audit),
    diseaseSection(audit),
    lengthSection(audit),
    repeatSection(audit),
    boilerplateSection(audit),
    nearSection(audit),
    splitSection(audit),
    limitSection(audit),
  ]
  const omitted = omittedOf(audit)
  if (omitted.length > 0) all.push({ title: 'What was left out', paragraphs: omitted })
  return all.flatMap((section) => section ?? [])
}

/** What this data does not let count, a sentence each. */
export function omittedOf({ makeUp, paper, repeats, years, lengths }: Audit): string[] {
  const isUnnamed = (shares: Audit['makeUp']['hosts']) => shares.every(({ name }) => name === '')
  return [
    paper === null ? "How the paper's 16,407 pairs come about: this is not MedQuAD, or not all of it." : [],
    isUnnamed(makeUp.questionTypes) ? 'Types of question: no pair names one.' : [],
    isUnnamed(makeUp.semanticGroups) ? 'Semantic groups: no pair names one.' : [],
    isUnnamed(makeUp.hosts) ? 'Sources: no pair has the address of a page.' : [],
    repeats.qidClashes === null ? "Clashes of questions' ids: no pair has one." : [],
    years.naming === 0 ? 'Years: no answer names one.' : [],
    lengths.tokenizers.length === 0 ? 'Lengths in tokens: no tokenizer was given.' : [],
  ].flat()
}

function contentSection(audit: Audit): Section {
  const { makeUp } = audit
  const { pairs, answered } = makeUp
  const hosts = makeUp.hosts.filter(({ name }) => name !== '')
  return {
    title: 'What is in the data',
    paragraphs: [
      `${count(pairs)} pairs of a question and an answer, of which ${count(answered)} have an answer. A model learns from those ${count(answered)} alone.`,
      ...(makeUp.collections.some((one) => one.answered === 0)
        ? [
            'Where answers of a whole collection are missing, the publisher withdrew them; the questions are still there.',
          ]
        : []),
    ],
    pictures: [collectionsPicture(audit)],
    tables: [
      shareTable('Pairs by collection', 'collection', makeUp.collections),
      ...(hosts.length > 0 ? [shareTable('Pairs by the site they were taken from', 'site', hosts)] : []),
    ],
  }
}

function typesSection({ makeUp }: Audit): Section {
  const { without, answered, semanticTypes } = makeUp
  const groups = makeUp.semanticGroups
  const types = Object.entries(semanticTypes).map(([id, pairs]) => [semanticTypeName(id), pairs] as const)
  return {
    title: 'What is asked, and about what',
    paragraphs: [
      `Of the ${count(answered)} answered pairs ${count(without.cui)} (${percent(without.cui, answered)}) have no concept of UMLS, the medical thesaurus, ${count(without.semanticType)} no semantic type, and ${count(without.focus)} do not name what they are about. They are about ${count(makeUp.distinctFoci)} different topics by name and ${count(makeUp.distinctCuis)} different concepts.`,
    ],
    tables: [
      shareTable('Pairs by type of question', 'type', makeUp.questionTypes),
      shareTable('Pairs by semantic group of UMLS', 'group', groups),
      ...(types.length > 0
        ? [
            {
              caption: 'Answered pairs by semantic type of UMLS; a pair may have several',
              columns: ['type', 'answered'],
              rows: types,
            },
          ]
        : []),
    ],
  }
}

function paperSection({ paper }: Audit): Section | null {
  if (paper === null) return null
  const empty = Object.entries(paper.empty)
  const unseen = Object.entries(paper.unseen)
  const rows: [string, number][] = [
    ['all pairs', paper.pairs],
    ...paper.withdrawn.map(({ name, pairs }): [string, number] => [`${name}: answers withdrawn for copyright`, -pairs]),
    ...empty.map(([name, pairs]): [string, number] => [`${name}: answer empty`, -pairs]),
    ['answered', paper.answered],
    ...unseen.map(([name, pairs]): [string, number] => [`${name}: another XML schema`, -pairs]),
    ["the paper's", paper.paper],
  ]
  return {
    title: 'What the paper leaves out, and why',
    paragraphs: [
      `The paper trains on ${count(paper.paper)} of ${count(paper.pairs)} pairs. Nearly all others have no answer. ${count(paper.answered - paper.paper)} answered pairs stand in files of another schema (<doc> with <pair> in place of <QAPair>), which a parser written for the usual one passes over in silence. That this is what happened follows from the numbers; the paper does not say so. Nothing was left out for being there twice.`,
    ],
    tables: [{ caption: 'From all pairs to those of the paper', columns: ['step', 'pairs'], rows }],
  }
}

function ageSection(audit: Audit): Section | null {
  const { years } = audit
  const picture = yearsPicture(audit)
  if (picture === null) return null
  const after = Object.entries(years.latest).reduce((sum, [year, rows]) => sum + (Number(year) > 2019 ? rows : 0), 0)
  return {
    title: 'How old it is',
    paragraphs: [
      'The data does not say when an answer was written or last reviewed: no file has a date. The year of each pair is not known.',
      `Years that answers name are a weak stand-in. ${count(years.naming)} of ${count(years.answered)} answers (${percent(years.naming, years.answered)}) name a year at all, and a text may be much younger, or a little older, than the latest year in it. Answers that name a year after 2019, in which MedQuAD was published: ${count(after)}.`,
    ],
    pictures: [picture],
    tables: [
      {
        caption: 'Answers that name a year, and the median of the latest years that they name',
        columns: ['collection', 'answered', 'naming a year', 'median year'],
        rows: years.collections.map(({ name, answered, naming, median }) => [
          name,
          answered,
          naming,
          median?.toFixed() ?? '-',
        ]),
      },
    ],
  }
}

function diseaseSection(audit: Audit): Section {
  const { diseases, withOneQuestion, largest } = audit.diseases
  return {
    title: 'Diseases',
    paragraphs: [
      `Pairs that share a concept, a name or a question count as one disease here, as they do for the split into what is trained on and what is held out. There are ${count(diseases)}, of which ${count(withOneQuestion)} (${percent(withOneQuestion, diseases)}) have a single question: of those a model learns one thing only.`,
      'Chains of shared concepts can join many topics, so that the largest of these diseases are families.',
    ],
    pictures: [diseasesPicture(audit)],
    tables: [
      {
        caption: 'The largest, by one of their topics',
        columns: ['disease', 'questions', 'topics'],
        rows: largest.map(({ name, questions, foci }) => [name || '(not named)', questions, foci]),
      },
    ],
  }
}

function lengthSection(audit: Audit): Section {
  const { characters, words, tokenizers } = audit.lengths
  const spreads = [['characters', characters] as const, ['words', words] as const]
  const tokens = tokenizers.map(({ name, answers }) => [`tokens of ${name}`, answers] as const)
  const cut = tokenizers.map(({ name, cut }) => [name, ...cut.map(({ share }) => percent(share, 1))])
  const limits = tokenizers[0]?.cut.map(({ tokens }) => `over ${count(tokens)}`) ?? []
  return {
    title: 'How long answers are',
    paragraphs: [
      'A model reads and learns up to a fixed number of tokens, which are words and pieces of words. What is longer is cut, and the end of the answer, often the advice on when to see a doctor, is never learned.',
    ],
    pictures: [lengthsPicture(audit)],
    tables: [
      {
        caption: 'Length of an answer',
        columns: ['in', 'mean', 'median', '90 of 100 below', '99 of 100 below', 'longest', 'all together'],
        rows: [...spreads, ...tokens].map(([name, s]) => [
          name,
          Math.round(s.mean),
          s.median,
          s.p90,
          s.p99,
          s.most,
          s.sum,
        ]),
      },
      ...(cut.length > 0
        ? [
            {
              caption: 'Pairs, question and answer together, that are cut at so many tokens',
              columns: ['tokenizer', ...limits],
              rows: cut,
            },
          ]
        : []),
    ],
  }
}

function repeatSection({ repeats, makeUp, templates }: Audit): Section {
  const lines = [
    ['the same question', repeats.questions],
    ['the same question, case and punctuation aside', repeats.foldedQuestions],
    ['the same answer', repeats.answers],
    ['the same answer, case and punctuation aside', repeats.foldedAnswers],
    ['the same question and answer', repeats.pairs],
  ] as const
  const clashes = repeats.qidClashes
  const kinds = Object.entries(templates.templates)
  return {
    title: 'What is there twice',
    paragraphs: [
      `Of ${count(makeUp.answered)} answered pairs ${count(repeats.pairs.extra)} repeat another one word for word. ${count(repeats.answers.extra)} answers repeat another one, most of them a standard sentence on inheritance.`,
      ...(clashes === null
        ? []
        : [
            `The id of a question (qid) does not name it: ${count(repeats.distinctQids)} ids for ${count(makeUp.answered)} answered pairs, and even within a collection ${count(clashes.extra)} pairs have the id of an earlier one.`,
          ]),
      `${count(kinds.length)} templates with a name put in make ${percent(templates.rows, makeUp.answered)} of the questions; the other ${count(templates.otherRows)} are ${count(templates.others)} different ones. Nobody asked them in these words, so a model trained on them has not seen how patients ask.`,
    ],
    tables: [
      {
        caption: 'Answered pairs that have something in common',
        columns: ['what', 'different', 'repeats', 'groups', 'pairs in groups', 'largest group'],
        rows: lines.map(([name, r]) => [name, r.distinct, r.extra, r.groups, r.rows, r.largest]),
      },
      {
        caption: 'The commonest answers',
        columns: ['answer', 'pairs'],
        rows: repeats.commonAnswers.map(({ answer, rows }) => [shorten(answer, 160), rows]),
      },
      { caption: 'The commonest templates of questions', columns: ['template', 'pairs'], rows: kinds.slice(0, 18) },
    ],
  }
}

function boilerplateSection({ boilerplate }: Audit): Section {
  const { characters, shared, collections, collectionLeast, sentences } = boilerplate
  return {
    title: 'Boilerplate',
    paragraphs: [
      `Sentences that stand in many answers say nothing of the disease that was asked about, yet a model scores by repeating them. Of ${count(characters)} characters of answers these stand in such sentences (four words or more; case and punctuation aside):`,
    ],
    tables: [
      {
        caption: 'Characters of answers in sentences that several answers have',
        columns: ['in so many answers or more', 'characters', 'of all'],
        rows: shared.map((row) => [count(row.answers), row.characters, percent(row.characters, characters)]),
      },
      {
        caption: `By collection, sentences of ${collectionLeast} answers or more`,
        columns: ['collection', 'characters', 'of all'],
        rows: collections.map((row) => [row.name, row.shared, percent(row.shared, row.characters)]),
      },
      {
        caption: 'The commonest sentences',
        columns: ['sentence', 'answers'],
        rows: sentences.map(({ sentence, answers }) => [shorten(sentence, 160), answers]),
      },
    ],
  }
}

function limitSection({ makeUp, years, diseases, boilerplate }: Audit): Section {
  const ten = boilerplate.shared.find(({ answers }) => answers === 10)?.characters ?? 0
  const withdrawn = makeUp.collections.filter(({ answered }) => answered === 0).map(({ name }) => name)
  return {
    title: 'What a model trained on this cannot know',
    paragraphs: [
      ...(withdrawn.length > 0
        ? [
            `What stood in ${withdrawn.join(', ')}: their answers are not there. In MedQuAD these are the drugs, the herbs and supplements, and the encyclopedia, so nothing is learned of doses, interactions and contraindications from there.`,
          ]
        : []),
      `What became known, or was withdrawn, after the texts were written. When that was the data does not say${years.naming > 0 ? '; hardly any answer names a year of the last decade' : ''}. Treatments, screening ages and vaccines change.`,
      `Diseases of which it has seen one question (${count(diseases.withOneQuestion)}) or none. It answers about them all the same, in the same fluent words.`,
      'The person who asks. Answers are general texts for the public, and know nothing of age, pregnancy or other drugs.',
      `Whether a sentence is about this disease or about all: ${percent(ten, boilerplate.characters)} of the text stands in sentences that ten answers or more have.`,
      'Be careful with figures from a test that shares texts with the training: see the section on the split. A low loss on boilerplate is no medical knowledge. What such a model writes is no medical advice.',
    ],
  }
}

const shareTable = (caption: string, name: string, shares: Audit['makeUp']['hosts']): Table => ({
  caption,
  columns: [name, 'pairs', 'answered'],
  rows: shares.map(({ name: each, pairs, answered }) => [each || '(not said)', pairs, answered]),
})

/** @param most Characters. */
export function shorten(text: string, most: number): string {
  const line = text.replace(/\s+/g, ' ')
  return line.length <= most ? line : `${line.slice(0, most - 1).trimEnd()}…`
}
