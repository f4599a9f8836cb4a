import type { PlatformProps } from './manifests.ts'

/** What is wrong with a platform's properties, one sentence each, without the name of a construct. */
export function* platformFaults(props: PlatformProps): Generator<string> {
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
