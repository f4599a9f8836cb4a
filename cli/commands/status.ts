import { safely } from '../output/safely.ts'
import { terminal } from '../output/terminal.ts'
import { openTarget, type TargetOptions } from '../target/choose.ts'
import type { EnvironmentObject, PodObject } from '../view/resources.ts'
import { statusText } from '../view/status.ts'

/** Runs `branchline status`. Resolves with what to print: one screen. */
export async function runStatus(options: TargetOptions): Promise<string> {
  const target = await openTarget(options)
  const [pods, environments, problems] = await Promise.all([
    target.list('Pod'),
    target.list('Environment'),
    target.problems(),
  ])
  const facts = {
    target: target.name,
    pods: pods as PodObject[],
    environments: safely(environments) as EnvironmentObject[],
    problems: safely(problems),
  }
  return statusText(facts, terminal(), Date.now())
}
