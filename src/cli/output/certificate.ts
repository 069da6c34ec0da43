/** What a certification found, in words. */
import { duration, plural } from '../../results/format.js'
import type { Certificate, CertifiedStage } from '../../runtime/certify/certificate.js'
import type { Tolerance } from '../../runtime/certify/tolerance.js'
import type { ArtifactDifference, Verdict } from '../../runtime/certify/verdict.js'
import { renderTable } from './table.js'

const describeDifference = (difference: ArtifactDifference): string => {
  switch (difference.type) {
    case 'missing-file':
      return `${difference.file} is not made any more`
    case 'new-file':
      return `${difference.file} was not there before`
    case 'bytes':
      return `${difference.file} differs from byte ${difference.offset} on`
    case 'summary':
      return `${difference.figure} ${JSON.stringify(difference.stored)} → ${JSON.stringify(difference.now)}`
  }
}

const describeTolerance = (tolerance: Tolerance | null): string => {
  if (tolerance === null || tolerance.type === 'exact') return 'none allowed'
  return tolerance.type === 'absolute' ? `${tolerance.within} allowed` : `${100 * tolerance.within} % allowed`
}

/** The figure that differs most in proportion to its tolerance. */
const worstFigure = ({ figures }: CertifiedStage): string | undefined => {
  const share = ({ difference, tolerance, stored }: CertifiedStage['figures'][number]): number => {
    if (difference === null || tolerance === null || tolerance.type === 'exact') return Infinity
    return difference / (tolerance.type === 'absolute' ? tolerance.within : tolerance.within * Math.abs(Number(stored)))
  }
  const [worst] = [...figures].sort((a, b) => share(b) - share(a))
  if (worst === undefined || worst.difference === null) return undefined
  const { figure, stored, now, tolerance } = worst
  return `${figure} ${JSON.stringify(stored)} → ${JSON.stringify(now)} (${describeTolerance(tolerance)})`
}

export const saidVerdicts: Readonly<Record<Verdict, string>> = {
  identical: 'identical',
  'within-tolerance': 'within tolerance',
  'same-shape': 'same shape',
  differs: 'DIFFERS',
  damaged: 'DAMAGED',
  failed: 'FAILED',
}

const describeFinding = (stage: CertifiedStage): string => {
  if (stage.failure !== null) return stage.failure.message
  const found = stage.difference === null ? '' : describeDifference(stage.difference)
  const worst = stage.difference?.type === 'summary' ? undefined : worstFigure(stage)
  const why = stage.compared.of === 'bytes' ? '' : `${stage.compared.of} compared: ${stage.compared.why}`
  return [found, worst ?? '', why].filter((part) => part !== '').join('; ')
}

export const renderCertificate = (certificate: Certificate): string => {
  const { stages, sample, missing, certified, pipeline } = certificate
  const table = renderTable<CertifiedStage>(
    [
      { title: 'stage', cell: ({ stage }) => stage, align: 'left' },
      { title: 'verdict', cell: ({ verdict }) => saidVerdicts[verdict], align: 'left' },
      { title: 'files', cell: ({ files }) => String(files) },
      { title: 'took', cell: ({ ms }) => duration(ms) },
      { title: 'finding', cell: describeFinding, align: 'left' },
    ],
    stages,
  )
  const good = stages.filter(({ verdict }) => ['identical', 'within-tolerance', 'same-shape'].includes(verdict)).length
  const drawn = sample.drawn === sample.of ? 'all of them' : `drawn with seed ${sample.seed}`
  return [
    table,
    '',
    ...(missing.length === 0 ? [] : [`not in the store, so not looked at: ${missing.join(', ')}`]),
    `${pipeline}: ${certified ? 'certified' : 'NOT certified'}: ${good} of ${plural(stages.length, 'stage')} came out ` +
      `as stored (${sample.drawn} of ${sample.of} stored stages computed again, ${drawn})`,
  ].join('\n')
}
