import http from 'node:http'
import { visitShop, pathOf } from './visit.ts'

const MAX_SAMPLES = 5

/** A URL that visitors open, and the paths that are right at this moment. */
export interface Course {
  readonly url: string
  /** The paths that a request which starts or ends now may take. Replace them when routes change. */
  paths: readonly string[]
}

/** The result of a load. */
interface LoadResult {
  readonly requests: number
  readonly wrong: number
  readonly failed: number
  /** The first few wrong or failed requests, one line each. */
  readonly samples: readonly string[]
  readonly seconds: number
}

/** A running load. */
export interface Load {
  requests(): number
  /** Stops the load when the running requests have ended. */
  stop(): Promise<LoadResult>
}

/**
 * Visits all courses over the given number of keep-alive connections. Each connection carries requests of all courses,
 * mixed. A request is right if its path was allowed when it started or when it ended.
 */
export function startLoad(courses: readonly Course[], connections: number): Load {
  const count = { requests: 0, wrong: 0, failed: 0 }
  const samples: string[] = []
  const state = { running: true }
  const startedAt = performance.now()
  const sample = (line: string): void => {
    if (samples.length < MAX_SAMPLES) samples.push(line)
  }
  const once = async (agent: http.Agent): Promise<void> => {
    const course = courses[Math.floor(Math.random() * courses.length)] as Course
    const before = course.paths
    const at = Math.round(performance.now() - startedAt)
    try {
      const path = pathOf(await visitShop(course.url, { agent }))
      if (before.includes(path) || course.paths.includes(path)) return
      count.wrong++
      sample(`at ${at} ms ${course.url} took ${path}, wanted ${course.paths.join(' or ')}`)
    } catch (error) {
      count.failed++
      const { message, code } = error as NodeJS.ErrnoException
      sample(`at ${at} ms ${course.url} failed: ${code ?? ''} ${message}`)
    } finally {
      count.requests++
    }
  }
  const connection = async (): Promise<void> => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    while (state.running) await once(agent)
    agent.destroy()
  }
  const all = Promise.all(Array.from({ length: connections }, connection))
  return {
    requests: () => count.requests,
    async stop() {
      state.running = false
      await all
      return { ...count, samples, seconds: Math.round((performance.now() - startedAt) / 100) / 10 }
    },
  }
}
