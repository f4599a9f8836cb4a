import assert from 'node:assert/strict'
import http from 'node:http'
import { type Build, synthesise } from '@branchline/gitops/synth'
import { alice } from '@branchline/gitops/shop/alice'
import { baseline } from '@branchline/gitops/shop/baseline'
import { bob } from '@branchline/gitops/shop/bob'
import type { ShopResponse } from '../shop/hop.ts'
import { Manifests } from './manifests.ts'
import type { Running, StartOptions, Target } from './target.ts'
import { leftBehind } from './traces.ts'
import { until } from './until.ts'
import { type VisitOptions, visitShop, pathOf } from './visit.ts'

/** The paths of the sample's requests. */
export const BASELINE_PATH = 'web@baseline api@baseline worker@baseline'
export const ALICE_PATH = 'web@baseline api@alice worker@baseline'
export const BOB_PATH = 'web@baseline api@baseline worker@bob'

/** The sample shop on a running platform, with baseline, alice and bob. */
export class Shop {
  readonly manifests: Manifests
  readonly platform: Running
  /** Kept connections that visits of all previews share. */
  readonly agent = new http.Agent({ keepAlive: true, maxSockets: 8 })
  /** Milliseconds from the start until all previews of the sample were ready. */
  readonly readyAfterMs: number
  readonly #urls = new Map<string, string>()

  private constructor(manifests: Manifests, platform: Running, readyAfterMs: number) {
    this.manifests = manifests
    this.platform = platform
    this.readyAfterMs = readyAfterMs
  }

  /** Synthesises the sample and starts it. Removes everything if it fails. */
  static async start(target: Target, options?: StartOptions): Promise<Shop> {
    const startedAt = performance.now()
    const manifests = await Manifests.create()
    try {
      for (const [name, build] of Object.entries(SAMPLE)) {
        await manifests.write(`${name}.yaml`, synthesise(build))
      }
      const platform = await target.start(manifests.folder, options)
      try {
        for (const name of Object.keys(SAMPLE))
          await platform.previewUrl(name, 'web', platform.changeTimeoutMs)
        const shop = new Shop(manifests, platform, Math.round(performance.now() - startedAt))
        await shop.takes('baseline', BASELINE_PATH)
        await shop.takes('alice', ALICE_PATH)
        await shop.takes('bob', BOB_PATH)
        return shop
      } catch (error) {
        const state = await platform.describe()
        await platform.stop()
        throw new Error(`the shop did not start: ${(error as Error).message}\n${state}`, { cause: error })
      }
    } catch (error) {
      await manifests.dispose()
      throw error
    }
  }

  /** Writes an environment's manifests, new or changed. */
  async apply(name: string, build: Build): Promise<void> {
    await this.manifests.write(`${name}.yaml`, synthesise(build))
  }

  /** Restores an environment of the sample. */
  async restore(name: keyof typeof SAMPLE): Promise<void> {
    await this.apply(name, SAMPLE[name])
  }

  /** Removes an environment's manifests. */
  async remove(name: string): Promise<void> {
    this.#urls.delete(name)
    await this.manifests.remove(`${name}.yaml`)
  }

  /** Returns the URL of an environment's preview of web when it is ready. */
  async url(environment: string): Promise<string> {
    const known = this.#urls.get(environment)
    if (known !== undefined) return known
    const url = await this.platform.previewUrl(environment, 'web', this.platform.changeTimeoutMs)
    this.#urls.set(environment, url)
    return url
  }

  /** Visits an environment's preview over the kept connections. */
  async visit(environment: string, options?: VisitOptions): Promise<ShopResponse> {
    return visitShop(await this.url(environment), { agent: this.agent, ...options })
  }

  /** Waits until an environment's requests take this path. Resolves with the milliseconds that it took. */
  async takes(environment: string, path: string, timeoutMs = this.platform.changeTimeoutMs): Promise<number> {
    const attempt = async (): Promise<void> => assert.equal(pathOf(await this.visit(environment)), path)
    const { ms } = await until(`${environment} takes ${path}`, attempt, timeoutMs)
    return ms
  }

  /** Waits until this version of a service serves an environment's requests. */
  async serves(environment: string, service: string, version: string): Promise<void> {
    const attempt = async (): Promise<void> => {
      const { hops } = await this.visit(environment)
      assert.equal(hops.find((hop) => hop.service === service)?.version, version)
    }
    await until(`${environment} has ${service} ${version}`, attempt, this.platform.changeTimeoutMs)
  }

  /** Stops the platform and removes the manifests. Rejects if anything remains. */
  async stop(): Promise<void> {
    this.agent.destroy()
    await this.platform.stop()
    await this.manifests.dispose()
    const left = await leftBehind(this.platform.traces())
    if (left.length > 0) throw new Error(left.join('; '))
  }
}

/** The environments of the sample. */
export const SAMPLE = { baseline, alice, bob } as const satisfies Record<string, Build>
