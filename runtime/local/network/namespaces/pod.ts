import { existsSync, mkdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { Dial } from '../dial.ts'
import { parseListeners } from '../listeners.ts'
import { hostsText, rewriteFile, searchDomains } from '../names.ts'
import type { PodCommand, PodNames, PodNetwork, PodPlace } from '../network.ts'
import { callAddress, PROXY } from './addresses.ts'
import { resolvText } from './scripts.ts'

/** Only files and DNS: other sources, such as systemd-resolved, know the names of the machine. */
const NSSWITCH = `passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n`
/** Folders of caches of names, which would answer for the machine. */
const CACHES = ['/run/nscd', '/var/run/nscd']
/** The blocks of pods and Services, and the pod itself, for clients that know ranges. */
const INSIDE = ['localhost', '127.0.0.1', '::1', '10.96.0.0/16', '10.244.0.0/16', '.svc', '.cluster.local']

/** What a pod's network needs from the whole. */
export interface NamespacePodOptions {
  /** The command that runs another one in the pod's network, with files. */
  readonly command: (command: PodCommand, files: Readonly<Record<string, string>>) => string[]
  readonly dial: Dial
  /** The names of all Services. */
  readonly serviceNames: () => readonly string[]
  readonly onSearch: (domains: readonly string[]) => void
  readonly onDetach: () => void
}

/** The network of a pod in a namespace of its own. */
export class NamespacePod implements PodNetwork {
  readonly ip: string
  readonly addresses: readonly string[]
  readonly ready: Promise<void>
  readonly detach: () => void
  readonly #options: NamespacePodOptions
  readonly #place: PodPlace
  readonly #files: Record<string, string>
  readonly #texts = new Map<string, string>()

  constructor(place: PodPlace, ip: string, ready: Promise<void>, options: NamespacePodOptions) {
    this.ip = ip
    // Calls to Services come from the second one.
    this.addresses = [ip, callAddress(ip) as string]
    this.ready = ready
    this.detach = options.onDetach
    this.#options = options
    this.#place = place
    const file = (name: string): string => join(place.folder, name)
    this.#files = {
      '/etc/hosts': file('hosts'),
      '/etc/resolv.conf': file('resolv.conf'),
      '/etc/nsswitch.conf': file('nsswitch.conf'),
    }
    mkdirSync(file('empty'), { recursive: true })
    for (const cache of CACHES) if (existsSync(cache)) this.#files[cache] = file('empty')
    rewriteFile(file('nsswitch.conf'), NSSWITCH)
    rewriteFile(file('enter'), enterText(options.command({ argv: [] }, this.#files)))
  }

  command(command: PodCommand): string[] {
    return this.#options.command(command, this.#files)
  }

  variables(): Record<string, string> {
    const proxy = `http://${PROXY.host}:${PROXY.port}`
    const direct = [...new Set([...INSIDE, ...this.#options.serviceNames()])].join(',')
    return {
      POD_IP: this.ip,
      HOST: this.ip,
      // Some programs read only the names in lower case, others only those in upper case.
      ...both('HTTP_PROXY', proxy),
      ...both('HTTPS_PROXY', proxy),
      ...both('NO_PROXY', direct),
    }
  }

  setNames({ search, aliases }: PodNames): void {
    const { name, namespace, folder } = this.#place
    const domains = searchDomains(namespace, search)
    const hosts = { podName: name, podIp: this.ip, search: [], services: [] }
    // Services have names in the DNS.
    this.#write(join(folder, 'hosts'), hostsText({ ...hosts, ...(aliases !== undefined && { aliases }) }))
    this.#write(join(folder, 'resolv.conf'), resolvText(domains))
    this.#options.onSearch(domains)
  }

  #write(file: string, text: string): void {
    if (this.#texts.get(file) === text) return
    this.#texts.set(file, text)
    rewriteFile(file, text)
  }

  /** Connects like others do. An app that listens only on loopback is open too, because the sidecar reaches it. */
  async closedReason(port: number, pid: number | undefined, timeoutMs: number): Promise<string | undefined> {
    try {
      const socket = await this.#options.dial({ host: this.ip, port }, timeoutMs)
      socket.destroy()
      return undefined
    } catch (error) {
      return listensOnLoopback(port, pid) ? undefined : (error as Error).message
    }
  }
}

/** A script for people, which runs a command in the pod's network. */
const enterText = (command: readonly string[]): string => {
  const quoted = command.map((part) => `'${part.replaceAll("'", String.raw`'\''`)}'`)
  return `#!/bin/sh\n# Runs a command in the network of this pod: sh enter curl http://localhost:8080/\nexec ${quoted.join(' ')} "$@"\n`
}

/** Whether something in the network of another process listens on a port of 127.0.0.1 or ::1. */
function listensOnLoopback(port: number, pid: number | undefined): boolean {
  try {
    // While it starts, a process is still in the network of this machine.
    if (readlinkSync(`/proc/${pid}/ns/net`) === readlinkSync('/proc/self/ns/net')) return false
    const text = ['tcp', 'tcp6'].map((file) => readFileSync(`/proc/${pid}/net/${file}`, 'utf8')).join('')
    return parseListeners(text, port).localhost
  } catch {
    return false
  }
}

function both(name: string, value: string): Record<string, string> {
  return { [name]: value, [name.toLowerCase()]: value }
}
