import { ApiObject } from 'cdk8s'
import type { IConstruct } from 'constructs'

/** The name and kind of the object that a construct stands for. */
export interface Target {
  readonly name: string
  readonly kind: string
  readonly object: ApiObject
}

/**
 * Finds the object of one of the kinds that a construct is or contains, such as the Service of a Deployment of
 * cdk8s-plus that `exposeViaService` made. Kinds come in the order of preference.
 */
export function targetOf(construct: IConstruct, kinds: readonly string[]): Target | undefined {
  const objects = construct.node.findAll().filter((it): it is ApiObject => ApiObject.isApiObject(it))
  for (const kind of kinds) {
    const object = objects.find((it) => it.kind === kind)
    if (object !== undefined) return { name: object.name, kind, object }
  }
  return undefined
}
