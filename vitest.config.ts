import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    // The second one records what `npm test` says at its end.
    reporters: ['default', './scripts/skips/reporter.ts'],
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            '{runtime,cdk8s,cli,gitops,scripts,kind}/**/*.test.ts',
            'test-e2e/{harness,shop}/**/*.test.ts',
            'test-e2e/campaign/judge.test.ts',
          ],
          // The limits only end tests that hang. No test depends on speed, and the machine may be busy.
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test-e2e/stories/**/*.test.ts', 'test-e2e/campaign/campaign.test.ts'],
          setupFiles: ['test-e2e/harness/setup.ts'],
          // Each file starts a platform. Test files run one after another, because they share two cores.
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'slow',
          // The campaigns of `unit` at their full length and size, one after another.
          include: [
            'runtime/*/campaign/*.test.ts',
            'test-e2e/campaign/campaign.test.ts',
            'test-e2e/stories/propagation.test.ts',
          ],
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 120_000,
          env: { BRANCHLINE_SLOW: '1' },
        },
      },
    ],
  },
})
