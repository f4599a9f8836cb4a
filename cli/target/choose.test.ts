import { expect, test } from 'vitest'
import { chooseTarget } from './choose.ts'

const run = (folder: string, port: number, pid: number) => ({
  folder,
  ports: [port],
  pid,
  startedAt: '2026-11-21T10:00:00Z',
  socket: `/tmp/${pid}/api.sock`,
})
const shop = run('/home/a/shop', 8080, 11)
const other = run('/home/a/other', 8081, 12)

test('a cluster only if it is named, otherwise the only running up', () => {
  expect(chooseTarget({}, [shop])).toEqual({ type: 'up', run: shop })
  expect(chooseTarget({ context: 'dev' }, [shop])).toEqual({ type: 'cluster', context: 'dev' })
  expect(chooseTarget({ kubeconfig: 'k' }, [])).toEqual({ type: 'cluster', kubeconfig: 'k' })
})

test.each(['8081', '12', '/home/a/other'])('--up %s chooses one of several', (up) => {
  expect(chooseTarget({ up }, [shop, other])).toEqual({ type: 'up', run: other })
})

test.each([
  [
    {},
    [],
    'no branchline up is running: start one with branchline up FOLDER, or name a cluster with --context',
  ],
  [{ up: '9' }, [], 'no branchline up is running, so --up 9 finds none: start one'],
  [
    {},
    [shop, other],
    '2 are running: choose one with --up PORT, or a cluster with --context\n' +
      '  up of /home/a/shop (port 8080, process 11)\n  up of /home/a/other (port 8081, process 12)',
  ],
  [{ up: '9' }, [shop], '--up is 9, but these are running:\n  up of /home/a/shop (port 8080, process 11)'],
  [{ up: '9', context: 'dev' }, [shop], '--up and --context name two targets: remove one of them'],
])('%j with %j: a message with the choices', (options, runs, message) => {
  expect(() => chooseTarget(options, runs)).toThrow(message)
})
