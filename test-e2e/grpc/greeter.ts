import * as grpc from '@grpc/grpc-js'
import { GREETER, STREAMED } from './contract.ts'

/** A gRPC service whose messages contain its version and the message to which it responds. */
const { VERSION = '', PORT = '9090', HOST = '0.0.0.0' } = process.env

const server = new grpc.Server()
server.addService(GREETER, {
  greet: ((call, callback) => callback(null, `${VERSION} ${call.request}`)) satisfies grpc.handleUnaryCall<
    string,
    string
  >,
  count: ((call) => {
    for (let index = 0; index < STREAMED; index++) call.write(`${VERSION} ${call.request}-${index}`)
    call.end()
  }) satisfies grpc.handleServerStreamingCall<string, string>,
  chat: ((call) => {
    call.on('data', (word: string) => call.write(`${VERSION} ${word}`))
    call.on('end', () => call.end())
    // A client that cancels has left.
    call.on('error', () => undefined)
  }) satisfies grpc.handleBidiStreamingCall<string, string>,
})
server.bindAsync(`${HOST}:${PORT}`, grpc.ServerCredentials.createInsecure(), (error) => {
  if (error !== null) throw error
})
