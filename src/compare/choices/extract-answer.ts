import { anyText, listOf, readArgument } from '../../core/options.ts'
import { ChoiceNames, withoutMarks } from './choice-names.ts'

/** By which step of the rule an answer was found. */
export type ExtractionStep = 'answer is' | 'line' | 'beginning' | 'mention' | 'words'

/** What an answer was read as. */
export interface ExtractedAnswer {
  /** The place of the choice. */
  readonly choice: number
  readonly step: ExtractionStep
}

/** The rule in words, to stand beside every score that rests on it. */
export const extractionRule = `What an answer chooses is found by these steps; the first that finds a choice decides.
1. answer is: what the last "answer is X", "answer: X" or \\boxed{X} names; "option" and "choice" are as good a word.
2. line: the last line that is a choice and nothing else: "B", "(B)", "B. its words" or "**yes**".
3. beginning: the choice that it begins with, if a mark or the line's end follows: "B. …", "Yes, …".
4. mention: "(B)" or "option B" anywhere, where all of these are of one letter.
5. words: the words of an option, where those of no other are there. Yes, no and the like are too common for it.
Letters are capital, but for "(b)" and "answer is b."; what stands before </think> is not read.
What no step finds is wrong.`

/**
 * Finds which choice a text names, by `extractionRule`. It is a strict relative of the filters that
 * lm-evaluation-harness 0.4.13 has for answers that are generated. Step 1 is strict-match of mmlu_flan_cot_zeroshot and
 * gpqa_cot_zeroshot, `(?<=answer is )(.*)(?=.)`, for what is a choice; step 3 is what mmlu_generative compares, the
 * first line; steps 4 and 5 are multi_choice_regex, `(\([A-Z]\))` and its fallback to the options' words. Where the
 * harness takes the last letter of several, a text that names several is not read here.
 * @param choices What may be answered: letters, or words such as yes, no and maybe.
 * @param options What letters stand for. Default: the choices themselves.
 * @returns `null` where no step finds one.
 * @throws MedAwareError `config` for what are no texts.
 */
export function extractAnswer(
  text: string,
  choices: readonly string[],
  options: readonly string[] = choices,
): ExtractedAnswer | null {
  const who = 'extractAnswer'
  const whole = readArgument(who, 'text', text, anyText)
  const names = new ChoiceNames(
    readArgument(who, 'choices', choices, listOf(anyText, 2)),
    readArgument(who, 'options', options, listOf(anyText, 2)),
  )
  const said = withoutMarks(withoutThoughts(whole))
  const steps: Readonly<Record<ExtractionStep, () => number | null>> = {
    'answer is': () => behindAnswer(said, names),
    line: () => lastLine(said, names),
    beginning: () => names.beginning(said.trimStart()),
    mention: () => names.onlyLetter(said),
    words: () => names.onlyWords(said),
  }
  for (const [step, find] of Object.entries(steps) as [ExtractionStep, () => number | null][]) {
    const choice = find()
    if (choice !== null) return { choice, step }
  }
  return null
}

/** Reasoning models think aloud; who is cut off in it has answered nothing. */
function withoutThoughts(text: string): string {
  const end = text.lastIndexOf('</think>')
  if (end >= 0) return text.slice(end + '</think>'.length)
  return /^\s*<think>/.test(text) ? '' : text
}

const announced =
  /(?:\b(?:answer|option|choice)\s*(?:is|would be|should be|:)\s*:?\s*(?:most likely |probably |likely )?(?:option |choice |letter )?|\\boxed\{(?:\\text\{)?)\s*/gi

function behindAnswer(said: string, names: ChoiceNames): number | null {
  const found = [...said.matchAll(announced)].map((match) => names.named(said.slice(match.index + match[0].length)))
  return found.findLast((choice) => choice !== null) ?? null
}

function lastLine(said: string, names: ChoiceNames): number | null {
  const found = said.split('\n').map((line) => names.whole(line))
  return found.findLast((choice) => choice !== null) ?? null
}
