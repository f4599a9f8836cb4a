import { kube, kubeWith } from './cluster.ts'

/** The container of a pod from which a probe connects. Its image must have Node. */
export interface From {
  readonly namespace: string
  readonly pod: string
  readonly container: string
}

const DIAL = `
  const [host, port] = process.argv.slice(1);
  const socket = require('node:net').connect({ host, port, timeout: 3000 });
  const end = (word) => { console.log(word); process.exit(0) };
  socket.once('connect', () => end('open')).once('timeout', () => end('silence')).once('error', (e) => end(e.code));
`
const UPGRADE = `
  const [host, port, token] = process.argv.slice(1);
  const headers = { connection: 'upgrade', upgrade: 'websocket', 'sec-websocket-version': '13',
    'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==', 'sec-websocket-protocol': 'branchline.routes.v1' };
  if (token) headers.authorization = 'Bearer ' + token;
  const request = require('node:http').get({ host, port, path: '/routes', headers, timeout: 5000 });
  const end = (word) => { console.log(word); process.exit(0) };
  request.once('response', (r) => end(r.statusCode)).once('upgrade', () => end(101)).once('error', (e) => end(e.code));
`
const ASK = `
  const [method, url] = process.argv.slice(1);
  const request = require('node:http').request(url, { method, timeout: 5000 });
  const end = (word) => { console.log(word); process.exit(0) };
  request.once('response', (r) => end(r.statusCode)).once('timeout', () => end('silence'));
  request.once('error', (e) => end(e.code)).end();
`

const node = async (from: From, script: string, args: readonly string[]): Promise<string> => {
  const at = ['-n', from.namespace, from.pod, '-c', from.container]
  return (await kube('exec', ...at, '--', 'node', '-e', script, ...args)).trim()
}

/** Connects to an address from a pod: `open`, `silence` (nothing within 3 s), or the code of the error. */
export const dial = (from: From, host: string, port: number): Promise<string> =>
  node(from, DIAL, [host, String(port)])

/** Returns the HTTP status of the manager's port for sidecars for a connection with this token. */
export const askForRoutes = (from: From, host: string, port: number, token = ''): Promise<string> =>
  node(from, UPGRADE, [host, String(port), token])

/** Requests a URL from a container of a pod: an HTTP status, `silence`, or the code of the error. */
export const statusOf = (from: From, method: string, url: string): Promise<string> =>
  node(from, ASK, [method, url])

/** Returns the running pods of a namespace that are not terminating: name and address. */
async function podsOf(namespace: string): Promise<{ name: string; ip: string }[]> {
  const path =
    '{range .items[?(@.status.phase=="Running")]}{.metadata.name} {.status.podIP} {.metadata.deletionTimestamp}{"\\n"}{end}'
  const lines = (await kube('-n', namespace, 'get', 'pods', '-o', `jsonpath=${path}`)).trim().split('\n')
  return lines
    .map((line) => line.trim().split(' '))
    .filter(([name, ip, ending]) => name && ip && ending === undefined)
    .map(([name = '', ip = '']) => ({ name, ip }))
}

/** Returns a pod of a namespace by the beginning of its name. Throws if there is none. */
export async function podNamed(namespace: string, prefix: string): Promise<{ name: string; ip: string }> {
  const pod = (await podsOf(namespace)).find(({ name }) => name.startsWith(prefix))
  if (pod === undefined) throw new Error(`no pod ${prefix}… of ${namespace} runs`)
  return pod
}

/** Applies manifests. Throws the error output of kubectl if it fails. */
export async function apply(manifests: readonly object[], ...args: readonly string[]): Promise<string> {
  const input = manifests.map((manifest) => JSON.stringify(manifest)).join('\n---\n')
  const { code, stdout, stderr } = await kubeWith(input, 'apply', '--server-side', '-f', '-', ...args)
  if (code !== 0) throw new Error(stderr)
  return stdout + stderr
}
