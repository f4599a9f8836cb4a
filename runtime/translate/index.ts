export { Http1Streams } from './streams.ts'
