import { loadDataset, loadModel, MedAwareError, openDevice, ProgressLine, train } from 'peft-medaware'
import { settings } from './settings.js'

const { model: source, data, adapter, maxSteps, batchSize, learningRate } = settings
const line = new ProgressLine(process.stderr)

// Ctrl-C saves a checkpoint first; `npm start -- --resume` goes on from it.
const stop = new AbortController()
process.once('SIGINT', () => stop.abort())

// WebGPU needs `npm install webgpu`; without a GPU, all cores of the CPU do the work.
const { device, reason } = await openDevice()
console.log(`${device.description}: ${reason}`)

// The model is frozen, in 4 bits; only the adapter is trained.
const { model, tokenizer } = await loadModel(source, {
  device,
  quantize: { type: 'nf4' },
  onProgress: line.load,
  onWarning: line.warn,
})

try {
  const { trainLoss, step } = await train(model, await loadDataset(data), {
    tokenizer,
    peftConfig: { peftType: 'LORA', r: 16, loraAlpha: 32, targetModules: 'all-linear' },
    maxSteps,
    batchSize,
    learningRate,
    schedule: 'cosine',
    warmup: 0.05,
    outputDir: adapter,
    resumeFromCheckpoint: process.argv.includes('--resume'),
    signal: stop.signal,
    callbacks: [line.training, { name: 'losses', onStepEnd: logLoss }],
    onWarning: line.warn,
  })
  line.clear()
  console.log(`${step} steps, mean loss ${trainLoss.toFixed(3)}. The adapter is in ${adapter}/; now: npm run chat`)
} catch (error) {
  line.clear()
  if (stop.signal.aborted) console.log('stopped; npm start -- --resume goes on')
  else if (error instanceof MedAwareError) console.error(error.message)
  else throw error
  process.exitCode = stop.signal.aborted ? 130 : 1
} finally {
  device.dispose()
}

/** @param {import('peft-medaware').StepReport} report */
function logLoss({ step, steps, loss }) {
  if (step !== 1 && step !== steps && step % 10 !== 0) return
  line.say(`step ${step}/${steps}: loss ${loss.toFixed(3)}`)
}
