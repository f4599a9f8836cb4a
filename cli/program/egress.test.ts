import { Command } from 'commander'
import { expect, test } from 'vitest'
import { egressOption, outsideHosts } from './egress.ts'
import type { Endpoint } from '@branchline/runtime/local/network/dial'

test('endpoints become hosts, each with its ports', () => {
  const command = new Command().addOption(egressOption())
  expect(outsideHosts(command.opts<{ egress?: Endpoint[] }>().egress)).toEqual([])
  const given = ['a.example.com:443', 'B.example.com:80', 'a.example.com:80', 'a.example.com:443']
  command.parse(
    given.flatMap((endpoint) => ['--egress', endpoint]),
    { from: 'user' },
  )
  expect(outsideHosts(command.opts<{ egress?: Endpoint[] }>().egress)).toEqual([
    { host: 'a.example.com', ports: [443, 80] },
    { host: 'b.example.com', ports: [80] },
  ])
})
