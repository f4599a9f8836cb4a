import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AcmeCertificates, type AcmeOptions } from './acme.ts'
import { Challenges } from './challenges.ts'
import type { AcmeConfig } from './config.ts'
import { AcmeError } from './errors.ts'
import { type AcmeLimits, DEFAULT_ACME_LIMITS } from './limits.ts'
import { folderLock } from './lock.ts'
import { Orders } from './orders.ts'
import { FileVault } from './vault.ts'

/** Certificates of an ACME authority, and the responses to its challenges. */
export interface Acme {
  readonly certificates: AcmeCertificates
  readonly challenges: Challenges
}

/**
 * Opens the folder of an ACME authority. Workers that share the folder share its account, certificates and challenges, and
 * one of them orders at a time. Each authority has a folder of its own there, so that certificates of a test authority are
 * never taken for others. Rejects with an {@link AcmeError} if the file of trusted authorities cannot be read.
 */
export async function openAcme(
  { url, names, email, dnsHook, caFile, folder }: AcmeConfig,
  options: Pick<AcmeOptions, 'serves' | 'logger' | 'now' | 'onChange'>,
  limits: AcmeLimits = DEFAULT_ACME_LIMITS,
): Promise<Acme> {
  const own = join(folder, new URL(url).host.replaceAll(/[^a-z0-9.-]/g, '_'))
  const vault = new FileVault(own)
  const challenges = new Challenges(vault)
  const ca = caFile === undefined ? undefined : await readAuthorities(caFile)
  const orders = new Orders({ url, email, ca, dnsHook, vault, challenges, limits })
  const lock = folderLock(join(own, '.lock'))
  return {
    certificates: new AcmeCertificates({ ...options, names, vault, lock, orders, limits }),
    challenges,
  }
}

async function readAuthorities(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    throw new AcmeError(`BRANCHLINE_ACME_CA_FILE: ${(cause as Error).message}`, { cause })
  }
}
