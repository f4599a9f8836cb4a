import { describe, expect, test } from 'vitest'
import { commandHint, containerCommand, localSettings } from './command.ts'
import { officialImage } from './images.ts'

const run = (
  image: string,
  args: readonly string[] = [],
  programs: readonly string[] = [],
): string | undefined => {
  const found = officialImage(image, args, (program) => programs.includes(program))
  return found === undefined ? undefined : [...found.command, ...args].join(' ')
}

describe('an official image runs its entrypoint', () => {
  test.each([
    ['python:3.12', ['python', 'app.py'], 'python app.py'],
    ['python', [], 'python3'],
    ['docker.io/library/node:22-slim', ['server.js'], 'node server.js'],
    ['node:22@sha256:abc', ['--inspect', 'server.js'], 'node --inspect server.js'],
    ['node', ['npm', 'start'], 'npm start'],
    ['redis:7', [], 'redis-server --protected-mode no --bind $(POD_IP)'],
    ['redis', ['--save', ''], 'redis-server --protected-mode no --bind $(POD_IP) --save '],
    ['redis', ['/etc/redis.conf', '--port', '1'], 'redis-server /etc/redis.conf --port 1'],
    ['redis', ['redis-cli', 'ping'], 'redis-cli ping'],
    ['public.ecr.aws/docker/library/busybox:1', ['sleep', '5'], 'sleep 5'],
  ])('%s %j', (image, args, command) => {
    expect(run(image, args, ['npm'])).toBe(command)
  })

  test.each(['acme/python:1', 'ghcr.io/library/python', 'localhost:5000/node', 'constructor', 'nginx'])(
    'but not %s',
    (image) => {
      expect(run(image)).toBeUndefined()
    },
  )
})

const container = { name: 'api', image: 'acme/api:1' }
const sources = {
  container,
  local: undefined,
  variables: { A: '1' },
  rewrite: (part: string) => part,
  image: undefined,
  hint: 'do it',
}

test('a container runs its local command, else its own, else that of its image, else nothing', () => {
  const image = { command: ['run'] }
  expect(containerCommand({ ...sources, local: 'echo $(A)', image })).toEqual(['sh', '-c', 'echo $(A)'])
  expect(containerCommand({ ...sources, local: '["echo","$(A)"]', image })).toEqual(['echo', '1'])
  const own = { ...container, args: ['$(A)'] }
  expect(containerCommand({ ...sources, container: { ...own, command: ['x'] }, image })).toEqual(['x', '1'])
  expect(containerCommand({ ...sources, container: own, image })).toEqual(['run', '1'])
  expect(() => containerCommand(sources)).toThrow(
    'container api: image acme/api:1 does not run here, only commands do: do it',
  )
})

test('the hint is a line for the overlay', () => {
  const line = (text: string): string => text.slice(text.indexOf(': ') + 2)
  expect(line(commandHint('shop', container, 'main'))).toBe('shop: { command: "./api", dir: "." }')
  const given = { ...container, command: ['/app/server', '-v'], args: ["it's"] }
  expect(line(commandHint('shop', given, 'main'))).toBe(
    String.raw`shop: { command: "./server -v 'it'\\''s'", dir: "." }`,
  )
  expect(line(commandHint('shop', { name: 'db', command: ['psql'] }, 'init'))).toBe(
    'shop: { containers: { db: { command: "psql", dir: "." } } }',
  )
  expect(line(commandHint('on', container, 'main'))).toBe('"on": { command: "./api", dir: "." }')
})

test('annotations apply to the first container, or to the one that they name', () => {
  const annotations = {
    'branchline.dev/local-command': 'a',
    'branchline.dev/local-dir': 'd',
    'local-command.branchline.dev/worker': 'b',
  }
  expect(localSettings(annotations, 'api', true)).toEqual({ command: 'a', dir: 'd' })
  expect(localSettings(annotations, 'worker', false)).toEqual({ command: 'b' })
  expect(localSettings(annotations, 'other', false)).toEqual({})
})
