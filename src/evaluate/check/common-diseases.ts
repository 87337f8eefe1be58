import type { SameNames } from './names.ts'

/** Diseases that many people have and whose names follow no rule, or that have two, a line each. */
const lines = `
high blood pressure, hypertension
low blood pressure, hypotension
heart attack, myocardial infarction
stroke, cerebrovascular accident
atrial fibrillation, afib
ventricular fibrillation
peripheral arterial disease, peripheral artery disease
transient ischemic attack, tia
diabetes, diabetes mellitus
asthma
chronic obstructive pulmonary disease, copd
pneumonia
common cold
flu, influenza
whooping cough, pertussis
tuberculosis
measles, rubeola
german measles, rubella
mumps
chickenpox, varicella
shingles, herpes zoster
smallpox
polio, poliomyelitis
tetanus, lockjaw
diphtheria
rabies
malaria
dengue, dengue fever
cholera
typhoid
plague
anthrax
ebola
zika
hiv
aids
syphilis
gonorrhea
chlamydia
sepsis
scabies
ringworm
impetigo
eczema, atopic dermatitis
hives, urticaria
acne
rosacea
vitiligo
lupus, systemic lupus erythematosus
gout
scoliosis
osteopenia
dementia
epilepsy
migraine
febrile seizures, febrile seizure
amyotrophic lateral sclerosis, als, lou gehrig's disease
multiple sclerosis
parkinson's disease, parkinson's, parkinsonism
alzheimer's disease, alzheimer's
huntington's disease, huntington's
essential tremor
autism
schizophrenia
depression
anxiety
bipolar disorder
attention deficit hyperactivity disorder, adhd
obesity
anorexia nervosa
insomnia
sleep apnea, sleep apnoea
gastroesophageal reflux disease, gerd, acid reflux
heartburn
hay fever, allergic rhinitis
gallstones
jaundice
kidney failure, renal failure
liver failure, hepatic failure
heart failure
preeclampsia, pre-eclampsia
endometriosis
blindness
deafness
cataract
glaucoma
macular degeneration
myopia, nearsightedness
hypothyroidism
hyperthyroidism
hypoparathyroidism
hyperparathyroidism
rickets
scurvy
leukemia, leukaemia
lymphoma
melanoma
hemophilia, haemophilia
cystic fibrosis
cerebral palsy
spina bifida
down syndrome, trisomy 21`

/** As the lists of `answerChecker`. */
export const commonDiseases: readonly SameNames[] = lines
  .trim()
  .split('\n')
  .map((line) => line.split(', '))
