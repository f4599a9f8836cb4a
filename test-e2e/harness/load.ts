import http from 'node:http'
import { visitShop, pathOf } from './visit.ts'

const MAX_SAMPLES = 5

/** What visitors asked for, and which paths are right for it at this moment. */
export interface Course {
  readonly url: string
  /** The paths that a request may take that starts, or ends, now. Replace it as routes change. */
  paths: readonly string[]
}

/** What came of a load. */
interface LoadResult {
  readonly requests: number
  readonly wrong: number
  readonly failed: number
  /** The first few of what was wrong or failed, one line each. */
  readonly samples: readonly string[]
  readonly seconds: number
}

/** A running load. */
export interface Load {
  requests(): number
  /** Ends it once the requests that run are answered. */
  stop(): Promise<LoadResult>
}

/**
 * Visits all courses over this many keep-alive connections, each request on any connection for any course:
 * one connection carries all branches, mixed. A request is right where its path is one of those allowed when
 * it started or when it ended.
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
