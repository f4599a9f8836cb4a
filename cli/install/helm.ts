import { RELEASE } from '@branchline/cdk8s/images'
import type { Manifest } from '@branchline/cdk8s/inject/manifest'
import { crdManifests } from '@branchline/cdk8s/platform/manifests'
import { PLATFORM_NAMESPACE } from '@branchline/wire/names'
import { stringify } from 'yaml'
import { type Files, inFiles } from './files.ts'
import { type Decisions, decidedInstallation } from './installation.ts'
import { templateOf } from './template.ts'
import type { PlatformValues } from './values.ts'
import { schemaText, valuesText } from './values-files.ts'

const CHART = {
  apiVersion: 'v2',
  name: 'branchline',
  description: 'Branch environments on one shared baseline: CRDs, manager, relay, rights, network policies.',
  type: 'application',
  version: RELEASE,
  appVersion: RELEASE,
  kubeVersion: '>=1.30.0-0',
  keywords: ['preview environments', 'gitops', 'routing'],
}

/**
 * What Helm takes for the default: the namespace is made by `--create-namespace` there, and Helm refuses one of
 * the same name in a chart.
 */
export const HELM_DEFAULTS = { createNamespace: false }

/** A Helm chart that says of each of its values what the Platform construct makes of it; these are the defaults. */
export function helmFiles(values: PlatformValues, decisions: Decisions = decidedInstallation()): Files {
  const texts = [...decisions].map(([name, decided]) => [name, templateOf(decided)] as const)
  const templates = [...inFiles(texts)].map(
    ([name, texts]) => [`templates/${name}.yaml`, texts.join('')] as const,
  )
  // Helm reads this folder as it is: nothing in it is a template.
  const crds = crdManifests().map((crd) => [crdFile(crd), stringify(crd, { lineWidth: 0 })] as const)
  return {
    'Chart.yaml': stringify(CHART),
    'values.yaml': valuesText(values),
    'values.schema.json': schemaText(),
    ...Object.fromEntries(crds),
    ...Object.fromEntries(templates),
    'templates/NOTES.txt': NOTES,
  }
}

const crdFile = ({ spec }: Manifest): string =>
  `crds/${(spec as { names: { plural: string } }).names.plural}.yaml`

const NOTES = `Branchline {{ .Chart.AppVersion }} is installed.
{{- if and (or .Values.relay.enabled .Values.relay.address) (not .Values.relayToken.value) }}

Manager and relay start once their credential is there:

  kubectl -n ${PLATFORM_NAMESPACE} create secret generic {{ .Values.relayToken.secret }} --from-literal={{ .Values.relayToken.key }}="$(openssl rand -hex 32)"
{{- end }}
{{- if not .Values.createNamespace }}

A namespace that Helm made enforces nothing; all of the platform's pods pass PodSecurity restricted:

  kubectl label namespace ${PLATFORM_NAMESPACE} pod-security.kubernetes.io/enforce=restricted
{{- end }}

Environments and what each overrides: kubectl get environments,previews -A
`
