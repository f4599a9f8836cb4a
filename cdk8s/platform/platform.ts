import { PLATFORM_NAMESPACE } from '@branchline/wire/names'
import { ApiObject, Chart, JsonPatch } from 'cdk8s'
import type { Construct } from 'constructs'
import { SynthError } from '../core/errors.ts'
import { platformFaults } from './faults.ts'
import { platformManifests } from './manifests.ts'
import type { PlatformProps } from './props.ts'

/**
 * An installation of Branchline in a cluster: CRDs, namespace, manager, relay, RBAC, network policies and disruption
 * budgets. `kubectl apply --server-side -f` installs its file. Throws a SynthError for invalid input.
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
      // The chart sets its namespace on every object, but these objects have none.
      if (metadata.namespace === undefined) object.addJsonPatch(JsonPatch.remove('/metadata/namespace'))
    }
  }
}
