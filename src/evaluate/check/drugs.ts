import { type Claim, type ClaimFinder, longest } from './claim.ts'
import { commonDrugs } from './common-drugs.ts'
import { joinNames, nameIndex, nameWords, plainWord, type SameNames } from './names.ts'

/** Stems of international nonproprietary names (WHO), at the end of a word. */
const endings = `cillin cycline mycin micin oxacin azole fungin vir virine vudine citabine mab nib ciclib parib platin
taxel rubicin tecan poside trexate pril prilat sartan olol alol dipine statin fibrate gliptin gliflozin glitazone glutide
glinide formin tidine setron triptan gepant oxetine pram traline triptyline pramine azepam zolam zepine barbital racetam
bamate gabalin gabapentin peridol peridone apine caine profen coxib fenac oxicam olone onide asone tropium lukast tadine
lastine rizine afil azosin ulosin steride thiazide semide lactone parin xaban gatran grel plase kinra nercept tacept
bercept tocin relin relix dronate dronic quine antel mectin orphan pamil prost darone giline caftor xostat astine
fylline phylline dralazine buvir`.split(/\s+/)
const beginnings = ['cef', 'predniso', 'sulfa(?!t)']
const byStem = new RegExp(
  `^(?:\\p{L}{2,}(?:${endings.join('|')})|\\p{L}+(?<!s)terol|(?:${beginnings.join('|')})\\p{L}{2,})$`,
  'u',
)
/** Words that end like a drug. */
const others = new Set(`histidine cytidine cystatin somatostatin`.split(' '))

/** A name beside an amount or a form. */
const inContext = [
  /(?<=\d\s?(?:mg|mcg|g|ml|units) of )\p{L}{4,}/giu,
  /\p{L}{4,}(?=,? \d+(?:\.\d+)?\s?(?:mg|mcg|units)(?!\p{L}|\/(?!kg)))/giu,
  /\p{L}{4,}(?= (?:tablets|pills|capsules|injections|ointment|eye drops)(?!\p{L}))/giu,
]
const noNames = new Set(
  `take takes taken taking give gives given giving with about have dose doses daily over than most more less only
  into from least between usually typically tablet tablets medicine medicines drug drugs start started using used
  their your these those this that each some other several many iron vitamin calcium zinc pain sleeping water
  birth control prescription oral crush swallow chew steroid hormone diet salt sugar sterile strong weak should
  must adult adults child children containing reduced increased maximum minimum total limit under until which when
  after before receive received need needs prescribed recommended multiple single repeated regular missed skip
  stop continue chewable effervescent topical below include includes lubricating medicated subcutaneous
  intramuscular combination fluid folic above again then diabetes first later least most once twice arm thigh skin vein muscle mouth
  nose eye eyes morning evening night bedtime`.split(/\s+/),
)

/**
 * Names of drugs: those given and common ones, words with a stem of international names, and words that stand beside
 * an amount.
 * @param given From a list; names that mean the same stand for one another.
 */
export function drugFinder(given: readonly SameNames[]): ClaimFinder {
  const find = nameIndex(joinNames(commonDrugs, given))
  return {
    claims: (answer) => {
      const listed = find(answer).map(({ start, end, thing }): Claim => {
        return { kind: 'drug', start, end, needs: [[`thing ${thing}`, wordsFact(answer.slice(start, end))]] }
      })
      const byRule = nameWords(answer).filter(({ text }) => isByStem(text))
      const beside = inContext
        .flatMap((pattern) => [...answer.matchAll(pattern)])
        .flatMap(({ index, 0: word }) => {
          return noNames.has(word.toLowerCase()) ? [] : [{ start: index, end: index + word.length }]
        })
      const ruled = [...byRule, ...beside].map(({ start, end }): Claim => {
        return { kind: 'drug', start, end, needs: [[wordsFact(answer.slice(start, end))]] }
      })
      return longest([...listed, ...ruled])
    },
    facts: (source) => {
      const listed = find(source).flatMap(({ start, end, thing }) => [
        `thing ${thing}`,
        wordsFact(source.slice(start, end)),
      ])
      return new Set([...listed, ...nameWords(source).map(({ text }) => `words ${text}`)])
    },
  }
}

function isByStem(word: string): boolean {
  return byStem.test(word) && !others.has(word)
}

function wordsFact(text: string): string {
  return `words ${text.split(/\s+/).map(plainWord).join(' ')}`
}
