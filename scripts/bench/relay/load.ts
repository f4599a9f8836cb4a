import { connect } from 'node:net'
import { PREVIEW_HOST } from '../contenders/relay.ts'

/** A client that reads one endless response as fast as it arrives, until it is killed. */
const socket = connect({ port: Number(process.argv[2]), host: '127.0.0.1' })
socket.on('error', () => process.exit(1))
socket.once('data', () => process.stdout.write('ready\n'))
socket.resume()
socket.write(`GET /bulk HTTP/1.1\r\nhost: ${PREVIEW_HOST}\r\n\r\n`)
