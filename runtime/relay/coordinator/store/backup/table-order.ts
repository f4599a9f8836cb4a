import { type OwnConnection, SCHEMA } from '../connection.ts'

/**
 * Tables that are not in a backup: those of the migrator, `relay` (in the header), and `changes`, which followers do not
 * need after a restore, because they read everything then.
 */
const LEFT_OUT = ['migrations', 'migrations_lock', 'relay', 'changes']

/** A table, and the tables that its rows refer to. */
export interface TableNeeds {
  readonly name: string
  readonly needs: readonly string[]
}

/** Returns the tables of a backup, in an order in which each refers only to earlier ones. */
export async function listTables({ query }: OwnConnection): Promise<string[]> {
  const tables = await query<{ name: string; needs: string[] }>(
    `select c.relname::text as name, array(
       select distinct p.relname::text from pg_constraint k join pg_class p on p.oid = k.confrelid
       where k.conrelid = c.oid and k.contype = 'f' and p.oid <> c.oid
     ) as needs
     from pg_class c
     where c.relnamespace = $1::regnamespace and c.relkind = 'r' and c.relname <> all ($2::text[])
     order by c.relname`,
    [SCHEMA, LEFT_OUT],
  )
  return orderTables(tables)
}

/** Orders tables so that each comes after those that it needs. Throws if some need each other. */
export function orderTables(tables: readonly TableNeeds[]): string[] {
  const ordered: string[] = []
  let left = [...tables]
  while (left.length > 0) {
    const ready = left.filter(({ needs }) => needs.every((name) => ordered.includes(name)))
    if (ready.length === 0)
      throw new Error(`tables refer to each other: ${left.map(({ name }) => name).join(', ')}`)
    ordered.push(...ready.map(({ name }) => name))
    left = left.filter((table) => !ready.includes(table))
  }
  return ordered
}
