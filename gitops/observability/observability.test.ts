import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseAllDocuments, stringify } from 'yaml'
import { ALERTS } from './alerts.ts'
import { expressions } from './dashboard.ts'
import { observabilityFiles, writeObservability } from './manifests.ts'

const runs = (name: string, ...args: string[]): boolean => {
  try {
    execFileSync(name, args, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
const hasPromtool = runs('promtool', '--version')
const hasKubectl = runs('kubectl', 'kustomize', '--help')
const skipped = (has: boolean, what: string): string => (has ? '' : ` (skipped: ${what} is not installed)`)

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'branchline-observability-'))
  writeObservability(folder, 'http://127.0.0.1:6120')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('alerts and the dashboard use only metrics that the reference lists', () => {
  const reference = readFileSync(join(import.meta.dirname, '../../docs/reference/metrics.md'), 'utf8')
  const texts = [...ALERTS.map(({ expr }) => expr), ...expressions()]
  const names = new Set(texts.flatMap((text) => text.match(/branchline_\w+/g) ?? []))
  const unknown = [...names].filter((name) => !reference.includes(`\`${name.replace(/_bucket$/, '')}\``))
  expect(unknown).toEqual([])
})

test('no file contains a key', () => {
  expect(Object.values(observabilityFiles('http://relay:6120')).join('')).not.toMatch(/bl[a-z]_/)
})

test.skipIf(!hasPromtool)(`promtool accepts the rules${skipped(hasPromtool, 'promtool')}`, () => {
  expect(
    execFileSync('promtool', ['check', 'rules', join(folder, 'rules.yaml')], { encoding: 'utf8' }),
  ).toContain(`${ALERTS.length} rules found`)
})

const series = (name: string, values: string): object => ({ series: name, values })

test.skipIf(!hasPromtool)(`alerts fire when they should${skipped(hasPromtool, 'promtool')}`, () => {
  const fires = (alertname: string, at: string, labels?: object): object => ({
    alertname,
    eval_time: at,
    exp_alerts:
      labels === undefined ? [] : [{ exp_labels: labels, exp_annotations: annotationsOf(alertname) }],
  })
  const annotationsOf = (name: string): object => {
    const { summary, remedy } = ALERTS.find(({ alert }) => alert === name)?.annotations ?? {}
    return { summary: summary?.replace('{{ $labels.certificate }}', 'a.example'), remedy }
  }
  const tests = [
    {
      interval: '1m',
      input_series: [
        series('branchline_coordinator_leads{instance="a"}', '1 1 0 0 0 0 1 1 1'),
        series('branchline_coordinator_leads{instance="b"}', '0 0 0 0 0 0 0 0 0'),
      ],
      alert_rule_test: [
        fires('BranchlineNoLeader', '1m'),
        fires('BranchlineNoLeader', '4m', { severity: 'critical' }),
        fires('BranchlineNoLeader', '7m'),
      ],
    },
    {
      interval: '1m',
      // The clock of promtool begins at 0. This is an hour after 14 days.
      input_series: [
        series(
          'branchline_relay_certificate_expiry_timestamp_seconds{certificate="a.example"}',
          '1213200+0x200',
        ),
      ],
      alert_rule_test: [
        fires('BranchlineCertificateExpires', '90m'),
        fires('BranchlineCertificateExpires', '3h', { severity: 'warning', certificate: 'a.example' }),
      ],
    },
  ]
  const file = join(folder, 'rules-test.yaml')
  writeFileSync(file, stringify({ rule_files: ['rules.yaml'], evaluation_interval: '1m', tests }))
  expect(execFileSync('promtool', ['test', 'rules', file], { encoding: 'utf8' })).toContain('SUCCESS')
})

test.skipIf(!hasKubectl)(`kustomize builds the folder${skipped(hasKubectl, 'kubectl')}`, () => {
  const text = execFileSync('kubectl', ['kustomize', folder], { encoding: 'utf8' })
  const kinds = parseAllDocuments(text).map((document) => (document.toJS() as { kind: string }).kind)
  expect(kinds.toSorted()).toEqual([
    'ConfigMap',
    'ConfigMap',
    ...Array.from({ length: 3 }, () => 'Deployment'),
    'Namespace',
    ...Array.from({ length: 3 }, () => 'Service'),
  ])
})
