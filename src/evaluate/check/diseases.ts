import { type Claim, type ClaimFinder, longest } from './claim.ts'
import { commonDiseases } from './common-diseases.ts'
import { joinNames, nameIndex, nameWords, type SameNames } from './names.ts'

/** How names of diseases end. */
const endings = `itis osis paralysis emia oma pathy algia plegia paresis uria penia philia iasis megaly lepsy
  plasia ectasis ectasia trophy`.split(/\s+/)
const byEnding = new RegExp(`^\\p{L}{2,}(?:${endings.join('|')})$`, 'u')
/** Words that end so and are none. */
const others = new Set(
  `diagnosis prognosis osmosis mitosis meiosis apoptosis hypnosis symbiosis metamorphosis phagocytosis endocytosis
  exocytosis misdiagnosis academia aroma diploma stoma soma coma empathy sympathy apathy antipathy
  telepathy homeopathy naturopathy osteopathy nostalgia trophy`.split(/\s+/),
)
/** Words that make a name of what is before them. */
const heads = new Set(
  `syndrome disease disorder cancer tumor dystrophy failure deficiency palsy fever infection infarction attack
  sclerosis fibrosis anemia fibrillation degeneration apnea phenomenon`.split(/\s+/),
)
/** Words before a head that name nothing. */
const general = new Set(
  `the this a an that any some such these those genetic inherited rare common serious severe chronic acute mild other
  many and or of with untreated certain underlying metabolic infectious your his her its their no each every another
  same new first main major complex progressive autosomal dominant recessive x-linked hereditary congenital is are was
  as in from to for by like treatment vitamin bacterial viral fungal high low treated related both several different
  similar early late advanced further more most medical mental called also lasting repeated sudden secondary life-
  threatening have has had cause causes prevent treat not if when developing human childhood adult which known local
  primary be on at connective-tissue fatal single single-gene whole spread long-term neurological developmental kill
  kills stop stops whose way reach affect affects fight fights get gets national supported nci-supported recurrent
  find finds detect signs against without about deletion storage hormone cavity tract dehydrogenase cell artery skin virus vascular rhythm
  movement immune then commonest rarest parasite tissue muscle`.split(/\s+/),
)

/**
 * Names of diseases: those given and common ones, words with an ending such as -itis, and names before "disease",
 * "syndrome" and the
 * like.
 * @param given From a list; names that mean the same stand for one another.
 */
export function diseaseFinder(given: readonly SameNames[]): ClaimFinder {
  const find = nameIndex(joinNames(commonDiseases, given))
  const claimOf = (answer: string, start: number, end: number, facts: readonly string[] = []): Claim => {
    return { kind: 'disease', start, end, needs: [[...facts, ...phraseFacts(answer.slice(start, end))]] }
  }
  return {
    claims: (answer) => {
      // A flu shot, hearing aids.
      const named = find(answer).filter(({ start, end }) => {
        return answer.slice(start, end) !== 'aids' && !/^[\s-]+(?:shot|vaccin|jab)/iu.test(answer.slice(end, end + 12))
      })
      const listed = named.map(({ start, end, thing }) => claimOf(answer, start, end, [`thing ${thing}`]))
      return longest([...listed, ...namesByRule(answer).map(({ start, end }) => claimOf(answer, start, end))])
    },
    facts: (source) => {
      const words = nameWords(source).map(({ text }) => text)
      const phrases = words.flatMap((_, i) => [1, 2, 3, 4, 5, 6].map((n) => words.slice(i, i + n).join(' ')))
      const listed = find(source).flatMap(({ start, end, thing }) => [
        `thing ${thing}`,
        ...phraseFacts(source.slice(start, end)),
      ])
      const capitals = [...source.matchAll(/(?<!\p{L})\p{Lu}{2,6}(?!\p{L})/gu)].map(([word]) => `initials ${word}`)
      return new Set([...listed, ...capitals, ...phrases.map((phrase) => `words ${phrase}`)])
    },
  }
}

function namesByRule(text: string): { start: number; end: number }[] {
  const words = nameWords(text)
  return words.flatMap((word, i) => {
    if (heads.has(word.text)) {
      const before = words[i - 1]
      const isNext = before !== undefined && /^[\s]+$/.test(text.slice(before.end, word.start))
      if (isNext && !general.has(before.text)) return [{ start: before.start, end: word.end }]
    }
    const isName = byEnding.test(word.text) && !others.has(word.text)
    return isName ? [{ start: word.start, end: word.end }] : []
  })
}

/** Its words, and its initials where it has two or more: MS for multiple sclerosis. */
function phraseFacts(text: string): string[] {
  const words = nameWords(text).map((word) => word.text)
  const initials = words.map((word) => word.charAt(0).toUpperCase()).join('')
  return [`words ${words.join(' ')}`, ...(words.length < 2 ? [] : [`initials ${initials}`])]
}
