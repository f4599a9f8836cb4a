// Starts a cluster on a folder and reports what runs. A test kills it without warning.
import { writeSync } from 'node:fs'
import { Cluster } from '../cluster.ts'

let cluster: Cluster | undefined
let reported = false
const started = await Cluster.start({
  folder: process.argv[2] as string,
  onChange: () => tell(),
})
cluster = started.cluster
tell()

function tell(): void {
  const { pods } = cluster?.state() ?? { pods: [] }
  if (cluster === undefined || reported || pods.length === 0 || pods.some(({ ready }) => !ready)) return
  reported = true
  const pids = pods.flatMap(({ containers }) => containers.flatMap(({ pid }) => pid ?? []))
  writeSync(1, `${JSON.stringify({ pids, runFolder: cluster.runFolder, ip: pods[0]?.ip })}\n`)
}
