import type { Row } from '../../data/dataset.ts'
import type { Question } from '../../evaluate/question.ts'
import type { BenchmarkFiles, BenchmarkSource } from './benchmark-source.ts'

const pubmedqa = 'pubmedqa/pubmedqa/1cbae8e92f72f20c8d3747cbb3bf5bc53554d997/data'
const mirage = 'Teddy-XiongGZ/MIRAGE/224ebe9a721e1bc525a07b10eceb01ed52df7b29/rawdata'
const mmlu = 'HaeChan0305/MLILAB-FedLLM/d92730e8bacd7b3a61e551e015e40588e10234b4/data/mmlu'

const letters = ['A', 'B', 'C', 'D']
const labels = ['yes', 'no', 'maybe']
const text = (value: unknown) => (typeof value === 'string' ? value : '')

/** A row of ori_pqal.json: its contexts are joined by newlines, as the harness does. */
function pubmedqaQuestion(row: Row): Question {
  const { id, QUESTION, CONTEXTS, final_decision: decision } = row
  const context = Array.isArray(CONTEXTS) ? CONTEXTS.map(text).join('\n') : ''
  return { id: text(id), question: text(QUESTION), context, options: labels, answer: labels.indexOf(text(decision)) }
}

function medqaQuestion({ question, options, answer_idx: answer }: Row, index: number): Question {
  const byLetter = (options ?? {}) as Readonly<Record<string, unknown>>
  return {
    id: `medqa-${String(index).padStart(4, '0')}`,
    question: text(question),
    options: letters.map((letter) => text(byLetter[letter])),
    answer: letters.indexOf(text(answer)),
  }
}

/** A row of dev.json, whose `cop` counts from 1; Hugging Face's copy counts from 0. */
function medmcqaQuestion({ id, question, opa, opb, opc, opd, cop }: Row): Question {
  return { id: text(id), question: text(question), options: [opa, opb, opc, opd].map(text), answer: Number(cop) - 1 }
}

/** A line of a subject's CSV. */
function mmluQuestion(row: Row, index: number): Question {
  const options = [0, 1, 2, 3].map((i) => text(row[`choice${i}`]))
  return { id: String(index), question: text(row['question']), options, answer: Number(row['answer']) }
}

function subject(name: string, rows: number, sha256: string, examples: string): [string, BenchmarkFiles] {
  const file = (split: string, count: number, digest: string): BenchmarkSource => {
    return { path: `${mmlu}/${split}/${name}_${split}.csv`, question: mmluQuestion, rows: count, sha256: digest }
  }
  return [`mmlu_${name}`, { questions: file('test', rows, sha256), examples: file('dev', 5, examples) }]
}

/** The files of each task that has some, at commits whose content is known. */
export const benchmarkFiles: ReadonlyMap<string, BenchmarkFiles> = new Map<string, BenchmarkFiles>([
  [
    'pubmedqa',
    {
      questions: {
        path: `${pubmedqa}/ori_pqal.json`,
        chosenBy: `${pubmedqa}/test_ground_truth.json`,
        question: pubmedqaQuestion,
        rows: 500,
        sha256: '9c9de4b81ba06ef17acfbf2105a144c22ac621fdd718c94e9015564cbb69d331',
      },
      examples: {
        path: `${pubmedqa}/ori_pqal.json`,
        chosenBy: `${pubmedqa}/test_ground_truth.json`,
        isOfOthers: true,
        question: pubmedqaQuestion,
        rows: 500,
        sha256: 'f51f9c06562e8b54188017ee908c0da44d6ee98cd83c2f5818338b3bd1dc5820',
      },
    },
  ],
  [
    'medqa_4options',
    {
      questions: {
        path: `${mirage}/medqa/data_clean/questions/US/4_options/phrases_no_exclude_test.jsonl`,
        question: medqaQuestion,
        rows: 1273,
        sha256: '9b3396acadc21c041065b2f716bb1b352eb0d1e7e2b6497588663237fc8b7b8c',
      },
    },
  ],
  [
    'medmcqa',
    {
      questions: {
        path: `${mirage}/medmcqa/data/dev.json`,
        question: medmcqaQuestion,
        rows: 4183,
        sha256: '390d8e9a14d4f0bb2db36a196dba90c20080853517cab2423eb5f7ff127bf055',
      },
    },
  ],
  subject(
    'anatomy',
    135,
    '92ab18c1274adec6d179ec7fb82fe2e181dab4795b57493ec75b7dbd878c0331',
    '32c13e6b59ae93274adf55b2ab115a96d2bae35dae1aa51fb1a50b089e3559b5',
  ),
  subject(
    'clinical_knowledge',
    265,
    '8ce4af7a2c3497d4258c68f52395129378594e1d085950fa98eb3a3dd0de808e',
    'f2fc09dba3f70f706652397f2d7a82757eda7cec93d2e689fd20b8c479f2ef8f',
  ),
  subject(
    'college_biology',
    144,
    '95118637b0ea4f340a213596f74a9fb1528f050591372dd57278e383409d733f',
    'eaf5a16273e0602b08174a77353150cef57ac29ed483b0748e6af415f0cb900f',
  ),
  subject(
    'college_medicine',
    173,
    '6b3bcfc2dc0d2aeec950096d58b594aa5c70a74282089b5ddf04d97d940e238c',
    '9a5400b054c9f7e1e583e74efb0db9cf62f59178ffc2cb8bd2d619ee86eb3ac2',
  ),
  subject(
    'medical_genetics',
    100,
    '97e536a6c9e4b01014b2759e64d4bce4477db59faff297a4e4986ccc397e783e',
    'acb13c00a66f5740853b42011e0478033e008cf2c79f944c11c8e877f51847c7',
  ),
  subject(
    'professional_medicine',
    272,
    '9f4b3cf28fe4514f573e4cf81219018b42a95eb10ba0ec31f3e8996b305f712f',
    '525d91fa811f55265c7cb36d9c239308832b7083163c20eb63f81454b66057fc',
  ),
])
