import { PLATFORM_NAMESPACE } from '@branchline/wire/names'
import { ApiObject, Chart, JsonPatch } from 'cdk8s'
import type { Construct } from 'constructs'
import { SynthError } from '../errors.ts'
import { type PlatformProps, platformManifests } from './manifests.ts'

/**
 * What a cluster needs once: CRDs, namespace, manager, relay, RBAC, network policies, disruption budgets.
 * `kubectl apply --server-side -f` of its file installs Branchline. Throws a SynthError for wrong input.
 */
export class Platform extends Chart {
  constructor(scope: Construct, id: string, props: PlatformProps = {}) {
    super(scope, id, { namespace: PLATFORM_NAMESPACE, disableResourceNameHashes: true })
    const faults = [...platformFaults(props)]
    if (faults.length > 0) {
      throw new SynthError(
        'BL_SYNTH_PLATFORM',
        faults.map((fault) => `Platform "${id}": ${fault}`),
      )
    }
    for (const manifest of platformManifests(props)) {
      const { kind, metadata } = manifest
      const object = new ApiObject(this, `${kind}-${metadata.name}`.toLowerCase(), manifest)
      // The chart gives its namespace to every object; these are in none.
      if (metadata.namespace === undefined) object.addJsonPatch(JsonPatch.remove('/metadata/namespace'))
    }
  }
}

function* platformFaults(props: PlatformProps): Generator<string> {
  const { relay = {}, relayToken, cluster = 'default' } = props
  if (!/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(cluster)) {
    yield `cluster is ${JSON.stringify(cluster)}: wanted lower-case letters, digits and inner hyphens`
  }
  if (relayToken === '') yield 'relayToken is "": give a text, or a Secret and a key of it'
  if (typeof relay === 'string' && !/^wss?:\/\/[^\s/]+/.test(relay)) {
    yield `relay is ${JSON.stringify(relay)}: wanted an address such as "wss://relay.example.com"`
  }
  if (typeof relay !== 'object') return
  if (!isDomain(relay.domain ?? 'localhost')) {
    yield `relay.domain is ${JSON.stringify(relay.domain)}: wanted a domain such as "preview.example.com"`
  }
  if (relay.publicUrl !== undefined && !/^https?:\/\/[^\s/]+\/?$/.test(relay.publicUrl)) {
    yield `relay.publicUrl is ${JSON.stringify(relay.publicUrl)}: wanted a URL such as "https://preview.example.com"`
  }
  if (relay.nodePort !== undefined && relay.expose !== 'NodePort') {
    yield `relay.nodePort is ${relay.nodePort}, but relay.expose is not NodePort: set it, or remove the port`
  }
}

const isDomain = (text: string): boolean =>
  text.length <= 190 && text.split('.').every((label) => /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(label))
