import { MedAwareError } from '../../core/errors.ts'
import { readArgument } from '../../core/options.ts'
import type { AdapterRecord } from '../webgpu/programs/adapter-record.ts'
import { type Binding, type Device, deviceRule } from '../device.ts'
import { kernels, type KernelName } from '../register/kernels.ts'
import { type SelfTestCase, selfTestCases } from './cases.ts'
import type { TestNumbers } from '../register/kernel-call.ts'
import { isTwin, programName } from '../webgpu/programs/candidates.ts'
import type { WebGpuDevice } from '../webgpu/webgpu-device.ts'

/** A program that gave another answer than the CPU engine, or none. */
export interface SelfTestFailure {
  readonly kernel: KernelName
  /** Its text and the values of its constants. */
  readonly program: string
  /** Whether it is the kernel's own program, without which there is none for some calls. */
  readonly isTwin: boolean
  /** What it does wrong, in words. */
  readonly reason: string
}

/** What a self-test found. */
export interface SelfTestReport {
  /** Programs that were run. */
  readonly programs: number
  /** Calls whose answers were compared. */
  readonly calls: number
  readonly failures: readonly SelfTestFailure[]
  readonly milliseconds: number
}

/** A program under test. */
interface Entrant {
  readonly kernel: KernelName
  readonly program: string
  readonly isTwin: boolean
  /** Largest error that is not wrong, as a share of the largest number expected. */
  readonly tolerance: number
  readonly takes: (params: SelfTestCase['params']) => boolean
  run(bindings: Readonly<Record<string, Binding | null>>, params: SelfTestCase['params']): void
  /** Resolves to null, or to why there is no such program. */
  compile(): Promise<string | null>
}

type Written = Readonly<Record<string, TestNumbers>>

/** What rounding and the functions of a GPU explain; wrong kernels are off by far more. */
const usualTolerance = 1e-4

/**
 * Runs every program that a device may choose on small inputs, and compares what it writes with the CPU engine's
 * answers. The device stays as it is: `openDevice` is what acts on the report.
 * @throws MedAwareError `device` when the device is lost.
 */
export async function selfTest(device: Device): Promise<SelfTestReport> {
  readArgument('selfTest', 'device', device, deviceRule)
  const start = performance.now()
  const cases = selfTestCases()
  const expected = await answersOfCpu(cases)
  const entrants = entrantsOf(device).filter(({ kernel, takes }) =>
    cases.some((one) => one.kernel === kernel && takes(one.params)),
  )
  const refusals = await Promise.all(entrants.map((entrant) => entrant.compile()))
  const trials = entrants.flatMap((entrant, i) => {
    if (refusals[i] !== null) return []
    const own = cases.filter(({ kernel, params }) => kernel === entrant.kernel && entrant.takes(params))
    return own.map((one) => ({ entrant, one }))
  })
  const answers = await Promise.all(trials.map(({ entrant, one }) => answerOf(device, one, entrant)))
  const reasons = new Map<Entrant, string>()
  for (const [i, entrant] of entrants.entries()) {
    const refusal = refusals[i] ?? null
    if (refusal !== null) reasons.set(entrant, `does not compile (${refusal})`)
  }
  for (const [i, { entrant, one }] of trials.entries()) {
    const reason = difference(one, answers[i] ?? {}, expected.get(one) ?? {}, entrant.tolerance)
    if (reason !== null && !reasons.has(entrant)) reasons.set(entrant, reason)
  }
  const failures = [...reasons].map(([{ kernel, program, isTwin }, reason]) => ({ kernel, program, isTwin, reason }))
  const { size } = new Set(trials.map(({ entrant }) => entrant))
  return { programs: size, calls: trials.length, failures, milliseconds: performance.now() - start }
}

/**
 * The self-test of a device that is about to be used, once for an adapter and its driver: programs that fail are
 * struck.
 * @throws MedAwareError `device` for a kernel whose own program fails; the device is disposed of.
 */
export async function passSelfTest(device: WebGpuDevice, record: AdapterRecord | null): Promise<void> {
  if (record?.findings.isTested === true) return
  try {
    const { failures } = await selfTest(device)
    const fatal = failures.find(({ isTwin }) => isTwin)
    if (fatal !== undefined) {
      throw new MedAwareError(
        'device',
        `webgpu: kernel ${fatal.kernel} fails the self-test, it ${fatal.reason} on ${device.description}; ` +
          `use { device: 'cpu' }`,
      )
    }
    const struck = failures.map(({ program }) => program)
    for (const program of struck) device.programs.choices.strike(program)
    await record?.add({ struck, isTested: true })
  } catch (error) {
    device.dispose()
    throw error
  }
}

function entrantsOf(device: Device): Entrant[] {
  return isWebGpu(device) ? programsOf(device) : kernelsOf(device)
}

function isWebGpu(device: Device): device is WebGpuDevice {
  return device.kind === 'webgpu'
}

function programsOf(device: WebGpuDevice): Entrant[] {
  return [...device.programs.all.values()].flatMap((own) =>
    own.map((variant) => ({
      kernel: variant.kernel,
      program: programName(variant),
      isTwin: isTwin(variant),
      tolerance: variant.tolerance ?? usualTolerance,
      takes: (params) => variant.takes(params),
      run: (bindings, params) => device.runProgram(variant, bindings as never, params as never),
      compile: () => device.programs.pipelines.compile(variant),
    })),
  )
}

function kernelsOf(device: Device): Entrant[] {
  return (Object.keys(kernels) as KernelName[]).map((kernel) => ({
    kernel,
    program: kernel,
    isTwin: true,
    tolerance: usualTolerance,
    takes: () => true,
    run: (bindings, params) => device.run(kernel, bindings as never, params as never),
    compile: () => Promise.resolve(null),
  }))
}

async function answersOfCpu(cases: readonly SelfTestCase[]): Promise<ReadonlyMap<SelfTestCase, Written>> {
  const { openCpuDevice } = await import('../cpu/cpu-device.ts')
  const cpu = await openCpuDevice({ build: 'simd', threads: 1 })
  const entrants = new Map(kernelsOf(cpu).map((entrant) => [entrant.kernel, entrant]))
  try {
    const answers = new Map<SelfTestCase, Written>()
    for (const one of cases) {
      const entrant = entrants.get(one.kernel)
      if (entrant !== undefined) answers.set(one, await answerOf(cpu, one, entrant))
    }
    return answers
  } finally {
    cpu.dispose()
  }
}

/** What a program writes. */
async function answerOf(device: Device, one: SelfTestCase, entrant: Entrant): Promise<Written> {
  const bindings: Record<string, Binding | null> = {}
  try {
    for (const [name, numbers] of Object.entries({ ...one.reads, ...one.writes })) {
      bindings[name] = numbers === null ? null : place(device, numbers, name)
    }
    entrant.run(bindings, one.params)
    const written = Object.entries(one.writes).map(async ([name, before]) => {
      const bytes = await device.download(bindings[name] as Binding)
      const Numbers = before.constructor as new (buffer: ArrayBuffer) => TestNumbers
      return [name, new Numbers(bytes.buffer)] as const
    })
    return Object.fromEntries(await Promise.all(written))
  } finally {
    for (const binding of Object.values(bindings)) if (binding) device.memory.release(binding.buffer)
  }
}

function place(device: Device, numbers: TestNumbers, label: string): Binding {
  const { byteLength } = numbers
  // Outside all scopes: answers are waited for, and a scope of the caller's may close before.
  const buffer = device.memory.rooted(() => device.memory.allocate(Math.ceil(byteLength / 4) * 4, label))
  const binding = { buffer, byteOffset: 0, byteLength }
  device.upload(binding, numbers)
  return binding
}

/** How an answer differs from what is expected, by more than is allowed; else null. */
function difference(one: SelfTestCase, written: Written, expected: Written, tolerance: number): string | null {
  for (const [name, right] of Object.entries(expected)) {
    const got = written[name] ?? []
    let [largest, worst, at] = [0, 0, 0]
    for (let i = 0; i < right.length; i++) {
      largest = Math.max(largest, Math.abs(right[i] ?? 0))
      const error = Math.abs((got[i] ?? NaN) - (right[i] ?? NaN))
      if (error <= worst) continue
      // NaN, too, and nothing is worse.
      ;[worst, at] = [error, i]
      if (Number.isNaN(error)) break
    }
    const allowed = right instanceof Uint8Array ? one.codeSteps : tolerance * largest
    if (worst <= allowed) continue
    const call = Object.entries(one.params).map(([param, value]) => `${param} ${value}`)
    return (
      `gives ${name}[${at}] = ${got[at]} instead of ${right[at]}, off by ${worst} where ${allowed} is allowed ` +
      `(${call.join(', ')})`
    )
  }
  return null
}
