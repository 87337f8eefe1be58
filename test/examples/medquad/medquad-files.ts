import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as tar from 'tar'
import { onTestFinished } from 'vitest'
import type { MedquadPair } from '../../../examples/medquad/data/medquad-pair.ts'

/** MedQuAD itself is not in this repository: $MEDQUAD names its folder or archive, else ../shared/medquad is tried. */
export const medquadFolder =
  process.env['MEDQUAD'] ?? fileURLToPath(new URL('../../../../shared/medquad', import.meta.url))
const packed = join(medquadFolder, 'medquad-xml.tar.gz')
export const medquad = existsSync(packed) ? packed : medquadFolder

/** An empty folder that is gone after the test. */
export async function tempFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'medquad-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** A folder with these files, path to text. */
export async function folderOf(files: Record<string, string | Uint8Array>): Promise<string> {
  const folder = await tempFolder()
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), text)
  }
  return folder
}

/** Packs a folder as GitHub does: everything under one top folder. Returns the archive's path. */
export async function archiveOf(folder: string, top = 'MedQuAD-577bd37', gzip = true): Promise<string> {
  const file = join(await tempFolder(), gzip ? 'medquad.tar.gz' : 'medquad.tar')
  await tar.c({ file, gzip, cwd: folder, prefix: top }, ['.'])
  return file
}

export const documentXml = `<?xml version="1.0" encoding="UTF-8"?>
<Document id="0000001" source="Alpha" url="https://example.org/a?x=1&amp;y=2">
 <!--a comment-->
<Focus>Blue fever</Focus>
<FocusAnnotations>
  <Category>Disease</Category>
  <UMLS>
    <CUIs><CUI>C0000001</CUI><CUI>C0000002</CUI></CUIs>
    <SemanticTypes><SemanticType>T047</SemanticType></SemanticTypes>
    <SemanticGroup>Disorders</SemanticGroup>
  </UMLS>
  <Synonyms><Synonym>Azure fever</Synonym></Synonyms>
</FocusAnnotations>
<QAPairs>
  <QAPair pid="1">
    <Question qid="0000001-1" qtype="information">What is (are) Blue fever ?</Question>
    <Answer>It isn&apos;t red &lt; 38 &#176;C.
        -  one</Answer>
  </QAPair>
  <QAPair pid="3">
    <Question qid="0000001-3" qtype="treatment">What are the treatments for Blue fever ?</Question>
    <Answer></Answer>
  </QAPair>
</QAPairs>
</Document>`

export const diseaseXml = `<?xml version="1.0" encoding="UTF-8"?>
<DiseaseFile fid="0000002" source="Beta" url="">
<Focus>Green cough</Focus>
<UMLS><CUI></CUI><SemanticType></SemanticType><SemanticGroup></SemanticGroup></UMLS>
<QAPairs><QAPair pid="7"><Question qid="0000002-7" qtype="causes">What causes Green cough ?</Question><Answer><![CDATA[Moss & fog.]]></Answer></QAPair></QAPairs>
</DiseaseFile>`

export const docXml = `<?xml version="1.0" encoding="UTF-8"?>
<doc docid="0000003" corpus="Gamma" url="https://example.org/c">
<doctitle-focus>Grey ache</doctitle-focus>
<umls><cui>C0000003</cui><semanticType>T184</semanticType><semanticGroup>Disorders</semanticGroup></umls>
<qaPairs><pair pid="1"><question qid="0000003-1" qtype="outlook">what is the outlook ?</question><answer>1234</answer></pair></qaPairs>
</doc>`

/** A file in each of the schemas, one without pairs, and two that are not to be read. */
export const someFiles = {
  'readme.txt': 'not XML',
  '1_Alpha_QA/0000001.xml': documentXml,
  '1_Alpha_QA/._0000001.xml': 'left by macOS',
  '1_Alpha_QA/0000009.xml': '<Document id="0000009" source="Alpha" url=""><Focus>None</Focus></Document>',
  '2_Beta_QA/0000002.xml': diseaseXml,
  '3_Gamma_QA/0000003.xml': docXml,
}

/** A pair with these fields and nothing else. */
export const pairWith = (fields: Partial<MedquadPair>): MedquadPair => ({
  id: 'c/1#1',
  collection: 'c',
  focus: '',
  cui: [],
  semanticTypes: [],
  semanticGroups: [],
  qid: '',
  qtype: 'information',
  question: 'Why?',
  answer: 'So.',
  source: '',
  url: '',
  ...fields,
})

/** The words of a text: lower-case letters and digits, apostrophes left out as MedQuAD often does. */
export const wordsOf = (text: string): string[] =>
  text
    .toLowerCase()
    .replace(/['\u2019]/g, '')
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '')
