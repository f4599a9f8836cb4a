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

/** A service with a unary call, one that streams its answer and one that streams both paths. Messages are text. */
export const GREETER = {
  greet: method('Greet', false, false),
  count: method('Count', false, true),
  chat: method('Chat', true, true),
}

/** How many messages a stream has each way. */
export const STREAMED = 3
