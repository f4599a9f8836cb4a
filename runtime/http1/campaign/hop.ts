import { HttpEngine } from '../index.ts'
import { listen, tcpUpstream } from '../../transport/tcp.ts'

/** A process with only an engine, in front of one upstream, so that its memory can be measured. */
const upstream = tcpUpstream('127.0.0.1', Number(process.argv[2]))
const engine = new HttpEngine({ route: () => ({ candidates: [{ upstream }] }) })
const listener = await listen({ port: 0 }, (transport) => engine.serve(transport))
process.stdout.write(`${listener.port}\n`)
