import { version } from '../../core/version.ts'

/** How a recipe is launched. */
export interface Launch {
  /** Processes in all, one a GPU. */
  readonly processes: number
  readonly mixedPrecision: 'no' | 'bf16'
  /** Whether they run on CPUs, and speak by gloo. */
  readonly cpu: boolean
}

/** `accelerate.yaml`. */
export function accelerateConfig({ processes, mixedPrecision, cpu }: Launch): string {
  // By MULTI_CPU accelerate leaves it to MPI to start processes; by MULTI_GPU torchrun does, also on CPUs.
  const type = processes === 1 ? 'NO' : 'MULTI_GPU'
  return `# accelerate config asks about all of these; more machines are num_machines, main_process_ip and machine_rank.
compute_environment: LOCAL_MACHINE
distributed_type: ${type}
num_processes: ${processes}
num_machines: 1
machine_rank: 0
mixed_precision: '${mixedPrecision}'
use_cpu: ${cpu}
`
}

/** `requirements.txt`: the versions that recipes are tried with. */
export const requirements = `accelerate==1.15.*
bitsandbytes==0.50.*
peft==0.21.*
safetensors
torch>=2.13
transformers==5.23.*
`

/** What a reader is told of a run. */
export interface RecipeFacts {
  readonly model: string
  readonly step: number
  readonly steps: number
  readonly examplesPerStep: number
  /** In what the run goes on otherwise than here. */
  readonly notes: readonly string[]
}

/** `README.md`. */
export function recipeReadme({ model, step, steps, examplesPerStep, notes }: RecipeFacts): string {
  const told = notes.map((note) => `- ${note}.\n`).join('')
  return `# A training of ${model}, to be gone on with in Python

peft-medaware ${version} trained ${step} of ${steps} steps. \`train.py\` does the other ${steps - step}, with PEFT, bitsandbytes and
transformers' Trainer:

    pip install -r requirements.txt
    accelerate launch --config_file accelerate.yaml train.py

The adapter and its log come into \`output/\`. For other machines edit \`accelerate.yaml\`, for another place of the base
\`model\` in \`recipe.json\`. Any number of processes learns the same: a step has ${examplesPerStep} examples, shared between them.

| file                    | what it has                                                                       |
| ----------------------- | --------------------------------------------------------------------------------- |
| \`train.py\`              | the training                                                                      |
| \`recipe.json\`           | its settings                                                                      |
| \`accelerate.yaml\`       | processes and machines                                                            |
| \`examples.safetensors\`  | ids and labels, the examples of each step that is left, and its learning rate     |
| \`adapter/\`              | the adapter as far as it was trained, in PEFT's files                             |
| \`optimizer.safetensors\` | AdamW's moments, by the names of PEFT's parameters                                |

## What differs

- Random numbers of dropout are torch's, so losses are equal only where dropout is 0.
- Sums are in another order, so losses agree to about four digits, not to the last bit.
${told}`
}
