import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readConfig } from './config.ts'
import { startPostgres } from './postgres.ts'
import { untilSignal } from './server.ts'

const SCHEMA = `create table product (name text primary key, price float8 not null);
insert into product values ('Teapot', 24.5), ('Kettle', 39), ('Strainer', 6.25);
`

/** The shop's database: a PostgreSQL server whose data lasts as long as its pod. */
const config = readConfig('db')
const data = mkdtempSync(join(process.env.DATA_DIR ?? tmpdir(), 'shop-db-'))
process.on('exit', () => rmSync(data, { recursive: true, force: true }))
const database = await startPostgres({
  data,
  host: config.host,
  port: config.port,
  user: process.env.DB_USER ?? 'shop',
  password: process.env.DB_PASSWORD ?? '',
  schema: SCHEMA,
  settings: { 'shop.environment': config.environment, 'shop.pod': config.pod },
})
void database.exited.then((code) => process.exit(code))
untilSignal(config, () => database.stop())
