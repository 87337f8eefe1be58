import type { SameNames } from './names.ts'

/** Medicines and classes that many people have and whose names follow no stem, a line each; a comma parts its names. */
const lines = `
acetaminophen, paracetamol, tylenol, panadol
aspirin, acetylsalicylic acid
ibuprofen, advil, motrin, nurofen
naproxen, aleve, naprosyn
diclofenac, voltaren
celecoxib, celebrex
codeine
morphine
oxycodone, oxycontin
hydrocodone, vicodin
tramadol, ultram
fentanyl
methadone
warfarin, coumadin
heparin
apixaban, eliquis
rivaroxaban, xarelto
dabigatran, pradaxa
clopidogrel, plavix
digoxin
amiodarone
verapamil
nifedipine, procardia
amlodipine, norvasc
metoprolol, lopressor, toprol
propranolol, inderal
furosemide, frusemide, lasix
hydrochlorothiazide
spironolactone, aldactone
hydralazine
atorvastatin, lipitor
rosuvastatin, crestor
simvastatin, zocor
ezetimibe, zetia
insulin
metformin, glucophage
glyburide, glibenclamide
glipizide
semaglutide, ozempic, wegovy
levothyroxine, synthroid
liothyronine
propylthiouracil
estrogen, oestrogen
progesterone
testosterone
prednisone, deltasone
hydrocortisone, cortisol
dexamethasone
albuterol, salbutamol, ventolin
fluticasone, flovent
montelukast, singulair
theophylline
epinephrine, adrenaline, epipen
diphenhydramine, benadryl
cetirizine, zyrtec
loratadine, claritin
pseudoephedrine, sudafed
guaifenesin
omeprazole, prilosec
esomeprazole, nexium
famotidine, pepcid
bismuth subsalicylate, pepto-bismol
loperamide, imodium
ondansetron, zofran
allopurinol, zyloprim
colchicine
probenecid
lithium
valproate, valproic acid, depakote, depakene
phenytoin, dilantin
carbamazepine, tegretol
lamotrigine, lamictal
gabapentin, neurontin
pregabalin, lyrica
topiramate, topamax
levetiracetam, keppra
levodopa
carbidopa
amantadine
memantine, namenda
donepezil, aricept
bupropion, wellbutrin
venlafaxine, effexor
duloxetine, cymbalta
fluoxetine, prozac
sertraline, zoloft
alprazolam, xanax
diazepam, valium
zolpidem, ambien
melatonin
methylphenidate, ritalin
penicillin
amoxicillin, amoxil
azithromycin, zithromax
ciprofloxacin, cipro
doxycycline, vibramycin
trimethoprim
nitrofurantoin
isoniazid
rifampin, rifampicin
quinine
quinidine
chloroquine
hydroxychloroquine, plaquenil
ivermectin
permethrin
interferon
ribavirin
oseltamivir, tamiflu
acyclovir, aciclovir, zovirax
methotrexate
azathioprine, imuran
cyclophosphamide
cyclosporine, ciclosporin
tacrolimus
sulfasalazine
hydroxyurea, hydroxycarbamide
adalimumab, humira
etanercept, enbrel
infliximab, remicade
rituximab, rituxan
trastuzumab, herceptin
imatinib, gleevec
tamoxifen
cisplatin
octreotide, sandostatin
alendronate, fosamax
ibandronate, boniva
nitroglycerin, glyceryl trinitrate
sildenafil, viagra
botulinum toxin, botox
folic acid
potassium citrate
potassium chloride
statins, statin
beta blockers, beta-blocker
calcium channel blockers, calcium channel blocker
ace inhibitors, ace inhibitor
angiotensin receptor blockers
proton pump inhibitors, proton pump inhibitor
mao inhibitors, mao-b inhibitor, maoi
protease inhibitors, protease inhibitor
nsaid, nonsteroidal anti-inflammatory drugs, nonsteroidal anti-inflammatory drug
corticosteroid, steroid
diuretic, water pill
thiazide
anticoagulant, blood thinner
antihistamine
antidepressant
tricyclic antidepressant
antipsychotic
anticonvulsant
opioid
bisphosphonate
benzodiazepine
immunosuppressant`

/** As the lists of `answerChecker`. */
export const commonDrugs: readonly SameNames[] = lines
  .trim()
  .split('\n')
  .map((line) => line.split(', '))
