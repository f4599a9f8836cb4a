import { up } from 'branchline/commands/up.ts'
import type { Platform, UpOptions } from 'branchline/platform/platform.ts'
import { SIDECAR_FIRST_INBOUND_PORT } from '@branchline/wire/names'
import type { PodProcess, Running, StartOptions, Target } from './target.ts'
import { visit } from './visit.ts'

/** The method of the network that is not the default one. */
const NETWORK = process.env['TEST_NETWORK'] as UpOptions['network']

/** The embedded cluster, which runs every pod as a process on this machine, without Docker or root. */
export const embedded: Target = {
  name: 'embedded',
  async start(folder: string, { port = 0, managers = 1 }: StartOptions = {}): Promise<Running> {
    return running(await up({ folder, port, managers, network: NETWORK }))
  },
}

function running(platform: Platform): Running {
  const seen = new Set<number>()
  const processes = (): PodProcess[] => {
    const found = platform.state().pods.flatMap((pod) =>
      pod.containers.map((container) => ({
        namespace: pod.namespace,
        pod: pod.name,
        container: container.name,
        restarts: container.restarts,
        ready: pod.ready,
        running: container.pid !== undefined,
        ...(container.pid === undefined ? {} : { pid: container.pid }),
      })),
    )
    for (const { pid } of found) if (pid !== undefined) seen.add(pid)
    return found
  }
  const environment = (name: string) => platform.environments().find((one) => one.name === name)
  return {
    changeTimeoutMs: CHANGE_TIMEOUT_MS,
    previewUrl: (name, preview, timeoutMs) => platform.waitForPreview(name, preview, timeoutMs),
    overrides: (name) => Promise.resolve(environment(name)?.overrides ?? []),
    message: (name) => Promise.resolve(environment(name)?.message),
    unreached: (name) => Promise.resolve(environment(name)?.unreached),
    // The pods of the platform that visitors reach are on loopback in any case.
    get showsCallers() {
      return platform.state().pods.some(({ ip }) => ip !== '' && !ip.startsWith('127.'))
    },
    problems: () => Promise.resolve(sentences(platform)),
    processes: () => Promise.resolve(processes()),
    kill: ({ pid }) => {
      if (pid !== undefined) process.kill(pid, 'SIGKILL')
      return Promise.resolve()
    },
    inside: async (namespace, service, path, headers) =>
      visit(await sidecarUrl(platform, namespace, service), { path, headers }),
    sidecarUrl: (namespace, service) => sidecarUrl(platform, namespace, service),
    describe: () => Promise.resolve(describe(platform)),
    stop: () => {
      processes()
      return platform.stop()
    },
    traces: () => ({ ports: [platform.port], pids: [...seen], folders: [platform.runFolder] }),
  }
}

async function sidecarUrl(platform: Platform, namespace: string, service: string): Promise<string> {
  const pod = platform
    .state()
    .pods.find((one) => one.namespace === namespace && one.name.startsWith(`${service}-`) && one.ready)
  if (pod === undefined) throw new Error(`no pod of ${service} in ${namespace} is ready`)
  return `http://127.0.0.1:${await platform.forward(namespace, pod.name, SIDECAR_FIRST_INBOUND_PORT)}`
}

const CHANGE_TIMEOUT_MS = 60_000
const LOG_LINES = 15

const sentences = (platform: Platform): string[] =>
  platform
    .problems()
    .map(({ file, object, field, message }) =>
      [file, object, field, message].filter((part) => part !== undefined).join(': '),
    )

function describe(platform: Platform): string {
  const environments = platform.environments().map((one) => JSON.stringify(one))
  const pods = platform.state().pods.map((pod) => {
    const lines = platform.logs(pod.namespace, pod.name).slice(-LOG_LINES)
    const title = `--- ${pod.namespace}/${pod.name} ${pod.ip} ready=${pod.ready} ${JSON.stringify(pod.containers)}`
    return [title, ...lines.map((line) => `${line.container}: ${line.text}`)].join('\n')
  })
  return [...environments, ...sentences(platform), ...pods].join('\n')
}
