const serialize = (text: string): Buffer => Buffer.from(text)
const deserialize = (bytes: Buffer): string => bytes.toString()

const method = (name: string, requestStream: boolean, responseStream: boolean) => ({
  path: `/story.Greeter/${name}`,
  requestStream,
  responseStream,
  requestSerialize: serialize,
  requestDeserialize: deserialize,
  responseSerialize: serialize,
  responseDeserialize: deserialize,
})

/** A service with a unary call, a call that streams its response, and a call that streams in both directions. Messages are text. */
export const GREETER = {
  greet: method('Greet', false, false),
  count: method('Count', false, true),
  chat: method('Chat', true, true),
}

/** The number of messages of a stream in each direction. */
export const STREAMED = 3
