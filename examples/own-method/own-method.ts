/**
 * An adapter method of one's own: every adapted projection learns by how much to amplify each of its outputs. A row in
 * the table of methods is all it takes; attaching, training, files, merging, counts and plans come with it.
 *
 *   npx tsx examples/own-method/own-method.ts [MODEL]
 */
import { adapterFiles, evaluateLoss, loadModel, openAdapter, openDevice, promptCompletionExample } from 'peft-medaware'
import { type Tensor, TrainingRun } from 'peft-medaware'
import { add, mul, reshape } from 'peft-medaware/ops'
import * as peft from 'peft-medaware/peft'

interface GainConfig extends peft.AdapterConfig, Pick<peft.TargetNames, 'targetModules' | 'excludeModules'> {
  readonly strength: number
}

/** y = (1 + strength · g) ∘ project(x), with g f32 [out]. */
class Gain extends peft.LinearAdapter {
  constructor(
    readonly g: Tensor,
    readonly strength: number,
  ) {
    super({ gain_g: g })
  }

  forward(x: Tensor, project: peft.Project): Tensor {
    return this.#amplified(project(x), this.g)
  }

  mergeWeight(weight: Tensor): Tensor {
    return this.#amplified(weight, reshape(this.g, [-1, 1]))
  }

  override mergeBias(bias: Tensor): Tensor {
    return this.#amplified(bias, this.g)
  }

  describe(): string {
    return `strength ${this.strength}`
  }

  #amplified(y: Tensor, by: Tensor): Tensor {
    return add(y, mul(mul(y, by), this.strength))
  }
}

const targets = { targetModules: 'all-linear', excludeModules: null } as const
peft.registerMethod({
  peftType: 'GAIN',
  name: 'Gain',
  card: { about: 'An adapter that amplifies the outputs of projections,', tags: [] },
  fields: peft.configFields<GainConfig>({
    defaults: { peftType: 'GAIN', strength: 1, ...targets, ...peft.commonDefaults },
    rules: { strength: peft.number(), ...peft.targetRules, ...peft.commonRules, peftType: peft.isType('GAIN') },
  }),
  describe: ({ strength }: GainConfig) => `strength=${strength}`,
  places: (model, config: GainConfig, { who, isPartialOk }) =>
    peft.findTargets(model, config, { patterns: new peft.NamePatterns(who), isPartialOk }).map(({ path, layer }) => {
      const shapes = { gain_g: [layer.outFeatures] }
      const adapter = ({ gain_g }: Record<'gain_g', Tensor>) => new Gain(gain_g, config.strength)
      return peft.linearPlace({ path, layer, shapes, start: () => undefined, adapter })
    }),
})

const { device } = await openDevice({ device: 'cpu' })
const { model, tokenizer } = await loadModel(process.argv[2] ?? 'examples/medquad/base', { device, quantize: {} })
const example = tokenizer && promptCompletionExample(tokenizer, { prompt: 'What is gout?', completion: ' Pain.' })
if (!example) throw new Error('the model has no tokenizer')
const adapter = peft.attachAdapter(model, { peftType: 'GAIN', strength: 2 })
const run = new TrainingRun(model, [example], { maxSteps: 8, learningRate: 2e-2 })
for await (const { step, loss } of run) if (step === 1) console.log('before', loss.toFixed(3))
const showLoss = async (when: string) => console.log(when, (await evaluateLoss(model, [example])).loss.toFixed(3))
await showLoss('trained')
const files = [...(await adapterFiles(adapter))].map(([name, bytes]) => new File([new Uint8Array(bytes)], name))
adapter.detach()
const opened = await openAdapter(model, files)
await showLoss('opened')
opened.merge()
await showLoss('merged')
device.dispose()
