import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { CpuBuild, CpuOptions } from 'peft-medaware'

/** The small Falcon-RW that comes with the recipe. */
export const baseFolder = fileURLToPath(new URL('base', import.meta.url))

const help = `Fine-tunes a 4-bit Falcon on MedQuAD's medical questions and answers with QLoRA.

  npm run medquad -- [options]

  --model SOURCE        a Falcon in Hugging Face's format: a folder, or owner/name[@revision] on the Hub
                        (default: the small one of examples/medquad/base)
  --data DIR|FILE       MedQuAD as XML or .tar.gz, or pairs as .jsonl, .csv, .tsv or .parquet; default: downloaded once
  --paper               the 16,407 pairs of the paper instead of all 16,423
  --device WHICH        auto, cpu or webgpu                 (auto)
  --threads N           of the CPU engine                   (all cores)
  --build NAME          of the CPU engine: simd, relaxed or wide
                        (relaxed where there is any; wide is faster in Node 24 and later with AVX2)
  --steps N             optimiser steps                     (STEPS)
  --batch N             questions of a forward pass         (4)
  --accumulate N        forward passes of a step            (4)
  --lr X                peak learning rate                  (4e-3)
  --max-length N        tokens of a question and answer     (256)
  --eval N              held-out questions to measure on    (96)
  --gradient-checkpointing   less memory and more time for the same result
  --seed N              (42)
  --save-steps N        steps between two checkpoints in --out    (50)
  --profile             time, calls and speed of each kernel of the training
  --out DIR             where the results go                (out/medquad)
  --resume              go on from the checkpoint in --out
  --help

Ctrl-C saves a checkpoint as well. The result is a demonstration, and no medical advice.`

const DEFAULT_STEPS = 300

/** What the recipe was asked for. */
export type Options = ReturnType<typeof parseOptions>

/** Reads the command line; prints the help and leaves on --help, and says what is wrong on a bad flag. */
export function parseOptions(args: readonly string[]) {
  const text = help.replace('STEPS', String(DEFAULT_STEPS))
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        model: { type: 'string', default: baseFolder },
        data: { type: 'string' },
        paper: { type: 'boolean', default: false },
        device: { type: 'string', default: 'auto' },
        threads: { type: 'string' },
        build: { type: 'string' },
        steps: { type: 'string', default: String(DEFAULT_STEPS) },
        batch: { type: 'string', default: '4' },
        accumulate: { type: 'string', default: '4' },
        lr: { type: 'string', default: '4e-3' },
        'max-length': { type: 'string', default: '256' },
        eval: { type: 'string', default: '96' },
        'gradient-checkpointing': { type: 'boolean', default: false },
        seed: { type: 'string', default: '42' },
        out: { type: 'string', default: 'out/medquad' },
        'save-steps': { type: 'string', default: '50' },
        profile: { type: 'boolean', default: false },
        resume: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
    if (values.help) {
      console.log(text)
      process.exit(0)
    }
    return {
      ...values,
      device: deviceName(values.device),
      cpu: {
        profile: values.profile,
        ...cpuOptions(values),
      },
      webgpu: { profile: values.profile },
      steps: whole('steps', values.steps),
      saveSteps: whole('save-steps', values['save-steps']),
      batch: whole('batch', values.batch),
      accumulate: whole('accumulate', values.accumulate),
      lr: positive('lr', values.lr),
      maxLength: whole('max-length', values['max-length']),
      eval: whole('eval', values.eval),
      seed: whole('seed', values.seed, 0),
    }
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${text}`)
    process.exit(2)
  }
}

/** A value of --device. @throws Error for any other. */
export function deviceName(value: string): 'auto' | 'cpu' | 'webgpu' {
  if (value === 'auto' || value === 'cpu' || value === 'webgpu') return value
  throw new Error(`--device must be auto, cpu or webgpu, got ${value}`)
}

/** What --threads and --build ask of the CPU engine. */
export function cpuOptions({ threads, build }: { threads?: string | undefined; build?: string | undefined }): CpuOptions {
  return {
    ...(threads !== undefined && { threads: whole('threads', threads) }),
    ...(build !== undefined && { build: buildName(build) }),
  }
}

function buildName(value: string): CpuBuild {
  if (value === 'simd' || value === 'relaxed' || value === 'wide') return value
  throw new Error(`--build must be simd, relaxed or wide, got ${value}`)
}

function whole(name: string, value: string, least = 1): number {
  const number = Number(value)
  if (Number.isInteger(number) && number >= least) return number
  throw new Error(`--${name} must be a whole number from ${least}, got ${value}`)
}

function positive(name: string, value: string): number {
  const number = Number(value)
  if (number > 0 && Number.isFinite(number)) return number
  throw new Error(`--${name} must be above 0, got ${value}`)
}
