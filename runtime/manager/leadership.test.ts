import { expect, test } from 'vitest'
import { Leadership, type Role } from './leadership.ts'

function recorded(role: Role) {
  const events: string[] = []
  const leadership = new Leadership(role)
  const part = (name: string) => ({
    start: () => void events.push(`+${name}`),
    stop: () => void events.push(`-${name}`),
  })
  leadership.whileServing(part('serve'))
  leadership.whileWriting(part('write'))
  return { leadership, take: () => events.splice(0).join(' ') }
}

test('a replica that cannot renew stops writing, and stops serving once another one leads', () => {
  const { leadership, take } = recorded('follows')
  expect(take()).toBe('')
  leadership.lead()
  expect(take()).toBe('+serve +write')
  leadership.hold()
  expect(take()).toBe('-write')
  leadership.follow()
  expect(take()).toBe('-serve')
})

test('a replica that holds and leads again only resumes writing', () => {
  const { leadership, take } = recorded('leads')
  expect(take()).toBe('+serve +write')
  leadership.hold()
  leadership.lead()
  leadership.lead()
  expect(take()).toBe('-write +write')
})

test('a follower cannot hold', () => {
  const { leadership, take } = recorded('follows')
  leadership.hold()
  expect([leadership.serves, leadership.writes, take()]).toEqual([false, false, ''])
})
