// Greets the reader of the notes.
import { createServer } from 'node:http'

const greeting = process.env.GREETING ?? 'Hello'

createServer((request, response) => {
  response.setHeader('content-type', 'application/json')
  if (request.url === '/greeting') response.end(JSON.stringify(greeting))
  else response.writeHead(404).end('"not found"')
}).listen(3000, () => console.log('greeter listens on :3000'))
